"""Counters are found on their own before a large cache is read, whatever their names look like."""

from optimus_tui.context import Context
from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.dialects.load import load_preset, preset_names
from optimus_tui.probes.counter_names import counters_pattern, find_counters
from optimus_tui.probes.keyspace import SweepOutcome
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.settings.model import ScanBudget, Settings
from optimus_tui.settings.tuning import Tuning
from tests.listening import Heard, sampling
from tests.live.probes.driver import add_user, fill, observing, target_of
from tests.live.probes.tap import Tap
from tests.realserver import RealServer

COUNTERS = {
    b"rate_limit:acme:chat",
    b"rate_limit:\xff\xfe:a\nb",
    b"rate_limit:",
    b"rate_limit",
    b"rate_limit:[a-z]*:\\",
}
OTHERS = (b"rate_limiter:acme", b"rate-limit:acme:chat", b"xrate_limit:a:b", b"Rate_limit:a:b", b"cache:rate_limit:a:b")


async def found(redis: ObserverRedis, budget: ScanBudget | None = None) -> tuple[set[bytes], SweepOutcome]:
    names: set[bytes] = set()
    async for item in find_counters(redis, budget or ScanBudget(), redis.own):
        if isinstance(item, SweepOutcome):
            return names, item
        names |= set(item.names)
    raise AssertionError("a search ends with its outcome")


async def test_all_counters_are_found_among_other_keys_and_nothing_else_is_read(server: RealServer) -> None:
    fill(server, 4000)
    for name in (*COUNTERS, *OTHERS):
        server.command("SET", name, "1")
    tap = Tap(server.port)
    async with observing(target_of(tap.port)) as redis:
        names, outcome = await found(redis)
    tap.stop()
    assert (names, outcome.complete, outcome.total) == (COUNTERS, True, 4010)
    assert set(tap.names()) - {"hello", "client|setname"} <= {"scan", "time", "ping", "info", "dbsize"}


async def test_one_pass_finds_the_counters_of_every_preset(server: RealServer) -> None:
    for preset in preset_names():
        layout = KeyLayout(load_preset(preset))
        heads = [head for head in layout.limit_heads if head]
        for number, head in enumerate(heads):
            server.command("SET", head + b"%d" % number, "1")
        pattern = counters_pattern(layout)
        if b"" in layout.limit_heads or not heads:
            assert pattern == b"", "names that begin with a capture need a sweep over all"
            continue
        async with observing(target_of(server.port)) as redis:
            redis.layout = layout
            names, _ = await found(redis)
        assert {head + b"%d" % number for number, head in enumerate(heads)} <= names, preset


def test_the_pattern_holds_the_bytes_that_each_place_may_have() -> None:
    assert counters_pattern(own_layout()) == rb"rate\_limit*"


async def test_a_login_without_time_searches_all_the_same_and_is_refused_once(server: RealServer) -> None:
    fill(server, 3000)
    server.command("SET", "rate_limit:acme:chat", "1")
    target = add_user(server, "untimed", "-time")
    server.command("ACL", "LOG", "RESET")
    async with observing(target) as redis:
        names, outcome = await found(redis)
    assert (names, outcome.complete) == ({b"rate_limit:acme:chat"}, True)
    assert server.command("ACL", "LOG").count(b"untimed") <= 2


async def test_an_immortal_counter_is_told_before_the_sweep_over_the_cache(server: RealServer) -> None:
    fill(server, 2000)
    server.command("SET", "rate_limit:acme:chat", "7")
    tap, heard = Tap(server.port), Heard()
    ctx = Context(Settings(redis=target_of(tap.port), scan=ScanBudget(count=50)), tuning=Tuning(few_keys=1000))
    async with sampling(ctx, heard, ("server", "limits", "keys")):
        limits = await heard.until("limits", lambda r: r.value and r.value.coverage.complete and r.value.rows)
        assert [row.state for row in limits.value.rows] == ["immortal"]
        await heard.until("cache", lambda r: r.coverage.complete)
        seen = [words for words in tap.commands if words[0] in (b"SCAN", b"EVAL_RO")]
    tap.stop()
    first_sweep = next(at for at, words in enumerate(seen) if b"MATCH" not in words)
    assert first_sweep > 0 and all(b"MATCH" in words for words in seen[:first_sweep])


async def test_few_keys_cost_no_search_of_their_own(server: RealServer) -> None:
    fill(server, 200)
    server.command("SET", "rate_limit:acme:chat", "7")
    tap, heard = Tap(server.port), Heard()
    async with sampling(Context(Settings(redis=target_of(tap.port))), heard, ("server", "limits", "keys")):
        await heard.until("limits", lambda r: r.value and r.value.coverage.complete and r.value.rows)
    tap.stop()
    assert not any(b"MATCH" in words for words in tap.commands)
