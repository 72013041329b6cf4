"""The action dialog: plans an action, asks for words and a reason, shows what was done; and resumes an interrupted one.

It writes nothing itself: the action service does, once the words are typed. It refuses a confirmation by an Enter that
is held down or was buffered, words that were pasted, and to show an outcome that was not reported. What was done before
an interruption comes from the audit, never from memory.
"""

import asyncio
import threading
from typing import TYPE_CHECKING, ClassVar

from msgspec import structs
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import (
    ActionRequest,
    Confirmation,
    Interrupted,
    Plan,
    Preview,
    Progress,
    Receipt,
    Refusal,
)
from optimus_tui.tui.actions import action_dialog_text
from optimus_tui.tui.actions.action_dialog_stages import (
    STALE_SECONDS,
    ActionLines,
    DialogState,
    GuardedButton,
    StageTexts,
    audit_words,
)
from optimus_tui.tui.actions.action_dialog_text import Lines, left_lines
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.fields import ReasonInput, TypedInput
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.redis.keys import Known
    from optimus_tui.actions.service import ActionService


QUIET_SECONDS = 0.5
"""An Enter that confirms comes this long after the key before it, and after the button got the focus."""
REPEAT_SECONDS = 1.0
"""An Enter this soon after another Enter may be one key that is held down: terminals repeat it after 0.25 to 0.7 s."""
RENEW_SECONDS = 45.0
"""A plan of this age is made again without being asked for, so that slow reading does not cost what was typed."""
MIN_REASON = 3
"""Characters of a reason."""
MAX_WINDOW = 8
"""Digits of a window in seconds."""


def _show(field: Static, text: str) -> None:
    """Change a text if it differs: each update lays out the whole screen, and this one is drawn five times a second."""
    if field.content != Content(text):
        field.update(Content(text))


