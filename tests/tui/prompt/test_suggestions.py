"""The list above an empty ``:``: every command with what it does, those used last on top; it narrows as one types."""

import re
from typing import Any

import pytest
from textual.pilot import Pilot

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.prompt.bar import PromptBar
from optimus_tui.tui.prompt.suggestions import SuggestionList
from tests.sizes import SIZES
from tests.tui.driver import said, until
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS

pytestmark = pytest.mark.usefixtures("offline")


def offered(app: Any) -> list[str]:
    """Return the lines of the list; none while it is hidden."""
    view = next(iter(app.screen.query(SuggestionList)))
    return [line.strip() for line in str(view.content).split("\n")] if view.display else []


def undated(pilot: Pilot[Any]) -> list[str]:
    """Return the three lines on top, without the time."""
    return [re.sub(r"\d\d:\d\d:\d\d", "", line) for line in said(pilot).splitlines()[:3]]


@pytest.mark.parametrize("size", SIZES)
async def test_a_colon_alone_shows_what_can_be_typed_and_moves_nothing(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        before = undated(pilot)
        await burst(pilot, "colon")
        await until(pilot, lambda: ":health" in said(pilot))
        lines = said(pilot).splitlines()
        assert undated(pilot) == before
        assert any("Go to the health pane" in line for line in lines)
        assert "more: type" in lines[-4] and lines[-3].lstrip().startswith(":"), "the list stands above the prompt"
        await burst(pilot, "escape")
        await until(pilot, lambda: "Go to the health pane" not in said(pilot))


async def test_it_narrows_to_what_begins_so_and_marks_what_tab_takes() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        await burst(pilot, "colon", *"in")
        assert [line.split()[0] for line in offered(app)] == [":incident", ":interrupted", ":interval"]
        await burst(pilot, "tab", "tab")
        bar = next(iter(app.screen.query(PromptBar)))
        assert bar.field.value == "interrupted"
        assert len(offered(app)) == 3, "tab goes on through the same list"
        await burst(pilot, *["backspace"] * 20, *"theme", "space")
        assert ":theme optimus-dark" in offered(app)
        await burst(pilot, *"xyz")
        assert offered(app) == []


async def test_what_was_used_last_stands_on_top() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.pause()
        for line in ("messages", "interval 5"):
            await burst(pilot, "colon", *[{" ": "space"}.get(one, one) for one in line], "enter")
            await pilot.press("escape")
        await burst(pilot, "colon")
        await until(pilot, lambda: offered(app) != [])
        assert [line.split()[0] for line in offered(app)][:3] == [":interval", ":messages", ":health"]
        await burst(pilot, "tab")
        assert next(iter(app.screen.query(PromptBar))).field.value == "interval "
