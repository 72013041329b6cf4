"""Leave the program: at once, or after one question if typed text or running work would be lost."""

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rich.text import Text
from textual.app import App

from optimus_tui.tui.dialogs.base import AskDialog
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.service import ActionService
    from optimus_tui.incidents.service import IncidentService


@runtime_checkable
class HoldsUnsaved(Protocol):
    """A screen that may have typed text or running work that would be lost."""

    def would_lose(self) -> str:
        """Return what would be lost if the program ended now, as part of a sentence; empty for nothing."""


class LeaveDialog(AskDialog):
    """Asks whether to leave the program in spite of what would be lost."""

    dialog_keys = "y leaves   n or esc stays"


def running_step(service: "IncidentService | None") -> str:
    """Return which step of an incident runs now, in words; empty for none."""
    running = service.state.running if service is not None else None
    if running is not None:
        return f"the step that runs now: {safe_text(running.plan.title, 60)}"
    return ""


def armed_actions(service: "ActionService | None") -> str:
    """Return that actions are armed, and where, in words; empty where none are."""
    armed = service.guard.armed if service is not None else None
    if armed is not None:
        return f"actions are armed on {safe_text(armed.where.place, 60)}: leaving disarms"
    return ""


def left_behind(app: App[Any]) -> str:
    """Return that an incident stays open and that a drill ends, to be read once the terminal is back; else nothing."""
    optimus: Any = app  # its class opens what asks here
    board = optimus.dashboard
    if board is None:
        return ""
    words = ["the drill ended without a result"] if board.drills.running is not None else []
    if number := board.incidents.open_number():
        start = "optimus-tui demo" if optimus.demo is not None else "optimus-tui"
        place = safe_text(board.settings.environment, 24)
        words.append(f"incident {number} of {place} stays open: i resumes it when {start} is started again")
    return "\n".join(words)


def ask_to_leave(app: App[Any]) -> None:
    """Leave the program; ask once if a screen has something that would be lost.

    A second call while it asks leaves at once.
    """
    screens, words = list(app.screen_stack), left_behind(app)
    leave = partial(app.exit, 0, message=Text(words) if words else None)
    lost = [what for one in screens if isinstance(one, HoldsUnsaved) and (what := one.would_lose())]
    if not lost or any(isinstance(one, LeaveDialog) for one in screens):
        leave()
        return

    def answered(yes: bool | None) -> None:
        if yes:
            leave()

    listed = "\n".join(f"  {what}" for what in lost)
    app.push_screen(LeaveDialog("Leave the program", f"This would be lost:\n{listed}\nLeave anyway?"), answered)
