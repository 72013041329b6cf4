"""Parts of the action dialog: its lines, a button that a held Enter cannot press, the place of its audit record."""

from typing import TYPE_CHECKING

from textual import events
from textual.widgets import Button

from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.guard import Guard
    from optimus_tui.actions.service import ActionService

IDLE_WARNING_SECONDS = 30.0


class ActionLines(LineView, can_focus=False):
    """The dialog's lines; the dialog scrolls them, so that tab goes from Cancel to what has to be typed."""

    head_lines = 0
    cursor_visible = False

    def key_of(self, row: object) -> int:
        """Identify a line by the object that it is."""
        return id(row)


class GuardedButton(Button):
    """Pressed by a deliberate Enter only: neither by one that is held down nor by one that waited in a buffer."""

    def action_press(self) -> None:
        """Ask the dialog to confirm, which judges whether the key was deliberate."""
        self.call_later(self.app.run_action, "screen.confirm", self)

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        event.prevent_default()


def audit_words(action_service: "ActionService", action: str) -> str:
    """Return which line of which file has the action's last audit record. Reads a file: call it in a thread."""
    from optimus_tui.history.audit.files import read

    last: tuple[object, object] | None = None
    path = action_service.audit.path
    place = f"{safe_text(path.name, 60)} in {safe_text(str(path.parent), 200)}"
    try:
        for record in read(path):
            if record.get("action") == action:
                last = (record.get("seq"), record.get("event"))
    except OSError as error:
        return f"not read again: {safe_text(error, 300)}"
    if last is None:
        return f"no line of it was found in {place}"
    return f"line {last[0]} ({last[1]}) of {place}"


def clock_of(seconds: float) -> str:
    """Return seconds as minutes and seconds: ``9:58``."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


def armed_words(guard: "Guard") -> str:
    """Return how long actions are armed, or that they are about to be disarmed because no key was pressed."""
    idle = guard.idle_seconds_left
    if idle < min(IDLE_WARNING_SECONDS, guard.seconds_left):
        return f"ARMED, disarms in {clock_of(idle)}: no key pressed"
    return f"ARMED {clock_of(guard.seconds_left)}"
