"""One long-lived loop for each source, for any surface that listens: the dashboard, a recording, alerts.

Loops read, hand on, and wait. No outage and no strange answer ends a loop, and a loop that hangs delays no other. A bug
ends its own loop with an error; its source counts as broken until the new loop from ``loops()`` has run for a while. No
connection is opened before a loop runs. The loops that read keys are in ``keys``,
``details`` and ``limits``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.keyspace import ClockOffset, EventSource, FeedEvent, FeedItem, FeedStatus
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, MetricsState, ServiceState, Status
from optimus_tui.grammar.events import parse_event
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.sampling.bulk import BulkWatch
from optimus_tui.sampling.bus import BusWatch
from optimus_tui.sampling.details import DetailLoop
from optimus_tui.sampling.keys import KeyLoop, ScanSink
from optimus_tui.sampling.limits import LimitLoop
from optimus_tui.sampling.server import watch_server
from optimus_tui.sampling.staleness import (
    ASK_AGAIN_SECONDS,
    READ_SECONDS,
    SECONDS,
    Backoff,
    SamplerState,
    Sink,
    bounded,
    kept,
    login_refused,
    unforeseen,
    unreadable_answer,
)
from optimus_tui.sampling.timer import IntervalTimer
from optimus_tui.settings.model import Settings
from optimus_tui.verdicts.coherence import events
from optimus_tui.verdicts.coherence.events import by_arrival
from optimus_tui.verdicts.gateway.signals import NO_PAGE, unknown_signals

if TYPE_CHECKING:
    from optimus_tui.probes.events.feed import FeedReader

RULES_EVERY_SECONDS = 10.0
POSTGRES_EVERY_SECONDS = 5.0
NOT_CONFIGURED_SECONDS = 60.0
_HUNG = Fault("timeout", f"no complete answer within {READ_SECONDS:.0f} s")
FIRST_LOOKS, FIRST_SECONDS = 6, 0.5
NOTHING_THERE_SECONDS = 60.0
NO_ANSWER_SECONDS = 5.0
FRESH_SECONDS = 60.0
"""Seconds after which the page of one of several processes is too old to use."""
WINDOW_MINUTES = 5
Pages = dict[tuple[int, float | None], tuple[float, MetricsState]]
"""(Address, start time) of a process → (when it was read, its latest page)."""
FEED_EVERY_SECONDS = 0.1
"""Seconds between two fetches while events arrive; the first one after a silence is fetched at once."""
STATUS_SECONDS = 1.0
BATCH_LIMIT = 1000
LATEST, A_BATCH = 100, 20
"""Number of events whose claimed times are compared with their arrival: in all, and of one batch."""
SOURCES = ("gateway", "engine", "postgres", "server", "limits", "keys", "details", "feed", "metrics")
_FROM_REDIS = ("server", "limits", "keys", "details")
STEADY_SECONDS = 3.0
"""Seconds after which a running loop has read its source at least once."""
Loop = Callable[[], Coroutine[object, object, None]]


async def watch_gateway(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Read health and cache figures at every tick, and the rules every ten seconds and after an outage."""
    backoff, rules_read_at, known = Backoff(), float("-inf"), GatewayState(service=ServiceState(status="unknown"))
    away = False
    while True:
        now = context.clock.mono()
        with_rules = now - rules_read_at >= RULES_EVERY_SECONDS
        reading, state = await _gateway(context, with_rules, away)
        away = reading.fault is not None and reading.fault.kind == "refused"
        if with_rules and state.service.any_serves:
            rules_read_at, known = now, state
            if state.rules_fault is None:
                sampler_state.published = context.published = state.rules
        answered = any(one.status_code is not None for one in state.service.each)
        if not answered:
            rules_read_at = float("-inf")  # Another gateway may come back, so its rules are read at once.
        delay = _delay(reading.fault, answered, backoff, context.settings.refresh_seconds)
        state = replace(state, rules=known.rules, rules_fault=known.rules_fault)
        sampler_state.put_gateway(replace(reading, value=state, retry_in=delay if reading.fault else None))
        await _recall(context, sampler_state, "gateway")
        await timer.rest(delay)


async def _gateway(context: Context, with_rules: bool, away: bool) -> tuple[Reading[GatewayState], GatewayState]:
    from optimus_tui.probes.http.services import read_gateway

    fault = _HUNG
    try:
        asked = read_gateway(context.http, context.settings, context.clock, with_rules=with_rules, away=away)
        reading = await bounded(asked)
        if reading.value is not None:
            return reading, reading.value
        fault = reading.fault or _HUNG
    except TimeoutError:
        reading = kept(None, _HUNG, None, context.clock)
    except unforeseen() as error:
        fault = unreadable_answer(error)
        reading = kept(None, fault, None, context.clock)
    return reading, GatewayState(service=ServiceState(status="error", fault=fault))


