"""Check what a user chose for the screen: the theme's name, and which key does what. Pure.

The caller gives the table of keys and the names of themes, which belong to the screens.
"""

import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from optimus_tui.settings.errors import SettingsError, nearest, spelled

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings

CHECK = "optimus_tui.cli.ui_settings_check"
"""Where a click context's ``meta`` holds the check for verbs that open no screen."""

Check = Callable[["Settings"], None]

_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_NAMED = "up down left right home end pageup pagedown insert delete backspace enter escape tab space"
_MODIFIERS = ("ctrl", "alt", "shift", "super", "meta", "hyper")
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+j": "enter"}
_ALONE = ("incident", "router", "log", "alerts")
"""Screens of their own: the panes' keys do not work there, but for those that every list has."""


class KeyEntry(Protocol):
    """A row of the table of keys: ``keys`` are the default ones, separated by commas."""

    @property
    def id(self) -> str:
        """The name of the key in the settings, such as ``pane.copy``."""

    @property
    def keys(self) -> str:
        """The default keys, separated by commas."""

    @property
    def scope(self) -> str:
        """The screen or pane where it works."""


def check(settings: "Settings", table: Sequence[KeyEntry], themes: Iterable[str], lists: Iterable[str] = ()) -> None:
    """Raise SettingsError for the first choice that cannot be kept. ``lists``: ids of keys that work in every list."""
    names = list(themes)
    if settings.theme not in names:
        where = settings.sources.get("theme", "default")
        raise SettingsError(f"{where}: there is no theme {spelled(settings.theme)!r}; {nearest(settings.theme, names)}")
    bound = {key.id: set(_names(key.keys)) for key in table}
    for name, wish in settings.keys.items():
        where = f'{settings.sources.get(f"keys.{name}", "default")}: keys."{spelled(name)}"'
        if name not in bound:
            raise SettingsError(f"{where} is no key of ours; {nearest(name, list(bound))}")
        bound[name] = set(_checked(wish, where))
    for name in settings.keys:
        for other, key in _clashes(name, bound, table, tuple(lists)):
            where = f'{settings.sources.get(f"keys.{name}", "default")}: keys."{name}"'
            raise SettingsError(f"{where} takes {key}, which is {other} already; give that one another key too")


def _names(keys: str) -> Iterator[str]:
    for one in keys.split(","):
        name = one.strip()
        yield _name(name) if len(name) == 1 else name


def _name(char: str) -> str:
    """A single character as the screen calls it: ``?`` is ``question_mark``."""
    if char.isalnum():
        return char
    name = unicodedata.name(char, "").lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_KEYS = frozenset(
    (*_NAMED.split(), *(f"f{number}" for number in range(1, 25)), *(_name(char) for char in string.punctuation)),
)


def _checked(wish: str, where: str) -> Iterator[str]:
    for name in _names(wish):
        *modifiers, last = name.split("+")
        plain = len(last) == 1 and last.isalnum()
        if not (plain or last in _KEYS) or any(one not in _MODIFIERS for one in modifiers):
            shown = "a key is missing"
            if name:
                shown = f"{spelled(name)!r} is no key"
            raise SettingsError(f"{where}: {shown}; write it as in z, Z, ?, f5, ctrl+t or question_mark")
        if name in _SAME:
            raise SettingsError(f"{where}: no terminal can tell {name} from {_SAME[name]}")
        yield name


def _clashes(
    mine: str, bound: dict[str, set[str]], table: Sequence[KeyEntry], lists: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Other lines that the same key would mean in the same place, and that key."""
    scopes = {key.id: key.scope for key in table}
    for other, keys in bound.items():
        both = bound[mine] & keys
        if other != mine and both and _meet((mine, scopes[mine]), (other, scopes[other]), lists):
            yield other, min(both)


def _meet(one: tuple[str, str], two: tuple[str, str], lists: tuple[str, ...]) -> bool:
    """Whether both work in one place."""
    (first, here), (second, there) = one, two
    if here == there or "app" in (here, there):
        return True
    if here in _ALONE or there in _ALONE:
        return (here == "pane" and first in lists) or (there == "pane" and second in lists)
    return "pane" in (here, there)
