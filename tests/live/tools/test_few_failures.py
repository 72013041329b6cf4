"""Few failures of many requests, and many of few, at a gateway that really counts."""

import time
from pathlib import Path

import pytest

from tests.live.tools.driver import Counts, ask, system
from tests.realserver import RealServer

pytestmark = pytest.mark.live
REQUESTS = 'http_requests_total{{method="POST",route="/api/chat",status="{}",tenant="acme"}}'
STARTED = ("process_start_time_seconds", time.time() - 90_000.0, 0.0)


@pytest.mark.parametrize(
    ("good", "failed", "level", "overall"),
    [(130.0, 1.5, "low", "healthy"), (1.75, 0.75, "high", "needs_attention")],
    ids=["6 of 526 within four looks", "3 of 10 within four looks"],
)
async def test_a_few_failures_weigh_as_much_as_they_prove_on_every_surface(
    good: float, failed: float, level: str, overall: str, server: RealServer, tmp_path: Path
) -> None:
    async with system(server.port, tmp_path) as (context, gateway):
        page = Counts(STARTED, (REQUESTS.format(200), 50_000, good), (REQUESTS.format(504), 8, failed))
        gateway.on("/metrics", page)
        seen = await ask(context, "diagnose_gateway_health")
        rate = await ask(context, "analyze_performance_metrics", metric_type="error_rate")
        trouble = await ask(context, "troubleshoot_production_issue", issue_type="circuit_breaker")
    for document in (seen, rate, trouble):
        assert {one["level"] for one in document["diagnostics"] if one["rule"] == "errors.rate"} == {level}
    assert seen["overall_status"] == overall
    assert trouble["immediate_action_required"] == (level == "high")
