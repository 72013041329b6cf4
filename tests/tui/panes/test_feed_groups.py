"""The feed in groups: counts, rates and shares of the kept events, also in a storm, filtered and paused."""

import json

import pytest
from textual.pilot import Pilot

from optimus_tui.contract.keyspace import FeedEvent, FeedItem
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.tui.panes.feed.groups import AT_ONCE, MOST_GROUPS, EventGroup, EventGroups
from optimus_tui.tui.panes.feed.store import EventFields, FeedStore
from tests.tui.panes.feed_scene import GAP, HOSTILE, Scene, event, events
from tests.tui.pictures import WALL


def named(seq: int, kind: str = "message_created", tenant: str = "acme", channel: str = "all") -> FeedEvent:
    payload = json.dumps({"type": kind, "tenant_id": tenant, "timestamp": WALL}).encode()
    place = b"cache_coherence:" + channel.encode()
    return FeedEvent(seq=seq, received_at=WALL - 100 + seq, channel=place, payload=payload, length=len(payload))


async def settled(scene: Scene, pilot: "Pilot[None]") -> None:
    await pilot.pause()
    await scene.app.workers.wait_for_complete()
    await pilot.pause()


def groups_of(scene: Scene) -> dict[bytes | None, int]:
    return {row.name: row.events for row in scene.pane.rows}


STORM: tuple[FeedItem, ...] = tuple(
    named(seq, "bulk_invalidation" if seq % 4 else "message_created", f"t{seq % 3}") for seq in range(1, 81)
)


async def test_g_groups_by_type_then_tenant_then_channel_then_shows_the_events_again() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, STORM)
        await pilot.press("g")
        await settled(scene, pilot)
        assert groups_of(scene) == {b"bulk_invalidation": 60, b"message_created": 20}
        assert "by type: 2" in scene.lines()[0]
        await pilot.press("g")
        await settled(scene, pilot)
        assert groups_of(scene) == {b"t0": 26, b"t1": 27, b"t2": 27}
        await pilot.press("g")
        await settled(scene, pilot)
        assert groups_of(scene) == {b"cache_coherence:all": 80}
        await pilot.press("g")
        await settled(scene, pilot)
        assert [row.seq for row in scene.pane.rows] == list(range(1, 81))
        assert scene.pane.tail.following


async def test_a_group_has_its_count_its_rate_its_share_and_when_it_was_seen_last() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, STORM)
        await pilot.press("g")
        await settled(scene, pilot)
        row = scene.pane.rows[0]
        assert (row.events, row.share, row.last_at) == (60, 0.75, WALL - 100 + 79)
        assert row.per_second == pytest.approx(60 / 99)
        line = next(line for line in scene.lines() if "bulk_invalidation" in line)
        assert line.split()[1:6] == ["bulk_invalidation", "60", "0.6", "75", "21"]
        assert "80 events of 1 min 39 s" in scene.lines()[0]


async def test_new_events_are_added_and_those_that_left_the_view_are_taken_off() -> None:
    scene = Scene(keep=50)
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, STORM[:40])
        await pilot.press("g")
        await settled(scene, pilot)
        await scene.arrive(pilot, STORM[40:])
        await settled(scene, pilot)
        kept = [item for item in scene.pane.store.items if isinstance(item, FeedEvent)]
        assert sum(groups_of(scene).values()) == len(kept) == 50
        assert groups_of(scene)[b"message_created"] == sum(b"message_created" in item.payload for item in kept)


async def test_a_storm_is_counted_in_slices_and_no_event_twice() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await pilot.press("g")
        await scene.arrive(pilot, events(1, 3 * AT_ONCE))
        await settled(scene, pilot)
        assert groups_of(scene) == {b"conversation_updated": 3 * AT_ONCE}
        await scene.arrive(pilot, events(3 * AT_ONCE + 1, 3 * AT_ONCE + 10))
        await settled(scene, pilot)
        assert groups_of(scene) == {b"conversation_updated": 3 * AT_ONCE + 10}


async def test_the_filter_works_on_groups_and_enter_filters_to_one() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, (*STORM, named(81, tenant="t1:eu")))
        await pilot.press("g")
        assert scene.pane.set_filter("type:bulk") is None
        await settled(scene, pilot)
        assert groups_of(scene) == {b"bulk_invalidation": 60}
        scene.pane.set_filter("")
        await pilot.press("g")
        await settled(scene, pilot)
        scene.pane.move_to(next(at for at, row in enumerate(scene.pane.rows) if row.name == b"t1"))
        await pilot.press("enter")
        await settled(scene, pilot)
        assert scene.pane.content.groups.by == ""
        assert len(scene.pane.rows) == 27
        assert scene.pane.filter.text == "tenant:=t1"


