"""The result of a drill at 80x24: the keys scroll it at once, and its end is readable beside a toast."""

from typing import Any

import pytest

from optimus_tui.contract.incident import DrillMilestone, DrillResult
from optimus_tui.incidents.drill import COUNTS, MEANS, page
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.drill_result import DrillScreen, result_sections
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

pytestmark = pytest.mark.usefixtures("offline")
MARKS = tuple(DrillMilestone(name, None, f"{name} was not reached") for name in MEANS)
RESULT = DrillResult("stampede", "a stampede of readers", "wait", "given up", False, MARKS, (), 3.0, None, None)


async def test_each_key_scrolls_and_the_end_stays_in_view_beside_a_toast() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        app.dashboard.open_screen(DrillScreen(RESULT, 1.0))
        await until(pilot, lambda: "What was injected" in "\n".join(screen_lines(app)))

        def top(lines: int) -> list[str]:
            return [line[:-1] for line in screen_lines(app)[1 : 1 + lines]]  # without the scroll bar

        first = top(2)
        await pilot.press("down")
        await until(pilot, lambda: top(1) == first[1:])  # one line further at once
        await pilot.press("up")
        await until(pilot, lambda: top(2) == first)
        await pilot.press("G")
        await until(pilot, lambda: "injected on purpose" in "\n".join(screen_lines(app)))
        await pilot.press("down")
        await until(pilot, lambda: "this is the end" in "\n".join(screen_lines(app)))
        await until(pilot, lambda: "injected on purpose" in "\n".join(screen_lines(app)))  # above the toast
        await pilot.press("g")
        await until(pilot, lambda: top(2) == first)


def test_the_result_says_that_reading_a_cause_on_the_screen_leaves_no_mark() -> None:
    times = next(one for one in result_sections(RESULT) if one.title.startswith("Times"))
    assert COUNTS in [line.text for line in times.lines] and COUNTS in page(RESULT, 1.0)
