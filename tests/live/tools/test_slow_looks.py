"""Services slower than a second: two looks are evidence, on every tool that looks; one is not, and is said."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.context import Context
from tests.hostile import Writer, hostile_server, reply
from tests.live.tools.driver import ask, system
from tests.realserver import RealServer

TOOLS: list[tuple[str, dict[str, Any]]] = [
    ("diagnose_gateway_health", {}),
    ("troubleshoot_production_issue", {"issue_type": "high_latency"}),
    ("troubleshoot_production_issue", {"issue_type": "proxy_timeout"}),
    ("analyze_performance_metrics", {"metric_type": "latency"}),
]


@asynccontextmanager
async def slow_engine(server: RealServer, folder: Path, *delays: float) -> AsyncIterator[Context]:
    """An engine that takes these seconds, one after the other; the last one for ever."""
    waits = list(delays)

    async def slowly(writer: Writer) -> None:
        await asyncio.sleep(waits.pop(0) if len(waits) > 1 else waits[0])
        writer.write(reply(b'{"status":"ok"}'))
        await writer.drain()

    async with hostile_server() as engine, system(server.port, folder, engine_url=engine.url) as (context, _):
        engine.on("/health", slowly)
        yield context


@pytest.mark.parametrize(("tool", "arguments"), TOOLS, ids=str)
@pytest.mark.parametrize(("seconds", "level"), [(1.5, "high"), (2.2, "high"), (0.7, "medium")])
async def test_a_slow_engine_is_a_finding_without_five_looks(
    tool: str, arguments: dict[str, Any], seconds: float, level: str, server: RealServer, tmp_path: Path
) -> None:
    async with slow_engine(server, tmp_path, seconds) as context:
        document = await ask(context, tool, **arguments)
    slow = [one for one in document["diagnostics"] if one["rule"].startswith("latency.")]
    assert [(one["subject"], one["level"]) for one in slow] == [("engine", level)], document


async def test_one_slow_look_is_no_finding(server: RealServer, tmp_path: Path) -> None:
    async with slow_engine(server, tmp_path, 1.2, 0.0) as context:
        document = await ask(context, "diagnose_gateway_health")
    assert document["ai_engine_connectivity"]["latency_ms"] > 1000
    assert document["overall_status"] == "healthy", document["diagnostics"]
