"""A night that is recorded through the real recorder and store, and what the stand-up says of it in the morning."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.cli.reports.standup_page import lines, page
from optimus_tui.context import Context
from optimus_tui.contract.keyspace import FeedBatch, FeedStatus
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import GatewayState, HealthReport, MetricsState, ServerState, ServiceState
from optimus_tui.contract.tools.overnight import Overnight
from optimus_tui.contract.tools.state import CachePart, EventsPart, LimitsPart, RedisPart, ServicePart, StandupReport
from optimus_tui.sampling.record import Recorder
from optimus_tui.settings.model import Settings
from optimus_tui.tools.figures.overnight import overnight
from optimus_tui.verdicts.overnight import deploys, feed_gaps
from optimus_tui.wording.numbers import seconds_of, timestamp
from tests.fixed_clock import FixedClock

EVENING = 1_795_000_000.0
MINUTE = 60.0
STEP = 10.0


def report(**more: object) -> StandupReport:
    """Return a stand-up of which only the night matters."""
    service = ServicePart(status="unknown")
    whole = StandupReport(
        tool="standup", timestamp=timestamp(EVENING), environment="prod", since=None, window_minutes=60,
        overall_status="healthy", gateway=service, engine=service, redis=RedisPart(status="unknown"),
        limits=LimitsPart(), cache=CachePart(), events=EventsPart(), findings=(),
    )  # fmt: skip
    return replace(whole, **more)


class Night:
    """A system from the evening on, and the recorder that watches it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(wall=EVENING)
        self.ctx = Context(Settings(), self.clock)
        self.recorder = Recorder(lambda: self.ctx.store, self.clock)
        self.gateway, self.engine = "1.4.0", "2.0.0"
        self.run, self.up_since = "a1" * 20, EVENING - 9_000
        self.start = EVENING - 5_000.0
        self.counts = {"clinic_b": 0.0, "acme": 0.0}
        self.refused = {"clinic_b": 0.0, "acme": 0.0}
        self.feed, self.gaps = "live", 0

    def reading(self, value: Any) -> Reading[Any]:
        return Reading(value=value, taken_at=self.clock.wall(), taken_mono=self.clock.mono())

    def watch(self, minutes: float, refused: float = 0.0) -> None:
        """Record for so long; ``refused`` requests of clinic_b a step."""
        for _ in range(round(minutes * MINUTE / STEP)):
            self.clock.advance(STEP)
            self.counts["acme"] += 5
            self.counts["clinic_b"] += 1 + refused
            self.refused["clinic_b"] += refused
            gateway = GatewayState(service=ServiceState(status="healthy", latency_ms=9.0, version=self.gateway))
            engine = ServiceState(status="connected", latency_ms=8.0, version=self.engine)
            server = ServerState(latency_ms=0.4, run_id=self.run, uptime_seconds=int(self.clock.wall() - self.up_since))
            self.recorder.take(
                "health",
                HealthReport(
                    gateway=self.reading(gateway), engine=self.reading(engine), server=self.reading(server), findings=()
                ),
            )
            status = FeedStatus(state=self.feed, gaps=self.gaps)  # type: ignore[arg-type]
            self.recorder.take("feed", FeedBatch(items=(), status=status))
            values = {f"http_requests_total|tenant={name}|status=200": n for name, n in self.counts.items()}
            values |= {f"rate_limit_refused_total|tenant={name}": n for name, n in self.refused.items()}
            names = ("http_requests_total", "rate_limit_refused_total")
            state = MetricsState(metrics=names, process=self.start, started_at=self.start, values=values)
            self.recorder.take("metrics", self.reading(state))
        self.recorder.flush()

    async def told(self) -> Overnight:
        await self.ctx.store.ready()
        return await overnight(self.ctx, EVENING, self.clock.wall())


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


