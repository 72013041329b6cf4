"""Below an open dialog the line of keys offers none of the screen's: they would do nothing there."""

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dialogs.base import PickDialog
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS


async def test_keys_of_the_screen_are_not_offered_below_a_dialog() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "? help" in screen_lines(app)[-1])
        dialog = PickDialog("Which issue to examine", [("high_latency", "engine is slow")])
        app.push_screen(dialog)
        await until(pilot, lambda: "enter chooses" in "\n".join(screen_lines(app)))
        await until(pilot, lambda: not screen_lines(app)[-1].strip())
        assert "? help" not in "\n".join(screen_lines(app)), "no key of the screen is offered anywhere"
        await pilot.press("escape")
        await until(pilot, lambda: "? help" in screen_lines(app)[-1])
        assert "enter chooses" not in "\n".join(screen_lines(app)), "the dialog is gone with its keys"
