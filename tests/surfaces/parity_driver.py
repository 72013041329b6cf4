"""A gateway and arguments on which all surfaces are compared, and how each surface is asked."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from mcp import Client

from optimus_tui.__main__ import run as command_line
from optimus_tui.mcp_server.server import build
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.tools.registry import Tool
from tests.patience import PATIENCE

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


class Surfaces:
    """Asks on each surface; the document as bytes and how the surface says that it failed."""

    def __init__(self, dispatcher: ToolDispatcher, port: int, capfd: pytest.CaptureFixture[str]) -> None:
        self.dispatcher, self.port, self.capfd = dispatcher, port, capfd

    async def by_http(self, name: str, arguments: dict[str, Any]) -> tuple[bytes, int]:
        url = f"http://127.0.0.1:{self.port}/mcp/{name}"
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.post(url, json=arguments)
        return answer.content, answer.status_code

    async def by_mcp(self, name: str, arguments: dict[str, Any]) -> tuple[bytes, bool]:
        async with Client(build(self.dispatcher)) as client:
            result = await client.call_tool(name, arguments)
        text: str = result.content[0].text
        assert result.structured_content == json.loads(text)
        return text.encode(), result.is_error

    async def by_command(self, name: str, arguments: dict[str, Any]) -> tuple[bytes, int]:
        self.capfd.readouterr()
        code = await asyncio.to_thread(command_line, ["run", name, json.dumps(arguments), "--json"])
        return self.capfd.readouterr().out.encode().strip(), code
