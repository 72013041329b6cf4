"""analyze_cache_coherence against a real server: each part by itself, and the predecessor's faults."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.dialects.load import load_preset
from optimus_tui.tools.answer import ToolFailure, answer, exit_code
from optimus_tui.tools.standup import standup
from tests.live.probes.driver import add_user
from tests.live.tools.driver import ask, pipe, system
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port

pytestmark = pytest.mark.live
TOOL = "analyze_cache_coherence"
LOG = "cache_coherence_events"


def event(ago: float = 0.0, tenant: str = "demo_dentist", **fields: Any) -> str:
    moment = datetime.fromtimestamp(time.time() - ago, UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": "conversation_updated", "tenant_id": tenant, "timestamp": moment, **fields})


def until_idle(server: RealServer, key: str, seconds: int) -> None:
    """Wait for the server to say so: idle time is its own, and no clock of ours can stand in for it."""
    deadline = time.monotonic() + seconds + PATIENCE
    while int(server.command("OBJECT", "IDLETIME", key)[1:]) < seconds:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def example(server: RealServer) -> None:
    pipe(
        server.port,
        ("SET", "cache:conversation:demo_dentist:12345", "x" * 900, "EX", 245),
        ("SET", "cache:list_messages:demo_dentist:*", "x" * 1900, "EX", 180),
        ("SET", "cache:list_messages:acme:eu:1", "x"),
        ("SET", "cache_coherence:demo_dentist:conversation", "3", "EX", 3600),
        ("RPUSH", LOG, event(400), event(30), event(90), "not json"),
    )


async def test_the_documents_keys_are_there_and_say_what_the_server_holds(server: RealServer, tmp_path: Path) -> None:
    example(server)
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL, time_window_minutes=5)
    analysis = seen["cache_coherence_analysis"]
    assert analysis["total_cache_keys"] == 3
    assert analysis["coherence_tracking_keys"] == 1
    assert analysis["cache_to_coherence_ratio"] == 0.333
    assert (analysis["keys_without_ttl"], analysis["orphan_tracking_keys"], analysis["untracked_cache_keys"]) == (
        1,
        0,
        2,
    )
    sample = {key["key"]: key for key in seen["sample_cache_analysis"]}
    assert 120 <= sample["cache:list_messages:demo_dentist:*"]["ttl_seconds"] <= 180
    assert sample["cache:list_messages:demo_dentist:*"]["memory_bytes"] > 1900
    immortal = sample["cache:list_messages:acme:eu:1"]
    assert (immortal["ttl_seconds"], immortal["immortal"]) == (None, True)
    assert [one["type"] for one in seen["recent_coherence_events"]] == ["conversation_updated"] * 2
    times = [one["timestamp"] for one in seen["recent_coherence_events"]]
    assert times == sorted(times, reverse=True) and times[0].endswith("Z")
    assert (seen["events"]["in_window"], seen["events"]["malformed"], seen["events"]["older_than_window"]) == (2, 1, 1)
    assert seen["window_covered_minutes"] == 5.0
    assert seen["coverage"] == {"scanned": 5, "total": 5, "complete": True}
    assert (seen["pubsub"]["channels"], seen["pubsub"]["subscribers"]) == (0, 0)


async def test_what_a_profile_does_not_name_is_unknown_and_no_fault(server: RealServer, tmp_path: Path) -> None:
    names = [("SET", f"fastapi-cache:users:{number:032x}", "x", "EX", 600) for number in range(120)]
    pipe(server.port, *names)
    async with system(server.port, tmp_path, dialect=load_preset("fastapi-cache")) as (context, _):
        seen = await ask(context, TOOL)
        report = await standup(context)
    analysis = seen["cache_coherence_analysis"]
    unknown = ("coherence_tracking_keys", "cache_to_coherence_ratio", "orphan_tracking_keys", "untracked_cache_keys")
    assert analysis["total_cache_keys"] == 120 and [analysis[one] for one in unknown] == [None] * 4
    assert analysis["unknown"] == "the profile names no tracking keys"
    assert (seen["events"]["status"], seen["pubsub"]["status"]) == ("unknown", "unknown")
    assert not seen["diagnostics"] and not seen["recommendations"]
    assert not report.findings and report.events.error


async def test_six_windows_give_six_answers(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, *[("LPUSH", LOG, event(60 * n - 30)) for n in range(1, 200)])
    async with system(server.port, tmp_path) as (context, _):
        windows = (1, 5, 15, 30, 60, 120)
        seen = [await ask(context, TOOL, time_window_minutes=minutes) for minutes in windows]
    assert [one["events"]["in_window"] for one in seen] == list(windows)
    assert [one["window_requested_minutes"] for one in seen] == list(windows)
    assert len({json.dumps(one["recent_coherence_events"]) for one in seen}) >= 5  # fifty events are shown at most


async def test_a_window_longer_than_the_log_says_what_it_covers(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, ("LPUSH", LOG, event(120)))
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL, time_window_minutes=10_080)
    assert 1.9 < seen["window_covered_minutes"] < 3


@pytest.mark.parametrize("grows_at", ["RPUSH", "LPUSH"])
async def test_a_long_log_is_read_at_the_end_where_it_grows(server: RealServer, tmp_path: Path, grows_at: str) -> None:
    pipe(server.port, *[(grows_at, LOG, event(3600 - n)) for n in range(3000)], (grows_at, LOG, event(5, tenant="new")))
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL, time_window_minutes=1)
    assert seen["recent_coherence_events"][0]["tenant_id"] == "new"
    assert (seen["events"]["read"], seen["events"]["length"]) == (2000, 3001)


async def test_a_log_of_another_type_costs_only_its_section(server: RealServer, tmp_path: Path) -> None:
    example(server)
    server.command("DEL", LOG)
    server.command("SET", LOG, "text")
    async with system(server.port, tmp_path) as (context, _):
        report = await answer(context, TOOL, {})
        seen = await ask(context, TOOL)
    assert seen["events"]["status"] == "unknown" and "not a list" in seen["events"]["error"]
    assert seen["auditor"]["status"] == "unknown" and seen["auditor"]["survived_stale"] is None
    assert seen["cache_coherence_analysis"]["total_cache_keys"] == 3
    assert [one["rule"] for one in seen["diagnostics"]] == ["coherence.unmeasured", "cache.no_ttl"]
    assert exit_code(report) == 1


async def test_a_log_of_giants_is_refused_instead_of_fetched(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, *[("LPUSH", LOG, b"x" * 20_000_000) for _ in range(3)])
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL)
    assert seen["events"]["status"] == "unknown" and "too large" in seen["events"]["error"]


async def test_keys_of_other_types_and_hostile_names_cost_nothing(server: RealServer, tmp_path: Path) -> None:
    names = [b"cache:conv:t:\x1b[31m", b"cache:conv:\xff:1", b"cache:", b"cache:x", b"cache:conv:t:" + b"n" * 5000]
    pipe(server.port, *[("SET", name, "v", "EX", 60) for name in names], ("HSET", "cache:conv:t:h", "a", 1))
    pipe(server.port, ("SADD", "cache_coherence:t:conv", "m"), ("SET", b"cache_coherence:\xff", 1))
    pipe(server.port, ("LPUSH", LOG, event(9, tenant="*", pattern="cache:*:*:*", keys=["cache:conv:t:h", "\x1b"])))
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL)
    text = json.dumps(seen, ensure_ascii=False)
    assert seen["cache_coherence_analysis"]["total_cache_keys"] == 6
    assert "\x1b" not in text and all(len(key["key"]) < 230 for key in seen["sample_cache_analysis"])
    assert seen["auditor"]["checked"] == 2  # the hash, and the pattern that matches no key of tenant "*"


async def test_a_survivor_is_proved_by_idle_time_and_a_vanished_key_is_seen(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, ("SET", "cache:conv:t:stale", "v", "EX", 600), ("SET", "cache:conv:t:fresh", "v", "EX", 600))
    pipe(server.port, ("LPUSH", LOG, event(0.5, tenant="t", keys=["cache:conv:t:fresh", "cache:conv:t:gone"])))
    pipe(server.port, ("LPUSH", LOG, event(0.2, tenant="t", pattern="cache:conv:t:st*")))
    async with system(server.port, tmp_path) as (context, _):
        before = await ask(context, TOOL)
        assert (before["auditor"]["vanished"], before["auditor"]["survived_stale"]) == (1, 0)
        assert before["auditor"]["unknown"] == 2, "just set: nothing proves that it is old"
        until_idle(server, "cache:conv:t:stale", 6)
        pipe(server.port, ("LPUSH", LOG, event(0, tenant="t", key="cache:conv:t:stale")))
        server.command("GET", "cache:conv:t:fresh")
        after = await answer(context, TOOL, {})
        seen = await ask(context, TOOL)
    assert (seen["auditor"]["checked"], seen["auditor"]["survived_stale"]) == (3, 1)
    (stale,) = seen["auditor"]["stale_keys"]
    assert stale["key"] == "cache:conv:t:stale" and "untouched" in stale["evidence"]
    assert seen["diagnostics"][0]["rule"] == "coherence.stale" and exit_code(after) == 1
    assert seen["recommendations"][0]["type"] == "consistency"


async def test_channels_subscribers_and_silent_ones_are_told_apart(server: RealServer, tmp_path: Path) -> None:
    pipe(server.port, ("LPUSH", LOG, event(5, tenant="acme:eu"), event(5, tenant="alone")))
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"SUBSCRIBE cache_coherence:acme:eu cache_coherence:quiet other\r\n")
    await reader.readuntil(b"other\r\n:3\r\n")
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL)
        assert (seen["pubsub"]["channels"], seen["pubsub"]["subscribers"]) == (2, 2)
        assert seen["pubsub"]["silent_channels"] == ["cache_coherence:quiet"]
        assert seen["pubsub"]["unheard_tenants"] == ["alone"]
        writer.write(b"PSUBSCRIBE cache_coherence:*\r\n")
        await reader.readuntil(b"cache_coherence:*\r\n:4\r\n")
        seen = await ask(context, TOOL)
    assert seen["pubsub"]["pattern_subscriptions"] == 1 and seen["pubsub"]["unheard_tenants"] is None
    writer.close()


async def test_missing_rights_cost_their_part_and_keys_is_never_said(server: RealServer, tmp_path: Path) -> None:
    example(server)
    target = add_user(server, "narrow", "-pubsub|channels -object|idletime -lrange")
    server.command("CONFIG", "RESETSTAT")
    async with system(server.port, tmp_path, redis=target) as (context, _):
        seen = await ask(context, TOOL)
    assert seen["pubsub"]["status"] == "unknown" and seen["pubsub"]["channels"] is None
    assert seen["events"]["status"] == "unknown"
    assert seen["cache_coherence_analysis"]["total_cache_keys"] == 3
    said = server.command("INFO", "commandstats").decode()
    assert "cmdstat_keys:" not in said and "cmdstat_scan:" in said


async def test_without_scan_the_events_are_told_and_the_keys_are_unknown_and_without_all_of_it_it_is_refused(
    server: RealServer, tmp_path: Path
) -> None:
    example(server)
    target = add_user(server, "eventsonly", "-scan -eval_ro")
    async with system(server.port, tmp_path, redis=target) as (context, _):
        report = await answer(context, TOOL, {})
        seen = await ask(context, TOOL)
    assert seen["events"]["status"] == "ok" and seen["events"]["in_window"] == 3
    assert seen["pubsub"]["status"] == "ok"
    analysis = seen["cache_coherence_analysis"]
    assert analysis["status"] == "unknown" and "SCAN" in analysis["error"].upper()
    counts = ("total_cache_keys", "coherence_tracking_keys", "keys_without_ttl", "orphan_tracking_keys")
    assert [analysis[name] for name in counts] == [None] * 4
    assert "coherence.unmeasured" in [one["rule"] for one in seen["diagnostics"]]
    assert exit_code(report) == 1
    nothing = add_user(server, "nothing", "-scan -eval_ro -lrange -llen -pubsub|channels")
    async with system(server.port, tmp_path, redis=nothing) as (context, _):
        with pytest.raises(ToolFailure) as refused:
            await answer(context, TOOL, {})
    assert (refused.value.exit_code, refused.value.error.code) == (4, "refused")


async def test_the_event_log_is_left_alone_when_not_asked_for(server: RealServer, tmp_path: Path) -> None:
    example(server)
    server.command("CONFIG", "RESETSTAT")
    async with system(server.port, tmp_path) as (context, _):
        seen = await ask(context, TOOL, include_event_log=False)
    assert (seen["events"]["status"], seen["auditor"]["status"]) == ("not checked", "not checked")
    assert seen["recent_coherence_events"] == [] and seen["window_covered_minutes"] is None
    assert b"cmdstat_lrange" not in server.command("INFO", "commandstats")


async def test_an_empty_server_has_no_ratio_and_no_finding(server: RealServer, tmp_path: Path) -> None:
    async with system(server.port, tmp_path) as (context, _):
        report = await answer(context, TOOL, {})
        seen = await ask(context, TOOL)
    assert seen["cache_coherence_analysis"]["cache_to_coherence_ratio"] is None
    assert seen["events"]["in_window"] == 0 and seen["auditor"]["status"] == "nothing to check"
    assert seen["window_covered_minutes"] == 0.0
    assert (seen["diagnostics"], seen["recommendations"], exit_code(report)) == ([], [], 0)


async def test_without_a_server_there_is_no_result_and_a_hung_one_is_left_in_time(
    make_server: Callable[..., RealServer], tmp_path: Path
) -> None:
    async with system(nobody_port(), tmp_path) as (context, _):
        with pytest.raises(ToolFailure) as gone:
            await answer(context, TOOL, {})
    assert (gone.value.exit_code, gone.value.error.code) == (3, "unreachable")
    hung = make_server()
    async with system(hung.port, tmp_path) as (context, _):
        await ask(context, TOOL)
        hung.freeze()
        with pytest.raises(ToolFailure) as slow:
            await answer(context, TOOL, {})
        assert hung.is_frozen
        hung.thaw()
    assert slow.value.exit_code == 3


async def test_our_own_look_ups_are_counted_to_the_last(server: RealServer, tmp_path: Path) -> None:
    from tests.live.probes.driver import server_counts

    example(server)
    pipe(server.port, ("LPUSH", LOG, event(1, keys=["cache:conversation:demo_dentist:12345", "cache:a:b:gone"])))
    server.command("CONFIG", "RESETSTAT")
    async with system(server.port, tmp_path) as (context, _):
        await ask(context, TOOL)
        assert server_counts(server) == (context.own.hits, context.own.misses)