async def test_refusals_deploys_restarts_and_gaps_of_the_night_are_said(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.watch(20)
    storm = night.clock.wall()
    night.watch(5, refused=4)
    calm = night.clock.wall()
    night.watch(5)
    deploy = night.clock.wall()
    night.gateway, night.start = "1.5.0", deploy
    night.counts = dict.fromkeys(night.counts, 0.0)
    night.refused = dict.fromkeys(night.refused, 0.0)
    night.watch(10)
    night.run, night.up_since = "b2" * 20, night.clock.wall()
    restart, night.feed = night.clock.wall(), "retrying"
    night.watch(1)
    night.feed, night.gaps = "live", 1
    night.watch(10)
    silence = night.clock.wall()
    night.clock.advance(30 * MINUTE)
    night.watch(5)
    told = await night.told()
    await night.ctx.aclose()

    assert told.refused == 120
    (one,) = told.refused_by
    assert (one.tenant, one.refused) == ("clinic_b", 120)
    assert one.first == timestamp(storm + STEP)
    assert one.last == timestamp(calm)
    assert told.deploys is not None and told.restarts is not None and told.gaps is not None
    assert [(d.service, d.before, d.after) for d in told.deploys] == [("gateway", "1.4.0", "1.5.0")]
    assert [(r.service, r.at) for r in told.restarts] == [
        ("gateway", timestamp(deploy)),
        ("redis", timestamp(restart)),
    ]
    assert [gap.of for gap in told.gaps] == ["feed", "recording"]
    for gap, began in zip(told.gaps, (restart, silence), strict=True):
        assert seconds_of(gap.begin) == pytest.approx(began, abs=2 * STEP)
    assert told.gaps[1].seconds == pytest.approx(30 * MINUTE, abs=STEP)
    assert told.tenants is not None
    assert [one.tenant for one in told.tenants] == ["acme", "clinic_b"]
    assert told.tenants[1].refused == 120 and told.tenants[0].refused == 0
    assert told.unknown == ("restarts: the engine publishes no start time",)

    morning = report(timestamp=told.end, overnight=told, since=told.begin)
    text = "\n".join(lines(morning))
    assert "refused 120 (clinic_b 120) · deploys 1 · restarts 2 · gaps 2" in text
    assert "gateway 1.4.0 → 1.5.0" in text and "clinic_b: 120 refused" in text
    assert len(lines(morning)) <= 12
    html = page(morning, {"latency.gateway": tuple((EVENING + n, 40.0 + n) for n in range(50))})
    for words in (
        "<th>refused (429)</th>",
        "<td>clinic_b</td>",
        "gap of 30 min",
        "redis restarted",
    ):
        assert words in html, words
    assert 'text-anchor="end">' in html and 'text-anchor="middle">' in html, "both axes have labels"
    assert "2026" in html, "the axes have their ends"


async def test_what_nobody_recorded_is_unknown_and_never_nothing(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.clock.advance(8 * 3600)
    told = await night.told()
    await night.ctx.aclose()
    assert (told.refused, told.deploys, told.restarts, told.gaps, told.tenants) == (None,) * 5
    assert told.recorded_minutes is None
    assert any("recording" in why for why in told.unknown)
    text = "\n".join(lines(report(overnight=told)))
    assert "refused ? · deploys ? · restarts ? · gaps ?" in text
    assert "Unknown: no requests by tenant" in page(report(overnight=told), {})


async def test_a_quiet_night_says_nothing_happened(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.watch(15)
    told = await night.told()
    await night.ctx.aclose()
    assert (told.refused, told.deploys, told.restarts, told.gaps) == (0, (), (), ())


async def test_a_service_that_answers_with_ever_new_versions_fills_no_file(tmp_path: Path) -> None:
    night = Night(tmp_path)
    for number in range(40):
        night.gateway = f"1.{number}.0\x1b[2J" + "x" * 500
        night.watch(0.5)
    await night.ctx.store.ready()
    names = await night.ctx.store.names("version.gateway.")
    told = await night.told()
    await night.ctx.aclose()
    assert len(names) == 16
    assert told.deploys is not None
    assert all(one.after.isprintable() and len(one.after) < 100 for one in told.deploys)


def test_addresses_that_are_deployed_in_turns_are_one_change_and_a_way_back_is_another() -> None:
    turns = {"1": [(0.0, 1.0), (20.0, 1.0)], "2": [(10.0, 1.0), (30.0, 1.0)]}
    assert [(one.before, one.after) for one in deploys("gateway", turns)] == [("1", "2")]
    back = {"1": [(0.0, 1.0), (40.0, 1.0)], "2": [(10.0, 1.0), (30.0, 1.0)]}
    assert [(one.before, one.after, one.at) for one in deploys("gateway", back)] == [
        ("1", "2", timestamp(10)),
        ("2", "1", timestamp(40)),
    ]
    assert deploys("gateway", {}) == []


def test_a_gap_that_was_over_between_two_samples_is_counted_by_the_reader() -> None:
    live = [(0.0, 1.0), (10.0, 1.0), (200.0, 0.0), (210.0, 1.0), (400.0, 0.0)]
    counted = [(0.0, 0.0), (10.0, 1.0), (210.0, 2.0)]
    found = [(one.begin, one.end) for one in feed_gaps(live, counted, 500.0)]
    assert found == [(timestamp(a), timestamp(b)) for a, b in ((0, 10), (200, 210), (400, 500))]


async def test_a_counter_that_appears_with_its_first_refusal_tells_when_that_was(tmp_path: Path) -> None:
    night = Night(tmp_path)
    night.watch(20)
    appeared = night.clock.wall() + STEP
    night.refused["late"] = 3.0
    night.watch(5)
    told = await night.told()
    await night.ctx.aclose()
    (one,) = told.refused_by
    assert (one.tenant, one.refused, one.first, one.last) == ("late", 3, timestamp(appeared), timestamp(appeared))


def test_what_has_no_result_is_counted_in_words_and_no_sentence_is_cut_within_a_word() -> None:
    error = "nobody answers at localhost:8020; start it, or correct its address in the settings"
    down = ServicePart(status="error", error=error)
    said = "\n".join(lines(report(unknown=("redis",), gateway=down, limits=LimitsPart(error=error))))
    assert "1 of 4 tools without result" in said
    shown = [line.partition("  error  ")[2] for line in said.splitlines() if "  error  " in line]
    assert shown and shown[0].removesuffix(" …") in error and error[len(shown[0]) - 2] == " "
