"""What a command does outside or with a name is asked or refused first."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from optimus_tui.contract.incident import Remedy
from optimus_tui.tui.dashboard.controllers import Navigator
from optimus_tui.tui.dialogs.base import QuestionField
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.services import CommandError
from optimus_tui.workflow.standing import has_only_its_first_step


@pytest.mark.parametrize(("answer", "done"), [(None, []), (0, ["restart-engine"])])
async def test_a_named_remedy_is_asked_for_once(answer: int | None, done: list[str]) -> None:
    asked: list[Any] = []
    carried: list[str] = []

    async def ask(dialog: Any) -> int | None:
        asked.append(dialog)
        return answer

    tasks: list[asyncio.Task[None]] = []
    remedies = [Remedy(name, f"label of {name}", "") for name in ("stop-job", "restart-engine")]
    dashboard: Any = SimpleNamespace(
        optimus=SimpleNamespace(demo=SimpleNamespace(remedies=remedies), key_at=5.0),
        ask=ask,
        health=None,
        run_in_background=lambda group, work, *more, asks: tasks.append(asyncio.create_task(work(*more))),
    )

    class Drills(DrillController):
        async def _apply_remedy(self, demo: Any, name: str, finding: Any = None, pressed: Any = None) -> None:
            carried.append(name)

    incidents: Any = SimpleNamespace(actions=SimpleNamespace(), alarming=list)
    drills = Drills(dashboard, incidents)
    drills.ask_remedy("restart-engine")
    await asyncio.gather(*tasks)
    assert [dialog.choices for dialog in asked] == [[("label of restart-engine", ":remedy restart-engine")]]
    assert carried == done


def test_a_tenant_that_nothing_names_is_refused_in_a_sentence() -> None:
    feed = SimpleNamespace(store=SimpleNamespace(rows=lambda: []))
    dashboard: Any = SimpleNamespace(
        settings=SimpleNamespace(tenants=("acme",)),
        health=None,
        pane=lambda name: feed if name == "feed" else SimpleNamespace(reading=None),
        open_screen=lambda screen: shown.append(screen),
    )
    shown: list[Any] = []
    navigate = Navigator.__new__(Navigator)
    navigate.dashboard = dashboard
    with pytest.raises(CommandError, match="nobody has seen a tenant named ncidents: no counter, cache key"):
        navigate.open_tenant_named("ncidents")
    assert shown == []


def test_a_field_refuses_what_its_check_refuses_and_never_an_empty_text() -> None:
    field = QuestionField("Tenant", "", needed=False, refused=lambda text: f"no {text}")
    assert field.judge(" ncidents ") == "no ncidents" and field.judge(" ") == ""


def test_an_incident_that_somebody_came_back_to_is_not_removed_at_once() -> None:
    step = SimpleNamespace(runs=1, status="done")
    state: Any = SimpleNamespace(steps=(step,), notes=(), action_records=(), impact=(), advice=(), status="open")
    state.timeline = (opened := SimpleNamespace(mark="open"),)
    assert has_only_its_first_step(state)
    state.timeline = (opened, opened)
    assert not has_only_its_first_step(state), "it was resumed"
    state.timeline, step.runs = (opened,), 2
    assert not has_only_its_first_step(state), "it was looked at again"
