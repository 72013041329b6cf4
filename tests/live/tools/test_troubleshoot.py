"""troubleshoot_production_issue against a real server, a small gateway and a small engine."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.services import MemoryState, SlowState
from optimus_tui.probes.server import read_memory, read_slowlog
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tools.answer import answer, encode, exit_code
from tests.hostile import HostileServer, hostile_server, reply, sends, silence
from tests.live.probes.driver import add_user, observing, target_of
from tests.realserver import RealServer, nobody_port

ISSUES = ("rate_limiting", "cache_miss", "circuit_breaker", "proxy_timeout", "memory_leak", "high_latency")
RULES = b'{"window_seconds":60,"limits":{"chat":150,"profile":100}}'
METRICS = b"""# HELP circuit_breaker_state x
circuit_breaker_state{service="ai_engine"} 0
http_requests_total{method="GET",route="/api/chat",status="200",tenant="acme"} %d
process_resident_memory_bytes 5e7
"""


QUICK = Tuning(apart_seconds=0.02, slope_seconds=0.1)
"""Shorter waits between two looks."""


@pytest.fixture(autouse=True)
def no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No history but one's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@asynccontextmanager
async def system(target: RedisTarget) -> AsyncIterator[tuple[Context, HostileServer, HostileServer]]:
    """A gateway and an engine that are well, with this Redis."""
    async with hostile_server() as gateway, hostile_server() as engine:
        gateway.on("/health", reply(b'{"status":"ok"}'))
        gateway.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1247}'))
        gateway.on("/api/rate-limits", reply(RULES))
        gateway.on("/metrics", reply(METRICS % 100, kind=b"text/plain"))
        engine.on("/health", reply(b'{"status":"ok"}'))
        settings = replace(Settings(), gateway_url=gateway.url, engine_url=engine.url, redis=target)
        ctx = Context(settings, tuning=QUICK)
        try:
            yield ctx, gateway, engine
        finally:
            await ctx.aclose()


async def ask(ctx: Context, issue: str, **more: object) -> dict[str, Any]:
    report = await answer(ctx, "troubleshoot_production_issue", {"issue_type": issue, **more})
    document = json.loads(encode(report))
    assert exit_code(report) == (document["severity_assessment"] in ("medium", "high", "critical"))
    for one in document["diagnostics"]:
        assert one["rule"] and one["measured"] is not None and one["threshold"] is not None, one
        assert one["samples"] is not None and one["message"] and one["impact"], one
    return document


def rules_of(document: dict[str, Any]) -> dict[str, str]:
    return {one["rule"]: one["severity"] for one in document["diagnostics"]}


async def test_a_healthy_system_is_accused_by_no_playbook(server: RealServer) -> None:
    server.command("SLOWLOG", "RESET")  # what other tests did on a busy machine is not this system's
    server.command("SET", "rate_limit:demo_dentist:chat", "7", "EX", "40")
    server.command("SET", "cache:conv:demo_dentist:1", "x", "EX", "40")
    async with system(target_of(server.port)) as (ctx, _, _):
        documents = await asyncio.gather(*(ask(ctx, issue) for issue in ISSUES))
    for issue, document in zip(ISSUES, documents, strict=True):
        assert (document["severity_assessment"], document["diagnostics"]) == ("none", []), issue
        assert document["examined"], issue
        assert not document["immediate_action_required"]
        assert f"{issue}_analysis" in document
        assert (document["window_requested_minutes"], document["source"]) == (30, "live")


async def test_example_three_is_flat_and_its_advice_names_this_tenants_keys(server: RealServer) -> None:
    server.command("SET", "rate_limit:demo_dentist:chat", "150", "EX", "45")
    server.command("SET", "rate_limit:demo_dentist:list_conversations", "89", "EX", "22")
    for number in range(16):
        server.command("SET", f"rate_limit:demo_dentist:op{number}", "1", "EX", "50")
    server.command("SET", "rate_limit:other tenant:chat", "150")
    async with system(target_of(server.port)) as (ctx, _, _):
        document = await ask(ctx, "rate_limiting", tenant_id="demo_dentist", time_window_minutes=30)
    flat = document["rate_limiting_analysis"]
    assert flat["chat"]["current_count"] == 150
    assert 20 <= flat["chat"]["ttl_seconds"] <= 45
    assert flat["list_conversations"]["current_count"] == 89
    assert len(flat) == 18
    assert rules_of(document) == {"limits.over": "high", "limits.tenant_share": "high"}
    commands = [line for one in document["recommendations"] for line in (one["command"] or "").splitlines()]
    assert commands
    for line in commands:
        assert f"-p {server.port} UNLINK rate_limit:demo_dentist:" in line
    assert "other" not in json.dumps(document["recommendations"])


async def test_an_immortal_counter_is_not_shown_as_zero_seconds(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:chat", "151")
    async with system(target_of(server.port)) as (ctx, _, _):
        document = await ask(ctx, "rate_limiting", tenant_id="acme")
    assert document["rate_limiting_analysis"]["chat"]["ttl_seconds"] is None
    assert document["rate_limiting_analysis"]["chat"]["immortal"] is True
    assert document["severity_assessment"] == "critical"
    first = document["recommendations"][0]["command"]
    assert first.endswith("EXPIRE rate_limit:acme:chat 60 NX")
    words = first.split()
    assert server.command(*words[words.index("EXPIRE") :]) == b":1\r\n"
    assert server.command("GET", "rate_limit:acme:chat") == b"$3\r\n151\r\n"
    assert server.command(*words[words.index("EXPIRE") :]) == b":0\r\n"


@pytest.mark.parametrize("tenant", ["*", "[ag]*", "a\\*", "x" * 4096, "é\u202e\x1b[31m"])
async def test_a_tenant_is_literal_text_row_23(server: RealServer, tenant: str) -> None:
    server.command("SET", "rate_limit:acme:chat", "151")
    server.command("SET", "rate_limit:gamma:chat", "151")
    server.command("SET", f"rate_limit:{tenant}:profile".encode(), "3", "EX", "30")
    async with system(target_of(server.port)) as (ctx, _, _):
        document = await ask(ctx, "rate_limiting", tenant_id=tenant)
    assert list(document["rate_limiting_analysis"]) == ["profile"]
    assert document["diagnostics"] == []
    assert "\x1b" not in json.dumps(document, ensure_ascii=False)


async def test_one_key_of_another_type_costs_its_own_row(server: RealServer) -> None:
    server.command("RPUSH", "rate_limit:acme:export", "x")
    server.command("EXPIRE", "rate_limit:acme:export", "50")
    server.command("SET", "rate_limit:acme:chat", "5", "EX", "50")
    async with system(target_of(server.port)) as (ctx, _, _):
        document = await ask(ctx, "rate_limiting", tenant_id="acme")
    assert document["rate_limiting_analysis"]["chat"]["current_count"] == 5
    assert document["rate_limiting_analysis"]["export"]["error"] == "a list"
    assert rules_of(document) == {"limits.broken": "medium"}


async def test_a_tenant_among_very_many_others_is_found_whole(server: RealServer) -> None:
    script = "for i = 1, 21000 do redis.call('SET', 'rate_limit:t' .. i % 7 .. ':op' .. i, 1, 'EX', 600) end"
    server.command("EVAL", script, "0")
    server.command("SLOWLOG", "RESET")  # that was us, not the system
    server.command("SET", "rate_limit:zz:chat", "151")
    async with system(target_of(server.port)) as (ctx, _, _):
        document = await ask(ctx, "rate_limiting", tenant_id="zz")
    assert document["rate_limiting_analysis"]["chat"]["immortal"] is True
    assert rules_of(document) == {"limits.immortal": "critical", "limits.total": "medium"}


async def test_the_growth_between_two_looks_stands_in_for_history(server: RealServer) -> None:
    async with system(target_of(server.port)) as (ctx, gateway, _):
        failures = b'http_requests_total{method="GET",route="/x",status="502",tenant="acme"} 50\n'
        start = b"process_start_time_seconds 1.7e9\n"  # one process: growth at once is no other one's
        pages = [
            reply(start + METRICS % count + more, kind=b"text/plain") for count, more in ((100, b""), (150, failures))
        ]

        async def next_page(writer: asyncio.StreamWriter) -> None:
            await sends(pages.pop(0) if len(pages) > 1 else pages[0])(writer)

        gateway.on("/metrics", next_page)
        document = await ask(ctx, "circuit_breaker")
    section = document["circuit_breaker_analysis"]["error_ratio"]
    assert (section["requests"], section["failed"], section["source"]) == (100, 50, "live")
    assert rules_of(document) == {"errors.rate": "high"}


@pytest.mark.parametrize("body", [b"<html>", b"\xff\xfe{}{}", b"a" * 2_000_000])
async def test_a_metrics_page_that_is_none_is_unmeasured_and_no_more_row_91(server: RealServer, body: bytes) -> None:
    async with system(target_of(server.port)) as (ctx, gateway, _):
        gateway.on("/metrics", reply(body, kind=b"text/plain"))
        document = await ask(ctx, "circuit_breaker")
    assert set(rules_of(document).values()) == {"medium"}
    assert document["circuit_breaker_analysis"]["engine"]["status"] == "connected"


async def test_no_metrics_page_is_unknown_and_no_finding(server: RealServer) -> None:
    async with system(target_of(server.port)) as (ctx, gateway, _):
        gateway.on("/metrics", reply(b"{}", b"404 Not Found"))
        documents = [await ask(ctx, issue) for issue in ("circuit_breaker", "proxy_timeout")]
    for document in documents:
        assert document["severity_assessment"] == "none"
        assert document["unknown"]


@pytest.mark.parametrize("part", ["gateway 500", "engine 500", "gateway html", "engine away", "redis away"])
async def test_no_broken_system_is_called_well(server: RealServer, part: str) -> None:
    target = target_of(nobody_port()) if part == "redis away" else target_of(server.port)
    async with system(target) as (ctx, gateway, engine):
        if part == "gateway 500":
            gateway.on("/health", reply(b"{}", b"500 Oops"))
        elif part == "engine 500":
            engine.on("/health", reply(b"{}", b"500 Oops"))
        elif part == "gateway html":
            gateway.on("/health", reply(b"<html>", kind=b"text/html"))
        elif part == "engine away":
            ctx.settings = replace(ctx.settings, engine_url=f"http://127.0.0.1:{nobody_port()}")
        document = await ask(ctx, "high_latency")
    assert document["severity_assessment"] == "critical"
    assert document["immediate_action_required"] is True


async def test_everything_hung_costs_less_than_the_deadline_row_85(make_server: Callable[..., RealServer]) -> None:
    frozen = make_server()
    async with system(target_of(frozen.port)) as (ctx, gateway, engine):
        for service, paths in ((gateway, ("/health", "/api/cache/metrics", "/api/rate-limits", "/metrics")),
                               (engine, ("/health",))):  # fmt: skip
            for path in paths:
                service.on(path, silence)
        frozen.freeze()
        try:
            documents = await asyncio.gather(*(ask(ctx, issue) for issue in ISSUES))
            assert frozen.is_frozen and "/health" not in gateway.ended + engine.ended
        finally:
            frozen.thaw()
    assert {document["severity_assessment"] for document in documents} == {"critical"}


async def test_a_hung_gateway_costs_its_own_part_only(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:chat", "151")
    async with system(target_of(server.port)) as (ctx, gateway, _):
        for path in ("/health", "/api/cache/metrics", "/api/rate-limits", "/metrics"):
            gateway.on(path, silence)
        document = await ask(ctx, "rate_limiting", tenant_id="acme")
    assert document["rate_limiting_analysis"]["chat"]["current_count"] == 151
    assert rules_of(document) == {"services.gateway": "critical", "limits.immortal": "critical"}


async def test_slow_calls_come_with_their_age_and_without_their_arguments(
    make_server: Callable[..., RealServer],
) -> None:
    slow = make_server(slowlog_log_slower_than="0")
    slow.command("SET", "secret-key", "secret-value")
    async with observing(target_of(slow.port)) as redis:
        state = await read_slowlog(redis, redis.target)
    assert isinstance(state, SlowState)
    assert state.logged and "SET" in [call.command for call in state.calls]
    assert all(0 <= call.age_s < 60 for call in state.calls)
    assert "secret" not in repr(state)
    assert (state.calls_fault, state.events_fault, state.events) == (None, None, ())


async def test_the_recommended_login_may_look_and_a_lesser_one_is_told_what_it_lacks(server: RealServer) -> None:
    async with observing(add_user(server, "watcher")) as redis:
        state, memory = await read_slowlog(redis, redis.target), await read_memory(redis, redis.target)
    assert isinstance(state, SlowState) and state.calls_fault is None
    assert isinstance(memory, MemoryState) and memory.used and memory.policy == "noeviction"
    async with system(add_user(server, "lesser", "-slowlog|get -info")) as (ctx, _, _):
        latency, leak = await ask(ctx, "high_latency"), await ask(ctx, "memory_leak")
    assert rules_of(latency) == {"redis.slow_unmeasured": "medium", "server.info_unknown": "low"}
    assert rules_of(leak) == {"memory.unmeasured": "medium", "server.info_unknown": "low"}
    assert any("slowlog" in one["action"] for one in latency["recommendations"])


async def test_windows_answer_for_what_they_cover(server: RealServer) -> None:
    """The predecessor gave one answer for six windows."""
    async with system(target_of(server.port)) as (ctx, _, _):
        now = ctx.clock.wall()
        for second in range(0, 3600, 30):
            at = now - 3600 + second
            late = max(0, second - 3000)
            ctx.store.put(at, {"latency.engine": 1500.0 if second < 3000 else 20.0, "redis.memory": 1e8 + late})
        hour = await ask(ctx, "high_latency", time_window_minutes=60)
        minutes = await ask(ctx, "high_latency", time_window_minutes=8)
    assert rules_of(hour)["latency.p95"] == "high"
    assert "latency.p95" not in rules_of(minutes)
    assert hour["source"] == minutes["source"] == "history"
    assert 55 <= hour["window_covered_minutes"] <= 60
    assert 6 <= minutes["window_covered_minutes"] <= 8
