"""What the recorder keeps of the loops' reports: once, fresh, and nothing of a part taken for the whole."""

from collections.abc import Mapping

from msgspec.structs import replace

from optimus_tui.contract.keyspace import (
    CacheReport,
    Counter,
    FeedBatch,
    FeedStatus,
    GroupTotals,
    KindTotals,
    LimitRow,
    LimitsReport,
)
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import (
    CacheMetrics,
    GatewayState,
    HealthReport,
    MetricsState,
    ServerState,
    ServiceState,
)
from optimus_tui.sampling.record import Recorder
from tests.fixed_clock import FixedClock

WHOLE = Coverage(10, 10, complete=True)
DOWN = Fault("refused", "nobody answers")


class Kept:
    def __init__(self) -> None:
        self.sets: list[tuple[float, dict[str, float]]] = []

    def put(self, at: float, values: Mapping[str, float]) -> None:
        self.sets.append((at, dict(values)))

    def last(self) -> dict[str, float]:
        return self.sets[-1][1]


def setting() -> tuple[FixedClock, Kept, Recorder]:
    clock, kept = FixedClock(wall=1_795_000_000.0), Kept()
    return clock, kept, Recorder(lambda: kept, clock)


def reading(clock: FixedClock, value: object, **more: object) -> Reading[object]:
    return Reading(value=value, taken_at=clock.wall(), taken_mono=clock.mono(), **more)  # type: ignore[arg-type]


def health(clock: FixedClock, **more: object) -> HealthReport:
    gateway = GatewayState(service=ServiceState(status="healthy", latency_ms=12.0), cache=CacheMetrics(0.85, 1247))
    server = ServerState(latency_ms=0.4, run_id="r", memory_used=100, keyspace_hits=50, keyspace_misses=9, own_hits=20)
    parts = {
        "gateway": reading(clock, gateway),
        "engine": reading(clock, ServiceState(status="connected", latency_ms=8.0)),
        "server": reading(clock, server),
        "postgres": reading(clock, ServiceState(status="not configured")),
    }
    return HealthReport(**{**parts, **more})  # type: ignore[arg-type]


def test_a_set_is_kept_every_two_seconds_on_even_seconds_and_each_reading_once() -> None:
    clock, kept, recorder = setting()
    report = health(clock)
    for _ in range(5):
        recorder.take("health", report)
        clock.advance(0.3)
    assert kept.sets == []
    clock.advance(1.0)
    recorder.take("health", report)
    (at, values) = kept.sets[0]
    assert at == 1_795_000_002.0
    assert values == {
        "state.gateway": 1.0, "latency.gateway": 12.0, "hit_rate.gateway": 0.85, "state.engine": 1.0,
        "latency.engine": 8.0, "state.redis": 1.0, "latency.redis": 0.4, "redis.memory": 100.0,
    }  # fmt: skip
    clock.advance(10)
    recorder.take("health", report)
    recorder.flush()
    assert len(kept.sets) == 1  # nothing new was measured


def test_an_outage_is_a_sample_and_the_last_good_value_is_not() -> None:
    clock, kept, recorder = setting()
    good = health(clock)
    gateway = GatewayState(service=ServiceState(status="error", fault=DOWN), cache=CacheMetrics(0.85, 1))
    broken = replace(
        good,
        gateway=replace(good.gateway, value=gateway, fault=DOWN),  # type: ignore[type-var]
        server=replace(good.server, fault=DOWN),  # type: ignore[type-var]
    )
    recorder.take("health", broken)
    recorder.flush()
    assert kept.last() == {"state.gateway": 0.0, "state.engine": 1.0, "latency.engine": 8.0, "state.redis": 0.0}


def test_look_ups_are_kept_as_rates_without_ours_and_not_across_a_restart() -> None:
    clock, kept, recorder = setting()

    def look(run_id: str, hits: int, own: int) -> None:
        state = ServerState(latency_ms=1, run_id=run_id, keyspace_hits=hits, keyspace_misses=0, own_hits=own)
        recorder.take("health", HealthReport(server=reading(clock, state)))  # type: ignore[arg-type]
        recorder.flush()
        clock.advance(2)

    look("a", 100, 10)
    assert "redis.hits" not in kept.last()
    look("a", 130, 20)
    assert kept.last()["redis.hits"] == 10.0
    look("b", 500, 20)
    assert "redis.hits" not in kept.last()
    look("b", 10, 20)
    assert "redis.hits" not in kept.last()


