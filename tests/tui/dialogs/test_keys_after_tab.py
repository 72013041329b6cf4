"""Keys that come right after Tab, as a terminal sends what was typed fast, land in the next field of every dialog."""

import pytest
from textual.widgets import Input, Static

from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField
from optimus_tui.tui.routers.draft import FieldAnswer
from optimus_tui.tui.routers.widgets import FieldDialog
from tests.tui.keys import burst
from tests.tui.routers.driver import app_for

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize("onward", ["tab", "down"])
async def test_in_a_question(onward: str) -> None:
    app = app_for(None)
    async with app.run_test() as pilot:
        await app.push_screen(QuestionDialog("Resolve", [QuestionField("cause"), QuestionField("resolution")]))
        await pilot.pause()
        await burst(pilot, "a", "b", onward, "c", "d")
        assert [field.value for field in app.screen.query(Input)] == ["ab", "cd"]
        await burst(pilot, "shift+tab", "e", "tab", "f")
        assert [field.value for field in app.screen.query(Input)] == ["abe", "cdf"]


async def test_in_the_dialog_of_a_field() -> None:
    app = app_for(None)
    async with app.run_test() as pilot:
        await app.push_screen(FieldDialog(FieldAnswer("", "str", False, ""), []))
        await pilot.pause()
        await burst(pilot, "a", "tab", "tab", "tab", "7")
        assert [field.value for field in app.screen.query(Input)] == ["a", "str", "7"]


async def test_escape_asks_once_before_a_changed_field_is_dropped() -> None:
    app = app_for(None)
    async with app.run_test() as pilot:
        answers: list[object] = []
        dialog = FieldDialog(FieldAnswer("", "str", False, ""), [])
        app.push_screen(dialog, answers.append)
        await pilot.pause()
        await burst(pilot, "a", "escape")
        assert app.screen is dialog and "esc again drops" in str(dialog.query_one("#field-note", Static).content)
        await burst(pilot, "b", "escape")
        assert app.screen is dialog, "something was typed in between"
        await burst(pilot, "escape")
        assert answers == [None]
