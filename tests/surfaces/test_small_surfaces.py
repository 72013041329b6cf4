"""Small things that clients and scripts trip over: types of enums, whole floats, slashes, closed pipes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from optimus_tui.context import Context
from optimus_tui.contract.tools.state import DiagnoseQuery, DiagnoseReport
from optimus_tui.http_api import at_mcp
from optimus_tui.serving.asgi import AccessControlMiddleware
from optimus_tui.tools.answer import ToolFailure, from_text, parse
from optimus_tui.tools.registry import TOOLS
from tests.hostile import HostileServer
from tests.realserver import RealServer
from tests.standin import point_to, standing_in
from tests.surfaces.world import FAKED, a_report, empty_desk, fake, on_the_wire

JSON = {"Content-Type": "application/json"}


def there(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for one in schema:
            yield from parts(one)


@pytest.mark.parametrize("name", TOOLS)
def test_every_enum_names_its_type(name: str) -> None:
    """A client that finds an enum without one refuses the whole list of tools."""
    for schema in (TOOLS[name].input_schema(), TOOLS[name].output_schema()):
        for part in parts(schema):
            if isinstance(part.get("enum"), list) or "const" in part:
                assert part.get("type"), part
    properties = TOOLS[name].input_schema()["properties"]
    assert all({"type", "anyOf", "$ref"} & set(one) for one in properties.values())


def test_a_whole_float_is_a_whole_number_and_another_is_not() -> None:
    kind = TOOLS["troubleshoot_production_issue"].query
    asked = parse(kind, {"issue_type": "cache_miss", "time_window_minutes": 30.0})
    assert asked.time_window_minutes == 30  # type: ignore[attr-defined]
    assert from_text(kind, "time_window_minutes", "30.0") == 30.0
    for wrong in (30.5, True, "30"):
        with pytest.raises(ToolFailure, match="time_window_minutes"):
            parse(kind, {"issue_type": "cache_miss", "time_window_minutes": wrong})


async def test_a_slash_more_and_a_type_said_twice_are_the_same_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answers(ctx: Context, query: DiagnoseQuery) -> DiagnoseReport:
        return a_report()

    fake(monkeypatch, answers)
    async with (
        on_the_wire(AccessControlMiddleware(at_mcp(empty_desk()))) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        plain = await http.post(f"/mcp/{FAKED}", content="{}", headers=JSON)
        slash = await http.post(f"/mcp/{FAKED}/", content="{}", headers=JSON)
        assert (await http.get("/mcp/")).json() == (await http.get("/mcp")).json()
        twice = [("Content-Type", "application/json"), ("Content-Type", "application/json; charset=utf-8")]
        double = await http.post(f"/mcp/{FAKED}", content="{}", headers=twice)
        mixed = await http.post(f"/mcp/{FAKED}", content="{}", headers=[*twice, ("Content-Type", "text/plain")])
    assert plain.json() == slash.json() == double.json()
    assert (plain.status_code, slash.status_code, double.status_code, mixed.status_code) == (200, 200, 200, 415)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, server: RealServer, tmp_path: Path) -> Iterator[HostileServer]:
    with standing_in() as gateway:
        point_to(monkeypatch, tmp_path, gateway.url, gateway.url, server.url)
        yield gateway


def shell(line: str) -> "subprocess.CompletedProcess[str]":
    command = ["bash", "-o", "pipefail", "-c", line.replace("optimus-tui", f"{sys.executable} -m optimus_tui")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ.copy())


@pytest.mark.live
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("optimus-tui standup | true", 0),
        ("optimus-tui rules --format md | head -c 1", 0),
        ("optimus-tui run diagnose_gateway_health | true", 0),
        ("optimus-tui run diagnose_gateway_health >&-", 2),
        ("optimus-tui standup >&-", 2),
        ("optimus-tui tools >&-", 2),
    ],
)
def test_a_reader_that_has_gone_is_no_failure_and_a_closed_stdout_is_one(
    line: str, code: int, world: HostileServer
) -> None:
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    if code:
        assert "standard output is closed" in done.stderr


@pytest.mark.live
def test_a_finding_is_told_by_the_code_also_where_the_reader_has_gone(world: HostileServer) -> None:
    from tests.hostile import reply

    world.on("/health", reply(b'{"status":"DOWN"}'))
    assert shell("optimus-tui run diagnose_gateway_health | true").returncode == 1
