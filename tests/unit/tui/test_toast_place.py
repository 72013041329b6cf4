"""A toast has lines of its own above the keys: it hides nothing, neither of a screen nor of a dialog."""

from pathlib import Path
from typing import cast

import pytest
from textual.geometry import Region

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.widgets.bars import KeyStrip
from tests.sizes import LARGE, SIZES, SMALL
from tests.tui.driver import until
from tests.tui.pictures import SETTINGS, counter, limits_report, reading

TEXT = "one two three " * 30


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def is_shown(app: OptimusApp) -> bool:
    """Return True if one toast is laid out, in all the screens together."""
    toasts = [toast for screen in app.screen_stack for toast in screen.query("Toast")]
    return len(toasts) == 1 and bool(toasts[0].region)


def toast_of(app: OptimusApp) -> Region:
    return app.screen.query_one("Toast").region


LINES = {1: "paused", 2: TEXT}
"""A toast of one line, and one that needs two."""


@pytest.mark.parametrize("size", [SMALL, LARGE])
@pytest.mark.parametrize("lines", LINES)
async def test_a_toast_moves_nothing_and_covers_no_pane_and_no_key(size: tuple[int, int], lines: int) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        dashboard = app.dashboard
        assert isinstance(dashboard, Dashboard)
        dashboard.focus_on("limits")
        pane = cast(LimitsPane, dashboard.pane("limits"))
        pane.reading = reading(limits_report([counter(f"tenant_{at:03}", "chat", 12) for at in range(60)]))
        await until(pilot, lambda: pane.page_size > 5)
        before = {widget: widget.region for widget in dashboard.query("*") if widget.region}
        app.notify(LINES[lines], timeout=60)
        await until(pilot, lambda: is_shown(app))
        toast, keys = toast_of(app), dashboard.query_one(KeyStrip).region
        assert {widget: widget.region for widget in before} == before
        assert pane.region.bottom <= toast.y and toast.bottom <= keys.y and keys.bottom == size[1]
        assert toast.height == (lines if size == LARGE else 1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("choices", [1, 30])
async def test_a_toast_neither_moves_a_dialog_nor_lies_on_it(size: tuple[int, int], choices: int) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.push_screen(PickDialog("Pick", [(f"choice {at}", "what it does") for at in range(choices)]))
        await until(pilot, lambda: bool(app.screen.query("#card")) and bool(app.screen.query_one("#card").region))
        card = app.screen.query_one("#card")
        before = card.region
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: is_shown(app))
        place = toast_of(app)
        assert card.region == before and 1 <= before.y < before.bottom <= place.y
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard) and is_shown(app))
        assert toast_of(app) == place


async def test_an_alert_that_comes_by_itself_covers_no_key_in_a_low_terminal() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await pilot.pause()
        app.notify(f"{TEXT}\n{TEXT}", timeout=60, is_alert=True)
        await until(pilot, lambda: is_shown(app))
        assert toast_of(app).bottom == app.dashboard.query_one(KeyStrip).region.y
        shown = app.screen.query_one("Toast").render().plain
        assert shown.endswith(" · :messages")
