"""A service that answers and fails by turns is found on the Health pane too, with or without ``/metrics``."""

import itertools
import shutil
import time
from pathlib import Path

import pytest

from optimus_tui.history.samples.store import Store
from optimus_tui.sampling.record import Recorder
from tests.hostile import HostileServer, Writer, reply, sends
from tests.listening import Heard, sampling
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer
from tests.worlds.prometheus import prometheus_that_scraped
from tests.worlds.traffic import answering, share, steady

pytestmark = pytest.mark.live
RULE = "services.flapping"


def by_turns(gateway: HostileServer, pattern: str) -> None:
    """``.`` answers well, ``x`` 503, over and over."""
    turns = itertools.cycle(pattern)

    async def answer(writer: Writer) -> None:
        well = next(turns) == "."
        await sends(reply(b'{"status":"ok"}' if well else b"", b"200 OK" if well else b"503 Service Unavailable"))(
            writer
        )

    gateway.on("/health", answer)


@pytest.mark.parametrize("publishes", [False, True], ids=["no /metrics", "/metrics"])
async def test_a_gateway_that_flaps_is_found_on_the_pane_and_by_the_tool(
    publishes: bool, server: RealServer, tmp_path: Path
) -> None:
    async with system(server.port, tmp_path, refresh_seconds=0.2) as (context, gateway):
        by_turns(gateway, "..x")
        if publishes:
            gateway.on("/metrics", reply(b"http_requests_total 5\n", kind=b"text/plain"))
        heard = Heard()
        recorder = Recorder(lambda: context.store, context.clock)
        sources = ("gateway", "metrics")
        async with sampling(context, recorder.listen(heard), sources):  # type: ignore[arg-type]
            report = await heard.until("health", lambda one: [f for f in one.findings if f.rule == RULE])
    found = [one for one in report.findings if one.rule == RULE]
    assert [(one.subject, one.severity) for one in found] == [("gateway", "medium")], "once, not for every source"


async def test_what_was_kept_before_counts_for_the_pane_and_the_tool_alike(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path, refresh_seconds=0.2) as (context, _):
        store: Store = context.store
        now = time.time()
        for number, mark in enumerate("..xxx...xxx...xx"):
            store.put(now - 60 + 2 * number, {"state.engine": float(mark == ".")})
        seen = await ask(context, "diagnose_gateway_health")
        heard = Heard()
        async with sampling(context, heard, ("engine",)):
            report = await heard.until("health", lambda one: [f for f in one.findings if f.rule == RULE])
    told = [one["level"] for one in seen["diagnostics"] if one["rule"] == RULE]
    assert told == [one.severity for one in report.findings if one.rule == RULE] == ["medium"]


async def test_a_steady_service_and_one_that_is_down_do_not_flap(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path, refresh_seconds=0.1) as (context, gateway):
        by_turns(gateway, "x")
        heard = Heard()
        async with sampling(context, heard, ("gateway",)):
            await heard.until("health", lambda _: len(heard.reports["health"]) >= 8)
    assert not [f for one in heard.reports["health"] for f in one.findings if f.rule == RULE]


async def test_routes_that_prometheus_alone_knows_to_be_slow_are_found_on_the_pane(
    server: RealServer, tmp_path: Path
) -> None:
    if not shutil.which("promtool") or not shutil.which("prometheus"):
        pytest.skip("no prometheus on this machine (apt-get install prometheus)")
    slow = answering(share(steady(10), 0.9), share(steady(10), 0.1))
    slow.times(
        "http_request_duration_seconds", steady(10), [(0.1, 0.1), (1.0, 0.2), (2.5, 1.0)], 2.0, route="/api/chat"
    )
    async with system(server.port, tmp_path) as (_, gateway):
        target = ({"job": "gateway", "instance": gateway.url.removeprefix("http://")}, slow)
        with prometheus_that_scraped([target], 20) as url:
            async with system(server.port, tmp_path, prometheus_url=url, gateway_url=gateway.url) as (context, _):
                seen = await ask(context, "diagnose_gateway_health")
                heard = Heard()
                async with sampling(context, heard, ("gateway", "metrics")):
                    report = await heard.until(
                        "health", lambda one: [f for f in one.findings if f.rule == "errors.rate"]
                    )
    told = {one["rule"]: one["level"] for one in seen["diagnostics"] if one["rule"] in ("errors.rate", "latency.p95")}
    assert told == {"errors.rate": "high", "latency.p95": "high"}
    assert {one.rule: one.severity for one in report.findings if one.rule in told} == told


async def test_the_latency_tool_says_nothing_good_beside_a_finding_about_kept_looks(
    server: RealServer, tmp_path: Path
) -> None:
    async with system(server.port, tmp_path) as (context, _):
        quick = await ask(context, "analyze_performance_metrics", metric_type="latency")
        now = time.time()
        for number in range(60):
            context.store.put(now - 130 + 2 * number, {"latency.engine": 1400.0, "latency.gateway": 5.0})
        slow = await ask(context, "analyze_performance_metrics", metric_type="latency")
    assert quick["analysis_results"]["latency_summary"]["assessment"] == "excellent" and not quick["diagnostics"]
    assert [(one["subject"], one["level"]) for one in slow["diagnostics"]] == [("engine", "high")]
    summary = slow["analysis_results"]["latency_summary"]
    assert summary["average_latency_ms"] < 100 and summary["assessment"] == "poor"
