"""The documents about a window of time, and those about routers."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from optimus_tui.contract.tools.common import (
    DEFAULT_TENANT,
    CoverageSection,
    Diagnostic,
    NamesSection,
    Query,
    Recommendation,
    Report,
    TenantId,
    WindowMinutes,
    WindowSource,
)
from optimus_tui.contract.tools.state import LimitSection

MetricType = Literal["latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency"]


class PerformanceQuery(Query, frozen=True, kw_only=True):
    """Arguments of the measurement: which figure, of whom, over which window."""

    metric_type: Annotated[MetricType, Meta(description="Which figure to measure.")] = "latency"
    time_window_minutes: WindowMinutes = 60
    tenant_filter: Annotated[
        Annotated[str, Meta(min_length=1, max_length=4096)] | None,
        Meta(description="Only this tenant, as literal text; nothing means all."),
    ] = None


class PerformanceReport(Report, frozen=True, kw_only=True):
    """The figures. ``analysis_results`` is never empty: an unknown figure says "not available" and why."""

    metric_type: MetricType
    """The kind of figure that was measured."""
    tenant_filter: str | None
    """The tenant that was measured; null for all."""
    window_requested_minutes: int
    """The window that was asked for, in minutes."""
    window_covered_minutes: float
    """How far back the samples reach, in minutes."""
    source: WindowSource
    """Where the figures of the window come from: Prometheus, our own history, or a live sample."""
    analysis_results: dict[str, Any]
    """The figures, by their names."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Everything that was judged to be wrong."""


class CoherenceQuery(Query, frozen=True, kw_only=True):
    """Arguments of the analysis of cache keys and invalidations."""

    time_window_minutes: WindowMinutes = 15
    include_event_log: Annotated[bool, Meta(description="Read the list of recent events too.")] = True


class CoherenceAnalysis(Struct, frozen=True, kw_only=True):
    """Totals. The ratio is tracking keys ÷ cache keys, null without cache keys or without a complete scan.

    ``status``: ok, partial where not all keys were scanned, unknown where none could be; ``error`` says why.
    """

    total_cache_keys: int | None
    coherence_tracking_keys: int | None
    cache_to_coherence_ratio: float | None
    keys_without_ttl: int | None
    orphan_tracking_keys: int | None = None
    untracked_cache_keys: int | None = None
    tracking_keys_not_understood: int | None = 0
    unknown_layout: NamesSection | None = None
    """Names of no known layout."""
    unknown: str | None = None
    """Why orphans and untracked keys are null."""
    status: str = "ok"
    error: str | None = None


class SampledKey(Struct, frozen=True, kw_only=True):
    """One cache key. ``ttl_seconds`` null with ``immortal`` true: it never expires."""

    key: str
    ttl_seconds: int | None
    memory_bytes: int | None
    immortal: bool = False
    type: str | None = None


class CoherenceAdvice(Struct, frozen=True, kw_only=True):
    """A suggestion: its type, its message and the action; ``rule`` names the finding that it is about."""

    type: str
    message: str
    action: str
    priority: str = "medium"
    rule: str = ""


class CoherenceReport(Report, frozen=True, kw_only=True):
    """Events are filtered by their own timestamps; malformed ones are counted, not hidden."""

    window_requested_minutes: int
    """The window that was asked for, in minutes."""
    window_covered_minutes: float | None
    """How far back the events reach, in minutes; null where that is not known."""
    source: WindowSource
    """Where the figures of the window come from: Prometheus, our own history, or a live sample."""
    cache_coherence_analysis: CoherenceAnalysis
    coverage: CoverageSection
    sample_cache_analysis: tuple[SampledKey, ...]
    """Some cache keys with type, TTL and size."""
    recent_coherence_events: tuple[dict[str, Any], ...]
    """The newest events of the window."""
    events: dict[str, Any]
    """status, in_window, read, length, malformed, without_timestamp, in_future, by_type, by_tenant, per_minute,
    error."""
    pubsub: dict[str, Any]
    """status, channels, subscribers, pattern_subscriptions, by_channel, silent_channels, unheard_tenants, error."""
    auditor: dict[str, Any]
    """status, checked, vanished, refilled, survived_stale, suspected_stale, unknown, refill_ms (p50, p95), stale_keys
    and suspected_keys with their evidence, error."""
    recommendations: tuple[CoherenceAdvice, ...]
    """What to do, with the command or the file where there is one."""
    diagnostics: tuple[Diagnostic, ...] = ()
    """Everything that was judged to be wrong."""


IssueType = Literal["rate_limiting", "cache_miss", "circuit_breaker", "proxy_timeout", "memory_leak", "high_latency"]


class TroubleshootQuery(Query, frozen=True, kw_only=True):
    """Arguments of the search for the cause of a symptom."""

    issue_type: Annotated[IssueType, Meta(description="The symptom to examine.")]
    tenant_id: TenantId = DEFAULT_TENANT
    time_window_minutes: WindowMinutes = 30


