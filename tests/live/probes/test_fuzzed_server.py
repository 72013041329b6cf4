"""Nothing that a server can send escapes as an error of ours, or ends a loop: random replies to every command of ours.

``OPTIMUS_FUZZ_REPLIES`` sets how many replies a test takes (300; 2,000 at night, 10,000 by hand), and
``OPTIMUS_FUZZ_SEED`` which ones.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from optimus_tui.context import Context
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.settings.model import RedisTarget, ScanBudget, Settings
from optimus_tui.tools.answer import ToolFailure, answer, encode
from optimus_tui.tools.registry import TOOLS
from tests.amounts import amount
from tests.live.probes.fuzz import Fuzzer
from tests.live.probes.scripted import ScriptedServer
from tests.patience import PATIENCE

pytestmark = pytest.mark.live
REPLIES = amount(300, 2000, "OPTIMUS_FUZZ_REPLIES")
SEED = int(os.environ.get("OPTIMUS_FUZZ_SEED", "9"))
ISSUES = ("rate_limiting", "cache_miss", "circuit_breaker", "proxy_timeout", "memory_leak", "high_latency")
METRICS = ("latency", "throughput", "error_rate", "cache_performance", "rate_limiting_efficiency")
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("diagnose_gateway_health", {}),
    ("analyze_cache_coherence", {}),
    *(("troubleshoot_production_issue", {"issue_type": issue}) for issue in ISSUES),
    *(("analyze_performance_metrics", {"metric_type": metric}) for metric in METRICS),
    ("test_ai_engine_integration", {"test_type": "full_flow"}),
]


@pytest.fixture
def fuzzer() -> Fuzzer:
    return Fuzzer(SEED)


@pytest.fixture
def server(fuzzer: Fuzzer) -> Iterator[ScriptedServer]:
    made = ScriptedServer(fuzzer.reply)
    yield made
    made.stop()


def settings_for(server: ScriptedServer) -> Settings:
    return Settings(
        redis=RedisTarget(host="127.0.0.1", port=server.port),
        gateway_url="http://127.0.0.1:1",
        engine_url="http://127.0.0.1:1",
        scan=ScanBudget(names_every_seconds=1.0, ttls_every_seconds=10.0, pause_ms=0.0),
        refresh_seconds=0.5,
    )


def faults_in(value: object) -> Iterator[Fault]:
    """Every fault inside a report, however deep."""
    if isinstance(value, Fault):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from faults_in(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from faults_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from faults_in(item)


async def test_every_tool_answers_or_says_why_not(server: ScriptedServer, fuzzer: Fuzzer) -> None:
    assert {name for name, _ in CALLS} == {name for name, tool in TOOLS.items() if tool.reaches_out}
    turn = 0
    while fuzzer.served < REPLIES:
        name, arguments = CALLS[turn % len(CALLS)]
        turn += 1
        context = Context(settings_for(server))
        try:
            text = encode(await answer(context, name, arguments)).decode()
        except ToolFailure as failure:
            text = failure.error.message
            assert failure.error.code != "bug", (name, arguments, text)
        finally:
            await context.aclose()
        assert "please report this bug" not in text and "bug in this program" not in text, (name, arguments, text)


async def test_every_probe_of_the_client_ends_in_a_reply_or_a_fault(server: ScriptedServer, fuzzer: Fuzzer) -> None:
    from optimus_tui.probes.cache_keys import read_details, read_event_ends, read_ttls
    from optimus_tui.probes.counters import read_counters
    from optimus_tui.probes.redis.rights import read_rights
    from optimus_tui.probes.server import read_server
    from optimus_tui.probes.sweep import sweep

    context = Context(settings_for(server))
    redis, own, clock, target = context.redis, context.own, context.clock, context.settings.redis

    async def swept() -> None:
        async for _ in sweep(redis, context.settings.scan, own, ttls=True, sizes=1):
            pass

    probes = (
        lambda: read_server(redis, target, own, clock),
        lambda: read_counters(redis, own, clock, [b"rate_limit:a:b", b"rate_limit:c:d"]),
        lambda: read_ttls(redis, [b"a", b"b"]),
        lambda: read_details(redis, own, clock, [b"cache:a:b:c"]),
        lambda: read_event_ends(redis, 10),
        lambda: read_rights(redis),
        swept,
    )
    turn = 0
    while fuzzer.served < REPLIES:
        try:
            async with asyncio.timeout(10):
                await probes[turn % len(probes)]()
        except OUTAGES as error:
            assert fault_of(error, target).kind != "bug", repr(error)
        turn += 1
    await context.aclose()


async def test_every_loop_lives_and_recovers_by_itself(server: ScriptedServer, fuzzer: Fuzzer) -> None:
    context = Context(settings_for(server))
    last: dict[str, Any] = {}
    bugs: list[Fault] = []

    def hear(subject: str, report: object) -> None:
        last[subject] = report
        bugs.extend(fault for fault in faults_in(report) if fault.kind == "bug")

    sampler = Sampler(context, hear)
    tasks = {name: asyncio.create_task(loop()) for name, loop in sampler.loops().items()}
    deadline = time.monotonic() + PATIENCE
    while fuzzer.served < REPLIES and time.monotonic() < deadline:
        sampler.refresh()
        await asyncio.sleep(0.02)
        ended = {name: task for name, task in tasks.items() if task.done()}
        assert not ended, {name: task.exception() for name, task in ended.items()}
    assert not bugs
    fuzzer.sane = True

    def recovered() -> bool:
        sampler.refresh()
        limits, cache, feed, health = (last.get(name) for name in ("limits", "cache", "feed", "health"))
        good = all(one is not None and one.fault is None for one in (limits, cache, health and health.server))
        return bool(good and feed is not None and feed.status.state == "live")

    deadline = time.monotonic() + PATIENCE
    while not recovered():
        assert time.monotonic() < deadline, {name: last.get(name) for name in ("limits", "cache", "feed")}
        await asyncio.sleep(0.2)
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    await context.aclose()


async def test_a_map_with_a_list_as_its_key_is_a_fault_of_that_server() -> None:
    server = ScriptedServer(lambda words: b"%1\r\n*1\r\n:1\r\n:2\r\n")
    context = Context(settings_for(server))
    with pytest.raises(OUTAGES) as raised:
        await context.redis.ping()
    fault = fault_of(raised.value, context.settings.redis)
    assert (fault.kind, "cannot be read" in fault.message) == ("invalid", True), fault
    await context.aclose()
    server.stop()


async def test_thousands_of_pushes_before_a_reply_are_skipped() -> None:
    def reply(words: list[bytes]) -> bytes:
        return b">2\r\n+invalidate\r\n*1\r\n+x\r\n" * 3000 + b"+PONG\r\n" if words[0] == b"PING" else b"+OK\r\n"

    server = ScriptedServer(reply)
    context = Context(settings_for(server))
    assert await context.redis.ping() == b"PONG"
    await context.aclose()
    server.stop()
