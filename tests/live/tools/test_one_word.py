"""One fault, asked on every surface: none says healthy where another has a finding of medium or worse about it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.context import Context
from optimus_tui.contract.findings import SEVERITIES
from optimus_tui.contract.services import HealthReport
from optimus_tui.sampling.record import Recorder
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.tools.standup import standup
from tests.hostile import HostileServer, reply, sends
from tests.live.tools.driver import Counts, ask, pipe, system, warm
from tests.realserver import RealServer

pytestmark = pytest.mark.live
REQUESTS = 'http_requests_total{{method="POST",route="/api/chat",status="{}",tenant="acme"}}'
STARTED = ("process_start_time_seconds", time.time() - 90_000.0, 0.0)
Fault = Callable[[HostileServer, RealServer], None]


def good_traffic() -> Counts:
    return Counts(STARTED, (REQUESTS.format(200), 50_000, 40), ('circuit_breaker_state{service="ai_engine"}', 0, 0))


def open_circuit(gateway: HostileServer, server: RealServer) -> None:
    gateway.on("/metrics", Counts(STARTED, ('circuit_breaker_state{service="ai_engine"}', 2, 0)))


def a_third_fails(gateway: HostileServer, server: RealServer) -> None:
    gateway.on("/metrics", Counts(STARTED, (REQUESTS.format(200), 50_000, 40), (REQUESTS.format(504), 20, 20)))


def immortal(gateway: HostileServer, server: RealServer) -> None:
    pipe(server.port, ("SET", "rate_limit:acme:chat", 3))


def over_the_limit(gateway: HostileServer, server: RealServer) -> None:
    pipe(server.port, ("SET", "rate_limit:acme:chat", 200, "EX", 50))


def low_hit_rate(gateway: HostileServer, server: RealServer) -> None:
    gateway.on("/api/cache/metrics", reply(b'{"hit_rate":0.41,"total_keys":1247}'))


def sick_body(gateway: HostileServer, server: RealServer) -> None:
    gateway.on("/health", reply(b'{"status":"DOWN"}'))


FAULTS: dict[str, tuple[Fault, str, str, str]] = {
    "an open circuit": (open_circuit, "breaker.open", "circuit_breaker", ""),
    "a third of all requests": (a_third_fails, "errors.rate", "circuit_breaker", "error_rate"),
    "a counter that never resets": (immortal, "limits.immortal", "rate_limiting", "rate_limiting_efficiency"),
    "a tenant over its limit": (over_the_limit, "limits.over", "rate_limiting", "rate_limiting_efficiency"),
    "a low hit rate": (low_hit_rate, "cache.hit_rate", "cache_miss", "cache_performance"),
    "a body that says DOWN": (sick_body, "services.gateway", "high_latency", "latency"),
}


def level_of(document: dict[str, Any], rule: str) -> str:
    found = [one["level"] for one in document["diagnostics"] if one["rule"] == rule]
    return max(found, key=SEVERITIES.index, default="none")


async def sampled(context: Context, rule: str, level: str) -> HealthReport:
    """The Health pane's report once the rule has this level there, or the last one: what flaps is held low at first."""
    reports: list[HealthReport] = []
    there = asyncio.Event()
    recorder = Recorder(lambda: context.store, context.clock)

    def take(subject: str, report: object) -> None:
        if isinstance(report, HealthReport):
            reports.append(report)
            if any(one.rule == rule and one.severity == level for one in report.findings):
                there.set()

    sampler = Sampler(context, recorder.listen(take))
    loops = sampler.loops()
    tasks = [
        asyncio.create_task(loops[name]()) for name in ("gateway", "engine", "server", "limits", "keys", "metrics")
    ]
    try:
        async with asyncio.timeout(60):
            await there.wait()
    except TimeoutError:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return reports[-1]


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_surface_has_the_same_word_for_one_fault(fault: str, server: RealServer, tmp_path: Path) -> None:
    cause, rule, issue, metric = FAULTS[fault]
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", good_traffic())
        cause(gateway, server)
        if rule == "cache.hit_rate":
            await warm(server)
        health = await ask(context, "diagnose_gateway_health", tenant_id="acme")
        level = level_of(health, rule)
        assert level in SEVERITIES[1:] and health["overall_status"] in ("needs_attention", "critical")
        told = {"troubleshoot": await ask(context, "troubleshoot_production_issue", issue_type=issue, tenant_id="acme")}
        if metric:
            told["performance"] = await ask(context, "analyze_performance_metrics", metric_type=metric)
        assert {name: level_of(one, rule) for name, one in told.items()} == dict.fromkeys(told, level)
        meeting = await standup(context)
        assert {one.rule: one.severity for one in meeting.findings}[rule] == level
        assert meeting.overall_status == health["overall_status"]
        report = await sampled(context, rule, level)
    assert {one.rule: one.severity for one in report.findings}[rule] == level
    assert report.overall in ("needs_attention", "critical")


