"""The state of every dependency, and what the gateway publishes: its metrics and windows over them."""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.cluster import ClusterState, Failover, NodeFacts, SentinelState
from optimus_tui.contract.findings import Finding, Overall
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.signals import GoldenSignals

Status = Literal["healthy", "unhealthy", "error", "connected", "disconnected", "not configured", "unknown"]
Sickness = Literal["sick", "degraded"]
"""What a service reports about itself although it answers 200; degraded is less severe."""
REQUESTS = "http_requests_total"
REFUSED = "rate_limit_refused_total"
HITS, MISSES = "cache_hits_total", "cache_misses_total"
EVENTS, BULK_EVENTS = "events.rate", "events.bulk"  # our own counts of the feed, a second
DURATIONS = "http_request_duration_seconds"
UPSTREAM_DURATIONS = "upstream_request_duration_seconds"
BREAKER = "circuit_breaker_state"
MEMORY = "process_resident_memory_bytes"
PROCESS_START = "process_start_time_seconds"
CREATED = "_created"
"""Ends the name under which prometheus-client publishes when a series was created."""


class Remark(Struct, frozen=True):
    """A contradiction in the body of a health check whose service answers well; ``words`` quote it, safe to show.

    part: the service reports itself healthy and one of its parts unhealthy; its own word counts. unknown word: its
    verdict is a word that is not known here.
    """

    kind: Literal["part", "unknown word"]
    words: str


class ServiceState(Struct, frozen=True, kw_only=True):
    """One dependency. Gateway: healthy, unhealthy, error. Engine and Postgres: connected, error, disconnected.

    Each may also be "not configured" or "unknown".

    ``latency_ms`` does not include ``own_ms``, the time for which our own event loop was blocked meanwhile. For a
    service with several addresses this is the worst one; ``instances`` has each of them, the worst first.
    """

    status: Status
    latency_ms: float | None = None
    own_ms: float = 0.0
    status_code: int | None = None
    version: str | None = None
    fault: Fault | None = None
    sickness: Sickness | None = None
    """Set where it answered as it should but reports itself sick; ``fault`` quotes its words."""
    remark: Remark | None = None
    """Set where its words are not sick but worth showing."""
    instances: tuple["ServiceInstance", ...] = ()

    @property
    def answered_well(self) -> bool | None:
        """Return whether this check found the service well; None where the check says nothing about it."""
        if self.status in ("not configured", "unknown"):
            return None
        return self.status in ("healthy", "connected")

    @property
    def serves(self) -> bool:
        """Return whether it answered as it should, so that its figures may be used, whatever health it reports."""
        return self.fault is None or self.sickness is not None

    @property
    def each(self) -> "tuple[ServiceState, ...]":
        """Return the state of each address: this one alone if the service has one."""
        return tuple(one.state for one in self.instances) or (self,)

    @property
    def any_serves(self) -> bool:
        """Return whether an address answered as it should: its figures may be used, even if another one is down."""
        return any(one.serves for one in self.each)


COLD_SECONDS = 30.0
"""A process that started less than this ago opens its connections and fills its caches: how quick it is then says
nothing of how quick it is. That it fails does."""
SLOW_START_SECONDS = 60.0
"""A process that was first seen so soon after its start may have been busy starting until then."""


def warm_from(started: float, first_seen: float | None) -> float:
    """Return when a process is warm: ``COLD_SECONDS`` after its start, or after its first answer on a busy machine."""
    ready = started
    if first_seen is not None and started < first_seen <= started + SLOW_START_SECONDS:
        ready = first_seen
    return ready + COLD_SECONDS


class ServiceInstance(Struct, frozen=True):
    """One address of a service that has several, with its state."""

    address: str
    state: ServiceState


class CacheMetrics(Struct, frozen=True):
    """The gateway's own cache figures. ``hit_rate`` is a share from 0 to 1; None: the gateway does not publish it.

    ``hits`` and ``misses`` are look-ups since the gateway's start, where it publishes them beside the rate.
    """

    hit_rate: float | None
    total_keys: int | None
    hits: int | None = None
    misses: int | None = None


