"""Details and previews of cache keys on a real server: bounded, and gentle to the LRU clock."""

import time

import pytest

from optimus_tui.contract.keyspace import KeyPreview
from optimus_tui.probes.cache_keys import MAX_BYTES, read_details, read_event_log, read_preview
from optimus_tui.probes.redis.observer import ObserverRedis
from tests.live.probes.driver import add_user, fill, observing, target_of
from tests.realserver import RealServer

pytestmark = pytest.mark.live
K = b"cache:k:t:1"


def until_idle(server: RealServer, key: bytes) -> None:
    """Waits for the server's idle clock, which ticks in seconds."""
    while server.command("OBJECT", "IDLETIME", key) == b":0\r\n":
        time.sleep(0.05)


async def preview(redis: ObserverRedis, key: bytes = K) -> KeyPreview:
    reading = await read_preview(redis, key)
    assert reading.value, reading.fault
    return reading.value


async def test_details_tell_type_ttl_size_and_what_is_gone_row_20(server: RealServer) -> None:
    server.command("SET", "cache:k:t:1", "v" * 100, "EX", "60")
    server.command("HSET", "cache:k:t:2", "f", "v")
    async with observing(target_of(server.port)) as redis:
        one, two, three = await read_details(redis, redis.own, redis.own.clock, [K, b"cache:k:t:2", b"cache:k:t:3"])
    assert (one.type, one.immortal, one.gone) == ("string", False, False)
    assert one.ttl_ms is not None
    assert one.bytes_used is not None
    assert one.bytes_used > 100
    assert (two.type, two.immortal, two.ttl_ms) == ("hash", True, None)
    assert three.gone


async def test_looking_at_keys_does_not_make_them_look_used_row_30(server: RealServer) -> None:
    fill(server, 30)
    names = [b"cache:conv:t%d:%d" % (index % 7, index) for index in range(30)]
    until_idle(server, names[5])
    async with observing(target_of(server.port)) as redis:
        await read_details(redis, redis.own, redis.own.clock, names)
    assert server.command("OBJECT", "IDLETIME", names[5]) != b":0\r\n"


async def test_details_without_the_right_to_sizes_leave_them_unknown_row_40(server: RealServer) -> None:
    server.command("SET", "cache:k:t:1", "v")
    async with observing(add_user(server, "narrow", "-memory|usage")) as redis:
        (one,) = await read_details(redis, redis.own, redis.own.clock, [K])
    assert (one.type, one.immortal, one.bytes_used) == ("string", True, None)


async def test_a_small_value_is_shown_whole_and_a_large_one_cut_row_27(server: RealServer) -> None:
    async with observing(target_of(server.port)) as redis:
        server.command("SET", K, b"\x1b]0;x\x07")
        small = await preview(redis)
        assert (small.parts, small.truncated, small.length) == ((b"\x1b]0;x\x07",), False, 6)
        server.command("SET", K, b"x" * 2_000_000)
        large = await preview(redis)
        assert (len(large.parts[0]), large.truncated, large.length) == (MAX_BYTES, True, 2_000_000)
        assert (await preview(redis, b"cache:k:t:none")).type == "none"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("list", ("RPUSH", K)), ("set", ("SADD", K)), ("zset", ("ZADD", K)), ("hash", ("HSET", K))],
)
async def test_a_large_collection_is_never_fetched_row_27(
    server: RealServer, kind: str, words: tuple[str | bytes, ...]
) -> None:
    async with observing(target_of(server.port)) as redis:
        for chunk in range(20):
            members = [b"%d" % (chunk * 1000 + index) for index in range(1000)]
            pairs = [word for one in members for word in ((one, one) if kind in ("zset", "hash") else (one,))]
            server.command(*words, *pairs)
        seen = await preview(redis)
        assert (seen.type, seen.length, seen.truncated) == (kind, 20_000, True)
        assert len(seen.parts) <= 100
        server.command("UNLINK", K)
        pairs = [b"1", b"a", b"2", b"y" * 3_000_000] if kind in ("zset", "hash") else [b"a", b"y" * 3_000_000]
        server.command(*words, *pairs)
        heavy = await preview(redis)
        assert heavy.truncated
        assert sum(map(len, heavy.parts)) <= MAX_BYTES
        server.command("UNLINK", K)
        server.command(*words, *([b"1", b"a", b"2", b"b"] if kind in ("zset", "hash") else [b"a", b"b"]))
        light = await preview(redis)
        assert not light.truncated
        assert {b"a", b"b"} <= set(light.parts)


async def test_a_stream_shows_its_entries(server: RealServer) -> None:
    server.command("XADD", K, "1-1", "field", "value")
    async with observing(target_of(server.port)) as redis:
        seen = await preview(redis)
    assert (seen.type, seen.length, seen.parts) == ("stream", 1, (b"1-1", b"field", b"value"))


async def test_a_preview_without_a_right_names_it_row_40(server: RealServer) -> None:
    server.command("HSET", K, "f", "v")
    async with observing(add_user(server, "narrow")) as redis:
        reading = await read_preview(redis, K)
        assert reading.fault
        assert reading.fault.remedy == "ACL SETUSER narrow +hlen"
        server.command("SET", K, "v")
        assert (await preview(redis)).parts == (b"v",)


async def test_the_event_log_comes_raw_from_its_head_and_bounded(server: RealServer) -> None:
    async with observing(target_of(server.port)) as redis:
        assert await read_event_log(redis) == []
        for index in range(20):
            server.command("LPUSH", "cache_coherence_events", b"%d\xff" % index)
        assert await read_event_log(redis, 3) == [b"19\xff", b"18\xff", b"17\xff"]
