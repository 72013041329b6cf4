"""A click group whose verbs are imported when they run: ``--help`` and completion cost no more than this file."""

import importlib
from typing import ClassVar, NamedTuple

import click
from click.shell_completion import CompletionItem


class Verb(NamedTuple):
    """Where a verb's click command is, as ``module:name``, and its line in ``--help``, which stands only here."""

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
