"""How the blast-radius card looks at each stage: its lines, its fields, its keys, what is still missing.

It plans and confirms nothing. It refuses to draw half a confirmation: below ``LEAST`` there is none.
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
from optimus_tui.tui.actions.action_dialog_keys import ALWAYS, LETTERS, is_command
from optimus_tui.tui.actions.action_dialog_text import (
    FEW,
    Lines,
    preview_lines,
    progress_lines,
    receipt_lines,
    refusal_lines,
    too_small_lines,
)
from optimus_tui.tui.actions.action_dialog_widgets import CardView, GuardedButton, armed_words
from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.widgets.typed import ReasonInput, TypedInput
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.redis.key_selection import Known
    from optimus_tui.actions.service import ActionService

STALE_SECONDS = 60.0
LEAST = (64, 20)
"""Columns and rows below which nothing is confirmed: what one confirms has to be in sight."""
LEAST_REASON = 3
"""Characters of a reason."""
MOST_WINDOW = 8
"""Digits of a window in seconds."""


def _show(field: Static, text: str) -> None:
    """Change the text where it is another: each update lays out the screen anew, five times a second here."""
    if field.content != Content(text):
        field.update(Content(text))


class CardFace(Dialog):
    """The card's state and its picture."""

    def __init__(
        self, action_service: "ActionService", clock: Clock, request: ActionRequest, known: "Known | None" = None
    ) -> None:
        super().__init__()
        self.action_service, self.clock, self.request, self.known = action_service, clock, request, known
        self.plan: Plan | None = None
        self.card: Preview | None = None
        self.words = ""
        """What has to be typed."""
        self.stage = "planning"
        self.whole = False
        self._seen: tuple[int, int | None] = (0, None)
        self._refusal: Refusal | None = None
        self.began = False
        """Whether the desk was asked to act: then an end by a fault of ours may come after some of it."""
        self._progress: Progress | None = None
        self._cancel = threading.Event()
        self.told = asyncio.Event()
        """Set with the outcome."""
        self._receipt: tuple[Receipt, str] | None = None
        self._focused_at = clock.mono()

    def compose(self) -> ComposeResult:
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
        """What this stage has to say, for the width there is."""
        view = self.query_one(CardView)
        lines = self._lines(max(20, view.scrollable_content_region.width - 1))
        if [list(row) for row in view.rows] != lines:
            view.set_rows(lines)
            view.styles.height = max(1, len(lines))
        asking = self.stage == "asking" and not self._cramped()
        self.query_one("#confirm").display = asking
        self.query_one("#asked-window").display = self._asks_window()
        go, cancel = self.query_one("#go", Button), self.query_one("#cancel", Button)
        go.display = asking
        cancel.label = {"asking": "Cancel", "planning": "Cancel", "acting": "Stop"}.get(self.stage, "Close")
        note, wrong = self._note()
        field = self.query_one("#card-note", Static)
        _show(field, note)
        field.set_class(wrong, "-wrong")
        card = self.query_one("#card")
        card.border_title = Content(self._title())
        card.border_subtitle = Content(self._keys(overflows=view.max_scroll_y > 0))
        if self.card is not None:
            _show(self.query_one("#confirm-words", Static), f"Type  {safe_text(self.words, 60)}")
            go.label = self.card.verb
        go.disabled = not self._may_confirm()

    def _title(self) -> str:
        """What is done, and where."""
        if self._asks_window():
            return "One thing is not known"
        if self.stage == "refused" or self.card is None or self.plan is None:
            return "Not possible" if self.stage == "refused" else "Planning"
        where = self.plan.where
        short = f"{self.card.title} · {safe_text(where.environment, 40)}"
        whole = f"{short} {safe_text(where.place, 60)} db {where.db}"
        return whole if len(whole) < self.size.width - 12 else short

    def _cramped(self) -> bool:
        return self.size.width < LEAST[0] or self.size.height < LEAST[1]

    def _asks_window(self) -> bool:
        return self.stage == "refused" and self._refusal is not None and self._refusal.code == "window"

    def _lines(self, width: int) -> Lines:
        if self.stage == "planning":
            seen, total = self._seen
            return [[(f"looking at the keys: {seen:,}{f' of {total:,}' if total is not None else ''} …", "quiet")]]
        if self.stage == "refused" and self._refusal is not None:
            return refusal_lines(self._refusal, self.began, width)
        if self.stage == "acting":
            return progress_lines(self._progress, self._cancel.is_set(), width)
        if self._receipt is not None:
            return receipt_lines(*self._receipt, width, self.plan, self.card.effect if self.card else "")
        if self.plan is None or self.card is None:
            return []
        if self._cramped():
            return too_small_lines(self.size, LEAST)
        return self._asking_lines(width)

    def _asking_lines(self, width: int) -> Lines:
        """What is about to be confirmed."""
        assert self.plan is not None
        assert self.card is not None
        keys = {action: self.key_of(action) for action in LETTERS}
        return preview_lines(self.plan, self.card, width, self._age(), self.whole, keys)

    def is_command(self, action: str) -> bool:
        """Whether the letter of ``action`` is a command now, and not typed."""
        if isinstance(self.focused, Input):
            return False
        if self.stage != "asking" or self._cramped():
            return True
        typed, reason = self.query_one(TypedInput).value, self.query_one("#confirm-reason", Input).value
        return is_command(action, self.words, typed, reason)

    def key_of(self, action: str) -> str:
        """The key to name for ``action``: its letter, or the one that works while letters are typed."""
        return (LETTERS if self.is_command(action) else ALWAYS)[action]

    def _keys(self, overflows: bool) -> str:
        if self._asks_window():
            return "enter plans with it   esc closes"
        anew = self.key_of("anew")
        whole = f"   {self.key_of('whole')} all keys" if self._has_more else ""
        keys = {"asking": f"tab next{whole}   {anew} plan anew   esc cancels", "planning": "esc cancels",
                "acting": "esc stops after the batch", "refused": f"{anew} plan anew   esc closes"}  # fmt: skip
        return ("↑↓ more   " if overflows else "") + keys.get(self.stage, "esc closes")

    @property
    def _has_more(self) -> bool:
        """Whether there are keys that are shown only when all are asked for."""
        return self.card is not None and (len(self.card.samples) > FEW or bool(self.plan and self.plan.ambiguous))

    def _age(self) -> float:
        return max(0.0, self.clock.mono() - self.plan.made_mono) if self.plan else 0.0

    def _note(self) -> tuple[str, bool]:
        """What is still missing; whether it is a refusal."""
        if self.stage != "asking":
            return "", False
        if self._refusal is not None:
            return self._refusal.message + (f" · {self._refusal.remedy}" if self._refusal.remedy else ""), True
        armed = self.action_service.guard.armed
        if armed is None:
            return "disarmed meanwhile: esc, then :arm", True
        if self._age() > STALE_SECONDS:
            return f"older than a minute: {self.key_of('anew')} plans anew", True
        return armed_words(self.action_service.guard), False

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
            or self._cramped()
            or self.action_service.guard.armed is None
            or self._age() > STALE_SECONDS
        ):
            return False
        return bool(self.words) and not self._missing()[0]
