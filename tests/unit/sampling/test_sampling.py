"""The loops with fake probes and a clock that stands still: what they hand on, keep, and refuse to do."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import Counter, FeedBatch, FeedEvent, FeedStatus, LimitRules
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import GatewayState, ServerState, ServiceState
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.sampling.keys import ScanSink
from optimus_tui.sampling.limits import LimitLoop
from optimus_tui.sampling.sampler import SOURCES, Sampler
from optimus_tui.sampling.staleness import Backoff, SamplerState, bounded, kept
from optimus_tui.sampling.timer import IntervalTimer
from optimus_tui.settings.model import Settings
from tests.fixed_clock import FixedClock
from tests.listening import Heard, sampling
from tests.patience import PATIENCE

REFUSED = Fault("refused", "connection refused")


def context(clock: Clock | None = None, **settings: Any) -> Context:
    return Context(Settings(**{"refresh_seconds": 0.5, **settings}), clock or FixedClock())


def counter(name: bytes = b"rate_limit:acme:chat", count: int = 5) -> Counter:
    _, tenant, operation = name.split(b":")
    return Counter(key=name, tenant=tenant, operation=operation, count=count, ttl_ms=9000, taken_mono=1000.0)


# -- beats ---------------------------------------------------------------------------------------------------------


async def test_a_wake_up_ends_the_rest_and_one_that_came_early_is_not_lost() -> None:
    timer = IntervalTimer()
    resting = asyncio.create_task(timer.rest(1000))
    await asyncio.sleep(0)
    timer.wake()
    await asyncio.wait_for(resting, PATIENCE)
    timer.wake()
    early = asyncio.create_task(timer.rest(1000))
    await asyncio.wait({early}, timeout=PATIENCE)
    assert early.done(), "the wake-up was lost"
    again = asyncio.create_task(timer.rest(1000))
    await asyncio.sleep(0.01)
    assert not again.done(), "one wake-up ends one rest"
    again.cancel()


async def test_a_paused_loop_rests_until_it_is_paced_anew() -> None:
    timer = IntervalTimer()
    timer.pace(0)
    resting = asyncio.create_task(timer.rest(0.01))
    done, _ = await asyncio.wait([resting], timeout=0.1)
    assert not done
    timer.pace(1)
    await asyncio.wait_for(resting, PATIENCE)


async def test_pacing_stretches_the_rest_that_is_under_way() -> None:
    timer = IntervalTimer()
    resting = asyncio.create_task(timer.rest(0.3))
    await asyncio.sleep(0)
    timer.pace(100)
    done, _ = await asyncio.wait([resting], timeout=0.5)
    assert not done
    timer.pace(1)
    await asyncio.wait_for(resting, PATIENCE)


def test_retries_double_from_half_a_second_to_five() -> None:
    backoff = Backoff()
    assert [backoff.failed() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    backoff.worked()
    assert backoff.failed() == 0.5


# -- readings ------------------------------------------------------------------------------------------------------


def test_a_failure_keeps_the_last_good_value_with_its_old_time() -> None:
    clock = FixedClock()
    good = Reading(value=7, taken_at=1.0, taken_mono=2.0)
    clock.advance(60)
    assert kept(good, REFUSED, 3.0, clock) == replace(good, fault=REFUSED, retry_in=3.0)
    assert kept(None, REFUSED, 3.0, clock).value is None


async def test_no_read_outlasts_its_bound_row_49() -> None:
    with pytest.raises(TimeoutError):
        await bounded(asyncio.sleep(60), 0.01)


async def test_a_cancellation_that_was_swallowed_below_still_ends_the_loop() -> None:
    async def swallow() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "swallowed"
        return ""

    task = asyncio.create_task(bounded(swallow()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- what a page brings ----------------------------------------------------------------------------------------------


def found() -> ScanSink:
    return ScanSink(CacheIndex(), LimitIndex())


def ended(sink: ScanSink, coverage: Coverage) -> None:
    for _ in sink.end_steps(coverage):
        pass


def test_only_new_cache_keys_are_asked_for_their_ttl() -> None:
    door = found()
    door.begin()
    door.take([b"cache:k:t:1"], [5000], None, 1.0)
    ended(door, Coverage(1, 1, True))
    assert door.cache.take_fresh() == []
    door.begin(ttls=False)
    door.take([b"cache:k:t:1", b"cache:k:t:2", b"cache:odd", b"cache_coherence:x", b"other"], None, None, 2.0)
    ended(door, Coverage(5, 5, True))
    assert door.cache.take_fresh() == [b"cache:k:t:2", b"cache:odd"]
    assert door.cache.take_fresh() == []


def test_a_tenant_with_colons_does_not_hide_a_new_key_row_24() -> None:
    door = found()
    door.know_tenants([b"acme:eu"])
    door.begin(ttls=False)
    door.take([b"cache:k:acme:eu:1"], None, None, 2.0)
    assert door.cache.names(b"k", b"acme:eu") == [b"cache:k:acme:eu:1"]
    ended(door, Coverage(1, 1, True))
    assert door.cache.take_fresh() == [b"cache:k:acme:eu:1"]


def test_a_counter_is_new_once_and_again_after_a_whole_pass_without_it() -> None:
    door, name = found(), b"rate_limit:acme:chat"
    door.begin()
    assert door.take([name], None, None, 1.0) is True
    assert door.take([name], None, None, 1.0) is False
    ended(door, Coverage(1, 1, True))
    door.begin()
    assert door.take([name], None, None, 2.0) is False
    ended(door, Coverage(1, 1, True))
    door.begin()
    ended(door, Coverage(0, 0, True))
    assert door.take([name], None, None, 3.0) is True


def test_a_search_for_counters_alone_leaves_passes_over_all_keys_without_them() -> None:
    door, name = found(), b"rate_limit:acme:chat"
    door.begin_counters()
    assert door.take_counters([name]) is True
    door.end_counters(Coverage(9, 9, complete=True))
    door.begin()
    assert door.take([b"rate_limit:b:chat"], None, None, 1.0) is False
    ended(door, Coverage(9, 9, True))
    assert door.limits.names_to_read() == [name]
    door.begin_counters()
    door.end_counters(Coverage(0, None, complete=False))
    assert door.counters is None
    door.begin()
    assert door.take([b"rate_limit:b:chat"], None, None, 1.0) is True


# -- the board -----------------------------------------------------------------------------------------------------

IMMORTAL = Finding(rule="limits.immortal", severity="critical", subject="a / b", message="m")


def test_what_is_wrong_keeps_its_beginning_through_an_outage() -> None:
    clock, heard = FixedClock(), Heard()
    sampler_state = SamplerState(Settings(), clock, heard)
    began = clock.wall()
    sampler_state.settle("limits", [IMMORTAL])
    for _ in range(60):
        clock.advance(5)
        sampler_state.unmeasured("limits", [])
    assert sampler_state.settle("limits", [IMMORTAL])[0].since == began
    assert heard.last("health").findings[0].since == began
    assert heard.last("health").overall == "critical"


def test_a_missing_right_is_added_once_and_goes_with_the_next_good_look() -> None:
    heard = Heard()
    sampler_state = SamplerState(Settings(), FixedClock(), heard)
    denied = Finding(rule="limits.unmeasured", severity="medium", subject="rate limits", message="SCAN")
    for _ in range(3):
        sampler_state.unmeasured("limits", [denied])
    assert [one.rule for one in heard.last("health").findings] == ["limits.unmeasured"]
    sampler_state.settle("limits", [])
    assert heard.last("health").findings == ()


def test_the_health_report_follows_a_new_finding_at_once_and_an_old_one_not() -> None:
    heard = Heard()
    sampler_state = SamplerState(Settings(), FixedClock(), heard)
    sampler_state.settle("limits", [IMMORTAL])
    sampler_state.settle("limits", [IMMORTAL])
    assert len(heard.reports["health"]) == 1
    sampler_state.settle("limits", [replace(IMMORTAL, message="its figure has changed")])
    assert heard.last("health").findings[0].message == "its figure has changed", "as the counters' own pane shows it"


async def test_without_a_counter_redis_is_not_called_ok_while_the_scan_gets_no_answer() -> None:
    heard, clock = Heard(), FixedClock()
    state = SamplerState(Settings(), clock, heard)
    state.coverage = Coverage(0, 0, complete=True)
    state.sweep_fault = REFUSED
    index = SimpleNamespace(names_to_read=lambda: [], never_read=lambda: [])
    found: Any = SimpleNamespace(limits=index, counters=None)
    loop: Any = LimitLoop(context(clock), state, IntervalTimer(), found)
    await loop._once()
    assert heard.last("limits").fault.kind == "refused"


def test_the_gateways_counts_become_the_rate_of_the_last_ten_minutes() -> None:
    from optimus_tui.contract.services import CacheMetrics

    heard = Heard()
    sampler_state = SamplerState(Settings(), FixedClock(), heard)
    for mono, hits, misses in ((0.0, 900, 100), (20.0, 910, 190)):
        cache = CacheMetrics(0.9, 5, hits, misses)
        state = GatewayState(service=ServiceState(status="healthy", status_code=200), cache=cache)
        sampler_state.put_gateway(Reading(value=state, taken_at=mono, taken_mono=mono))
    rate = heard.last("health").hit_rate
    assert (rate.value, rate.source, rate.samples) == (0.1, "gateway, last 20 s", 100)


def test_the_rate_that_is_shown_is_the_one_that_the_finding_judges() -> None:
    from optimus_tui.contract.services import CacheMetrics

    heard = Heard()
    sampler_state = SamplerState(Settings(), FixedClock(), heard)
    for mono, hits, misses in ((0.0, 0, 0), (300.0, 9_000, 1_000), (320.0, 9_030, 1_070)):
        cache = CacheMetrics(0.89, 5, hits, misses)
        state = GatewayState(service=ServiceState(status="healthy", status_code=200), cache=cache)
        sampler_state.put_gateway(Reading(value=state, taken_at=mono, taken_mono=mono))
    report = heard.last("health")
    rate = report.hit_rate
    assert (rate.value, rate.source, rate.samples, rate.total_keys) == (0.3, "gateway, last 20 s", 100, 5)
    (found,) = (one for one in report.findings if one.rule == "cache.hit_rate")
    assert (found.measured, found.samples, found.window_seconds) == (rate.value, rate.samples, rate.window_seconds)
    assert "30 %" in found.message and f"({rate.source})" in found.message
    assert report.hit_rate_history.values[-1] == pytest.approx(0.3), "and so is its chart"


def test_a_figure_of_a_gateway_that_is_gone_is_not_used() -> None:
    heard = Heard()
    sampler_state = SamplerState(Settings(), FixedClock(), heard)
    from optimus_tui.contract.services import CacheMetrics

    state = GatewayState(service=ServiceState(status="healthy", status_code=200), cache=CacheMetrics(0.9, 5))
    look = Reading(value=state, taken_at=0.0, taken_mono=0.0)
    sampler_state.put_gateway(look)
    assert heard.last("health").hit_rate.source.startswith("gateway")
    sampler_state.put_gateway(replace(look, fault=REFUSED))
    assert heard.last("health").hit_rate is None


# -- loops with fake probes ----------------------------------------------------------------------------------------


def fake(monkeypatch: pytest.MonkeyPatch, path: str, answer: Callable[..., Any]) -> None:
    async def probe(*args: Any, **kwargs: Any) -> Any:
        return await answer(*args, **kwargs)

    monkeypatch.setattr(f"optimus_tui.probes.{path}", probe)


def test_every_source_has_a_loop_and_building_one_opens_nothing() -> None:
    ctx = context()
    assert tuple(Sampler(ctx, Heard()).loops()) == SOURCES
    assert not {"redis", "http", "feed"} & set(ctx.__dict__)
    with pytest.raises(KeyError):
        Sampler(ctx, Heard()).refresh("nobody")


def test_importing_the_sampler_loads_no_client() -> None:
    code = (
        "import sys, optimus_tui.sampling.sampler; print({'redis', 'httpx', 'psycopg', 'textual'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_a_hung_gateway_delays_no_other_look(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up, limit = asyncio.Event(), 0.01

    async def hang(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    async def until_given_up(read: Any) -> Any:
        looking = asyncio.ensure_future(read)
        over = asyncio.ensure_future(given_up.wait())
        await asyncio.wait((looking, over), return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        return await bounded(looking, limit)

    async def engine(*_: Any) -> Reading[ServiceState]:
        return Reading(value=ServiceState(status="connected", status_code=200), taken_at=0.0, taken_mono=0.0)

    fake(monkeypatch, "http.services.read_gateway", hang)
    fake(monkeypatch, "http.services.read_engine", engine)
    monkeypatch.setattr("optimus_tui.sampling.sampler.bounded", until_given_up)
    heard = Heard()
    async with sampling(context(), heard, ["gateway", "engine"]):
        first = await heard.until("health", lambda report: report.engine is not None)
        assert first.gateway is None
        given_up.set()
        report = await heard.until("health", lambda report: report.gateway is not None)
    assert report.gateway.value.service.status == "error"
    assert report.gateway.fault.kind == "timeout"
    assert report.gateway.retry_in == 0.5
    assert report.overall == "critical"


async def test_the_gateways_rules_are_asked_now_and_then_and_kept_between(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    rules = LimitRules(window_seconds=60, limits={"chat": 5})

    async def gateway(*_: Any, with_rules: bool, away: bool) -> Reading[GatewayState]:
        asked.append(with_rules)
        service = ServiceState(status="healthy", status_code=200, latency_ms=4.0)
        state = GatewayState(service=service, rules=rules if with_rules else None)
        return Reading(value=state, taken_at=0.0, taken_mono=0.0)

    fake(monkeypatch, "http.services.read_gateway", gateway)
    heard, clock = Heard(), FixedClock()
    async with sampling(context(clock), heard, ["gateway"]) as sampler:
        for number in range(1, 4):
            await heard.until("health", lambda report, n=number: report.latency["gateway"].samples >= n)  # type: ignore[misc]
            sampler.refresh("gateway")
        clock.advance(11)
        sampler.refresh("gateway")
        await heard.until("health", lambda _: asked.count(True) == 2)
    assert asked[:3] == [True, False, False]
    assert all(report.gateway.value.rules == rules for report in heard.reports["health"])


async def test_limits_say_nothing_before_a_sweep_has_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(*_: Any) -> list[Counter]:
        return []

    fake(monkeypatch, "counters.read_counters", read)
    heard = Heard()
    async with sampling(context(), heard, ["limits"]) as sampler:
        sampler.refresh("limits")
        await asyncio.sleep(0.05)
        assert "limits" not in heard.reports
        sampler._sampler_state.coverage = Coverage(0, 0, complete=True)
        sampler.refresh("limits")
        report = await heard.until("limits", lambda reading: reading.value is not None)
    assert (report.value.rows, report.value.coverage.complete) == ((), True)


async def test_counters_survive_an_outage_with_their_old_time_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from redis.exceptions import ConnectionError as Lost

    down = False

    async def read(*_: Any) -> list[Counter]:
        if down:
            raise Lost("Connection refused")
        return [counter()]

    fake(monkeypatch, "counters.read_counters", read)
    heard, clock = Heard(), FixedClock()
    async with sampling(context(clock), heard, ["limits"]) as sampler:
        sampler._limits.found.take([counter().key], None, None, 0.0)
        sampler.refresh("limits")
        good = await heard.until("limits", lambda reading: reading.value is not None)
        down = True
        clock.advance(5)
        sampler.refresh("limits")
        stale = await heard.until("limits", lambda reading: reading.fault is not None)
        assert (stale.value, stale.taken_mono, stale.retry_in) == (good.value, good.taken_mono, 0.5)
        down = False
        sampler.refresh("limits")
        fresh = await heard.until("limits", lambda reading: reading.fault is None)
        assert fresh.taken_mono == good.taken_mono + 5


async def test_a_bug_ends_its_loop_loudly_and_its_source_is_broken_until_a_fresh_one_has_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def read(*_: Any) -> None:
        raise RuntimeError

    fake(monkeypatch, "http.services.read_engine", read)
    ctx, heard = context(), Heard()
    sampler = Sampler(ctx, heard, steady_seconds=0.05)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await sampler.loops()["engine"]()
    broken = [one for one in heard.last("health").findings if one.rule == "source.broken"]
    assert [(one.subject, one.severity) for one in broken] == [("engine", "medium")]
    assert heard.last("health").overall != "healthy"

    async def well(*_: Any) -> Reading[ServiceState]:
        return Reading(value=ServiceState(status="connected", latency_ms=1.0), taken_at=0.0, taken_mono=0.0)

    fake(monkeypatch, "http.services.read_engine", well)
    task = asyncio.create_task(sampler.loops()["engine"]())
    await heard.until("health", lambda report: not [one for one in report.findings if one.rule == "source.broken"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ctx.aclose()


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, RecursionError, UnicodeError, KeyError])
async def test_an_answer_that_breaks_its_reader_is_a_fault_of_that_service(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async def read(*_: Any, **__: Any) -> None:
        raise error

    for path in ("http.services.read_engine", "http.services.read_gateway", "http.metrics.read_metrics"):
        fake(monkeypatch, path, read)
    ctx, heard = context(), Heard()
    sampler = Sampler(ctx, heard)
    tasks = [asyncio.create_task(sampler.loops()[name]()) for name in ("engine", "gateway", "metrics")]
    report = await heard.until("health", lambda report: report.engine and report.gateway)
    metrics = await heard.until("metrics", lambda _: True)
    assert not any(task.done() for task in tasks)
    for look in (report.engine, report.gateway, metrics):
        assert look.fault.kind == "invalid" and "cannot be read" in look.fault.message
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await ctx.aclose()


async def test_a_refused_login_is_not_tried_again_until_the_operator_asks_row_44(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0

    async def read(*_: Any) -> Reading[ServerState]:
        nonlocal tries
        tries += 1
        return Reading(value=None, taken_at=0.0, taken_mono=0.0, fault=Fault("auth", "wrong password"))

    fake(monkeypatch, "server.read_server", read)
    heard = Heard()
    async with sampling(context(), heard, ["server"]) as sampler:
        report = await heard.until("health", lambda report: report.server is not None)
        assert report.server.retry_in is None
        await asyncio.sleep(0.7)
        assert tries == 1
        sampler.refresh()
        await heard.until("health", lambda _: tries == 2)


async def test_nothing_in_view_nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    from optimus_tui.contract.keyspace import KeyDetail

    asked: list[tuple[bytes, ...]] = []

    async def read(redis: Any, own: Any, clock: Any, keys: tuple[bytes, ...]) -> list[KeyDetail]:
        asked.append(keys)
        return [KeyDetail(key=key, ttl_ms=5000) for key in keys]

    fake(monkeypatch, "cache_keys.read_details", read)
    heard = Heard()
    async with sampling(context(), heard, ["details"]) as sampler:
        await asyncio.sleep(0.05)
        assert asked == []
        sampler.watch_keys([b"cache:k:t:1"])
        details = await heard.until("details", lambda details: details)
        assert details[0].key == b"cache:k:t:1"
        assert sampler.cache_index.names(b"k", b"t") == [b"cache:k:t:1"]
        sampler.pace("details", 0)
        sampler.watch_keys([])
        count = len(asked)
        await asyncio.sleep(0.4)
        assert len(asked) == count


class _Reader:
    """A feed reader that has what a test put into it."""

    def __init__(self) -> None:
        self.items: list[FeedEvent] = []
        self.state: Any = "live"
        self.started = self.looks = 0
        self.tell: Any = None

    def put(self, event: FeedEvent) -> None:
        self.items.append(event)
        self._tell()

    def turn(self, state: str) -> None:
        self.state = state
        self._tell()

    def tell_news(self, tell: Any) -> None:
        self.tell = tell

    def _tell(self) -> None:
        tell, self.tell = self.tell, None
        if tell is not None:
            tell()

    def start(self) -> None:
        self.started += 1

    def stop(self) -> None:
        self.started -= 1

    @property
    def mark(self) -> tuple[int, object]:
        self.looks += 1
        return len(self.items), self.state

    def drain(self, since: int, limit: int) -> FeedBatch:
        items = tuple(item for item in self.items if item.seq > since)[-limit:]
        return FeedBatch(items=items, status=FeedStatus(state=self.state, verified_mono=1000.0))

    def retry(self) -> None:
        pass


async def test_the_feed_hands_on_news_once_and_an_unchanged_state_rarely() -> None:
    ctx, heard, reader = context(), Heard(), _Reader()
    ctx.__dict__["feed"] = reader
    async with sampling(ctx, heard, ["feed"]) as sampler:
        await heard.until("feed", lambda _: True)
        reader.put(FeedEvent(seq=1, received_at=0.0, channel=b"c", payload=b"p", length=1))
        batch = await heard.until("feed", lambda batch: batch.items)
        assert batch.items[0].seq == 1
        count, looks = len(heard.reports["feed"]), reader.looks
        for _ in range(5):
            sampler.pace("feed", 0.1)
            await asyncio.sleep(0.05)
        assert reader.looks > looks
        assert len(heard.reports["feed"]) == count
        reader.turn("down")
        await heard.until("feed", lambda batch: batch.status.state == "down")
        await heard.until("health", lambda report: [one.rule for one in report.findings] == ["feed.down"])
    assert reader.started == 0
