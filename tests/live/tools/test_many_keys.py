"""Of many keys, the tools search counters first: they are all known before the cache is read, or instead of it."""

from functools import partial
from pathlib import Path

import pytest

from optimus_tui.settings.tuning import Tuning
from optimus_tui.tools.keyspace_scan import survey
from tests.live.probes.driver import fill
from tests.live.probes.tap import Tap
from tests.live.tools.driver import ask, pipe
from tests.live.tools.driver import system as small_system
from tests.realserver import RealServer

pytestmark = pytest.mark.live
QUICK = Tuning(apart_seconds=0.05, slope_seconds=0.2, few_keys=1000)
system = partial(small_system, tuning=QUICK)


def scans(tap: Tap) -> list[str]:
    """What was scanned in turn: ``counters`` alone, or ``all`` names."""
    found = ["counters" if b"MATCH" in words else "all" for words in tap.commands if words[0] in (b"SCAN", b"EVAL_RO")]
    return [one for at, one in enumerate(found) if at == 0 or found[at - 1] != one]


async def test_a_tool_of_limits_reads_no_other_name(server: RealServer, tmp_path: Path) -> None:
    fill(server, 3000)
    pipe(server.port, ("SET", "rate_limit:acme:chat", 9), ("SET", "rate_limit:globex", 3))
    tap = Tap(server.port)
    async with system(tap.port, tmp_path) as (context, _):
        seen = await survey(context, tenant=b"acme")
        health = await ask(context, "diagnose_gateway_health", tenant_id="acme")
    tap.stop()
    assert scans(tap) == ["all", "counters", "all", "counters"], "the first page tells how many keys there are"
    assert seen.of_tenant == {b"rate_limit:acme:chat"}
    assert (seen.limits.total, seen.fault, seen.coverage.complete) == (2, None, True)
    assert not seen.names_known
    assert health["rate_limiting"]["status"] == "ok"
    assert health["rate_limiting"]["rate_limits"]["chat"]["immortal"]
    assert health["cache_metrics"].get("unknown_layout") is None, "names that were not read are not called none"


async def test_a_tool_of_the_cache_reads_counters_before_it(server: RealServer, tmp_path: Path) -> None:
    fill(server, 3000)
    pipe(server.port, ("SET", "rate_limit:acme:chat", 9))
    tap = Tap(server.port)
    async with system(tap.port, tmp_path) as (context, _):
        seen = await survey(context, ttls=True)
    tap.stop()
    assert scans(tap) == ["all", "counters", "all"]
    assert (seen.limits.total, seen.cache.keys, seen.coverage.complete, seen.names_known) == (1, 3000, True, True)


async def test_without_any_counter_all_names_are_read_to_say_why(server: RealServer, tmp_path: Path) -> None:
    fill(server, 1500)
    fill(server, 1500, "throttle:{}:{}")
    async with system(server.port, tmp_path) as (context, _):
        seen = await survey(context, tenant=b"acme")
    assert (seen.limits.total, seen.unknown.count, seen.coverage.complete) == (0, 1500, True)
    assert seen.counters_unknown
