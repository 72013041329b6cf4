"""A click group whose verbs are imported when they run: ``--help`` and completion cost no more than this file."""

import importlib
from typing import ClassVar, NamedTuple

import click
from click.shell_completion import CompletionItem


class Verb(NamedTuple):
    """Where a verb's click command is, as ``module:name``, and its line in ``--help``."""

    place: str
    help: str


class LazyGroup(click.Group):
    """Reads names and help lines from ``verbs``; it refuses to import a verb in order to list it."""

    verbs: ClassVar[dict[str, Verb]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = self.verbs.get(cmd_name)
        if verb is None:
            return None
        module, _, name = verb.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in self.verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [
            CompletionItem(name, help=verb.help) for name, verb in self.verbs.items() if name.startswith(incomplete)
        ]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)
