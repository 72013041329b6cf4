"""The observer's client on a real server: greeting, connections, timeouts, and its own look-ups counted exactly."""

import asyncio
from collections.abc import Callable

import pytest
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.contract.reading import Fault
from optimus_tui.probes.counters import read_counters
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.redis.observer import POLICY
from optimus_tui.probes.server import read_server
from tests.live.probes.driver import add_user, fill, observing, run_sweep, server_counts, target_of
from tests.live.probes.tap import Tap
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.relay import Relay

pytestmark = pytest.mark.live


async def test_replies_are_bytes_and_the_connection_has_our_name(server: RealServer) -> None:
    server.command("SET", b"k\xff", b"\xfe\xff")
    async with observing(target_of(server.port)) as redis:
        assert await redis.get(b"k\xff") == b"\xfe\xff"
        assert b" name=optimus-tui " in server.command("CLIENT", "LIST")


async def test_a_login_that_may_not_set_a_name_still_connects_row_40(server: RealServer) -> None:
    target = add_user(server, "shy", "-client|setname -client|id")
    async with observing(target) as redis:
        assert await redis.ping() == b"PONG"


async def test_an_old_server_without_hello_is_read_with_the_older_protocol_row_31() -> None:
    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = [(await reader.readline(), await reader.readline())[1].strip() for _ in range(int(line[1:]))]
            seen.append(words)
            known = {b"AUTH": b"+OK\r\n", b"PING": b"+PONG\r\n", b"CLIENT": b"+OK\r\n", b"GET": b"$1\r\n7\r\n"}
            writer.write(known.get(words[0], b"-ERR unknown command `HELLO`, with args beginning with: `3`, `x`, \r\n"))
        writer.close()

    seen: list[list[bytes]] = []
    fake = await asyncio.start_server(old, "127.0.0.1", 0)
    port = fake.sockets[0].getsockname()[1]
    async with observing(target_of(port, "ops", "CANARY-9")) as redis:
        assert await redis.get("k") == b"7"
    assert [words[0] for words in seen] == [b"HELLO", b"AUTH", b"CLIENT", b"GET"]
    fake.close()
    await fake.wait_closed()


async def test_twenty_readers_at_once_share_three_connections_row_46(server: RealServer) -> None:
    async with observing(target_of(server.port)) as redis:
        assert await asyncio.gather(*[redis.ping() for _ in range(20)]) == [b"PONG"] * 20
        assert server.command("CLIENT", "LIST").count(b"name=optimus-tui ") <= POLICY.connections


async def test_a_killed_connection_is_made_again_without_a_word_row_51(server: RealServer) -> None:
    async with observing(target_of(server.port)) as redis:
        await redis.ping()
        server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert await redis.ping() == b"PONG"
        assert redis.own.connects == 2


