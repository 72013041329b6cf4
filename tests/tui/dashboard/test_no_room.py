"""Panes without room: hidden, one cell wide, or behind a dialog while the terminal shrinks. None of them may die."""

from typing import Any

import pytest

from optimus_tui.contract.keyspace import FeedBatch, FeedGap
from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dialogs.sheets import TextDialog
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.feed.lines import TABLE, event_lines, gap_lines
from optimus_tui.tui.panes.feed.pane import FeedPane
from optimus_tui.tui.panes.health.pane import HealthPane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.widgets.row_table import RowTable
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.panes.cache_scene import Scene as CacheScene
from tests.tui.panes.cache_scene import press
from tests.tui.panes.feed_scene import GAP, HOSTILE, Scene, event, events, status
from tests.tui.pictures import SETTINGS, health_report, limits_report, reading

WIDTHS = (-4, 0, 1, 5, 12)


def test_a_column_that_never_hides_is_there_at_any_width() -> None:
    for width in WIDTHS:
        assert [column.id for column, _ in TABLE.fitted(width)] == ["time", "tenant", "type", "detail"]


@pytest.mark.usefixtures("offline")
async def test_a_wrapped_feed_behind_a_dialog_survives_a_smaller_terminal() -> None:
    app = OptimusApp(Settings())
    async with app.run_test(size=(142, 40)) as pilot:
        await pilot.pause()
        feed = app.screen.query_one(FeedPane)
        feed.reading = FeedBatch(items=events(1, 60), status=status())
        await pilot.press("4", "w", "2")
        app.push_screen(TextDialog("Routine", "words"))  # type: ignore[arg-type]
        await pilot.pause()
        for size in ((80, 24), (142, 40), (20, 6), (80, 24)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.press("escape")
        await pilot.press("4")
        await pilot.pause()
        assert feed.rows[-1].seq == 60
        assert feed.visible_range().stop == 60


def draw(pane: Pane, width: int) -> None:
    for line in range(pane.head_lines):
        pane.content.head(line, width)
    for line in range(pane.foot_lines):
        pane.content.foot(line, width)
    for index in range(len(pane.rows)):
        pane.content.row(index, width)


@pytest.mark.parametrize("make", [HealthPane, LimitsPane])
@pytest.mark.parametrize("size", [(1, 1), (4, 3), (9, 6)])
async def test_health_and_limits_draw_at_any_width(make: Any, size: tuple[int, int]) -> None:
    app = PaneApp(make(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = health_report() if make is HealthPane else reading(limits_report())
        if make is LimitsPane:
            app.pane.action_detail()  # type: ignore[attr-defined]
        await pilot.resize_terminal(*size)
        await pilot.pause()
        for width in WIDTHS:
            draw(app.pane, width)
            if isinstance(app.pane, HealthPane):
                app.pane.content.build(width)
        await pilot.resize_terminal(84, 20)
        await pilot.pause()
        assert app.pane.rows and any(line.strip() for line in screen_lines(app))


async def test_the_cache_tree_draws_at_any_width() -> None:
    scene = CacheScene()
    async with scene.app.run_test(size=(84, 20)) as pilot:
        await scene.arrive(pilot)
        await press(scene, pilot, "right", "down", "right")
        for width in WIDTHS:
            draw(scene.pane, width)
        for size in ((1, 1), (4, 3), (9, 6)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        await pilot.resize_terminal(84, 20)
        await pilot.pause()
        assert scene.pane.rows and any(line.strip() for line in screen_lines(scene.app))


async def test_the_feed_draws_at_any_width_wrapped_or_not() -> None:
    scene = Scene()
    items = (*(event(seq, payload) for seq, payload in enumerate(HOSTILE, 1)), GAP)
    async with scene.app.run_test(size=(84, 20)) as pilot:
        await scene.arrive(pilot, items)  # type: ignore[arg-type]
        for width in WIDTHS:
            draw(scene.pane, width)
            for item in items:
                if isinstance(item, FeedGap):
                    assert gap_lines(item, width, 5)
                else:
                    columns = RowTable(TABLE)
                    assert event_lines(columns, item, scene.pane.store.parsed(item), width, 5)  # type: ignore[arg-type]
        await pilot.press("w")
        for size in ((1, 1), (4, 3), (9, 6), (84, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        assert "gap" in scene.text()
