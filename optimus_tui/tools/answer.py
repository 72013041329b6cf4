"""Run a tool from its name and arguments to its document. Every surface uses this, so that all answer alike."""

import asyncio
import math
import sys
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import json as msgjson

from optimus_tui.contract.tools.common import ErrorReport, Query, Report, ToolError
from optimus_tui.probes.load_meter import starved, watching
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.tools.parts import Progress, deadline, listening
from optimus_tui.tools.registry import TOOLS, Tool
from optimus_tui.wording.numbers import timestamp
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context


Q = TypeVar("Q", bound=Query)
MAX_BYTES = 256 * 1024


class ToolFailure(Exception):
    """A tool has no result. ``exit_code`` is 2 (arguments), 3 (unreachable, deadline) or 4 (refused)."""

    def __init__(self, error: ToolError, exit_code: int) -> None:
        super().__init__(error.message)
        self.error, self.exit_code = error, exit_code


def refuse(message: str, argument: str | None = None, allowed: tuple[str, ...] | None = None) -> ToolFailure:
    """Return the failure for a wrong argument; its sentence ends with the valid values."""
    if allowed:
        message += f"; allowed: {', '.join(allowed)}"
    return ToolFailure(ToolError(code="bad_argument", message=message, argument=argument, allowed=allowed), 2)


EXAMPLE = '{"tenant_id": "demo_dentist"}'


