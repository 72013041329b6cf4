"""What the screen shows between an action and its proof: the step that waits, and what came in since."""

from typing import Any

import pytest

from optimus_tui.tui.incidents.screen import IncidentScreen
from tests.realserver import RealServer
from tests.sizes import SIZES
from tests.tui.driver import IMMORTAL, running, said, until
from tests.tui.incidents.driver import opened

pytestmark = pytest.mark.live


async def remedied(pilot: Any, server: RealServer) -> IncidentScreen:
    """Open an incident about a used-up limit, and record what was done about it outside."""
    screen = await opened(pilot)
    await screen.incident_service.remedied("the client is blocked", ended=screen.incident_service.ctx.clock.wall())
    return screen


def full(server: RealServer, count: int = 200) -> None:
    """Use up one limit, whose window lasts."""
    server.command("DEL", IMMORTAL)
    server.command("SET", "rate_limit:zed:chat", str(count), "EX", "600")


@pytest.mark.parametrize("size", SIZES)
async def test_after_an_action_its_step_is_shown_with_what_comes_in_since(
    redis: RealServer, size: tuple[int, int]
) -> None:
    full(redis)
    async with running(redis, size=size) as (pilot, _):
        screen = await remedied(pilot, redis)
        await until(pilot, lambda: screen.selected is screen.state.steps[-1])
        await until(pilot, lambda: "before 200 of 150 → now 200 of 150, resets in" in said(pilot))
        assert "came so far" in said(pilot)
        full(redis, 3)
        await until(pilot, lambda: "before 200 of 150 → now 3 of 150, resets in" in said(pilot))


async def test_who_has_gone_to_another_step_since_stays_there(redis: RealServer) -> None:
    full(redis)
    async with running(redis) as (pilot, _):
        screen = await opened(pilot)
        acted = screen.incident_service.ctx.clock.wall()
        await pilot.press("3")
        gone_to = screen.selected
        assert gone_to is not None
        await screen.incident_service.remedied("the client is blocked", started=acted, ended=acted)
        await until(pilot, lambda: "proof possible at" in said(pilot))
        assert screen.selected is not None, "steps may change places meanwhile"
        assert screen.selected.plan.id == gone_to.plan.id != screen.state.steps[-1].plan.id
