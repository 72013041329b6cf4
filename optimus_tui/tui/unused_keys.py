"""The sentence for a key that has no effect: it is not used on this screen, or the cursor is at the end already.

Every key gets an answer on every screen and dialog: its effect, or a sentence that names what has that effect.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from textual.app import App
from textual.dom import DOMNode
from textual.keys import format_key
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from optimus_tui.tui.key_gate import KeyGate, takes_text
from optimus_tui.tui.keys import KEYS, NEED_ROWS, Key, written

if TYPE_CHECKING:
    from optimus_tui.tui.base_screen import BaseScreen
    from optimus_tui.tui.dialogs.base import Dialog
    from optimus_tui.tui.widgets.line_view import LineView

HELD_SECONDS = 0.8
"""A terminal repeats a key that is held down after at most this long: at the end of a list it may go on silently."""
COMMANDS_FOR: Mapping[str, str] = {
    "app.help": "help",
    "app.health": "health",
    "app.limits": "limits",
    "app.cache": "keys",
    "app.feed": "feed",
    "app.incident": "incident",
    "app.log": "log",
    "app.router": "router",
    "app.routine": "routine",
    "app.tenant": "tenant",
    "app.tools": "run",
    "app.slower": "interval",
    "app.faster": "interval",
    "pane.bookmarks": "bookmarks",
    "pane.refresh": "refresh",
}
"""The commands that do on every screen what these keys do on the dashboard."""
_SCREENS: Mapping[str, tuple[str, str]] = {
    "incident": ("the incident's screen", "incident"),
    "alerts": ("the alerts' screen", "alerts"),
    "log": ("the command log", "log"),
    "tools": ("the tools' screen", "run"),
}
"""What the screen of a scope is called, and the command that opens it."""
_MEANT: Mapping[str, tuple[str, ...]] = {
    "d": ("pane.open", "limits.detail", "cache.value"),
    "ctrl+d": ("pane.page_down",),
    "ctrl+u": ("pane.page_up",),
    "ctrl+b": ("pane.page_up",),
}
"""The keys that do here what these do in k9s, less and vim, by their id."""
_PANES: Mapping[str, tuple[str, str]] = {
    "health": ("the health pane", "1"),
    "limits": ("the rate limits", "2"),
    "cache": ("the cache keys", "3"),
    "feed": ("the feed", "4"),
}
"""What the pane of a scope is called, and its key."""
_DASHBOARD = ("app", "pane", *_PANES)
_MOVES = re.compile(
    r"(?:\w+\.)?(?:(?:move|page|roll|scroll|scroll_page|step)\((?P<by>-?\d+)\)|(?P<name>first|last|page_up|page_down"
    r"|cursor_up|cursor_down|scroll_up|scroll_down|scroll_home|scroll_end|scroll_top|scroll_bottom|focus_next|focus_previous))$"
)
"""The actions that only move a cursor, a view or the focus."""
_FORWARD = ("last", "page_down", "cursor_down", "scroll_down", "scroll_end", "scroll_bottom")


class KeyReports(Protocol):
    """The part of the application that this module needs: the queue of keys, held keys, and the dashboard."""

    @property
    def keys(self) -> KeyGate:
        """Return the queue of keys."""

    @property
    def dashboard(self) -> object:
        """Return the dashboard; None before it is shown."""

    def is_held(self, seconds: float) -> bool:
        """Return True if the present key came within ``seconds`` after the same key: it may be held down."""


class AnsweredKeys(App[int]):
    """An application that answers every key: by an effect, or by a sentence that says why there is none."""

    async def run_action(
        self,
        action: Any,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run the action of a key, or say why it has no effect now."""
        from optimus_tui.tui.panes.base import Pane, why_nothing
        from optimus_tui.tui.widgets.line_view import LineView

        if isinstance(default_namespace, Pane) and (why := why_nothing(default_namespace, str(action))):
            self.notify(why)
            return True
        if isinstance(default_namespace, LineView) and (why := _no_row(default_namespace, str(action))):
            self.notify(why)
            return True
        move = _MOVES.match(str(action))
        if move is None:
            return await super().run_action(action, default_namespace, namespaces)
        before = _places(self.screen)
        done = await super().run_action(action, default_namespace, namespaces)
        held = cast("KeyReports", self).is_held(HELD_SECONDS)
        if done and not held and before == _places(self.screen) and (why := _end_of(self.screen, move)):
            self.notify(why)
        return done

    def action_help_quit(self) -> None:
        """Answer ctrl+c as ctrl+q; where a text is typed or a dialog is open, say what leaves."""
        from optimus_tui.tui.dialogs.base import Dialog
        from optimus_tui.tui.leaving import LeaveDialog, ask_to_leave

        if takes_text(self.focused):
            self.notify("ctrl+c copies what is marked in this text; esc leaves it, ctrl+q leaves the program")
        elif isinstance(self.screen, Dialog) and not isinstance(self.screen, LeaveDialog):
            self.notify("ctrl+c does nothing in a dialog: esc closes it, ctrl+q leaves the program")
        else:
            ask_to_leave(self)

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        from optimus_tui.tui.base_screen import BaseScreen
        from optimus_tui.tui.dialogs.base import Dialog

        screen = self.screen
        if not priority and cast("KeyReports", self).keys.left_out_of(screen):
            return True
        handled = await super()._check_bindings(key, priority)
        if not handled and not priority and screen is self.screen and isinstance(screen, (BaseScreen, Dialog)):
            self.notify(why_unused(screen, key, self._keymap))
        return handled