def decode(raw: bytes | str, otherwise: str = "") -> dict[str, Any]:
    """Return the JSON object of the arguments.

    Args:
        raw: The text.
        otherwise: How else they can be given, as the end of the sentence that refuses it.

    Raises:
        ToolFailure: The text is not JSON; the message names the place.
    """
    data = raw
    if isinstance(raw, str):
        data = raw.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise refuse(f"the arguments are {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    try:
        value = {}
        if data.strip():
            value = msgjson.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = safe_text(error).removeprefix("JSON is malformed: ")
        raise refuse(f"the arguments are not JSON: {reason}; write an object, as {EXAMPLE}{otherwise}") from None
    if not isinstance(value, dict):
        raise refuse(f"the arguments are not a JSON object: write them as {EXAMPLE}{otherwise}")
    return value


def parse(kind: type[Q], given: Mapping[str, Any]) -> Q:
    """Return the query.

    Raises:
        ToolFailure: An argument is wrong; the message names it, with its valid values.
    """
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    for name in given:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            hint = ""
            if near:
                hint = f" (did you mean {near[0]}?)"
            raise refuse(f"unknown argument {safe_text(name, 80)!r}{hint}", safe_text(name, 80), tuple(known))
    for name, field in known.items():
        if field.required and name not in given:
            raise refuse(f"the argument {name} is required", name, allowed_values(field.type))
    given = {name: _whole(value, known[name].type) for name, value in given.items()}
    for name, value in given.items():
        try:
            msgspec.convert(value, known[name].type)
        except (msgspec.ValidationError, RecursionError) as error:
            reason = safe_text(error, 160).replace("Expected", "expected")
            raise refuse(f"{name}: {reason}", name, allowed_values(known[name].type)) from None
        if isinstance(value, str) and not _encodable(value):
            raise refuse(f"{name} holds a lone surrogate, which no key can hold", name)
    return msgspec.convert(dict(given), kind)


def from_text(kind: type[Query], name: str, text: str) -> Any:
    """Return a command-line value converted to the type of its argument.

    ``true``, ``15`` and ``a,b`` become a bool, a number and a list; anything else stays text.
    """
    known = {field.name: field.type for field in msgspec.structs.fields(kind)}
    if name not in known:
        return text  # parse() refuses the name with the full list
    bare = _bare(known[name])
    if bare is bool:
        return {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}.get(text.lower(), text)
    if bare in (int, float):
        try:
            return int(text)
        except ValueError:
            return _number(text)
    if typing.get_origin(bare) in (tuple, list):
        return [part.strip() for part in text.strip("[]").split(",") if part.strip()]
    if text == "null" and _may_be_nothing(known[name]):
        return None
    return text


def _whole(value: Any, kind: Any) -> Any:
    """30.0 as 30 where a whole number is asked for: JSON knows one kind of number, and some clients write it so."""
    if isinstance(value, float) and value.is_integer() and _bare(kind) is int:
        return int(value)
    return value


def _number(text: str) -> Any:
    """Return the text as a finite number, else as it is: then its type is refused with the allowed values."""
    try:
        number = float(text)
    except ValueError:
        return text
    if math.isfinite(number) and "_" not in text:
        return number
    return text


def allowed_values(kind: Any) -> tuple[str, ...] | None:
    """Return what an argument may be, in words: the values of an enum, "true, false", or the bounds of a number."""
    bare = _bare(kind)
    if typing.get_origin(bare) is typing.Literal:
        return tuple(str(value) for value in typing.get_args(bare))
    if bare is bool:
        return ("true", "false")
    if typing.get_origin(bare) in (tuple, list):
        inner = typing.get_args(bare)
        if inner:
            return allowed_values(inner[0])
        return None
    if bare is int:
        for meta in _metas(kind):
            if meta.ge is not None:
                return (f"whole numbers from {meta.ge} to {meta.le}" if meta.le is not None else f"from {meta.ge} up",)
        return ("whole numbers",)
    return None


def _bare(kind: Any) -> Any:
    if typing.get_origin(kind) is typing.Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return _bare(next(a for a in typing.get_args(kind) if a is not type(None)))
    return kind


def _may_be_nothing(kind: Any) -> bool:
    if typing.get_origin(kind) is typing.Annotated:
        return _may_be_nothing(typing.get_args(kind)[0])
    return type(None) in typing.get_args(kind)


def _metas(kind: Any) -> list[msgspec.Meta]:
    found: list[msgspec.Meta] = []
    while typing.get_origin(kind) is typing.Annotated:
        inner, *extra = typing.get_args(kind)
        found += [e for e in extra if isinstance(e, msgspec.Meta)]
        kind = inner
    return found


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


ROWS = 100
OMITTED = "omitted"


def capped(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its lists and maps cut to ``ROWS``.

    What was cut from an object is counted in its ``omitted``, in addition to what the tool itself left out.
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
    """Return the value with at most ``ROWS`` entries, each bounded in turn, and the number of entries that were cut."""
    if isinstance(value, dict):
        if len(value) <= ROWS:
            kept = value
        else:
            kept = dict(list(value.items())[:ROWS])
        return capped(kept), len(value) - len(kept)
    if isinstance(value, (list, tuple)):
        return [_shortened(item)[0] for item in value[:ROWS]], max(0, len(value) - ROWS)
    return value, 0


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
    """Run one tool within the time that a tool may take. A finding is a result.

    Args:
        ctx: Settings, clock and clients.
        name: The tool.
        arguments: Its arguments, decoded or as JSON text.
        progress: Called with the progress of a scan; None for nobody.

    Raises:
        ToolFailure: There is no result.
    """
    tool = find(name)
    if isinstance(arguments, (bytes, str)):
        arguments = decode(arguments)
    query = parse(tool.query, arguments)
    try:
        with attributed_to(name), listening(progress), watching():
            async with deadline(ctx.tuning.tool_seconds):
                await load(tool)
                return _with_history(await tool.run(ctx, query), ctx)
    except TimeoutError:
        raise out_of_time(name, ctx.tuning.tool_seconds) from None


def _with_history(report: Report, ctx: "Context") -> Report:
    """Return the answer, with the reason where the history was asked and could not be read."""
    store = vars(ctx).get("store")  # built with the first question; most tools ask none
    if store is None or store.fault is None:
        return report
    return msgspec.structs.replace(report, history_unread=sentence(store.fault) or "an error")


def out_of_time(name: str, seconds: float) -> ToolFailure:
    """Return the failure for a tool without a result in time; it says whether this process or a service was slow."""
    why = starved(seconds) or "what it needs is slow or hung"
    message = f"{name} had no result within {seconds:g} s; {why}; try again"
    return ToolFailure(ToolError(code="deadline", message=message), 3)


async def load(tool: Tool) -> None:
    """Import in a thread, once, what the tool's first request would otherwise import while it is timed."""
    from optimus_tui.context import PROBE_MODULES, load_probes

    if tool.reaches_out and not sys.modules.keys() >= set(PROBE_MODULES):
        await asyncio.to_thread(load_probes)


def exit_code(report: Report) -> int:
    """Return the exit code of an answer: 0, or 1 if something was found."""
    if TOOLS[report.tool].found(report):
        return 1
    return 0


def failure_report(name: str, failure: ToolFailure, wall: float) -> ErrorReport:
    """Return the document that says why there is no result."""
    return ErrorReport(tool=safe_text(name, 80), timestamp=timestamp(wall), error=failure.error)


def encode(report: Report) -> bytes:
    """Return the report as JSON in UTF-8 on one line; its lists have at most a hundred rows."""
    return msgspec.json.encode(capped(msgspec.to_builtins(report)))
