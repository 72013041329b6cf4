"""The first frame stands exactly where the dashboard's panes will, at every size."""

import pytest
from textual.geometry import Size

from optimus_tui.settings.model import Settings
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.opening import TITLES
from optimus_tui.tui.dashboard.screen import PANES, Dashboard
from optimus_tui.tui.dashboard.sizes import PaneBox, boxes

SIZES = [(140, 42), (121, 35), (200, 50), (181, 49), (100, 30), (91, 29), (80, 24), (60, 16), (50, 10)]


def test_its_titles_are_those_of_the_panes() -> None:
    assert {pane.NAME: f"{pane.NUMBER} {pane.TITLE}" for pane in PANES} == TITLES


@pytest.mark.parametrize("size", SIZES)
async def test_its_frames_stand_where_those_of_the_panes_do(size: tuple[int, int], offline: None) -> None:
    app = OptimusApp(Settings())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        dashboard = app.screen
        assert isinstance(dashboard, Dashboard)
        shown = [
            PaneBox(pane.NAME, *pane.region.offset, *pane.outer_size) for pane in dashboard.panes() if pane.is_on_screen
        ]
        assert list(boxes(Size(*size))) == shown
