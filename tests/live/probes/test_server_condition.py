"""A Redis that answers and does not serve: full, without its disk, cut off from its primary, out of room for clients.

Each world is a real server; what it says of itself must reach the health tool, the incident's first step, every
playbook and the dashboard's board.
"""

import asyncio
import contextlib
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.clock import Clock
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.server import read_server, read_server_twice
from optimus_tui.sampling.staleness import SamplerState
from optimus_tui.settings.model import Settings
from optimus_tui.verdicts.gateway.services import judge_server
from tests.live.probes.driver import observing, target_of
from tests.live.tools.driver import ask, pipe, system
from tests.patience import PATIENCE
from tests.realserver import RealServer, nobody_port

pytestmark = pytest.mark.live
MakeServer = Callable[..., RealServer]


Work = Callable[[], Any]


async def look(server: RealServer, *, twice: bool = False, between: Work | None = None) -> Reading[ServerState]:
    """Read the server. ``between``: what happens between the first of two looks and the second."""
    target = target_of(server.port)
    async with observing(target) as redis:
        read = read_server_twice if twice else read_server
        reading = asyncio.ensure_future(read(redis, target, redis.own, redis.own.clock))
        if between is not None:
            await _at_rest(redis.own)
            between()
        return await asyncio.wait_for(reading, PATIENCE)


async def _at_rest(own: LoadMeter) -> None:
    """Wait until something was asked, and nothing more for a while: the pause between two looks."""
    trips = -1
    while trips != own.trips or not trips:
        trips = own.trips
        await asyncio.sleep(0.3)


async def findings(server: RealServer, *, twice: bool = False) -> dict[str, Finding]:
    return {one.rule: one for one in judge_server(await look(server, twice=twice))}


def fill_up(server: RealServer) -> None:
    """Write until the server refuses."""
    for place in range(400):
        if b"OOM" in server.command("SET", f"cache:x:acme:{place}", "x" * 20_000):
            return
    raise AssertionError("it took everything")


async def test_a_full_server_that_evicts_nothing_refuses_writes(make_server: MakeServer) -> None:
    server = make_server(maxmemory="3mb", maxmemory_policy="noeviction")
    fill_up(server)
    found = await findings(server)
    assert found["server.refuses_writes"].severity == "critical"
    assert "evicts nothing (noeviction)" in found["server.refuses_writes"].message


async def test_a_full_server_that_evicts_is_no_trouble(make_server: MakeServer) -> None:
    server = make_server(maxmemory="3mb", maxmemory_policy="allkeys-lru")
    for place in range(300):
        server.command("SET", f"cache:x:acme:{place}", "x" * 20_000)
    assert not await findings(server, twice=True)


async def test_a_full_server_whose_keys_never_expire_refuses_writes_under_a_volatile_policy(
    make_server: MakeServer,
) -> None:
    server = make_server(maxmemory="3mb", maxmemory_policy="volatile-lru")
    fill_up(server)
    found = await findings(server)
    assert "no key has a TTL" in found["server.refuses_writes"].message


async def test_a_nearly_full_server_is_said_before_it_is_full(make_server: MakeServer) -> None:
    server = make_server(maxmemory="100mb", maxmemory_policy="noeviction")
    state = (await look(server)).value
    assert state
    assert state.memory_used
    server.command("CONFIG", "SET", "maxmemory", str(int(state.memory_used / 0.93)))
    found = await findings(server)
    assert found["server.memory"].severity in ("low", "medium")
    assert "server.refuses_writes" not in found


async def test_refusals_of_long_ago_are_not_of_now_and_growing_ones_are(make_server: MakeServer) -> None:
    server = make_server(maxmemory="3mb", maxmemory_policy="noeviction")
    fill_up(server)
    server.command("CONFIG", "SET", "maxmemory", "100mb")
    assert not await findings(server, twice=True)
    server.command("CONFIG", "SET", "min-replicas-to-write", "0")

    def refuse() -> None:
        server.command("CONFIG", "SET", "maxmemory", "2mb")
        server.command("SET", "cache:x:acme:1", "x")
        server.command("CONFIG", "SET", "maxmemory", "100mb")

    (found,) = judge_server(await look(server, twice=True, between=refuse))
    assert (found.rule, found.severity, found.measured) == ("server.refuses_writes", "critical", 1.0)


async def test_too_few_replicas_refuse_writes(make_server: MakeServer) -> None:
    server = make_server(min_replicas_to_write="1")
    found = await findings(server)
    assert found["server.refuses_writes"].severity == "critical"
    assert "min-replicas-to-write" in found["server.refuses_writes"].message


async def test_a_failed_snapshot_is_said_and_refused_writes_are_critical(make_server: MakeServer) -> None:
    server = make_server(save="3600 1")
    shutil.rmtree(server.dir)  # the server stands in it, and can write no file there any more
    server.command("SET", "cache:x:acme:1", "x")
    server.command("BGSAVE")
    found = await _until(server, "server.refuses_writes")
    assert found["server.refuses_writes"].severity == "critical"
    assert "disk" in found["server.refuses_writes"].message
    server.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
    found = await findings(server)
    assert found["server.persistence"].severity == "medium"
    assert "server.refuses_writes" not in found


