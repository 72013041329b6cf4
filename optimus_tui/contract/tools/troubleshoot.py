"""troubleshoot_production_issue: six playbooks, each based on measurements."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from optimus_tui.contract.tools.common import (
    Diagnostic,
    Query,
    Recommendation,
    Report,
    TenantId,
    WindowMinutes,
    WindowSource,
)
from optimus_tui.contract.tools.health import LimitSection

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
