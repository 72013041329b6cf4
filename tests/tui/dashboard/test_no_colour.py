"""Without colours: where the cursor is, which choice is chosen and which pane has the focus are seen all the same."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import OptionList

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import ChooseDialog, PickDialog
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.tools.lists import ReportView, ToolList
from optimus_tui.tui.widgets.fields import TickList
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import SETTINGS, limits_report, reading


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def reversed_texts(app: App[Any]) -> list[str]:
    """What is drawn in reverse video on each line of the screen."""
    strips = app.screen._compositor.render_strips(app.size)
    return ["".join(one.text for one in strip if one.style is not None and one.style.reverse) for strip in strips]


async def test_the_row_under_the_cursor_is_reversed_without_colours() -> None:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        assert "clinic_b" in reversed_texts(app)[2]
        await pilot.press("down")
        await pilot.pause()
        lines = reversed_texts(app)
        assert not lines[2]
        assert len(lines[3].strip()) > 40


@pytest.mark.parametrize("dialog", [PickDialog, ChooseDialog])
async def test_one_choice_of_a_menu_is_reversed_without_colours(dialog: Any) -> None:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        app.push_screen(dialog("Choose", [("first", "one"), ("second", "two")]))
        await pilot.pause()
        app.screen.query_one(OptionList).focus()
        app.screen.query_one(OptionList).highlighted = 0
        await pilot.press("down")
        await pilot.pause()
        seen = "".join(reversed_texts(app))
        assert "second" in seen
        assert "first" not in seen


async def test_one_line_of_a_list_to_tick_is_reversed_without_colours() -> None:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        options = TickList(("first", 0), ("second", 1))
        await app.mount(options)
        options.focus()
        await pilot.press("down")
        await pilot.pause()
        assert "second" in "".join(reversed_texts(app))


async def test_a_box_that_is_not_ticked_is_empty() -> None:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        options = TickList(("first", 0, True), ("second", 1))
        await app.mount(options)
        options.focus()
        await pilot.press("down", "up")
        await pilot.pause()
        lines = [line for line in screen_lines(app) if "first" in line or "second" in line]
        assert ["X" in line for line in lines] == [True, False]
        await pilot.press("space", "down", "space")
        await pilot.pause()
        lines = [line for line in screen_lines(app) if "first" in line or "second" in line]
        assert ["X" in line for line in lines] == [False, True]


@pytest.mark.usefixtures("offline")
async def test_the_pane_with_the_focus_is_named_in_reverse_without_colours() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        dashboard: Any = app.screen
        assert isinstance(dashboard, Dashboard)
        dashboard.focus_on("health")
        await pilot.pause()
        assert reversed_texts(app)[1].strip() == "1 Health"
        dashboard.focus_on("limits")
        await pilot.pause()
        assert reversed_texts(app)[1].strip() == "2 Rate limits"


@pytest.mark.usefixtures("offline")
async def test_the_frame_and_the_field_with_the_focus_are_reversed_without_colours() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: bool(app.screen.query(".field")))
        app.screen.query_one(ToolList).focus()
        await pilot.pause()
        assert "Tools" in "".join(reversed_texts(app))
        app.screen.query_one(ReportView).focus()
        await pilot.pause()
        seen = "".join(reversed_texts(app))
        assert "Tools" not in seen
        assert "Answer" in seen
        app.screen.query(".field-value").first().focus()
        await pilot.pause()
        assert "".join(reversed_texts(app)).strip()


async def until(pilot: Pilot[Any], true: Callable[[], bool]) -> None:
    for _ in range(500):
        await pilot.pause(0.02)
        if true():
            return
    raise AssertionError("it did not come to that")


async def test_with_colours_nothing_is_reversed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        assert not "".join(reversed_texts(app))
