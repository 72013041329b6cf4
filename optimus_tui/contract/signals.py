"""The gateway's golden signals: what its own counters say of requests, failures, refusals and latency over one span."""

from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from optimus_tui.contract.keyspace import LimitsReport

Signal = Literal["requests", "failing", "refused", "p95"]
SIGNALS: tuple[Signal, ...] = ("requests", "failing", "refused", "p95")
TOKENS, SPEND = "tokens_total", "spend_total"
"""Counters of a gateway to language models: tokens, and money in its own currency. Only a profile can name them."""


class Signals(Struct, frozen=True, kw_only=True):
    """The four signals of all requests, or of one tenant's. None is unknown, and ``why`` says why, by signal.

    Shares are from 0 to 1. ``timed`` is the number of requests behind ``p95_words``, which is empty where it is
    unknown; ``p95_ms`` is also None where only a bound is known. ``lower_bound``: requests may have been lost with a
    process that ended, so that numbers are "at least".
    """

    requests: float | None = None
    per_second: float | None = None
    failing_share: float | None = None
    refused_per_second: float | None = None
    refused_share: float | None = None
    p95_ms: float | None = None
    p95_words: str = ""
    timed: float | None = None
    lower_bound: bool = False
    why: dict[Signal, str] = field(default_factory=dict)
    tokens_per_second: float | None = None
    spend_per_second: float | None = None
    """Money in the gateway's own currency. Both are None where the gateway does not count them, and where unknown."""
    trends: dict[Signal, tuple[float, ...]] = field(default_factory=dict)
    """The figures of the last ten minutes as they were, oldest first; unknown ones are left out."""

    def value(self, signal: Signal) -> float | None:
        """Return the value of a signal for a chart; None where it is unknown."""
        figures = {
            "requests": self.per_second,
            "failing": self.failing_share,
            "refused": self.refused_per_second,
            "p95": self.p95_ms,
        }
        return figures[signal]


class GoldenSignals(Struct, frozen=True, kw_only=True):
    """The signals of all requests and of each tenant, the busiest first, over the same ``seconds``.

    ``tenants`` is empty where ``tenants_why`` says why requests are not known by tenant; ``more_tenants`` were left
    out. ``refused_by`` has refusals a second by (tenant, operation), a pair without any left out; it is None where
    ``refused_by_why`` says why.
    """

    total: Signals
    tenants: dict[str, Signals] = field(default_factory=dict)
    more_tenants: int = 0
    tenants_why: str = ""
    refused_by: dict[tuple[str, str], float] | None = None
    refused_by_why: str = ""
    seconds: float = 0.0
    source: str = "live"
    """Where the counters were kept: prometheus, history, or live for none."""
    taken_at: float = 0.0
    """When they were taken, in wall-clock seconds."""
    taken_mono: float = 0.0

    def of_tenant(self, tenant: bytes) -> Signals | None:
        """Return the signals of a tenant by the bytes of its name; None for a tenant that is not listed."""
        return self.tenants.get(tenant.decode("utf-8", "surrogateescape"))


def same_refusals(one: GoldenSignals | None, other: GoldenSignals | None) -> bool:
    """Return True if both have the same figures of refused requests, so that nothing has to be drawn again."""
    if one is None or other is None:
        return one is other
    return (one.refused_by, one.refused_by_why, one.seconds) == (other.refused_by, other.refused_by_why, other.seconds)


def with_refusals(report: LimitsReport, signals: GoldenSignals | None) -> LimitsReport:
    """Return the report with the refusals of these signals, so that both panes show the same; None changes nothing."""
    if signals is None:
        return report
    return replace(
        report,
        refused_by=signals.refused_by,
        refused_why=signals.refused_by_why,
        refused_seconds=signals.seconds,
    )
