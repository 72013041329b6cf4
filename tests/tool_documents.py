"""Documents of tools that hold one of everything."""

from typing import Any

from optimus_tui.contract.tools.common import Diagnostic, Recommendation
from optimus_tui.contract.tools.state import IntegrationReport, LimitSection
from optimus_tui.contract.tools.traffic import TroubleshootReport

HOSTILE = "t\x1b]52;c;eA==\x07 [@click=app.quit]x[/] \x9b31m \u202e [/red]"


COMMAND = "redis-cli -h localhost -p 6379 EXPIRE " + "rate_limit:demo_dentist:" + "x" * 150 + " 60 NX"


def trouble(**more: Any) -> TroubleshootReport:
    """A rate-limiting answer with one of everything."""
    given: dict[str, Any] = {
        "tool": "troubleshoot_production_issue",
        "timestamp": NOW,
        "issue_type": "rate_limiting",
        "tenant_id": "acme",
        "window_requested_minutes": 30,
        "window_covered_minutes": 2.5,
        "source": "live",
        "rate_limiting_analysis": {
            "chat": LimitSection(current_count=155, ttl_seconds=None, immortal=True, limit=150),
            "export": LimitSection(current_count=None, ttl_seconds=41, error="not a number"),
        },
        "rate_limiting_details": {"unknown": ["refused requests: no history"], "coverage": {"scanned": 3, "total": 3}},
        "diagnostics": (
            Diagnostic(severity="critical", message="acme / chat never resets", rule="limits.immortal", samples=1,
                       impact="acme is refused", measured="no TTL", threshold="a TTL"),
        ),
        "recommendations": (
            Recommendation(action="Give it a TTL", priority="critical", command="redis-cli EXPIRE k 60 NX"),
        ),
        "severity_assessment": "critical",
        "immediate_action_required": True,
        "examined": ("2 counters",),
        "unknown": ("refused requests: no history",),
    }  # fmt: skip
    return TroubleshootReport(**{**given, **more})


FLOW = IntegrationReport(
    tool="test_ai_engine_integration",
    timestamp="2026-11-22T10:00:00Z",
    test_type="full_flow",
    tenant_id="demo_dentist",
    overall_status="all_pass",
    pass_rate="4/4 (100.0%)",
    tests_performed=(
        {"test": "ai_engine_health", "status": "pass", "response_time_ms": 4.0, "status_code": 200, "error": None},
        {"test": "ai_engine_performance", "status": "pass", "total_requests": 5, "successful_requests": 5,
         "failed_requests": 0, "average_response_time_ms": 2.2, "within_target": True,
         "requests": [{"status_code": 200}] * 5, "error": None, "note": None},
        {"test": "cache_integration", "status": "pass", "data_integrity": True, "response_time_ms": 3.7},
        {"test": "full_integration_flow", "status": "pass", "status_code": 200, "response_time_ms": 15.1},
    ),
)  # fmt: skip


NOW = "2026-01-01T00:00:00Z"


def report(name: str = HOSTILE) -> TroubleshootReport:
    return TroubleshootReport(
        tool="troubleshoot_production_issue",
        timestamp="2026-11-22T10:00:00Z",
        issue_type="rate_limiting",
        tenant_id=name,
        window_requested_minutes=30,
        window_covered_minutes=0.017,
        source="live",
        rate_limiting_analysis={
            name: LimitSection(current_count=150, ttl_seconds=None, immortal=True, limit=150),
            "chat": LimitSection(current_count=1_500, ttl_seconds=45, limit=None),
        },
        rate_limiting_details={"by_tenant": {name: 3, "demo_dentist": 4}, "rows": [{"tenant": name, "share": 0.5}]},
        diagnostics=(
            Diagnostic(
                severity="critical",
                message=f"{name} never resets",
                rule="limits.immortal",
                measured="no TTL",
                samples=1,
            ),
        ),
        recommendations=(Recommendation(action=f"repair {name}", priority="critical", command=COMMAND),),
        severity_assessment="critical",
        immediate_action_required=True,
        examined=("2 counters", name),
    )
