"""The sweep over a real server: whole, gentle, and never called complete when it was not."""

from collections import Counter
from collections.abc import Callable

import pytest
from msgspec import convert
from msgspec.structs import replace

from optimus_tui.contract.reading import Coverage
from optimus_tui.grammar.keys import heads_of
from optimus_tui.index.cache import CacheIndex
from optimus_tui.probes.counter_names import find_counters
from optimus_tui.probes.keyspace import GONE, NEVER, NOT_ASKED, KeyPage, SweepOutcome
from optimus_tui.probes.sweep import sweep
from optimus_tui.settings.model import ScanBudget
from tests.live.probes.driver import add_user, fill, observing, run_sweep, target_of
from tests.live.probes.tap import Tap
from tests.live.tools.driver import pipe
from tests.realserver import RealServer, free_port
from tests.relay import Relay

pytestmark = pytest.mark.live
QUICK = ScanBudget(pause_ms=0)


def all_names(pages: list[KeyPage]) -> set[bytes]:
    return {name for page in pages for name in page.names}


@pytest.mark.parametrize("ttls", [True, False])
@pytest.mark.parametrize("scripts", [True, False])
async def test_every_name_of_ours_is_found_and_the_others_are_counted(
    server: RealServer, ttls: bool, scripts: bool
) -> None:
    fill(server, 900)
    fill(server, 40, "session:{}:{}")
    for name in (b"rate_limit:a:b", b"rate_limit", b"cache_coherence:x", b"cache:\xff\xfe:t:\x00", b"cache:{t}:a:1"):
        server.command("SET", name, "1")
    async with observing(target_of(server.port)) as redis:
        redis.scripts = scripts
        pages, outcome = await run_sweep(redis, QUICK, ttls=ttls)
    assert len(all_names(pages)) == 905
    assert sum(page.others for page in pages) >= 40
    assert outcome.complete
    assert outcome.total == pages[0].total == 945
    assert (pages[0].pttls is not None) is ttls


@pytest.mark.parametrize("budget", ["normal", "fast"])
async def test_the_largest_count_that_may_be_configured_is_one_that_may_be_sent(
    server: RealServer, budget: str
) -> None:
    fill(server, 3000)
    largest = convert({"count": 10_000, "budget": budget}, ScanBudget)
    async with observing(target_of(server.port)) as redis:
        for ttls in (True, False):
            pages, outcome = await run_sweep(redis, largest, ttls=ttls)
            assert (len(all_names(pages)), outcome.complete) == (3000, True)
        counters = [item async for item in find_counters(redis, largest, redis.own)]
    assert isinstance(counters[-1], SweepOutcome)
    assert counters[-1].complete


@pytest.mark.parametrize("scripts", [True, False])
async def test_never_gone_and_not_asked_are_three_things_row_19(server: RealServer, scripts: bool) -> None:
    server.command("SET", "cache:k:t:never", "v")
    server.command("SET", "cache:k:t:old", "v", "EX", str(68 * 365 * 86_400))
    server.command("SET", "cache:k:t:soon", "v", "PX", "60000")
    server.command("SET", "rate_limit:a:b", "1", "EX", "60")
    async with observing(target_of(server.port)) as redis:
        redis.scripts = scripts
        pages, _ = await run_sweep(redis)
    assert pages[0].pttls is not None
    found = dict(zip(pages[0].names, pages[0].pttls, strict=True))
    assert found[b"cache:k:t:never"] == NEVER
    assert found[b"rate_limit:a:b"] == NOT_ASKED
    assert 0 < found[b"cache:k:t:soon"] <= 60_000
    assert found[b"cache:k:t:old"] > 60 * 365 * 86_400_000


async def test_a_key_that_vanishes_between_scan_and_pttl_costs_only_its_row_row_20(server: RealServer) -> None:
    fill(server, 60)
    server.command("SET", "cache:k:t:last", "v")

    async with observing(target_of(server.port)) as redis:
        redis.scripts = False
        plain = redis.pipeline

        def with_a_thief() -> object:
            pipe = plain()
            send = pipe.execute

            async def execute(**options: bool) -> object:
                asked = [words[0] for words, _ in pipe.command_stack]
                if "PTTL" in asked:
                    server.command("UNLINK", "cache:k:t:last")
                replies: list[object] = await send(**options)
                return replies

            pipe.execute = execute  # type: ignore[method-assign, assignment]
            return pipe

        redis.pipeline = with_a_thief  # type: ignore[method-assign, assignment]
        pages, outcome = await run_sweep(redis, QUICK)
    assert pages[0].pttls is not None
    found = dict(zip(pages[0].names, pages[0].pttls, strict=True))
    assert found.pop(b"cache:k:t:last") == GONE
    assert len(found) == 60
    assert min(found.values()) > 0
    assert outcome.complete


