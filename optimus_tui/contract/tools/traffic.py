"""The documents about a window of time, and those about routers."""

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

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
BOUNDS = (0.8, 0.6, 0.4)
"""From where on the first three words of ``overall_compliance`` hold."""


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


ValidationLevel = Literal["basic", "comprehensive", "production_ready"]
Compliance = Literal["excellent", "good", "acceptable", "needs_improvement"]
PatternState = Literal["passed", "partial", "failed", "not applicable"]


class ValidateQuery(Query, frozen=True, kw_only=True):
    """Arguments of the check of routers against the enterprise patterns: one router, or all."""

    router_path: Annotated[
        Annotated[str, Meta(min_length=1, max_length=1024)] | None,
        Meta(description="One router's file, relative to src/backend/routers/, such as products.py."),
    ] = None
    check_all_routers: Annotated[bool, Meta(description="Check every router under src/backend/routers/.")] = False
    validation_level: Annotated[
        ValidationLevel, Meta(description="How strict the check is: each level includes those before it.")
    ] = "comprehensive"


class RouterFile(Struct, frozen=True, kw_only=True):
    """One file: its score from 0 to 1, and how each pattern stands."""

    file: str
    compliance_score: float
    patterns: dict[str, PatternState] = field(default_factory=dict)
    routes: int = 0


class PatternIssue(Struct, frozen=True, kw_only=True):
    """One finding. ``line`` and ``column`` are counted from 1; ``source`` is the line itself."""

    file: str
    line: int
    column: int
    issue: str
    rule: str
    priority: str
    fix: str
    why: str
    source: str = ""
    also: tuple[str, ...] = ()
    """The lines of other routes with the same fault, which this finding covers."""


class PatternAdvice(Struct, frozen=True, kw_only=True):
    """What to do about a pattern that several files lack."""

    issue: str
    affected_files: int
    recommendation: str
    priority: str = "medium"


class SkippedFile(Struct, frozen=True, kw_only=True):
    """A file that was not judged, and why."""

    file: str
    reason: str


class CodeDrift(Struct, frozen=True, kw_only=True):
    """One difference between what routers declare and what Redis holds."""

    kind: str
    name: str
    priority: str
    message: str
    fix: str


class LiveComparison(Struct, frozen=True, kw_only=True):
    """Code against Redis: the worst difference first, and a text that says how much was compared."""

    differences: tuple[CodeDrift, ...]
    covered: str
    operations: int = 0
    """Names of operations that were compared: declared, counted in Redis, or both."""
    kinds: int = 0
    """Kinds of cache keys that were compared."""


class ValidateReport(Report, frozen=True, kw_only=True):
    """The result for all files. ``average_compliance_score`` is null where no file was judged.

    ``excellent``, the best value of ``overall_compliance``, occurs nowhere else in the document, because hooks search
    for it. A path that contains it is shown as a shell pattern that fits the file.
    """

    validation_level: ValidationLevel
    """The level that was checked; each level includes the lower ones."""
    overall_compliance: Compliance
    """The word for the average score."""
    average_compliance_score: float | None
    """Average of the files' scores; null where no file was judged."""
    files_validated: int
    """Number of files that were judged."""
    files: tuple[RouterFile, ...]
    """Each file with its score."""
    issues_found: tuple[PatternIssue, ...]
    """Each finding with its place."""
    recommendations: tuple[PatternAdvice, ...]
    """What to do for each pattern, the one with the most affected files first."""
    skipped: tuple[SkippedFile, ...] = ()
    """Files that were not judged, with the reason."""
    ignored: int = 0
    """Findings that a comment with a reason sets aside."""
    live: LiveComparison | None = None
    """Null where Redis was not read."""
    notes: tuple[str, ...] = ()
    """What the figures do not show; a file that is a class worse than the average is named here."""

    @property
    def hides_worse(self) -> bool:
        """Return whether a file would get a worse word than ``overall_compliance``, which is the average's."""
        bound = next((bound for bound in BOUNDS if (self.average_compliance_score or 0.0) >= bound), 0.0)
        return any(one.compliance_score < bound for one in self.files)


def unescaped(text: str) -> str:
    """Return a path or a line of source without the escape ``excellen[t]`` of the best verdict's word."""
    return re.sub(r"(?i)(excellen)\[(t)\]", r"\1\2", text)


RouterType = Literal["proxy", "direct", "hybrid"]
Operation = Literal["list", "create", "get", "update", "delete"]


class RouterQuery(Query, frozen=True, kw_only=True):
    """Draft one router."""

    router_name: Annotated[
        str,
        Meta(
            description="Names the file, the path /api/NAME and the operations: a lower-case letter, then up to 39 "
            "lower-case letters, digits or _; no Python keyword, none of app, main, routers, utils, config, conftest, "
            "test."
        ),
    ]
    router_type: Annotated[
        RouterType,
        Meta(
            description="proxy: the AI Engine keeps everything; direct: a store of the gateway's own; hybrid: that "
            "store first, the engine for what it does not hold, or on request."
        ),
    ] = "proxy"
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
            description="The resource's own fields, each NAME:TYPE, NAME:TYPE? (optional) or NAME:TYPE=DEFAULT; types "
            "are str, int, float, bool, date, datetime. Without any: name:str and description:str?."
        ),
    ] = ()


class GeneratedPaths(Struct, frozen=True):
    """Where the two files belong, from the gateway's root."""

    router: str
    test: str


class GeneratedFile(Struct, frozen=True):
    """One file of the draft. ``sha256`` is of the content in UTF-8."""

    path: str
    content: str
    sha256: str


class RouterReport(Report, frozen=True, kw_only=True):
    """The draft: ``files`` holds the router and then its test."""

    router_name: str
    """Name of the router."""
    router_type: RouterType
    """Where its data is kept."""
    operations: tuple[Operation, ...]
    """Operations that the router offers."""
    files_generated: GeneratedPaths
    files: tuple[GeneratedFile, ...]
    """Text of the router, then of its test."""
    enterprise_features: tuple[str, ...]
    """Features that the router has, in words."""
    next_steps: tuple[str, ...]
    """What to do with the draft, in order."""
