"""The command's group, whose verbs are imported when they run, and the flags that it and every verb take."""

import importlib
import os
import string
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar, get_args, get_origin

import click
from click.shell_completion import CompletionItem

from optimus_tui.cli.output import print_error
from optimus_tui.settings.table import SETTINGS, Setting, SettingsError, nearest, spelled

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings

_SAID: set[str] = set()
"""Warnings and notes about the settings that this process has printed."""
CHECK = "optimus_tui.check_of_ui_settings"
"""Where a click context's ``meta`` holds the check for verbs that open no screen."""
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


class Verb(NamedTuple):
    """The click command of a verb, as ``module:name``, and the line that ``--help`` shows for it."""

    place: str
    help: str


class LazyGroup(click.Group):
    """A group that knows names and help lines from ``verbs`` and imports a verb only to run it."""

    verbs: ClassVar[dict[str, Verb]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of a verb, or None for an unknown name."""
        verb = self.verbs.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs for ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in self.verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the verbs that begin with ``incomplete``, then what click itself completes."""
        verbs = [
            CompletionItem(name, help=verb.help) for name, verb in self.verbs.items() if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)


Command = TypeVar("Command", bound=Callable[..., Any])


def connection_flags(command: Command) -> Command:
    """Add the flags of all settings to a click command, except those of a dashboard."""
    return _with_flags(command, [row for row in SETTINGS if row.flag and not row.dashboard])


def dashboard_flags(command: Command) -> Command:
    """Add the flags of a dashboard to a click command."""
    return _with_flags(command, [row for row in SETTINGS if row.flag and row.dashboard])


def demo_flags(command: Command) -> Command:
    """Add the settings' flags to a command that starts its own services.

    Those that would connect it elsewhere are hidden.
    """
    return _with_flags(command, [row for row in SETTINGS if row.flag], hide_places=True)


def _with_flags(command: Command, rows: Sequence[Setting], *, hide_places: bool = False) -> Command:
    for row in reversed(rows):
        about: dict[str, Any] = {"type": float if row.takes is float else str}
        if row.takes is bool:
            about = {"is_flag": True, "default": None}
        if get_origin(row.takes) is Literal:
            about = {"type": click.Choice(get_args(row.takes))}
        if row.takes is int:
            about = {"type": click.IntRange(row.least, row.most)}
        hidden = hide_places and row.connects
        command = click.option(row.flag, metavar=row.metavar, help=row.flag_help, hidden=hidden, **about)(command)
    return command


def refuse_service_flags(flags: Mapping[str, object]) -> None:
    """Raise UsageError for the first given flag that names the address of a service."""
    for row in SETTINGS:
        if row.flag and row.connects and flags.get(row.parameter) is not None:
            raise click.UsageError(
                f"{row.flag} cannot be used here: the demo starts services of its own and watches those"
            )


def merge_flags(ctx: click.Context, given: Mapping[str, object]) -> dict[str, object]:
    """Return the flags before the verb merged with those after it; the later wins."""
    before: Mapping[str, object] = ctx.find_root().obj or {}
    return {**before, **{name: value for name, value in given.items() if value is not None}}


def settings_of(
    flags: Mapping[str, object], env: Mapping[str, str] | None = None, *, quiet: bool = False
) -> "Settings":
    """Return the settings from flags, the environment and files.

    Warnings go to stderr, each sentence once in a process; ``quiet`` leaves them to the caller.

    Raises:
        SettingsError: a setting is wrong, in one sentence.
    """
    from optimus_tui.settings.load import load

    settings = load(flags, os.environ if env is None else env, working_directory(), _user_config())
    if not quiet:
        for sentence in (*settings.warnings, *settings.notes):
            if sentence not in _SAID:
                _SAID.add(sentence)
                print_error(sentence)
    return settings


def environments_of(flags: Mapping[str, object], env: Mapping[str, str] | None = None) -> list[str]:
    """Return the names that ``--env`` accepts."""
    from optimus_tui.settings.load import environments

    return environments(flags, os.environ if env is None else env, working_directory(), _user_config())


def working_directory() -> Path:
    """Return the current directory, or the root if it has been deleted."""
    try:
        return Path.cwd()
    except OSError:
        return Path("/")


def _user_config() -> Path:
    from optimus_tui.settings.files import user_config_file

    return user_config_file()


Check = Callable[["Settings"], None]


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
    """Raise SettingsError for the first choice for the screen, a theme or a key, that cannot be kept.

    Args:
        settings: What the user chose.
        table: The keys of the screens, which this module may not import.
        themes: The names of all themes.
        lists: Ids of keys that work in every list.
    """
    names = list(themes)
    if settings.theme not in names:
        where = settings.sources.get("theme", "default")
        raise SettingsError(f"{where}: there is no theme {spelled(settings.theme)!r}; {nearest(settings.theme, names)}")
    bound = {key.id: set(_names(key.keys)) for key in table}
    for name, wish in settings.keys.items():
        where = f'{settings.sources.get(f"keys.{name}", "default")}: keys."{spelled(name)}"'
        if name not in bound:
            raise SettingsError(f"{where} is not the id of a key; {nearest(name, list(bound))}")
        bound[name] = set(_checked(wish, where))
    for name in settings.keys:
        for other, key in _clashes(name, bound, table, tuple(lists)):
            where = f'{settings.sources.get(f"keys.{name}", "default")}: keys."{name}"'
            raise SettingsError(f"{where} takes {key}, which is {other} already; give that one another key too")


def _names(keys: str) -> Iterator[str]:
    for one in keys.split(","):
        name = one.strip()
        if name in ("ctrl+@", "ctrl+at"):
            name = "ctrl+space"  # many terminals send the one for the other
        yield _name(name) if len(name) == 1 else name


def _name(char: str) -> str:
    """Return the screen's name of a single character: ``?`` is ``question_mark``."""
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
                shown = f"{spelled(name)!r} is not a key"
            raise SettingsError(f"{where}: {shown}; write it as in z, Z, ?, f5, ctrl+t or question_mark")
        if name in _SAME:
            raise SettingsError(f"{where}: no terminal can tell {name} from {_SAME[name]}")
        yield name


def _clashes(
    mine: str, bound: dict[str, set[str]], table: Sequence[KeyEntry], lists: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Other lines that the same key would mean in the same place, and that key; not where our own table shares it."""
    scopes = {key.id: key.scope for key in table}
    ours = {key.id: set(_names(key.keys)) for key in table}
    for other, keys in bound.items():
        both = (bound[mine] & keys) - (ours[mine] & ours[other])
        if other != mine and both and _meet((mine, scopes[mine]), (other, scopes[other]), lists):
            yield other, min(both)


def _meet(one: tuple[str, str], two: tuple[str, str], lists: tuple[str, ...]) -> bool:
    """Return whether there is a place in which both work."""
    (first, here), (second, there) = one, two
    if here == there or "app" in (here, there):
        return True
    if here in _ALONE or there in _ALONE:
        return (here == "pane" and first in lists) or (there == "pane" and second in lists)
    return "pane" in (here, there)
