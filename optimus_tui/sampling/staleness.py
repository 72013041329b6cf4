"""What the loops share: intervals, retries, faults, and the state from which the health report is made."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.findings import Finding, overall_of
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState, ServiceState, warm_from
from optimus_tui.contract.signals import GoldenSignals
from optimus_tui.history.samples.store import Ring
from optimus_tui.probes.load_meter import disturbed
from optimus_tui.sampling.signals import SignalTrack
from optimus_tui.sampling.timer import heed_cancellation
from optimus_tui.settings.model import Settings
from optimus_tui.verdicts import alerts, episodes, health
from optimus_tui.verdicts.causes import relate
from optimus_tui.verdicts.gateway.hit_rate import (
    LookupTrack,
    hit_rate,
    judged_rate,
    recent_growth,
    track_gateway,
    track_lookups,
)
from optimus_tui.verdicts.gateway.latency import find_cold_start, judge_flapping
from optimus_tui.verdicts.health import find_broken
from optimus_tui.verdicts.hysteresis import NO_STATE, State, steady
from optimus_tui.verdicts.limits.words import merge_rules
from optimus_tui.verdicts.server import NO_SAMPLES, track_server

FIRST_RETRY_SECONDS = 0.5
LAST_RETRY_SECONDS = 5.0
T = TypeVar("T")
READ_SECONDS = 3.0
"""Deadline of every read, whatever hangs."""
ASK_AGAIN_SECONDS = 1e9
"""The pause after a refused login: only the operator's refresh tries again, so that no account gets locked."""
SECONDS = 300.0
MOST_LOOKS = 2000
SAME_START_SECONDS = 5.0
"""Start times are rounded to seconds, by clocks that differ: one that is later by less is the same start."""
AWAY_LOOKS = 2
"""One refused connection may be a full backlog; in two checks in a row, no process was listening."""
Sink = Callable[[str, object], None]


class Backoff:
    """Seconds to wait after each of several failures in a row."""

    def __init__(self) -> None:
        self._next = FIRST_RETRY_SECONDS

    def failed(self) -> float:
        """Note a failure and return the seconds to wait now."""
        delay, self._next = self._next, min(self._next * 2, LAST_RETRY_SECONDS)
        return delay

    def worked(self) -> None:
        """Note a success: the next failure starts from the shortest wait."""
        self._next = FIRST_RETRY_SECONDS


async def bounded(read: Awaitable[T], seconds: float = READ_SECONDS) -> T:
    """Return the result of ``read``.

    Raises:
        TimeoutError: It took longer than ``seconds``.
    """
    async with asyncio.timeout(seconds):
        result = await read
    heed_cancellation()
    return result


def outages() -> tuple[type[Exception], ...]:
    """Return the exceptions that a read from Redis may raise without being a bug."""
    from optimus_tui.probes.faults import OUTAGES

    return (*OUTAGES, TimeoutError)


def unforeseen() -> tuple[type[Exception], ...]:
    """Return the exceptions that reading code raises when an answer has an unexpected shape."""
    from optimus_tui.probes.redis.parser import UNFORESEEN

    return UNFORESEEN


def unreadable_answer(error: BaseException) -> Fault:
    """Return the fault for an HTTP answer that could not be read."""
    return Fault("invalid", f"its answer cannot be read ({type(error).__name__})", "check what answers there")


def redis_fault(error: BaseException, context: Context) -> Fault:
    """Return the fault for an exception of a read from Redis."""
    from optimus_tui.probes.faults import fault_of

    return fault_of(error, context.settings.redis, context.layout)


def kept(last: Reading[T] | None, fault: Fault, retry_in: float | None, clock: Clock) -> Reading[T]:
    """Return the last good value with its old time, and the fault.

    Args:
        last: The last reading; None before the first.
        fault: Why the new one failed.
        retry_in: Seconds until the next try; None if there is none.
        clock: The clock for a reading without a value.
    """
    if last is None:
        return Reading(value=None, taken_at=clock.wall(), taken_mono=clock.mono(), fault=fault, retry_in=retry_in)
    return replace(last, fault=fault, retry_in=retry_in)


def next_try(fault: Fault | None, backoff: Backoff) -> tuple[float, float | None]:
    """Note a failed read of Redis and return when to read again.

    Returns:
        The seconds to wait now, and the seconds until the next try: None after a refused login, which only the
        operator's refresh tries again.
    """
    if login_refused(fault):
        return ASK_AGAIN_SECONDS, None
    delay = backoff.failed()
    return delay, delay


def login_refused(fault: Fault | None) -> bool:
    """Return True if the login was refused: trying again with the same password can only do harm."""
    return fault is not None and fault.kind == "auth"


