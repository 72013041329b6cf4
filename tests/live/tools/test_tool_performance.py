"""analyze_performance_metrics against a real server and a gateway that answers as told."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.context import Context
from optimus_tui.tools.answer import answer, exit_code
from optimus_tui.verdicts.gateway.hit_rate import FROM_GATEWAY
from tests import hostile
from tests.hostile import reply
from tests.live.tools.driver import Counts, ask, pipe, system
from tests.realserver import RealServer, nobody_port

pytestmark = pytest.mark.live
TOOL = "analyze_performance_metrics"
TRAFFIC = 'http_requests_total{{method="GET",route="{}",status="{}",tenant="{}"}}'


def traffic() -> Counts:
    return Counts(
        (TRAFFIC.format("/api/chat", 200, "acme"), 1000, 30),
        (TRAFFIC.format("/api/chat", 500, "acme"), 10, 10),
        (TRAFFIC.format("/api/profile", 200, "*"), 7, 8),
        (TRAFFIC.format("/api/chat", 429, "acme"), 0, 2),
        ('http_request_duration_seconds_bucket{route="/api/chat",le="0.1"}', 5, 20),
        ('http_request_duration_seconds_bucket{route="/api/chat",le="+Inf"}', 5, 20),
        ('http_request_duration_seconds_sum{route="/api/chat"}', 1, 1),
        ('http_request_duration_seconds_count{route="/api/chat"}', 5, 20),
    )


async def keep(context: Context, *sets: tuple[float, dict[str, float]]) -> None:
    """Samples so many minutes ago, as a recorder keeps them."""
    for minutes, values in sets:
        context.store.put(time.time() - 60 * minutes, values)
    assert await context.store.ready() is None


async def test_latency_has_the_documents_keys_and_rests_on_several_looks(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", traffic())
        seen = await ask(context, TOOL, metric_type="latency", tenant_filter="demo_dentist")
    results = seen["analysis_results"]
    assert [test["service"] for test in results["latency_tests"]] == ["backend_orchestrator", "ai_engine"]
    assert all(test["status_code"] == 200 and test["latency_ms"] > 0 for test in results["latency_tests"])
    summary = results["latency_summary"]
    assert summary["samples"] == 10 and summary["assessment"] != "unknown"
    mean = sum(test["latency_ms"] for test in results["latency_tests"]) / 2
    assert summary["average_latency_ms"] == pytest.approx(mean, abs=0.11)
    ordered = [summary[f"{part}_latency_ms"] for part in ("min", "p50", "max")]
    assert ordered == sorted(ordered)
    assert summary["p95_latency_ms"] is summary["p99_latency_ms"] is None, "ten looks have no p95"
    assert results["services"]["redis"]["samples"] == 5
    first = results["routes"]["rows"][0]
    assert first["route"] == "/api/chat" and first["requests"] == 180  # 20 between each two of ten looks
    assert (seen["source"], seen["tenant_filter"]) == ("live", "demo_dentist")
    assert 0 < seen["window_covered_minutes"] < 1


BAD: dict[str, Any] = {
    "500": reply(b'{"detail":"x"}', b"500 Internal Server Error"),
    "html": reply(b"<html>ok</html>", kind=b"text/html"),
    "bomb": hostile.bomb(),
    "hung": hostile.silence,
    "slow loris": hostile.slow_headers,
}


@pytest.mark.parametrize("how", BAD)
async def test_a_gateway_that_fails_is_never_called_excellent(server: RealServer, tmp_path: Path, how: str) -> None:
    async with system(server.port, tmp_path) as (context, gateway), hostile.hostile_server() as engine:
        engine.on("/health", reply(b"{}"))
        context.settings = type(context.settings)(
            gateway_url=gateway.url, engine_url=engine.url, redis=context.settings.redis
        )
        gateway.on("/health", BAD[how])
        report = await answer(context, TOOL, {})
        assert how not in ("hung", "slow loris") or "/health" not in gateway.ended
        seen = await ask(context, TOOL) if how in ("500", "html") else None
    results = report.analysis_results  # type: ignore[attr-defined]
    assert results["latency_summary"]["assessment"] == "poor" and exit_code(report) == 1
    assert results["latency_tests"][0]["latency_ms"] is None and results["latency_tests"][0]["error"]
    assert results["latency_tests"][1]["latency_ms"] is not None
    assert results["latency_summary"]["samples"] == 5
    assert seen is None or seen["diagnostics"][0]["severity"] == "critical"


async def test_nothing_there_is_unknown_and_not_fast(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{nobody_port()}"
    async with system(nobody_port(), tmp_path, gateway_url=nowhere, engine_url=nowhere) as (context, _):
        for metric in ("latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency"):
            report = await answer(context, TOOL, {"metric_type": metric})
            results = report.analysis_results  # type: ignore[attr-defined]
            assert results and exit_code(report) == 1
            if metric == "latency":
                assert results["latency_summary"]["assessment"] == "unknown"
                assert results["latency_summary"]["average_latency_ms"] is None
            else:
                assert results["status"] == "not available" and len(results["reason"]) > 10


async def test_two_live_looks_count_what_grew_between_them(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", traffic())
        seen, errors, star = await asyncio.gather(
            ask(context, TOOL, metric_type="throughput"),
            ask(context, TOOL, metric_type="error_rate"),
            ask(context, TOOL, metric_type="throughput", tenant_filter="*"),
        )
    assert seen["source"] == "live" and 0.015 < seen["window_covered_minutes"] < 1
    by_tenant = {row["tenant"]: row["requests"] for row in seen["analysis_results"]["by_tenant"]}
    assert by_tenant["acme"] == by_tenant["*"] * 42 / 8
    assert [row["tenant"] for row in star["analysis_results"]["by_tenant"]] == ["*"]
    assert errors["analysis_results"]["error_rate"] == 0.2
    assert errors["diagnostics"][0]["rule"] == "errors.rate"


async def test_a_gateway_without_metrics_is_not_available_and_says_why(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        report = await answer(context, TOOL, {"metric_type": "throughput"})
    results = report.analysis_results  # type: ignore[attr-defined]
    assert results["status"] == "not available" and "404" in results["reason"] and exit_code(report) == 1


async def test_six_windows_over_the_history_give_six_latencies(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        ages = [n / 2 for n in range(2, 260)]
        await keep(context, *[(age, {"latency.gateway": age, "latency.engine": 5.0}) for age in ages])
        windows = (5, 15, 30, 60, 90, 120)
        seen = [await ask(context, TOOL, time_window_minutes=minutes) for minutes in windows]
    tops = [one["analysis_results"]["services"]["gateway"]["max_ms"] for one in seen]
    assert tops == sorted(set(tops)) and len(set(tops)) == 6
    for one, minutes in zip(seen, windows, strict=True):
        assert one["source"] == "history"
        assert minutes - 2 <= one["window_covered_minutes"] <= minutes


async def test_counters_of_the_history_survive_a_restart_of_the_gateway_row_91(
    server: RealServer, tmp_path: Path
) -> None:
    name = "http_requests_total|method=GET|route=/a|status=200|tenant=acme"
    async with system(server.port, tmp_path) as (context, _):
        values = [100.0, 160.0, 220.0, 20.0, 80.0]
        await keep(
            context,
            *[(5 - n, {name: value, "published.http_requests_total": 1.0}) for n, value in enumerate(values)],
        )
        seen = await ask(context, TOOL, metric_type="throughput", time_window_minutes=10)
    assert seen["source"] == "history" and seen["window_covered_minutes"] == pytest.approx(4, abs=0.1)
    results = seen["analysis_results"]
    assert (results["requests"], results["counter_resets"]) == (200, 1)


async def test_cache_performance_counts_keys_and_says_whose_the_rate_is(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, *[("SET", f"cache:conv:t{n % 2}:{n}", "v" * 50, "EX", 60) for n in range(40)])
    pipe(server.port, ("SET", "cache:conv:t1:for-ever", "v"), ("HSET", "cache:conv:t1:hash", "f", "v"))
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL, metric_type="cache_performance")
        mine = await ask(context, TOOL, metric_type="cache_performance", tenant_filter="t1")
    results = seen["analysis_results"]
    assert (results["hit_rate"], results["hit_rate_source"]) == (0.85, FROM_GATEWAY)
    assert (results["total_keys"], results["keys_without_ttl"]) == (42, 2)
    assert results["memory"]["used_bytes"] > 0 and results["estimated_memory_bytes"] > 0
    assert mine["analysis_results"]["total_keys"] == 22


async def test_cache_performance_without_redis_keeps_the_gateways_figure(tmp_path: Path) -> None:
    async with system(nobody_port(), tmp_path) as (context, _):
        report = await answer(context, TOOL, {"metric_type": "cache_performance"})
    results = report.analysis_results  # type: ignore[attr-defined]
    assert (results["status"], results["hit_rate"], results["total_keys"]) == ("partial", 0.85, None)
    assert results["keys_error"] and exit_code(report) == 1


async def test_one_look_at_redis_judges_no_hit_rate_whatever_was_looked_up_before(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, *[("GET", f"missing:{n}") for n in range(100)])
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/api/cache/metrics", reply(b"{}", status=b"404 Not Found"))
        seen = await ask(context, TOOL, metric_type="cache_performance")
        health = await ask(context, "diagnose_gateway_health")
    assert seen["analysis_results"]["hit_rate"] is None
    assert (health["cache_metrics"]["status"], health["cache_metrics"]["hit_rate"]) == ("unknown", None)
    assert health["overall_status"] != "critical"


async def test_refusals_headroom_and_weight_of_the_limits(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, ("SET", "rate_limit:acme:chat", 149, "EX", 30), ("SET", "rate_limit:*:chat", 3, "EX", 30))
    pipe(server.port, ("LPUSH", "rate_limit:acme:list", "x"), ("SET", "rate_limit:dead:chat", 9))
    async with system(server.port, tmp_path) as (context, gateway):
        refused = ('rate_limit_refused_total{tenant="acme",operation="chat"}', 4, 6)
        gateway.on("/metrics", Counts(*traffic().lines, refused))
        seen = await ask(context, TOOL, metric_type="rate_limiting_efficiency")
        star = await ask(context, TOOL, metric_type="rate_limiting_efficiency", tenant_filter="*")
    results = seen["analysis_results"]
    assert results["refused"]["total"] % 6 == 0 and results["refused"]["by_tenant"][0]["tenant"] == "acme"
    rows = {(row["tenant"], row["operation"]): row for row in results["headroom"]["rows"]}
    assert rows["acme", "chat"]["headroom"] == 1 and rows["dead", "chat"]["immortal"]
    assert results["memory"]["limit_keys"] == 4 and results["memory"]["estimated_bytes"] > 100
    assert seen["diagnostics"][0]["severity"] == "critical"
    assert [row["tenant"] for row in star["analysis_results"]["headroom"]["rows"]] == ["*"]
    assert star["analysis_results"]["refused"]["total"] == 0 and star["diagnostics"] == []


async def test_a_gateway_that_refused_nobody_yet_is_measured_by_its_answers(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", Counts((TRAFFIC.format("/a", 200, "acme"), 1, 5)))
        report = await answer(context, TOOL, {"metric_type": "rate_limiting_efficiency"})
    refused = report.analysis_results["refused"]  # type: ignore[attr-defined]
    assert (refused["status"], refused["total"]) == ("ok", 0) and "429" in refused["basis"]
    assert exit_code(report) == 0


async def test_a_hung_server_costs_its_part_and_stays_within_the_deadline(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    hung = make_server()
    async with system(hung.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", traffic())
        await context.redis.ping()
        hung.freeze()
        for metric in ("cache_performance", "rate_limiting_efficiency", "latency"):
            report = await answer(context, TOOL, {"metric_type": metric})
            assert hung.is_frozen and exit_code(report) == 1
        hung.thaw()
