"""What is left behind: nothing of the dashboard outlives it, whichever way it ends."""

import asyncio
import threading
from pathlib import Path
from typing import Any

from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.app import OptimusApp
from tests.realserver import RealServer
from tests.tui.driver import NOBODY, running, said, typed, until
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
        app.switch_environment("other")
        await until(pilot, lambda: may_go_on.is_set() and app.dashboard is not first and not first.is_attached)
        assert first.bridge.sampler is None
        assert not {"redis", "http", "fresh_http", "store"} & set(vars(first.context))
