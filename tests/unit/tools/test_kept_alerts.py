"""One look of the health tool, in the process of a dashboard, has the findings that it shows, with their cause."""

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec.structs import replace

from optimus_tui.clock import counting_from
from optimus_tui.contract.finding_causes import RESTART
from optimus_tui.contract.finding_rules import (
    CACHE_BULK,
    CACHE_CHURN,
    CACHE_HIT_RATE,
    EVENTS_FLOOD,
    LATENCY_COLD_START,
    LATENCY_NOW,
    LATENCY_P95,
)
from optimus_tui.contract.findings import AlertEpisode, Finding
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.tools.figures.kept_alerts import with_notes, with_shown, without_cures
from optimus_tui.verdicts.causes import relate
from optimus_tui.verdicts.own_acts import ACTS, OwnAct

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
    assert told(process(replace(BULK, severity="low"))) == [CACHE_BULK], "only who hears the feed sees it"
    assert told(process(BULK), without=("cache",)) == []


def test_after_a_remedy_only_what_came_since_counts() -> None:
    with counting_from(990.0):
        assert told(process(BULK, SLOW), RATE) == [CACHE_HIT_RATE]


def notes(ctx: Any, *found: Finding) -> dict[str, Finding]:
    return {one.rule: one for one in asyncio.run(with_notes(ctx, found))}


def test_what_the_dashboard_follows_has_the_same_figures_in_an_answer() -> None:
    flood = Finding(rule=EVENTS_FLOOD, severity="medium", subject="coherence feed", message="2,532", measured=2_532.0)
    start = Finding(rule=LATENCY_COLD_START, severity="low", subject="gateway", message="judged from 00:16:50")
    ctx = process(BULK, flood, start)
    own = (
        replace(flood, message="1,496", measured=1_496.0),
        replace(start, message="judged from 00:16:40"),
        replace(BULK, message="166 bulk invalidations", severity="low", since=995.0),
    )
    told = notes(ctx, *own)
    assert [told[one.rule].message for one in (BULK, flood, start)] == [BULK.message, "2,532", start.message]
    with counting_from(990.0):  # the screen's figures hold what came before it
        told = notes(ctx, *own)
    assert [told[one.rule].message for one in (BULK, flood, start)] == [
        "166 bulk invalidations", "1,496", "judged from 00:16:40",
    ]  # fmt: skip
    assert notes(process(BULK, flood, start, age=60.0), *own)[EVENTS_FLOOD].message == "1,496"


def test_the_evidence_of_a_chain_is_the_one_on_the_screen() -> None:
    effect = replace(RATE, since=916.0)
    shown = relate([replace(BULK, severity="low", as_cause="100 bulk invalidations began"), effect])
    assert shown[1].message.endswith("it fell 16 s after 100 bulk invalidations began")
    own = replace(BULK, as_cause="166 bulk invalidations began", severity="low", since=911.4)
    churn = Finding(rule=CACHE_CHURN, severity="low", subject="cache", message="refilled in vain", since=914.0)
    for looked in (
        (RATE, own, churn),
        relate([replace(RATE, since=916.0), own]),
        relate([replace(RATE, since=918.0), churn]),
    ):
        told = notes(process(*shown), *looked)
        assert told[CACHE_HIT_RATE].message == shown[1].message
        assert told[CACHE_HIT_RATE].caused_by == shown[1].caused_by


def test_without_a_dashboard_a_burst_began_when_what_watches_the_feed_noted_it() -> None:
    ctx, own = process(), replace(BULK, severity="low", since=990.0)
    early = AlertEpisode(finding=replace(BULK, since=900.0), severity="low", since=900.0, seen=999.0)

    async def recall(_: str) -> bytes:
        return msgspec.json.encode([early])

    ctx.store = SimpleNamespace(recall=recall)
    assert notes(ctx, own)[CACHE_BULK].since == 900.0
    assert CACHE_BULK in notes(ctx, replace(RATE, since=910.0))
    with counting_from(990.0):
        assert CACHE_BULK not in notes(ctx, replace(RATE, since=910.0)), "what was noted is of before"
    assert notes(process(), own)[CACHE_BULK].since == 990.0


def restarted(ago: float, *, before: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return the notes of a dashboard that has restarted the engine."""
    at = 1_000.0 - ago
    act = OwnAct(kind=RESTART, subject="engine", began=at - 2, ended=at, mono=1.0, before=frozenset(before))
    return msgspec.json.encode([act])


def test_a_tool_of_any_process_names_the_side_effect_of_a_restart_and_recommends_no_cure() -> None:
    rate = replace(RATE, since=980.0, window_seconds=30.0, remedy="See which job drops cached answers.")
    cure = Recommendation(action="Stop the job", priority="high", rule=CACHE_HIT_RATE)
    other = Recommendation(action="Look at the engine", priority="high", rule=LATENCY_P95)

    def answer(notes: bytes, found: Finding) -> tuple[Finding, tuple[Recommendation, ...]]:
        async def recall(key: str) -> bytes | None:
            return notes if key == ACTS else None

        ctx = process()
        ctx.store = SimpleNamespace(recall=recall)
        findings = asyncio.run(with_notes(ctx, [found]))
        return findings[0], without_cures(findings, [cure, other])

    told, advice = answer(restarted(40.0), rate)
    assert told.message.startswith(
        f"{RATE.message}; side effect of your restart of the engine at 00:15:58; cached answers"
    )
    assert told.remedy.startswith("Nothing has to be done: ") and "wait until 00:18:30" in told.remedy
    assert told.severity == "high" and advice == (other,)
    for notes, found in (
        (restarted(200.0), rate),  # it outlasts the restart
        (restarted(40.0), replace(rate, since=900.0)),  # it was there before
        (restarted(40.0, before=((CACHE_HIT_RATE, "hit rate"),)), rate),  # and so was this, which came back
        (restarted(40.0), replace(rate, since=None)),  # nobody knows since when
        (b"{damaged", rate),
    ):
        assert answer(notes, found) == (found, (cure, other))
