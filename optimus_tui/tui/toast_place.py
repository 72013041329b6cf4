"""On which screen a toast is shown, and where: clear of the row under the cursor, and of the field that is typed in."""

from typing import Any

from textual.app import App
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, OptionList, TextArea
from textual.widgets._toast import Toast, ToastRack

from optimus_tui.tui.toasts import ToastQueue
from optimus_tui.tui.widgets.line_view import LineCanvas

PLACE_SECONDS = 0.5
"""Between two looks whether the toast lies on the row under the cursor."""


async def show_toasts(app: App[Any], queue: ToastQueue) -> None:
    """Show the toast whose turn it is on the screen on top, whichever that is."""
    if not app.screen_stack:
        return
    chosen = queue.choose(app._notifications, app.size.width)
    for rack in app.screen.query_children(ToastRack):
        keep = {rack._toast_id(one) for one in chosen}
        await rack.remove_children([holder for holder in rack.children if holder.id not in keep])
        rack.show(chosen)
    app.call_after_refresh(place_toast, app, queue)


def place_toast(app: App[Any], queue: ToastQueue) -> None:
    """Keep the toast off the row under the cursor, which may have come to stand beneath it."""
    if app.screen_stack and queue.is_showing:
        for rack in app.screen.query_children(ToastRack):
            _clear_cursor(app.screen, rack)


def cursor_region(screen: Screen[object]) -> Region | None:
    """Return where the row under the cursor is on a screen, or the field that is typed in; None for neither."""
    focused = screen.focused
    if isinstance(focused, (Input, TextArea)):
        return focused.region
    if isinstance(focused, LineCanvas):
        lines = [y for y in range(focused.page_size) if focused.flow.row_at(y) == focused.cursor]
        return _lines_of(focused, focused.head_lines, lines)
    if isinstance(focused, OptionList):
        first = int(focused.scroll_offset.y)
        shown = enumerate(focused._lines[first : first + focused.content_size.height])
        return _lines_of(focused, 0, [y for y, (option, _) in shown if option == focused.highlighted])
    return None


def _lines_of(widget: Widget, head: int, lines: list[int]) -> Region | None:
    if not lines:
        return None
    box = widget.content_region
    return Region(box.x, box.y + head + lines[0], box.width, lines[-1] - lines[0] + 1)


def _clear_cursor(screen: Screen[object], rack: ToastRack) -> None:
    """Move the toasts of a screen off the row under the cursor, or back to their place: above it, in a dialog below."""
    toasts = rack.query(Toast)
    if not rack.is_attached or not toasts or not toasts.first().region:
        return
    usual, toast, cursor = rack.styles.base.margin, toasts.first().region, cursor_region(screen)
    docked_on_top = rack.styles.dock == "top"
    top = usual.top if docked_on_top else screen.size.height - usual.bottom - toast.height
    margin = usual
    if cursor is not None and cursor.overlaps(Region(toast.x, top, toast.width, toast.height)):
        if docked_on_top:
            margin = usual._replace(top=cursor.bottom)
        else:
            margin = usual._replace(bottom=screen.size.height - cursor.y)
    if rack.styles.margin != margin:
        rack.styles.margin = margin
