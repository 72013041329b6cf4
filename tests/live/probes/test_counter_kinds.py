"""Counters of every kind on a real server: what is sent, what it costs, what is read. One odd key costs its own row."""

import time

import pytest

from optimus_tui.contract.keyspace import Counter, LimitRules
from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.counters import NOT_READABLE, read_counters
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import observer_client
from optimus_tui.probes.redis.rights import read_rights
from optimus_tui.settings.model import RedisTarget
from tests.live.probes.driver import add_user, target_of
from tests.realserver import RealServer
from tests.unit.dialects.driver import layout_of

pytestmark = pytest.mark.live
TEN = LimitRules(window_seconds=60, default=10)
BUCKET = 'value = "bucket"\nlevel = "hash tokens"\nat = "hash at s"'
KINDS = {
    "count": ('value = "count"', ["SET", "{key}", "7"], 7),
    "remaining": ('value = "remaining"', ["SET", "{key}", "3"], 7),
    "log of a sorted set": ('value = "log"', ["ZADD", "{key}", "{now}", "a", "{before}", "b", "1000000000", "c"], 2),
    "log of a list": ('value = "log"', ["RPUSH", "{key}", "{now}", "{before}", "1000000000"], 2),
    "pair": ('value = "pair"\nprevious = "{key}/-1"\nresets = "ttl-window"', ["SET", "{key}", "7", "PX", "110000"], 7),
    "bucket": (BUCKET, ["HSET", "{key}", "tokens", "3", "at", "{now}"], 7),
    "gcra": ('value = "gcra"\nepoch = 1735660800', ["SET", "{key}", "{tat}"], 7),
    "json": ('value = "json a rpm"', ["SET", "{key}", '{"a": {"rpm": 7}}'], 7),
    "card": ('value = "card"', ["SADD", "{key}", "a", "b"], 2),
    "blocked": ('value = "blocked"', ["SET", "{key}", "1"], None),
    "of several kinds": (
        f'value = ["count", "bucket"]{BUCKET[16:]}',
        ["HSET", "{key}", "tokens", "3", "at", "{now}"],
        7,
    ),
}


async def read(
    target: RedisTarget, layout: KeyLayout, *names: bytes, rules: LimitRules | None = TEN
) -> tuple[list[Counter | bytes], int]:
    """Return what was read and the round trips it took."""
    redis = observer_client(target, LoadMeter(), layout)
    try:
        await redis.ping()
        before = redis.own.trips
        return await read_counters(redis, redis.own, redis.own.clock, names, rules), redis.own.trips - before
    finally:
        await redis.aclose()


def put(server: RealServer, key: str, words: list[str]) -> None:
    now = time.time()
    texts = {"key": key, "now": f"{now:.3f}", "before": f"{now - 30:.3f}", "tat": f"{now - 1_735_660_800 + 41.5:.6f}"}
    filled = [word.format(**texts) if not word.startswith("{" + '"') else word for word in words]
    assert not server.command(*filled).startswith(b"-")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_counter_of_each_kind_is_read(server: RealServer, kind: str) -> None:
    rule, words, count = KINDS[kind]
    put(server, "q:acme:chat", words)
    rows, trips = await read(target_of(server.port), layout_of(f'key = "q:{{tenant}}:{{operation}}"\n{rule}'),
                             b"q:acme:chat", b"q:gone:chat")  # fmt: skip
    one = rows[0]
    assert isinstance(one, Counter)
    assert (one.tenant, one.operation, one.count, one.problem) == (b"acme", b"chat", count, None)
    assert one.blocked is (kind == "blocked")
    assert rows[1] == b"q:gone:chat"
    assert trips <= 3


async def test_a_hundred_of_any_kind_share_their_trips_and_one_clock(server: RealServer) -> None:
    rules = [f'key = "k{number}:{{tenant}}"\n{rule}' for number, (rule, *_) in enumerate(KINDS.values())]
    names = []
    for number, (_, words, _) in enumerate(KINDS.values()):
        for tenant in range(9):
            put(server, f"k{number}:t{tenant}", words)
            names.append(b"k%d:t%d" % (number, tenant))
    rows, trips = await read(target_of(server.port), layout_of(*rules), *names)
    counts = [one.count for one in rows if isinstance(one, Counter)]
    assert counts == [count for *_, count in KINDS.values() for _ in range(9)]
    assert trips <= 4


