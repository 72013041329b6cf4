"""What all loops have read, in one place: it composes the health report and knows since when each finding holds.

It reads nothing itself, and the verdicts are those of ``verdicts``.

The readings of gateway and engine in the last five minutes, to find a service that comes and goes.

The rule (``judge_flapping``) and the window are those of the tools. Samples from before this process began count too:
they are read once, after the first reading.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRules
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState, ServiceState
from optimus_tui.history.samples.store import Ring
from optimus_tui.probes.load_meter import disturbed
from optimus_tui.settings.model import Settings
from optimus_tui.verdicts import alerts, health
from optimus_tui.verdicts.gateway.hit_rate import LookupTrack, hit_rate, recent_growth, track_gateway, track_lookups
from optimus_tui.verdicts.gateway.latency import judge_flapping
from optimus_tui.verdicts.rules import merge_rules
from optimus_tui.verdicts.server import NO_SAMPLES, track_server
from optimus_tui.verdicts.unmeasured import find_broken

SECONDS = 300.0
MOST_LOOKS = 2000


class Steadiness:
    """The readings of the last five minutes, by service and wall-clock time: 1.0 if it answered well, else 0.0."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[tuple[float, float]]] = {}

    def see(self, name: str, at: float, state: ServiceState | None) -> None:
        """Note one reading; one that says nothing about the service is left out."""
        if state is None or (good := state.answered_well) is None:
            return
        looks = self._looks.setdefault(name, deque(maxlen=MOST_LOOKS))
        looks.append((at, float(good)))
        while looks[0][0] < at - SECONDS:
            looks.popleft()

    def remember(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Put earlier samples before our own."""
        own = self._looks.get(name, deque())
        first = own[0][0] if own else float("inf")
        self._looks[name] = deque([*(one for one in samples if one[0] < first), *own], maxlen=MOST_LOOKS)

    def findings(self, name: str) -> list[Finding]:
        """Return ``services.flapping``, or nothing."""
        return judge_flapping(name, tuple(self._looks.get(name, ())))


Sink = Callable[[str, object], None]


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
        self.recalled: set[str] = set()
        """Services whose earlier samples were read from the history."""
        self._server = NO_SAMPLES
        self._lookups = LookupTrack()
        self._published = LookupTrack()
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._episodes: dict[str, alerts.Episodes] = {}

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
            if reading.value.latency_ms is not None:
                self._ring("redis").put(reading.taken_mono, reading.value.latency_ms)
            self._lookups = track_lookups(self._lookups, reading.value, reading.taken_mono)
            self._note_rate()
        self.hand_on()

    def remember_looks(self, name: str, samples: Sequence[tuple[float, float]]) -> None:
        """Take samples of a service from before this process began."""
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
        """The limits in force; None if there are none."""
        return merge_rules(self.published, self.settings.limits)

    def see_limits(self) -> None:
        """Note that the counters were read: from now on, no counter is a result."""
        if not self.limits_seen:
            self.limits_seen = True
            self.hand_on()

    # -- findings

    def settle(self, subject: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Replace the subject's findings and return them with their beginnings.

        The health report is handed on if they changed.
        """
        before = {(one.rule, one.subject, one.severity) for one in self._findings.get(subject, ())}
        self._findings[subject] = self._dated(subject, findings)
        if before != {(one.rule, one.subject, one.severity) for one in findings}:
            self.hand_on()
        return self._findings[subject]

    def settled(self, subject: str) -> tuple[Finding, ...]:
        """Return the subject's findings as last settled."""
        return self._findings.get(subject, ())

    def unmeasured(self, subject: str, findings: Sequence[Finding]) -> None:
        """Add ``findings``, which say why nothing was measured; earlier findings stay."""
        known = {(one.rule, one.subject) for one in findings}
        before = [one for one in self._findings.get(subject, ()) if (one.rule, one.subject) not in known]
        self.settle(subject, [*findings, *before])

    def break_off(self, source: str, error: BaseException) -> None:
        """Note that the loop of a source ended with an error: what it showed is old from now on."""
        self.settle(f"broken {source}", [find_broken(source, type(error).__name__)])

    def mend(self, source: str) -> None:
        """Note that a new loop of the source has run for a while."""
        if self._findings.get(f"broken {source}"):
            self.settle(f"broken {source}", [])

    def _dated(self, subject: str, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        state = self._episodes.get(subject, alerts.NO_EPISODES)
        self._episodes[subject], dated = alerts.track(state, findings, self.clock.wall(), self.clock.mono())
        return dated

    # -- the report

    def hand_on(self) -> None:
        """Compose the health report and give it to the sink."""
        mono = self.clock.mono()
        others = [finding for subject, found in self._findings.items() if subject != "health" for finding in found]
        report = health.judge(
            self.looks,
            history={name: ring.series(mono) for name, ring in self._latency.items()},
            rate=self._rate(),
            recent=recent_growth(self._published),
            rate_history=self._rates.series(mono),
            thresholds=self.settings.thresholds,
            others=others,
            limits_seen=self.limits_seen,
        )
        self.sink("health", replace(report, findings=self._dated("health", report.findings)))

    def _fresh_gateway(self) -> GatewayState | None:
        look = self.looks.gateway
        if look is None or not _serves(look):
            return None
        return look.value

    def _rate(self) -> HitRate | None:
        return hit_rate(self._fresh_gateway(), self._lookups, self._published)

    def _note_rate(self) -> None:
        rate = self._rate()
        if rate is not None:
            self._rates.put(self.clock.mono(), rate.value)

    def _ring(self, name: str) -> Ring:
        return self._latency.setdefault(name, Ring())

    def _time(self, name: str, state: ServiceState | None) -> None:
        if state is None or state.latency_ms is None or state.fault is not None:
            return
        if not disturbed(state.latency_ms, state.own_ms):
            self._ring(name).put(self.clock.mono(), state.latency_ms)

    def _steady(self, name: str, at: float, state: ServiceState | None) -> None:
        self._steadiness.see(name, at, state)
        self.settle(f"looks at the {name}", self._steadiness.findings(name))


def _serves(look: Reading[GatewayState]) -> bool:
    """Return True if this reading brought figures.

    A fault beside a good state means that the state is an older one.
    """
    if look.value is None:
        return False
    state = look.value.service
    return state.serves and (look.fault is None or state.sickness is not None)
