"""A scan keeps one connection: the next page is on its way while the last is used, and nobody else's reply is taken."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.keyspace import KeyPage, SweepOutcome
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.sweep import sweep
from optimus_tui.settings.model import ScanBudget
from tests.live.probes.driver import fill, observing, run_sweep, target_of
from tests.live.probes.tap import Tap
from tests.realcluster import until
from tests.realserver import RealServer

pytestmark = pytest.mark.live
FAST = ScanBudget(count=50, budget="fast")


def scan_of(redis: ObserverRedis, budget: ScanBudget = FAST) -> aclosing[AsyncGenerator[KeyPage | SweepOutcome, None]]:
    return aclosing(sweep(redis, budget, redis.own, ttls=True))


async def test_the_next_page_is_asked_for_before_this_one_is_handed_on(server: RealServer) -> None:
    fill(server, 600)
    tap = Tap(server.port)
    async with observing(target_of(tap.port)) as redis, scan_of(redis) as pages:
        assert isinstance(await anext(pages), KeyPage)
        until(lambda: tap.names().count("eval_ro") == 2)
    tap.stop()


async def test_with_a_pause_the_next_page_is_asked_for_after_it(server: RealServer) -> None:
    fill(server, 600)
    tap = Tap(server.port)
    async with observing(target_of(tap.port)) as redis, scan_of(redis, ScanBudget(count=50, pause_ms=5)) as pages:
        await anext(pages)
        assert await redis.execute_command("DBSIZE") == 600
        assert tap.names().count("eval_ro") == 1
        await anext(pages)
    tap.stop()


async def test_a_scan_that_is_given_up_leaves_no_reply_behind(server: RealServer) -> None:
    fill(server, 600)
    async with observing(target_of(server.port)) as redis:
        async with scan_of(redis) as pages:
            await anext(pages)
            assert redis.keeps_connection
        assert not redis.keeps_connection
        assert [await redis.execute_command("DBSIZE") for _ in range(4)] == [600] * 4
        _, outcome = await run_sweep(redis, FAST)
    assert outcome.complete


async def test_of_several_scans_one_keeps_a_connection_and_all_are_whole(server: RealServer) -> None:
    fill(server, 600)
    async with observing(target_of(server.port)) as redis:
        scans = [sweep(redis, FAST, redis.own, ttls=True) for _ in range(4)]
        found: list[set[bytes]] = [set() for _ in scans]
        outcomes: list[SweepOutcome] = []
        while len(outcomes) < len(scans):
            for names, pages in zip(found, scans, strict=True):
                item = await anext(pages, None)
                if isinstance(item, KeyPage):
                    names.update(item.names)
                elif item is not None:
                    outcomes.append(item)
            assert await redis.execute_command("DBSIZE") == 600
    assert [len(names) for names in found] == [600] * 4
    assert all(one.complete for one in outcomes)


async def test_a_connection_that_is_lost_costs_no_key(server: RealServer) -> None:
    fill(server, 600)
    names: set[bytes] = set()
    outcome = None
    async with observing(target_of(server.port)) as redis, scan_of(redis) as pages:
        async for item in pages:
            if isinstance(item, SweepOutcome):
                outcome = item
                break
            if not names:
                server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            names.update(item.names)
    assert outcome is not None and outcome.complete, outcome
    assert len(names) == 600


@pytest.mark.parametrize("preset", ["optimus", "home-made", "throttled", "laravel", "litellm", "limits"])
async def test_scripts_tell_names_apart_as_the_layout_does(server: RealServer, preset: str) -> None:
    """However many beginnings there are, of which one may begin with another."""
    layout = KeyLayout(load_preset(preset))
    heads = [*layout.known_heads, *layout.neighbour_heads, *layout.whole_names, b"integration_test:"]
    names = {head + tail for head in heads for tail in (b"", b"a", b"a:b:c", b":x")} | {head[:-1] for head in heads}
    for name in sorted(names | {b"c", b"cache", b"session:1", b"\xff\x00"}):
        server.command("SET", name, "1")
    found = []
    async with observing(target_of(server.port)) as redis:
        redis.layout = layout
        for scripts in (True, False):
            redis.scripts = scripts
            pages, outcome = await run_sweep(redis, ScanBudget(count=1000))
            assert outcome.complete and redis.scripts is scripts
            known = {name for page in pages for name in page.names}
            asked = {
                name for page in pages for name, pttl in zip(page.names, page.pttls or (), strict=True) if pttl == -1
            }
            found.append((known, asked, sum(page.others for page in pages), sum(page.foreign for page in pages)))
    assert found[0] == found[1]
