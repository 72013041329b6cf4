"""What the tools say of limits on a real server: odd names, refusals, sizes, blame, coverage."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.actions.planning import make_plan
from optimus_tui.actions.redis.keys import Known
from optimus_tui.contract.actions import ActionRequest, Refusal
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.tuning import Tuning
from tests.live.tools.driver import Counts, ask, pipe
from tests.live.tools.driver import system as small_system
from tests.realserver import RealServer

pytestmark = pytest.mark.live
TROUBLE, HEALTH, PERFORMANCE = (
    "troubleshoot_production_issue", "diagnose_gateway_health", "analyze_performance_metrics",
)  # fmt: skip
REFUSED = 'rate_limit_refused_total{tenant="acme",operation="chat"}'
REQUESTS = 'http_requests_total{route="/api/chat",status="%s",tenant="acme"}'
ADDRESS = "::ffff:10.0.0.7"


QUICK = Tuning(apart_seconds=0.05, slope_seconds=0.2)
"""Shorter waits between two looks."""
system = partial(small_system, tuning=QUICK)


def rules_of(document: dict[str, Any]) -> dict[str, str]:
    return {one["rule"]: one.get("level") or one["severity"] for one in document["diagnostics"]}


async def test_an_immortal_counter_of_an_address_is_seen_and_left_out_of_actions(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, ("SET", f"rate_limit:{ADDRESS}:chat", 9), ("SET", "rate_limit::upload", 3))
    pipe(server.port, ("SET", "rate_limit:globex", 3), ("SET", "rate_limit:", "x"))
    async with system(server.port, tmp_path) as (context, _):
        health = await ask(context, HEALTH, tenant_id=ADDRESS)
        trouble = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id=ADDRESS)
        figures = await ask(context, PERFORMANCE, metric_type="rate_limiting_efficiency", tenant_filter=ADDRESS)
        request = ActionRequest(kind="repair_counter", tenant=ADDRESS.encode(), window_seconds=60)
        plan = await make_plan(context, request, Known())
        one_part = await make_plan(
            context, ActionRequest(kind="reset_counters", tenant=b"globex"), Known(frozenset({b"globex"}))
        )
    messages = " ".join(one["message"] for one in health["diagnostics"])
    assert health["overall_status"] == "critical"
    for name in (f"{ADDRESS} / chat", "(empty tenant) / upload", "globex / (no operation)"):
        assert name in messages
    assert health["rate_limiting"]["rate_limits"]["chat"]["immortal"]
    assert health["rate_limiting"]["unparsed"] == {
        "count": 2,
        "shapes": [{"shape": "rate_limit:…", "count": 1}, {"shape": "rate_limit:", "count": 1}],
    }
    assert rules_of(trouble)["limits.immortal"] == "critical"
    assert not any(one["command"] for one in trouble["recommendations"])
    assert any("begins or ends with a colon" in line for line in trouble["examined"])
    assert rules_of(figures)["limits.immortal"] == "critical"
    assert isinstance(plan, Refusal)
    assert "begins or ends with a colon" in plan.message
    assert isinstance(one_part, Refusal)
    assert one_part.code == "nothing"


async def test_refusals_below_the_published_limit_are_found_between_two_looks(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, ("SET", "rate_limit:acme:chat", 3, "EX", 55))
    async with system(server.port, tmp_path) as (context, gateway):
        gateway.on("/metrics", Counts((REFUSED, 300, 2), (REQUESTS % "200", 700, 3), (REQUESTS % "429", 300, 2)))
        trouble = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme")
        figures = await ask(context, PERFORMANCE, metric_type="rate_limiting_efficiency")
        other = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="globex")
    for document in (trouble, figures):
        assert rules_of(document) == {"limits.refused": "high", "limits.refused_below": "high"}
    assert rules_of(other) == {}
    assert trouble["immediate_action_required"]


async def test_hundreds_of_refusals_before_a_young_window_are_never_none(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, ("SET", "rate_limit:acme:chat", 3, "EX", 58))
    async with system(server.port, tmp_path) as (context, gateway):
        still = ((REQUESTS % "200", 700, 0), (REQUESTS % "429", 300, 0))
        gateway.on("/metrics", Counts(*still))
        ageless = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme")
        started = context.clock.wall() - 600
        gateway.on("/metrics", Counts(("process_start_time_seconds", started, 0), *still))
        young = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme", time_window_minutes=30)
        gateway.on("/metrics", Counts(("process_start_time_seconds", started - 90_000, 0), *still))
        old = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme", time_window_minutes=30)
    assert rules_of(ageless) == {"limits.refused": "medium"}
    assert "at an unknown time" in ageless["diagnostics"][0]["message"]
    assert rules_of(young) == {"limits.refused": "high"}
    assert rules_of(old) == {}
    assert any("300 since the gateway's start 1 d 1 h ago" in line for line in old["unknown"])


async def test_a_tenant_of_three_thousand_counters_answers_in_forty_kilobytes(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, *[("SET", f"rate_limit:acme:operation_number_{n}", 3, "EX", 300) for n in range(3000)])
    pipe(server.port, ("SET", "rate_limit:acme:zzz", 500, "EX", 30))
    async with system(server.port, tmp_path) as (context, _):
        trouble = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme")
        health = await ask(context, HEALTH, tenant_id="acme")
        figures = await ask(context, PERFORMANCE, metric_type="rate_limiting_efficiency", tenant_filter="acme")
    for document in (trouble, health, figures):
        assert len(json.dumps(document)) <= 40_000
    assert len(trouble["rate_limiting_analysis"]) == len(health["rate_limiting"]["rate_limits"]) == 100
    assert trouble["rate_limiting_details"]["omitted"] == health["rate_limiting"]["omitted"] == 2901
    assert figures["analysis_results"]["headroom"]["omitted"] == 2981
    assert rules_of(trouble)["limits.tenant_share"] == "high"


async def test_nine_of_nine_tenants_over_their_limit_are_no_search_for_one_client(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, *[("SET", f"rate_limit:tenant{n}:chat", 200 + n, "EX", 40) for n in range(9)])
    async with system(server.port, tmp_path) as (context, _):
        trouble = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="tenant3")
        health = await ask(context, HEALTH, tenant_id="tenant3")
        one = await ask(context, PERFORMANCE, metric_type="rate_limiting_efficiency", tenant_filter="tenant3")
    for document in (trouble, health, one):
        assert "all 9 tenants" in document["diagnostics"][0]["message"]
        assert document["diagnostics"][0]["severity"] in ("high", "warning")
    assert not any("client" in row["action"].lower().partition("no single")[0] for row in trouble["recommendations"])


async def test_a_dead_sliding_window_is_empty(server: RealServer, tmp_path: Path) -> None:
    for number in range(200):
        pipe(server.port, ("ZADD", "rate_limit:acme:chat", 1_700_000_000 + number, f"m{number}"))
    pipe(server.port, ("EXPIRE", "rate_limit:acme:chat", 60))
    async with system(server.port, tmp_path) as (context, _):
        trouble = await ask(context, TROUBLE, issue_type="rate_limiting", tenant_id="acme")
    assert trouble["rate_limiting_analysis"]["chat"]["current_count"] == 0
    assert rules_of(trouble) == {}


def test_never_more_is_scanned_than_there_is() -> None:
    assert Coverage(227, 219, True).scanned == 219
    assert Coverage(5, None, False).scanned == 5
    assert Coverage(100, 219, False).scanned == 100
