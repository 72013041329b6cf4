"""``run``: ask one tool.

One JSON document on stdout, or a page to read on a terminal; everything else goes to stderr.
"""

import asyncio
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.settings.table import SettingsError
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.contract.tools.common import ErrorCode, Report
    from optimus_tui.tools.answer import ToolFailure


WATCH_SECONDS = 5.0


class RunCommand(click.Command):
    """A command that gives ``--watch`` its default without a number, and prints a document for mistakes in flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does, with what the class adds."""
        given = list(args)
        if ctx.resilient_parsing and given[-1:] == ["--set"]:  # a shell completes its value: which tool is it for?
            given.pop()
        for place, word in enumerate(given):
            if word == "--":
                break
            if word == "--watch" and not _is_number(given[place + 1 : place + 2]):
                given[place] = f"--watch={WATCH_SECONDS:g}"
        try:
            return super().parse_args(ctx, given)
        except click.UsageError as error:
            tool = next((word for word in given if not word.startswith("-")), "")
            Shown(tool, "--json" in given or not _on_terminal()).misuse(error)
            raise


def _is_number(words: list[str]) -> bool:
    return bool(words) and words[0].replace(".", "", 1).isdecimal()


def _indent() -> int:
    if _on_terminal():
        return 2
    return 0


def _on_terminal() -> bool:
    return sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty()


def complete_tool(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return names of tools with what they do."""
    from optimus_tui.tools.registry import TOOLS

    return [CompletionItem(name, help=tool.description) for name, tool in TOOLS.items() if name.startswith(incomplete)]


def complete_value(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return ``NAME=`` of the tool's arguments, then the values that one may take."""
    import msgspec

    from optimus_tui.tools.answer import allowed_values
    from optimus_tui.tools.registry import TOOLS

    tool = TOOLS.get(ctx.params.get("tool") or "")
    if tool is None:
        return []
    name, equals, begun = incomplete.partition("=")
    kinds = {field.name: field.type for field in msgspec.structs.fields(tool.query)}
    if not equals:
        return [CompletionItem(f"{one}=") for one in kinds if one.startswith(name)]
    values: tuple[str, ...] = ()
    if name in kinds:
        values = allowed_values(kinds[name]) or ()
    return [CompletionItem(f"{name}={one}") for one in values if one.startswith(begun) and " " not in one]


@click.command("run", cls=RunCommand)
@click.argument("tool", metavar="TOOL", shell_complete=complete_tool)
@click.argument("arguments", metavar="[JSON|-|@FILE]", required=False)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME=VALUE",
    help="One argument, repeatable.",
    shell_complete=complete_value,
)
@click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too.")
@click.option(
    "--watch", "every", type=click.FloatRange(0.5, 3600), metavar="[SECONDS]", help="Ask again and again (every 5 s)."
)
@click.option("--ndjson", is_flag=True, help="With --watch: one JSON document a line.")
@connection_flags
@click.pass_context
def command(
    ctx: click.Context,
    /,
    tool: str,
    arguments: str | None,
    sets: tuple[str, ...],
    as_json: bool,
    every: float | None,
    ndjson: bool,
    **given: object,
) -> int:
    """Ask TOOL. Its arguments are a JSON object: as text, from stdin (-) or from a file (@FILE).

    `optimus-tui tools` lists the tools, `optimus-tui tools NAME` their arguments.
    """
    from optimus_tui.cli.run_async import to_end
    from optimus_tui.cli.tool_arguments import question
    from optimus_tui.tools.answer import ToolFailure

    shown = Shown(tool, as_json or ndjson or not _on_terminal())
    if every is not None and shown.as_json and not ndjson:
        return shown.refuse("--watch prints one document a line: say --ndjson", "watch")
    try:
        request = question(tool, arguments, sets)
        settings = settings_of(merge_flags(ctx, given))
    except ToolFailure as failure:
        return shown.failure(failure)
    except SettingsError as error:
        return shown.refuse(str(error), None, "bad_configuration")
    return to_end(_tool_call(settings, request, shown, every))


