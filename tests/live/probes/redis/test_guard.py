"""The allow-list is the single way out: whatever is tried, no unlisted command reaches the wire."""

import asyncio
import inspect
import random
import re
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from optimus_tui.probes.redis.commands import OBSERVER, SWEEP_PAGE, CommandRefused
from optimus_tui.probes.redis.observer import ObserverRedis
from tests.live.probes.driver import observing, target_of
from tests.live.probes.tap import Tap
from tests.realserver import RealServer

pytestmark = pytest.mark.live
SKIPPED = {"aclose", "close", "from_url", "from_pool", "set_retry", "set_response_callback", "own", "target"}
"""What changes the client itself and sends nothing."""


@pytest.fixture
def tap(server: RealServer) -> Any:
    made = Tap(server.port)
    yield made
    made.stop()


async def call(thing: object, name: str, args: tuple[object, ...]) -> None:
    """One public method with made-up arguments; how it fails does not matter, what it sends does."""
    try:
        result = getattr(thing, name)(*args)
        if inspect.isasyncgen(result):
            result = anext(result)
        if inspect.isawaitable(result) and not isinstance(result, Redis):
            await asyncio.wait_for(result, 2)
    except (CommandRefused, RedisError, TypeError, ValueError, AttributeError, KeyError, IndexError, AssertionError):
        pass
    except (NotImplementedError, StopAsyncIteration, DeprecationWarning, TimeoutError, RuntimeError):
        pass


def public(thing: type) -> list[str]:
    return [name for name in dir(thing) if not name.startswith("_") and name not in SKIPPED]


@pytest.mark.filterwarnings("ignore")
async def test_no_method_of_the_client_or_a_pipeline_gets_an_unlisted_command_out_row_77(tap: Tap) -> None:
    async with observing(target_of(tap.port)) as redis:
        for name in public(ObserverRedis):
            for args in ((), ("k",), ("k", "v"), ("k", 1, "v"), (["k"], {"a": 1}), ("k", {"a": 1})):
                await call(redis, name, args)
                pipe = redis.pipeline()
                await call(pipe, name, args)
                await call(pipe, "execute", ())
        assert await redis.ping() == b"PONG"
    assert len(tap.commands) > 100
    assert set(tap.names()) <= OBSERVER
    assert {words[1] for words in tap.commands if words[0].upper() == b"EVAL_RO"} <= {SWEEP_PAGE}


@pytest.mark.filterwarnings("ignore")
async def test_random_words_never_get_past_the_list_row_77(tap: Tap) -> None:
    rng = random.Random(77)
    words: list[object] = ["SET", "get", b"DEL", "CONFIG SET", "CONFIG", "CLIENT", "KILL", "setname", "EVAL", "eval_ro"]
    words += ["PING", "SCRIPT", "LOAD", "MULTI", "k", b"\xff", 1, 1.5, "GET\r\nFLUSHALL", " FLUSHALL", "OBJECT HELP", 0]
    words += ["return redis.call('DEL','k')", SWEEP_PAGE, "", bytearray(b"DEL"), memoryview(b"DEL"), "UNLINK", "EXPIRE"]
    async with observing(target_of(tap.port)) as redis:
        for _ in range(1500):
            made = tuple(rng.choice(words) for _ in range(rng.randint(1, 4)))
            await call(redis, "execute_command", made)
            pipe = redis.pipeline()
            for _ in range(rng.randint(1, 3)):
                await call(pipe, "execute_command", (rng.choice(words), rng.choice(words)))
            await call(pipe, "execute", (False,))
        assert await redis.ping() == b"PONG"
    assert set(tap.names()) <= OBSERVER


async def test_the_back_doors_of_the_library_are_shut_row_77(tap: Tap, server: RealServer) -> None:
    server.command("SET", "k", "v")
    async with observing(target_of(tap.port)) as redis:
        connection = await redis.connection_pool.get_connection()
        with pytest.raises(CommandRefused):
            await connection.send_command("DEL", "k")
        with pytest.raises(CommandRefused):
            await connection.send_packed_command([b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n"])
        with pytest.raises(CommandRefused):
            await connection.send_packed_command(b"DEL k\r\n")
        await redis.connection_pool.release(connection)
        with pytest.raises(CommandRefused):
            redis.pipeline(transaction=True)
        with pytest.raises(CommandRefused):
            await redis.register_script("return redis.call('DEL', 'k')")()
        with pytest.raises(CommandRefused):
            await redis.lock("l").acquire(blocking=False)
        with pytest.raises(CommandRefused):
            async with redis.monitor():
                pass
        with pytest.raises(CommandRefused):
            await redis.pubsub().execute_command("PUBLISH", "c", "m")
        for loop in (redis.scan_iter, redis.hscan_iter, redis.sscan_iter, redis.zscan_iter):
            with pytest.raises(CommandRefused):  # the library's own would never see its end
                await asyncio.wait_for(anext(loop("k")), 2)
    assert server.command("EXISTS", "k") == b":1\r\n"
    assert set(tap.names()) <= OBSERVER


async def test_a_pipeline_with_one_bad_command_sends_none_of_it_row_77(tap: Tap) -> None:
    async with observing(target_of(tap.port)) as redis:
        await redis.ping()
        before = len(tap.commands)
        pipe = redis.pipeline()
        pipe.execute_command("GET", "k")
        with pytest.raises(CommandRefused):
            pipe.execute_command("DEL", "k")
        pipe.command_stack.append((("DEL", "k"), {}))
        with pytest.raises(CommandRefused):
            await pipe.execute()
        assert len(tap.commands) == before
        assert await redis.ping() == b"PONG"


async def test_our_script_cannot_write_even_where_the_login_could(server: RealServer) -> None:
    reply = server.command("EVAL_RO", "return redis.call('SET', 'k', 'v')", "0")
    assert reply.startswith(b"-")
    assert b"redis.call('SCAN'" in SWEEP_PAGE
    assert SWEEP_PAGE.count(b"redis.") == 2, "one call, and pcall under its short name"
    assert set(re.findall(rb"\bp?call\(([^,)]+)", SWEEP_PAGE)) == {b"'SCAN'", b"'PTTL'", b"'MEMORY'"}


async def test_our_script_bounds_its_own_work(server: RealServer) -> None:
    for index in range(0, 3000, 500):
        server.command("MSET", *[word for one in range(index, index + 500) for word in (f"cache:k:t:{one}", "v")])
    async with observing(target_of(server.port)) as redis:
        for asked in (1_000_000, "nan", "-5", "1e9", "1e300", "inf", "2.5", "x"):
            reply = await redis.execute_command("EVAL_RO", SWEEP_PAGE, 0, 0, asked, 0)
            assert len(reply[1]) <= 1100