class Steadiness:
    """For each service, its checks of the last five minutes by wall-clock time: 1.0 if it answered well, else 0.0."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[float, float]]] = {}
        self._refused: dict[str, int] = {}
        """By service: checks in a row whose connection was refused. A timeout neither counts nor ends the row."""

    def see(self, name: str, at: float, state: ServiceState | None) -> bool:
        """Note one reading, and return True if the service is back after ``AWAY_LOOKS`` refused connections in a row.

        A check that timed out proves no restart: a slow machine causes timeouts as well. A reading that says nothing
        about the service is left out.
        """
        if state is None or (good := state.answered_well) is None:
            return False
        back = good and self._refused.get(name, 0) >= AWAY_LOOKS
        if state.status_code is not None or good:
            self._refused[name] = 0
        elif state.fault is not None and state.fault.kind == "refused":
            self._refused[name] = self._refused.get(name, 0) + 1
        looks = self._looks.setdefault(name, deque(maxlen=MOST_LOOKS))
        looks.append((at, float(good)))
        while looks[0][0] < at - SECONDS:
            looks.popleft()
        return back

    def remember(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Add samples (wall-clock seconds, value) from before this process began."""
        own = self._looks.get(name, deque())
        first = own[0][0] if own else float("inf")
        self._looks[name] = deque([*(one for one in samples if one[0] < first), *own], maxlen=MOST_LOOKS)

    def findings(self, name: str) -> list[Finding]:
        """Return the finding ``services.flapping`` if the service keeps going away; else an empty list."""
        return judge_flapping(name, tuple(self._looks.get(name, ())))


