"""Letters are no commands where text can be typed, and q goes back one level elsewhere."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.command_log.screen import CommandLogScreen
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import Dialog, QuestionDialog, QuestionField
from optimus_tui.tui.dialogs.help import help_dialog
from optimus_tui.tui.routers.draft import FieldAnswer
from optimus_tui.tui.routers.widgets import FieldDialog
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    "make",
    [
        lambda: QuestionDialog("Note", [QuestionField("Note")]),
        lambda: FieldDialog(FieldAnswer(), []),
        lambda: help_dialog("Health", "", [], []),
    ],
    ids=["question", "field", "help"],
)
async def test_no_letter_acts_in_a_dialog_whose_field_lost_the_focus(make: Callable[[], Dialog]) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        answers: list[Any] = []
        dialog = make()
        app.push_screen(dialog, answers.append)
        await pilot.pause()
        for key in (*string.ascii_letters, *string.digits):
            dialog.set_focus(None)
            await burst(pilot, key)
        assert (app.screen, answers) == (dialog, [])


async def test_q_goes_back_from_a_screen_and_leaves_the_dashboard() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        await burst(pilot, "L")
        assert isinstance(app.screen, CommandLogScreen)
        await burst(pilot, "q")
        assert (app.screen, app.return_code) == (app.dashboard, None)
        await burst(pilot, "q")
    assert app.return_code == 0
