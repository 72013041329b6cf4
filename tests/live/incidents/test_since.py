"""What findings are about is measured over the time since a remedy, and what nothing was read of has no figure."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.context import Context
from optimus_tui.contract.incident import KeptReceipt
from optimus_tui.history.samples.process_lives import PROCESS, PUBLISHED, STARTED
from optimus_tui.incidents.open import open_incident
from optimus_tui.incidents.since import NO_COUNTER, counters_in, figures_since, with_figures
from optimus_tui.workflow.outcomes import compare
from optimus_tui.workflow.proof import proof_words
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer
from tests.unit.workflow.driver import found, outcome

pytestmark = pytest.mark.live

CHAT = "clinic_a / chat"


@asynccontextmanager
async def recorded(server: RealServer, folder: Path) -> AsyncIterator[tuple[Context, float]]:
    """Record a fault before an act and its end after it, as a dashboard does; yield the context and when that was."""
    async with system(server.port, folder) as (context, _):
        now = context.clock.wall()
        act, count = now - 60.0, 0.0
        for at in range(120, 0, -2):
            is_bad, count = at > 60, count + 10.0
            failed = min(count, 300.0)
            values = {
                "latency.engine": 829.0 if is_bad else 12.0 + (at == 2),
                "state.engine": 1.0,
                "state.gateway": 0.0 if is_bad else 1.0,
                "latency.gateway": 9.0,
                PROCESS: 7.0,
                STARTED: now - 3_600.0,
                "events.rate": 1_500.0 if is_bad else 3.0,
                "events.bulk": 2.0 * is_bad,
                "http_requests_total|route=/chat|status=500|tenant=a": failed,
                "http_requests_total|route=/chat|status=200|tenant=a": count,
                "cache_hits_total": count - failed,
                "cache_misses_total": min(count, 300.0),
            }
            values |= {
                f"{PUBLISHED}{name}": 1.0 for name in ("http_requests_total", "cache_hits_total", "cache_misses_total")
            }
            context.store.put(now - at, values)
        yield context, act + 1.0


async def figure(context: Context, since: float, **more: Any) -> str:
    """Return the words of the figure of a finding; empty where nothing was read of it."""
    (rule, subject) = more.pop("rule"), more.pop("subject")
    return "".join(one.words for one in await figures_since(context, [found(rule, "high", subject, **more)], since))


@pytest.mark.parametrize(
    ("rule", "subject", "words"),
    [
        ("latency.now", "engine", "12 ms, p50 of 29 checks"),
        ("latency.half", "engine", "12 ms, p50 of 29 checks"),
        ("latency.few", "engine", "13 ms, slowest of 29 checks"),
        ("latency.p95", "engine", "12 ms, p95 of 29 checks"),
        ("services.gateway", "gateway", "answers in 9.0 ms, 29 of 29 checks answered"),
        ("services.flapping", "gateway", "0 %, 29 of 29 checks answered"),
        ("errors.rate", "gateway", "0 % of 280 requests"),
        ("errors.rate", "route /chat", "0 % of 280 requests"),
        ("cache.hit_rate", "hit rate", "100 % of 280 look-ups"),
        ("events.flood", "coherence feed", "3 events/s over 56 s"),
        ("cache.bulk", "bulk invalidations", "0 events in 56 s"),
        ("limits.refused", "a", "0 % of 280 requests"),
        ("latency.now", "redis", ""),
        ("latency.p95", "route /chat", ""),
        ("memory.growth", "memory", ""),
    ],
)
async def test_each_kind_of_figure_is_measured_since_the_remedy(
    server: RealServer, tmp_path: Path, rule: str, subject: str, words: str
) -> None:
    unit = {"events.flood": "events/s", "limits.refused": "share"}.get(rule, "")
    async with recorded(server, tmp_path) as (context, since):
        assert await figure(context, since, rule=rule, subject=subject, unit=unit) == words


async def test_a_counter_is_told_by_the_document_of_its_check(server: RealServer, tmp_path: Path) -> None:
    endless = found("limits.immortal", "critical", CHAT, measured="no TTL", threshold="a TTL")
    async with system(server.port, tmp_path) as (context, _):
        for command, words in (
            (("SET", "rate_limit:clinic_a:chat", "155", "EX", "4000"), "155 of 150 used, resets in 1 h 6 min"),
            (("DEL", "rate_limit:clinic_a:chat"), NO_COUNTER),
        ):
            server.command("SET", "rate_limit:clinic_a:export", "1", "EX", "90")
            server.command(*command)
            for tool, more in (
                ("diagnose_gateway_health", {}),
                ("troubleshoot_production_issue", {"issue_type": "rate_limiting"}),
            ):
                document = await ask(context, tool, tenant_id="clinic_a", **more)
                after = with_figures(outcome(), counters_in(document, [endless]))
                told = compare(outcome(endless), after).deciding
                assert told == f"{CHAT} no TTL → {words}", (tool, document)


async def test_a_service_that_went_away_since_has_no_good_latency(server: RealServer, tmp_path: Path) -> None:
    async with recorded(server, tmp_path) as (context, since):
        context.store.put(context.clock.wall() - 1.0, {"state.engine": 0.0})
        for rule in ("latency.now", "services.engine"):
            told = await figure(context, since, rule=rule, subject="engine")
            assert told == "no good answer in the last check, 29 of 30 checks answered", rule


async def test_a_repair_is_proved_with_what_the_counter_was_and_is_though_no_tenant_was_named(
    server: RealServer, tmp_path: Path
) -> None:
    server.command("SET", "rate_limit:acme:chat", "155")
    async with system(server.port, tmp_path) as (context, _):
        service = await open_incident(context, root=tmp_path / "incidents")
        await service.run("health")
        server.command("EXPIRE", "rate_limit:acme:chat", "4000")
        receipt = KeptReceipt(action_id="a", kind="repair_counter", tenant="acme", counts={"done": 1})
        record = await service.acted(receipt, rules=("limits.immortal",))
        told = proof_words(record)
        assert record.verdict == "fixed" and "acme / chat no TTL → 155 of 150 used, resets in 1 h 6 min" in told, told
        await service.aclose()
