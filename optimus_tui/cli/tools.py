"""``run`` calls one tool; ``tools`` lists the tools, their arguments and the form of their answers.

One JSON document, or a page for a terminal, goes to stdout; everything else goes to stderr.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_line, print_wrapped
from optimus_tui.settings.table import SettingsError
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.contract.tools.common import ErrorCode, Query, Report
    from optimus_tui.tools.answer import ToolFailure
    from optimus_tui.tools.registry import Tool

WATCH_SECONDS = 5.0


class RunCommand(click.Command):
    """A command where ``--watch`` may have no number, and that prints a document for mistakes in flags."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does, and add the default of ``--watch``."""
        given = list(args)
        if ctx.resilient_parsing and given[-1:] == ["--set"]:  # a shell completes its value: which tool is it for?
            given.pop()
        for place, word in enumerate(given):
            if word == "--":
                break
            if word == "--watch" and not _is_number(given[place + 1 : place + 2]):
                given[place] = f"--watch={WATCH_SECONDS:g}"
        try:
            return super().parse_args(ctx, list(given))
        except click.UsageError as error:
            tool = next((word for word in given if not word.startswith("-")), "")
            if isinstance(error, click.NoSuchOption) and (name := _argument_like(tool, error.option_name)):
                message = f"{error.message} {name} is an argument of the tool: --set {name}=VALUE."
                error = click.UsageError(message, ctx)
            Shown(tool, "--json" in given or not _on_terminal()).misuse(error)
            raise error from None


def _argument_like(tool: str, option: str) -> str:
    """Return the argument of a tool that an unknown option may be meant for; "" for none."""
    from optimus_tui.tools.registry import TOOLS

    word = option.lstrip("-").replace("-", "_")
    names = TOOLS[tool].query.__struct_fields__ if tool in TOOLS and word else ()
    return next((name for name in names if name.startswith(word)), "")


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
    """Return completions: ``NAME=`` for the tool's arguments, then the values that an argument may take."""
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
    "--watch", "every", type=click.FloatRange(0.5, 3600), metavar="[SECONDS]", help="Repeat (every 5 s by default)."
)
@click.option("--ndjson", is_flag=True, help="With --watch: one JSON document per line.")
@connection_flags
@click.pass_context
def run(
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
    """Run TOOL. Its arguments are a JSON object: as text, from stdin (-) or from a file (@FILE).

    `optimus-tui tools` lists the tools, `optimus-tui tools NAME` their arguments.
    """
    from optimus_tui.cli.run_async import to_end
    from optimus_tui.tools.answer import ToolFailure

    shown = Shown(tool, as_json or ndjson or not _on_terminal())
    if every is not None and shown.as_json and not ndjson:
        return shown.refuse("--watch prints one document per line: add --ndjson", "watch")
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
    """Call the tool once, print its document, and return the exit code."""
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

        self._error(ToolFailure(ToolError(code="internal", message="a bug in this program; see stderr"), exits.CRASHED))

    def again(self) -> None:
        """Prepare to print another document."""
        if not self.as_json:
            output.clear_screen()

    def _error(self, failure: "ToolFailure") -> None:
        from optimus_tui.clock import Clock
        from optimus_tui.tools.answer import encode, failure_report

        if self.as_json:
            document = encode(failure_report(self.tool, failure, Clock().wall()))
            output.document(document, indent=_indent())


def question(tool: str, text: str | None, sets: Sequence[str]) -> Mapping[str, Any] | bytes:
    """Return the arguments of a tool from JSON and from NAME=VALUE pairs, which override those of the JSON.

    Raises:
        ToolFailure: they cannot be read, in one sentence.
    """
    from optimus_tui.tools.answer import decode, find, from_text, refuse

    query = find(tool).query
    raw = b""
    if text is not None:
        raw = _checked(*_read(text))
    values = decode(raw, _other_way(query, raw))
    if not sets:
        return raw
    for one in sets:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise refuse(f"--set {safe_text(one, 80)!r} is not NAME=VALUE, as --set tenant_id=acme")
        _checked(os.fsencode(one), f"--set {safe_text(name, 80)}")
        values[name.strip()] = from_text(query, name.strip(), value)
    return values


def _other_way(query: "type[Query]", raw: bytes) -> str:
    """Return how an argument that is no JSON is written without it: with its own name and value where it has them."""
    word = safe_text(raw, 80)
    name, equals, _ = word.partition("=")
    if equals and name in query.__struct_fields__ and " " not in word:
        return f", or --set {word}"
    return ", or --set NAME=VALUE for each"


def _read(text: str) -> tuple[bytes, str]:
    """Return the bytes and where they came from."""
    from optimus_tui.settings.files import read_regular
    from optimus_tui.tools.answer import MAX_BYTES, refuse

    if text == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise refuse("the arguments should come from stdin (-), but it is closed")
        return sys.stdin.buffer.read(MAX_BYTES + 1), "stdin"
    if not text.startswith("@"):
        return os.fsencode(text), "the JSON argument"
    place = f"the file {safe_text(os.fsencode(text[1:]), 200)}"
    if text == "@":
        raise refuse("@ needs the name of a file, as in @arguments.json")
    try:
        return read_regular(text[1:], MAX_BYTES)[0], place
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise refuse(f"{place} cannot be read: {reason}; @ needs the path of a file with a JSON object") from None


def _checked(raw: bytes, place: str) -> bytes:
    """``raw`` without a byte-order mark, if it is UTF-8 of an acceptable size."""
    from optimus_tui.tools.answer import MAX_BYTES, refuse

    if len(raw) > MAX_BYTES:
        raise refuse(f"{place} holds more than {MAX_BYTES // 1024} kB; at most that much is read")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = raw[error.start : error.start + 1]
        raise refuse(f"{place} is not UTF-8 (byte {safe_text(wrong)} at {error.start:,})") from None
    return raw.removeprefix(b"\xef\xbb\xbf")


@click.command("tools")
@click.argument("name", required=False, shell_complete=complete_tool)
@click.option("--json", "as_json", is_flag=True, help="Names, descriptions and JSON Schemas.")
def tools(name: str | None, as_json: bool) -> int:
    """List the tools, or describe NAME."""
    import msgspec

    from optimus_tui.tools.answer import ToolFailure, find
    from optimus_tui.tools.registry import TOOLS

    try:
        if name is not None:
            chosen = [find(name)]
        else:
            chosen = list(TOOLS.values())
    except ToolFailure as failure:
        output.print_error(failure.error.message)
        return failure.exit_code
    if as_json:
        documents: object = [_document(tool) for tool in chosen]
        if name is not None:
            documents = _document(chosen[0])
        output.document(msgspec.json.encode(documents), indent=output.indent())
    elif name is None:
        wide = max(len(tool.name) for tool in chosen) + 2
        for tool in chosen:
            print_wrapped(f"{tool.name:<{wide}}", tool.description)
        print_line()
        print_line("optimus-tui tools NAME describes one; optimus-tui run NAME runs it.")
    else:
        _describe(chosen[0])
    return exits.HEALTHY


def _document(tool: "Tool") -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "writes": tool.writes,
        "input_schema": tool.input_schema(),
        "output_schema": tool.output_schema(),
    }


