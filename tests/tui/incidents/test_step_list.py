"""The whole proof of what was done stands right below the steps, where there is room for it."""

from typing import Any

import pytest

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import KeptReceipt
from optimus_tui.tui.incidents.step_list import StepList
from tests.tui.pane_app import PaneApp, screen_lines
from tests.unit.workflow.driver import Play, found, outcome, stamp


class StepsApp(PaneApp):
    """Shows the list of steps alone."""

    def __init__(self, steps: StepList) -> None:
        super().__init__(steps)  # type: ignore[arg-type]


def acted() -> Play:
    """Return an incident in which the engine did not answer, and was restarted."""
    play = Play()
    play.run("health", outcome(found("services.engine", "critical", "engine", message="engine does not answer: no")))
    play.tell(happened.ActionDone(at=stamp(), receipt=KeptReceipt(
        action_id="outside-1", kind="remedy", tenant="", words="engine restarted", outside=True)))  # fmt: skip
    return play


def prove(play: Play) -> None:
    """Let the check after the restart find nothing."""
    play.tell(happened.ChecksAsked(at=stamp(), action_id="outside-1"))
    play.tell(happened.CheckFinished(at=stamp(), action_id="outside-1", step="health", outcome=outcome()))


@pytest.mark.parametrize("has_room", [True, False])
async def test_the_proof_stands_below_the_steps(has_room: bool) -> None:
    play = acted()
    steps = StepList()
    app: Any = StepsApp(steps)
    async with app.run_test(size=(46, 20)) as pilot:
        steps.show(play.state, "", has_room)
        await pilot.pause()
        prove(play)
        steps.show(play.state, "", has_room)
        await pilot.pause()
        await pilot.pause()
        lines = [line.strip("│ \n") for line in screen_lines(app)]
        place = next(at for at, line in enumerate(lines) if "5 Apply recommendations" in line)
        below = " ".join(line for line in lines[place + 1 :] if line)
        assert below.startswith("fixed ") == has_room, lines
        assert ('"engine does not answer" is gone' in below) == has_room
        assert len(steps.rows) == len(play.state.steps) and all(
            any(step.plan.title in line for line in lines) for step in play.state.steps
        )


async def test_the_proof_hides_no_step_before_the_list_has_grown() -> None:
    play = acted()
    steps = StepList()
    app: Any = StepsApp(steps)
    async with app.run_test(size=(46, 20)) as pilot:
        steps.styles.height = "auto"  # as on the incident's screen
        steps.show(play.state, "", True)
        await pilot.pause()
        prove(play)
        steps.show(play.state, "", True)
        view, height = steps.painter.view(), steps.scrollable_content_region.height
        drawn = ["".join(text for text, _ in steps.painter.line(y, view)[0]) for y in range(height)]
        titles = [step.plan.title for step in play.state.steps]
        assert all(any(title in line for line in drawn) for title in titles), drawn
        await pilot.pause()
        await pilot.pause()
        assert steps.foot_lines > 1, "it stands there after the layout"
