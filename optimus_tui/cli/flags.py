"""The flags of every verb that connects, before or after the verb, and the settings that follow from them.

They have no defaults: without a flag the environment and the files decide.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from optimus_tui.cli.output import complain

if TYPE_CHECKING:
    from optimus_tui.settings.model import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

_FLAGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--env", {"metavar": "NAME", "help": "Environment of the configuration, as in [env.NAME]."}),
    ("--config", {"metavar": "FILE", "help": "Read this file instead of optimus.toml and the user's own."}),
    ("--gateway-url", {"metavar": "URL", "help": "Backend Orchestrator (http://localhost:8020)."}),
    ("--engine-url", {"metavar": "URL", "help": "AI Engine (http://localhost:8010)."}),
    ("--redis-url", {"metavar": "URL", "help": "Redis, without a password (redis://localhost:6379/0)."}),
    ("--refresh", {"metavar": "SECONDS", "type": float, "help": "Pause between two looks, 0.5 to 60 (2)."}),
    ("--theme", {"metavar": "NAME", "help": "optimus-dark, optimus-light, optimus-contrast or one of Textual's."}),
    ("--insecure-tls", {"is_flag": True, "default": None, "help": "Permit ssl_cert_reqs=none; then read-only."}),
)
_SAID: set[str] = set()
"""Warnings and notes about the settings that this process has printed."""
_PLACES = ("--env", "--gateway-url", "--engine-url", "--redis-url", "--insecure-tls")
"""They say where the services are."""


def connected(command: Command) -> Command:
    """Add the flags to a click command."""
    for name, about in reversed(_FLAGS):
        command = click.option(name, **about)(command)
    return command


def connected_to_itself(command: Command) -> Command:
    """Add the flags of a connected verb to one that starts its own services: those that name places are hidden."""
    for name, about in reversed(_FLAGS):
        command = click.option(name, hidden=name in _PLACES, **about)(command)
    return command


def refuse_places(flags: Mapping[str, object]) -> None:
    """Raise UsageError for the first flag that says where services are."""
    for name in _PLACES:
        if flags.get(name.lstrip("-").replace("-", "_")) is not None:
            raise click.UsageError(f"{name} means nothing here: the demo starts services of its own and watches those")


def joined(ctx: click.Context, given: Mapping[str, object]) -> dict[str, object]:
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
                complain(sentence)
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