class GatewayState(Struct, frozen=True, kw_only=True):
    """The gateway and its two optional reports, each with the reason when it is missing."""

    service: ServiceState
    cache: CacheMetrics | None = None
    cache_fault: Fault | None = None
    cache_absent: bool = False
    """The gateway has no such page (404)."""
    rules: LimitRules | None = None
    rules_fault: Fault | None = None


class Refusals(Struct, frozen=True, kw_only=True):
    """The refusals of a server: counts by error code (OOM, MISCONF, NOREPLICAS, READONLY), and rejected connections.

    The counts are since the server's start, or within ``seconds`` where that is set. ``writes`` is None where the
    server keeps no such counts (before Redis 6.2).
    """

    writes: dict[str, int] | None = None
    connections: int | None = None
    seconds: float | None = None


def growth(old: Refusals, new: Refusals, seconds: float) -> Refusals | None:
    """Return what was refused between two readings of one server run; None if a counter was reset in between."""
    writes: dict[str, int] | None = None
    if old.writes is not None and new.writes is not None:
        writes = {name: count - old.writes.get(name, 0) for name, count in new.writes.items()}
    connections = None
    if old.connections is not None and new.connections is not None:
        connections = new.connections - old.connections
    if (connections or 0) < 0 or any(count < 0 for count in (writes or {}).values()):
        return None
    return Refusals(writes=writes, connections=connections, seconds=seconds)


class ServerState(Struct, frozen=True, kw_only=True):
    """Redis or a compatible server. Sizes in bytes; None means unknown (INFO missing or denied, field absent).

    ``latency_command`` is the command that was timed: PING, or the next harmless one where PING is missing. ``refused``
    counts since the server's start, ``refused_lately`` in the last readings of this run (of half a minute at most:
    its ``seconds``; None: only one reading so far, or a count was set back).
    ``replicas_lost`` is how many replicas were connected recently and no longer are.
    """

    latency_ms: float | None
    latency_command: str = "PING"
    product: str | None = None
    version: str | None = None
    mode: str | None = None
    role: str | None = None
    run_id: str | None = None
    db: int = 0
    keys: int | None = None
    memory_used: int | None = None
    memory_max: int | None = None
    memory_policy: str | None = None
    memory_uncounted: int | None = None
    """The part of ``memory_used`` that the server leaves out when it compares with ``memory_max``."""
    expiring_keys: int | None = None
    """Keys with a TTL in all databases: what a volatile-* policy may evict."""
    evicted_keys: int | None = None
    clients: int | None = None
    clients_max: int | None = None
    commands_per_second: float | None = None
    keyspace_hits: int | None = None
    keyspace_misses: int | None = None
    own_hits: int = 0
    own_misses: int = 0
    uptime_seconds: int | None = None
    link_to_master: str | None = None
    """A replica's link: up, down, or ``syncing`` while it copies the whole data of its primary."""
    replicas: int | None = None
    replicas_lost: int = 0
    replicas_good: int | None = None
    """Replicas that keep up; reported only where the server refuses writes with too few of them
    (min-replicas-to-write)."""
    snapshot_failed: bool | None = None
    append_failed: bool | None = None
    """Whether the last snapshot, or the last write to the append-only file, failed."""
    writes_stopped: bool = False
    """The server answers PING with MISCONF: it takes no write until it can write to its disk again."""
    refused: Refusals = Refusals()
    refused_lately: Refusals | None = None
    loading_percent: float | None = None
    info_fault: Fault | None = None
    senseless: tuple[str, ...] = ()
    """Fields of INFO that are present and hold no valid number (safe text)."""
    offset: int | None = None
    """How many bytes of replication a primary has written, or a replica has read."""
    heard_seconds: int | None = None  # since a replica last heard of its primary
    written: tuple[int, ...] | None = None
    """Counts of which one changes with whatever is written, expires or is evicted; None where they are not told."""
    cluster: ClusterState | None = None
    """Set where this is a whole cluster: sums over its primaries, the slowest latency, and ``nodes`` one by one."""
    sentinels: SentinelState | None = None
    """Set where sentinels name the server; ``nodes`` are then this primary and its replicas."""
    nodes: tuple["ServerState", ...] = ()
    node: NodeFacts | None = None  # of each of ``nodes``
    failovers: tuple[Failover, ...] = ()  # seen since the start