def _no_row(view: "LineView", action: str) -> str:
    """Return why an action does nothing with the row under the cursor of a list; empty if it does something."""
    from optimus_tui.tui.widgets.line_view import LineView

    if action not in ("open", "copy") or not view.check_action(action, ()):
        return ""
    if view.selected is None:
        return f"{NEED_ROWS[action]}: there is no line here yet"
    if action == "open" and type(view).action_open is LineView.action_open and not view.opens:
        return "there is no more about this line"
    return ""


def _places(screen: Screen[Any]) -> list[object]:
    """Return where focus, cursors and views of a screen are."""
    found: list[object] = [screen.focused]
    for widget in screen.walk_children(Widget):
        if widget.is_scrollable or hasattr(widget, "highlighted"):
            cursor = [getattr(widget, name, None) for name in ("cursor", "highlighted", "cursor_coordinate", "follow")]
            found.append((widget.scroll_offset, *cursor))
    return found


def _end_of(screen: Screen[Any], move: "re.Match[str]") -> str:
    """Return why a move led nowhere; empty where a view has room left: it scrolls with the next picture."""
    name = move["name"] or ""
    if name.startswith("focus"):
        return "there is nothing else here to go to with tab"
    if not getattr(screen.focused, "rows", True):
        return "there is no line here to go to"
    forward = name in _FORWARD or (move["by"] is not None and int(move["by"]) > 0)
    if any(_has_room(view, forward) for view in _views(screen)):
        return ""
    if forward:
        return "nothing further down: this is the end"
    return "nothing further up: this is the beginning"


def _views(screen: Screen[Any]) -> list[Widget]:
    """Return what a move scrolls: what has the focus with what it lies in; in a dialog without such, all its views."""
    focused = screen.focused
    around = [] if focused is None else [one for one in focused.ancestors_with_self if isinstance(one, Widget)]
    views = [one for one in around if one.allow_vertical_scroll]
    if views or not isinstance(screen, ModalScreen):
        return views
    return [one for one in screen.walk_children(Widget) if one.allow_vertical_scroll]


def _has_room(view: Widget, forward: bool) -> bool:
    """Return whether a view can scroll further down, or up."""
    if forward:
        return view.scroll_target_y < view.max_scroll_y
    return view.scroll_target_y > 0


def why_unused(screen: "BaseScreen | Dialog", key: str, remapped: Mapping[str, str]) -> str:
    """Return in a sentence why a key has no effect on a screen, and which key or screen has that effect.

    Args:
        screen: The screen or dialog on top.
        key: The key's name.
        remapped: The keys that the user chose, by their id.
    """
    from optimus_tui.tui.dialogs.base import Dialog

    name = format_key(key) if "_" in key and written(key) == key else written(key)
    if isinstance(screen, Dialog):
        keys = str(screen.query_one("#card").border_subtitle or screen.dialog_keys)
        return f"{name} does nothing in this dialog: {', '.join(keys.split('   '))}"
    rows = [row for row in KEYS if key in remapped.get(row.id, row.keys).split(",") and row.scope != "router"]
    reasons: Mapping[str, str] = getattr(screen, "UNUSED", {})
    own = next((row for row in rows if row.id in reasons), None)
    if own is not None:
        return f"{name}: {reasons[own.id]}"
    if takes_text(screen.focused):
        return f"{name} does nothing while a text is typed; tab goes on, esc goes back"
    row = min(rows, key=lambda row: row.scope not in _DASHBOARD, default=None)
    if row is None:
        return _unknown(name, key, screen)
    return _elsewhere(name, row, screen)


def _unknown(name: str, key: str, screen: "BaseScreen") -> str:
    """Return that no screen uses a key, and which keys do here what it does in programs like this one."""
    active = {one.binding.id: one.binding for one in reversed(screen.active_bindings.values())}
    meant = [active[one] for one in _MEANT.get(key, ()) if one in active]
    instead = "".join(f"{written(one.key)} is {one.description}, " for one in meant)
    return f"{name} has no use here; {instead}? lists the keys that have"


def _elsewhere(name: str, row: Key, screen: "BaseScreen") -> str:
    """Return where a key works, and how to get there."""
    command = COMMANDS_FOR.get(row.id, "")
    if row.scope in _SCREENS:
        place, command = _SCREENS[row.scope]
        return f"{name} ({row.label}) is a key of {place}; :{command} opens it"
    if command:
        return f"{name} ({row.label}) is a key of the panes; here :{command} does it"
    place, number = _PANES.get(row.scope, ("the panes", ""))
    if number and cast("KeyReports", screen.app).dashboard is screen:
        return f"{name} ({row.label}) is a key of {place}; {number} goes there"
    return f"{name} ({row.label}) is a key of {place}; esc goes back"
