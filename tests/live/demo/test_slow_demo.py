"""A demo that hardly gets on: what takes long is said, nothing is given away, and what comes late is not lost."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from optimus_tui.demo import DRILLS
from optimus_tui.demo.command import DemoHandle, demo_settings
from optimus_tui.settings.tuning import Tuning
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.commands import run_line
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog
from optimus_tui.tui.drill_result import DrillScreen
from tests.idle import look_often
from tests.tui.driver import said, until

pytestmark = pytest.mark.live


SOON = Tuning(drill_pause_seconds=(0.1, 0.2))


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    look_often(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@asynccontextmanager
async def shown(demo: DemoHandle) -> AsyncIterator[tuple[Pilot[Any], Any]]:
    app = OptimusApp(msgspec.structs.replace(demo_settings(demo), refresh_seconds=0.5), demo, tuning=SOON)
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        dashboard: Any = app.screen
        await until(pilot, lambda: dashboard.health is not None and dashboard.health.overall != "unknown")
        yield pilot, dashboard


@contextmanager
def stopped(demo: DemoHandle) -> Iterator[None]:
    """The supervisor gets no time, as on a machine that is far too busy."""
    assert demo._process
    os.kill(demo._process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(demo._process.pid, signal.SIGCONT)


def names_on(pilot: Pilot[Any]) -> list[str]:
    """Return the names of faults that stand anywhere on the screen, toasts included."""
    return [name for name in DRILLS if name in f"{said(pilot)} {toasts(pilot)}"]


def toasts(pilot: Pilot[Any]) -> str:
    return " ".join(str(one.message) for one in pilot.app._notifications)


async def test_a_switch_that_takes_long_says_so_and_comes_late(running: DemoHandle) -> None:
    async with shown(running) as (pilot, dashboard):
        with stopped(running):
            run_line(dashboard, "scenario noisy-tenant")
            await until(pilot, lambda: bool(re.search(r"still switching: ([4-9]|\d\d)", said(pilot).splitlines()[0])))
            run_line(dashboard, "scenario quiet")
            assert running.under_way("switch") > 3.0, "the first one is still on its way"
        await until(pilot, lambda: not running.under_way("switch"), 60)
        await until(pilot, lambda: "quiet" in said(pilot).splitlines()[0])
        assert running.scenario == "quiet"


async def test_a_drill_that_cannot_begin_names_no_fault_and_ends_it_where_it_comes_late(
    running: DemoHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shown(running) as (pilot, dashboard):
        assert (await running.inject("quiet")).done
        monkeypatch.setattr(running, "_patience_seconds", 2.0)  # orders are given up soon
        drills = dashboard.drills
        with stopped(running):
            run_line(dashboard, "drill immortal-counter")  # the tenant of the test before is noisy for a while
            await until(pilot, lambda: drills.running is not None)
            await until(pilot, lambda: "the drill could not begin" in toasts(pilot))
            assert names_on(pilot) == []
        await until(pilot, lambda: drills.running is None, 60)
        await until(pilot, lambda: not running.under_way("fault"), 60)
        assert names_on(pilot) == []
        assert running.scenario == "quiet"


async def test_a_fault_that_takes_long_gives_nothing_away(running: DemoHandle, tmp_path: Path) -> None:
    async with shown(running) as (pilot, dashboard):
        drills = dashboard.drills
        run_line(dashboard, "drill engine-slow")
        await until(pilot, lambda: drills.running is not None)
        with stopped(running):
            for _ in range(8):
                await asyncio.sleep(0.5)
                assert "drill: any moment" in said(pilot).splitlines()[0] or drills.running.watch is not None
                assert names_on(pilot) == []
        await until(pilot, lambda: drills.running.watch is not None, 120)
        head = said(pilot).splitlines()[0]
        assert "wait for the alarm" in head or "i opens an incident" in head
        assert running.scenario == "quiet", "the demo itself does not say it"
        assert not [one for one in given_away(running, tmp_path) if "engine-slow" in one]
        run_line(dashboard, "log")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Dashboard))
        assert names_on(pilot) == []
        await pilot.press("escape")
        with stopped(running):
            run_line(dashboard, "remedy restart-engine")
            await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
            await pilot.press("enter")
            await until(pilot, lambda: "remedy under way" in said(pilot).splitlines()[0])
        await until(pilot, lambda: bool(drills.running.watch.remedies), 60)
        run_line(dashboard, "drill stop")
        await until(pilot, lambda: isinstance(pilot.app.screen, DrillScreen), 60)
        text = said(pilot)
        for words in ("to alarm", "to cause", "to remedy", "to proof", "MTTR", "What to do next", ":drill engine-slow"):
            assert words in text, words


def given_away(demo: DemoHandle, folder: Path) -> Iterator[str]:
    """Yield what anybody could look up: command lines, environments and files of the demo, and our own state."""
    for process in Path("/proc").iterdir():
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if str(demo.ports.server).encode() in text:
                yield text.decode("utf-8", "replace")
    for place in (Path(demo._directory), folder):
        for file in place.rglob("*"):
            yield file.name
            if file.is_file():
                yield file.read_bytes().decode("utf-8", "replace")
