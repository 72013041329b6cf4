"""Where a toast is shown: on the top screen, in lines of its own above the keys, so that it hides nothing.

It is shown once, on the top screen. The screen below a dialog leaves the same lines free, so that nothing moves when
the dialog closes.
"""

from typing import Any

from textual.app import App
from textual.widgets import Static
from textual.widgets._toast import ToastRack

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.toasts.queue import ToastQueue


class ToastRoom(Static):
    """The lines that a screen leaves free for the toast above its keys."""

    DEFAULT_CSS = "ToastRoom { height: 0; }"


async def show_toasts(app: App[Any], queue: ToastQueue) -> None:
    """Show the toast whose turn it is on the top screen, and make room for its lines."""
    if not app.screen_stack:
        return
    chosen = queue.choose(app._notifications, app.size.width)
    for below in app.screen_stack[:-1]:
        for rack in below.query_children(ToastRack):
            await rack.remove_children()
    _make_room(app, max((len(one.message.splitlines()) for one in chosen), default=0))
    for rack in app.screen.query_children(ToastRack):
        keep = {rack._toast_id(one) for one in chosen}
        await rack.remove_children([holder for holder in rack.children if holder.id not in keep])
        rack.show(chosen)


def _make_room(app: App[Any], lines: int) -> None:
    """Leave lines free on the screens that can be seen: the one on top, and those below its dialogs."""
    for screen in reversed(app.screen_stack):
        if not isinstance(screen, Dialog):
            for room in screen.query_children(ToastRoom):
                room.styles.height = lines
            return
        screen.set_class(lines > 0, "-toast")
