"""Which panes a size shows: four, health with one more, or one; and none is read faster than it is seen."""

from typing import Any
from unittest.mock import AsyncMock

import pytest

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dashboard.status_line import status_words
from optimus_tui.tui.widgets.bars import TabStrip
from optimus_tui.wording.truth import OVERALL_MARKS
from tests.tui.pictures import SETTINGS, health_report

ALL = ["health", "limits", "cache", "feed"]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)


def shown(dashboard: Any) -> list[str]:
    return [pane.NAME for pane in dashboard.panes() if pane.is_on_screen]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((80, 24), ["health"]), ((100, 30), ["health", "limits"]), ((140, 42), ALL), ((200, 60), ALL)],
)
async def test_the_size_decides_how_many_panes_there_are(size: tuple[int, int], expected: list[str]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        assert shown(dashboard) == expected
        assert dashboard.query_one(TabStrip).display == (len(expected) < 4)


async def test_two_panes_are_health_and_the_current_one_and_zoom_shows_one() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(100, 30)) as pilot:
        dashboard: Any = app.screen
        for key, name in (("4", "feed"), ("3", "cache"), ("2", "limits")):
            await pilot.press(key)
            await pilot.pause()
            assert shown(dashboard) == ["health", name]
        await pilot.press("z")
        await pilot.pause()
        assert shown(dashboard) == ["limits"]
        await pilot.press("z", "1")
        await pilot.pause()
        assert shown(dashboard) == ["health", "limits"]


async def test_a_pane_that_two_panes_hide_is_read_half_as_often_and_its_details_not_at_all() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(100, 30)) as pilot:
        dashboard: Any = app.screen
        paces: dict[str, float] = {}
        dashboard.bridge.pace = paces.__setitem__
        dashboard.bridge.stop = AsyncMock()
        await pilot.press("4")
        await pilot.pause()
        assert paces == {"details": 0.0, "keys": 2.0, "limits": 2.0}
        await pilot.press("3")
        await pilot.pause()
        assert paces == {"details": 1.0, "keys": 1.0, "limits": 2.0}


async def test_at_the_largest_size_health_has_the_whole_height() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        health, limits, cache = (dashboard.pane(name).region for name in ("health", "limits", "cache"))
        assert health.height == limits.height + cache.height
        assert limits.width > cache.width


async def test_tab_pane_and_header_tell_of_the_same_report_as_soon_as_it_is_drawn() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.reports.put("health", health_report())
        glyph, _ = dashboard.pane("health").content.state()
        assert dashboard.query_one(TabStrip).tabs[0][2] == glyph != "●"


@pytest.mark.parametrize(("width", "words"), [(80, "drill 20 s: press i"), (140, "drill 20 s: i opens an incident")])
def test_the_header_has_a_note_in_the_longest_form_that_fits(width: int, words: str) -> None:
    forms = ("drill 20 s: i opens an incident on the alarm", "drill 20 s: press i", "drill 20 s")
    left, right = status_words(SETTINGS, (forms, True), OVERALL_MARKS["needs_attention"], 3.0, 0.0, width)
    shown = "".join(text for text, _ in [*left, *right])
    assert words in shown and len(shown) <= width
    assert shown.index("read-only") < shown.index("drill") < shown.index("NEEDS")


async def test_with_four_panes_health_and_limits_have_more_height_than_what_is_below_them() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        health, limits, cache, feed = (dashboard.pane(name).region for name in ("health", "limits", "cache", "feed"))
        assert health.height == limits.height > 2 * cache.height == 2 * feed.height
        assert cache.height >= 10 and health.width > 60
