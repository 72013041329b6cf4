"""One moment, one figure: an incident's report and the dashboard's reading, made from the same looks."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.contract.finding_rules import CACHE_BULK, CACHE_HIT_RATE, EVENTS_FLOOD, LATENCY_P95, LIMITS_REFUSED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import (
    DURATIONS,
    HITS,
    MISSES,
    REFUSED,
    REQUESTS,
    CacheMetrics,
    GatewayState,
    MetricsState,
    ServerState,
    ServiceState,
)
from optimus_tui.grammar.info import series_name
from optimus_tui.history.samples.store import Store
from optimus_tui.history.samples.windows import Windows
from optimus_tui.probes.events.ring import FeedRing
from optimus_tui.sampling.bulk import BulkWatch
from optimus_tui.sampling.staleness import SamplerState
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING
from optimus_tui.tools.figures.gateway_figures import rate_since_start, sampled_figures, summary_figures
from optimus_tui.tools.figures.kept_alerts import with_notes
from optimus_tui.verdicts.coherence import events
from optimus_tui.verdicts.gateway.hit_rate import find_rates
from optimus_tui.verdicts.playbooks.cache_miss import count
from tests.fixed_clock import FixedClock
from tests.listening import Heard

EVERY, LOOKS = 10.0, 30
PER_SECOND = 400
SHARED = (EVENTS_FLOOD, CACHE_BULK, CACHE_HIT_RATE, LIMITS_REFUSED, LATENCY_P95)


def page(at: float, started: float, calm_from: float = float("inf"), per_second: float = 20.0) -> MetricsState:
    """Return a page of a gateway that answers 20 requests a second: 30 % refused up to a moment, the others slow."""
    passed = at - started
    refused = 0.3 * per_second * (min(at, calm_from) - started)
    good = per_second * passed - refused
    labels = {"route": "/chat", "tenant": "acme"}
    values = {
        series_name(REQUESTS, {**labels, "status": "200"}): good,
        series_name(REQUESTS, {**labels, "status": "429"}): refused,
        series_name(REFUSED, {"tenant": "acme"}): refused,
        HITS: 3 * passed,
        MISSES: 7 * passed,
        series_name(f"{DURATIONS}_sum", {"route": "/chat"}): 0.9 * good,
        series_name(f"{DURATIONS}_count", {"route": "/chat"}): good,
    }
    for edge, share in (("0.5", 0.1), ("1", 0.5), ("2.5", 1.0), ("+Inf", 1.0)):
        values[series_name(f"{DURATIONS}_bucket", {"route": "/chat", "le": edge})] = share * good
    return MetricsState(metrics=(REQUESTS, REFUSED, DURATIONS, HITS, MISSES), values=values, started_at=started)


class Moment:
    """The looks of five minutes, and what the dashboard and an incident's checks make of them."""

    def __init__(self, store: Store, calm: float = 0.0, per_second: float = 20.0) -> None:
        """``calm``: for how many seconds no request has been refused."""
        self.clock = FixedClock()
        settings = Settings()
        windows = Windows(settings, lambda: store, None, self.clock)
        self.ctx: Any = SimpleNamespace(
            clock=self.clock, settings=settings, tuning=TUNING, store=store, windows=windows
        )
        self.ctx.shown = (float("-inf"), ())
        started = self.clock.wall() - 4_000.0
        for ago in range(LOOKS, -1, -1):
            self.page = page(self.clock.wall() - EVERY * ago, started, self.clock.wall() - calm, per_second)
            published = {f"published.{one}": 1.0 for one in self.page.metrics}
            store.put(self.clock.wall() - EVERY * ago, {**published, **self.page.values})
        self.payloads, self.ring, self.bulk = list[bytes](), FeedRing(10_000), BulkWatch()
        self.ring.set_state("live")
        self.ring.verified = self.clock.mono()
        wall, mono = self.clock.wall(), self.clock.mono()
        for tenth in range(100, 0, -1):
            before = tenth / 10 - 0.05
            body = {"type": "bulk_invalidation", "tenant_id": "acme", "timestamp": wall - before}
            some = [json.dumps({**body, "n": n}).encode() for n in range(PER_SECOND // 10)]
            self.payloads += some
            self.ring.add(
                [[b"pmessage", b"*", b"cache_coherence:acme", one] for one in some], wall - before, mono - before
            )
        cache = CacheMetrics(0.3, 1_000, hits=12_000, misses=28_000)
        service = ServiceState(status="healthy", status_code=200, latency_ms=4.0)
        self.gateway = Reading(value=GatewayState(service=service, cache=cache), taken_at=wall, taken_mono=mono)
        self.server = Reading(value=ServerState(latency_ms=0.3), taken_at=wall, taken_mono=mono)

    async def dashboard(self) -> tuple[Any, Any]:
        """Return the health report and the gateway's figures as the loops make them."""
        heard = Heard()
        state = SamplerState(self.ctx.settings, self.clock, heard)
        batch = self.ring.batch(0, 10_000, self.clock.mono())
        self.bulk.add(batch.items)
        figures = await sampled_figures(self.ctx, 5, [self.page])
        state.put_server(self.server)
        state.put_gateway(self.gateway)
        state.put_signals(figures.signals)
        state.settle("metrics", figures.findings)
        state.settle(
            "feed", events.judge(batch.status, mono=self.clock.mono(), thresholds=self.ctx.settings.thresholds)
        )
        state.settle("bulk", self.bulk.findings(self.clock.wall()))
        report = heard.last("health")
        self.ctx.shown = self.clock.mono(), report.findings
        return report, figures

    async def report(self, log: int) -> tuple[dict[str, Finding], Any]:
        """Return the findings and figures of an incident's checks; the event log has kept the newest ``log``."""
        first = Reading(value=self.page, taken_at=self.clock.wall(), taken_mono=self.clock.mono())

        async def first_look() -> Reading[MetricsState]:
            return first

        counters: Any = SimpleNamespace(minutes=5, first_look=first_look)
        figures = await summary_figures(self.ctx, counters)
        thresholds = self.ctx.settings.thresholds
        seen = count(self.payloads[-log:], self.clock.wall(), 5)
        rate = rate_since_start(self.gateway.value, self.server, self.clock.mono())
        found = [
            *figures.findings,
            *events.find_flood(seen.rate, thresholds, seen.source),
            *seen.bulk,
            *find_rates(rate, None, self.server.value, thresholds),
        ]
        return {one.rule: one for one in await with_notes(self.ctx, found)}, figures


@pytest.fixture
async def moment(tmp_path: Path) -> AsyncIterator[Moment]:
    store = Store(tmp_path / "h.sqlite")
    yield Moment(store)
    await store.close()


@pytest.mark.parametrize("log", [4_000, 1_000, 200])
async def test_every_figure_that_both_have_is_the_same(moment: Moment, log: int) -> None:
    shown, live = await moment.dashboard()
    told, kept = await moment.report(log)
    screen = {one.rule: one for one in shown.findings}
    assert set(SHARED) <= set(screen) and set(SHARED) <= set(told)
    for rule in SHARED:
        mine, theirs = told[rule], screen[rule]
        assert (mine.measured, mine.message, mine.since) == (theirs.measured, theirs.message, theirs.since), rule
    assert screen[EVENTS_FLOOD].measured == pytest.approx(PER_SECOND)
    assert kept.requests_per_second == live.requests_per_second == pytest.approx(20.0)
    assert kept.refused_share == live.refused_share == pytest.approx(0.3)
    assert shown.hit_rate.value == told[CACHE_HIT_RATE].measured == pytest.approx(0.3)
    assert live.signals.total.per_second == pytest.approx(live.requests_per_second)
    assert live.signals.total.refused_share == pytest.approx(live.refused_share)


async def test_without_a_dashboard_a_rate_from_the_log_names_what_the_log_reaches(moment: Moment) -> None:
    whole, _ = await moment.report(4_000)
    assert (
        whole[EVENTS_FLOOD].measured == pytest.approx(PER_SECOND) and "in the last 5 s" in whole[EVENTS_FLOOD].message
    )
    short, _ = await moment.report(200)
    assert short[EVENTS_FLOOD].measured == pytest.approx(PER_SECOND, rel=0.15)
    assert "in the last 450 ms" in short[EVENTS_FLOOD].message
    moment.clock.advance(3.0)  # and nothing came since
    assert EVENTS_FLOOD not in (await moment.report(200))[0]


@pytest.mark.parametrize(
    ("per_second", "calm", "seconds", "refused"),
    [
        (20.0, 0.0, 20.0, 6.0),
        (20.0, 30.0, 20.0, 0.0),
        (20.0, 10.0, 20.0, 3.0),
        (0.5, 30.0, 90.0, 0.1),
        (1.1, 0.0, 90.0, 0.33),
    ],
)
async def test_signals_are_of_the_nearest_span_that_has_enough_requests(
    tmp_path: Path, per_second: float, calm: float, seconds: float, refused: float
) -> None:
    store = Store(tmp_path / "h.sqlite")
    try:
        _, live = await Moment(store, calm, per_second).dashboard()
    finally:
        await store.close()
    signals = live.signals
    assert signals.seconds == pytest.approx(seconds, abs=1.0)
    assert signals.total.refused_per_second == pytest.approx(refused)
    assert signals.total.per_second == pytest.approx(per_second)
    assert signals.total.timed == pytest.approx(signals.total.requests - refused * signals.seconds), "of the same span"
