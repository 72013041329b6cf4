"""Turn the reports of the loops into samples, with or without a screen.

One set of values is written every two seconds, on even seconds of the wall clock, so that several processes that watch
the same system write the same sets. No value is written twice, none that is old, and none that covers only a part.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import CacheReport, FeedBatch, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import (
    BULK_EVENTS,
    EVENTS,
    MEMORY,
    GatewayState,
    HealthReport,
    MetricsState,
    ServerState,
    ServiceState,
)
from optimus_tui.history.samples.process_lives import FELL, LEFT_OUT, PROCESS, PUBLISHED, SAME, STARTED, compare_marks
from optimus_tui.history.samples.processes import fell_back
from optimus_tui.probes.load_meter import disturbed
from optimus_tui.sampling.staleness import Sink

EVERY_SECONDS = 2.0
KEYFRAME_SECONDS = 300.0
"""Seconds. A labelled series is kept when it changed and at least this often: well within the ten minutes that
windows look back for it, even if one of several processes answers seldom."""
MAX_PROCESSES = 32
MAX_KINDS = 50
LONGEST_GAP_SECONDS = 90.0
MAX_VERSIONS, LONGEST_VERSION = 16, 60
"""Versions of a service that are recorded, and their characters: one that changes each time must not fill the file."""


class HistoryWriter(Protocol):
    """The place where samples are written. ``put`` never waits and never raises."""

    def put(self, at: float, values: Mapping[str, float]) -> None:
        """Write these values, by name, as of ``at`` (wall-clock seconds)."""


class Recorder:
    """Records the reports of one sampler. The store is opened with the first samples, not before."""

    def __init__(self, store: Callable[[], HistoryWriter], clock: Clock, every_seconds: float = EVERY_SECONDS) -> None:
        self._store, self._clock, self._every = store, clock, every_seconds
        self._values: dict[str, float] = {}
        self._slot = self._now_slot()
        self._seen: dict[str, object] = {}
        self._lookups: tuple[str | None, float, int, int] | None = None
        self._events: dict[str, tuple[float, int]] = {}
        self._processes: dict[float | None, _Process] = {}
        self._versions: dict[str, set[str]] = {}

    def listen(self, sink: Sink) -> Sink:
        """Return a sink that records every report and passes it to ``sink``, except "metrics"."""

        def hear(subject: str, report: object) -> None:
            self.take(subject, report)
            if subject != "metrics":
                sink(subject, report)

        return hear

    def take(self, subject: str, report: object) -> None:
        """Record what is new in a report."""
        if isinstance(report, HealthReport):
            self._health(report)
        elif isinstance(report, FeedBatch):
            self._feed(report)
        elif isinstance(report, Reading) and report.fault is None and self._is_new(subject, report):
            if isinstance(report.value, LimitsReport):
                self._limits(report.value)
            elif isinstance(report.value, CacheReport):
                self._cache(report.value)
            elif isinstance(report.value, MetricsState):
                self._metrics(report.value, report.taken_at)
        if self._now_slot() != self._slot:
            self.flush()

    def flush(self) -> None:
        """Write the values that were collected since the last write."""
        self._slot = self._now_slot()
        values, self._values = self._values, {}
        if values:
            self._store().put(self._slot, values)

    def _now_slot(self) -> float:
        return self._clock.wall() // self._every * self._every

    def _is_new(self, name: str, reading: object) -> bool:
        new = reading is not None and self._seen.get(name) is not reading
        self._seen[name] = reading
        return new

    # -- health

    def _health(self, report: HealthReport) -> None:
        gateway, server = report.gateway, report.server
        if gateway is not None and gateway.value is not None and self._is_new("gateway", gateway):
            self._service("gateway", gateway.value.service)
            self._gateway(gateway.value)
        for name, look in (("engine", report.engine), ("postgres", report.postgres)):
            if look is not None and look.value is not None and self._is_new(name, look):
                self._service(name, look.value)
        if server is not None and self._is_new("redis", server):
            self._values["state.redis"] = float(server.fault is None)
            if server.fault is None and server.value is not None:
                self._server(server.value, server.taken_mono)

    def _service(self, name: str, state: ServiceState) -> None:
        if (good := state.answered_well) is None:
            return
        self._values[f"state.{name}"] = float(good)
        self._version(name, state.version)
        if good and state.latency_ms is not None and not disturbed(state.latency_ms, state.own_ms):
            self._values[f"latency.{name}"] = state.latency_ms

    def _version(self, name: str, version: str | None) -> None:
        if not version:
            return
        known = self._versions.setdefault(name, set())
        if version in known or len(known) < MAX_VERSIONS:
            known.add(version)
            self._values[f"version.{name}.{version[:LONGEST_VERSION]}"] = 1.0

    def _gateway(self, state: GatewayState) -> None:
        if state.cache is not None and state.cache.hit_rate is not None and state.service.any_serves:
            self._values["hit_rate.gateway"] = state.cache.hit_rate
            if state.cache.hits is not None and state.cache.misses is not None:
                self._values |= {"gateway.hits": float(state.cache.hits), "gateway.misses": float(state.cache.misses)}

    def _server(self, state: ServerState, mono: float) -> None:
        figures: dict[str, float | None] = {
            "latency.redis": state.latency_ms,
            "redis.memory": state.memory_used,
            "redis.max_memory": state.memory_max,
            "redis.evicted": state.evicted_keys,
            "redis.clients": state.clients,
            "redis.ops": state.commands_per_second,
            "redis.keys": state.keys,
        }
        self._values |= {name: float(value) for name, value in figures.items() if value is not None}
        self._run(state, mono)
        if state.keyspace_hits is None or state.keyspace_misses is None:
            return
        hits, misses = state.keyspace_hits - state.own_hits, state.keyspace_misses - state.own_misses
        last, self._lookups = self._lookups, (state.run_id, mono, hits, misses)
        if last is None or last[0] != state.run_id or not 0 < mono - last[1] <= LONGEST_GAP_SECONDS:
            return
        if hits >= last[2] and misses >= last[3]:
            seconds = mono - last[1]
            self._values["redis.hits"] = (hits - last[2]) / seconds
            self._values["redis.misses"] = (misses - last[3]) / seconds

    def _run(self, state: ServerState, mono: float) -> None:
        """Record which run of the server answered (48 bits of its ``run_id``), and since when it runs."""
        try:
            self._values["run.redis"] = float(int((state.run_id or "")[:12], 16))
        except ValueError:
            return  # it tells none
        if state.uptime_seconds is not None:
            age = self._clock.mono() - mono + state.uptime_seconds
            self._values["started.redis"] = self._clock.wall() - age

    # -- the rest

    def _limits(self, report: LimitsReport) -> None:
        if not report.coverage.complete:
            return
        states = [row.state for row in report.rows]
        self._values["limits.counters"] = report.total
        self._values["limits.over"] = states.count("over")
        self._values["limits.immortal"] = states.count("immortal")

    def _cache(self, report: CacheReport) -> None:
        if not report.coverage.complete:
            return
        totals = [kind.totals for kind in report.kinds]
        self._values["cache.keys"] = report.keys
        self._values["cache.no_ttl"] = sum(one.without_ttl for one in totals)
        if report.coherence_keys is not None:
            self._values["coherence.keys"] = report.coherence_keys
        for one in sorted(totals, key=lambda one: -one.keys)[:MAX_KINDS]:
            self._values[f"cache.kind.{one.kind[:200].decode('utf-8', 'surrogateescape')}"] = one.keys

    def _feed(self, batch: FeedBatch) -> None:
        if batch.status.state == "none":
            return  # the profile names no feed: there is no link that could be down
        status = batch.status
        counts = {EVENTS: status.received}
        if status.bulk is not None:
            counts[BULK_EVENTS] = status.bulk
        for name, count in counts.items():
            self._event_rate(name, count, is_live=status.state == "live")
        self._values["feed.live"] = min(self._values.get("feed.live", 1.0), float(batch.status.state == "live"))
        self._values["feed.gaps"] = float(batch.status.gaps)

    def _event_rate(self, name: str, count: int, *, is_live: bool) -> None:
        """Record how many events came per second since the last time this was recorded."""
        mono, last = self._clock.mono(), self._events.get(name)
        if not is_live:
            self._events.pop(name, None)
        elif last is None or count < last[1]:
            self._events[name] = mono, count
        elif mono - last[0] >= self._every:
            self._values[name] = (count - last[1]) / (mono - last[0])
            self._events[name] = mono, count

    def _metrics(self, state: MetricsState, at: float) -> None:
        """Record one read of ``/metrics`` at its own time, not with the other values of its two seconds.

        A rate is divided by the time between two reads, and two reads of one moment may be of different processes.
        Unlabelled series are always kept, labelled ones if they changed since the last read of this process.
        """
        mono = self._clock.mono()
        process = self._process(state.process)
        compared = compare_marks(process.marks, state.marks)
        if mono - process.keyframe_mono >= KEYFRAME_SECONDS or compared == "other":
            process.keyframe_mono = mono
            process.labelled = {}
        values = {f"{PUBLISHED}{metric}": 1.0 for metric in state.metrics}
        values[PROCESS] = state.process or 0.0
        if state.started_at is not None:
            values[STARTED] = state.started_at
        resident = 0.0
        for name, value in state.values.items():
            if name.startswith(MEMORY):
                resident = max(resident, value)
            elif "|" not in name or process.labelled.get(name) != value:
                values[name] = value
        if resident:
            values["gateway.rss"] = resident
        if state.left_out or state.summed:
            values[LEFT_OUT] = max(1, state.left_out)
        if fell_back(process.values, state):
            values[FELL] = 1.0
        if compared != "unknown":
            values[SAME] = float(compared == "same")
        process.values, process.marks = state.values, state.marks
        process.labelled = {name: value for name, value in state.values.items() if "|" in name}
        self._store().put(at, values)

    def _process(self, start: float | None) -> "_Process":
        """Return what was last seen of the process that started then; the one longest not seen is dropped."""
        process = self._processes.pop(start, None) or _Process()
        self._processes[start] = process
        while len(self._processes) > MAX_PROCESSES:
            self._processes.pop(next(iter(self._processes)))
        return process


class _Process:
    """The last read of one process of the gateway."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.marks: dict[str, float] = {}
        self.labelled: dict[str, float] = {}
        self.keyframe_mono = float("-inf")
