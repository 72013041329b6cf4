"""Counters as they are on a real server: one odd key costs its own row and no other."""

import time
from collections.abc import Callable

import pytest
from redis.exceptions import NoPermissionError

from optimus_tui.contract.keyspace import NO_WINDOW, Counter, LimitRules
from optimus_tui.probes.counters import FOREIGN_NUMBER, NOT_A_NUMBER, read_counters
from optimus_tui.probes.faults import OUTAGES
from optimus_tui.probes.redis.observer import ObserverRedis
from tests.live.probes.driver import add_user, observing, target_of
from tests.live.probes.tap import Tap
from tests.realserver import RealServer

pytestmark = pytest.mark.live


async def read(redis: ObserverRedis, *names: bytes) -> list[Counter | bytes]:
    return await read_counters(redis, redis.own, redis.own.clock, names)


async def read_one(redis: ObserverRedis, name: bytes) -> Counter:
    found = (await read(redis, name))[0]
    assert isinstance(found, Counter)
    return found


async def test_a_counter_has_its_count_its_ttl_and_its_names(server: RealServer) -> None:
    server.command("SET", "rate_limit:acme:eu:chat", "142", "PX", "41000")
    async with observing(target_of(server.port)) as redis:
        one = await read_one(redis, b"rate_limit:acme:eu:chat")
    assert (one.tenant, one.operation, one.count, one.immortal, one.problem) == (b"acme:eu", b"chat", 142, False, None)
    assert one.ttl_ms is not None
    assert 10_000 < one.ttl_ms <= 41_000


@pytest.mark.parametrize(
    "value",
    [b"abc", b"", b"x" * 1_000_000, b"1" * 50, b" 7", b"7 ", b"\xb2", b"0x7", b"NaN", b"1.5.2", b"-"],
)
async def test_what_is_no_number_is_a_problem_and_never_nought_row_18(server: RealServer, value: bytes) -> None:
    server.command("SET", "rate_limit:a:odd", value, "EX", "60")
    server.command("SET", "rate_limit:a:good", "7", "EX", "60")
    async with observing(target_of(server.port)) as redis:
        odd, good = await read(redis, b"rate_limit:a:odd", b"rate_limit:a:good")
    assert isinstance(odd, Counter)
    assert (odd.count, odd.problem) == (None, NOT_A_NUMBER)
    assert isinstance(good, Counter)
    assert good.count == 7


@pytest.mark.parametrize("value", [b"-3", b"12.5", b"-1", b"+7", b"1" + b"0" * 30, b"1e3", b".5"])
async def test_a_number_that_counting_up_cannot_give_is_another_limiters(server: RealServer, value: bytes) -> None:
    server.command("SET", "rate_limit:a:odd", value, "EX", "60")
    async with observing(target_of(server.port)) as redis:
        odd = await read_one(redis, b"rate_limit:a:odd")
    assert (odd.count, odd.foreign) == (None, True)
    assert (odd.problem or "").startswith(f"{value[:8].decode()}")
    assert FOREIGN_NUMBER in (odd.problem or "")


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
async def test_a_sliding_window_counts_what_is_inside_it_whatever_its_unit(server: RealServer, unit: int) -> None:
    now = time.time()
    for number in range(40):
        server.command("ZADD", "rate_limit:a:slide", f"{(now - 3600 - number) * unit:.6f}", f"old{number}")
        server.command("ZADD", "rate_limit:a:dead", f"{(now - 3600 - number) * unit:.6f}", f"old{number}")
    for number in range(3):
        server.command("ZADD", "rate_limit:a:slide", f"{(now - number) * unit:.6f}", f"new{number}")
    server.command("ZADD", "rate_limit:a:ranks", "1", "a", "2", "b")
    async with observing(target_of(server.port)) as redis:
        names = [b"rate_limit:a:slide", b"rate_limit:a:dead", b"rate_limit:a:ranks"]
        found = await read_counters(redis, redis.own, redis.own.clock, names, LimitRules(window_seconds=60))
    slide, dead, ranks = (one for one in found if isinstance(one, Counter))
    assert (slide.count, slide.sliding, slide.problem) == (3, True, None)
    assert (dead.count, dead.problem) == (0, None)
    assert (ranks.count, ranks.problem) == (None, "a sorted set: its scores are not times")


async def test_a_login_that_may_not_count_a_sorted_set_is_told_so(server: RealServer) -> None:
    server.command("ZADD", "rate_limit:a:slide", f"{time.time():.3f}", "x")
    user = add_user(server, "narrow", "+zcard")
    async with observing(user) as redis:
        rules = LimitRules(window_seconds=60)
        one = (await read_counters(redis, redis.own, redis.own.clock, [b"rate_limit:a:slide"], rules))[0]
    assert isinstance(one, Counter)
    assert (one.count, one.problem) == (None, "a sorted set: ZCOUNT is not allowed")


@pytest.mark.parametrize(
    ("value", "count"), [(b"0", 0), (b"007", 7), (b"%d" % (2**63 - 1), 2**63 - 1), (b"9" * 19, None)]
)
async def test_numbers_are_those_that_redis_can_count_row_18(
    server: RealServer, value: bytes, count: int | None
) -> None:
    server.command("SET", "rate_limit:a:n", value)
    async with observing(target_of(server.port)) as redis:
        assert (await read_one(redis, b"rate_limit:a:n")).count == count


