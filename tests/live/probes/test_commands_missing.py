"""Servers without a command: renamed away, or a proxy that closes the connection on it.

What works is used, and a missing command is no outage: the health tool still answers, and
``doctor`` names the command with what it costs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.probes.server import read_server
from tests.live.probes.driver import observing, target_of
from tests.live.probes.roads import program
from tests.live.tools.driver import ask, pipe, system
from tests.realserver import RealServer, free_port

pytestmark = pytest.mark.live
MakeServer = Callable[..., RealServer]
KEYS = (
    (b"SET", b"rate_limit:acme:chat", b"5", b"EX", b"60"),
    (b"SET", b"cache:chat:acme:1", b"x", b"EX", b"60"),
)


def without(make_server: MakeServer, command: str, folder: Path) -> RealServer:
    """A server that has lost a command, with a counter and a cache key."""
    (folder / "renamed.conf").write_text(f'rename-command {command} ""\n')
    server = make_server(include=str(folder / "renamed.conf"))
    pipe(server.port, *KEYS)
    return server


def doctor(port: int) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "optimus_tui", "doctor"]
    environment = {**os.environ, "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=environment)


@pytest.mark.parametrize(
    ("command", "cost"),
    [
        ("INFO", "memory, replication"),
        ("PING", "another command"),
        ("DBSIZE", "the number of keys"),
        ("SLOWLOG", "slow commands"),
        ("MEMORY", "sizes of keys"),
        ("EVAL_RO", "round trips"),
    ],
)
async def test_a_command_that_was_renamed_away_is_no_outage_and_doctor_says_what_it_costs(
    make_server: MakeServer, tmp_path: Path, command: str, cost: str
) -> None:
    server = without(make_server, command, tmp_path)
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    assert document["redis"]["status"] == "connected"
    assert document["rate_limiting"]["status"] == "ok"
    assert document["overall_status"] == "healthy"
    assert document["rate_limiting"]["coverage"]["complete"]
    told = doctor(server.port).stdout
    assert f"{command} " in told
    assert "is not available" in " ".join(told.split())
    assert cost in " ".join(told.split())


async def test_without_ping_another_command_is_timed(make_server: MakeServer, tmp_path: Path) -> None:
    target = target_of(without(make_server, "PING", tmp_path).port)
    async with observing(target) as redis:
        reading = await read_server(redis, target, redis.own, redis.own.clock)
    assert reading.fault is None
    assert reading.value
    assert (reading.value.latency_command, reading.value.keys) == ("TIME", 2)
    assert reading.value.latency_ms < 500  # type: ignore[operator]


async def test_without_info_the_state_is_unknown_and_said(make_server: MakeServer, tmp_path: Path) -> None:
    server = without(make_server, "INFO", tmp_path)
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
    (found,) = [one for one in document["diagnostics"] if one["rule"] == "server.info_unknown"]
    assert "INFO is not available" in found["message"]
    assert "INFO is not available" in document["redis"]["error"]


async def test_without_scan_no_tool_says_none_and_doctor_names_it(make_server: MakeServer, tmp_path: Path) -> None:
    server = without(make_server, "SCAN", tmp_path)
    async with system(server.port, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
        trouble = await ask(context, "troubleshoot_production_issue", issue_type="rate_limiting")
    assert document["redis"]["status"] == "connected"
    assert document["rate_limiting"]["status"] == "unknown"
    assert "SCAN is not available" in document["rate_limiting"]["error"]
    assert document["overall_status"] == "needs_attention"
    assert trouble["severity_assessment"] == "medium"
    told = doctor(server.port)
    assert told.returncode == 1
    assert "SCAN is not available: limits and cache panes stay empty" in " ".join(told.stdout.split())


async def test_the_doctor_says_that_a_server_refuses_writes(make_server: MakeServer) -> None:
    server = make_server(min_replicas_to_write="1")
    told = doctor(server.port)
    assert told.returncode == 1
    assert "redis refuses writes" in " ".join(told.stdout.split())


@pytest.fixture
def proxy(make_server: MakeServer, tmp_path: Path) -> Iterator[int]:
    """The port of Debian's nutcracker before a server."""
    binary = program("nutcracker")
    server = make_server()
    pipe(server.port, *KEYS)
    port, stats = free_port(), free_port()
    (tmp_path / "nutcracker.yml").write_text(
        f"main:\n  listen: 127.0.0.1:{port}\n  redis: true\n  hash: fnv1a_64\n  distribution: ketama\n"
        f"  servers:\n   - 127.0.0.1:{server.port}:1\n"
    )
    words = [binary, "-c", str(tmp_path / "nutcracker.yml"), "-s", str(stats), "-a", "127.0.0.1"]
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    yield port
    running.terminate()
    running.wait()


async def test_a_proxy_that_closes_the_connection_is_no_outage(proxy: int, tmp_path: Path) -> None:
    async with system(proxy, tmp_path) as (context, _):
        document = await ask(context, "diagnose_gateway_health")
        lost = context.own.losses
        again = await ask(context, "diagnose_gateway_health")
    assert document["redis"]["status"] == again["redis"]["status"] == "connected"
    assert document["rate_limiting"]["status"] == "unknown"
    assert "SCAN is not available" in document["rate_limiting"]["error"]
    assert document["overall_status"] == "needs_attention"
    assert context.own.losses - lost <= 12  # what closes the connection is remembered, not tried at every look


async def test_doctor_names_what_a_proxy_lacks(proxy: int) -> None:
    told = doctor(proxy)
    words = " ".join(told.stdout.split())
    assert told.returncode == 1
    assert "SCAN is not available: limits and cache panes stay empty" in words
    assert "PSUBSCRIBE is not available: the coherence feed stays empty" in words
    assert "INFO is not available" in words
