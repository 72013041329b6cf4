"""A gateway and arguments on which all surfaces are compared."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.tools.registry import Tool

ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "diagnose_gateway_health": [{"tenant_id": "acme"}, {"include_cache_metrics": False, "tenant_id": "ü*[x]"}],
    "analyze_cache_coherence": [{}],
    "generate_enterprise_router": [{"router_name": "products"}],
    "troubleshoot_production_issue": [
        {"issue_type": issue, "tenant_id": "acme"} for issue in ("rate_limiting", "cache_miss", "circuit_breaker")
    ],
    "test_ai_engine_integration": [{}, {"test_type": "performance"}],
    "analyze_performance_metrics": [{"metric_type": metric} for metric in ("latency", "rate_limiting_efficiency")],
    "validate_enterprise_patterns": [{"check_all_routers": True}],
}


def freeze(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first report on a question is the report on it from then on."""
    kept: dict[str, Any] = {}
    code = tool.code

    async def run(ctx: Any, query: Any) -> Any:
        if repr(query) not in kept:
            kept[repr(query)] = await code.run(ctx, query)
        return kept[repr(query)]

    frozen = SimpleNamespace(QUERY=code.QUERY, REPORT=code.REPORT, found=code.found, run=run)
    monkeypatch.setitem(tool.__dict__, "code", frozen)