async def test_no_ttl_gone_and_far_away_stay_apart_row_19(server: RealServer) -> None:
    server.command("SET", "rate_limit:a:never", "1")
    server.command("SET", "rate_limit:a:far", "1", "EX", str(68 * 365 * 86_400))
    async with observing(target_of(server.port)) as redis:
        never, far, gone = await read(redis, b"rate_limit:a:never", b"rate_limit:a:far", b"rate_limit:a:gone")
    assert isinstance(never, Counter)
    assert (never.immortal, never.ttl_ms) == (True, None)
    assert isinstance(far, Counter)
    assert not far.immortal
    assert far.ttl_ms is not None
    assert far.ttl_ms > 2_000_000_000_000
    assert gone == b"rate_limit:a:gone"


async def test_other_types_show_their_type_and_a_sliding_window_its_want_row_17(server: RealServer) -> None:
    server.command("RPUSH", "rate_limit:a:list", "1")
    server.command("HSET", "rate_limit:a:hash", "f", "1")
    server.command("SADD", "rate_limit:a:set", "1")
    server.command("XADD", "rate_limit:a:stream", "*", "f", "1")
    for member in ("x", "y", "z"):
        server.command("ZADD", "rate_limit:a:window", "1", member)
    server.command("SET", "rate_limit:a:good", "7")
    kinds = (b"list", b"hash", b"set", b"stream", b"window", b"good")
    async with observing(target_of(server.port)) as redis:
        rows = [
            row for row in await read(redis, *[b"rate_limit:a:" + kind for kind in kinds]) if isinstance(row, Counter)
        ]
    assert [(row.count, row.problem) for row in rows] == [
        (None, "a list"), (None, "a hash"), (None, "a set"), (None, "a stream"), (None, NO_WINDOW), (7, None),
    ]  # fmt: skip
    assert all(row.immortal for row in rows)


async def test_a_thousand_counters_cost_ten_round_trips(server: RealServer) -> None:
    names = [b"rate_limit:t%d:chat" % index for index in range(1000)]
    server.command("MSET", *[word for name in names for word in (name, b"3")])
    tap = Tap(server.port)
    async with observing(target_of(tap.port)) as redis:
        await redis.ping()
        trips = redis.own.trips
        rows = await read(redis, *names)
        assert redis.own.trips - trips == 10
    assert [row.count for row in rows if isinstance(row, Counter)] == [3] * 1000
    tap.stop()


async def test_names_with_any_bytes_are_read_as_they_are_row_32(server: RealServer) -> None:
    names = [b"rate_limit:\xff\xfe:\x00", b"rate_limit:{a}:b", b"rate_limit:a\r\nSET k v:chat", b"rate_limit:*:chat"]
    for index, name in enumerate(names):
        server.command("SET", name, str(index))
    async with observing(target_of(server.port)) as redis:
        rows = await read(redis, *names)
    assert [(row.key, row.count) for row in rows if isinstance(row, Counter)] == list(zip(names, range(4), strict=True))


async def test_a_key_the_login_may_not_read_costs_only_its_row_row_40(server: RealServer) -> None:
    server.command("SET", "rate_limit:a:chat", "7", "EX", "60")
    server.command("SET", "secret:a:chat", "7", "EX", "60")
    async with observing(add_user(server, "watcher")) as redis:
        good, hidden = await read(redis, b"rate_limit:a:chat", b"secret:a:chat")
        assert isinstance(good, Counter)
        assert good.count == 7
        assert isinstance(hidden, Counter)
        assert (hidden.count, hidden.problem, hidden.immortal) == (None, "not readable", False)


@pytest.mark.parametrize("right", ["get", "pttl"])
async def test_a_right_that_is_missing_for_every_counter_is_raised_row_40(server: RealServer, right: str) -> None:
    server.command("SET", "rate_limit:a:chat", "7", "EX", "60")
    async with observing(add_user(server, "narrow", f"-{right}")) as redis:
        with pytest.raises(NoPermissionError, match=right):
            await read(redis, b"rate_limit:a:chat")


async def test_a_dead_server_is_an_outage_and_no_empty_list_row_33(make_server: Callable[..., RealServer]) -> None:
    server = make_server()
    async with observing(target_of(server.port)) as redis:
        assert await read(redis, b"rate_limit:a:chat") == [b"rate_limit:a:chat"]
        server.kill()
        with pytest.raises(OUTAGES):
            await read(redis, b"rate_limit:a:chat")
        server.start()
        assert await read(redis, b"rate_limit:a:chat") == [b"rate_limit:a:chat"]


async def test_a_server_in_trouble_is_an_outage_and_no_row_of_problems_row_37(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server(replica_serve_stale_data="no")
    server.command("REPLICAOF", "127.0.0.1", "1")
    async with observing(target_of(server.port)) as redis:
        with pytest.raises(OUTAGES, match="MASTER"):
            await read(redis, b"rate_limit:a:chat")