async def test_cancelled_reads_never_get_each_others_replies_row_57(server: RealServer) -> None:
    for index in range(30):
        server.command("SET", f"k{index}", f"v{index}")
    async with observing(target_of(server.port)) as redis:
        for index in range(30):
            task = asyncio.create_task(redis.get(f"k{index}"))  # type: ignore[arg-type, var-annotated]
            await asyncio.sleep(0 if index % 2 else 0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await redis.get(f"k{29 - index}") == b"v%d" % (29 - index)


async def test_a_frozen_server_is_given_up_by_a_reader_while_it_is_frozen_row_49(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server()
    async with observing(target_of(server.port)) as redis:
        await redis.ping()
        server.freeze()
        with pytest.raises(OUTAGES) as caught:
            await redis.ping()
        assert server.is_frozen
        assert fault_of(caught.value, redis.target).kind == "timeout"
        server.thaw()
        assert await redis.ping() == b"PONG"


async def test_a_half_open_link_fails_and_heals_row_50(server: RealServer) -> None:
    relay = Relay(server.port)
    async with observing(target_of(relay.port)) as redis:
        await redis.ping()
        relay.mute()
        reading = await read_server(redis, redis.target, redis.own, redis.own.clock)
        assert reading.value is None
        assert reading.fault
        assert reading.fault.kind == "timeout"
        relay.heal()
        assert (await read_server(redis, redis.target, redis.own, redis.own.clock)).value
    relay.stop()


async def test_a_wrong_password_is_offered_once_a_call_and_never_retried_row_44(server: RealServer) -> None:
    add_user(server, "ops")
    tap = Tap(server.port)
    async with observing(target_of(tap.port, "ops", "wrong")) as redis:
        with pytest.raises(AuthenticationError) as caught:
            await redis.ping()
        assert [words[0] for words in tap.commands] == [b"HELLO"]
        fault = fault_of(caught.value, redis.target)
        assert fault == Fault(
            "auth",
            f"ops@127.0.0.1:{tap.port}/0 refuses the password of user ops",
            "it is wrong, was rotated, or the user is disabled",
        )
    tap.stop()


async def test_the_password_shows_in_no_repr_and_no_fault(server: RealServer) -> None:
    add_user(server, "ops")
    async with observing(target_of(server.port, "ops", "CANARY-7")) as redis:
        with pytest.raises(RedisError) as caught:
            await redis.ping()
        seen = [repr(redis), repr(redis.connection_pool), str(caught.value), repr(fault_of(caught.value, redis.target))]
        assert not any("CANARY" in text for text in seen)


async def test_a_unix_socket_serves_as_well(make_server: Callable[..., RealServer]) -> None:
    from optimus_tui.settings.model import RedisTarget

    server = make_server()
    path = f"{server.dir}/s"
    server.kill()
    server.config["unixsocket"] = path
    server.start()
    async with observing(RedisTarget(scheme="unix", path=path)) as redis:
        assert await redis.ping() == b"PONG"


SET_UP: list[tuple[str, ...]] = [
    ("SET", "s", "value"),
    ("RPUSH", "l", "a", "b"),
    ("HSET", "h", "f", "v"),
    ("SADD", "set", "m"),
    ("ZADD", "z", "1", "m"),
    ("XADD", "x", "*", "f", "v"),
]
LOOKUPS = """
GET s;GET none;GET l;MGET s none;TTL s;TTL none;PTTL s;PTTL none;TYPE s;TYPE none;EXISTS s;EXISTS none;STRLEN s;STRLEN l
GETRANGE s 0 1;OBJECT ENCODING s;OBJECT ENCODING none;OBJECT IDLETIME s;LLEN l;LLEN none;LLEN s;LRANGE l 0 9
LRANGE none 0 9;HLEN h;HLEN none;SCARD set;SCARD none;ZCARD z;ZCARD none;ZCOUNT z -inf +inf;XLEN x;HSCAN h 0;SSCAN set 0
ZRANGE z 0 9;ZRANGE none 0 9;XRANGE x - +;SCAN 0;DBSIZE;MEMORY USAGE s
MEMORY USAGE none;INFO;PING;TIME;SLOWLOG LEN;ACL WHOAMI
"""


async def test_each_look_up_is_counted_as_the_server_counts_it_row_29(server: RealServer) -> None:
    for words in SET_UP:
        server.command(*words)
    async with observing(target_of(server.port)) as redis:
        for words in (line.split() for line in LOOKUPS.strip().replace("\n", ";").split(";")):  # type: ignore[assignment]
            hits, misses = server_counts(server)
            own_hits, own_misses = redis.own.hits, redis.own.misses
            pipe = redis.pipeline()
            pipe.execute_command(*words)
            await pipe.execute(raise_on_error=False)
            after = server_counts(server)
            ours = redis.own.hits - own_hits, redis.own.misses - own_misses
            assert ours == (after[0] - hits, after[1] - misses), words


async def test_on_an_idle_server_our_reads_leave_no_trace_in_the_hit_rate_row_29(server: RealServer) -> None:
    fill(server, 1200)
    fill(server, 30, "cache:gone:t{}:{}", ttl=None)
    server.command("SET", "rate_limit:a:chat", "5", "EX", "60")
    server.command("RPUSH", "rate_limit:a:list", "5")
    began = server_counts(server)
    async with observing(target_of(server.port)) as redis:
        for scripts in (True, False):
            redis.scripts = scripts
            for _ in range(5):
                await run_sweep(redis, sizes=10)
                names = [b"rate_limit:a:chat", b"rate_limit:a:list", b"rate_limit:a:none"]
                await read_counters(redis, redis.own, redis.own.clock, names)
                server.command("PEXPIRE", "cache:gone:t0:7", "1")
                reading = await read_server(redis, redis.target, redis.own, redis.own.clock)
                state = reading.value
                assert state
                assert state.keyspace_hits is not None
                assert state.keyspace_misses is not None
                assert state.keyspace_hits - state.own_hits == began[0]
                assert state.keyspace_misses - state.own_misses == began[1]


async def test_our_commands_are_counted_as_the_wire_shows_them(server: RealServer) -> None:
    tap = Tap(server.port)
    async with observing(target_of(tap.port)) as redis:
        pipe = redis.pipeline()
        for index in range(10):
            pipe.execute_command("GET", f"k{index}")
        await pipe.execute()
        await redis.ping()
        assert redis.own.commands == len(tap.commands) == 13
        assert redis.own.trips == 4
    tap.stop()


async def test_a_server_that_drops_us_at_once_is_a_fault_and_no_loop(server: RealServer) -> None:
    relay = Relay(server.port)
    relay.cut()
    async with observing(target_of(relay.port)) as redis:
        with pytest.raises(LostConnection):
            await redis.ping()
    assert relay.accepted <= 4
    relay.stop()


async def test_a_cancelled_greeting_leaves_no_connection_open() -> None:
    accepted, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        while await reader.read(1024):
            pass
        ended.set()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener, observing(target_of(listener.sockets[0].getsockname()[1])) as redis:
        asked = asyncio.ensure_future(redis.ping())
        await accepted.wait()
        await asyncio.sleep(0.05)
        asked.cancel()
        await asyncio.wait([asked])
        await asyncio.wait_for(ended.wait(), PATIENCE)
        assert asked.cancelled()