MIN_LOOKUPS = 20
"""Fewer look-ups say nothing about a hit rate."""


class HitRate(Struct, frozen=True):
    """A share from 0 to 1 with the source that is shown beside it.

    ``samples`` is the number of look-ups behind it, ``window_seconds`` the time they were made in; None: not known.
    """

    value: float
    source: str
    total_keys: int | None = field(default=None)
    samples: int | None = None
    window_seconds: float | None = None


class Series(Struct, frozen=True, kw_only=True):
    """A short history, oldest first. ``p50`` and ``p95`` are over the last ten minutes.

    They are None without samples, and ``p95`` of fewer than 20.
    """

    values: tuple[float, ...] = ()
    p50: float | None = None
    p95: float | None = None
    samples: int = 0
    latest: tuple[float, ...] = ()
    """The newest single measurements, oldest first; empty without repeated measurements."""
    few: tuple[float, ...] = ()
    """All measurements, ascending, where they are too few for a p95."""


class HealthReport(Struct, frozen=True, kw_only=True):
    """The whole health pane. A reading of None was not taken yet."""

    gateway: Reading[GatewayState] | None = None
    engine: Reading[ServiceState] | None = None
    server: Reading[ServerState] | None = None
    postgres: Reading[ServiceState] | None = None
    latency: dict[str, Series] = field(default_factory=dict)
    """By dependency name: gateway, engine, redis, postgres; in milliseconds."""
    hit_rate: HitRate | None = None
    hit_rate_history: Series = Series()
    signals: GoldenSignals | None = None
    """What the gateway's own counters say; None before they were read."""
    findings: tuple[Finding, ...] = ()
    """Of all subjects, the worst first."""
    overall: Overall = "unknown"
    probed: int = 0
    answered: int = 0


class SlowCall(Struct, frozen=True, kw_only=True):
    """One entry of the slow log. ``age_s`` is by the server's clock; ``command`` is safe text, without arguments."""

    age_s: float
    took_ms: float
    command: str


class LatencyEvent(Struct, frozen=True, kw_only=True):
    """One event of the server's latency monitor (which records only when it is enabled)."""

    event: str
    age_s: float
    latest_ms: float
    max_ms: float


class SlowState(Struct, frozen=True, kw_only=True):
    """The slow log and the latency events; each half may fail independently.

    ``logged`` is the length of the slow log, ``calls`` its newest entries, both without the ``own`` ones that this
    program caused.
    """

    logged: int | None = None
    own: int = 0
    calls: tuple[SlowCall, ...] = ()
    events: tuple[LatencyEvent, ...] = ()
    calls_fault: Fault | None = None
    events_fault: Fault | None = None


class MemoryState(Struct, frozen=True, kw_only=True):
    """The figures of INFO about memory and clients; None for a field that the server does not report."""

    used: int | None = None
    resident: int | None = None
    limit: int | None = None
    policy: str | None = None
    dataset: int | None = None
    fragmentation: float | None = None
    client_buffers: int | None = None
    """Of all normal clients and subscribers together."""
    largest_output: int | None = None
    """The largest recent output buffer of a client, which reveals slow subscribers."""
    largest_input: int | None = None
    clients: int | None = None
    subscribers: int | None = None


WindowOrigin = Literal["prometheus", "history", "live"]