async def _until(server: RealServer, rule: str) -> dict[str, Finding]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = await findings(server)
        if rule in found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{rule} was not found")


async def test_a_replica_without_its_primary_is_high(make_server: MakeServer) -> None:
    server = make_server()
    server.command("REPLICAOF", "127.0.0.1", str(nobody_port()))
    found = await findings(server)
    assert found["server.replica_link"].severity == "high"


async def test_a_replica_that_is_written_to_refuses(make_server: MakeServer) -> None:
    primary, replica = make_server(), make_server()
    replica.command("REPLICAOF", "127.0.0.1", str(primary.port))
    await _linked(replica)
    assert not await findings(replica)

    def write() -> None:
        assert b"READONLY" in replica.command("SET", "cache:x:acme:1", "x")

    write()
    reading = await look(replica, twice=True, between=write)
    assert [one.rule for one in judge_server(reading)] == ["server.refuses_writes"]


async def _linked(replica: RealServer) -> None:
    deadline = time.monotonic() + PATIENCE
    while b"master_link_status:up" not in replica.command("INFO", "replication"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_replica_that_dropped_away_is_said_on_the_board(make_server: MakeServer) -> None:
    primary, replica = make_server(), make_server()
    replica.command("REPLICAOF", "127.0.0.1", str(primary.port))
    await _linked(replica)
    reports: list[Any] = []
    sampler_state = SamplerState(Settings(), Clock(), lambda source, report: reports.append(report))
    sampler_state.put_server(await look(primary))
    assert not [one for one in reports[-1].findings if one.rule == "server.replicas"]
    replica.kill()
    await asyncio.sleep(0.1)
    sampler_state.put_server(await look(primary))
    warm = [one.rule for one in reports[-1].findings if one.subject == "redis" and one.rule != "latency.cold_start"]
    assert warm == ["server.replicas"], "both servers were started just now, which is said beside it"


async def test_connections_that_were_turned_away_are_said(make_server: MakeServer) -> None:
    server = make_server(maxclients="12")
    taken = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(11)]
    try:
        for link in taken:
            link.sendall(b"PING\r\n")
            link.recv(16)
        assert "server.clients" in await findings(server)
        sampler_state = SamplerState(Settings(), Clock(), lambda source, report: None)
        target = target_of(server.port)
        async with observing(target) as redis:
            sampler_state.put_server(await read_server(redis, target, redis.own, redis.own.clock))
            for _ in range(3):
                with contextlib.suppress(OSError):
                    server.command("PING")
            sampler_state.put_server(await read_server(redis, target, redis.own, redis.own.clock))
        found = {one.rule: one for one in judge_server(sampler_state.looks.server)}
        assert found["server.refuses_connections"].severity == "high"
    finally:
        for link in taken:
            link.close()


@pytest.mark.parametrize(
    "tool", ["diagnose_gateway_health", "rate_limiting", "cache_miss", "memory_leak", "high_latency"]
)
async def test_every_tool_that_looks_at_redis_says_that_it_refuses_writes(
    make_server: MakeServer, tmp_path: Path, tool: str
) -> None:
    server = make_server(maxmemory="3mb", maxmemory_policy="noeviction")
    fill_up(server)
    async with system(server.port, tmp_path) as (context, _):
        if tool == "diagnose_gateway_health":
            document = await ask(context, tool)
            assert document["overall_status"] == "critical"
        else:
            document = await ask(context, "troubleshoot_production_issue", issue_type=tool)
            assert document["severity_assessment"] == "critical"
    assert "server.refuses_writes" in [one["rule"] for one in document["diagnostics"]]


async def test_a_healthy_server_has_no_finding(server: RealServer) -> None:
    pipe(server.port, *((b"SET", b"cache:x:acme:%d" % place, b"x") for place in range(20)))
    assert not await findings(server, twice=True)


async def test_our_own_commands_are_nobodys_slow_commands(server: RealServer, tmp_path: Path) -> None:
    server.command("CONFIG", "SET", "slowlog-log-slower-than", "0")
    server.command("SLOWLOG", "RESET")
    try:
        async with system(server.port, tmp_path) as (context, _):
            await ask(context, "diagnose_gateway_health")
            quiet = await ask(context, "troubleshoot_production_issue", issue_type="high_latency")
            server.command("GET", "somebody")
            asked = await ask(context, "troubleshoot_production_issue", issue_type="high_latency")
    finally:
        server.command("CONFIG", "SET", "slowlog-log-slower-than", "10000")
        server.command("SLOWLOG", "RESET")
    assert not [one for one in quiet["diagnostics"] if one["rule"] == "redis.slow_commands"]
    slow = asked["high_latency_analysis"]["redis_slow"]
    assert slow["own_calls_left_out"] > 5
    assert "GET" in [one["command"] for one in slow["slowest"]]
