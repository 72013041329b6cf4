"""The action dialog's state and how it is drawn: its fields, its buttons, what is still missing.

It plans and confirms nothing. Below ``MINIMUM`` columns and rows it draws no confirmation at all.
"""

import asyncio
import threading
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import ActionRequest, Plan, Preview, Progress, Receipt, Refusal
from optimus_tui.tui.actions.action_dialog_face import STALE_SECONDS, ActionDialogFace
from optimus_tui.tui.actions.action_dialog_keys import ALWAYS, LETTERS, is_command
from optimus_tui.tui.actions.action_dialog_widgets import CardView, GuardedButton
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.typed import ReasonInput, TypedInput
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.redis.key_selection import Known
    from optimus_tui.actions.service import ActionService

LEAST_REASON = 3
"""Characters of a reason."""
MOST_WINDOW = 8
"""Digits of a window in seconds."""


def _show(field: Static, text: str) -> None:
    """Change the text where it is another: each update lays out the screen anew, five times a second here."""
    if field.content != Content(text):
        field.update(Content(text))


class ActionDialogView(Dialog):
    """The dialog's state and its picture."""

    def __init__(
        self, action_service: "ActionService", clock: Clock, request: ActionRequest, known: "Known | None" = None
    ) -> None:
        super().__init__()
        self.face = ActionDialogFace(self)
        self.action_service, self.clock, self.request, self.known = action_service, clock, request, known
        self.plan: Plan | None = None
        self.card: Preview | None = None
        self.words = ""
        """What has to be typed."""
        self.stage = "planning"
        self.whole = False
        self.seen: tuple[int, int | None] = (0, None)
        self.refusal: Refusal | None = None
        self.began = False
        """Whether the action service was asked to act: a bug of ours may then end it halfway."""
        self.progress: Progress | None = None
        self._cancel = threading.Event()
        self.told = asyncio.Event()
        """Set with the outcome."""
        self.outcome: tuple[Receipt, str] | None = None
        self._focused_at = clock.mono()

    def compose(self) -> ComposeResult:
        """Return the lines, the fields and the buttons."""
        with Vertical(id="card", classes="action-card"):
            yield CardView(id="body")
            with Horizontal(id="asked-window"):
                yield Static("Window in seconds")
                yield Input(id="window", max_length=MOST_WINDOW, restrict="[0-9]*", select_on_focus=False)
            with Horizontal(id="confirm"):
                yield Static(id="confirm-words")
                yield TypedInput(id="confirm-typed", max_length=120)
                yield Static("Reason", id="confirm-why")
                yield ReasonInput(id="confirm-reason", max_length=400, select_on_focus=False)
            with Horizontal(id="deciding"):
                yield Static(id="card-note")
                yield Button("Cancel", id="cancel", compact=True)
                yield GuardedButton("Confirm", id="go", compact=True, disabled=True)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Draw what this stage says, for the width there is."""
        view = self.query_one(CardView)
        lines = self.face.lines(max(20, view.scrollable_content_region.width - 1))
        if [list(row) for row in view.rows] != lines:
            view.set_rows(lines)
            view.styles.height = max(1, len(lines))
        asking = self.stage == "asking" and not self.face.is_cramped()
        self.query_one("#confirm").display = asking
        self.query_one("#asked-window").display = self.face.asks_window()
        go, cancel = self.query_one("#go", Button), self.query_one("#cancel", Button)
        go.display = asking
        cancel.label = {"asking": "Cancel", "planning": "Cancel", "acting": "Stop"}.get(self.stage, "Close")
        note, wrong = self.face.note()
        field = self.query_one("#card-note", Static)
        _show(field, note)
        field.set_class(wrong, "-wrong")
        card = self.query_one("#card")
        card.border_title = Content(self.face.title())
        card.border_subtitle = Content(self.face.keys(overflows=view.max_scroll_y > 0))
        if self.card is not None:
            _show(self.query_one("#confirm-words", Static), f"Type  {safe_text(self.words, 60)}")
            go.label = self.card.verb
        go.disabled = not self._may_confirm()

    def is_stopping(self) -> bool:
        """Return True if the running action was told to stop."""
        return self._cancel.is_set()

    def is_command(self, action: str) -> bool:
        """Return True if the letter of ``action`` is a command now, and not text."""
        if isinstance(self.focused, Input):
            return False
        if self.stage != "asking" or self.face.is_cramped():
            return True
        typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
        return is_command(action, self.words, typed, reason)

    def key_of(self, action: str) -> str:
        """Return the key to name for ``action``: its letter, or the key that works while letters are typed."""
        return (LETTERS if self.is_command(action) else ALWAYS)[action]

    def age(self) -> float:
        """Return the plan's age in seconds; 0 without a plan."""
        return max(0.0, self.clock.mono() - self.plan.made_mono) if self.plan else 0.0

    def _missing(self) -> tuple[str, str]:
        """The field that is not filled in yet and what it wants; two empty texts when both are."""
        if self.query_one(TypedInput).value != self.words:
            return "#confirm-typed", f"not the words: type {safe_text(self.words, 60)}"
        if len(self.query_one("#confirm-reason", Input).value.strip()) < LEAST_REASON:
            return "#confirm-reason", "a reason of three letters or more is missing"
        return "", ""

    def _may_confirm(self) -> bool:
        if (
            self.stage != "asking"
            or self.face.is_cramped()
            or self.action_service.guard.armed is None
            or self.age() > STALE_SECONDS
        ):
            return False
        return bool(self.words) and not self._missing()[0]