class TroubleshootReport(Report, frozen=True, kw_only=True):
    """The analysis. ``examined`` says what was examined, so that "none" is an answer.

    The issue's own analysis is under its own key (``rate_limiting_analysis`` maps operation to counter; the others hold
    their measurements).
    """

    issue_type: IssueType
    """The symptom that was examined."""
    tenant_id: str
    """The tenant that was examined; empty for none. If none was given, the one in most trouble in another system."""
    window_requested_minutes: int
    """The window that was asked for, in minutes."""
    window_covered_minutes: float
    """How far back the samples reach, in minutes."""
    source: WindowSource
    """Where the figures of the window come from: Prometheus, our own history, or a live sample."""
    rate_limiting_analysis: dict[str, LimitSection] | UnsetType = UNSET
    """The tenant's counters by operation; only for `rate_limiting`."""
    rate_limiting_details: dict[str, Any] | UnsetType = UNSET
    """What else was measured; only for `rate_limiting`."""
    cache_miss_analysis: dict[str, Any] | UnsetType = UNSET
    """What was measured; only for `cache_miss`."""
    circuit_breaker_analysis: dict[str, Any] | UnsetType = UNSET
    """What was measured; only for `circuit_breaker`."""
    proxy_timeout_analysis: dict[str, Any] | UnsetType = UNSET
    """What was measured; only for `proxy_timeout`."""
    memory_leak_analysis: dict[str, Any] | UnsetType = UNSET
    """What was measured; only for `memory_leak`."""
    high_latency_analysis: dict[str, Any] | UnsetType = UNSET
    """What was measured; only for `high_latency`."""
    diagnostics: tuple[Diagnostic, ...]
    """Everything that was judged to be wrong."""
    recommendations: tuple[Recommendation, ...]
    """What to do, with the command or the file where there is one."""
    severity_assessment: str
    """The worst severity that was found, or `none`."""
    immediate_action_required: bool
    """True where somebody should act now."""
    examined: tuple[str, ...]
    """What was examined."""
    unknown: tuple[str, ...] = ()
    """What could not be measured, with the reason: no verdict depends on it."""


RouterType = Literal["proxy", "direct", "hybrid"]
RouterStorage = Literal["memory", "sqlalchemy"]
Operation = Literal["list", "create", "get", "update", "patch", "delete"]


class RouterQuery(Query, frozen=True, kw_only=True):
    """Draft one router."""

    router_name: Annotated[
        str,
        Meta(
            description="Names the file, the path (/api/NAME, or /NAME in a project that is not a gateway) and the "
            "operations: a lower-case letter, then up to 39 lower-case letters, digits or _; no Python keyword, none "
            "of app, main, routers, utils, config, conftest, test."
        ),
    ]
    router_type: Annotated[
        RouterType,
        Meta(
            description="proxy: the AI Engine keeps everything; direct: a store of the gateway's own; hybrid: that "
            "store first, the engine for what it does not hold, or on request."
        ),
    ] = "proxy"
    storage: Annotated[
        RouterStorage,
        Meta(
            description="Where a direct router keeps things. memory: in its process, gone at its end, not for "
            "production; sqlalchemy: in a table, through the project's AsyncSession or one that is added."
        ),
    ] = "memory"
    operations: Annotated[tuple[Operation, ...], Meta(description="Any of them, in any order.")] = (
        "list",
        "create",
        "get",
        "update",
    )
    include_rate_limiting: Annotated[
        bool, Meta(description="Count requests per tenant and operation; 429 with Retry-After above the limit.")
    ] = True
    include_caching: Annotated[
        bool, Meta(description="Cache reads with a TTL; writes invalidate them and publish the event.")
    ] = True
    fields: Annotated[
        tuple[str, ...],
        Meta(
            description="The resource's own fields, each NAME:TYPE[(OPTIONS)][?][=DEFAULT], ? allows null. Types: "
            "str, int, float, bool, date, datetime, decimal, uuid, email, url, enum[A,B], list[TYPE], and "
            "{NAME:TYPE,…} for a nested model. Options: ge, gt, le, lt of numbers, dates and times, min_length, "
            'max_length of texts and lists, description="…". Without any field: name:str and description:str?.'
        ),
    ] = ()
    filters: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of fields that the list can be filtered by, as query parameters of their own types, and "
            "sorted by, as sort=NAME or sort=-NAME. Anything else is refused with 422."
        ),
    ] = ()
    parent: Annotated[
        str,
        Meta(
            max_length=200,
            description="The collection that the router is below, such as orders for /orders/{order_id}/NAME, or up to "
            "three of them, such as customers/orders. Their ids are path parameters and part of cache keys.",
        ),
    ] = ""
    package: Annotated[
        str,
        Meta(
            max_length=200,
            description="The package that the router belongs to, such as app.api.routes. Without it the package of "
            "the project's other routers is found.",
        ),
    ] = ""
    into: Annotated[
        str,
        Meta(
            max_length=400,
            description="The file that registers it, such as app/main.py, or app/api.py:api_router to name the "
            "variable. Without it the one that registers the others is found.",
        ),
    ] = ""


class GeneratedPaths(Struct, frozen=True):
    """The places of the two files, from the project's root."""

    router: str
    test: str


class GeneratedFile(Struct, frozen=True):
    """One file of the draft. ``sha256`` is of the content in UTF-8."""

    path: str
    content: str
    sha256: str


class RouterReport(Report, frozen=True, kw_only=True):
    """The draft: ``files`` holds the router, its test, and what the project lacks that they need."""

    router_name: str
    """Name of the router."""
    router_type: RouterType
    """Where its data is kept."""
    operations: tuple[Operation, ...]
    """Operations that the router offers."""
    files_generated: GeneratedPaths
    files: tuple[GeneratedFile, ...]
    """Text of the router, then of its test, then of what the project lacks that they need."""
    registered_in: str
    """The file that registers the router; `next_steps` has its lines."""
    enterprise_features: tuple[str, ...]
    """Features that the router has, in words."""
    next_steps: tuple[str, ...]
    """What to do with the draft, in order."""
