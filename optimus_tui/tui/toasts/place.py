"""Where a toast is shown: on the top screen, in lines that every screen leaves free for it above the keys.

Nothing moves when it comes or goes, dialogs end above it, and it covers neither a truth line nor a key. In a low
terminal one line is free: there a long message has its first words and its last clause, which says what to do.
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
    chosen = queue.choose(app._notifications, app.size.width, toast_lines(app.size.height))
    for below in app.screen_stack[:-1]:
        for rack in below.query_children(ToastRack):
            await rack.remove_children()
    for rack in app.screen.query_children(ToastRack):
        rack.styles.margin = (0, 0, 1, 0)
        keep = {rack._toast_id(one) for one in chosen}
        await rack.remove_children([holder for holder in rack.children if holder.id not in keep])
        rack.show(chosen)
