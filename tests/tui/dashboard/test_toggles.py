"""Keys that turn something on or off say what holds now."""

from typing import Any

import pytest

from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedStatus
from optimus_tui.tui.app import OptimusApp
from tests.tui.driver import shown, until
from tests.tui.pictures import SETTINGS, limits_report, reading

pytestmark = pytest.mark.usefixtures("offline")


@pytest.mark.parametrize(("pane", "key", "first", "second"), [
    ("1", "ctrl+t", "theme: optimus-light", "theme: "),
    ("2", "space", "Rate limits: paused; space continues", "Rate limits: live again"),
    ("4", "w", "long events take several lines", "each event takes one line"),
])  # fmt: skip
async def test_a_toggle_says_its_new_state(pane: str, key: str, first: str, second: str) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await until(pilot, lambda: app.dashboard is not None and app.dashboard.is_mounted)
        app.dashboard.pane("limits").reading = reading(limits_report())
        event = FeedEvent(seq=1, received_at=1.0, channel=b"cache_coherence:x", payload=b"{}", length=2)
        app.dashboard.pane("feed").reading = FeedBatch(items=(event,), status=FeedStatus(state="live", received=1))
        await pilot.press(pane, key)
        await until(pilot, lambda: first in shown(pilot))
        await pilot.press(key)
        await until(pilot, lambda: second in shown(pilot).replace(first, ""))


async def test_the_command_says_it_too() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.dashboard is not None and app.dashboard.is_mounted)
        assert app.run_command("theme optimus-light") == ""
        await until(pilot, lambda: "theme: optimus-light" in shown(pilot))
