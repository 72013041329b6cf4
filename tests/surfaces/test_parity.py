"""One function, one document: what the command line prints, MCP structures and HTTP answers is the same.

A report holds times and counts that no two runs share. So each tool really runs once, on a real server, and that
report is then what every surface gets to carry: each takes its own road from the arguments to the bytes.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from optimus_tui.__main__ import run as command_line
from optimus_tui.http_api import STATUS, at_mcp
from optimus_tui.serving.asgi import AccessControlMiddleware
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.tools.registry import TOOLS
from tests.hostile import HostileServer
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.surfaces.parity_driver import ARGUMENTS, Surfaces, freeze
from tests.surfaces.world import context, environment, on_the_wire

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("diagnose_gateway_health", {"nope": 1}),
    ("diagnose_gateway_health", {"tenant_id": ""}),
    ("troubleshoot_production_issue", {}),
    ("troubleshoot_production_issue", {"issue_type": "sadness"}),
    ("analyze_performance_metrics", {"time_window_minutes": 0}),
]


@pytest.fixture
async def surfaces(
    gateway: HostileServer, server: RealServer, capfd: pytest.CaptureFixture[str]
) -> AsyncIterator[Surfaces]:
    dispatcher = ToolDispatcher(lambda: context(gateway, server))
    async with on_the_wire(AccessControlMiddleware(at_mcp(dispatcher))) as port:
        yield Surfaces(dispatcher, port, capfd)


@pytest.mark.parametrize("name", list(TOOLS))
async def test_the_command_line_mcp_and_http_carry_the_same_document(
    name: str, surfaces: Surfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze(TOOLS[name], monkeypatch)
    for arguments in ARGUMENTS[name]:
        over_http, status = await surfaces.by_http(name, arguments)
        over_mcp, failed = await surfaces.by_mcp(name, arguments)
        printed, code = await surfaces.by_command(name, arguments)
        assert over_http == over_mcp == printed, arguments
        assert (status, failed) == (200, False) and code in (0, 1)


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
async def test_what_is_refused_is_refused_alike(name: str, arguments: dict[str, Any], surfaces: Surfaces) -> None:
    over_http, status = await surfaces.by_http(name, arguments)
    over_mcp, failed = await surfaces.by_mcp(name, arguments)
    printed, code = await surfaces.by_command(name, arguments)
    documents = [{**json.loads(raw), "timestamp": ""} for raw in (over_http, over_mcp, printed)]
    assert documents[0] == documents[1] == documents[2]
    assert (status, failed, code) == (STATUS[documents[0]["error"]["code"]], True, 2)


async def test_a_whole_number_with_a_point_is_an_integer_on_every_surface(
    surfaces: Surfaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, given = "analyze_performance_metrics", {"metric_type": "throughput", "time_window_minutes": 30.0}
    freeze(TOOLS[name], monkeypatch)
    over_http, status = await surfaces.by_http(name, given)
    over_mcp, failed = await surfaces.by_mcp(name, given)
    printed, code = await surfaces.by_command(name, given)
    assert over_http == over_mcp == printed
    assert json.loads(printed)["window_requested_minutes"] == 30
    assert (status, failed) == (200, False) and code in (0, 1)
    surfaces.capfd.readouterr()
    words = ["run", name, "--set", "metric_type=throughput", "--set", "time_window_minutes=30.0", "--json"]
    await asyncio.to_thread(command_line, words)
    assert surfaces.capfd.readouterr().out.encode().strip() == printed
    for wrong in (30.5, 1e300, True, "30.0"):
        _, status = await surfaces.by_http(name, {**given, "time_window_minutes": wrong})
        assert status == 422, wrong


async def test_a_slash_more_is_the_same_tool(surfaces: Surfaces, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "diagnose_gateway_health"
    freeze(TOOLS[name], monkeypatch)
    plain, slashed = await surfaces.by_http(name, {}), await surfaces.by_http(f"{name}/", {})
    assert plain == slashed and plain[1] == 200
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
        lists = [await http.get(f"http://127.0.0.1:{surfaces.port}/mcp{end}") for end in ("", "/")]
        twice = [("Content-Type", "application/json"), ("Content-Type", "application/json; charset=utf-8")]
        doubled = await http.post(f"http://127.0.0.1:{surfaces.port}/mcp/{name}", content="{}", headers=twice)
        mixed = [("Content-Type", "text/plain"), ("Content-Type", "application/json")]
        refused = await http.post(f"http://127.0.0.1:{surfaces.port}/mcp/{name}", content="{}", headers=mixed)
    assert lists[0].content == lists[1].content and lists[1].status_code == 200
    assert (doubled.status_code, refused.status_code) == (200, 415)


def test_every_enum_and_const_of_a_schema_names_its_type() -> None:
    def untyped(schema: Any, place: str) -> list[str]:
        if isinstance(schema, list):
            return [one for item in schema for one in untyped(item, place)]
        if not isinstance(schema, dict):
            return []
        wrong = (
            [place] if "type" not in schema and isinstance(schema.get("enum", schema.get("const")), list | str) else []
        )
        return wrong + [one for name, item in schema.items() for one in untyped(item, f"{place}.{name}")]

    for name, tool in TOOLS.items():
        assert untyped(tool.input_schema(), name) == []
        assert untyped(tool.output_schema(), name) == []
    issue = TOOLS["troubleshoot_production_issue"].input_schema()["properties"]["issue_type"]
    assert issue["type"] == "string" and len(issue["enum"]) == 6


async def test_processes_started_apart_agree_as_well(
    gateway: HostileServer, server: RealServer, tmp_path: Path
) -> None:
    """Nothing frozen: what may differ is masked, everything else is equal."""
    env = environment(gateway, server.url, tmp_path)
    dispatcher = ToolDispatcher(lambda: context(gateway, server))
    for name, arguments in (("diagnose_gateway_health", {"tenant_id": "acme"}), ("test_ai_engine_integration", {})):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "optimus_tui", "run", name, json.dumps(arguments)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=tmp_path,
        )  # fmt: skip
        printed, _ = await process.communicate()
        answered = await dispatcher.call(name, arguments)
        assert _masked(json.loads(printed)) == _masked(json.loads(answered.document))
    await dispatcher.aclose()


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        moves = {"timestamp", "ttl_seconds"} | ({"measured"} if value.get("unit") == "s" else set())
        return {k: "…" if k.endswith("_ms") or k in moves else _masked(v) for k, v in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value
