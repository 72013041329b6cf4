"""The flags of the settings, before or after a verb, and the settings that follow from them.

The flags are those of ``settings.table``. None of them gives a default to click: without a flag the variables and the
files decide.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from optimus_tui.cli.output import print_error
from optimus_tui.settings.table import SETTINGS, Setting

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_SAID: set[str] = set()
"""Warnings and notes about the settings that this process has printed."""


def connection_flags(command: Command) -> Command:
    """Add the flags of all settings to a click command, but for those of a dashboard."""
    return _with_flags(command, [row for row in SETTINGS if row.flag and not row.dashboard])


def dashboard_flags(command: Command) -> Command:
    """Add the flags of a dashboard to a click command."""
    return _with_flags(command, [row for row in SETTINGS if row.flag and row.dashboard])


def demo_flags(command: Command) -> Command:
    """Add the flags to a command that starts its own services. Those that would connect it elsewhere are hidden."""
    return _with_flags(command, [row for row in SETTINGS if row.flag], hide_places=True)


def _with_flags(command: Command, rows: Sequence[Setting], *, hide_places: bool = False) -> Command:
    for row in reversed(rows):
        about: dict[str, Any] = {"type": float if row.takes is float else str}
        if row.takes is bool:
            about = {"is_flag": True, "default": None}
        if row.takes is int:
            about = {"type": click.IntRange(row.least, row.most)}
        hidden = hide_places and row.connects
        command = click.option(row.flag, metavar=row.metavar, help=row.flag_help, hidden=hidden, **about)(command)
    return command


def refuse_service_flags(flags: Mapping[str, object]) -> None:
    """Raise UsageError for the first flag that says where services are."""
    for row in SETTINGS:
        if row.flag and row.connects and flags.get(row.parameter) is not None:
            raise click.UsageError(
                f"{row.flag} means nothing here: the demo starts services of its own and watches those"
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
