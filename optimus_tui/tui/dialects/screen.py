"""The wizard of ``:dialect``: from the names that are in Redis to a profile in the user's file.

Names are read and sorted in a thread. Nothing is guessed: what names do not show is asked. Nothing is written before
the operator confirms it.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.context import Context
from optimus_tui.dialects.places import DialectError
from optimus_tui.probes.name_sample import SECONDS, NameSample, sample_names
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.settings.table import SettingsError
from optimus_tui.tools.dialects.answers import presets_by_answers
from optimus_tui.tools.dialects.draft import ProfileDraft
from optimus_tui.tools.dialects.finding_out import names_found, other_words, read_words
from optimus_tui.tools.dialects.trial import try_profile
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dialects.pages import LinesPage, NamesPage, QuestionPage, SavePage, wrapped_lines
from optimus_tui.tui.dialects.preview import preview_lines
from optimus_tui.tui.dialects.saving import ProfileChange, own_table, propose_profile, within_of
from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.tui.key_gate import asking
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers.pages import WizardPage
from optimus_tui.tui.settings.controller import SettingsChange, write
from optimus_tui.tui.widgets.bars import KeyStrip, Part
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import DashboardServices

MOST_TRIED = 200
"""Names of which the values are read for the preview."""
MOST_DIFF = 12
"""Lines of the diff that the last question repeats."""


class DialectScreen(BaseScreen):
    """Which profile reads the names of this Redis: what is there, what must be asked, what the panes would show."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "tools.tcss", asset_dir("styles") / "router.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "router.previous"
    )
    AUTO_FOCUS = ""
    way_back = "leave"

    def __init__(self, dashboard: "DashboardServices") -> None:
        super().__init__()
        self.dashboard, self.context = dashboard, dashboard.context
        self.sample = NameSample()
        self.draft: ProfileDraft | None = None
        self.change: ProfileChange | None = None
        self.at = 0
        self._fresh = ""
        """The draft before anything was answered: it is left without a question."""
        self._turning = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """Return the line with the steps, the first page, the note and the key line."""
        yield TopLine(lambda: [name_part("DIALECT"), self._way()])
        with Vertical(id="wizard-page"):
            yield LinesPage(lambda _: [], "")
        yield Static(id="wizard-note")
        yield KeyStrip()

    @property
    def page(self) -> WizardPage | None:
        """Return the page that is shown; None while one page replaces another."""
        return next(iter(self.query(WizardPage)), None)

    @property
    def steps(self) -> list[str]:
        """Return what the pages are called, in their order."""
        asked = [] if self.draft is None else [question.title for question in self.draft.questions]
        return ["Names", *asked, "Panes", "Save"]

    def on_mount(self) -> None:
        """Read the names."""
        self._look()

    # -- reading

    def _look(self) -> None:
        self._work("names", self._read)

    def _work(self, name: str, work: Callable[[], Any]) -> None:
        whole: Any = work
        self.run_worker(whole, name=name, group="wizard", exclusive=True, exit_on_error=False)

    async def _read(self) -> None:
        """Read a sample of the names, and show what it tells."""
        server = safe_text(self.context.settings.redis.label, 60)
        await self._show_page(LinesPage(wrapped_lines(f"reading names of {server}, for {SECONDS:g} s at most …"), ""))
        context = self.context
        with attributed_to("dialect"):
            self.sample, answers = await asyncio.gather(
                sample_names(context.redis, context.settings.scan, context.own), presets_by_answers(context)
            )
        found = await asyncio.to_thread(names_found, context, self.sample, answers)
        own = await asyncio.to_thread(own_table, context.settings)
        self.draft, self.at = ProfileDraft(found, own), 0
        self._fresh = self._answers()
        await self._show_page(self._names_page(self.draft))

    def _names_page(self, draft: ProfileDraft) -> WizardPage:
        found = draft.found
        if found.fault and not found.names:
            remedy = found.fault.remedy or ""
            return LinesPage(wrapped_lines(found.fault.message, remedy, "Enter reads again."), "read again")
        if found.found.fits or found.found.shapes:
            return NamesPage(draft)
        others = other_words(found)
        strange = f"No rule matches {others}." if others else ""
        fitting = [f"{one.preset} fits the gateway: {one.words}." for one in found.answers]
        nothing = "" if fitting else "Nothing has to be written: no other counters or cache keys are there."
        return LinesPage(wrapped_lines(f"{read_words(found)}.", strange, *fitting, nothing), "next")

    async def _try(self) -> None:
        """Read the values of some names under the new profile, and show them as the panes would."""
        page, draft = self.page, self.draft
        if not isinstance(page, LinesPage) or draft is None:
            return
        profile = await asyncio.to_thread(draft.profile)
        trial_context = Context(replace(self.context.settings, dialect=profile), self.context.clock)
        trial_context.own = self.context.own
        try:
            with attributed_to("dialect"):
                tried = await try_profile(trial_context, self.sample, MOST_TRIED)
        finally:
            await trial_context.aclose()
        if not page.is_attached:
            return
        page.waits = ""
        page.make = lambda width: preview_lines(profile, tried, self.context.clock.mono(), width)
        page.draw()

    # -- pages

    async def _show_page(self, page: WizardPage) -> None:
        """Put a page in the place of the present one."""
        place = self.query_one("#wizard-page", Vertical)
        async with self.batch():
            await place.remove_children()
            await place.mount(page)
        page.focus_page()
        place.border_title = Content(f"{self.at + 1} {self.steps[self.at]}")
        place.border_subtitle = Content(page.hint)
        self.note(page.problem(started=False))
        self._draw_way()
        self._draw_keys()

    async def _turn_to(self, at: int) -> None:
        draft = self.draft
        if draft is None:
            return
        self.at = at
        questions = draft.questions
        if at == 0:
            await self._show_page(self._names_page(draft))
        elif at <= len(questions):
            await self._show_page(QuestionPage(questions[at - 1]))
        elif at == len(questions) + 1:
            page = LinesPage(wrapped_lines(f"reading the values of {MOST_TRIED} names at most …"), "next")
            page.waits = "the values are not read yet"
            await self._show_page(page)
            self._work("panes", self._try)
        else:
            await self._show_page(await self._save_page(draft))

    async def _save_page(self, draft: ProfileDraft) -> WizardPage:
        settings, self.change = self.context.settings, None
        toml = draft.text(within_of(settings))
        if not draft.is_new:
            return SavePage(toml, "Nothing would change: this is the profile in force.", "nothing")
        try:
            found = await asyncio.to_thread(propose_profile, settings, draft)
        except (SettingsError, DialectError) as error:
            return SavePage(toml, f"▲ {safe_text(str(error), 300)}. y copies what is to be written.", "nothing")
        self.change = found
        about = f"Enter asks, and then writes this to {safe_text(str(found.change.path), 200)}."
        if found.overridden:
            about += f"\n▲ {safe_text(found.overridden, 60)} overrides the file: the profile in force stays."
        return SavePage(toml, about, "\n".join(found.change.diff))

    # -- drawing

    def note(self, words: str) -> None:
        """Show a sentence below the page; an empty one removes it."""
        note = self.query_one("#wizard-note", Static)
        note.set_class(bool(words), "-wrong")
        note.update(Content(safe_text(words, 500) or " "))

    def _draw_keys(self) -> None:
        strip = self.query_one(KeyStrip)
        if self.page is not None:
            strip.labels = {"router.next": self.page.enter}
        strip.refresh()

    def _way(self) -> Part:
        steps = self.steps
        here = Part(0, [(f"  step {self.at + 1} of {len(steps)}", "b:bright")])
        if self.at + 1 == len(steps):
            return here
        return Part(5, [*here.words, (f", then {steps[self.at + 1]}", "quiet")], here)

    def _draw_way(self) -> None:
        self.query_one(TopLine).refresh()

    def on_descendant_focus(self) -> None:
        """Draw the keys of what has the focus."""
        self._draw_keys()

    # -- on and back

    @on(WizardPage.PageChanged)
    def _page_changed(self) -> None:
        if self.page is not None:
            self.note(self.page.problem(started=False))
        self._draw_way()

    @on(WizardPage.PageDone)
    async def _page_done(self, event: WizardPage.PageDone) -> None:
        event.stop()
        async with self._turning:
            await self._go_on()

    async def _go_on(self) -> None:
        page, draft = self.page, self.draft
        if page is None:
            return
        if draft is None:
            self.note("the names are still being read")
        elif draft.found.fault and not draft.found.names:
            self._look()
        elif problem := page.problem():
            self.note(problem)
        elif self.at + 1 < len(self.steps):
            await self._turn_to(self.at + 1)
        elif self.change is None:
            self.note("there is nothing to write here: y copies the TOML, esc leaves")
        else:
            self._save(self.change)

    async def action_previous_page(self) -> None:
        """Go to the page before and keep the answers."""
        async with self._turning:
            if self.at:
                await self._turn_to(self.at - 1)
            else:
                self.say("there is no page before this one: esc leaves the wizard")

    def action_next_pane(self, by: int) -> None:
        """Go to the next line of the page; after the last one the next page, before the first one the previous page."""
        if self.page is None or self.page.step(by):
            return
        if by > 0:
            self.page.action_onward()
        else:
            self._work("turn", self.action_previous_page)

    # -- saving

    @asking("save")
    async def _save(self, found: ProfileChange) -> None:
        """Ask, write the file, and open the dashboard on it."""
        shown = found.change.diff[:MOST_DIFF]
        if more := len(found.change.diff) - len(shown):
            shown.append(f"… and {more:,} more lines")
        if found.overridden:
            then = f"{safe_text(found.overridden, 60)} overrides the file: the profile in force stays."
        else:
            then = "The dashboard is opened again with it: actions are disarmed; i resumes an open incident."
        question = "\n".join([*shown, "", then])
        if not await self.app.push_screen_wait(AskDialog(found.change.title, question)):
            self.say("nothing was written", "warning")
            return
        try:
            await asyncio.to_thread(write, found.change)
        except SettingsError as error:
            self.say(str(error), "error")
            return
        self._fresh = self._answers()
        self._put_in_force(found)

    def _put_in_force(self, found: ProfileChange) -> None:
        optimus, path = self.optimus, found.change.path
        self.dismiss(None)
        if found.overridden:
            self.say(f"the profile is written; {found.overridden} overrides it here", "warning", path)
            return
        try:
            begun = optimus.open_environment()
        except SettingsError as error:
            write(SettingsChange(path, found.change.after, found.change.before))
            self.say(f"the profile was not kept: {error}", "error")
            return
        if begun:
            self.say("the profile is written, and the panes read by it from now on", path=path)
        else:
            self.say("the profile is written; the next start reads it, this one keeps its own", "warning", path)

    # -- leaving

    def _answers(self) -> str:
        if self.draft is None:
            return ""
        return repr((self.draft.chosen, [question.answers for question in self.draft.questions]))

    def would_lose(self) -> str:
        """Return the words for answers that are not written yet; empty if there are none."""
        if self._answers() == self._fresh:
            return ""
        return "the answers about the names: nothing is written yet"

    def why_not_left(self) -> str:
        """Return why a command must not close the wizard; empty if no answer would be lost."""
        if not self.would_lose():
            return ""
        return "the profile is not written yet: esc leaves the wizard, then run the command again"

    def action_back(self) -> None:
        """Leave the wizard; ask first if answers would be lost."""
        if not self.would_lose():
            self.dismiss(None)
            return
        question = "Leave the wizard? Nothing is written yet, and the answers are lost."
        self.app.push_screen(AskDialog("Leave", question), lambda yes: yes and self.dismiss(None))

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.say_bug(event.worker.name, self.optimus.keep_report(error))