class SamplerState:
    """The state shared by the loops of one sampler, on one event loop."""

    def __init__(self, settings: Settings, clock: Clock, sink: Sink) -> None:
        self.settings, self.clock, self.sink = settings, clock, sink
        self.looks = health.Looks()
        self.server_seen = asyncio.Event()
        """Set once Redis was read, with any result."""
        self.published: LimitRules | None = None
        self.limits_seen = False
        self.coverage = Coverage(0, None, complete=False, reason="not read yet")
        """Coverage of the scan that finds counters and cache keys."""
        self.sweep_fault: Fault | None = None
        self.back: Callable[[], None] = lambda: None
        """Called by the loop that first finds Redis answering again, so that the others do not wait to retry."""
        self._latency: dict[str, Ring] = {}
        self._rates = Ring(combine="mean")
        self._steadiness = Steadiness()
        self._starts: dict[str, tuple[float, float]] = {}
        """When each service started, as far as that is known, and when that was first seen; wall-clock seconds."""
        self._started_run: str | None = None
        """The run id of the Redis whose start is known. A slow check reads the uptime late, which is not a restart."""
        self.recalled: set[str] = set()
        """Services whose earlier samples were read from the history."""
        self._server = NO_SAMPLES
        self._lookups = LookupTrack()
        self._published = LookupTrack()
        self.signals: GoldenSignals | None = None
        """What the gateway's counters said last; None before they were read."""
        self._signal_track = SignalTrack()
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._episodes: dict[str, episodes.Episodes] = {}
        self._steady_state: State = NO_STATE

    # -- looks at dependencies

    def put_gateway(self, reading: Reading[GatewayState]) -> None:
        """Take the newest reading of the gateway."""
        self.looks = replace(self.looks, gateway=reading)
        service = reading.value.service if reading.value else None
        self._time("gateway", service)
        self._steady("gateway", reading.taken_at, service)
        if reading.value is not None and _serves(reading):
            self._published = track_gateway(self._published, reading.value.cache, reading.taken_mono)
        self._note_rate()
        self.hand_on()

    def put_engine(self, reading: Reading[ServiceState]) -> None:
        """Take the newest reading of the engine."""
        self.looks = replace(self.looks, engine=reading)
        self._time("engine", reading.value)
        self._steady("engine", reading.taken_at, reading.value)
        self.hand_on()

    def put_postgres(self, reading: Reading[ServiceState]) -> None:
        """Take the newest reading of Postgres."""
        self.looks = replace(self.looks, postgres=reading)
        self._time("postgres", reading.value)
        self.hand_on()

    def put_server(self, reading: Reading[ServerState]) -> None:
        """Take the newest reading of Redis and compare it with earlier ones."""
        if reading.fault is None and reading.value is not None:
            self._server, state = track_server(self._server, reading.value, reading.taken_mono)
            reading = replace(reading, value=state)
        self.looks = replace(self.looks, server=reading)
        self.server_seen.set()
        if reading.fault is None and reading.value is not None:
            run = reading.value.run_id
            if reading.value.uptime_seconds is not None and (run is None or run != self._started_run):
                self._started_run = run
                self.began("redis", reading.taken_at - reading.value.uptime_seconds)
            if reading.value.latency_ms is not None and not self._is_cold("redis"):
                self._ring("redis").put(reading.taken_mono, reading.value.latency_ms)
            self._lookups = track_lookups(self._lookups, reading.value, reading.taken_mono)
            self._note_rate()
        self.hand_on()

    def began(self, name: str, started: float | None) -> None:
        """Take the wall-clock time at which a service started, and drop latencies from before it was warm."""
        known = self._starts.get(name)
        if started is None or (known is not None and started <= known[0] + SAME_START_SECONDS):
            return
        self._starts[name] = started, self.clock.wall()
        self._ring(name).drop(warm_from(*self._starts[name]) - self.clock.wall() + self.clock.mono())

    def _is_cold(self, name: str) -> bool:
        return name in self._starts and self.clock.wall() < warm_from(*self._starts[name])

    def remember_looks(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Add samples (wall-clock seconds, value) of a service from before this process began."""
        self._steadiness.remember(name, samples)

    @property
    def run_id(self) -> str | None:
        """The run id of the server that answered last; None if none did."""
        look = self.looks.server
        if look is None or look.value is None:
            return None
        return look.value.run_id

    @property
    def keys(self) -> int | None:
        """The number of keys (DBSIZE) as of the last reading; None before the first."""
        look = self.looks.server
        if look is None or look.value is None:
            return None
        return look.value.keys

    @property
    def rules(self) -> LimitRules | None:
        """The limits in force; None if the gateway and the settings name none."""
        return merge_rules(self.published, self.settings.limits)

    def see_limits(self) -> None:
        """Note that the counters were read once: if there are none now, that is a result."""
        if not self.limits_seen:
            self.limits_seen = True
            self.hand_on()

    def put_signals(self, signals: GoldenSignals | None) -> None:
        """Take the newest golden signals; None if the gateway's metrics are not read."""
        if signals is not None:
            self.signals = self._signal_track.follow(signals, self.clock.wall(), self.clock.mono())
            self.hand_on()

    # -- findings

    def settle(self, subject: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Replace the findings about a subject, and return each with the time since which it holds.

        The health report is handed on if a finding or a figure in its text changed, so that all panes show the same
        reading.
        """
        before = {(one.rule, one.subject, one.severity, one.message) for one in self._findings.get(subject, ())}
        self._findings[subject] = self._dated(subject, findings)
        if before != {(one.rule, one.subject, one.severity, one.message) for one in findings}:
            self.hand_on()
        return self._findings[subject]

    def settled(self, subject: str) -> tuple[Finding, ...]:
        """Return the findings about a subject as ``settle`` returned them last."""
        return self._findings.get(subject, ())

    def unmeasured(self, subject: str, findings: Sequence[Finding]) -> None:
        """Add findings that say why nothing was measured; the subject's earlier findings stay."""
        known = {(one.rule, one.subject) for one in findings}
        before = [one for one in self._findings.get(subject, ()) if (one.rule, one.subject) not in known]
        self.settle(subject, [*findings, *before])

    def break_off(self, source: str, error: BaseException) -> None:
        """Note that the loop of a source ended with an error: what it read last is old from now on."""
        self.settle(f"broken {source}", [find_broken(source, type(error).__name__)])

    def mend(self, source: str) -> None:
        """Note that a new loop of the source has run for a while."""
        if self._findings.get(f"broken {source}"):
            self.settle(f"broken {source}", [])

    def _dated(self, subject: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        state = self._episodes.get(subject, episodes.NO_EPISODES)
        self._episodes[subject], dated = episodes.track(state, findings, self.clock.wall(), self.clock.mono())
        return dated

    # -- the report

    def hand_on(self) -> None:
        """Make the health report and give it to the sink."""
        mono, wall = self.clock.mono(), self.clock.wall()
        others = [finding for subject, found in self._findings.items() if subject != "health" for finding in found]
        for name, (started, seen) in self._starts.items():
            others += find_cold_start(name, started, wall, seen)
        report = health.judge(
            self.looks,
            history={name: ring.series(mono) for name, ring in self._latency.items()},
            rate=self._rate(),
            recent=recent_growth(self._published),
            rate_history=self._rates.series(mono),
            thresholds=self.settings.thresholds,
            others=others,
            limits_seen=self.limits_seen,
            watched=True,
        )
        self._steady_state, found = steady(self._steady_state, report.findings, mono, alerts.unjudged(report), wall)
        overall = overall_of(found, unknown=report.overall == "unknown")
        findings = relate(self._dated("health", found))
        self.sink("health", replace(report, findings=findings, overall=overall, signals=self.signals))

    def _fresh_gateway(self) -> GatewayState | None:
        look = self.looks.gateway
        if look is None or not _serves(look):
            return None
        return look.value

    def _rate(self) -> HitRate | None:
        return hit_rate(self._fresh_gateway(), self._lookups, self._published)

    def _note_rate(self) -> None:
        rate = judged_rate(self._rate(), recent_growth(self._published))
        if rate is not None:
            self._rates.put(self.clock.mono(), rate.value)

    def _ring(self, name: str) -> Ring:
        return self._latency.setdefault(name, Ring())

    def _time(self, name: str, state: ServiceState | None) -> None:
        if state is None or state.latency_ms is None or state.fault is not None:
            return
        if not self._is_cold(name) and not disturbed(state.latency_ms, state.own_ms):
            self._ring(name).put(self.clock.mono(), state.latency_ms)

    def _steady(self, name: str, at: float, state: ServiceState | None) -> None:
        if self._steadiness.see(name, at, state):
            self.began(name, at)
        self.settle(f"looks at the {name}", self._steadiness.findings(name))


def _serves(look: Reading[GatewayState]) -> bool:
    """Return True if this reading brought figures.

    A fault beside a good state means that the state is an older one.
    """
    if look.value is None:
        return False
    state = look.value.service
    return state.any_serves and bool(state.instances or look.fault is None or state.sickness)
