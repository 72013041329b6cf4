"""What is left behind: nothing of the dashboard outlives it, whichever way it ends."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dialogs.base import QuestionDialog
from optimus_tui.tui.dialogs.help import HelpDialog
from optimus_tui.tui.leaving import LeaveDialog, left_behind
from optimus_tui.tui.routers.wizard import RouterScreen
from tests.realserver import RealServer
from tests.tui.driver import NOBODY, opened_card, running, said, typed, until
from tests.tui.incidents.driver import opened


def last_record(place: Path) -> str:
    (log,) = place.rglob("audit*.jsonl")
    return log.read_text().splitlines()[-1]


async def test_leaving_closes_the_connections_lets_go_of_the_incident_and_disarms(
    redis: RealServer, tmp_path: Path
) -> None:
    async with running(redis) as (pilot, dashboard):
        dashboard.prompt.run("arm 5m")
        await until(pilot, lambda: isinstance(pilot.app.screen, ArmDialog))
        await typed(pilot, "test")
        await pilot.press("enter")
        await until(pilot, lambda: "ARMED" in said(pilot))
        await opened(pilot)
        assert b"optimus-tui" in redis.command("CLIENT", "LIST")
        await pilot.press("ctrl+q")
    assert b"optimus-tui" not in redis.command("CLIENT", "LIST")
    assert dashboard.incidents.service is None
    assert "the session ended" in last_record(tmp_path)


async def test_a_dashboard_that_is_left_while_it_starts_reads_nothing_any_more(redis: RealServer) -> None:
    settings = Settings(
        environment="test",
        redis=RedisTarget(host="127.0.0.1", port=redis.port),
        gateway_url=NOBODY,
        engine_url=NOBODY,
    )
    app, may_go_on = OptimusApp(settings, reload=lambda name: settings), threading.Event()
    app.prompt_history.load = may_go_on.wait  # type: ignore[assignment]
    async with app.run_test() as pilot:
        first: Any = app.dashboard
        await until(pilot, lambda: any(one.group == "start" for one in app.workers))
        close = first.context.aclose

        async def closing() -> None:
            """Close the connections; the start could go on just then."""
            await close()
            may_go_on.set()
            for _ in range(100):
                await asyncio.sleep(0.005)

        first.context.aclose = closing
        app.open_environment("other")
        await until(pilot, lambda: may_go_on.is_set() and app.dashboard is not first and not first.is_attached)
        assert first.bridge.sampler is None
        assert not {"redis", "http", "fresh_http", "store"} & set(vars(first.context))


@pytest.mark.parametrize("answer", ["n", "y", "ctrl+q"])
async def test_ctrl_q_asks_once_where_a_note_is_half_typed_and_leaves_at_once_where_nothing_is(
    redis: RealServer, answer: str
) -> None:
    async with running(redis) as (pilot, dashboard):
        await opened(pilot)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, QuestionDialog))
        note = pilot.app.screen
        await typed(pilot, "half a no")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(pilot.app.screen, LeaveDialog))
        assert "what was typed in “Note”" in said(pilot)
        await pilot.press(answer)
        if answer == "n":
            await until(pilot, lambda: pilot.app.screen is note)
            assert pilot.app.is_running and note.query_one(Input).value == "half a no"
            await pilot.press("ctrl+u", "ctrl+q")
    assert not pilot.app.is_running and dashboard.incidents.service is None


async def test_ctrl_q_asks_in_the_wizard_in_a_setting_and_while_an_action_runs(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        card = await opened_card(pilot, dashboard)
        assert card.would_lose() == ""
        await typed(pilot, "te")
        assert card.would_lose().startswith("what was typed in “Repair")
        card.stage = "acting"
        assert card.would_lose().startswith("the rest of the action that runs now: Repair")
        card.stage = "asking"
        await pilot.press("escape", "escape")
        await until(pilot, dashboard.is_on_top)
        assert dashboard.would_lose().startswith("actions are armed on 127.0.0.1:")
        await pilot.press("q")
        await until(pilot, lambda: isinstance(pilot.app.screen, LeaveDialog))
        assert "leaving disarms" in said(pilot)
        await pilot.press("n")
        await until(pilot, dashboard.is_on_top)
        dashboard.actions.disarm()
        assert dashboard.would_lose() == ""
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, RouterScreen))
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        await typed(pilot, "x")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(pilot.app.screen, LeaveDialog))
        assert "the answers of the new router: nothing is written yet" in said(pilot)
        await pilot.press("y")
    assert not pilot.app.is_running


async def test_ctrl_c_leaves_as_ctrl_q_does_and_says_where_it_does_not(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        assert left_behind(app) == ""
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "ctrl+c copies" in app.messages_said[-1].text)
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        await pilot.press("escape")
        await until(pilot, dashboard.is_on_top)
        await opened(pilot)
        assert left_behind(app) == "incident 1 of test stays open: i resumes it when optimus-tui is started again"
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        await typed(pilot, "half")
        await pilot.press("ctrl+c")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, LeaveDialog))
        await pilot.press("ctrl+c")  # asked already: a second one leaves at once
        assert not any("[b]" in one.text for one in app.messages_said)
    assert not pilot.app.is_running
