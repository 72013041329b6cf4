"""What is left behind: nothing of the dashboard outlives it, whichever way it ends."""

from pathlib import Path

from optimus_tui.tui.actions.questions import ArmDialog
from tests.realserver import RealServer
from tests.tui.driver import running, said, typed, until
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
