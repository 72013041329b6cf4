"""The action dialog: plans an action, asks for words and a reason, and shows what was done.

It writes nothing itself: the action service does, once the words are typed. A confirmation does not count if Enter is
held down or was buffered, or if the words were pasted or typed for another list of keys; the dialog says why. Typed
text stays, even while the plan is made again.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import ActionRequest, Confirmation, Plan, Preview, Progress, Receipt, Refusal
from optimus_tui.tui.actions import action_dialog_text
from optimus_tui.tui.actions.action_dialog_form import ConfirmForm, subject_of_plan
from optimus_tui.tui.actions.action_dialog_stages import (
    ActionLines,
    GuardedButton,
    StageTexts,
    audit_words,
)
from optimus_tui.tui.actions.enter_guard import EnterGuard
from optimus_tui.tui.dialogs.base import DROPS, Dialog
from optimus_tui.tui.key_gate import asking

if TYPE_CHECKING:
    from optimus_tui.actions.redis.keys import Known
    from optimus_tui.actions.service import ActionService


RENEW_SECONDS = 45.0
"""A plan of this age is made again without being asked for, so that slow reading does not cost what was typed."""


class ActionDialog(Dialog):
    """Dismisses with ``(Receipt, audit words)`` once something was carried out, else None."""

    BINDINGS: ClassVar[list[BindingType]] = action_dialog_text.BINDINGS

    def __init__(
        self, action_service: "ActionService", clock: Clock, request: ActionRequest, known: "Known | None" = None
    ) -> None:
        super().__init__()
        self.proof_of: Callable[[str], str] = lambda _: ""
        self.renew_seconds = RENEW_SECONDS
        self.texts, self.form = StageTexts(self), ConfirmForm()
        self.action_service, self.clock, self.request, self.known = action_service, clock, request, known
        self.plan: Plan | None = None
        self.preview: Preview | None = None
        self.stage, self.whole = "planning", False
        self.seen: tuple[int, int | None] = (0, None)
        self.refusal: Refusal | None = None
        self.said, self.waits, self.began = "", False, False  # explained in ``DialogState``
        self.progress: Progress | None = None
        self._cancel = threading.Event()
        self.reported = asyncio.Event()
        """Set with the outcome."""
        self.outcome: tuple[Receipt, str] | None = None
        self.wants_rest = False
        """Whether the dialog was closed to plan what is left undone."""
        self.guard = EnterGuard(self, clock, self.say, lambda: self.said, self.may_confirm, self.carry_out)
        self._renewed: Plan | None = None

    def compose(self) -> ComposeResult:
        """Return the lines, the fields and the buttons."""
        with Vertical(id="card", classes="action-card"):
            yield ActionLines(id="body")
            yield self.form
            with Horizontal(id="deciding"):
                yield Static(id="card-note")
                yield Button("Cancel", id="cancel", compact=True)
                yield GuardedButton("Confirm", id="go", compact=True)

    def on_mount(self) -> None:
        """Start drawing, and start renewing the plan before it expires."""
        self.set_interval(0.2, self.draw)
        self.set_interval(1.0, self._keep_fresh)
        self.set_focus(self.form.typed.field)
        self.begin()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw this stage at the present width."""
        self.form.draw(self.texts.asks_window(), self.texts.takes_words())
        self.texts.draw(self, self.may_confirm())

    def is_stopping(self) -> bool:
        """Return True if the running action has been told to stop."""
        return self._cancel.is_set()

    def is_command(self, action: str) -> bool:
        """Return True if the letter of ``action`` is a command now and not typed text."""
        if isinstance(self.focused, Input):
            return False
        if self.stage != "asking" or self.texts.is_cramped():
            return True
        said = self.form.confirmation
        return action_dialog_text.is_command(action, self.form.words, said.typed, said.reason)

    def age(self) -> float:
        """Return the plan's age in seconds; 0 without a plan."""
        if self.plan is None:
            return 0.0
        return max(0.0, self.clock.mono() - self.plan.made_mono)

    def may_confirm(self) -> bool:
        """Return True if an Enter on the button would carry out the plan."""
        ready = self.stage == "asking" and not self.form.missing
        return ready and not self.texts.is_cramped() and not self.texts.hindrance()

    # -- planning --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the dialog's first stage: make the plan."""
        self.make_plan()

    def _note_scanned(self, seen: int, total: int | None) -> None:
        self.seen = (seen, total)

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def make_plan(self) -> None:
        """Read the keys and make a plan. Typed text stays; the words count only for the list they were typed for."""
        self.stage, self.said, self.whole = "planning", "", False
        self.plan = self.preview = self.refusal = None
        self.form.expect(None, "")
        if self.focused is self.query_one("#go"):
            self.set_focus(self.query_one("#cancel"))
        self.form.note_focus()
        self.draw()
        answer = await self.action_service.plan(self.request, self.known, self._note_scanned)
        if not isinstance(answer, Refusal):
            self.plan, self.preview, self.stage = answer, self.action_service.preview(answer), "asking"
            self.show_plan()
            return
        self.stage, self.refusal, self.waits = "refused", answer, False
        self.draw()
        self.set_focus(self.query_one("#window" if self.texts.asks_window() else "#cancel"))

    def show_plan(self) -> None:
        """Draw a new plan. The focus goes to the first empty field, unless Tab has moved it meanwhile."""
        waits, self.waits = self.waits, False
        self.form.expect(self.plan, self.preview.confirm if self.preview is not None else "")
        self.draw()
        self.call_after_refresh(self.form.note_shown)
        if not self.form.ask_for_missing(waits) and waits:
            self.say("here is the plan: read it; enter on the button carries it out")
            self.set_focus(self.query_one("#go"))

    def _keep_fresh(self) -> None:
        """Make an old plan again, once: if that is not possible it grows too old to be confirmed."""
        if self.stage == "asking" and self.age() > self.renew_seconds and self.plan is not self._renewed:
            self._renewed = self.plan
            self.renew()

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def renew(self) -> None:
        """Make the same plan again. The confirming words still count if the plan has exactly the same keys."""
        before = self.plan
        answer = await self.action_service.plan(self.request, self.known)
        if self.stage != "asking" or self.plan is not before or before is None or isinstance(answer, Refusal):
            return
        self.plan, self.preview = answer, self.action_service.preview(answer)
        self.form.expect(answer, self.preview.confirm)
        if subject_of_plan(answer) != subject_of_plan(before):
            self.refusal = Refusal("drift", "other keys match than a minute ago: read the list again")
        self.draw()
        self.call_after_refresh(self.form.note_shown)

    # -- confirming ------------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Note when the focus moved: a confirmation right after it does not count."""
        self.guard.note_focus()

    def say(self, sentence: str) -> None:
        """Show a sentence (safe text) beside the buttons; empty for none."""
        self.said = sentence
        self.draw()

    @on(Input.Changed)
    def _changed(self) -> None:
        if self.stage == "asking":
            self.refusal = None
        self.said = ""
        self.draw()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Go to what is missing, then to the button, or say what is wrong. Enter in a field confirms nothing."""
        event.stop()
        self.said, form = "", self.form
        answer = next(answer for answer in form.answers if answer.field is event.input)
        if self.stage == "planning":
            self.waits = True
            self.draw()
        elif answer.is_refused():
            self.draw()
        elif answer is form.window:
            self.request = structs.replace(self.request, window_seconds=int(event.value))
            self.make_plan()
        elif answer is form.typed:
            self.set_focus(form.reason.field)
        elif not form.typed.is_refused():
            self.set_focus(self.query_one("#go"))

    def action_confirm(self) -> None:
        """Confirm by Enter on the button, unless it comes too soon after another key or after the focus."""
        if self.texts.takes_words() and self.form.ask_for_missing(refused=True):
            return
        if not self.may_confirm():
            self.say(self.texts.hindrance())
            return
        self.guard.press()

    def carry_out(self) -> None:
        """Carry out the plan that was confirmed."""
        self.stage, self.progress, self.said = "acting", None, ""
        self._cancel = threading.Event()
        self.act(self.form.confirmation)
        self.set_focus(self.query_one("#cancel"))
        self.draw()

    def action_clicked(self) -> None:
        """Say that a click does not confirm: the button needs Enter."""
        self.say("a click confirms nothing: press enter on the button")

    async def perform(self, confirmation: Confirmation) -> Receipt | Refusal:
        """Let the action service carry out the plan."""
        assert self.plan is not None
        return await self.action_service.apply(self.plan, confirmation, self._cancel, self._note_progress)

    @work(exclusive=True, group="act", name="action", exit_on_error=False)
    async def act(self, confirmation: Confirmation) -> None:
        """Carry out the plan, and show outcomes only as they are reported."""
        self.began = True
        answer = await self.perform(confirmation)
        if isinstance(answer, Refusal):
            self.stage, self.refusal, self.began = "refused", answer, False
        else:
            self.outcome = answer, await asyncio.to_thread(audit_words, self.action_service, answer.id)
            self.stage = "done"
            self.reported.set()
        self.draw()

    def _note_progress(self, progress: Progress) -> None:
        """Keep the progress that the action's thread reports; the interval draws it."""
        self.progress = progress

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            place = self.optimus.keep_report(event.worker.error)
            self.stage = "refused"
            words = f"stopped by a bug in this program. {place}"
            self.refusal = Refusal("unreachable", words, "see the audit for what was done")
            self.draw()

    # -- keys ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for letters that are typed text now, and for leaving while the action runs."""
        if action == "letter":
            return self.is_command(str(parameters[0]))
        return not (action == "dismiss" and self.stage == "acting")

    def on_key(self, event: events.Key) -> None:
        """Put letters typed while no field has the focus into the first empty field."""
        letter = event.character
        typed = letter is not None and letter.isprintable() and event.key not in self.active_bindings
        if typed and self.stage == "asking" and not isinstance(self.focused, Input) and not self.texts.is_cramped():
            event.stop()
            self.form.type_ahead(letter or "")

    async def action_letter(self, action: str) -> None:
        """Carry out the command of a letter."""
        await self.run_action(action)

    def action_roll(self, by: int) -> None:
        """Scroll the lines."""
        self.query_one(ActionLines).scroll_relative(y=by, animate=False)

    def action_whole(self) -> None:
        """List all keys, or only the first ones again."""
        self.whole = not self.whole
        self.draw()

    def action_gentler(self) -> None:
        """Plan the gentler action instead."""
        if self.stage == "asking" and self.preview is not None and self.preview.gentler is not None:
            before = self.request
            self.request = structs.replace(self.preview.gentler, max_keys=before.max_keys, incident=before.incident)
            self.make_plan()

    def action_replan(self) -> None:
        """Make the plan again; once something was carried out, plan what is left undone in a new dialog."""
        if self.outcome is not None and self.texts.leaves_rest():
            self.wants_rest = True
            self.dismiss(self.outcome)
        if self.stage in ("asking", "refused") and self.outcome is None:
            self.begin()

    @asking("include")
    async def action_include(self) -> None:
        """Ask which keys of uncertain owner to include, and make a new plan, which needs other words."""
        if self.stage != "asking" or self.plan is None or not self.plan.ambiguous:
            return
        from optimus_tui.tui.actions.questions import IncludeDialog

        taken = await self.app.push_screen_wait(IncludeDialog(self.plan))
        if taken is not None and taken != self.request.include:
            self.request = structs.replace(self.request, include=taken)
            self.make_plan()

    @on(Button.Pressed, "#cancel")
    def _cancel_pressed(self) -> None:
        if self.guard.is_held():
            self.guard.say_briefly("too soon after the enter before: press it once more", "")
        else:
            self.action_leave()

    def would_lose(self) -> str:
        """Return what would be lost: a running action, or text typed for one."""
        return self.form.lost(self.stage, self.texts.title()) if self.outcome is None else ""

    def action_leave(self) -> None:
        """Stop a running action, else close the dialog. If typed text would be lost, the first time only warns."""
        if self.stage == "acting":
            self._cancel.set()
            self.draw()
        elif self.outcome is not None or self.said == DROPS or not self.form.is_touched:
            self.dismiss(self.outcome)
        else:
            self.say(DROPS)
