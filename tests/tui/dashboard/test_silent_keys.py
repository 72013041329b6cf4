"""Every key of the table does something that can be seen, or says why it does not: on empty panes and on full ones."""

from pathlib import Path
from typing import Any

import pytest

from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.keys import KEYS, MOVES
from tests.tui.keys import burst
from tests.tui.pictures import SETTINGS, health_report, limits_report, reading

AT_THE_END = (*MOVES[:-1], "cache.left", "cache.right")
"""At the end of a list they have nowhere to go."""
LEAVES = ("app.quit",)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def picture(app: Any) -> tuple[object, ...]:
    """What can be seen: every strip of the top screen with its styles, the theme, and what was said."""
    strips = app.screen._compositor.render_strips(app.size)
    return (type(app.screen), app.theme, [strip._segments for strip in strips], len(app.messages_said))


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", ["health", "limits", "cache", "feed"])
async def test_no_key_of_a_pane_is_silent(name: str, full: bool) -> None:
    app = OptimusApp(SETTINGS)
    silent = []
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await pilot.pause()
        dashboard: Any = app.dashboard
        if full:
            dashboard.pane("health").reading = health_report()
            dashboard.pane("limits").reading = reading(limits_report())
        for key in KEYS:
            if key.scope not in ("app", "pane", name) or key.id in (*LEAVES, *AT_THE_END):
                continue
            while not dashboard.is_on_top():
                app.pop_screen()
                await pilot.pause()
            dashboard.prompt.leave()
            dashboard.focus_on(name)
            await pilot.pause()
            before = picture(app)
            await burst(pilot, key.keys.split(",")[0])
            if picture(app) == before:
                silent.append(key.id)
    assert silent == []
