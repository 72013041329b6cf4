"""Lines that are filled in already are accepted by one Enter; where one was changed, Enter goes from line to line."""

from typing import Any

import pytest
from textual.pilot import Pilot

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dialogs.base import QuestionDialog, QuestionField
from tests.tui.driver import typed, until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS


async def asked(pilot: Pilot[Any], *values: str) -> tuple[QuestionDialog, list[Any]]:
    """Return a dialog of these lines, and what it was answered with."""
    heard: list[Any] = []
    dialog = QuestionDialog("Close", [QuestionField(f"Line {n}", value) for n, value in enumerate(values)])
    pilot.app.push_screen(dialog, heard.append)
    await until(pilot, lambda: pilot.app.focused is not None and dialog.is_mounted)
    return dialog, heard


def keys_of(dialog: QuestionDialog) -> str:
    return str(dialog.query_one("#card").border_subtitle)


async def test_an_explanation_follows_what_it_tells_of_while_the_dialog_is_open() -> None:
    async with OptimusApp(SETTINGS).run_test(size=(80, 24)) as pilot:
        told = ["LOW  seen in one window so far"]
        pilot.app.push_screen(QuestionDialog("Open", [QuestionField("Tenant")], told[0], lambda: told[-1]))
        await until(pilot, lambda: "seen in one window so far" in "\n".join(screen_lines(pilot.app)))
        await typed(pilot, "acme")
        told.append("MED  9 of 12 checks took over 500 ms")
        await until(pilot, lambda: "MED  9 of 12 checks" in "\n".join(screen_lines(pilot.app)))
        assert "seen in one window" not in "\n".join(screen_lines(pilot.app))
        assert "acme" in "\n".join(screen_lines(pilot.app)), "what was typed stays"


@pytest.mark.parametrize("width", [80, 140])
async def test_one_enter_accepts_lines_that_are_filled_in(width: int) -> None:
    async with OptimusApp(SETTINGS).run_test(size=(width, 24)) as pilot:
        dialog, heard = await asked(pilot, "engine slow", "restarted")
        await until(pilot, lambda: "enter accepts all lines" in "\n".join(screen_lines(pilot.app)))
        assert "esc leaves" in "\n".join(screen_lines(pilot.app)), "the keys are never cut"
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        assert heard == [["engine slow", "restarted"]]


async def test_where_a_line_was_changed_enter_goes_from_line_to_line() -> None:
    async with OptimusApp(SETTINGS).run_test(size=(80, 24)) as pilot:
        dialog, heard = await asked(pilot, "engine slow", "restarted")
        await pilot.press("right")
        await typed(pilot, "!")
        await until(pilot, lambda: "enter: next line, at last done" in keys_of(dialog))
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen is dialog and heard == []
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        assert heard == [["engine slow!", "restarted"]]


async def test_what_is_typed_replaces_what_was_filled_in_but_never_what_somebody_typed() -> None:
    async with OptimusApp(SETTINGS).run_test(size=(80, 24)) as pilot:
        dialog, heard = await asked(pilot, "engine slow 33221", "restarted")
        assert "typing overwrites" in "\n".join(screen_lines(pilot.app))
        await typed(pilot, "counter")
        await pilot.press("tab", "shift+tab", "end")
        await typed(pilot, " without ttl")
        await pilot.press("shift+tab", "tab")  # the second line, still as it was filled in
        await pilot.press("shift+tab")
        assert dialog.answers[0].field.selected_text == "", "a second look selects nothing that was typed"
        await pilot.press("enter", "enter")
        await until(pilot, lambda: pilot.app.screen is not dialog)
        assert heard == [["counter without ttl", "restarted"]]


async def test_a_line_that_is_empty_is_asked_for() -> None:
    async with OptimusApp(SETTINGS).run_test(size=(80, 24)) as pilot:
        dialog, heard = await asked(pilot, "engine slow", "")
        assert "enter: next line" in keys_of(dialog)
        await pilot.press("enter", "enter")
        await pilot.pause()
        assert pilot.app.screen is dialog and heard == []


async def test_an_enter_that_opened_the_dialog_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        dialog, heard = await asked(pilot, "engine slow", "restarted")
        monkeypatch.setattr(app, "is_held", lambda _: True)
        await pilot.press("enter")
        await until(pilot, lambda: "press it once more to go on" in "\n".join(screen_lines(app)))
        assert pilot.app.screen is dialog and heard == []
