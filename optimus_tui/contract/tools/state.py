"""The documents about the present state: health, the test of the engine, the stand-up, and tenants side by side."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.tools.common import (
    DEFAULT_TENANT,
    CoverageSection,
    Diagnostic,
    NamesSection,
    Query,
    Report,
    TenantId,
    WindowSource,
)
from optimus_tui.contract.tools.overnight import Overnight


class DiagnoseQuery(Query, frozen=True, kw_only=True):
    """Arguments of the diagnosis of gateway, engine and Redis."""

    include_cache_metrics: Annotated[bool, Meta(description="Ask the gateway for its cache hit rate too.")] = True
    include_rate_limiting: Annotated[bool, Meta(description="Read the tenant's rate-limit counters too.")] = True
    tenant_id: TenantId = DEFAULT_TENANT


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
    small to matter): the true time lies between that and the sum of both. ``instances`` has each address of a service
    with several; the section itself is the worst of them. ``says`` quotes a remark in the body of a service that is
    well.
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
    """One operation's counter. ``ttl_seconds`` is null and ``immortal`` true where it never resets.

    ``state`` is ok, near, over, full (requests are refused and not counted), immortal, unknown limit or broken;
    ``window_seconds`` the length of its window. Each is null where it is not known.
    """

    current_count: int | None
    ttl_seconds: int | None
    immortal: bool = False
    limit: int | None = None
    error: str | None = None
    window_seconds: float | None = None
    state: str | None = None


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


Direction = Literal["same", "better", "worse", "changed"]


class ServicePart(Struct, frozen=True, kw_only=True):
    """One dependency: its state now, its latency now, and the 95th percentile of the window."""

    status: str
    latency_ms: float | None = None
    p95_ms: float | None = None
    error: str | None = None


class RedisPart(ServicePart, frozen=True, kw_only=True):
    """Redis with its memory; the hit rate (0 to 1) is the gateway's where it publishes one."""

    memory_bytes: int | None = None
    hit_rate: float | None = None
    hit_rate_source: str | None = None


class LimitsPart(Struct, frozen=True, kw_only=True):
    """All counters, those without TTL and those over their limit, and the fullest one."""

    counters: int | None = None
    counters_allowed: int | None = None
    immortal: int | None = None
    over: int | None = None
    tenant: str | None = None
    operation: str | None = None
    share: float | None = None
    error: str | None = None


class CachePart(Struct, frozen=True, kw_only=True):
    """Keys as far as they were scanned."""

    keys: int | None = None
    without_ttl: int | None = None
    complete: bool = False
    error: str | None = None


class EventsPart(Struct, frozen=True, kw_only=True):
    """Invalidation events of the window by their own timestamps. ``per_minute`` is null for a single one.

    ``covered_minutes``: how many minutes of the window the log covers.
    """

    in_window: int | None = None
    covered_minutes: float | None = None
    per_minute: float | None = None
    seconds_ago: float | None = None
    malformed: int | None = None
    error: str | None = None


class StandupFinding(Struct, frozen=True, kw_only=True):
    """A finding of any tool. ``new``: not in the last stand-up; ``since``: the first stand-up that had it."""

    severity: Severity
    message: str
    rule: str
    subject: str
    new: bool = False
    since: str | None = None


class Change(Struct, frozen=True, kw_only=True):
    """The change of one part since the last stand-up, as text: ``was 230 ms``. ``rose``: whether the figure grew."""

    direction: Direction
    words: str
    rose: bool | None = None


class StandupReport(Report, frozen=True, kw_only=True):
    """``since`` is the time of the stand-up that this one is compared with, null for the first."""

    environment: str
    since: str | None
    window_minutes: int
    overall_status: Overall
    gateway: ServicePart
    engine: ServicePart
    redis: RedisPart
    limits: LimitsPart
    cache: CachePart
    events: EventsPart
    findings: tuple[StandupFinding, ...]
    gone: tuple[str, ...] = ()
    """Findings of the last stand-up that no longer hold."""
    changes: dict[str, Change] = field(default_factory=dict)
    """By part: gateway, engine, redis, limits, cache, events."""
    unknown: tuple[str, ...] = ()
    """What could not be measured, with the reason."""
    overnight: Overnight | None = None
    """What the history holds of the time since then (of the window, for the first one); null if it did not answer."""


class TenantFigures(Struct, frozen=True, kw_only=True):
    """One tenant. Shares run from 0 to 1; ``share`` is of ``operation``'s limit, the fullest one.

    ``failed`` are requests answered 5xx, ``error_share`` and ``refused_share`` parts of its requests; null where the
    gateway does not count by tenant, or without a status. ``latency_p95_ms`` is interpolated in the gateway's
    histogram; where a bucket is too wide for that, it is null and ``latency_p95_bound`` says what is known, ``≤ 10 s``.
    """

    tenant_id: str
    counters: int | None = None
    share_of_all_counters: float | None = None
    immortal: int | None = None
    over: int | None = None
    operation: str | None = None
    current_count: int | None = None
    limit: int | None = None
    share: float | None = None
    requests: int | None = None
    failed: int | None = None
    error_share: float | None = None
    refused: int | None = None
    refused_share: float | None = None
    cache_keys: int | None = None
    cache_keys_without_ttl: int | None = None
    events: int | None = None
    latency_p95_ms: float | None = None
    latency_p95_bound: str | None = None


class CompareReport(Report, frozen=True, kw_only=True):
    """The comparison. ``window_covered_minutes`` is for requests and refusals, ``events_covered_minutes`` for events.

    ``differs`` names the figures in which the tenants differ, the one in which they differ most first.
    """

    window_requested_minutes: int
    window_covered_minutes: float
    source: WindowSource
    events_covered_minutes: float | None
    coverage: CoverageSection
    tenants: tuple[TenantFigures, ...]
    differs: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    unknown: tuple[str, ...] = ()


TestType = Literal["connectivity", "performance", "error_handling", "full_flow"]


class IntegrationQuery(Query, frozen=True, kw_only=True):
    """Run a set of tests. full_flow posts one recognisable test message to the gateway."""

    test_type: Annotated[
        TestType, Meta(description="Which tests to run; full_flow posts a real, recognisable test message.")
    ] = "connectivity"
    tenant_id: TenantId = DEFAULT_TENANT
    include_cache_test: Annotated[
        bool, Meta(description="Write, read and remove one key of our own (TTL one minute).")
    ] = True


class IntegrationReport(Report, frozen=True, kw_only=True):
    """The results. ``tests_performed``: for each test its name, status (pass, fail, skipped) and measurements."""

    test_type: TestType
    """The set of tests that was run."""
    tenant_id: str
    """The tenant that the tests used."""
    tests_performed: tuple[dict[str, Any], ...]
    """One object for each test: its name, status and measurements."""
    overall_status: str
    """The verdict on all tests."""
    pass_rate: str
    """Passed and counted tests, in words."""
    notes: tuple[str, ...] = ()
    """What else is worth knowing."""
