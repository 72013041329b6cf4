"""Drills through the real screen on the real demo, by keys alone: hidden, timed by what is measured, ended by proof."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from optimus_tui.contract.incident import IncidentState
from optimus_tui.demo import NAMES
from optimus_tui.demo.command import DemoHandle, demo_settings
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.settings.model import Settings
from optimus_tui.tui.actions.action_dialog import ActionDialog
from optimus_tui.tui.actions.enter_guard import QUIET_SECONDS
from optimus_tui.tui.actions.questions import ArmDialog
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.commands import run_line
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog
from optimus_tui.tui.drill_result import DrillScreen
from optimus_tui.tui.incidents.screen import IncidentScreen
from optimus_tui.tui.services import CommandError
from optimus_tui.workflow.proof import proof_words
from tests import idle
from tests.live.demo.driver import QUICK
from tests.tui.driver import PlainBackground, said, typed, until
from tests.tui.incidents.driver import opened

pytestmark = pytest.mark.live
SOON = msgspec.structs.replace(QUICK, drill_pause_seconds=(0.5, 1.0), drill_hold_seconds=2.0)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    idle.look_often(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@asynccontextmanager
async def drilling(demo: DemoHandle, drill: str) -> AsyncIterator[tuple[Pilot[Any], Dashboard]]:
    """A dashboard on the demo, with a drill under way whose fault is in place."""
    app = PlainBackground(msgspec.structs.replace(demo_settings(demo), refresh_seconds=0.5), demo, tuning=SOON)
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        dashboard: Any = app.screen
        await until(pilot, lambda: dashboard.health is not None and dashboard.health.overall != "unknown")
        await pilot.press("colon")
        await typed(pilot, f"drill {drill}")
        await pilot.press("enter")
        await until(pilot, lambda: dashboard.drills.running is not None)

        def begun() -> bool:
            return dashboard.drills.running is not None and dashboard.drills.running.watch is not None

        await until(pilot, lambda: "drill: any moment" in said(pilot) or begun())
        await until(pilot, begun)
        try:
            yield pilot, dashboard
        finally:
            await demo.play("quiet")


async def command(pilot: Pilot[Any], line: str) -> None:
    await pilot.press("colon")
    await typed(pilot, line)
    await pilot.press("enter")


async def remedy(pilot: Pilot[Any], line: str) -> None:
    """Type the command of a remedy, and enter where it asks."""
    app: Any = pilot.app
    await command(pilot, line)
    await until(pilot, lambda: isinstance(app.screen, PickDialog))
    await pilot.press("enter")


async def to_the_last_step(pilot: Pilot[Any], dashboard: Dashboard) -> IncidentScreen:
    """Open the incident once the alarm is on the screen, and press enter until only the last step waits."""
    app: Any = pilot.app
    await until(
        pilot, lambda: dashboard.drills.running is not None and dashboard.drills.running.watch.shown is not None
    )
    screen = await opened(pilot)

    def state() -> IncidentState:
        return screen.state

    await until(pilot, lambda: state().steps[0].status == "done")
    while (coming := state().next) is not None and coming.plan.kind == "tool":
        name = coming.plan.id
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PickDialog) or state().next is not coming)
        if isinstance(app.screen, PickDialog):
            await pilot.press("enter")
        await until(pilot, lambda name=name: (step := state().step(name)) is not None and step.status == "done")  # type: ignore[misc]
    return screen


async def close(pilot: Pilot[Any], cause: str, resolution: str) -> None:
    app: Any = pilot.app
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
    await typed(pilot, cause)
    await pilot.press("enter")
    await typed(pilot, resolution)
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, DrillScreen))


def result(pilot: Pilot[Any]) -> dict[str, float | None]:
    screen: Any = pilot.app.screen
    assert screen.result.solved, screen.result.missed
    return {one.name: one.seconds for one in screen.result.marks}


def in_order(marks: dict[str, float | None], *names: str) -> None:
    times = [marks[name] for name in names]
    assert None not in times, marks
    assert times == sorted(times), marks  # type: ignore[type-var]


@pytest.mark.night
async def test_engine_down_is_played_by_keys_from_the_alarm_to_the_result(running: DemoHandle, tmp_path: Path) -> None:
    async with drilling(running, "engine-down") as (pilot, dashboard):
        app: Any = pilot.app
        await until(pilot, lambda: re.search(r"drill \d", said(pilot).splitlines()[0]) is not None)
        assert not any(name in said(pilot) for name in NAMES), "no scenario's name is on the screen"
        screen = await to_the_last_step(pilot, dashboard)
        assert re.search(r"drill \d", said(pilot).splitlines()[0]), "the clock is in sight here too"
        assert [step.plan.id for step in screen.state.steps][1] == "integration"
        assert ":remedy restart-engine" in [one.command for one in screen.state.advice]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        await remedy(pilot, "remedy restart-engine")
        await until(pilot, lambda: bool(screen.state.action_records), 60)
        assert "proof possible at" in proof_words(screen.state.action_records[0]), "the circuit is open for a while"
        done = [one.status for one in screen.state.advice if one.command == ":remedy restart-engine"]
        assert done == ["done"], "what was done is not still open"
        await until(pilot, lambda: screen.state.repaired is not None, 180)  # on the dashboard, without a key
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, IncidentScreen))
        await close(pilot, "no engine", "restarted")
        marks = result(pilot)
        in_order(marks, "injected", "shown", "opened", "identified", "acted", "proved", "closed")
        told = ("engine-down", SCENARIOS["engine-down"].says[:40], "to alarm", "MTTA", "MTTR", "circuit breaker")
        await until(pilot, lambda: all(words in said(pilot) for words in told))
        await pilot.press("x")
        await until(pilot, lambda: bool(list(tmp_path.rglob("drill-*.md"))))
        await until(pilot, lambda: len(list(tmp_path.rglob("postmortem.*"))) == 2)  # it is measured after the closing
    what_is_left(tmp_path)


def what_is_left(folder: Path) -> None:
    """Files of their owner alone, and nobody can take the incident for a real one."""
    (page,) = folder.rglob("drill-*.md")
    assert page.stat().st_mode & 0o777 == 0o600
    assert "Injected: The engine process is stopped" in page.read_text()
    reports = list(folder.rglob("postmortem.*"))
    assert len(reports) == 2
    for report in reports:
        assert "Drill (no real incident)" in report.read_text().replace("\\", ""), report
    (told,) = folder.rglob("timeline.jsonl")
    assert "This is a drill" in told.read_text()
    assert "End of the drill (solved)" in told.read_text()


async def test_immortal_counter_is_played_by_keys_with_the_remedy_that_is_announced(running: DemoHandle) -> None:
    async with drilling(running, "immortal-counter") as (pilot, dashboard):
        app: Any = pilot.app
        screen = await to_the_last_step(pilot, dashboard)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        names = [name for name, _ in app.screen.choices]
        assert names[:2] == ["Reset chat of clinic_b", "Repair chat of clinic_b"], "what serves users comes first"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ArmDialog))
        await typed(pilot, "demo")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActionDialog) and app.screen.stage == "asking")
        card: ActionDialog = app.screen
        assert (card.request.kind, card.request.tenant) == ("reset_counters", b"clinic_b"), "served at once"
        await typed(pilot, "demo 1")
        await pilot.press("tab")
        await typed(pilot, "blocked")
        await pilot.press("tab", "tab")
        await pilot.pause(QUIET_SECONDS + 0.1)
        await pilot.press("enter")
        await until(pilot, lambda: card.stage == "done")
        await pilot.press("escape")
        await until(
            pilot, lambda: bool(screen.state.action_records) and screen.state.action_records[0].verdict is not None
        )
        done = screen.state.action_records[0]
        for check in done.checks:
            assert check.change is not None
            assert any("never resets" in one for one in check.change.gone), check.change
            assert check.change.verdict == "fixed" and not check.change.refused, check.change
        await close(pilot, "no TTL", "reset")
        marks = result(pilot)
        in_order(marks, "injected", "shown", "opened", "identified", "acted", "closed")
        in_order(marks, "acted", "gone")


async def test_giving_up_tells_the_truth_and_heals(running: DemoHandle) -> None:
    async with drilling(running, "noisy-tenant") as (pilot, dashboard):
        app: Any = pilot.app
        with pytest.raises(CommandError, match="a drill is running"):
            run_line(dashboard, "drill engine-down")
        with pytest.raises(CommandError, match=":drill stop ends the drill"):
            run_line(dashboard, "scenario quiet")
        await command(pilot, "drill stop")
        await until(pilot, lambda: isinstance(app.screen, DrillScreen))
        text = said(pilot)
        for words in ("noisy-tenant", "given up", ":remedy block-client", "no incident was opened", "to resolve"):
            assert words in text, words
        assert running.scenario == "quiet"
        await pilot.press("escape")
        assert isinstance(app.screen, Dashboard)
        await until(pilot, lambda: "quiet" in said(pilot).splitlines()[0])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("drill nothing", "no drill 'nothing'; there are random,"),
        ("drill quiet", "no drill 'quiet'"),
        ("drill stop", "no drill is running"),
        ("remedy prayer", "no remedy 'prayer'; there are restart-engine,"),
    ],
)
async def test_a_wrong_word_is_refused_with_those_there_are(running: DemoHandle, line: str, words: str) -> None:
    app = OptimusApp(demo_settings(running), running)
    async with app.run_test(size=(140, 42)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        with pytest.raises(CommandError) as refused:
            run_line(app.screen, line)  # type: ignore[arg-type]
        assert words in str(refused.value)


@pytest.mark.parametrize("line", ["drill", "drill engine-down", "remedy", "remedy restart-engine"])
async def test_outside_the_demo_nothing_is_broken_on_purpose(line: str) -> None:
    app = OptimusApp(Settings())
    async with app.run_test(size=(140, 42)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        with pytest.raises(CommandError, match="in the demo only: optimus-tui demo --drill"):
            run_line(app.screen, line)  # type: ignore[arg-type]


async def test_a_remedy_that_cures_nothing_really_happens_and_ends_nothing(running: DemoHandle) -> None:
    assert (await running.play("noisy-tenant")).done
    done = await running.remedy("restart-engine")
    assert done.done and done.at > 0
    assert running.scenario == "noisy-tenant"
    assert not (await running.remedy("prayer")).done
    assert (await running.play("quiet")).done
