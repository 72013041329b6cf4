"""Slow first requests of a process that has just started accuse no route; slow ones after that do."""

import time
from pathlib import Path

from optimus_tui.context import Context
from optimus_tui.contract.services import DURATIONS, REQUESTS
from optimus_tui.contract.signals import Signals
from optimus_tui.grammar.info import series_name
from optimus_tui.history.samples.process_lives import PROCESS, PUBLISHED, STARTED
from optimus_tui.tools.figures.gateway_figures import sampled_figures
from tests.live.tools.driver import system
from tests.realserver import RealServer


def put(context: Context, at: float, started: float, requests: float) -> None:
    """Keep a reading of /metrics after so many requests, each of which took about two seconds."""
    values = {PROCESS: started, STARTED: started, f"{PUBLISHED}{DURATIONS}": 1.0}
    for edge, share in (("1", 0.0), ("2.5", 1.0), ("+Inf", 1.0)):
        values[series_name(f"{DURATIONS}_bucket", {"le": edge, "route": "/api/chat"})] = share * requests
    values[series_name(f"{DURATIONS}_sum", {"route": "/api/chat"})] = 2.0 * requests
    values[series_name(f"{DURATIONS}_count", {"route": "/api/chat"})] = requests
    values[f"{PUBLISHED}{REQUESTS}"] = 1.0
    values[series_name(REQUESTS, {"status": "200"})] = requests
    context.store.put(at, values)


async def signals(context: Context) -> Signals:
    assert await context.store.ready() is None
    figures = await sampled_figures(context, 5, [])
    assert figures.signals is not None
    return figures.signals.total


async def slow_routes(context: Context) -> list[str]:
    assert await context.store.ready() is None
    figures = await sampled_figures(context, 5, [])
    return [one.rule for one in figures.findings if one.rule.startswith("latency.")]


async def test_only_what_came_after_the_cold_start_is_judged(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        started = time.time() - 90.0
        for n in range(10):
            put(context, started + 1 + 2 * n, started, 10.0 * (n + 1))
        assert await slow_routes(context) == []
        for n in range(6):
            put(context, started + 40 + 8 * n, started, 100.0 + 30 * n)
        assert await slow_routes(context) == ["latency.p95"]


async def test_the_p95_of_requests_is_of_those_that_are_judged(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        started = time.time() - 52.0
        for n in range(10):
            put(context, started + 1 + 2 * n, started, 10.0 * (n + 1))
        cold = await signals(context)
        assert (cold.p95_ms, cold.p95_words, bool(cold.requests)) == (None, "", True)
        assert "of its start" in cold.why["p95"]
        for n in range(6):
            put(context, started + 26 + 5 * n, started, 100.0 + 30 * n)
        warm = await signals(context)
        assert "p95" not in warm.why and (warm.timed or 0) < (warm.requests or 0)