class ActionDialog(Dialog):
    """Dismisses with ``(Receipt, audit words)`` once something was carried out, else None."""

    BINDINGS: ClassVar[list[BindingType]] = action_dialog_text.BINDINGS

    def __init__(
        self, action_service: "ActionService", clock: Clock, request: ActionRequest, known: "Known | None" = None
    ) -> None:
        super().__init__()
        self.texts = StageTexts(self)
        self.action_service, self.clock, self.request, self.known = action_service, clock, request, known
        self.plan: Plan | None = None
        self.preview: Preview | None = None
        self.words = ""
        """What has to be typed."""
        self.stage = "planning"
        self.whole = False
        self.seen: tuple[int, int | None] = (0, None)
        self.refusal: Refusal | None = None
        self.began = False
        """Whether the action service was asked to act: a bug may then end it halfway."""
        self.progress: Progress | None = None
        self._cancel = threading.Event()
        self.reported = asyncio.Event()
        """Set with the outcome."""
        self.outcome: tuple[Receipt, str] | None = None
        self._focused_at = clock.mono()

    def compose(self) -> ComposeResult:
        """Return the lines, the fields and the buttons."""
        with Vertical(id="card", classes="action-card"):
            yield ActionLines(id="body")
            with Horizontal(id="asked-window"):
                yield Static("Window in seconds")
                yield Input(id="window", max_length=MAX_WINDOW, restrict="[0-9]*", select_on_focus=False)
            with Horizontal(id="confirm"):
                yield Static(id="confirm-words")
                yield TypedInput(id="confirm-typed", max_length=120)
                yield Static("Reason", id="confirm-why")
                yield ReasonInput(id="confirm-reason", max_length=400, select_on_focus=False)
            with Horizontal(id="deciding"):
                yield Static(id="card-note")
                yield Button("Cancel", id="cancel", compact=True)
                yield GuardedButton("Confirm", id="go", compact=True, disabled=True)

    def on_mount(self) -> None:
        """Start to draw, and to keep the plan fresh."""
        self._renewed: Plan | None = None
        self.set_interval(0.2, self.draw)
        self.set_interval(1.0, self._keep_fresh)
        self.begin()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw this stage at the present width."""
        view = self.query_one(ActionLines)
        lines = self.texts.lines(max(20, view.scrollable_content_region.width - 1))
        if [list(row) for row in view.rows] != lines:
            view.set_rows(lines)
            view.styles.height = max(1, len(lines))
        asking = self.stage == "asking" and not self.texts.is_cramped()
        self.query_one("#confirm").display = asking
        self.query_one("#asked-window").display = self.texts.asks_window()
        go, cancel = self.query_one("#go", Button), self.query_one("#cancel", Button)
        go.display = asking
        cancel.label = {"asking": "Cancel", "planning": "Cancel", "acting": "Stop"}.get(self.stage, "Close")
        note, wrong = self.texts.note()
        field = self.query_one("#card-note", Static)
        _show(field, note)
        field.set_class(wrong, "-wrong")
        box = self.query_one("#card")
        box.border_title = Content(self.texts.title())
        box.border_subtitle = Content(self.texts.keys(overflows=view.max_scroll_y > 0))
        if self.preview is not None:
            _show(self.query_one("#confirm-words", Static), f"Type  {safe_text(self.words, 60)}")
            go.label = self.preview.verb
        go.disabled = not self._may_confirm()

    def is_stopping(self) -> bool:
        """Return True if the running action was told to stop."""
        return self._cancel.is_set()

    def is_command(self, action: str) -> bool:
        """Return True if the letter of ``action`` is a command now, and not text."""
        if isinstance(self.focused, Input):
            return False
        if self.stage != "asking" or self.texts.is_cramped():
            return True
        typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
        return action_dialog_text.is_command(action, self.words, typed, reason)

    def age(self) -> float:
        """Return the plan's age in seconds; 0 without a plan."""
        if self.plan is None:
            return 0.0
        return max(0.0, self.clock.mono() - self.plan.made_mono)

    def _missing(self) -> tuple[str, str]:
        """Return the field that is not filled in yet and what it needs; two empty texts if both are filled in."""
        if self.query_one(TypedInput).value != self.words:
            return "#confirm-typed", f"these are not the words: type {safe_text(self.words, 60)}"
        if len(self.query_one("#confirm-reason", Input).value.strip()) < MIN_REASON:
            return "#confirm-reason", "a reason of three letters or more is missing"
        return "", ""

    def _may_confirm(self) -> bool:
        if self.stage != "asking" or self.texts.is_cramped() or self.action_service.guard.armed is None:
            return False
        return bool(self.words) and self.age() <= STALE_SECONDS and not self._missing()[0]

    # -- planning --------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Do what comes first: make the plan."""
        self.make_plan()

    def _note_scanned(self, seen: int, total: int | None) -> None:
        self.seen = (seen, total)

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def make_plan(self) -> None:
        """Read the keys and make a plan."""
        self.stage, self.plan, self.preview, self.refusal, self.whole = "planning", None, None, None, False
        self.words = ""
        self.query_one(TypedInput).value = ""
        self.query_one("#cancel", Button).focus()
        self.draw()
        answer = await self.action_service.plan(self.request, self.known, self._note_scanned)
        if isinstance(answer, Refusal):
            self.stage, self.refusal = "refused", answer
        else:
            self.plan, self.preview, self.stage = answer, self.action_service.preview(answer), "asking"
            self.words = self.preview.confirm
        self.draw()
        place = "#cancel"
        if self.texts.asks_window():
            place = "#window"
        self.query_one(place).focus()

    def _keep_fresh(self) -> None:
        """Make an old plan again, once: if that is not possible it grows too old to be confirmed."""
        if self.stage == "asking" and self.age() > RENEW_SECONDS and self.plan is not self._renewed:
            self._renewed = self.plan
            self.renew()

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def renew(self) -> None:
        """Make the same plan again. What was typed stays only if the plan is about exactly the same keys."""
        before = self.plan
        answer = await self.action_service.plan(self.request, self.known)
        if self.stage != "asking" or self.plan is not before or before is None or isinstance(answer, Refusal):
            return
        self.plan, self.preview = answer, self.action_service.preview(answer)
        if (answer.digest, answer.where) != (before.digest, before.where):
            with self.prevent(Input.Changed):
                self.words, self.query_one(TypedInput).value = self.preview.confirm, ""
            self.refusal = Refusal("drift", "other keys match than a minute ago: read the list again")
        self.draw()

    # -- confirming ------------------------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Note when the focus moved: a confirmation right after it does not count."""
        self._focused_at = self.clock.mono()

    @on(TypedInput.PasteRefused)
    def _pasted(self) -> None:
        self.refusal = Refusal("wrong words", "type it: pasted text is refused")
        self.draw()

    @on(Input.Changed)
    def _changed(self) -> None:
        if self.stage == "asking":
            self.refusal = None
        self.draw()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Go to the next field, then to the button; say what is missing. Enter in a field confirms nothing."""
        event.stop()
        if event.input.id == "confirm-typed":
            self.query_one("#confirm-reason", Input).focus()
        elif event.input.id == "confirm-reason" and self.stage == "asking":
            field, words = self._missing()
            if field:
                self.refusal = Refusal("wrong words", words)
            self.draw()
            self.query_one(field or "#go").focus()
        elif event.input.id == "window" and event.value and self.texts.asks_window():
            self.request = structs.replace(self.request, window_seconds=int(event.value))
            self.make_plan()

    def action_confirm(self) -> None:
        """Confirm by Enter on the button, unless it comes too soon after another key or after the focus."""
        since_focus = self.clock.mono() - self._focused_at
        too_soon = min(since_focus, self.optimus.quiet_before_key) < QUIET_SECONDS
        if too_soon or self.optimus.is_held(REPEAT_SECONDS):
            self.refusal = Refusal("wrong words", "too soon: wait a second, then press enter once")
            self.draw()
            return
        if self._may_confirm():
            typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
            self.stage, self.progress = "acting", None
            self._cancel = threading.Event()
            self.act(Confirmation(typed, reason.strip()))
            self.query_one("#cancel", Button).focus()
            self.draw()

    async def perform(self, confirmation: Confirmation) -> Receipt | Refusal:
        """Ask the action service to carry out the plan."""
        assert self.plan is not None
        return await self.action_service.apply(self.plan, confirmation, self._cancel, self._note_progress)

    @work(exclusive=True, group="act", name="action", exit_on_error=False)
    async def act(self, confirmation: Confirmation) -> None:
        """Carry out the plan and show what is reported, nothing before."""
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
            words = f"stopped by a bug of ours; {place}"
            self.refusal = Refusal("unreachable", words, "see the audit for what was done")
            self.draw()

    # -- keys ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for letters that are text now, and for leaving while the action runs."""
        if action == "letter":
            return self.is_command(str(parameters[0]))
        return not (action == "dismiss" and self.stage == "acting")

    def on_key(self, event: events.Key) -> None:
        """Put what is typed while a button has the focus into the field that waits for it."""
        letter, field = event.character, self.query_one(TypedInput)
        typed = letter is not None and letter.isprintable() and event.key not in self.active_bindings
        if typed and self.stage == "asking" and isinstance(self.focused, Button) and not self.texts.is_cramped():
            event.stop()
            self.set_focus(field, from_app_focus=True)  # a field that tab reaches selects what it holds
            field.cursor_position = len(field.value)
            field.insert_text_at_cursor(letter or "")

    async def action_letter(self, action: str) -> None:
        """Carry out the command of a letter."""
        await self.run_action(action)

    def action_roll(self, by: int) -> None:
        """Scroll the lines."""
        self.query_one(ActionLines).scroll_relative(y=by, animate=False)

    def action_whole(self) -> None:
        """List all keys, or the first ones again."""
        self.whole = not self.whole
        self.draw()

    def action_gentler(self) -> None:
        """Plan the gentler action instead."""
        if self.stage == "asking" and self.preview is not None and self.preview.gentler is not None:
            before = self.request
            self.request = structs.replace(self.preview.gentler, max_keys=before.max_keys, incident=before.incident)
            self.make_plan()

    def action_replan(self) -> None:
        """Make the plan again."""
        if self.stage in ("asking", "refused") and self.outcome is None:
            self.begin()

    @work(exclusive=True, group="include", exit_on_error=False)
    async def action_include(self) -> None:
        """Ask which keys of uncertain owner to take in, and make another plan with other words."""
        if self.stage != "asking" or self.plan is None or not self.plan.ambiguous:
            return
        from optimus_tui.tui.actions.questions import IncludeDialog

        taken = await self.app.push_screen_wait(IncludeDialog(self.plan))
        if taken is not None and taken != self.request.include:
            self.request = structs.replace(self.request, include=taken)
            self.make_plan()

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        """Stop a running action, else close the dialog."""
        if self.stage == "acting":
            self._cancel.set()
            self.draw()
        else:
            self.dismiss(self.outcome)


