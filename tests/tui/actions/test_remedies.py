"""``a`` on a finding in the demo: the remedies that fit it, confirmed, and none that only the scenario would tell."""

from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Advice
from optimus_tui.demo.scenarios import REMEDIES
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.incidents.text import doable, remedy_of


def found(rule: str, subject: str) -> Finding:
    return Finding(rule=rule, severity="critical", subject=subject, message="wrong", remedy="Start the engine.")


class Screen:
    """A dashboard that gives these answers to dialogs, and notes what was said and started."""

    def __init__(self, *answers: Any, demo: bool = True) -> None:
        self.answers, self.said, self.started, self.titles = list(answers), list[str](), list[Any](), list[str]()
        self.optimus = SimpleNamespace(demo=SimpleNamespace(remedies=REMEDIES, scenario="engine-down"))
        if not demo:
            self.optimus.demo = None

    def pane(self, _name: str) -> Any:
        return SimpleNamespace(reading=None)

    async def ask(self, dialog: Any) -> Any:
        self.titles.append(dialog.dialog_title)
        return self.answers.pop(0)

    def say(self, sentence: str, *_: Any) -> None:
        self.said.append(sentence)

    def run_in_background(self, group: str, _work: Any, *arguments: Any) -> None:
        self.started.append((group, *arguments[1:]))


def controllers(screen: Screen) -> tuple[ActionsController, DrillController]:
    actions = ActionsController(screen)  # type: ignore[arg-type]
    return actions, DrillController(screen, SimpleNamespace(actions=actions))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "subject", "names"),
    [
        ("services.engine", "engine", ["restart-engine"]),
        ("latency.now", "engine", ["restart-engine"]),
        ("breaker.open", "engine", ["restart-engine"]),
        ("latency.now", "postgres", []),
        ("limits.over", "demo_dentist / chat", ["block-client"]),
        ("events.flood", "events", ["stop-publisher"]),
        ("errors.rate", "gateway", []),
    ],
)
async def test_a_finding_has_the_remedies_of_its_rule_and_subject_whatever_scenario_runs(
    rule: str, subject: str, names: list[str]
) -> None:
    _, drills = controllers(Screen())
    assert [one.name for one in await drills.fitting(found(rule, subject))] == names


async def test_a_remedy_is_chosen_confirmed_and_started() -> None:
    screen = Screen(0, True)
    finding = found("services.engine", "engine")
    await controllers(screen)[0]._choose_for(finding)
    assert screen.titles == ["Actions", "Restart the AI engine"]
    assert (screen.started, screen.said) == ([("remedy", "restart-engine", finding)], [])


async def test_a_remedy_that_is_not_confirmed_is_not_started() -> None:
    screen = Screen(0, False)
    await controllers(screen)[0]._choose_for(found("services.engine", "engine"))
    assert screen.started == []


async def test_outside_of_the_demo_it_says_what_to_do() -> None:
    screen = Screen(demo=False)
    await controllers(screen)[0]._choose_for(found("services.engine", "engine"))
    assert screen.said == ["no built-in action fixes this. To do: Start the engine. (i opens an incident)"]


def test_a_recommended_remedy_can_be_carried_out_in_the_demo_only() -> None:
    advice = Advice(id="1", action="Restart", priority="high", command=":remedy restart-engine")
    assert (remedy_of(advice), doable([advice], in_demo=True), doable([advice])) == ("restart-engine", [advice], [])
