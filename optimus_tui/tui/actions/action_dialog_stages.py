"""What the action dialog says at each stage: title, lines, note and keys; and the widgets that show it."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Static

from optimus_tui.tui.actions.action_dialog_text import (
    ALWAYS,
    FEW,
    LETTERS,
    Lines,
    labelled,
    preview_lines,
    progress_lines,
    receipt_lines,
    refusal_lines,
    too_small_lines,
)
from optimus_tui.tui.widgets.cells import first_that_fits
from optimus_tui.tui.widgets.line_painter import wrapping_width
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.numbers import clause, progress
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from textual.geometry import Size

    from optimus_tui.actions.guard import Guard
    from optimus_tui.actions.service import ActionService
    from optimus_tui.contract.actions import Plan, Preview, Progress, Receipt, Refusal

IDLE_WARNING_SECONDS = 30.0
UNDONE = ("not executed", "unknown", "left")
"""Outcomes of keys that a new plan may find again."""
STALE_SECONDS = 60.0
"""The age from which a plan is not confirmed any more."""
PLANNING_LINES = 8
"""Lines that are kept free while the plan is made: when it comes, nothing has to move or be scrolled."""
MINIMUM = (64, 20)
"""Columns and rows below which nothing is confirmed: what is confirmed has to be in sight."""


def room_for_lines(screen: Screen[Any]) -> int:
    """Return how many lines of a dialog there is room for above its fields and buttons, which stay in sight."""
    box = screen.query_one("#card")
    below = [screen.query_one(name) for name in ("#asked", "#deciding")]
    taken = sum(one.outer_size.height + one.styles.margin.height for one in below if one.display)
    return max(1, screen.size.height - box.styles.margin.height - box.gutter.height - taken)


class ActionLines(LineView, can_focus=False):
    """The dialog's lines; the dialog scrolls them, so that tab goes from Cancel to what has to be typed."""

    head_lines = 0
    cursor_visible = False

    def key_of(self, row: object) -> int:
        """Return the line itself as its identity."""
        return id(row)


CARD_CELLS, FRAME_CELLS = 100, 6
"""The width of a dialog where there is room (``styles/modals.tcss``), and what its frame takes of the text on it."""
ON_BUTTON = re.compile(r", on the button: \S+( \S+)*")
"""What enter does on the button, which the button says too."""


class GuardedButton(Button):
    """A button that only a deliberate Enter presses: not one that is held down or was buffered."""

    def action_press(self) -> None:
        """Ask the dialog to confirm, which judges whether the key was deliberate."""
        self.call_later(self.app.run_action, "screen.confirm", self)

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        event.prevent_default()
        self.call_later(self.app.run_action, "screen.clicked", self)


def audit_words(action_service: "ActionService", action: str) -> str:
    """Return the file and the line number of the action's last audit record. Reads a file: call it in a thread."""
    from optimus_tui.history.audit.chain import read

    last: tuple[object, object] | None = None
    path = action_service.audit.path
    place = f"{safe_text(path.name, 60)} in {safe_text(str(path.parent), 200)}"
    try:
        for record in read(path):
            if record.get("action") == action:
                last = (record.get("seq"), record.get("event"))
    except OSError as error:
        return f"the audit file cannot be read: {safe_text(error, 300)}"
    if last is None:
        return f"no record of this action in {place}"
    unfinished = f" (so far: {last[1]})" * (last[1] != "closed")
    return f"line {last[0]}{unfinished} of {place}"