async def test_a_value_too_large_costs_only_its_own_row(server: RealServer) -> None:
    big = "x" * 100_000
    server.command("SET", "c:a:big", big)
    server.command("HSET", "h:a:big", "tokens", big, "at", "1")
    server.command("RPUSH", "l:a:big", big)
    server.command("SET", "c:a:good", "7")
    put(server, "h:a:good", KINDS["bucket"][1])
    rules = ['key = "c:{tenant}:{operation}"', f'key = "h:{{tenant}}:{{operation}}"\n{BUCKET}',
             'key = "l:{tenant}:{operation}"\nvalue = "log"']  # fmt: skip
    names = [b"c:a:big", b"h:a:big", b"l:a:big", b"c:a:good", b"h:a:good"]
    rows, _ = await read(target_of(server.port), layout_of(*rules), *names)
    assert [one.count for one in rows if isinstance(one, Counter)] == [None, None, None, 7, 7]
    assert all(one.problem for one in rows[:3] if isinstance(one, Counter))


async def test_a_login_without_hmget_reads_the_other_rows(server: RealServer) -> None:
    put(server, "rate_limit:a:good", KINDS["bucket"][1])
    server.command("SET", "rate_limit:a:chat:n", "7")
    layout = layout_of(
        'key = "rate_limit:{tenant}:{operation}:n"', f'key = "rate_limit:{{tenant}}:{{operation}}"\n{BUCKET}'
    )
    rows, _ = await read(add_user(server, "narrow", "-hmget"), layout, b"rate_limit:a:good", b"rate_limit:a:chat:n")
    assert [(one.count, one.problem) for one in rows if isinstance(one, Counter)] == [(None, NOT_READABLE), (7, None)]


async def test_a_missing_ttl_means_what_its_rule_says(server: RealServer) -> None:
    layout = layout_of(*[f'key = "{word}:{{tenant}}"\nno_ttl = "{word}"' for word in ("stuck", "heals", "normal")])
    for word in ("stuck", "heals", "normal"):
        server.command("SET", f"{word}:acme", "7")
    rows, _ = await read(target_of(server.port), layout, b"stuck:acme", b"heals:acme", b"normal:acme")
    told = [(one.immortal, one.no_ttl) for one in rows if isinstance(one, Counter)]
    assert told == [(True, ""), (False, "heals"), (False, "normal")]


async def test_the_rights_that_a_kind_needs_are_tried_only_where_the_layout_has_it(server: RealServer) -> None:
    user = add_user(server, "narrow", "-hmget -lindex %R~q:*")
    tried: dict[bool, set[str]] = {}
    for other in (False, True):
        layout = layout_of(f'key = "q:{{tenant}}"\nvalue = ["log", "bucket"]{BUCKET[16:]}') if other else own_layout()
        redis = observer_client(user, LoadMeter(), layout)
        try:
            tried[other] = {one.rule for one in (await read_rights(redis)).missing}
        finally:
            await redis.aclose()
    assert tried[True] - tried[False] == {"+hmget", "+lindex"}


async def test_a_sliding_window_of_upstash_is_told_by_a_ttl_longer_than_its_window(server: RealServer) -> None:
    index, rules = int(time.time() // 3600), LimitRules(window_seconds=3600, default=10_000)
    fixed, slides = (b"@upstash/ratelimit:%s:chat:%d" % (who, index) for who in (b"acme", b"clinic_b"))
    server.command("SET", fixed, "4", "PX", "3600000")
    server.command("SET", slides, "4", "PX", "7200500")
    for name in (fixed, slides):
        server.command("SET", name.replace(b":%d" % index, b":%d" % (index - 1)), "8000", "PX", "3600001")
    layout = KeyLayout(load_preset("upstash"))
    found, _ = await read(target_of(server.port), layout, fixed, slides, rules=rules)
    counts = {one.key: (one.count or 0, one.sliding) for one in found if isinstance(one, Counter)}
    assert counts[fixed] == (4, False)
    assert counts[slides][0] > 4 and counts[slides][1]