async def _tool_call(settings: Any, request: Mapping[str, Any] | bytes, shown: "Shown", every: float | None) -> int:
    from optimus_tui.cli.run_async import connected_to

    async with connected_to(settings) as context:
        while True:
            began = context.clock.mono()
            code = await ask(context, request, shown)
            if every is None or code in (exits.USAGE, exits.REFUSED):
                return code
            await asyncio.sleep(max(0.0, began + every - context.clock.mono()))
            shown.again()


async def ask(context: "Context", request: Mapping[str, Any] | bytes, shown: "Shown") -> int:
    """Ask the tool once, print its document, and return the exit code."""
    from optimus_tui.tools.answer import ToolFailure, answer, exit_code

    try:
        report = await answer(context, shown.tool, request)
    except ToolFailure as failure:
        return shown.failure(failure)
    except Exception:
        shown.bug()
        raise
    code = exit_code(report)
    output.decided(code)  # ``| grep -q`` may have seen enough: the answer's own code still counts
    shown.report(report)
    return code


class Shown:
    """Prints answers: as JSON with ``as_json``, else as a page."""

    def __init__(self, tool: str, as_json: bool) -> None:
        self.tool, self.as_json = tool, as_json

    def report(self, report: "Report") -> None:
        """Print an answer."""
        from optimus_tui.tools.answer import encode

        if self.as_json:
            output.document(encode(report), indent=_indent())
            if getattr(report, "hides_worse", False):  # a hook that greps stdout drops it: people read stderr
                output.print_error(" ".join(getattr(report, "notes", ())))
            return
        from optimus_tui.cli.reports.rendering import render

        render(report)
        if report.history_unread:
            output.print_error(f"the history could not be read: {report.history_unread}")

    def failure(self, failure: "ToolFailure") -> int:
        """Print the document and the sentence that say why there is no answer, and return the exit code."""
        self._error(failure)
        output.print_error(failure.error.message)
        return failure.exit_code

    def refuse(
        self,
        sentence: str,
        argument: str | None,
        code: "ErrorCode" = "bad_argument",
    ) -> int:
        """Print that the call itself is wrong, and return the exit code."""
        from optimus_tui.contract.tools.common import ToolError
        from optimus_tui.tools.answer import ToolFailure

        return self.failure(
            ToolFailure(ToolError(code=code, message=safe_text(sentence, 600), argument=argument), exits.USAGE)
        )

    def misuse(self, error: click.UsageError) -> None:
        """Print the document for a mistake in the flags; the caller prints the sentence."""
        from optimus_tui.contract.tools.common import ToolError
        from optimus_tui.tools.answer import ToolFailure
        from optimus_tui.tools.registry import TOOLS

        param = None
        if isinstance(error, click.BadParameter):
            param = error.param
        argument = None
        if param is not None:
            argument = param.opts[0].lstrip("-")
        allowed = None
        if argument == "tool":
            allowed = tuple(TOOLS)
        message = safe_text(error.format_message(), 600)
        wrong = ToolError(code="bad_argument", message=message, argument=argument, allowed=allowed)
        self._error(ToolFailure(wrong, exits.USAGE))

    def bug(self) -> None:
        """Print the document for an internal error; its report goes to stderr."""
        from optimus_tui.contract.tools.common import ToolError
        from optimus_tui.tools.answer import ToolFailure

        self._error(ToolFailure(ToolError(code="internal", message="a bug of ours; see stderr"), exits.CRASHED))

    def again(self) -> None:
        """Prepare for another document."""
        if not self.as_json:
            output.clear_screen()

    def _error(self, failure: "ToolFailure") -> None:
        from optimus_tui.clock import Clock
        from optimus_tui.tools.answer import encode, failure_report

        if self.as_json:
            document = encode(failure_report(self.tool, failure, Clock().wall()))
            output.document(document, indent=_indent())