class ResumeTexts(StageTexts):
    """The texts of an action that was interrupted."""

    def __init__(self, dialog: DialogState, left: Interrupted, verb: str) -> None:
        super().__init__(dialog)
        self.left, self.verb = left, verb

    def title(self) -> str:
        """Return what is done with the action, and the action's own title."""
        return f"{self.verb}: {super().title()}"

    def asking_lines(self, plan: Plan, preview: Preview, width: int) -> Lines:
        """Return what was left undone and is about to be confirmed."""
        return left_lines(self.left, preview.effect, width)

    def stage_keys(self) -> dict[str, str]:
        """Return the keys by stage: nothing can be planned again."""
        return {"asking": "tab next   esc leaves it open", "acting": "esc stops after the batch"}


class ResumeDialog(ActionDialog):
    """The action dialog for an interrupted action: it resumes it, or verifies and closes it, which needs no words."""

    def __init__(
        self, action_service: "ActionService", clock: Clock, left: Interrupted, closing: str | None = None
    ) -> None:
        """Begin with what is left; ``closing`` is the reason to close it for, None to ask for words and resume it."""
        super().__init__(action_service, clock, left.plan.request)
        self.left, self.closing = left, closing
        self.texts = ResumeTexts(self, left, "Resume")
        if closing is not None:
            self.texts = ResumeTexts(self, left, "Close")

    def begin(self) -> None:
        """Ask for the words that resume the action, or close it at once."""
        plan, outcomes = self.left.plan, self.left.outcomes
        rest = tuple(key for key, outcome in zip(plan.keys, outcomes, strict=True) if outcome in ("left", "unknown"))
        self.plan, self.preview = plan, self.action_service.preview(structs.replace(plan, keys=rest))
        self.words, self.refusal = self.left.confirm, None
        if self.closing is None:
            self.stage = "asking"
        else:
            self.stage = "acting"
            self.act(Confirmation("", self.closing))
        self.draw()
        self.query_one("#cancel").focus()

    async def perform(self, confirmation: Confirmation) -> Receipt | Refusal:
        """Close the action, or resume it."""
        if self.closing is not None:
            return await self.action_service.settle(self.left, self.closing, self._cancel, self._note_progress)
        return await self.action_service.resume(self.left, confirmation, self._cancel, self._note_progress)

    def age(self) -> float:
        """Return 0: the action service knows how old an interrupted action may be."""
        return 0.0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for the keys that would change the plan: an interrupted action keeps its own."""
        wanted = action
        if action == "letter":
            wanted = str(parameters[0])
        return wanted not in ("gentler", "replan", "include", "whole") and super().check_action(action, parameters)
