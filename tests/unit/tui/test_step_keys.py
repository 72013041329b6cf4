"""What the keys of an incident's steps say while a step runs."""

from types import SimpleNamespace
from typing import Any

from optimus_tui.tui.incidents.step_actions import StepActions
from tests.unit.workflow.driver import Play


def test_a_key_that_waits_for_a_running_step_says_which_one_runs() -> None:
    play, said = Play(), list[str]()
    step = play.state.steps[0]
    state: Any = SimpleNamespace(status="open", next=play.state.steps[1], running=step)
    view: Any = SimpleNamespace(say=lambda sentence, *_: said.append(sentence), selected=step)
    dashboard: Any = SimpleNamespace(app=SimpleNamespace(workers=()))
    steps = StepActions(view, dashboard, SimpleNamespace(state=state))  # type: ignore[arg-type]
    steps.next_step()
    steps.repeat()
    assert said == [f"{step.plan.title} is running: wait for its end"] * 2
