"""The data of the health pane: every dependency, its latency history, the hit rate and the verdict."""

from msgspec import Struct, field

from optimus_tui.contract.findings import Finding, Overall
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import GatewayState, HitRate, ServerState, ServiceState


class Series(Struct, frozen=True, kw_only=True):
    """A short history, oldest first. ``p50`` and ``p95`` are over the last ten minutes; None without samples."""

    values: tuple[float, ...] = ()
    p50: float | None = None
    p95: float | None = None
    samples: int = 0
    latest: tuple[float, ...] = ()
    """The newest single measurements, oldest first; empty without repeated measurements."""


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
    findings: tuple[Finding, ...] = ()
    """Of all subjects, the worst first."""
    overall: Overall = "unknown"
    probed: int = 0
    answered: int = 0