async def test_pause_holds_the_groups_and_letting_go_counts_what_came() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, STORM[:40])
        await pilot.press("g", "space")
        await settled(scene, pilot)
        before = scene.body()
        await scene.arrive(pilot, STORM[40:])
        await settled(scene, pilot)
        assert scene.body() == before
        assert "PAUSED +40" in scene.lines()[0]
        await pilot.press("g")
        await settled(scene, pilot)
        assert sum(groups_of(scene).values()) == 40
        await pilot.press("space")
        await settled(scene, pilot)
        assert sum(groups_of(scene).values()) == 80


async def test_home_is_the_first_group_and_the_cursor_stays_on_its_group() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 20)) as pilot:
        await scene.arrive(pilot, STORM)
        await pilot.press("g", "g")
        await settled(scene, pilot)
        await pilot.press("end")
        under = scene.pane.selected.name
        await scene.arrive(pilot, tuple(named(seq, tenant=under.decode()) for seq in range(81, 90)))
        await settled(scene, pilot)
        assert scene.pane.selected.name == under
        assert scene.pane.cursor == 0
        await pilot.press("end", "home")
        assert scene.pane.cursor == 0


async def test_hostile_names_are_drawn_safely_and_unparsed_events_are_one_group() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 24)) as pilot:
        await scene.arrive(pilot, tuple(event(seq, payload) for seq, payload in enumerate(HOSTILE, 1)))
        for _ in range(3):
            await pilot.press("g")
            await settled(scene, pilot)
            assert not any(
                ord(mark) < 32 or ord(mark) in (0x7F, 0x202E, 0x9D) for mark in scene.text().replace("\n", "")
            )
            assert sum(groups_of(scene).values()) == len(HOSTILE)
        await pilot.press("g", "g")
        await settled(scene, pilot)
        assert b"unparsed" in groups_of(scene)


def test_groups_beyond_the_most_are_counted_together_and_gaps_are_no_events() -> None:
    store = FeedStore()
    store.add([GAP, *(named(seq + 100, f"type_{seq:04}") for seq in range(MOST_GROUPS + 30))])
    groups = EventGroups(store)
    groups.group_by(groups.next_by)
    groups.take(groups.backlog(None))
    rows = groups.rows(WALL + 1_000)
    assert len(rows) == MOST_GROUPS + 1
    assert (rows[-1].name, rows[-1].events, rows[-1].groups) == (None, 30, 30)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert groups.filter_text(rows[-1]) is None


def test_while_events_are_counted_the_title_says_how_many_are_left_instead_of_a_total() -> None:
    store = FeedStore()
    store.add([named(seq) for seq in range(1, 2_001)])
    groups = EventGroups(store)
    groups.group_by(groups.next_by)
    backlog = groups.backlog(None)
    groups.take(backlog[:500])
    groups.left = len(backlog) - 500
    words = [text for text, _ in groups.title_words(WALL, 1)]
    assert words == ["by type: 1", "counting, 1,500 left"]


def test_events_that_never_reached_the_view_make_the_counts_at_least() -> None:
    store = FeedStore()
    store.add([named(1), named(2)])
    groups = EventGroups(store)
    groups.group_by(groups.next_by)
    assert not groups.missed
    store.add([named(9)])
    assert groups.missed
    groups.take(groups.backlog(None))
    assert groups.title_words(WALL, 1)[1][0].startswith("≥ 3 events")


@pytest.mark.parametrize("name", ["acme", "acme:eu", "two words", "ümlaut"])
def test_the_filter_of_a_group_keeps_its_events(name: str) -> None:
    store = FeedStore()
    store.add([named(1, tenant=name), named(2, tenant="other")])
    groups = EventGroups(store)
    groups.by = "tenant"
    text = groups.filter_text(EventGroup(name.encode(), 1, 1.0, 1.0, WALL))
    assert text is not None
    wanted = parse_filter(text, EventFields.NAMES)
    kept = [item for item in store.items if isinstance(item, FeedEvent) and wanted.matches(EventFields(item, store))]
    assert [item.seq for item in kept] == [1]


async def test_title_rows_and_foot_say_which_events_they_count() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(140, 20)) as pilot:
        await scene.arrive(pilot, STORM)
        assert "received live" not in scene.lines()[-1]
        await pilot.press("g")
        await settled(scene, pilot)
        lines = scene.lines()
        assert "80 events of" in lines[0] and "kept here" in lines[0]
        assert any("events received live" in line for line in lines)