@pytest.mark.parametrize("count", [0, 1])
async def test_an_empty_server_and_one_key_are_complete_row_22(server: RealServer, count: int) -> None:
    fill(server, count) if count else None
    async with observing(target_of(server.port)) as redis:
        pages, outcome = await run_sweep(redis)
    assert len(all_names(pages)) == count
    assert outcome.complete


async def test_names_that_come_twice_and_empty_pages_are_one_name_each_row_21(server: RealServer) -> None:
    fill(server, 3000)
    index = CacheIndex()
    async with observing(target_of(server.port)) as redis:
        grown = False
        index.begin_sweep()
        async for item in sweep(redis, ScanBudget(count=10, pause_ms=0), redis.own, ttls=True):
            if isinstance(item, SweepOutcome):
                index.end_sweep(Coverage(item.scanned, item.total, item.complete))
                break
            index.put_page(item.names, item.pttls, item.sizes, redis.own.clock.mono())
            if not grown:
                grown = True
                fill(server, 6000, "session:{}:{}")
                server.command("FLUSHDB")
                fill(server, 3000)
    assert index.report().keys == 3000


async def test_sizes_of_every_tenth_key_come_with_the_page(server: RealServer) -> None:
    fill(server, 400)
    async with observing(target_of(server.port)) as redis:
        for scripts in (True, False):
            redis.scripts = scripts
            pages, _ = await run_sweep(redis, QUICK, sizes=10)
            sizes = [size for page in pages for size in page.sizes or []]
            assert len(sizes) == 400
            measured = [size for size in sizes if size is not None]
            assert 30 <= len(measured) <= 45
            assert all(size > 20 for size in measured)


async def test_some_sizes_come_with_every_page_however_few_are_wanted(server: RealServer) -> None:
    fill(server, 400)
    async with observing(target_of(server.port)) as redis:
        pages, _ = await run_sweep(redis, replace(QUICK, count=100), sizes=1_000)
    assert all(any(size is not None for size in page.sizes or []) for page in pages if len(page.names) >= 40)


async def killed_in_the_middle(make_server: Callable[..., RealServer], back: bool, user: str = "") -> SweepOutcome:
    server = make_server()
    fill(server, 2000)
    target = add_user(server, "watcher", user) if user else target_of(server.port)
    calls = 0

    async def pace(seconds: float) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            server.kill()
            if back:
                server.start()
                if user:
                    add_user(server, "watcher", user)
                fill(server, 2000)

    async with observing(target) as redis:
        _, outcome = await run_sweep(redis, QUICK, pace=pace)
    return outcome


async def test_a_sweep_across_a_restart_is_incomplete_row_34(make_server: Callable[..., RealServer]) -> None:
    outcome = await killed_in_the_middle(make_server, back=True)
    assert not outcome.complete
    assert outcome.reason == "server restarted (run_id changed)"


async def test_a_sweep_that_loses_its_server_is_incomplete_with_the_reason_row_34(
    make_server: Callable[..., RealServer],
) -> None:
    outcome = await killed_in_the_middle(make_server, back=False)
    assert not outcome.complete
    assert outcome.fault
    assert outcome.fault.kind == "refused"
    assert outcome.total == 2000


async def test_without_info_a_broken_connection_makes_a_sweep_incomplete_row_34(
    make_server: Callable[..., RealServer],
) -> None:
    outcome = await killed_in_the_middle(make_server, back=True, user="-info")
    assert not outcome.complete
    assert outcome.reason
    assert "without INFO" in outcome.reason


@pytest.mark.parametrize("missing", ["-eval_ro", "-pttl", "-memory|usage"])
async def test_a_login_without_a_right_gets_the_names_all_the_same_row_40(server: RealServer, missing: str) -> None:
    fill(server, 300)
    async with observing(add_user(server, "narrow", missing)) as redis:
        pages, outcome = await run_sweep(redis, QUICK, sizes=10)
        if missing != "-pttl":
            assert outcome.complete
            assert pages[0].pttls
            assert min(pages[0].pttls) > 0
        assert redis.scripts is (missing != "-eval_ro")
    assert len(all_names(pages)) == 300


async def test_scripts_are_asked_for_once_and_not_at_every_page_row_40(server: RealServer) -> None:
    fill(server, 600)
    target = add_user(server, "plain", "-eval_ro")
    tap = Tap(server.port)
    async with observing(target_of(tap.port, target.username, "CHANGE-ME")) as redis:
        await run_sweep(redis, QUICK)
        await run_sweep(redis, QUICK)
    assert tap.names().count("eval_ro") == 1
    tap.stop()


