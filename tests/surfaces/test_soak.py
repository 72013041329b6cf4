"""A day of calls, scaled: what ``serve`` and ``mcp --http`` keep of each call, while connections break.

A day is 32,000 calls (one every 2.7 s). Warming up costs memory once, a leak in every stretch: the median is judged.
"""

import json
import statistics
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from tests.amounts import amount, at_night
from tests.realserver import RealServer
from tests.surfaces.listeners import VERBS, Running, message_of

CALLS_A_DAY = 32_000
MOST_A_DAY = 5_000_000
WARM, STRETCHES = amount(200, 300), 3
STRETCH = amount(60, 120, "OPTIMUS_SOAK_CALLS")
"""Calls a stretch: with 3,000 (a minute or two each) the noise counts for nothing, and the day's figure is exact."""
NOISE = 128 * 1024
"""Bytes a stretch that an allocator's rounding may cost; the log that was kept once cost 300 kB in 60 calls."""
CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    ("diagnose_gateway_health", {}),
    ("analyze_cache_coherence", {}),
    ("analyze_performance_metrics", {"metric_type": "latency"}),
)


@pytest.mark.parametrize("verb", [at_night(verb) if verb == ["serve"] else verb for verb in VERBS], ids=" ".join)
def test_a_day_of_calls_costs_less_than_5_mb_and_no_descriptor_row_110(
    verb: list[str],
    start: Callable[..., Running],
    server: RealServer,
) -> None:
    for number in range(200):
        server.command("SET", f"cache:conversation:acme:{number}", "x", "EX", "100000")
    running = start(verb, redis=server.url)
    session = {"mcp-session-id": running.greet()[1]} if "mcp" in verb else {}
    process = psutil.Process(running.process.pid)

    def call(number: int) -> None:
        tool, arguments = CALLS[number % len(CALLS)]
        path, body = f"/mcp/{tool}", dict[str, Any](arguments)
        if session:
            params = {"name": tool, "arguments": arguments}
            path, body = "/mcp", {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        response, said = running.ask("POST", path, json.dumps(body), session)
        assert response.status == 200, said
        answer = message_of(said)["result"]["structuredContent"] if session else json.loads(said)
        assert answer["tool"] == tool
        if number % 30 == 0:
            server.command("CLIENT", "KILL", "TYPE", "normal")

    for number in range(WARM):
        call(number)
    descriptors, threads, growth = process.num_fds(), process.num_threads(), []
    for stretch in range(STRETCHES):
        before = process.memory_info().rss
        for number in range(STRETCH):
            call(WARM + stretch * STRETCH + number)
        growth.append(process.memory_info().rss - before)
    a_day = max(0, statistics.median(growth) - NOISE) / STRETCH * CALLS_A_DAY
    assert a_day <= MOST_A_DAY, f"{a_day / 1e6:.1f} MB a day; stretches grew by {growth} bytes"
    assert abs(process.num_fds() - descriptors) <= 4 and process.num_threads() <= threads + 2
