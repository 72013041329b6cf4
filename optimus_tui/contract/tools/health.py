"""diagnose_gateway_health: the present state of every dependency."""

from typing import Annotated

from msgspec import Meta, Struct, field

from optimus_tui.contract.tools.common import CoverageSection, Diagnostic, NamesSection, Query, Report, TenantId


class DiagnoseQuery(Query, frozen=True, kw_only=True):
    """Arguments of the diagnosis of gateway, engine and Redis."""

    include_cache_metrics: Annotated[bool, Meta(description="Ask the gateway for its cache hit rate too.")] = True
    include_rate_limiting: Annotated[bool, Meta(description="Read the tenant's rate-limit counters too.")] = True
    tenant_id: TenantId = "demo_dentist"


class InstanceSection(Struct, frozen=True, kw_only=True):
    """One address of a service that has several."""

    address: str
    status: str
    latency_ms: float | None = None
    status_code: int | None = None
    error: str | None = None


class DependencySection(Struct, frozen=True, kw_only=True):
    """One dependency. ``status`` is "not checked" where it was not requested, "unknown" where it is not known.

    ``latency_ms`` does not include ``own_delay_ms``, for which our own event loop was blocked meanwhile (null: too
    small to matter): the true time lies between the one and the sum. ``instances`` has each address of a service with
    several; the section itself is the worst of them. ``says`` quotes a remark in the body of a service that is well.
    """

    status: str
    latency_ms: float | None = None
    own_delay_ms: float | None = None
    status_code: int | None = None
    version: str | None = None
    error: str | None = None
    says: str | None = None
    instances: tuple[InstanceSection, ...] = ()


class RedisSection(DependencySection, frozen=True, kw_only=True):
    """Redis, with its mode (standalone, cluster, sentinel) and role."""

    mode: str | None = None
    role: str | None = None


class CacheMetricsSection(Struct, frozen=True, kw_only=True):
    """The cache's hit rate (a share from 0 to 1) and size; ``source`` says whose figure it is."""

    status: str
    hit_rate: float | None = None
    total_keys: int | None = None
    source: str | None = None
    unknown_layout: NamesSection | None = None
    """Names of no known layout; null where the keys were not read."""
    error: str | None = None


class LimitSection(Struct, frozen=True, kw_only=True):
    """One operation's counter. ``ttl_seconds`` is null and ``immortal`` true where it never resets."""

    current_count: int | None
    ttl_seconds: int | None
    immortal: bool = False
    limit: int | None = None
    error: str | None = None


class RateLimitingSection(Struct, frozen=True, kw_only=True):
    """The tenant's counters, and how many there are of all tenants.

    ``rate_limits`` holds the most urgent hundred, ``omitted`` is the number of the others. ``unparsed`` are names under
    the layout's prefix that do not follow the layout (some of them are counters nevertheless); null where they were not
    read.
    """

    status: str
    tenant_id: str | None = None
    total_active_limits: int | None = None
    total_limit_keys: int | None = None
    rate_limits: dict[str, LimitSection] = field(default_factory=dict)
    omitted: int = 0
    unparsed: NamesSection | None = None
    window_seconds: int | None = None
    coverage: CoverageSection | None = None
    error: str | None = None


class ProcessesSection(Struct, frozen=True, kw_only=True):
    """Processes that answered at the gateway's address within the window, and how often one of them restarted."""

    seen: int
    restarts: int


class GatewayMetricsSection(Struct, frozen=True, kw_only=True):
    """The gateway's own counters over the last minutes. Shares run from 0 to 1; null is unknown, never zero.

    ``lower_bound``: figures are "at least", since requests were lost with a process that ended. ``unknown`` holds a
    sentence for each figure that is not known.
    """

    status: str
    requests_per_second: float | None = None
    failing_share: float | None = None
    refused_share: float | None = None
    worst_route: str | None = None
    worst_tenant: str | None = None
    open_circuits: tuple[str, ...] = ()
    half_open_circuits: tuple[str, ...] = ()
    processes: ProcessesSection | None = None
    lower_bound: bool = False
    covered_minutes: float = 0.0
    source: str | None = None
    unknown: tuple[str, ...] = ()


class DiagnoseReport(Report, frozen=True, kw_only=True):
    """The diagnosis. ``overall_status`` is never better than the worst dependency that was probed."""

    backend_orchestrator_health: DependencySection
    ai_engine_connectivity: DependencySection
    redis: RedisSection
    postgres: DependencySection
    cache_metrics: CacheMetricsSection
    rate_limiting: RateLimitingSection
    gateway_metrics: GatewayMetricsSection
    overall_status: str
    """The verdict on everything that was asked."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Everything that was judged to be wrong."""
