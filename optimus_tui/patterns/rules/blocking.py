"""Blocking calls in async code: one of them stops every request of the process."""

from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Class
from optimus_tui.patterns.facts.waits import (
    awaited_in,
    awaited_scope,
    called_scope,
    clients_given,
    serves_start,
    wait_inside,
    waits_for,
)
from optimus_tui.patterns.rule import Hit, Rule, at
from optimus_tui.patterns.source.resolve import Seen
from optimus_tui.patterns.source.view import View


def _in_coroutines(view: View) -> Iterator[Hit]:
    # a lambda or a nested function may run in a thread: only what stands in the coroutine itself counts
    grouped: dict[tuple[int, str], list[tuple[Seen, str]]] = {}
    for unit, seen in view.every_call:
        if seen.call.scope.kind != "async":
            continue
        awaited = id(seen.call.node) in awaited_in(unit)
        kind = "" if awaited else waits_for(seen)
        if kind in ("file", "network"):
            yield at(seen.call.node, f"{seen.raw}() blocks the event loop: every other request waits for it")
            continue
        said = f"{seen.raw}() waits for the database" if kind else _said_of_called(view, seen, awaited)
        if said and not serves_start(unit):
            what = "" if "the database" in said else seen.raw
            grouped.setdefault((id(seen.call.scope), what), []).append((seen, said))
    for (_, what), calls in grouped.items():
        yield _of_group(calls, bool(what))


def _said_of_called(view: View, seen: Seen, awaited: bool) -> str:
    """Return what a call of a function of the project waits for, as a sentence; "" for nothing."""
    called = awaited_scope(seen, view.module) if awaited else called_scope(seen)
    if called is None:
        return ""
    inner = wait_inside(called, view.resolver, clients=clients_given(seen, called[0], view.resolver))
    if inner.kind == "session":
        return f"{seen.raw}() calls {inner.raw}(), which waits for the database"
    if inner.kind and not isinstance(seen.thing, Class):  # clients are made once
        return f"{seen.raw}() calls {inner.raw}(), which blocks the event loop"
    return ""


def _of_group(calls: list[tuple[Seen, str]], of_network: bool) -> Hit:
    """Return one hit for all that a coroutine does with a session or with one function, at the first of the calls."""
    first, said = min(calls, key=lambda pair: (pair[0].call.node.lineno, pair[0].call.node.col_offset))
    more = f" ({len(calls)} such calls in this coroutine)" if len(calls) > 1 else ""
    if of_network:
        return at(first.call.node, f"{said}{more}")
    return at(first.call.node, f"{said} with a synchronous session: every other request waits for it{more}")


RULES = (
    Rule(
        "async.blocking", "async_code", "comprehensive", "high", "A blocking call in async code",
        "The event loop is blocked meanwhile: every request of every tenant waits.",
        "Use the async client or AsyncSession, write `def` instead of `async def`, or await asyncio.to_thread(…).",
        '''
import time


async def load(tenant: str) -> str:
    time.sleep(1)
    return tenant
''',
        '''
import asyncio


async def load(tenant: str) -> str:
    await asyncio.sleep(1)
    return tenant
''',
        _in_coroutines,
    ),
)  # fmt: skip
