"""What the action dialog says at each stage: title, lines, note and keys. It draws nothing and decides nothing."""

from typing import TYPE_CHECKING, Protocol

from optimus_tui.tui.actions.action_dialog_text import (
    ALWAYS,
    FEW,
    LETTERS,
    Lines,
    preview_lines,
    progress_lines,
    receipt_lines,
    refusal_lines,
    too_small_lines,
)
from optimus_tui.tui.actions.action_dialog_widgets import armed_words
from optimus_tui.wording.numbers import clause, progress
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from textual.geometry import Size

    from optimus_tui.actions.service import ActionService
    from optimus_tui.contract.actions import Plan, Preview, Progress, Receipt, Refusal

STALE_SECONDS = 60.0
"""The age from which a plan is not confirmed any more."""
MINIMUM = (64, 20)
"""Columns and rows below which nothing is confirmed: what is confirmed has to be in sight."""


class DialogState(Protocol):
    """The action dialog as far as its texts depend on it."""

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
    began: bool
    progress: "Progress | None"
    outcome: "tuple[Receipt, str] | None"
    """The receipt and the words about its audit record; None before something was carried out."""

    @property
    def size(self) -> "Size":
        """Return columns and rows."""

    def is_stopping(self) -> bool:
        """Return True if the running action was told to stop."""

    def age(self) -> float:
        """Return the plan's age in seconds."""

    def is_command(self, action: str) -> bool:
        """Return True if the letter of an action is a command now, and not text."""


class ActionDialogFace:
    """The texts of an action that is planned, confirmed and carried out."""

    def __init__(self, dialog: DialogState) -> None:
        self.dialog = dialog

    def key_of(self, action: str) -> str:
        """Return the key to name for an action: its letter, or the key that works while letters are typed."""
        if self.dialog.is_command(action):
            return LETTERS[action]
        return ALWAYS[action]

    def is_cramped(self) -> bool:
        """Return True if the terminal is too small to confirm anything."""
        return self.dialog.size.width < MINIMUM[0] or self.dialog.size.height < MINIMUM[1]

    def asks_window(self) -> bool:
        """Return True if the plan needs a window that only the operator knows."""
        refusal = self.dialog.refusal
        return self.dialog.stage == "refused" and refusal is not None and refusal.code == "window"

    def title(self) -> str:
        """Return what is done, and where if there is room."""
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
            return [[(f"looking at the keys: {progress(*dialog.seen, '…')}", "quiet")]]
        if dialog.stage == "refused" and dialog.refusal is not None:
            return refusal_lines(dialog.refusal, dialog.began, width)
        if dialog.stage == "acting":
            return progress_lines(dialog.progress, dialog.is_stopping(), width)
        if dialog.outcome is not None:
            return receipt_lines(*dialog.outcome, width, dialog.plan, dialog.preview)
        if dialog.plan is None or dialog.preview is None:
            return []
        if self.is_cramped():
            return too_small_lines(dialog.size, MINIMUM)
        return self.asking_lines(dialog.plan, dialog.preview, width)

    def asking_lines(self, plan: "Plan", preview: "Preview", width: int) -> Lines:
        """Return what is about to be confirmed."""
        keys = {action: self.key_of(action) for action in LETTERS}
        return preview_lines(plan, preview, width, self.dialog.age(), self.dialog.whole, keys)

    def keys(self, overflows: bool) -> str:
        """Return the keys that work at this stage; ``overflows`` if the lines have to be scrolled."""
        dialog = self.dialog
        if self.asks_window():
            return "enter plans with it   esc closes"
        words = self.stage_keys().get(dialog.stage, "esc closes")
        if overflows:
            return f"↑↓ more   {words}"
        return words

    def stage_keys(self) -> dict[str, str]:
        """Return the keys by stage; a stage that is missing can only be closed."""
        replan, asking = self.key_of("replan"), "tab next"
        if self._has_more():
            asking += f"   {self.key_of('whole')} all keys"
        return {
            "asking": f"{asking}   {replan} plan again   esc cancels",
            "planning": "esc cancels",
            "acting": "esc stops after the batch",
            "refused": f"{replan} plan again   esc closes",
        }

    def _has_more(self) -> bool:
        """Return True if there are keys that are listed only when all are asked for."""
        plan, preview = self.dialog.plan, self.dialog.preview
        return preview is not None and (len(preview.samples) > FEW or bool(plan and plan.ambiguous))

    def note(self) -> tuple[str, bool]:
        """Return the note beside the buttons, and whether it says why nothing can be confirmed."""
        dialog = self.dialog
        if dialog.stage != "asking":
            return "", False
        if dialog.refusal is not None:
            return dialog.refusal.message + clause(dialog.refusal.remedy, " · "), True
        guard = dialog.action_service.guard
        if guard.armed is None:
            return "disarmed meanwhile: esc, then :arm", True
        if dialog.age() > STALE_SECONDS:
            return f"older than a minute: {self.key_of('replan')} plans again", True
        return armed_words(guard), False
