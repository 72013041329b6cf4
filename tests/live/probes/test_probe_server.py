"""One look at the server in every state it can be in: each ends in its named fault, and nothing raises."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import ServerState
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.probes.server import read_server
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tools.parts import SERVER_SECONDS
from tests.live.probes.driver import PASSWORD, add_user, fill, observing, run_sweep, target_of
from tests.realserver import RealServer, nobody_port
from tests.relay import Parrot, Relay

pytestmark = pytest.mark.live


async def look(target: RedisTarget, seconds: float = 3) -> Reading[ServerState]:
    async with observing(target) as redis:
        return await asyncio.wait_for(read_server(redis, target, redis.own, redis.own.clock), seconds)


async def test_a_healthy_server_tells_what_it_is(server: RealServer) -> None:
    fill(server, 5)
    reading = await look(target_of(server.port))
    state = reading.value
    assert reading.fault is None
    assert state
    assert state.product in ("redis", "valkey")
    assert state.version
    assert (state.mode, state.role, state.keys, state.memory_max) == ("standalone", "primary", 5, None)
    assert 0 < state.latency_ms < 3000  # type: ignore[operator]
    assert state.run_id
    assert state.memory_used
    assert state.uptime_seconds is not None


async def test_nobody_there_is_told_at_once_row_33() -> None:
    reading = await look(target_of(nobody_port()))
    assert reading.value is None
    assert reading.fault
    assert reading.fault.kind == "refused"
    assert "connection refused" in reading.fault.message


async def test_a_name_that_does_not_resolve_is_told_row_33() -> None:
    reading = await look(RedisTarget(host="no-such-host.invalid"))
    assert reading.fault
    assert reading.fault.kind in ("refused", "timeout")
    assert "no-such-host.invalid" in reading.fault.message


async def test_a_login_without_info_still_has_a_latency_and_names_the_right_row_40(server: RealServer) -> None:
    fill(server, 3)
    target = add_user(server, "observer", "-info")
    reading = await look(target)
    while reading.value is not None and reading.value.latency_ms is None:  # all of it was our own delay: look again
        reading = await look(target)
    state = reading.value
    assert reading.fault is None
    assert state
    assert state.keys == 3
    assert state.latency_ms is not None and state.latency_ms > 0
    assert state.keyspace_hits is None
    assert state.info_fault
    assert state.info_fault.message == "INFO is not allowed for user observer"
    assert state.info_fault.remedy == "ACL SETUSER observer +info"


async def test_a_login_without_ping_or_dbsize_is_still_read_row_40(server: RealServer) -> None:
    fill(server, 3)
    reading = await look(add_user(server, "narrow", "-dbsize -ping"))
    assert reading.value
    assert reading.value.keys == 3
    assert reading.fault is None
    assert reading.value.latency_command == "TIME"


async def test_a_missing_password_is_called_that_row_43(make_server: Callable[..., RealServer]) -> None:
    server = make_server(requirepass=PASSWORD)
    reading = await look(target_of(server.port))
    assert reading.fault
    assert reading.fault.kind == "auth"
    assert reading.fault.message == f"127.0.0.1:{server.port}/0 requires a password"
    assert (await look(target_of(server.port, None, PASSWORD))).value


async def test_a_password_changed_during_the_session_is_told_row_56(server: RealServer) -> None:
    target = add_user(server, "rotated")
    async with observing(target) as redis:
        await redis.ping()
        server.command("ACL", "SETUSER", "rotated", "resetpass", ">new")
        server.command("CLIENT", "KILL", "USER", "rotated")
        reading = await read_server(redis, target, redis.own, redis.own.clock)
    assert reading.fault
    assert (reading.fault.kind, reading.value) == ("auth", None)


async def test_a_server_without_room_says_so_row_46(make_server: Callable[..., RealServer]) -> None:
    server = make_server(maxclients="4")
    taken = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(4)]
    for link in taken:
        link.sendall(b"PING\r\n")
        link.recv(16)
    reading = await look(target_of(server.port))
    assert reading.fault
    assert reading.fault.kind == "busy"
    assert "maxclients" in reading.fault.message
    for link in taken:
        link.close()


async def test_a_database_that_does_not_exist_is_named_row_26(server: RealServer) -> None:
    reading = await look(target_of(server.port, db=99))
    assert reading.fault
    assert reading.fault.message == f"127.0.0.1:{server.port}/99 has no database 99"


async def test_another_database_is_read_where_it_is_configured_row_26(server: RealServer) -> None:
    fill(server, 4)
    assert (await look(target_of(server.port, db=3))).value.keys == 0


async def test_a_loading_server_says_how_far_it_is_row_36(make_server: Callable[..., RealServer]) -> None:
    server = make_server()
    fill(server, 400)
    assert server.command("SAVE") == b"+OK\r\n"
    server.kill()
    server.config |= {"key_load_delay": "10000", "loading_process_events_interval_bytes": "1024"}
    server.start()
    reading = await look(target_of(server.port))
    assert reading.fault
    assert reading.fault.kind == "loading"
    assert reading.value
    assert reading.value.loading_percent is not None
    assert "is loading its data set (" in reading.fault.message


async def test_a_replica_without_its_master_is_told_and_still_described_row_37(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server(replica_serve_stale_data="no")
    server.command("REPLICAOF", "127.0.0.1", str(nobody_port()))
    reading = await look(target_of(server.port))
    assert reading.fault
    assert reading.fault.kind == "role"
    assert reading.value
    assert (reading.value.role, reading.value.link_to_master) == ("replica", "down")


def until_busy(server: RealServer) -> None:
    while not server.command("PING").startswith(b"-BUSY"):
        time.sleep(0.01)


async def test_a_script_that_blocks_the_server_is_called_busy_row_47(make_server: Callable[..., RealServer]) -> None:
    server = make_server(**{"busy_reply_threshold": "20"})
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        script = b"while true do end"
        link.sendall(b"*3\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n0\r\n" % (len(script), script))
        until_busy(server)
        reading = await look(target_of(server.port))
        server.command("SCRIPT", "KILL")
    assert reading.fault
    assert reading.fault.kind == "busy"


async def test_a_full_server_is_still_read_row_45(make_server: Callable[..., RealServer]) -> None:
    server = make_server()
    fill(server, 50)
    server.command("CONFIG", "SET", "maxmemory", "1mb")
    assert b"OOM" in server.command("SET", "more", "x" * 2_000_000)
    async with observing(target_of(server.port)) as redis:
        reading = await read_server(redis, redis.target, redis.own, redis.own.clock)
        pages, outcome = await run_sweep(redis)
    assert reading.value
    assert reading.value.memory_max == 1_048_576
    assert outcome.complete
    assert sum(len(page.names) for page in pages) == 50


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n<html>", b"SSH-2.0-OpenSSH\r\n", b"*-5\r\n", b"\x00" * 64, b"$99999999999\r\n",
     b"+OK\r\n" * 9, b":1\r\n" * 9, b"%1\r\n+a\r\n", b"-\x1b]0;x\x07 oops\r\n" * 4, b"-UNKNOWN \xff prefix\r\n" * 4,
     b"\r\n", b""],
)  # fmt: skip
@pytest.mark.parametrize("user", [None, "ops"])
async def test_whatever_answers_there_is_one_clear_fault_and_no_loop_row_53_row_48(
    answer: bytes, user: str | None
) -> None:
    parrot = Parrot(answer)
    reading = await look(target_of(parrot.port, user, "x" if user else None))
    parrot.stop()
    assert parrot.accepted <= 6
    assert reading.fault
    assert reading.fault.kind in ("invalid", "refused", "timeout", "auth")
    assert reading.fault.message.isprintable()


async def test_tls_on_a_plain_port_is_a_fault_with_a_hint_row_53(server: RealServer) -> None:
    target = RedisTarget(scheme="rediss", host="127.0.0.1", port=server.port)
    reading = await look(target)
    assert reading.fault
    assert reading.fault.kind == "tls"  # a plain server waits for the end of a line that never comes, but says PONG
    assert reading.fault.remedy == "use redis:// instead of rediss://"


async def test_a_client_is_built_without_touching_the_network_row_33() -> None:
    redis = observer_client(target_of(1), LoadMeter())
    assert redis.own.connects == 0
    await redis.aclose()


@pytest.mark.parametrize("delay", [0.2, 0.6, 0.9])
async def test_a_server_far_away_is_slow_and_no_outage(server: RealServer, delay: float) -> None:
    fill(server, 5)
    relay = Relay(server.port, delay=delay)
    try:
        reading = await look(target_of(relay.port), SERVER_SECONDS)
    finally:
        relay.stop()
    state = reading.value
    assert reading.fault is None and state is not None
    assert delay * 500 <= state.latency_ms < delay * 1300 + 400, "a connection's time is no answer's time"  # type: ignore[operator]
    if state.info_fault is None:
        assert state.run_id
    else:
        assert delay > 0.5 and "INFO was not answered in time" in state.info_fault.message
