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
from tests.sizes import SIZES
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


@pytest.mark.parametrize("size", SIZES)
async def test_a_toast_lies_between_the_truth_line_and_the_keys_and_the_cursor_stays_in_sight(
    size: tuple[int, int],
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        dashboard = app.dashboard
        assert isinstance(dashboard, Dashboard)
        dashboard.focus_on("limits")
        pane = cast(LimitsPane, dashboard.pane("limits"))
        pane.reading = reading(limits_report([counter(f"tenant_{at:03}", "chat", 12) for at in range(60)]))
        await pilot.press("z")
        await until(pilot, lambda: pane.page_size > 5)
        whole = pane.region
        for _ in range(pane.page_size - 1):  # the last row in sight: it would be below the toast
            await pilot.press("j")
        at = pane.cursor
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: is_shown(app) and pane.region.bottom <= toast_of(app).y)
        toast, keys = toast_of(app), dashboard.query_one(KeyStrip).region
        assert toast.height == 2 and toast.bottom == keys.y and keys.bottom == size[1]
        assert pane.cursor == at
        await until(pilot, lambda: any(pane.flow.row_at(y) == at for y in range(pane.page_size)))
        app.clear_notifications()
        await until(pilot, lambda: pane.region == whole)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("choices", [1, 30])
async def test_a_toast_lies_on_no_line_of_a_dialog(size: tuple[int, int], choices: int) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: is_shown(app))
        place = toast_of(app)
        app.push_screen(PickDialog("Pick", [(f"choice {at}", "what it does") for at in range(choices)]))

        def is_clear() -> bool:
            cards = app.screen.query("#card")
            return (
                bool(cards) and is_shown(app) and 1 <= cards.first().region.y < cards.first().region.bottom <= place.y
            )

        await until(pilot, is_clear)
        assert toast_of(app) == place, "it stays where it was"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard) and is_shown(app))
        assert toast_of(app) == place
