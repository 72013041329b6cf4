"""Open an incident from the dashboard."""

from typing import Any

from textual.pilot import Pilot

from optimus_tui.tui.incidents.screen import IncidentScreen
from tests.tui.driver import until


async def opened(pilot: Pilot[Any]) -> IncidentScreen:
    """Press ``i`` and wait for the first step's verdict."""
    app: Any = pilot.app
    await pilot.press("i")
    await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
    screen: IncidentScreen = app.screen
    await until(pilot, lambda: screen.state.steps[0].status == "done")
    return screen
