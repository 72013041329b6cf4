"""Open an incident from the dashboard."""

import asyncio
from typing import Any

from textual.pilot import Pilot

from optimus_tui.tui.dialogs.base import HELD_SECONDS, QuestionDialog
from optimus_tui.tui.incidents.screen import IncidentScreen
from tests.tui.driver import until


async def confirmed(pilot: Pilot[Any]) -> None:
    """Press Enter in a dialog of one field, also where it says that an Enter that is held down is no answer."""
    dialog = pilot.app.screen
    await asyncio.sleep(HELD_SECONDS)
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is not dialog)


async def opened(pilot: Pilot[Any]) -> IncidentScreen:
    """Press ``i``, confirm a new incident, and wait for the first step's verdict."""
    app: Any = pilot.app
    await pilot.press("i")
    await until(pilot, lambda: isinstance(app.screen, (QuestionDialog, IncidentScreen)))
    if isinstance(app.screen, QuestionDialog):
        await confirmed(pilot)
    await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
    screen: IncidentScreen = app.screen
    await until(pilot, lambda: screen.state.steps[0].status == "done")
    return screen