class MetricsState(Struct, frozen=True, kw_only=True):
    """One reading of ``/metrics``: raw monotone counters, buckets and gauges under the names of the contract.

    ``published`` is False where the gateway has no such page, which is not a fault. ``metrics`` are the names of the
    contract that it publishes, including those that have counted nothing yet. ``left_out`` counts series beyond the
    cap or with a name too long, ``malformed`` lines and values that are not valid (NaN, negative counters).
    """

    published: bool = True
    metrics: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """Counters of the contract that it publishes with a value that is not a number: their values are unknown."""
    process: float | None = None
    """Its ``process_start_time_seconds`` as published, the same for all readings of one process; None: not
    published."""
    started_at: float | None = None
    """That start by our clock, in wall-clock seconds."""
    lookalikes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """For each missing metric of the contract the published ones that seem to be the same under another name; at most
    five each, the likeliest first."""
    values: dict[str, float] = field(default_factory=dict)
    marks: dict[str, float] = field(default_factory=dict)
    """What distinguishes processes beside their start: when the series were created (``…_created``), the CPU seconds
    used and the garbage collector's counts, which only grow."""
    summed: bool = False
    """Whether tenants of a counter with very many series were summed as "other"."""
    left_out: int = 0
    malformed: int = 0


class Origin(Struct, frozen=True, kw_only=True):
    """The source of a figure over a window.

    ``covered_minutes`` is the time for which the figure is known, without gaps. ``source`` is "live" with nothing
    covered where no samples were stored; ``fault`` says why a better source did not answer. ``targets`` are the
    Prometheus targets (``job/instance``) that were used.
    """

    covered_minutes: float = 0.0
    source: WindowOrigin = "live"
    fault: Fault | None = None
    targets: tuple[str, ...] = ()


class Window(Origin, frozen=True, kw_only=True):
    """Samples of one series, (wall-clock seconds, value), oldest first."""

    name: str
    samples: tuple[tuple[float, float], ...] = ()


class Grown(Origin, frozen=True, kw_only=True):
    """The processes behind a figure from counters.

    ``processes`` were seen within the window; ``restarts`` of them began after an earlier reading, so there were at
    least as many restarts; ``together`` is how many counted at one time at most. ``lower_bound``: requests may have
    been lost with a process that ended, so the figure is "at least". ``several``: several processes answer that cannot
    be told apart; then nothing is covered and ``fault`` says so.
    """

    processes: int = 0
    restarts: int = 0
    together: int = 0
    lower_bound: bool = False
    several: bool = False


class Counted(Struct, frozen=True, kw_only=True):
    """The growth of one series of a counter; ``resets`` is how often it restarted at zero."""

    labels: dict[str, str]
    increase: float
    resets: int = 0


class Increase(Grown, frozen=True, kw_only=True):
    """The growth of a counter over a window, series by series.

    ``covered_minutes`` 0 means that the growth is unknown; covered and without series, that the counter was published
    and did not grow.
    """

    name: str
    series: tuple[Counted, ...] = ()

    @property
    def total(self) -> float:
        """Return the sum over all series."""
        return sum(one.increase for one in self.series)

    def by(self, label: str) -> dict[str, float]:
        """Return totals per value of a label, the largest first; series without the label are under the empty text."""
        totals: dict[str, float] = {}
        for one in self.series:
            value = one.labels.get(label, "")
            totals[value] = totals.get(value, 0.0) + one.increase
        return dict(sorted(totals.items(), key=lambda item: -item[1]))


class Spread(Struct, frozen=True, kw_only=True):
    """The percentiles of a histogram over a window, in the histogram's unit (seconds).

    A percentile is interpolated within its bucket, whose edges are beside it: ``verdicts.gateway.latency`` tells how
    precise it is. The upper edge of the last bucket is infinite.
    """

    count: float
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    p50_edges: tuple[float, float] | None = None
    p95_edges: tuple[float, float] | None = None
    p99_edges: tuple[float, float] | None = None
    within: tuple[tuple[float, float], ...] = ()
    """Upper edges of the buckets in ascending order, each with the number of observations up to it."""


class Quantiles(Grown, frozen=True, kw_only=True):
    """A histogram over a window for each value of one label; without a label, one under the empty text."""

    name: str
    groups: dict[str, Spread] = field(default_factory=dict)