async def watch_engine(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Read the engine's health at every tick."""
    from optimus_tui.probes.http.services import read_engine

    backoff = Backoff()
    while True:
        try:
            reading = await bounded(read_engine(context.http, context.settings, context.clock))
        except TimeoutError:
            reading = _failed(context, "disconnected", _HUNG)
        except unforeseen() as error:
            reading = _failed(context, "error", unreadable_answer(error))
        answered = reading.value is not None and reading.value.status_code is not None
        delay = _delay(reading.fault, answered, backoff, context.settings.refresh_seconds)
        sampler_state.put_engine(replace(reading, retry_in=delay if reading.fault else None))
        await _recall(context, sampler_state, "engine")
        await timer.rest(delay)


async def _recall(context: Context, sampler_state: SamplerState, name: str) -> None:
    """After the first reading, add what the history kept of earlier ones."""
    if name not in sampler_state.recalled:
        from optimus_tui.tools.figures.gateway_figures import kept_samples

        sampler_state.recalled.add(name)
        sampler_state.remember_looks(name, await kept_samples(context, name, SECONDS / 60))


async def watch_postgres(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Run one SELECT 1 every five seconds if a DSN is set."""
    from optimus_tui.probes.postgres import read_postgres

    backoff = Backoff()
    while True:
        try:
            reading = await bounded(
                read_postgres(context.settings.postgres_dsn, context.clock, context.settings.postgres_problem)
            )
        except TimeoutError:
            reading = _failed(context, "disconnected", _HUNG)
        idle = reading.value is not None and reading.value.status in ("not configured", "unknown")
        usual = NOT_CONFIGURED_SECONDS if idle else max(POSTGRES_EVERY_SECONDS, context.settings.refresh_seconds)
        delay = usual
        if login_refused(reading.fault):
            delay = ASK_AGAIN_SECONDS
        elif not idle:
            delay = _delay(reading.fault, False, backoff, usual)
        sampler_state.put_postgres(
            replace(reading, retry_in=delay if reading.fault and delay < ASK_AGAIN_SECONDS else None)
        )
        await timer.rest(delay)


def _delay(fault: Fault | None, answered: bool, backoff: Backoff, usual: float) -> float:
    """Return the usual pause for a service that answers, even wrongly, and growing pauses for one that does not."""
    if fault is not None and not answered:
        return backoff.failed()
    backoff.worked()
    return usual


def _failed(context: Context, status: Status, fault: Fault) -> Reading[ServiceState]:
    return Reading(
        value=ServiceState(status=status, fault=fault),
        taken_at=context.clock.wall(),
        taken_mono=context.clock.mono(),
        fault=fault,
    )


async def watch_metrics(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Read ``/metrics`` and hand on ("metrics", Reading[MetricsState]) until cancelled."""
    from optimus_tui.probes.http.metrics import read_metrics

    looks = turn = 0
    latest: Pages = {}
    while True:
        reading: Reading[MetricsState]
        turn += 1
        try:
            at = context.settings.at_gateway(turn - 1)
            reading = await bounded(read_metrics(context.fresh_http, at, context.clock))
        except TimeoutError:
            hung = Fault("timeout", f"no complete answer within {READ_SECONDS:.0f} s")
            reading = kept(None, hung, None, context.clock)
        except unforeseen() as error:
            reading = kept(None, unreadable_answer(error), None, context.clock)
        sampler_state.sink("metrics", reading)
        place = turn % len(context.settings.gateways)
        page = reading.value if reading.value is not None and reading.value.published else None
        if page is not None:
            latest[place, page.process] = reading.taken_mono, page
        if place:
            continue  # The gateway's other addresses, which are other processes, are read without a pause.
        if page is not None:
            looks += 1
            await _judge_metrics(context, sampler_state, latest)
            await timer.rest(FIRST_SECONDS if looks < FIRST_LOOKS else context.tuning.metrics_every_seconds)
        else:
            await _judge_kept(context, sampler_state, reading.fault or Fault("invalid", NO_PAGE))
            no_answer = reading.fault is not None and reading.fault.kind != "invalid"
            await timer.rest(NO_ANSWER_SECONDS if no_answer else NOTHING_THERE_SECONDS)


async def _judge_kept(context: Context, sampler_state: SamplerState, fault: Fault) -> None:
    """Judge without a page, by Prometheus. Findings that cannot be measured stay until they can."""
    if not context.settings.prometheus_url:
        sampler_state.unmeasured("metrics", ())
        sampler_state.put_signals(unknown_signals(fault.message))
        return
    from optimus_tui.tools.figures.gateway_figures import sampled_figures

    figures = await sampled_figures(context, WINDOW_MINUTES, ())
    sampler_state.put_signals(figures.signals)
    if figures.requests is None:
        sampler_state.unmeasured("metrics", figures.findings)
    else:
        circuits = [one for one in sampler_state.settled("metrics") if one.rule.startswith("breaker.")]
        sampler_state.settle("metrics", [*figures.findings, *circuits])


async def _judge_metrics(context: Context, sampler_state: SamplerState, latest: Pages) -> None:
    """Judge the figures of the last minutes and the latest page of each process."""
    from optimus_tui.tools.figures.gateway_figures import newest_start, sampled_figures

    oldest = context.clock.mono() - FRESH_SECONDS
    for one in [one for one, (mono, _) in latest.items() if mono < oldest]:
        del latest[one]
    states = [state for _, state in latest.values()]
    sampler_state.began("gateway", newest_start(states))
    figures = await sampled_figures(context, WINDOW_MINUTES, states)
    sampler_state.put_signals(figures.signals)
    sampler_state.settle("metrics", figures.findings)


async def watch_feed(context: Context, sampler_state: SamplerState, timer: IntervalTimer) -> None:
    """Start the thread that reads the feed, and take its events until cancelled.

    The context ends it when it is closed.
    """
    reader, clock = context.feed, context.clock
    reader.start()
    seq, handed_on, state, claims, bulk, bus = 0, float("-inf"), "", Claims(), BulkWatch(), BusWatch(context)
    lived = clock.mono()
    while True:
        mark, batch, mono = reader.mark, reader.drain(seq, limit=BATCH_LIMIT), clock.mono()
        if batch.items:
            seq = max(item.seq for item in batch.items)
            claims.add(batch.items)
            bulk.add(batch.items)
        if batch.status.state == "live":
            lived = mono
        status = replace(batch.status, clock=claims.offset, source=claims.source, bulk=bulk.total)
        status = events.settled(status, mono - lived)
        batch = replace(batch, status=status)
        due = mono - handed_on >= STATUS_SECONDS
        changed = batch.status.state != state
        if batch.items or due or changed:
            sampler_state.sink("feed", batch)
        if changed and state in ("down", "broken") and batch.status.state == "live":
            sampler_state.back()
        if due or changed:
            _judge_link(sampler_state, batch.status, mono)
            sampler_state.settle("bulk", bulk.findings(clock.wall()))
            bus.look()
            handed_on, state = mono, batch.status.state
        if batch.items:
            await timer.rest(FEED_EVERY_SECONDS)
        else:
            await _news(reader, mark, timer, handed_on + STATUS_SECONDS - mono)


async def _news(reader: "FeedReader", mark: object, timer: IntervalTimer, seconds: float) -> None:
    """Wait for an event or another state of the link; at most so many seconds, for all while the pane is hidden."""
    if timer.factor:
        reader.tell_news(partial(_wake, asyncio.get_running_loop(), timer))
    try:
        if reader.mark == mark:
            await timer.rest(seconds)
    finally:
        reader.tell_news(None)


def _wake(loop: asyncio.AbstractEventLoop, timer: IntervalTimer) -> None:
    with suppress(RuntimeError):  # the loop has just closed
        loop.call_soon_threadsafe(timer.wake)


class Claims:
    """The claims of the latest events: type, tenant, and their time, compared with their arrival."""

    def __init__(self) -> None:
        self._offsets: deque[float] = deque(maxlen=LATEST)
        self._named: deque[tuple[str, str, str]] = deque(maxlen=LATEST)

    def add(self, items: Sequence[FeedItem]) -> None:
        """Read the last events of a batch."""
        live = [one for one in items[-A_BATCH:] if isinstance(one, FeedEvent) and one.origin == "live"]
        for event in live:
            parsed = parse_event(event.payload, event.length)
            if parsed.claimed_at is not None:
                self._offsets.append(parsed.claimed_at - event.received_at)
            self._named.append((parsed.type, parsed.tenant, event.channel.decode("utf-8", "surrogateescape")))

    @property
    def source(self) -> EventSource:
        """What most of the latest events have in common: type, tenant or channel."""
        return events.common_source(self._named)

    @property
    def offset(self) -> ClockOffset | None:
        """By how much the clock of the events' publisher is wrong; None if it is right or nothing says so."""
        return by_arrival(self._offsets)


def _judge_link(sampler_state: SamplerState, status: FeedStatus, mono: float) -> None:
    sampler_state.settle("feed", events.judge(status, mono=mono, thresholds=sampler_state.settings.thresholds))


class Sampler:
    """Runs the loops and hands (subject, report) pairs to ``sink``, all on the loops' event loop.

    The pairs are "health" HealthReport, "limits" Reading[LimitsReport], "cache" Reading[CacheReport], "details"
    tuple[KeyDetail, ...], "feed" FeedBatch, and "metrics" Reading[MetricsState] (for a recorder: see ``record``).
    """

    def __init__(self, context: Context, sink: Sink, *, steady_seconds: float = STEADY_SECONDS) -> None:
        self._steady_seconds = steady_seconds
        self.cache_index = CacheIndex(layout=context.layout, max_keys=context.settings.scan.max_keys)
        self._context, self._sampler_state = context, SamplerState(context.settings, context.clock, sink)
        self._timers = {source: IntervalTimer() for source in SOURCES}
        found = ScanSink(self.cache_index, LimitIndex(context.layout))
        found.know_tenants(tenant.encode("utf-8", "surrogateescape") for tenant in context.settings.tenants)
        timers, sampler_state = self._timers, self._sampler_state
        sampler_state.back = self._redis_back
        self._limits = LimitLoop(context, sampler_state, timers["limits"], found)
        self._keys = KeyLoop(context, sampler_state, timers["keys"], found, timers["limits"].wake)
        self._details = DetailLoop(context, sampler_state, timers["details"], self.cache_index)

    def loops(self) -> dict[str, Loop]:
        """Return a coroutine function for each source. Run each in a task of its own; cancel the task to end it."""
        context, sampler_state, timers = self._context, self._sampler_state, self._timers
        loops: dict[str, Loop] = {
            "gateway": lambda: watch_gateway(context, sampler_state, timers["gateway"]),
            "engine": lambda: watch_engine(context, sampler_state, timers["engine"]),
            "postgres": lambda: watch_postgres(context, sampler_state, timers["postgres"]),
            "server": lambda: watch_server(context, sampler_state, timers["server"], self._server_changed),
            "limits": self._limits.run,
            "keys": self._keys.run,
            "details": self._details.run,
            "feed": lambda: watch_feed(context, sampler_state, timers["feed"]),
            "metrics": lambda: watch_metrics(context, sampler_state, timers["metrics"]),
        }
        return {
            name: partial(_polling, name, loop, sampler_state, self._steady_seconds) for name, loop in loops.items()
        }

    def use(self, settings: Settings) -> None:
        """Judge by other thresholds from the next reading on; addresses are not changed by this."""
        self._sampler_state.settings = settings

    def watch_keys(self, keys: Sequence[bytes]) -> None:
        """Set the cache keys in view: their type, size and TTL are read every two seconds."""
        self._details.watch(keys)

    def pace(self, source: str, factor: float) -> None:
        """Multiply a source's intervals (2.0: half as often); 0 pauses it.

        Raises:
            KeyError: The source is unknown.
        """
        self._timers[source].pace(factor)

    def refresh(self, source: str | None = None) -> None:
        """Read one source, or all of them (None), now.

        Raises:
            KeyError: The source is unknown.
        """
        for timer in self._timers.values() if source is None else (self._timers[source],):
            timer.wake()
        if source in (None, "feed") and "feed" in self._context.__dict__:
            self._context.feed.retry()

    def scan_again(self) -> None:
        """Begin a new scan over all keys, with TTLs and by the present settings."""
        self._keys.restart("begun again")

    def _server_changed(self, restarted: bool) -> None:
        """Redis is back; if it ``restarted``, scan the keyspace again from the start."""
        if restarted:
            self._keys.restart()
        self._redis_back()

    def _redis_back(self) -> None:
        """Redis is back: wake every loop whose pane is visible."""
        for source in _FROM_REDIS:
            if self._timers[source].factor:
                self._timers[source].wake()


async def _polling(source: str, loop: Loop, sampler_state: SamplerState, steady_seconds: float) -> None:
    """Run a loop; its commands count as polls in the command log.

    If the loop ends with an error, its source counts as broken until a new loop has run for a while. The error is
    raised on: the surface reports it and starts the new loop.
    """
    with attributed_to(source, poll=True):
        running = asyncio.ensure_future(loop())
    try:
        done, _ = await asyncio.wait((running,), timeout=steady_seconds)
        if not done:
            sampler_state.mend(source)
        await running
    except Exception as error:
        sampler_state.break_off(source, error)
        raise
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
