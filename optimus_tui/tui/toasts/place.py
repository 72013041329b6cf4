"""On which screen a toast is shown, and where: clear of the row under the cursor, and of the field that is typed in.

It stands once, on the screen on top; there it lies neither on the header nor on a dialog's title or keys.
"""

from typing import Any

from textual.app import App
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, OptionList, TextArea
from textual.widgets._toast import Toast, ToastRack

from optimus_tui.tui.toasts.queue import ToastQueue
from optimus_tui.tui.widgets.line_view import LineCanvas

HEADER_LINES = 1
"""Lines at the top with clock, verdict and the time of a drill."""
PLACE_SECONDS = 0.5
"""Between two looks whether the toast lies on the row under the cursor."""


async def show_toasts(app: App[Any], queue: ToastQueue) -> None:
    """Show the toast whose turn it is on the screen on top, whichever that is."""
    if not app.screen_stack:
        return
    for below in app.screen_stack[:-1]:
        for rack in below.query_children(ToastRack):
            await rack.remove_children()
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
    """Move the toasts of a screen off the row under the cursor, or back to their place."""
    toasts = rack.query(Toast)
    if not rack.is_attached or not toasts or not toasts.first().region:
        return
    usual, toast, cursor = rack.styles.base.margin, toasts.first().region, cursor_region(screen)
    margin = usual
    if rack.styles.dock == "top":
        margin = usual._replace(top=_top_beside_card(screen, toast, cursor))
    else:
        top = screen.size.height - usual.bottom - toast.height
        if cursor is not None and cursor.overlaps(Region(toast.x, top, toast.width, toast.height)):
            margin = usual._replace(bottom=screen.size.height - cursor.y)
    if rack.styles.margin != margin:
        rack.styles.margin = margin


def _top_beside_card(screen: Screen[object], toast: Region, cursor: Region | None) -> int:
    """Return the first line of a toast above a dialog: beside its card, else in it, below its title or above its keys.

    Where it fits nowhere it stands right below the header.
    """
    cards = screen.query("#card")
    if not cards:
        return HEADER_LINES
    card, height = cards.first().region, toast.height
    title, keys = (Region(card.x, y, card.width, 1) for y in (card.y, card.bottom - 1))
    kept = [one for one in (Region(0, 0, screen.size.width, HEADER_LINES), title, keys, cursor) if one is not None]
    for top in (card.bottom, HEADER_LINES, card.y + 1, card.bottom - 1 - height):
        place = Region(toast.x, top, toast.width, height)
        if top + height < screen.size.height and not any(place.overlaps(one) for one in kept):
            return top
    return HEADER_LINES
