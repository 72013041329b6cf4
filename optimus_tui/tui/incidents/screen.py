"""The incident screen: steps at the left, a step's evidence at the right, the next key below, severity and time on top.

It runs no tool and writes nothing itself: the incident service does both, and this screen draws its state. A step
continues when the screen is left, and the panes behind it are kept up to date.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Advice, Evidence, IncidentState, Step
from optimus_tui.incidents.service import IncidentService
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.incidents import text as words
from optimus_tui.tui.incidents.action_text import action_section, advice_lines, lines_of, under_way_sections
from optimus_tui.tui.incidents.head import bar_words, mode_beside, problem_of
from optimus_tui.tui.incidents.next_key import fitted, found_beside, found_since, next_words
from optimus_tui.tui.incidents.proved import proof_now
from optimus_tui.tui.incidents.recommendation_actions import RecommendationActions
from optimus_tui.tui.incidents.step_actions import StepActions
from optimus_tui.tui.incidents.step_list import ActFollower, StepList
from optimus_tui.tui.keys import bindings, chosen
from optimus_tui.tui.leaving import armed_actions
from optimus_tui.tui.tools.lists import Lines, ReportView, report_lines
from optimus_tui.tui.widgets.bars import Bar, KeyStrip, Words
from optimus_tui.tui.widgets.line_painter import wrapping_width

if TYPE_CHECKING:
    from optimus_tui.tui.actions.controller import ActionsController
    from optimus_tui.tui.services import DashboardServices

NARROW = 110
WHILE_OPEN = tuple(f"incident.{name}" for name in ("step", "skip", "redo", "act", "mark", "look", "close", "discard"))
"""Keys that neither footer nor help offers once the incident is closed; pressing one shows why it does nothing."""


class IncidentBar(Bar):
    """Severity and elapsed time, always in sight."""

    def __init__(self, screen: "IncidentScreen") -> None:
        super().__init__(id="incident-bar")
        self._of = screen

    def words(self) -> tuple[Words, Words]:
        """Return the words of the line on top, left and right."""
        return self._of.bar_words()


class IncidentScreen(BaseScreen):
    """Five steps from the alarm to the fix: enter runs the next one; every step can be skipped and repeated."""

    CSS_PATH = asset_dir("styles") / "incident.tcss"
    BINDINGS: ClassVar[Any] = [
        *bindings("incident"),
        *chosen("app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "pane.copy_as"),
    ]
    UNUSED: ClassVar[Mapping[str, str]] = {
        "app.incident": "this is the incident already; esc goes back to the panes, and it stays open",
        "pane.copy": "y copies a line of the evidence: tab goes there; Y copies the recommended commands",
        "pane.refresh": "the key r repeats the step under the cursor",
    }
    AUTO_FOCUS = "#steps"

    def __init__(
        self,
        dashboard: "DashboardServices",
        actions: "ActionsController",
        incident_service: IncidentService,
        fresh: bool,
        header: Callable[[], str],
        gone: Callable[[], None],
    ) -> None:
        """Show an incident.

        Args:
            dashboard: Whose workers do what takes time.
            actions: What arms and carries out actions.
            incident_service: The incident.
            fresh: Run the first step at once.
            header: Returns the words before the mode, such as the clock of a drill.
            gone: Called when the incident was removed.
        """
        super().__init__()
        self.dashboard, self.actions, self.incident_service = dashboard, actions, incident_service
        self.steps = StepActions(self, dashboard, incident_service)
        self.recommendations = RecommendationActions(self, self.steps, actions)
        self._fresh, self._header, self._gone = fresh, header, gone
        self._documents: dict[str, Any] = {}
        self._drawn: tuple[object, ...] = ()
        self._owners: list[str] = []
        self._follower = ActFollower(self.state)

    def compose(self) -> ComposeResult:
        """Return the bar, the steps, the evidence, the next key and the key line."""
        yield IncidentBar(self)
        with Container(id="incident-room"):
            with Vertical(id="incident-left"):
                yield StepList()
                yield ReportView(id="timeline")
            yield ReportView(id="evidence")
        yield Static(id="incident-next")
        yield KeyStrip()

    # -- life ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Put the cursor on the next step and draw five times a second."""
        self.lay_out()
        self.query_one(StepList).border_title = "Steps"
        timeline = self.query_one("#timeline", ReportView)
        timeline.can_focus, timeline.cursor_visible = False, False
        self.draw()
        self.call_after_refresh(self.draw)
        coming = self.state.next
        if coming is not None:
            self._follower.goes_to(coming)
            self.query_one(StepList).move_to(self.state.steps.index(coming))
        self.set_interval(0.2, self.draw)
        if self._fresh:
            self.steps.next_step()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out and draw for the new size."""
        self.lay_out()
        self._drawn = ()
        self.call_after_refresh(self.draw)

    def lay_out(self) -> None:
        """Put steps and evidence side by side if there is width."""
        self.set_class(self.size.width < NARROW, "-narrow")

    @property
    def state(self) -> IncidentState:
        """Return the incident as recorded."""
        return self.incident_service.state

    def leave(self) -> None:
        """Close the screen, because the incident no longer exists."""
        self._gone()
        if self.is_mounted:
            self.dismiss(None)

    def evidence_line(self) -> str:
        """Return the line under the evidence's cursor; empty without a cursor."""
        view = self.query_one("#evidence", ReportView)
        if view.selected is None:
            return ""
        return view.plain(view.cursor).strip()

    @property
    def selected(self) -> Step | None:
        """Return the step under the cursor."""
        name = self.query_one(StepList).selected
        return self.state.step(name or "")

    @property
    def selected_advice(self) -> Advice | None:
        """Return the recommendation under the cursor; None if the list of the last step is not shown."""
        at = self.query_one("#evidence", ReportView).cursor
        owner = "".join(self._owners[at : at + 1])
        return next((advice for advice in self.state.advice if advice.id == owner), None)

    def bar_words(self) -> tuple[Words, Words]:
        """Return the words of the line on top, left and right."""
        now = self.incident_service.clocks.now()
        proof = proof_now(self.dashboard, self.state)
        drill = self._header()
        mode, problem = mode_beside(drill, self.actions.mode_words(drill)), problem_of(self.incident_service)
        return bar_words(self.state, now, mode, problem, self.size.width, self._alarms(), proof)

    def _alarms(self) -> list[Finding]:
        """Return what the dashboard shows from medium on, the worst first; figures of before a proved remedy aside."""
        incidents = self.dashboard.incidents
        return [one for one in incidents.alarming() if not incidents.why_quiet(one)]

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw the clock, and the rest if it changed."""
        self.query_one(IncidentBar).refresh()
        state, step = self.state, self.selected
        self.query_one(StepList).show(state, self.steps.running_words(), not self.has_class("-narrow"))
        if step is None:
            return
        room = self.query_one("#evidence", ReportView).scrollable_content_region.width  # known after the layout only
        under_way = self._under_way()
        following = self._follower.step_to_show(state, step, acting=bool(under_way))
        if following is not None:
            self.show_step(following)  # which draws it
            return
        since = found_since(state, self._alarms())
        beside, armed = found_beside(self._alarms()), bool(armed_actions(self.actions.service))
        doable, names = self.recommendations.ahead()
        proof = proof_now(self.dashboard, state) if state.repaired is not None else ""
        progress = self.dashboard.incidents.progress
        drawn = (state.events, step.plan.id, self.size, room, under_way, since, beside, armed, names, proof, progress)
        if drawn == self._drawn:
            return
        from_top = self._drawn[1:2] != drawn[1:2]
        self._drawn = drawn
        coming = next_words(state, doable, step.plan.id, names, under_way, since, beside, armed, proof)
        coming = fitted(coming, self.size.width - 2)
        self.query_one("#incident-next", Static).update(Content.assemble(("Next  ", "bold"), coming))
        strip = self.query_one(KeyStrip)
        strip.labels = {}
        if state.status == "closed":
            strip.labels = dict.fromkeys(WHILE_OPEN, "")
        strip.refresh()
        if step.evidence is not None and step.evidence.name not in self._documents:
            self.read(step.evidence)
        self._show(step, from_top)

    def _under_way(self) -> str:
        outside = self.actions.outside
        return outside.under_way if outside is not None else ""

    def _show(self, step: Step, from_top: bool) -> None:
        view, state = self.query_one("#evidence", ReportView), self.state
        if view.scrollable_content_region.width <= 0:
            return  # not laid out yet: lines of a guessed width would stand there until the next draw
        width = max(20, wrapping_width(view))
        lines = lines_of(words.closing_sections(state), width)
        self._owners = []
        if step.plan.kind == "apply":
            progress = self.dashboard.incidents.progress
            done = [action_section(record, progress) for record in reversed(state.action_records)]
            lines += lines_of([*under_way_sections(self._under_way()), *done], width)
            advised, owners = advice_lines(state, width, is_busy=bool(self._under_way()))
            self._owners = [""] * len(lines) + owners
            lines += advised
        document, timeline = None, words.timeline_section(state)
        if step.evidence is not None:
            document = self._documents.get(step.evidence.name)
        lines += report_lines(words.evidence_sections(state, step, document), width)
        beside, side = self.query_one("#timeline", ReportView), Lines()
        if self.has_class("-narrow"):
            lines += report_lines([timeline], width)
        else:
            side = report_lines([timeline], max(20, wrapping_width(beside)))
        title = words.safe(step.plan.title, 60)
        if step.runs > 1:
            title += f"  run {step.runs}"
        view.border_title = Content(title)
        view.show(lines, from_top=from_top)
        beside.show(side, from_top=from_top)

    def read(self, evidence: Evidence) -> None:
        """Read the whole document of a step from its file, in a thread."""
        work: Any = partial(self._read, evidence)
        self.run_worker(work, name="evidence", group="evidence", exit_on_error=False)

    async def _read(self, evidence: Evidence) -> None:
        from optimus_tui.incidents.errors import IncidentError
        from optimus_tui.storage.private_file import UnreadableFile

        try:
            self._documents[evidence.name] = await asyncio.to_thread(self.incident_service.read, evidence)
        except (UnreadableFile, IncidentError) as error:
            self._documents[evidence.name] = {"error": {"code": "evidence", "message": str(error)}}
        if self.is_mounted and self.selected is not None:
            self._show(self.selected, from_top=False)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.say_bug(event.worker.name, self.dashboard.optimus.keep_report(event.worker.error))

    # -- getting about ---------------------------------------------------------------------------------------------

    def action_show_step(self) -> None:
        """Show the step under the cursor."""
        self._follower.note_shown(self.selected, self.incident_service.clocks.now().wall)
        self.draw()

    def show_step(self, step: Step) -> None:
        """Put the cursor on this step."""
        names = [item.plan.id for item in self.state.steps]
        self._follower.goes_to(step)
        self.query_one(StepList).move_to(names.index(step.plan.id))
        self.draw()

    # -- keys

    def action_step(self) -> None:
        """Run the next step; after the last one, close the incident."""
        self.steps.next_step()

    def action_go_to_step(self, number: int) -> None:
        """Put the cursor on a step by its number."""
        steps = self.state.steps
        if number > len(steps):
            self.say(f"there is no step {number}: this incident has {len(steps)}")
        elif self.query_one(StepList).cursor == number - 1:
            self.say(f"step {number} is shown already")
        else:
            self.query_one(StepList).move_to(number - 1)

    def action_look(self) -> None:
        """Choose again which issue to examine."""
        self.steps.choose_again()

    def action_redo(self) -> None:
        """Repeat the step under the cursor."""
        self.steps.repeat()

    def action_skip(self) -> None:
        """Skip the step under the cursor if it waits or has failed, else the next one."""
        self.steps.skip()

    def action_note(self) -> None:
        """Add a note to the timeline."""
        self.steps.note()

    def action_pin(self) -> None:
        """Keep the line under the evidence's cursor in the timeline."""
        self.steps.pin()

    def action_close(self) -> None:
        """Close the incident."""
        self.steps.close()

    def action_discard(self) -> None:
        """Discard an incident that was opened by mistake."""
        self.steps.discard()

    def action_export(self) -> None:
        """Write the post-mortem."""
        self.steps.export()

    def action_act(self) -> None:
        """Carry out a recommendation."""
        self.recommendations.carry_out()

    def action_mark(self) -> None:
        """Mark a recommendation as done by hand, dismissed or open again."""
        self.recommendations.mark()

    def action_back(self) -> None:
        """Go from the evidence to the steps, from the steps to the dashboard. The incident stays open."""
        if self.focused is self.query_one("#evidence", ReportView):
            self.set_focus(self.query_one(StepList))
        else:
            self.dismiss(None)

    def action_next_pane(self, by: int) -> None:
        """Go from the steps to the evidence, or back."""
        place: ReportView | StepList = self.query_one("#evidence", ReportView)
        if self.focused is place:
            place = self.query_one(StepList)
        self.set_focus(place)

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the recommended commands, each with the words for it in the list of what can be copied."""
        return [(words.sentence(item.action, 120), item.command) for item in self.state.advice if item.command]
