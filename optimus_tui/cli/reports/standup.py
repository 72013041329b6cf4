"""``standup``: the system's state and the changes since the last stand-up: twelve lines, chat text, or a page.

Exit code 0: healthy; 1: something needs attention; 3: nothing could be asked.
"""

from typing import TYPE_CHECKING

import click

from optimus_tui.cli import exits, output
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_error, print_line
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.tools.state import StandupReport
    from optimus_tui.settings.model import Settings

STDOUT = "-"
PAGE_SECONDS = 2.0


@click.command("standup")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, even if nothing could be read.")
@click.option("--md", is_flag=True, help="For a chat: Markdown.")
@click.option(
    "--html",
    "page",
    is_flag=False,
    flag_value=STDOUT,
    metavar="[FILE]",
    help="One page with charts, to FILE or stdout.",
)
@connection_flags
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, md: bool, page: str | None, **given: object) -> int:
    """The state of the system, and what changed since the last stand-up (within an hour, the same comparison).

    The last stand-up is read from this environment's history. Without one, this is the first stand-up.
    """
    from optimus_tui.cli.run_async import to_end

    if sum((as_json, md, page is not None)) > 1:
        raise click.UsageError("--json, --md and --html exclude each other")
    settings = settings_of(merge_flags(ctx, given))
    form = "text"
    if as_json:
        form = "json"
    elif md:
        form = "md"
    return to_end(_tool_call(settings, form, page))


async def _tool_call(settings: "Settings", form: str, page: str | None) -> int:
    import asyncio

    from optimus_tui.cli.run_async import connected_to
    from optimus_tui.tools.answer import ToolFailure, encode, failure_report
    from optimus_tui.tools.standup import KEY, series, standup

    async with connected_to(settings) as context:
        try:
            report = await standup(context)
        except ToolFailure as failure:
            if form == "json":
                output.document(encode(failure_report(KEY, failure, context.clock.wall())))
            print_error(failure.error.message)
            return exits.UNREACHABLE
        if context.store.fault is not None:
            print_error(f"this stand-up may not be stored: {context.store.fault.message}")
        if page is not None:
            try:
                async with asyncio.timeout(PAGE_SECONDS):
                    samples = await series(context, report.window_minutes)
            except TimeoutError:
                samples = {}
            return _put_page(report, samples, page)
    _put(report, form)
    return _code(report)


def _put(report: "StandupReport", form: str) -> None:
    from optimus_tui.cli.reports.standup_page import chat, lines
    from optimus_tui.tools.answer import encode

    if form == "json":
        output.document(encode(report), indent=output.indent())
        return
    written = lines(report)
    if form == "md":
        written = chat(report).splitlines()
    for line in written:
        print_line(line)


def _put_page(report: "StandupReport", samples: "dict[str, tuple[tuple[float, float], ...]]", place: str) -> int:
    from optimus_tui.cli.reports.standup_page import PageNotWritten, page, write

    text = page(report, samples)
    if place == STDOUT:
        output.page(text)
        return _code(report)
    try:
        write(place, text)
    except PageNotWritten as error:
        print_error(f"{safe_text(place)}: {error}")
        return exits.USAGE
    print_error(f"the page is {safe_text(place)}")
    return _code(report)


def _code(report: "StandupReport") -> int:
    return exits.code_of(report.overall_status != "healthy")
