"""The hit rate of now against the one since the start, with a gateway that counts look by look."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.tools.figures.gateway_figures import counted_between
from tests.hostile import Act, reply, sends
from tests.live.tools.driver import ask, system, warm
from tests.realserver import RealServer

pytestmark = pytest.mark.live


def counting(make: Callable[[int], bytes], kind: bytes = b"application/json") -> Act:
    """Another page at each look."""
    looks = iter(range(10_000))

    async def page(writer):  # type: ignore[no-untyped-def]
        await sends(reply(make(next(looks)), kind=kind))(writer)

    return page


async def test_a_good_rate_since_the_start_does_not_pass_for_the_present_one(
    server: RealServer, tmp_path: Path
) -> None:
    def published(n: int) -> bytes:
        hits, misses = 900_000 + 28 * n, 100_000 + 72 * n
        return json.dumps(
            {"hit_rate": hits / (hits + misses), "total_keys": 1, "hits": hits, "misses": misses}
        ).encode()

    await warm(server)
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/api/cache/metrics", counting(published))
        seen = await ask(context, "analyze_performance_metrics", metric_type="cache_performance")
    results = seen["analysis_results"]
    assert results["hit_rate_now"] == pytest.approx(0.28) and results["hit_rate"] == pytest.approx(0.28)
    assert results["published_hit_rate_source"] == "gateway, since its start"
    assert {one["rule"] for one in seen["diagnostics"]} >= {"cache.hit_rate", "cache.hit_rate_conflict"}


async def test_counters_that_contradict_the_published_rate_decide_and_the_conflict_is_said(
    server: RealServer, tmp_path: Path
) -> None:
    def page(n: int) -> bytes:
        return b"process_start_time_seconds 1.7e9\ncache_hits_total %d\ncache_misses_total %d\n" % (28 * n, 72 * n)

    await warm(server)
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/api/cache/metrics", reply(b'{"hit_rate":0.90,"total_keys":1}'))
        gateway.on("/metrics", counting(page, b"text/plain"))
        seen = await ask(context, "analyze_performance_metrics", metric_type="cache_performance")
        miss = await ask(context, "troubleshoot_production_issue", issue_type="cache_miss")
        health = await ask(context, "diagnose_gateway_health")
    assert seen["analysis_results"]["hit_rate"] == pytest.approx(0.28)
    for document in (seen, miss, health):
        assert {one["rule"] for one in document["diagnostics"]} >= {"cache.hit_rate", "cache.hit_rate_conflict"}


def test_counts_of_two_processes_in_turn_are_no_rate() -> None:
    samples = [(float(n), 9000 + n if n % 2 else 100 + n, 500 + n if n % 2 else 9 + n) for n in range(6)]
    assert counted_between(samples, "x") is None
