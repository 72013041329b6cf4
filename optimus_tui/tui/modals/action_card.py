"""The blast-radius card: plan, read, type, confirm, watch, read what became of it. One card from beginning to end.

It writes nothing itself: the desk does, once the words are typed. It refuses a confirmation that a held or buffered
Enter could give, words that were pasted, and to paint an outcome that the desk has not reported.
"""

import threading
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import ActionRequest, Confirmation, Plan, Preview, Progress, Receipt, Refusal
from optimus_tui.tui.modals.action_lines import Lines, preview_lines, progress_lines, receipt_lines
from optimus_tui.tui.modals.action_parts import CardView, GuardedButton, armed_words, audit_words
from optimus_tui.tui.modals.base import Dialog
from optimus_tui.tui.widgets.typed import TypedInput
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.desk import Desk
    from optimus_tui.actions.selecting import Known
    from optimus_tui.tui.app import OptimusApp

QUIET_SECONDS = 0.5
"""An Enter that confirms comes this long after the key before it, and after the button got the focus."""
STALE_SECONDS = 60.0


class ActionCard(Dialog):
    """Dismisses with ``(Receipt, audit words)`` once something was carried out, else None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "leave"),
        ("v", "whole", "all"),
        ("g", "gentler", "gentler"),
        ("r", "anew", "plan anew"),
        ("up", "roll(-1)", ""),
        ("down", "roll(1)", ""),
        ("pageup", "roll(-8)", ""),
        ("pagedown", "roll(8)", ""),
    ]

    def __init__(self, desk: "Desk", clock: Clock, request: ActionRequest, known: "Known | None" = None) -> None:
        super().__init__()
        self.desk, self.clock, self.request, self.known = desk, clock, request, known
        self.plan: Plan | None = None
        self.card: Preview | None = None
        self.stage = "planning"
        self.whole = False
        self._seen: tuple[int, int | None] = (0, None)
        self._refusal: Refusal | None = None
        self._progress: Progress | None = None
        self._cancel = threading.Event()
        self._receipt: tuple[Receipt, str] | None = None
        self._focused_at = clock.mono()

    def compose(self) -> ComposeResult:
        with Vertical(id="card", classes="action-card"):
            yield CardView(id="body")
            with Horizontal(id="confirm"):
                yield Static(id="confirm-words")
                yield TypedInput(id="confirm-typed", max_length=120)
                yield Static("Reason", id="confirm-why")
                yield Input(id="confirm-reason", max_length=400, select_on_focus=False)
            with Horizontal(id="deciding"):
                yield Static(id="card-note")
                yield Button("Cancel", id="cancel", compact=True)
                yield GuardedButton("Confirm", id="go", compact=True, disabled=True)

    def on_mount(self) -> None:
        self.set_interval(0.2, self.draw)
        self.make_plan()

    @property
    def optimus(self) -> "OptimusApp":
        """The application, typed."""
        return self.app  # type: ignore[return-value]

    # -- planning --------------------------------------------------------------------------------------------------

    def _walked(self, seen: int, total: int | None) -> None:
        self._seen = (seen, total)

    @work(exclusive=True, group="plan", exit_on_error=False)
    async def make_plan(self) -> None:
        """A plan from a fresh look: reads only."""
        self.stage, self.plan, self.card, self._refusal, self.whole = "planning", None, None, None, False
        self.query_one(TypedInput).value = ""
        self.query_one("#cancel", Button).focus()
        self.draw()
        answer = await self.desk.plan(self.request, self.known, self._walked)
        if isinstance(answer, Refusal):
            self.stage, self._refusal = "refused", answer
        else:
            self.plan, self.card, self.stage = answer, self.desk.preview(answer), "asking"
        self.query_one("#cancel", Button).focus()
        self.draw()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """What this stage has to say, for the width there is."""
        view = self.query_one(CardView)
        lines = self._lines(max(20, view.scrollable_content_region.width - 1))
        if [list(row) for row in view.rows] != lines:
            view.set_rows(lines)
            view.styles.height = max(1, len(lines))
        asking = self.stage == "asking"
        self.query_one("#confirm").display = asking
        go, cancel = self.query_one("#go", Button), self.query_one("#cancel", Button)
        go.display = asking
        cancel.label = {"asking": "Cancel", "planning": "Cancel", "acting": "Stop"}.get(self.stage, "Close")
        note, wrong = self._note()
        field = self.query_one("#card-note", Static)
        field.update(Content(note))
        field.set_class(wrong, "-wrong")
        card = self.query_one("#card")
        title = self.card.title if self.card else "Planning"
        card.border_title = Content(title if self.stage != "refused" else "Not possible")
        place = f"{self.plan.where.environment} {self.plan.where.place} db {self.plan.where.db}" if self.plan else ""
        card.border_subtitle = Content(f"{safe_text(place, 80)}   {self._keys()}".strip())
        if self.card is not None:
            self.query_one("#confirm-words", Static).update(Content(f"Type  {safe_text(self.card.confirm, 60)}"))
            go.label = self.card.verb
        go.disabled = not self._may_confirm()

    def _lines(self, width: int) -> Lines:
        if self.stage == "planning":
            seen, total = self._seen
            return [[(f"looking at the keys: {seen:,}{f' of {total:,}' if total is not None else ''} …", "quiet")]]
        if self.stage == "refused" and self._refusal is not None:
            remedy: Lines = [[(self._refusal.remedy, "quiet")]] if self._refusal.remedy else []
            return [[(self._refusal.message, "warn")], *remedy, [], [("Nothing was changed.", "quiet")]]
        if self.stage == "acting":
            return progress_lines(self._progress, self._cancel.is_set(), width)
        if self._receipt is not None:
            return receipt_lines(*self._receipt, width)
        if self.plan is None or self.card is None:
            return []
        return preview_lines(self.plan, self.card, width, self._age(), self.whole)

    def _keys(self) -> str:
        keys = {"asking": "tab next   v all keys   r plan anew   esc cancels", "planning": "esc cancels",
                "acting": "esc stops after the batch", "refused": "r plan anew   esc closes"}  # fmt: skip
        return keys.get(self.stage, "esc closes")

    def _age(self) -> float:
        return max(0.0, self.clock.mono() - self.plan.made_mono) if self.plan else 0.0

    def _note(self) -> tuple[str, bool]:
        """What is still missing; whether it is a refusal."""
        if self.stage != "asking":
            return "", False
        if self._refusal is not None:
            return self._refusal.message + (f" · {self._refusal.remedy}" if self._refusal.remedy else ""), True
        armed = self.desk.guard.armed
        if armed is None:
            return "disarmed meanwhile: esc, then :arm", True
        if self._age() > STALE_SECONDS:
            return "older than a minute: r plans anew", True
        return armed_words(self.desk.guard), False

    # -- confirming ------------------------------------------------------------------------------------------------

    def _may_confirm(self) -> bool:
        if self.stage != "asking" or self.card is None or self.desk.guard.armed is None or self._age() > STALE_SECONDS:
            return False
        typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
        return typed == self.card.confirm and len(reason.strip()) >= 3

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._focused_at = self.clock.mono()

    @on(TypedInput.PasteRefused)
    def _pasted(self) -> None:
        self._refusal = Refusal("wrong words", "please type it: what is pasted is refused")
        self.draw()

    @on(Input.Changed)
    def _changed(self) -> None:
        self._refusal = None
        self.draw()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes to the reason and no further: the button is reached with tab."""
        event.stop()
        if event.input.id == "confirm-typed":
            self.query_one("#confirm-reason", Input).focus()

    def action_confirm(self) -> None:
        """Enter on the button. One that comes too soon after another key, or after the focus, is nobody's decision."""
        since_focus = self.clock.mono() - self._focused_at
        held = self.optimus.key_before == "enter"  # however long ago: a lagging screen stretches what is held down
        if held or since_focus < QUIET_SECONDS or self.optimus.quiet_before_key < QUIET_SECONDS:
            self._refusal = Refusal("wrong words", "too soon: tab to the button, wait a moment, then enter")
            self.draw()
            return
        if self._may_confirm() and self.plan is not None and self.card is not None:
            typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
            self.stage, self._progress = "acting", None
            self._cancel = threading.Event()
            self.apply(self.plan, Confirmation(typed, reason.strip()))
            self.query_one("#cancel", Button).focus()
            self.draw()

    @work(exclusive=True, group="act", name="action", exit_on_error=False)
    async def apply(self, plan: Plan, confirmation: Confirmation) -> None:
        """Hand it to the desk; what it reports is shown, and nothing before."""
        answer = await self.desk.apply(plan, confirmation, self._cancel, self._heard)
        if isinstance(answer, Refusal):
            self.stage, self._refusal = "refused", answer
        else:
            self.stage, self._receipt = "told", (answer, await self._audit_words(answer))
        self.draw()

    def _heard(self, progress: Progress) -> None:
        """From the action's thread: remembered here, drawn by the interval."""
        self._progress = progress

    async def _audit_words(self, receipt: Receipt) -> str:
        import asyncio

        return await asyncio.to_thread(audit_words, self.desk, receipt.id)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            place = self.optimus.keep_report(event.worker.error)
            self.stage = "refused"
            self._refusal = Refusal(
                "unreachable", f"stopped by a bug of ours; {place}", "see the audit for what was done"
            )
            self.draw()

    # -- keys ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Letters are letters while something is typed."""
        if action in ("whole", "gentler", "anew") and isinstance(self.focused, Input):
            return False
        return not (action == "dismiss" and self.stage == "acting")

    def action_roll(self, by: int) -> None:
        self.query_one(CardView).scroll_relative(y=by, animate=False)

    def action_whole(self) -> None:
        self.whole = not self.whole
        self.draw()

    def action_gentler(self) -> None:
        if self.stage == "asking" and self.card is not None and self.card.gentler is not None:
            self.request = self.card.gentler
            self.make_plan()

    def action_anew(self) -> None:
        if self.stage in ("asking", "refused") and self._receipt is None:
            self.make_plan()

    @on(Button.Pressed, "#cancel")
    def action_leave(self) -> None:
        """Cancel before, stop during, close after."""
        if self.stage == "acting":
            self._cancel.set()
            self.draw()
        else:
            self.dismiss(self._receipt)