def clock_of(seconds: float) -> str:
    """Return seconds as minutes and seconds: ``9:58``."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def armed_words(guard: "Guard") -> str:
    """Return how long actions stay armed, or that they will be disarmed soon because no key was pressed."""
    idle = guard.idle_seconds_left
    if idle < min(IDLE_WARNING_SECONDS, guard.seconds_left):
        return f"ARMED, disarms in {clock_of(idle)}: no key pressed"
    return f"ARMED {clock_of(guard.seconds_left)}"


class DialogState(Protocol):
    """The part of the action dialog that its texts depend on."""

    action_service: "ActionService"
    stage: str
    """``planning``, ``asking``, ``acting``, ``done`` or ``refused``."""
    plan: "Plan | None"
    preview: "Preview | None"
    whole: bool
    """Whether all keys are listed."""
    seen: tuple[int, int | None]
    """Keys looked at while planning, and how many there are if that is known."""
    refusal: "Refusal | None"
    said: str
    """A sentence about the last key; empty for none."""
    waits: bool
    """Whether Enter was pressed while the plan is made."""
    began: bool
    """Whether the action service was asked to act: a bug may then end it halfway."""
    progress: "Progress | None"
    outcome: "tuple[Receipt, str] | None"
    """The receipt and the words about its audit record; None before something was carried out."""

    @property
    def size(self) -> "Size":
        """Return columns and rows."""

    proof_of: Callable[[str], str]
    """Returns how far the proof of an action is, by its id; empty where nothing is checked."""

    def is_stopping(self) -> bool:
        """Return True if the running action was told to stop."""

    def age(self) -> float:
        """Return the plan's age in seconds."""

    def is_command(self, action: str) -> bool:
        """Return True if the letter of an action is a command now and not typed text."""


