"""Where a toast is shown: on the top screen, in lines that every screen leaves free for it above the keys.

Nothing moves when it comes or goes, and dialogs end above it. In a low terminal one line is free: there the answer to a
key also takes the line of the keys if it needs two, because its end says what to do. An alert stays in its line.
"""

from typing import Any

from textual.app import App
from textual.geometry import Size
from textual.widgets import Static
from textual.widgets._toast import ToastRack

from optimus_tui.tui.dashboard.sizes import toast_lines
from optimus_tui.tui.toasts.queue import ToastQueue


class ToastRoom(Static):
    """The lines that a screen leaves free for the toast above its keys."""

    DEFAULT_CSS = "ToastRoom { height: auto; }"

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the lines that a terminal of this height leaves free."""
        return toast_lines(viewport.height)


async def show_toasts(app: App[Any], queue: ToastQueue, key_at: float) -> None:
    """Show the toast whose turn it is on the top screen. ``key_at``: when the last key was read."""
    if not app.screen_stack:
        return
    place = app.screen, getattr(app.screen, "current", "")
    for ended in queue.past(list(app._notifications), place, key_at):
        del app._notifications[ended]
    own = toast_lines(app.size.height)
    chosen = queue.choose(app._notifications, app.size.width, own)
    for below in app.screen_stack[:-1]:
        for rack in below.query_children(ToastRack):
            await rack.remove_children()
    lines = max((len(one.message.splitlines()) for one in chosen), default=0)
    for rack in app.screen.query_children(ToastRack):
        rack.styles.margin = (0, 0, 0 if lines > own else 1, 0)
        keep = {rack._toast_id(one) for one in chosen}
        await rack.remove_children([holder for holder in rack.children if holder.id not in keep])
        rack.show(chosen)
