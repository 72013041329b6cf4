"""Run a tool from its name and arguments to its document. Every surface uses this, so that all answer alike.

Limit every list of a document to a hundred rows, and count what is left out. Pure.

A tenant with thousands of counters would else make an answer that a client cannot take. Exit codes and verdicts are
computed from the whole; only what is sent is cut.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from optimus_tui.contract.tools.common import ErrorReport, Report, ToolError
from optimus_tui.probes.load_meter import starved, watching
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.tools.arguments import ToolFailure, decode, parse
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.tools.parts import Progress, listening, within
from optimus_tui.tools.registry import TOOLS, Tool
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


ROWS = 100
OMITTED = "omitted"


def capped(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its lists and maps cut to ``ROWS``.

    What was cut in an object is counted in its own ``omitted``, beside what the tool itself has left out there.
    """
    cut, result = 0, dict[str, Any]()
    for name, value in document.items():
        result[name], left_out = _shortened(value)
        cut += left_out
    if cut:
        before = result.get(OMITTED)
        result[OMITTED] = cut + (before if isinstance(before, int) else 0)
    return result


def _shortened(value: Any) -> tuple[Any, int]:
    """The value with at most ``ROWS`` entries, each bounded in turn, and the number of entries that were cut."""
    if isinstance(value, dict):
        if len(value) <= ROWS:
            kept = value
        else:
            kept = dict(list(value.items())[:ROWS])
        return capped(kept), len(value) - len(kept)
    if isinstance(value, (list, tuple)):
        return [_shortened(item)[0] for item in value[:ROWS]], max(0, len(value) - ROWS)
    return value, 0


DEADLINE_SECONDS = 8.0
_LOADED = "optimus_tui.probes.redis.loaded"


def find(name: str) -> Tool:
    """Return the tool of that name, or raise a ToolFailure that lists the tools."""
    if name in TOOLS:
        return TOOLS[name]
    known = tuple(TOOLS)
    message = f"there is no tool {safe_text(name, 80)!r}; there are {', '.join(known)}"
    raise ToolFailure(ToolError(code="unknown_tool", message=message, argument="tool", allowed=known), 2)


async def answer(
    ctx: "Context", name: str, arguments: Mapping[str, Any] | bytes | str, progress: Progress | None = None
) -> Report:
    """Run one tool under the deadline. ToolFailure where there is no result; a finding is a result.

    ``progress`` hears how far a scan has come.
    """
    tool = find(name)
    if isinstance(arguments, (bytes, str)):
        arguments = decode(arguments)
    query = parse(tool.query, arguments)
    try:
        with attributed_to(name), listening(progress), watching(), within(DEADLINE_SECONDS):
            async with asyncio.timeout(DEADLINE_SECONDS):
                await load(tool)
                return _with_history(await tool.run(ctx, query), ctx)
    except TimeoutError:
        raise out_of_time(name) from None


def _with_history(report: Report, ctx: "Context") -> Report:
    """The answer, with the reason where the history was asked and could not be read."""
    store = vars(ctx).get("store")  # built with the first question; most tools ask none
    if store is None or store.fault is None:
        return report
    return msgspec.structs.replace(report, history_unread=sentence(store.fault) or "an error")


def out_of_time(name: str) -> ToolFailure:
    """Return the failure for a tool without a result within its deadline, with whose fault that is."""
    why = starved(DEADLINE_SECONDS) or "what it needs is slow or hung"
    message = f"{name} had no result within {DEADLINE_SECONDS:g} s; {why}; try again"
    return ToolFailure(ToolError(code="deadline", message=message), 3)


async def load(tool: Tool) -> None:
    """Import in a thread, once, what the tool's first request would otherwise import while it is timed."""
    if tool.reaches_out and _LOADED not in sys.modules:
        await asyncio.to_thread(_import_all)


def _import_all() -> None:
    for name in ("optimus_tui.history.samples.store", "optimus_tui.history.samples.windows", _LOADED):
        import_module(name)


def exit_code(report: Report) -> int:
    """Return 0, or 1 if something was found."""
    if TOOLS[report.tool].found(report):
        return 1
    return 0


def failure_report(name: str, failure: ToolFailure, wall: float) -> ErrorReport:
    """Return the document that says why there is no result."""
    return ErrorReport(tool=safe_text(name, 80), timestamp=timestamp(wall), error=failure.error)


def encode(report: Report) -> bytes:
    """Return the report as JSON in UTF-8 on one line; its lists have at most a hundred rows."""
    return msgspec.json.encode(capped(msgspec.to_builtins(report)))


def timestamp(wall: float) -> str:
    """Return UTC to the second with a Z: ``2025-01-29T10:30:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall))
