"""A toast lies on no row under the cursor, no truth line and no keys; in a dialog on no choice under the cursor."""

from pathlib import Path
from typing import cast

import pytest
from textual.geometry import Region

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.toasts.place import cursor_region
from tests.tui.driver import until
from tests.tui.pictures import SETTINGS, counter, limits_report, reading

TEXT = "one two three " * 30


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def overlaps(app: OptimusApp) -> bool:
    row, toast = cursor_region(app.screen), app.screen.query_one("Toast").region
    assert row is not None
    return row.overlaps(toast)


@pytest.mark.parametrize("size", [(80, 24), (140, 42)])
async def test_a_toast_lies_on_no_row_under_the_cursor(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        dashboard = app.dashboard
        assert isinstance(dashboard, Dashboard)
        dashboard.focus_on("limits")
        pane = cast(LimitsPane, dashboard.pane("limits"))
        pane.reading = reading(limits_report([counter(f"tenant_{at:03}", "chat", 12) for at in range(60)]))
        await pilot.press("z")
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1 and not overlaps(app))
        usual = app.screen.query_one("Toast").region
        assert usual.height == 2 and usual.bottom <= size[1] - 3, "truth line and keys"
        moved = 0
        for _ in range(pane.page_size + 2):
            await pilot.press("j")
            await until(pilot, lambda: not overlaps(app))
            moved += app.screen.query_one("Toast").region != usual
        assert moved, "the cursor has come to where the toast stood"
        await pilot.press("g")
        await until(pilot, lambda: app.screen.query_one("Toast").region == usual)


async def test_above_a_dialog_it_lies_on_no_choice_under_the_cursor() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.push_screen(PickDialog("Pick", [(f"choice {at}", "what it does") for at in range(30)]))
        await pilot.pause()
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1)
        for _ in range(30):
            await until(pilot, lambda: not overlaps(app))
            assert app.screen.query_one("Toast").region.bottom < 24
            await pilot.press("down")


@pytest.mark.parametrize("size", [(80, 24), (140, 42)])
@pytest.mark.parametrize("choices", [1, 5, 30])
async def test_a_toast_stands_once_and_neither_on_the_header_nor_on_a_dialogs_title_and_keys(
    size: tuple[int, int], choices: int
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        app.notify(TEXT, timeout=60)
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1)
        app.push_screen(PickDialog("Pick", [(f"choice {at}", "what it does") for at in range(choices)]))
        await until(pilot, lambda: (len(app.screen.query("#card")), len(app.screen.query("Toast"))) == (1, 1))
        await until(pilot, lambda: sum(len(screen.query("Toast")) for screen in app.screen_stack) == 1)
        for _ in range(choices):
            card = app.screen.query_one("#card").region

            def is_clear(card: Region = card) -> bool:
                toast = app.screen.query_one("Toast").region
                kept = [
                    Region(0, 0, size[0], 1),
                    *(Region(card.x, y, card.width, 1) for y in (card.y, card.bottom - 1)),
                ]
                return not overlaps(app) and not any(toast.overlaps(one) for one in kept) and toast.bottom <= size[1]

            await until(pilot, is_clear)
            await pilot.press("down")
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen.query("Toast")) == 1)
