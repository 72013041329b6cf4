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
    """Ask for the cause of a symptom."""

    issue_type: Annotated[IssueType, Meta(description="The symptom to look into.")]
    tenant_id: TenantId = "demo_dentist"
    time_window_minutes: WindowMinutes = 30


class TroubleshootReport(Report, frozen=True, kw_only=True):
    """The analysis. ``examined`` says what was examined, so that "none" is an answer.

    The issue's own analysis is under its own key (``rate_limiting_analysis`` maps operation to counter; the others hold
    their measurements).
    """

    issue_type: IssueType
    tenant_id: str
    window_requested_minutes: int
    window_covered_minutes: float
    source: WindowSource
    rate_limiting_analysis: dict[str, LimitSection] | UnsetType = UNSET
    rate_limiting_details: dict[str, Any] | UnsetType = UNSET
    cache_miss_analysis: dict[str, Any] | UnsetType = UNSET
    circuit_breaker_analysis: dict[str, Any] | UnsetType = UNSET
    proxy_timeout_analysis: dict[str, Any] | UnsetType = UNSET
    memory_leak_analysis: dict[str, Any] | UnsetType = UNSET
    high_latency_analysis: dict[str, Any] | UnsetType = UNSET
    diagnostics: tuple[Diagnostic, ...]
    recommendations: tuple[Recommendation, ...]
    severity_assessment: str
    immediate_action_required: bool
    examined: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """What could not be looked at, with the reason: no verdict rests on it."""
