"""Play the dashboard by keys on a real server: open, type, confirm, wait, read the screen."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from textual import events
from textual.pilot import Pilot
from textual.widgets import Button, Input

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tui.actions import enter_guard
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog
from tests.realserver import RealServer, nobody_port
from tests.tui.pane_app import screen_lines

IMMORTAL = b"rate_limit:clinic_b:chat"


NOBODY = f"http://127.0.0.1:{nobody_port()}"
"""The gateway and the engine, at the same address each time."""


CALM = Tuning(ping_room_ms=10_000.0, ping_most_ms=10_000.0)


class PlainBackground(OptimusApp):
    """Dialogs hide what is behind them: to paint the dashboard there, dimmed, took half of the time of each test.

    No slow PING halts an action: a busy machine is no suffering server.
    """

    CSS = "Dialog { background: $background !important; }"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"tuning": CALM, **named})


@asynccontextmanager
async def running(
    server: RealServer, size: tuple[int, int] = (110, 42), tuning: Tuning = CALM, **more: Any
) -> AsyncIterator[tuple[Pilot[Any], Dashboard]]:
    fields: dict[str, Any] = {
        "environment": "test",
        "writable": True,
        "redis": RedisTarget(host="127.0.0.1", port=server.port),
        "gateway_url": NOBODY,
        "engine_url": NOBODY,
        "limits": LimitRules(window_seconds=60, limits={"chat": 150}, source="test"),
        **more,
    }
    app = PlainBackground(Settings(**fields), tuning=tuning)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: any(isinstance(one, Dashboard) for one in app.screen_stack))
        dashboard: Any = next(one for one in app.screen_stack if isinstance(one, Dashboard))
        await until(pilot, lambda: bool(dashboard.pane("limits").rows))
        yield pilot, dashboard


async def until(pilot: Pilot[Any], true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until it is true, at least so many seconds; whoever reads the screen has it drawn each time it is asked."""
    await pilot.pause()
    for turn in range(int(seconds / 0.02)):
        if true():
            await drawn(pilot)
            return
        await asyncio.sleep(0.02 if turn < 5 else 0.06)
    raise AssertionError("it did not come to that:\n" + "\n".join(screen_lines(pilot.app)))


async def drawn(pilot: Pilot[Any]) -> None:
    """Wait until the screen on top has all its widgets and has laid them out, where it ever comes to rest."""
    await pilot.pause()
    for _ in range(200):
        screen: Any = pilot.app.screen
        widgets = (screen, *screen.walk_children())
        is_painted = getattr(screen, "shown_at", 0.0) < float("inf")  # a question takes no key before
        if all(one.is_mounted for one in widgets) and not screen._layout_required and is_painted:
            return
        await pilot.pause()


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a text. Once a field has the focus, its characters arrive as fast as a terminal sends them."""
    keys = [(one, {" ": "space", "_": "underscore"}.get(one, one)) for one in text]
    await pilot.pause()
    while keys and not isinstance(pilot.app.focused, Input):
        await pilot.press(keys.pop(0)[1])
    for character, key in keys:
        event = events.Key(key, character)
        event.set_sender(pilot.app)
        pilot.app.post_message(event)
    taken = asyncio.Event()
    pilot.app.call_later(taken.set)
    await taken.wait()
    await pilot.pause()


async def opened_card(pilot: Pilot[Any], dashboard: Dashboard, offer: int = 1) -> ActionDialog:
    """Arm, and open the card of an action on the immortal counter: by default of its repair, below its reset."""
    app: Any = pilot.app
    dashboard.focus_on("limits")
    pane = dashboard.pane("limits")
    pane.move_to(next(i for i, row in enumerate(pane.rows) if row.counter.key == IMMORTAL))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, ArmDialog))
    await typed(pilot, "test")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, PickDialog))
    await pilot.press(*["down"] * offer, "enter")
    return await planned_card(pilot)


async def planned_card(pilot: Pilot[Any]) -> ActionDialog:
    """Wait until an action's dialog has its plan and is drawn, and return it."""
    app: Any = pilot.app

    def drawn() -> bool:
        screen = app.screen
        if not isinstance(screen, ActionDialog) or screen.stage == "planning":
            return False
        title = str(screen.query_one("#card").border_title)
        return bool(title) and title.split(" · ")[0][:20] in said(pilot)

    await until(pilot, drawn)
    await pilot.pause()
    card: ActionDialog = app.screen
    return card


async def filled(pilot: Pilot[Any], words: str = "test 1", reason: str = "never resets") -> None:
    card: Any = pilot.app.screen
    card.query_one("#confirm-typed", Input).focus()
    await typed(pilot, words)
    await pilot.press("tab")
    await typed(pilot, reason)


async def confirm(pilot: Pilot[Any], card: ActionDialog) -> None:
    """Press Enter on the button as somebody who has waited; a busy machine notices the focus late: wait once more."""
    go = card.query_one("#go", Button)
    for _ in range(5):
        await until(pilot, card.may_confirm)
        go.focus()
        await until(pilot, lambda: go.has_focus)
        await asyncio.sleep(enter_guard.QUIET_SECONDS + 0.1)
        await pilot.press("enter")
        await pilot.pause()
        if card.stage != "asking":
            return
        await asyncio.sleep(enter_guard.REPEAT_SECONDS)
    raise AssertionError("the button takes no Enter:\n" + said(pilot))


def said(pilot: Pilot[Any]) -> str:
    return "\n".join(screen_lines(pilot.app))


def shown(pilot: Pilot[Any]) -> str:
    """Every toast so far."""
    return "\n".join(str(one.message) for one in pilot.app._notifications)