def _describe(tool: "Tool") -> None:
    print_line(tool.name)
    print_wrapped("  ", tool.description)
    if tool.writes:
        print_wrapped("  ", tool.writes)
    schema = tool.input_schema()
    print_line()
    print_line("Arguments")
    for name, about in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        default = "required"
        if not required:
            default = f"default {_json(about.get('default'))}"
        print_wrapped(f"  {name:<24}", f"{_kind(about)}, {default}")
        if about.get("description"):
            print_wrapped(" " * 26, about["description"])
    print_line()
    print_line("Answer")
    for name, about in tool.output_schema().get("properties", {}).items():
        print_wrapped(f"  {name:<32}", _kind(about))
    print_line()
    print_line(f"optimus-tui run {tool.name}{_example(schema)}")


def _kind(about: dict[str, Any]) -> str:
    """``one of a, b``, ``whole number 1 to 10080``, ``text or null``."""
    if "enum" in about:
        return f"one of {', '.join(str(one) for one in about['enum'])}"
    if "anyOf" in about:
        return " or ".join(_kind(one) for one in about["anyOf"])
    if "$ref" in about:
        return "an object"
    words = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
    word = words.get(str(about.get("type")), {"array": "a list", "object": "an object"}.get(str(about.get("type")), ""))
    if "minimum" in about and "maximum" in about:
        word += f" {about['minimum']:,} to {about['maximum']:,}"
    return word or "anything"


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _example(schema: dict[str, Any]) -> str:
    needed = [(name, schema["properties"][name]) for name in schema.get("required", ())]
    return "".join(f" --set {name}={about.get('enum', ['VALUE'])[0]}" for name, about in needed)