class StageTexts:
    """The texts of an action that is planned, confirmed and carried out."""

    def __init__(self, dialog: DialogState) -> None:
        self.dialog = dialog
        self._room = 0
        """Lines that there was room for when they were last drawn."""

    def key_of(self, action: str) -> str:
        """Return the key to name for an action: its letter, or the key that works while letters are typed."""
        if self.dialog.is_command(action):
            return LETTERS[action]
        return ALWAYS[action]

    def is_cramped(self) -> bool:
        """Return True if the terminal is too small to confirm anything."""
        return self.dialog.size.width < MINIMUM[0] or self.dialog.size.height < MINIMUM[1]

    def leaves_rest(self) -> bool:
        """Return True if keys were left undone that can be planned again: the action itself is closed."""
        receipt = self.dialog.outcome[0] if self.dialog.outcome is not None else None
        return receipt is not None and receipt.verified and any(receipt.counts.get(name) for name in UNDONE)

    def asks_window(self) -> bool:
        """Return True if the plan needs a window that only the operator knows."""
        refusal = self.dialog.refusal
        return self.dialog.stage == "refused" and refusal is not None and refusal.code == "window"

    def title(self) -> str:
        """Return the dialog's title: what is done, and where if there is room."""
        dialog = self.dialog
        if self.asks_window():
            return "The window is not known"
        if dialog.stage == "refused":
            return "Not possible"
        if dialog.preview is None or dialog.plan is None:
            return "Planning"
        where = dialog.plan.where
        short = f"{dialog.preview.title} · {safe_text(where.environment, 40)}"
        whole = f"{short} {safe_text(where.place, 60)} db {where.db}"
        if len(whole) < dialog.size.width - 12:
            return whole
        return short

    def lines(self, width: int) -> Lines:
        """Return what the dialog says at this stage, in lines of ``width`` columns."""
        dialog = self.dialog
        if dialog.stage == "planning":
            return [[(f"reading the keys: {progress(*dialog.seen, '…')}", "quiet")]]
        if dialog.stage == "refused" and dialog.refusal is not None:
            return refusal_lines(dialog.refusal, dialog.began, width)
        if dialog.stage == "acting":
            return progress_lines(dialog.progress, dialog.is_stopping(), width)
        if dialog.outcome is not None:
            lines = receipt_lines(*dialog.outcome, width, dialog.plan, dialog.preview)
            if proof := dialog.proof_of(dialog.outcome[0].id):
                lines += labelled("Check", proof, width, "accent")
            return lines
        if dialog.plan is None or dialog.preview is None:
            return []
        if self.is_cramped():
            return too_small_lines(dialog.size, MINIMUM)
        return self.asking_lines(dialog.plan, dialog.preview, width)

    def asking_lines(self, plan: "Plan", preview: "Preview", width: int) -> Lines:
        """Return the lines about what is to be confirmed."""
        keys = {action: self.key_of(action) for action in LETTERS}
        return preview_lines(plan, preview, width, self.dialog.age(), self.dialog.whole, keys)

    def keys(self, overflows: bool) -> str:
        """Return the keys that work at this stage; ``overflows``: whether the lines have to be scrolled."""
        dialog = self.dialog
        if self.asks_window():
            return "enter plans with it   esc closes"
        words = self.stage_keys().get(dialog.stage, "esc closes")
        words = f"{'↑↓ more   ' * overflows}{words}"
        return first_that_fits([words, ON_BUTTON.sub("", words)], min(CARD_CELLS, dialog.size.width) - FRAME_CELLS)

    def stage_keys(self) -> dict[str, str]:
        """Return the keys by stage; a stage that is missing can only be closed."""
        replan, asking = self.key_of("replan"), "enter next"
        if self.dialog.preview is not None:
            asking = f"enter next, on the button: {self.dialog.preview.verb}"
        if self._has_more():
            asking += f"   {self.key_of('whole')} all keys"
        return {
            "done": f"{replan} plans the rest again   esc closes" if self.leaves_rest() else "esc closes",
            "asking": f"{asking}   {replan} plan again   esc cancels",
            "planning": "enter waits for the plan   esc cancels",
            "acting": "esc stops after the batch",
            "refused": f"{replan} plan again   esc closes",
        }

    def draw(self, screen: Screen[Any], ready: bool) -> None:
        """Draw lines, note, buttons and the dialog's frame at the present width.

        Args:
            screen: The dialog.
            ready: Whether an Enter on the button would carry out the plan.
        """
        view, stage = screen.query_one(ActionLines), self.dialog.stage
        lines = self.lines(max(20, wrapping_width(view)))
        if [list(row) for row in view.rows] != lines:
            view.set_rows(lines)
            view.styles.height = max(PLANNING_LINES if self.takes_words() else 1, len(lines))
        if (room := room_for_lines(screen)) != self._room:
            self._room = view.styles.max_height = room
        go, cancel = screen.query_one("#go", Button), screen.query_one("#cancel", Button)
        go.display = stage == "asking" and not self.is_cramped()
        go.set_class(not ready, "-not-ready")
        cancel.label = {"asking": "Cancel", "planning": "Cancel", "acting": "Stop"}.get(stage, "Close")
        if self.dialog.preview is not None:
            go.label = self.dialog.preview.verb
        note, wrong = self.note()
        field = screen.query_one("#card-note", Static)
        if field.content != Content(note):  # an update lays the screen out, and a dialog draws five times a second
            field.update(Content(note))
        field.set_class(wrong, "-wrong")
        box = screen.query_one("#card")
        box.border_title = Content(self.title())
        # Lines that were set just now are laid out later: only a box that has all the room has to be scrolled.
        is_full = screen.size.height - box.outer_size.height <= box.styles.margin.height + 1
        box.border_subtitle = Content(self.keys(overflows=is_full and view.max_scroll_y > 0))

    def _has_more(self) -> bool:
        """Return True if there are keys that are listed only when all are asked for."""
        plan, preview = self.dialog.plan, self.dialog.preview
        return preview is not None and (len(preview.samples) > FEW or bool(plan and plan.ambiguous))

    def takes_words(self) -> bool:
        """Return True while the words and the reason can be typed; False on a terminal that is too small."""
        return self.dialog.stage in ("planning", "asking") and not self.is_cramped()

    def hindrance(self) -> str:
        """Return why nothing can be confirmed, apart from empty fields; empty if it can."""
        dialog = self.dialog
        if dialog.action_service.guard.armed is None or dialog.plan is None or dialog.age() > STALE_SECONDS:
            return self.note()[0]
        return ""

    def note(self) -> tuple[str, bool]:
        """Return the note beside the buttons, and whether it says why nothing can be confirmed."""
        dialog = self.dialog
        if dialog.said:
            return dialog.said, True
        if dialog.stage == "planning" and dialog.waits:
            return "waiting for the plan: enter goes on when it is here, and confirms nothing", False
        if dialog.stage != "asking":
            return "", False
        if dialog.refusal is not None:
            return dialog.refusal.message + clause(dialog.refusal.remedy, " · "), True
        guard = dialog.action_service.guard
        if guard.armed is None:
            return "disarmed meanwhile: esc closes this, :arm arms again", True
        if dialog.age() > STALE_SECONDS:
            return f"the plan is older than a minute: {self.key_of('replan')} plans again", True
        return armed_words(guard), False