async def test_a_login_without_scan_names_the_right_row_40(server: RealServer) -> None:
    async with observing(add_user(server, "blind", "-scan")) as redis:
        pages, outcome = await run_sweep(redis, QUICK)
    assert pages == []
    assert outcome.fault
    assert outcome.fault.message == "SCAN is not allowed for user blind"
    assert outcome.fault.remedy == "ACL SETUSER blind +scan"


async def test_foreign_keys_are_never_touched_by_a_sweep_row_40(server: RealServer) -> None:
    """Their TTL would be refused by the recommended login, and each refusal is an entry in the server's ACL log."""
    fill(server, 50)
    fill(server, 50, "session:{}:{}")
    server.command("ACL", "LOG", "RESET")
    async with observing(add_user(server, "watcher")) as redis:
        for scripts in (True, False):
            redis.scripts = scripts
            _, outcome = await run_sweep(redis, QUICK, sizes=1)
            assert outcome.complete
            assert redis.scripts is scripts
    assert server.command("ACL", "LOG") == b"*0\r\n"


async def test_a_distant_server_is_swept_without_losing_count_row_52(server: RealServer) -> None:
    fill(server, 500)
    relay = Relay(server.port, delay=0.02)
    async with observing(target_of(relay.port)) as redis:
        pages, outcome = await run_sweep(redis)
    relay.stop()
    assert outcome.complete
    assert len(all_names(pages)) == 500
    assert len(pages) <= 5


async def test_the_pace_is_awaited_between_calls_and_never_before_the_first(server: RealServer) -> None:
    fill(server, 1000)
    pauses: list[float] = []

    async def pace(seconds: float) -> None:
        pauses.append(seconds)

    async with observing(target_of(server.port)) as redis:
        pages, _ = await run_sweep(redis, ScanBudget(pause_ms=2.0), pace=pace)
    assert len(pauses) == len(pages) - 1
    assert min(pauses) >= 0.002


async def test_a_cluster_without_owners_of_its_slots_is_no_complete_scan_row_31(
    make_server: Callable[..., RealServer],
) -> None:
    server = make_server(cluster_enabled="yes", cluster_port=str(free_port()))
    async with observing(target_of(server.port)) as redis:
        pages, outcome = await run_sweep(redis)
    assert (pages, outcome.complete) == ([], False)
    assert outcome.reason is not None and "a cluster that is down: CLUSTERDOWN no node" in outcome.reason


NAMES_OF_OTHERS = (
    b"LIMITS:LIMITER/127.0.0.1/chat", b"LIMITS:LIMITER/10.0.0.7/chat", b"fastapi-limiter:1.2.3.4:x", b":1:rl:0cc1",
    b"celery", b"celery-task-meta-5f2c", b"user:42:profile", b"cache", b"rate_limiter:acme:chat", b"caches:acme",
    b"\xff\xfe\x00", b"\x00:a:b", b"a" * 200, b"v2:users:9", b"quota:{acme}:chat", b"tail:", b"abc\n", b"%x:%y:%z:%w:1",
    b"k" * 40 + b":x", b"A:B:C:D:E",
)  # fmt: skip


OUR_NAMES = (b"integration_test:acme:1", b"optimus:lock:acme", b"cache_coherence_events", b"rate_limit")


@pytest.mark.parametrize("ttls", [True, False])
@pytest.mark.parametrize("scripts", [True, False])
async def test_names_of_no_known_layout_are_told_by_their_beginning(
    server: RealServer, ttls: bool, scripts: bool
) -> None:
    for name in (*NAMES_OF_OTHERS, *OUR_NAMES):
        server.command("RPUSH", name, "1")
    async with observing(target_of(server.port)) as redis:
        redis.scripts = scripts
        pages, outcome = await run_sweep(redis, QUICK, ttls=ttls)
    told = Counter[bytes]()
    for page in pages:
        told.update(page.heads)
    assert told == Counter(heads_of(NAMES_OF_OTHERS))
    assert sum(page.foreign for page in pages) == len(NAMES_OF_OTHERS)
    assert outcome.complete


async def test_a_page_of_many_beginnings_counts_them_all(server: RealServer) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    pipe(server.port, *((b"SET", f"{a}{b}:x".encode(), b"1") for a in letters for b in letters))
    async with observing(target_of(server.port)) as redis:
        pages, _ = await run_sweep(redis, replace(QUICK, count=1000), ttls=True)
    assert sum(page.foreign for page in pages) == 676
    assert all(len(page.heads) <= 64 for page in pages)
