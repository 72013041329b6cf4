"""One look of the health tool, in the process of a dashboard, has the findings that it shows, with their cause."""

import asyncio
from types import SimpleNamespace
from typing import Any

from optimus_tui.clock import counting_from
from optimus_tui.contract.finding_rules import CACHE_BULK, CACHE_HIT_RATE, LATENCY_NOW, LATENCY_P95
from optimus_tui.contract.findings import Finding
from optimus_tui.tools.figures.kept_alerts import with_notes, with_shown

RATE = Finding(rule=CACHE_HIT_RATE, severity="high", subject="hit rate", message="hit rate 35 % is below 60 %")
BULK = Finding(
    rule=CACHE_BULK, severity="high", subject="bulk invalidations", message="559 bulk invalidations", since=900.0
)
SLOW = Finding(rule=LATENCY_P95, severity="high", subject="engine", message="engine p95 829 ms", since=900.0)


def process(*shown: Finding, age: float = 1.0) -> Any:
    """Return the context of a process whose dashboard drew these findings ``age`` seconds ago."""

    async def nothing(_: str) -> None:
        return None

    clock = SimpleNamespace(mono=lambda: 500.0, wall=lambda: 1_000.0)
    return SimpleNamespace(clock=clock, shown=(500.0 - age, shown), store=SimpleNamespace(recall=nothing))


def told(ctx: Any, *found: Finding, without: tuple[str, ...] = ()) -> list[str]:
    return [one.rule for one in asyncio.run(with_notes(ctx, with_shown(ctx, found, without)))]


def test_the_cause_that_the_dashboard_shows_is_on_top_of_what_a_look_finds() -> None:
    dated = Finding(rule=CACHE_HIT_RATE, severity="high", subject="hit rate", message="35 %", since=910.0)
    ctx = process(BULK, dated)
    found = asyncio.run(with_notes(ctx, with_shown(ctx, [RATE], ())))
    assert [one.rule for one in found] == [CACHE_BULK, CACHE_HIT_RATE]
    assert found[1].caused_by == (CACHE_BULK, "bulk invalidations") and "559" in found[0].message


def test_what_the_look_misses_is_added_once_under_whatever_rule_of_its_group() -> None:
    assert told(process(SLOW), RATE) == [CACHE_HIT_RATE, LATENCY_P95]
    now = Finding(rule=LATENCY_NOW, severity="high", subject="engine", message="engine took 900 ms", since=900.0)
    assert told(process(SLOW), now) == [LATENCY_NOW]


def test_what_is_old_held_light_or_not_asked_about_is_left_out() -> None:
    held = Finding(rule=LATENCY_P95, severity="high", subject="engine", message="engine", held=True)
    light = Finding(rule=LATENCY_P95, severity="low", subject="engine", message="engine")
    assert told(process(held, light)) == []
    assert told(process(SLOW, age=60.0)) == []
    assert told(process(BULK), without=("cache",)) == []


def test_after_a_remedy_only_what_came_since_counts() -> None:
    with counting_from(990.0):
        assert told(process(BULK, SLOW), RATE) == [CACHE_HIT_RATE]
