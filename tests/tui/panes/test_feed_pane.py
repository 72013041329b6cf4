"""The feed pane: following, pausing without loss, filters, gaps, hostile payloads, and what it says of the link."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.pilot import Pilot

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import ClockOffset, FeedBatch, FeedStatus
from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.events import parse_event
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.tui.dialogs.sheets import SheetDialog, body_facts
from optimus_tui.tui.messages import CopyRequested, StateChanged
from optimus_tui.tui.panes.feed import lines as feed_lines
from optimus_tui.tui.panes.feed import store as feed_store
from optimus_tui.tui.panes.feed.lines import TABLE, event_lines, told_types
from optimus_tui.tui.panes.feed.store import FeedStore, passes
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.verdicts.coherence.events import judge
from tests.sizes import SIZES
from tests.steps import steps_of
from tests.tui.panes.feed_scene import GAP, HOSTILE, Scene, event, events, status
from tests.tui.pictures import MONO


async def filtered(scene: Scene, pilot: "Pilot[None]", text: str) -> None:
    assert scene.pane.set_filter(text) is None
    await pilot.pause()
    await scene.app.workers.wait_for_complete()
    await pilot.pause()


# -- messages ----------------------------------------------------------------------------------------------------------


async def test_the_tab_strip_hears_the_rate_and_the_outage() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 3))
        assert scene.pane.content.state() == ("38/s", "")
        await scene.arrive(pilot, state="down")
        assert scene.pane.content.state() == ("✖", "crit")
        assert len(scene.app.heard(StateChanged)) == 3


async def test_a_flood_has_its_mark_on_the_tab() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 3), rate=1500.0)
        assert scene.pane.content.state() == ("▲ 1,500/s", "warn")


async def test_e_finds_what_the_health_pane_tells_of_the_feed() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 3))
        assert [one.rule for one in scene.pane.content.findings_here()] == []
        await scene.arrive(pilot, state="down")
        assert [one.subject for one in scene.pane.content.findings_here()] == ["coherence feed"]


async def test_y_copies_the_row_and_copy_as_offers_the_payload_and_a_line_that_listens() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 3))
        await pilot.press("y")
        assert "k3" in scene.app.heard(CopyRequested)[-1].text
        forms = dict(scene.pane.content.copy_forms())
        assert forms["payload"] == event(3).payload.decode()
        assert forms["listen"] == "redis-cli -h localhost -p 6379 psubscribe 'cache_coherence:*'"


# -- following ---------------------------------------------------------------------------------------------------------


async def test_the_view_follows_the_newest_until_the_operator_moves_and_g_follows_again() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        assert "k40" in scene.lines()[-2]
        assert "following" in scene.lines()[0]
        await pilot.press("up", "up")
        before = scene.body()
        await scene.arrive(pilot, events(41, 45))
        assert scene.body() == before
        assert "G: follow the newest" in scene.lines()[0]
        await pilot.press("G")
        await pilot.pause()
        assert "k45" in scene.lines()[-2]
        assert "following" in scene.lines()[0]
        await scene.arrive(pilot, events(46, 47))
        assert "k47" in scene.lines()[-2]


async def test_moving_down_to_the_newest_row_follows_again() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        await pilot.press("up", "down")
        assert scene.pane.tail.following


async def test_the_wheel_leaves_follow_and_finds_back() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        scene.pane.scroll_to(y=5, animate=False)
        await pilot.pause()
        assert not scene.pane.tail.following
        top = scene.body()[0]
        await scene.arrive(pilot, events(41, 60))
        assert scene.body()[0] == top
        scene.pane.scroll_to(y=scene.pane.max_scroll_y, animate=False)
        await pilot.pause()
        assert scene.pane.tail.following


async def test_rows_that_leave_at_the_bound_do_not_move_the_rows_in_view() -> None:
    scene = Scene(keep=50)
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 50))
        await pilot.press("up", "up")
        before = scene.body()
        await scene.arrive(pilot, events(51, 70))
        assert scene.body() == before
        assert len(scene.pane.rows) == 50


async def test_a_resize_keeps_the_newest_in_view_while_following() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 24)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        for size in ((84, 10), (60, 30), (140, 16)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.pause()
            assert "k40" in scene.lines()[-2], size
            assert scene.pane.tail.following


# -- pausing -----------------------------------------------------------------------------------------------------------


async def test_pause_freezes_the_rows_counts_what_comes_and_shows_all_of_it_afterwards() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        await pilot.press("space")
        before = scene.body()
        await scene.arrive(pilot, events(41, 168))
        assert scene.body() == before
        assert "PAUSED +128" in scene.lines()[0]
        await pilot.press("space")
        await pilot.pause()
        assert [row.seq for row in scene.pane.rows] == list(range(1, 169))
        assert "k168" in scene.lines()[-2]
        assert "PAUSED" not in scene.lines()[0]


async def test_a_pause_longer_than_the_view_is_deep_says_how_many_left() -> None:
    scene = Scene(keep=100)
    async with scene.app.run_test(size=(120, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        await pilot.press("space")
        await scene.arrive(pilot, events(41, 340))
        assert "PAUSED +300" in scene.lines()[0]
        assert "200 left the view" in scene.lines()[0]


async def test_a_filter_set_while_paused_shows_nothing_that_came_later() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 9))
        await pilot.press("space")
        await scene.arrive(pilot, events(10, 30))
        await filtered(scene, pilot, "tenant:t1")
        assert [row.seq for row in scene.pane.rows] == [1, 4, 7]
        await pilot.press("space")
        await filtered(scene, pilot, "tenant:t1")
        assert scene.pane.rows[-1].seq == 28


async def test_paints_are_spared_but_an_outage_is_told_at_once() -> None:
    scene = Scene()
    scene.pane.paints.seconds = 30.0
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 3))
        await scene.arrive(pilot, events(4, 9))
        assert len(scene.pane.rows) == 3
        assert len(scene.pane.store.items) == 9
        await scene.arrive(pilot, state="down")
        assert len(scene.pane.rows) == 9
        assert "down" in scene.lines()[-1]


# -- filter, wrap, clear -----------------------------------------------------------------------------------------------


async def test_a_filter_holds_for_what_is_there_and_for_what_comes() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 20)) as pilot:
        await scene.arrive(pilot, events(1, 30))
        await filtered(scene, pilot, "tenant:t1 type:conversation")
        assert [row.seq for row in scene.pane.rows] == list(range(1, 31, 3))
        await scene.arrive(pilot, events(31, 60))
        await filtered(scene, pilot, "tenant:t1 type:conversation")
        assert [row.seq for row in scene.pane.rows] == list(range(1, 61, 3))
        assert "20 of 60" in scene.lines()[0]
        await filtered(scene, pilot, "nothing-like-this")
        assert "match / nothing-like-this" in scene.text()
        await filtered(scene, pilot, "")
        assert len(scene.pane.rows) == 60


async def test_what_comes_while_a_filter_is_set_is_looked_at_without_being_asked_again() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 20)) as pilot:
        await scene.arrive(pilot, events(1, 3))
        await filtered(scene, pilot, "k77")
        await scene.arrive(pilot, events(4, 99))
        await scene.app.workers.wait_for_complete()
        await pilot.pause()
        assert [row.seq for row in scene.pane.rows] == [77]


def test_a_filter_never_hides_that_events_may_be_missing_row_62() -> None:
    store = FeedStore()
    assert passes(parse_filter("tenant:acme"), GAP, store)
    assert passes(parse_filter("gap>4"), GAP, store)
    assert not passes(parse_filter("gap>5"), GAP, store)
    assert not passes(parse_filter("!gap"), GAP, store)
    assert not passes(parse_filter("gap"), event(1), store)
    assert passes(parse_filter("origin:log"), event(1, origin="log"), store)
    assert not passes(parse_filter("origin:log"), event(1), store)
    assert passes(parse_filter("channel:events text:k1"), event(1), store)


async def test_wrapped_events_take_the_lines_they_need_and_the_newest_stays_in_view() -> None:
    scene = Scene()
    long = json.dumps({"type": "x", "tenant_id": "t", "key": "word " * 22}).encode()
    async with scene.app.run_test(size=(84, 20)) as pilot:
        await scene.arrive(pilot, (*events(1, 30), event(31, long), event(32)))
        await pilot.press("w")
        await pilot.pause()
        lines = scene.lines()
        shown = [line for line in lines if line.strip("│ ")]
        assert sum("word" in line for line in lines) > 2
        assert "k32" in shown[-2]
        assert "wrapped" in lines[0]
        await pilot.press("up")
        assert scene.pane.selected.seq == 31
        await pilot.press("home")
        await pilot.pause()
        assert "k1 " in scene.lines()[2]
        await pilot.press("w")
        await pilot.pause()
        assert sum("word" in line for line in scene.lines()) <= 1


async def test_clear_empties_the_view_and_leaves_the_counters() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 14)) as pilot:
        await scene.arrive(pilot, events(1, 40))
        await pilot.press("c")
        await pilot.pause()
        assert "Cleared at" in scene.text()
        assert "41,207 events" in scene.lines()[-1]
        await scene.arrive(pilot, (*events(38, 40), *events(41, 42)))
        assert [row.seq for row in scene.pane.rows] == [41, 42]


# -- gaps, the log, the truth ------------------------------------------------------------------------------------------


async def test_a_gap_has_its_row_and_what_was_filled_in_is_marked_row_62() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(110, 14)) as pilot:
        await scene.arrive(pilot, (*events(1, 2), GAP, event(51, origin="log"), event(52)), gaps=1)
        text = scene.text()
        assert "gap 4.2 s, events may be missing · 6 filled in from the log" in text
        assert "log k51" in text
        assert "log k52" not in text
        assert "gap at 11:06:40 filled" in scene.lines()[-1]
        await pilot.press("up", "up", "enter")
        await pilot.pause()
        assert isinstance(scene.app.screen, SheetDialog)
        assert "connection closed" in scene.text()


async def test_events_too_fast_to_show_are_said_to_be_sampled_row_61() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(120, 14)) as pilot:
        await scene.arrive(pilot, events(1, 10))
        await scene.arrive(pilot, events(2001, 2100), rate=20_000.0)
        assert "sampled  20k/s" in scene.lines()[0]
        assert "1,990 too fast to show" in scene.lines()[-1]
        await scene.arrive(pilot, events(2101, 2110))
        assert "sampled" not in scene.lines()[0]


def test_a_number_of_keys_never_loses_its_unit() -> None:
    for room in range(11, 40):
        assert feed_lines._fit_detail("cache:*:demo_dentist:* 2 keys", room).rstrip().endswith(" 2 keys")
    assert feed_lines._fit_detail("a sentence of many words and nothing else", 12) == "a sentence …"


async def test_the_link_down_says_since_when_why_and_when_it_tries_again_row_33() -> None:
    fault = Fault("refused", "localhost:6379/0: connection refused")
    for width in (60, 84, 140):
        scene = Scene()
        async with scene.app.run_test(size=(width, 14)) as pilot:
            await scene.arrive(pilot, events(1, 5))
            await scene.arrive(pilot, state="down", fault=fault, retry_in=3.0, verified_mono=MONO - 30)
            last = scene.lines()[-1]
            assert "connection refused" in last, width
            assert "…" not in last
            assert "k5" in scene.text()
            if width > 60:
                assert "down since 11:06:10" in last
            assert "retry in 3 s" in last
            scene.clock.advance(2)
            scene.pane.tick()
            await pilot.pause()
            assert "retry in 1 s" in scene.lines()[-1]


async def test_a_denied_channel_shows_the_words_that_would_allow_it_row_41() -> None:
    fault = Fault("denied", "a channel is not allowed for user observer", "ACL SETUSER observer &cache_coherence:*")
    scene = Scene()
    async with scene.app.run_test(size=(84, 12)) as pilot:
        await scene.arrive(pilot, state="denied", received=0, fault=fault)
        assert "ACL SETUSER observer &cache_coherence:*" in scene.text()
        assert "denied" in scene.lines()[-1]


async def test_silence_is_told_with_the_proof_that_the_link_lives_row_65() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 12)) as pilot:
        await scene.arrive(pilot, events(1, 5), last_event_mono=MONO - 600, rate=0.0)
        assert "last event 10 min ago, link verified 1.0 s ago" in scene.lines()[-1]
        await scene.arrive(pilot, received=0, last_event_mono=None)
        assert "no event yet, link verified 1.0 s ago" in scene.lines()[-1]


async def test_a_wall_clock_that_jumps_ages_no_event() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 12)) as pilot:
        for hours in (1, -2):
            scene.clock._wall += hours * 3600
            await scene.arrive(pilot, events(1, 5), last_event_mono=MONO - 90, rate=0.0)
            assert "last event 1 min 30 s ago" in scene.lines()[-1]


async def test_before_any_answer_the_pane_says_where_it_connects() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 12)) as pilot:
        await pilot.pause()
        assert "connecting to redis at localhost:6379/0" in scene.text()
        await scene.arrive(pilot, received=0, last_event_mono=None)
        assert "No events on cache_coherence:*" in scene.text()


async def test_a_profile_without_a_feed_has_a_state_of_its_own_and_no_finding() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(140, 42)) as pilot:
        await scene.arrive(pilot, state="none", received=0, last_event_mono=None, verified_mono=None)
        assert "The profile names no feed of events: nothing is subscribed" in scene.text()
        assert "down" not in "\n".join(scene.lines()) and scene.pane.content.state() == ("no feed", "quiet")
    assert judge(FeedStatus(state="none"), mono=1e6) == []


# -- hostile payloads --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [False, True])
async def test_hostile_payloads_are_rows_like_others_rows_1_to_13_and_58_to_60(wrap: bool) -> None:
    scene = Scene()
    bad = tuple(event(100 + n, raw, channel=b"cache_coherence:" + raw[:500]) for n, raw in enumerate(HOSTILE))
    async with scene.app.run_test(size=(120, 60)) as pilot:
        await scene.arrive(pilot, (event(1), *bad, event(999)))
        if wrap:
            await pilot.press("w")
            await pilot.pause()
        lines = scene.lines()
        assert all(line.isprintable() for line in lines)
        assert {cell_len(line) for line in lines} == {120}
        assert "unparsed" in scene.text()
        assert "1,000,035 bytes" in scene.text()
        assert "k999" in scene.text()
        for index in range(len(scene.pane.rows)):
            for width in (56, 76, 80, 140):
                for line in scene.pane.content.lines(index, width, 5):
                    assert cell_len("".join(text for text, _ in line)) <= width


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_event_opens_whole_bounded_and_harmless_row_58(raw: bytes) -> None:
    scene = Scene()
    async with scene.app.run_test(size=(84, 24)) as pilot:
        await scene.arrive(pilot, (event(1, raw),))
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert isinstance(scene.app.screen, SheetDialog)
        assert all(line.isprintable() for line in scene.lines())
        await pilot.press("end", "escape")
        await pilot.pause()
        assert not isinstance(scene.app.screen, SheetDialog)


def test_a_name_that_occurs_twice_is_shown_as_it_came_row_58() -> None:
    twice = b'{"type": "a", "type": "b", "tenant_id": "t"}'
    assert body_facts(twice)[0][1] == twice.decode()
    assert len(body_facts(b'{"type": "a", "list": [1, {"b": 2}]}')) == 9


async def test_a_claimed_time_is_a_claim_and_the_order_is_ours_row_63() -> None:
    scene = Scene()
    old = event(2, b'{"type":"a","tenant_id":"t","timestamp":"1970-01-01T00:00:10Z"}')
    async with scene.app.run_test(size=(100, 24)) as pilot:
        await scene.arrive(pilot, (event(1), old))
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        assert "claims     1970-01-01 00:00:10 UTC" in scene.text()
        assert "before it came" in scene.text()


# -- size --------------------------------------------------------------------------------------------------------------


async def test_twenty_thousand_events_a_second_are_not_parsed_before_they_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed = 0
    real = feed_store.parse_event  # type: ignore[attr-defined]

    def counting(*args: Any) -> Any:
        nonlocal parsed
        parsed += 1
        return real(*args)

    monkeypatch.setattr(feed_store, "parse_event", counting)
    batches = [events(1 + 2000 * n, 2000 * (n + 1)) for n in range(10)]
    scene = Scene()
    async with scene.app.run_test(size=(84, 20)) as pilot:
        for items in batches:
            batch = FeedBatch(items=items, status=status(rate=20_000.0))
            _, steps = steps_of(lambda batch=batch: setattr(scene.pane, "reading", batch))  # type: ignore[misc]
            assert steps <= 50 * len(items)
            await pilot.pause()
        assert parsed <= 10 * 20
        assert len(scene.pane.rows) == 10_000


@pytest.mark.parametrize("size", SIZES)
async def test_claims_that_run_ahead_are_said_on_the_frame(size: tuple[int, int]) -> None:
    scene = Scene()
    async with scene.app.run_test(size=size) as pilot:
        await scene.arrive(pilot, events(1, 5), clock=ClockOffset(seconds=7200.0, events=5, of=5))
        assert "timestamps run 2 h ahead" in "\n".join(scene.lines())


async def test_a_broken_feed_is_called_that() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(140, 42)) as pilot:
        await scene.arrive(pilot, state="broken", fault=Fault("invalid", "what answers is no Redis"))
        assert "broken" in "\n".join(scene.lines())
        assert scene.pane.content.state() == ("✖", "crit")


def test_events_of_the_finding_on_the_dashboard_are_marked_while_it_is_an_alarm() -> None:
    bulk = Finding(rule="cache.bulk", severity="high", subject="events", message="40 bulk invalidations")
    one = event(1, b'{"type":"bulk_invalidation","tenant_id":"a","timestamp":1}')
    styles = {}
    for severity in ("high", "low"):
        told = told_types([replace(bulk, severity=severity)])
        ((*pieces,),) = event_lines(RowTable(TABLE), one, parse_event(one.payload, one.length), 80, 1, told=told)
        styles[severity] = next(style for text, style in pieces if "bulk_invalidation" in text)
    assert styles == {"high": "warn", "low": ""}
