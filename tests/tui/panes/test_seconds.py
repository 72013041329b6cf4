"""A second that passes draws only what looks different for it, and nothing that does is left out."""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from optimus_tui.contract.keyspace import FeedBatch
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.feed.pane import FeedPane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.panes.cache_scene import Scene, press
from tests.tui.panes.feed_scene import events, status
from tests.tui.pictures import SETTINGS, counter, golden, health_report, limits_report, reading

SECONDS = (1, 1, 28, 30, 1, 59, 240, 0.4, 3600, 3600, 36_000)


async def compare(app: PaneApp, pilot: Any, clock: FixedClock, pane: Pane) -> None:
    """Compare what stands there after each tick with the pane drawn whole."""
    for seconds in SECONDS:
        clock.advance(seconds)
        pane.tick()
        await pilot.pause()
        ticked = screen_lines(app)
        pane.refresh()
        await pilot.pause()
        assert ticked == screen_lines(app), seconds


async def test_counters_after_a_tick_are_those_of_a_whole_drawing() -> None:
    clock = FixedClock()
    pane = LimitsPane(clock, SETTINGS)
    app = PaneApp(pane)
    async with app.run_test(size=(120, 20)) as pilot:
        pane.reading = reading(limits_report())
        await compare(app, pilot, clock, pane)


async def test_keys_and_groups_after_a_tick_are_those_of_a_whole_drawing() -> None:
    scene = Scene()
    async with scene.app.run_test(size=(100, 24)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "right", "right")
        await compare(scene.app, pilot, scene.clock, scene.pane)


async def test_events_after_a_tick_are_those_of_a_whole_drawing() -> None:
    clock = FixedClock()
    pane = FeedPane(clock, SETTINGS)
    app = PaneApp(pane)
    async with app.run_test(size=(100, 24)) as pilot:
        pane.reading = FeedBatch(items=events(1, 30), status=status())
        await pilot.pause()
        await compare(app, pilot, clock, pane)


async def test_a_row_is_drawn_again_only_when_its_countdown_shows_another_time() -> None:
    clock = FixedClock()
    pane = LimitsPane(clock, SETTINGS)
    app = PaneApp(pane)
    async with app.run_test(size=(120, 20)) as pilot:
        pane.reading = reading(limits_report([counter(b"acme", b"chat", 7, ttl_ms=36_030_000)]))
        await pilot.pause()
        drawn: list[int] = []
        pane.content.row = noting(pane.content.row, drawn)  # type: ignore[assignment, method-assign]
        for _ in range(20):
            clock.advance(1)
            pane.tick()
        assert drawn == []
        clock.advance(60)
        pane.tick()
        assert drawn == [0]


def noting(row: Callable[[int, int], Any], drawn: list[int]) -> Callable[[int, int], Any]:
    def draw(index: int, width: int) -> Any:
        drawn.append(index)
        return row(index, width)

    return draw


async def test_a_health_report_with_the_same_refusals_puts_no_counter_in_order_again() -> None:
    pane = LimitsPane(FixedClock(), SETTINGS)
    app = PaneApp(pane)
    async with app.run_test(size=(120, 20)) as pilot:
        pane.reading = reading(limits_report())
        signals = golden()
        pane.follow(health_report(signals=signals))
        await pilot.pause()
        rows = pane.rows
        pane.follow(health_report(signals=structs.replace(signals)))
        assert pane.rows is rows
        pane.follow(health_report(signals=structs.replace(signals, seconds=signals.seconds + 1)))
        assert pane.rows is not rows