def test_counters_and_keys_are_kept_only_when_the_whole_keyspace_was_seen() -> None:
    clock, kept, recorder = setting()
    counter = Counter(key=b"k", tenant=b"t", operation=b"o", count=1, ttl_ms=None)
    rows = tuple(LimitRow(counter=counter, state=state) for state in ("over", "over", "immortal", "ok"))
    limits = LimitsReport(rows=rows, tenants=(), total=4, unparsed=0, coverage=WHOLE, rules=None)  # type: ignore[arg-type]
    totals = GroupTotals(
        kind=b"conv\xff", tenant=None, keys=7, without_ttl=2, bytes_used=None, bytes_exact=False, histogram=()
    )
    cache = CacheReport(kinds=(KindTotals(totals, ()),), keys=7, coherence_keys=3, coverage=WHOLE, version=1)
    part = Coverage(1, 10, complete=False)
    recorder.take("limits", reading(clock, replace(limits, coverage=part)))
    recorder.take("cache", reading(clock, replace(cache, coverage=part)))
    recorder.take("cache", reading(clock, cache, fault=DOWN))
    recorder.flush()
    assert kept.sets == []
    recorder.take("limits", reading(clock, limits))
    recorder.take("cache", reading(clock, cache))
    recorder.flush()
    assert kept.last() == {
        "limits.counters": 4, "limits.over": 2, "limits.immortal": 1, "cache.keys": 7, "cache.no_ttl": 2,
        "coherence.keys": 3, "cache.kind.conv\udcff": 7,
    }  # fmt: skip


def test_events_are_kept_as_a_rate_while_the_feed_is_live() -> None:
    clock, kept, recorder = setting()
    for received, state in ((100, "live"), (104, "live"), (110, "live"), (110, "down"), (200, "live")):
        status = FeedStatus(state=state, received=received, bulk=received // 2)  # type: ignore[arg-type]
        recorder.take("feed", FeedBatch(items=(), status=status))
        clock.advance(2)
    recorder.flush()
    assert [values["events.rate"] for _, values in kept.sets if "events.rate" in values] == [2.0, 3.0]
    assert [values["events.bulk"] for _, values in kept.sets if "events.bulk" in values] == [1.0, 1.5]
    assert [values["feed.live"] for _, values in kept.sets] == [1.0, 1.0, 0.0, 1.0]


def test_labelled_series_are_kept_when_they_changed_and_every_five_minutes() -> None:
    clock, kept, recorder = setting()
    values = {"http_requests_total|tenant=a": 5.0, "cache_hits_total": 2.0, "process_resident_memory_bytes": 9e6}

    def look(**more: float) -> set[str]:
        state = MetricsState(metrics=("http_requests_total",), values={**values, **more})
        recorder.take("metrics", reading(clock, state))
        recorder.flush()
        clock.advance(30)
        return {name for name in kept.last() if not name.startswith(("published", "metrics."))}

    always = {"cache_hits_total", "gateway.rss"}
    assert look() == {"http_requests_total|tenant=a", *always}
    assert look() == always
    assert look(**{"http_requests_total|tenant=b": 1.0}) == {"http_requests_total|tenant=b", *always}
    for _ in range(7):
        assert look(**{"http_requests_total|tenant=b": 1.0}) == always
    assert "http_requests_total|tenant=a" in look()
    assert kept.last()["published.http_requests_total"] == 1.0


def test_the_screen_hears_everything_but_the_metrics() -> None:
    clock, _kept, recorder = setting()
    heard: list[str] = []
    sink = recorder.listen(lambda subject, _: heard.append(subject))
    for subject, report in (("health", health(clock)), ("metrics", reading(clock, MetricsState())), ("details", ())):
        sink(subject, report)
    assert heard == ["health", "details"]


def test_a_clock_that_goes_back_does_not_stop_the_recording() -> None:
    clock, kept, recorder = setting()
    recorder.take("health", health(clock))
    clock.advance(-500)
    recorder.take("health", health(clock))
    assert kept.sets[-1][0] == 1_794_999_500.0
