"""An answer is never thrown away: whatever hangs, every tool answers within its deadline with what it knows."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optimus_tui.context import Context
from optimus_tui.history.samples.store import Store
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tools.answer import ToolFailure, answer, encode
from optimus_tui.tools.compare import compare
from optimus_tui.tools.standup import standup
from tests.hostile import HostileServer, Writer, hostile_server, reply, silence, slow_body
from tests.live.tools.driver import ask, pipe, system
from tests.realserver import RealServer
from tests.relay import Relay

LATE = 0.2
PAGES = {
    "/health": (b'{"status":"ok"}', b"application/json"),
    "/api/cache/metrics": (b'{"hit_rate":0.85,"total_keys":1247}', b"application/json"),
    "/api/rate-limits": (b'{"window_seconds":60,"limits":{"chat":150},"tenants":{}}', b"application/json"),
    "/api/chat": (b'{"reply":"hello"}', b"application/json"),
    "/metrics": (
        b'http_requests_total{method="GET",route="/x",status="200",tenant="acme"} 100\n'
        b'circuit_breaker_state{service="ai_engine"} 0\n',
        b"text/plain; version=0.0.4",
    ),
}
ISSUES = ("rate_limiting", "cache_miss", "circuit_breaker", "proxy_timeout", "memory_leak", "high_latency")
TESTS = ("connectivity", "performance", "error_handling", "full_flow")
METRICS = ("latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency")
QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    ("diagnose_gateway_health", {"tenant_id": "acme"}),
    ("analyze_cache_coherence", {}),
    *(("troubleshoot_production_issue", {"issue_type": one, "tenant_id": "acme"}) for one in ISSUES),
    *(("test_ai_engine_integration", {"test_type": one, "tenant_id": "acme"}) for one in TESTS),
    *(("analyze_performance_metrics", {"metric_type": one}) for one in METRICS),
    ("standup", {}),
    ("compare", {}),
]
WORLDS: dict[str, dict[str, str]] = {
    "the gateway hangs": {"gateway": "hangs"},
    "the engine hangs": {"engine": "hangs"},
    "redis hangs": {"redis": "hangs"},
    "everything hangs": {"gateway": "hangs", "engine": "hangs", "redis": "hangs"},
    "all are 200 ms away": {"gateway": "late", "engine": "late", "redis": "late"},
    "bodies drip": {"gateway": "drips", "engine": "drips"},
}
NEEDS_REDIS = ("analyze_cache_coherence", "compare")
"""What has no result without Redis, and says so."""


def behave(service: HostileServer, how: str) -> None:
    """Make every page of the service hang, drip or come late."""
    for path, (body, kind) in PAGES.items():
        raw = reply(body, kind=kind)
        acts: dict[str, Callable[[Writer], Awaitable[None]] | bytes] = {
            "hangs": silence, "drips": slow_body, "late": later(raw), "well": raw,
        }  # fmt: skip
        service.on(path, acts[how])  # type: ignore[arg-type]


def later(raw: bytes) -> Callable[[Writer], Any]:
    async def act(writer: Writer) -> None:
        await asyncio.sleep(LATE)
        writer.write(raw)
        await writer.drain()

    return act


@asynccontextmanager
async def world(server: RealServer, how: dict[str, str], folder: Path) -> AsyncIterator[Settings]:
    """Two services and a relay before Redis, each as told."""
    relay = Relay(server.port, delay=LATE if how.get("redis") == "late" else 0.0)
    if how.get("redis") == "hangs":
        relay.mute()
    async with hostile_server() as gateway, hostile_server() as engine:
        behave(gateway, how.get("gateway", "well"))
        behave(engine, how.get("engine", "well"))
        target = RedisTarget(host="127.0.0.1", port=relay.port)
        try:
            yield Settings(gateway_url=gateway.url, engine_url=engine.url, redis=target)
            for part, service in (("gateway", gateway), ("engine", engine)):
                if how.get(part) in ("hangs", "drips"):
                    assert not PAGES.keys() & set(service.ended), f"the {part} was waited for"
        finally:
            relay.stop()


async def asked(settings: Settings, tool: str, arguments: dict[str, Any], folder: Path) -> Any:
    """The document, or the failure, which is also what a tool is told that is not ready at its deadline."""
    context = Context(settings)
    context.__dict__["store"] = Store(folder / f"{tool}-{'-'.join(map(str, arguments.values()))}.sqlite")
    try:
        if tool == "standup":
            report: Any = await standup(context)
        elif tool == "compare":
            report = await compare(context, [b"acme", b"other"], 30)
        else:
            report = await answer(context, tool, json.dumps(arguments))
        return msgspec.json.decode(encode(report))
    except ToolFailure as failure:
        return failure
    finally:
        await context.aclose()


@pytest.mark.parametrize("name", list(WORLDS))
async def test_every_tool_answers_in_time_with_what_it_knows(name: str, server: RealServer, tmp_path: Path) -> None:
    pipe(
        server.port,
        *(("SET", f"rate_limit:acme:op{n}", 5, "EX", 60) for n in range(30)),
        *(("SET", f"cache:a:acme:{n}", "x", "EX", 600) for n in range(300)),
        ("LPUSH", "cache_coherence_events", '{"type":"invalidate","tenant_id":"acme","timestamp":1}'),
    )
    how = WORLDS[name]
    async with world(server, how, tmp_path) as settings:
        seen = await asyncio.gather(*(asked(settings, tool, given, tmp_path) for tool, given in QUESTIONS))
    for (tool, given), document in zip(QUESTIONS, seen, strict=True):
        which = f"{tool} {given}: {document}"
        if isinstance(document, ToolFailure):
            assert tool in NEEDS_REDIS and how.get("redis") == "hangs", which
            assert document.error.code == "unreachable", which
            continue
        assert document["tool"] == tool
        for part in ("gateway", "engine", "redis"):
            if tool == "diagnose_gateway_health" and part not in how:
                assert STATUS[part](document) in ("healthy", "connected"), which


STATUS: dict[str, Callable[[Any], str]] = {
    "gateway": lambda one: one["backend_orchestrator_health"]["status"],
    "engine": lambda one: one["ai_engine_connectivity"]["status"],
    "redis": lambda one: one["redis"]["status"],
}


async def test_two_thousand_counters_at_200_ms_are_told_within_the_deadline(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, *(("SET", f"rate_limit:t{n % 40}:op{n}", 5, "EX", 60) for n in range(2_000)))
    async with world(server, {"redis": "late"}, tmp_path) as settings:
        document = await asked(settings, "diagnose_gateway_health", {"tenant_id": "t7"}, tmp_path)
    assert not isinstance(document, ToolFailure), document
    limiting = document["rate_limiting"]
    assert limiting["status"] in ("ok", "partial")
    assert limiting["total_limit_keys"] == 2_000
    assert limiting["total_active_limits"] == 50
    assert limiting["status"] == "ok" or limiting["error"]
    assert document["redis"]["status"] == "connected"
    assert 100 <= document["redis"]["latency_ms"] <= 900, "our own standstill is taken out"
    assert document["overall_status"] != "unknown"


async def test_what_was_read_before_time_was_up_stands_and_the_rest_is_named(
    server: RealServer, tmp_path: Path
) -> None:
    pipe(server.port, *(("SET", f"rate_limit:t{n % 40}:op{n}", 5, "EX", 60) for n in range(2_000)))
    relay = Relay(server.port, delay=0.45)
    async with system(relay.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health", tenant_id="t7")
    relay.stop()
    limiting = document["rate_limiting"]
    assert limiting["status"] in ("partial", "unknown")
    assert "not measured within" in limiting["error"] or "scanned only in part" in limiting["error"]
    assert document["backend_orchestrator_health"]["status"] == "healthy"
    assert document["ai_engine_connectivity"]["status"] == "connected"
    assert any(one["rule"] in ("limits.partial", "limits.unmeasured") for one in document["diagnostics"])


async def test_a_hung_engine_fails_its_tests_and_costs_no_other(server: RealServer, tmp_path: Path) -> None:
    async with world(server, {"engine": "hangs"}, tmp_path) as settings:
        document = await asked(settings, "test_ai_engine_integration", {"test_type": "full_flow"}, tmp_path)
    assert not isinstance(document, ToolFailure), document
    tests = {one["test"]: one for one in document["tests_performed"]}
    assert list(tests) == [
        "ai_engine_health", "ai_engine_performance", "cache_integration", "full_integration_flow",
    ]  # fmt: skip
    assert {name: one["status"] for name, one in tests.items()} == {
        "ai_engine_health": "fail", "ai_engine_performance": "fail",
        "cache_integration": "pass", "full_integration_flow": "pass",
    }  # fmt: skip
    assert tests["ai_engine_performance"]["total_requests"] == 5
    assert tests["ai_engine_performance"]["failed_requests"] == 5
    assert document["pass_rate"] == "2/4 (50.0%)"


async def test_a_slow_engine_is_timed_as_often_as_there_is_time_for(server: RealServer, tmp_path: Path) -> None:
    async def slowly(writer: Writer) -> None:
        await asyncio.sleep(1.4)
        writer.write(reply(b'{"status":"ok"}'))
        await writer.drain()

    async with hostile_server() as engine, system(server.port, tmp_path, engine_url=engine.url) as (context, _):
        engine.on("/health", slowly)
        document = await ask(context, "test_ai_engine_integration", test_type="full_flow")
    timed = document["tests_performed"][1]
    assert timed["failed_requests"] == 0 and 1 <= timed["total_requests"] < 5
    assert "the time was up" in timed["note"]
    assert timed["status"] == "fail", "it is slower than a second"
