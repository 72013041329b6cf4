"""Figures over time: the names of the gateway's metrics, what it publishes, and windows over stored samples.

A series is named ``metric|label=value|…`` (see ``grammar.prometheus``). A missing sample is never counted as zero.
"""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.reading import Fault

REQUESTS = "http_requests_total"
REFUSED = "rate_limit_refused_total"
HITS, MISSES = "cache_hits_total", "cache_misses_total"
DURATIONS = "http_request_duration_seconds"
UPSTREAM_DURATIONS = "upstream_request_duration_seconds"
BREAKER = "circuit_breaker_state"
MEMORY = "process_resident_memory_bytes"
PROCESS_START = "process_start_time_seconds"
CREATED = "_created"
"""Ends the name under which prometheus-client publishes when a series was created."""


WindowOrigin = Literal["prometheus", "history", "live"]


class MetricsState(Struct, frozen=True, kw_only=True):
    """One reading of ``/metrics``: raw monotone counters, buckets and gauges under the names of the contract.

    ``published`` is False where the gateway has no such page, which is no fault. ``metrics`` are the contract's names
    that it publishes, including those that have counted nothing yet. ``left_out`` counts series beyond the cap or with
    a name too long, ``malformed`` lines and values that are not valid (NaN, negative counters).
    """

    published: bool = True
    metrics: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    """Counters of the contract that it publishes with a value that is no number: their values are unknown."""
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
    """Where a figure over a window comes from.

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
    """What a figure from counters says about the processes that counted.

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

    A percentile is interpolated within its bucket, whose edges are beside it: ``verdicts.bounds`` tells how precise it
    is. The upper edge of the last bucket is infinite.
    """

    count: float
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    p50_edges: tuple[float, float] | None = None
    p95_edges: tuple[float, float] | None = None
    p99_edges: tuple[float, float] | None = None


class Quantiles(Grown, frozen=True, kw_only=True):
    """A histogram over a window, by the value of one label; without a label, all under the empty text."""

    name: str
    groups: dict[str, Spread] = field(default_factory=dict)
