"""Keys that a pane shows and the dashboard answers: pressed on a focused pane, they arrive."""

import pytest

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.sheets import TextDialog
from optimus_tui.tui.prompt.bar import PromptBar
from tests.tui.pictures import SETTINGS, health_report


@pytest.mark.usefixtures("offline")
async def test_explain_open_filter_and_zoom_reach_the_dashboard_from_a_focused_pane() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard = app.screen
        assert isinstance(dashboard, Dashboard)
        dashboard.pane("health").reading = health_report()
        for key in ("e", "enter"):
            await pilot.press("j", key)
            await pilot.pause()
            assert isinstance(app.screen, TextDialog), key
            await pilot.press("escape")
        await pilot.press("z")
        assert dashboard.pane_layout.zoomed
        await pilot.press("slash")
        assert dashboard.query_one(PromptBar).is_open
