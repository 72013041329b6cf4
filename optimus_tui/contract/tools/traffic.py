"""The documents about a window of time.

Analyze_performance_metrics, analyze_cache_coherence and troubleshoot_production_issue.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from optimus_tui.contract.tools.common import (
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
    """A suggestion as in the user's document: type, message, action; ``rule`` names the finding that it is about."""

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
    tenant_id: TenantId = "demo_dentist"
    time_window_minutes: WindowMinutes = 30


class TroubleshootReport(Report, frozen=True, kw_only=True):
    """The analysis. ``examined`` says what was examined, so that "none" is an answer.

    The issue's own analysis is under its own key (``rate_limiting_analysis`` maps operation to counter; the others hold
    their measurements).
    """

    issue_type: IssueType
    """The symptom that was examined."""
    tenant_id: str
    """The tenant that was examined."""
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