async def test_a_healthy_gateway_is_looked_at_once_and_one_with_failures_again(
    server: RealServer, tmp_path: Path
) -> None:
    """What was never counted cannot have happened lately: a healthy summary costs one page."""
    async with system(server.port, tmp_path) as (context, gateway):
        page = good_traffic()
        gateway.on("/metrics", page)
        health = await ask(context, "diagnose_gateway_health")
        assert (page.looks, health["overall_status"]) == (1, "healthy")
        section = health["gateway_metrics"]
        assert section["requests_per_second"] is None and any("one sample" in one for one in section["unknown"])
        failing = Counts(STARTED, (REQUESTS.format(200), 50_000, 40), (REQUESTS.format(500), 3, 0))
        gateway.on("/metrics", failing)
        health = await ask(context, "diagnose_gateway_health")
    assert failing.looks > 3 and health["overall_status"] == "healthy"
    assert health["gateway_metrics"]["failing_share"] == 0 and health["gateway_metrics"]["requests_per_second"] > 0


@pytest.mark.parametrize("page", [b"", b"<html>no</html>", None], ids=["empty", "no exposition", "404"])
async def test_a_gateway_that_publishes_nothing_is_unknown_and_not_accused(
    page: bytes | None, server: RealServer, tmp_path: Path
) -> None:
    async with system(server.port, tmp_path) as (context, gateway):
        if page is not None:
            gateway.on("/metrics", reply(page, kind=b"text/plain"))
        health = await ask(context, "diagnose_gateway_health")
    assert health["overall_status"] == "healthy"
    said = health["gateway_metrics"]["unknown"]
    assert health["gateway_metrics"]["status"] == "unknown" and said
    assert not any("no failure" in one for one in said)  # nobody has seen a page that could hold one


async def test_a_page_that_hangs_costs_the_counters_and_nothing_else(server: RealServer, tmp_path: Path) -> None:
    async def hang(writer: Any) -> None:
        await asyncio.sleep(30)
        await sends(b"")(writer)

    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", hang)
        health = await ask(context, "diagnose_gateway_health")
        assert "/metrics" not in gateway.ended
    assert health["backend_orchestrator_health"]["status"] == "healthy" and health["redis"]["status"] == "connected"
    assert health["gateway_metrics"]["status"] == "unknown"


async def test_a_sick_part_beside_a_good_word_is_told_on_every_surface_and_is_no_alarm(
    server: RealServer, tmp_path: Path
) -> None:
    rule = "services.gateway_says"
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/health", reply(b'{"status":"ok","checks":{"redis":{"status":"down"}}}'))
        health = await ask(context, "diagnose_gateway_health")
        trouble = await ask(context, "troubleshoot_production_issue", issue_type="rate_limiting")
        meeting = await standup(context)
        report = await sampled(context, rule, "low")
    assert (level_of(health, rule), level_of(trouble, rule)) == ("low", "low")
    assert health["overall_status"] == meeting.overall_status == "healthy"
    assert health["backend_orchestrator_health"]["says"] == '"checks.redis.status": "down"'
    assert {one.rule: one.severity for one in report.findings}[rule] == "low"
