"""The wizard's checks, its questions before the write, and the checklist behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.worker import WorkerState

from optimus_tui.actions.drafts.draft_checks import DraftCheck
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.routers.draft import CHECKLIST, CHECKS, NEXT, PREVIEW, WRITE
from tests.tui.driver import until
from tests.tui.routers.driver import (
    PASSED,
    app_for,
    call_it,
    checks,
    let_go,
    opened,
    shown,
    to_page,
)


async def test_a_failed_check_forbids_the_write_and_one_that_did_not_run_asks_once_more(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = DraftCheck("tests", "failed", "1 failed", "E   assert 200 == 500")
    checks(monkeypatch, *PASSED[:4], broken)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, WRITE - 1)
        await until(pilot, lambda: screen.draft.all_checked)
        assert "assert 200 == 500" in shown(app)
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing can be written: tests failed" in shown(app))
        await pilot.press("enter")
        await pilot.pause()
        assert not (gateway / "src/backend/routers/products.py").exists()
        checks(monkeypatch, *PASSED[:4], DraftCheck("tests", "not run", "not run: fakeredis is missing"))
        screen.draft.checked = False
        await screen.show(PREVIEW)
        await to_page(pilot, screen, WRITE)
        assert "tests: not run: fakeredis is missing. Write without this check?" in " ".join(shown(app).split())
        await pilot.press("down", "right", "enter")
        await until(pilot, lambda: "answer yes to: tests: not run" in " ".join(shown(app).split()))
        assert not screen.draft.written
        await pilot.press("up", "right", "enter")
        await until(pilot, lambda: screen.draft.at == NEXT)


async def test_an_existing_file_needs_a_yes_of_its_own(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, *PASSED)
    mine = gateway / "src/backend/routers/products.py"
    mine.write_text("MINE = 1\n")
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, WRITE)
        assert "src/backend/routers/products.py exists with other content. Replace it?" in " ".join(shown(app).split())
        await pilot.press("down", "right", "enter")
        await pilot.pause()
        assert mine.read_text() == "MINE = 1\n"
        await pilot.press("up", "right", "enter")
        await until(pilot, lambda: screen.draft.written)
        assert mine.read_text() != "MINE = 1\n"


async def test_a_file_that_changed_since_the_plan_is_not_overwritten(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, WRITE)
        mine = gateway / "src/backend/routers/products.py"
        mine.write_text("MINE = 1\n")
        await pilot.press("right", "enter")
        await until(pilot, lambda: "is not what it was" in " ".join(shown(app).split()))
        await pilot.press("enter")
        await until(pilot, lambda: "the project changed after the plan was made" in " ".join(shown(app).split()))
        await pilot.press("f2", "enter", "enter")
        await pilot.pause()
        assert mine.read_text() == "MINE = 1\n"
        assert not screen.draft.written
        assert not [one for one in screen.workers if one.state is WorkerState.ERROR]


async def test_the_checks_run_for_real_and_the_checklist_has_a_result_each(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, PREVIEW)
        await until(pilot, lambda: bool(screen.query("#code")))
        assert "router" in shown(app)
        await pilot.press("right", "right")
        await until(pilot, lambda: "products.py   new" in shown(app))
        await pilot.press("right")
        await until(pilot, lambda: "+++ b/src/backend/routers/products.py" in shown(app))
        await to_page(pilot, screen, WRITE - 1)
        await until(pilot, lambda: screen.draft.all_checked, 90)
        states = {task.title: task.state for task in screen.draft.checks}
        assert {states[name] for name in ("parse", "compile", "validate")} == {"passed"}, shown(app)
        assert states["tests"] == "passed", shown(app)
        await to_page(pilot, screen, WRITE)
        await pilot.press("right", "enter")
        for at in (NEXT, CHECKLIST):
            await until(pilot, lambda at=at: screen.draft.at == at)  # type: ignore[misc]
            let_go(screen.app)  # a while after the Enter before
            await pilot.press("enter")
        done = ("passed", "found", "failed", "not run")
        await until(
            pilot, lambda: bool(screen.draft.flow) and all(task.state in done for task in screen.draft.flow), 60
        )
        told = {task.title: (task.state, task.detail) for task in screen.draft.flow}
        assert told["Generate"] == ("passed", "2 files on the disk, exactly as drafted")
        assert told["Validate"][0] == "passed"
        assert told["Validate"][1].startswith("excellent")
        assert all(detail for _, detail in told.values())
        let_go(screen.app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_checks_that_hang_leave_the_keys_alive(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def hang(*_: object) -> Iterator[DraftCheck]:
        yield PASSED[0]
        release.wait(20)

    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", hang)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, CHECKS)
        await until(pilot, lambda: "1 of 5 done" in shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: screen.draft.at == CHECKS)
        await pilot.press("alt+left")
        await until(pilot, lambda: screen.draft.at == PREVIEW)
        assert not release.is_set() and not screen.draft.all_checked, "the checks hang still"
        release.set()


async def test_a_bug_in_a_check_is_loud_and_the_wizard_stays(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> Iterator[DraftCheck]:
        yield PASSED[0]
        raise ZeroDivisionError("our own")

    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", bug)
    monkeypatch.setattr(OptimusApp, "keep_report", lambda self, error: "the report is in /x")
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        call_it(screen)
        await to_page(pilot, screen, CHECKS)
        await until(pilot, lambda: any(task.state == "failed" for task in screen.draft.checks))
        assert app.screen is screen
        await pilot.press("enter")
        await pilot.pause()
        assert not screen.draft.written
