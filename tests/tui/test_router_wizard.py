"""The wizard by keys alone, on a real gateway in a temporary folder."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from optimus_tui.actions.checks import Check
from optimus_tui.assets import asset_dir
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.modals.ask import AskDialog
from optimus_tui.tui.modals.field import FieldDialog
from optimus_tui.tui.screens import router_work
from optimus_tui.tui.screens.dashboard import Dashboard
from optimus_tui.tui.screens.router_answers import FieldAnswer
from optimus_tui.tui.screens.router_pages import CHECKLIST, CHECKS, NEXT, PREVIEW, WRITE
from optimus_tui.tui.screens.router_wizard import RouterScreen
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS

HOSTILE = (
    "", " ", "a b", "a-b", "A", "1a", "__import__('os')", "x\n", "x\x1b[31m", "x\0", "ｎame", "class", "match", "id",
    "model_x", "../x", "x/y", "{{x}}", "{% x %}", "x'", 'x"', "a" * 41, "\ud800", "🙂", "a:str=", "x;import os", "None",
)  # fmt: skip
SIZES = [(80, 24), (140, 42)]
PASSED = tuple(Check(name, "passed", "fine") for name in ("parse", "compile", "lint", "validate", "tests"))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    shutil.copytree(asset_dir("templates") / "orchestrator", root, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return root


def checks(monkeypatch: pytest.MonkeyPatch, *results: Check) -> None:
    monkeypatch.setattr("optimus_tui.actions.checks.run_checks", lambda *_: iter(results))


async def settle(pilot: Pilot[Any], until: Callable[[], bool], seconds: float = 15.0) -> None:
    for _ in range(int(seconds / 0.02)):
        await pilot.pause()
        if until():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that:\n" + "\n".join(screen_lines(pilot.app)))


def app_for(gateway: Path | None) -> OptimusApp:
    return OptimusApp(msgspec.structs.replace(SETTINGS, source_path=gateway))


async def opened(pilot: Pilot[Any]) -> RouterScreen:
    await pilot.pause()
    await pilot.press("ctrl+n")
    await settle(pilot, lambda: isinstance(pilot.app.screen, RouterScreen))
    screen: Any = pilot.app.screen
    await settle(pilot, lambda: isinstance(screen.focused, Input))
    return screen  # type: ignore[no-any-return]


def shown(app: Any) -> str:
    return "\n".join(line.rstrip() for line in screen_lines(app))


async def to_page(pilot: Pilot[Any], screen: RouterScreen, at: int) -> None:
    """Enter through the pages; a page that is still busy is waited for."""
    while screen.at < at:
        here = screen.at
        if here == PREVIEW:
            await settle(pilot, lambda: screen.plan is not None)
            await settle(pilot, lambda: bool(screen.query("#code")) and screen.query_one("#code").has_focus)
        if here == CHECKS:
            await settle(pilot, lambda: screen._all_checked)
        await pilot.press("enter")
        await settle(pilot, lambda here=here: screen.at != here and screen.focused is not None)  # type: ignore[misc]


@pytest.mark.parametrize("size", SIZES)
async def test_from_a_name_to_a_written_router_by_keys_alone(
    size: tuple[int, int], gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products", "enter")
        await settle(pilot, lambda: screen.at == 1)
        await pilot.press("down", "down", "enter")  # hybrid
        await settle(pilot, lambda: screen.at == 2)
        await pilot.press("end", "space", "enter")  # with delete
        await settle(pilot, lambda: screen.at == 3)
        await pilot.press("enter")
        await settle(pilot, lambda: screen.at == 4)
        await pilot.press("a")
        await settle(pilot, lambda: isinstance(app.screen, FieldDialog))
        await pilot.press(*"price", "down", "right", "right", "down", "down", *"9.5", "enter")
        await settle(pilot, lambda: app.screen is screen)
        assert "price" in shown(app)
        assert "9.5" in shown(app)
        await to_page(pilot, screen, WRITE)
        assert screen.plan is not None
        assert screen.plan.draft.spec.type == "hybrid"
        assert len(screen.plan.draft.spec.operations) == 5
        assert not (gateway / "src/backend/routers/products.py").exists()
        await pilot.press("enter")  # nothing is written before a yes
        await settle(pilot, lambda: "before this is a yes" in shown(app))
        assert not screen.written
        await pilot.press("right", "enter")
        await settle(pilot, lambda: screen.at == NEXT)
        written = (gateway / "src/backend/routers/products.py").read_text()
        assert "price: FiniteFloat = 9.5" in written
        assert (gateway / "tests/test_products.py").exists()
        assert "products" in (gateway / "src/backend/app.py").read_text()
        assert "curl" in shown(app)
        assert "uvicorn" in shown(app)


@pytest.mark.parametrize("size", SIZES)
async def test_what_cannot_be_a_name_is_refused_in_one_sentence_under_the_field(
    size: tuple[int, int], gateway: Path
) -> None:
    app = app_for(gateway)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        for name in ("Class", "../../etc/passwd", "x; import os", "app", "ñame", "a" * 80, "{{ 7*7 }}"):
            screen.query_one("#router-name", Input).value = name
            await pilot.press("enter")
            await settle(pilot, lambda: "cannot name a router" in " ".join(shown(app).split()))
            assert screen.at == 0
        screen.query_one("#router-name", Input).value = "products"
        screen.query_one("#router-project", Input).value = "/nowhere\x1b[31m"
        await pilot.press("enter")
        await settle(pilot, lambda: "is no gateway" in " ".join(shown(app).split()))
        assert screen.at == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_no_hostile_text_becomes_a_field(name: str) -> None:
    from optimus_tui.tui.screens.router_answers import FieldAnswer, name_problem

    assert name_problem(name) or name in ("id", "model_x")  # these two are words of pydantic's alone
    problem = FieldAnswer(name).problem([])
    assert problem
    assert "\n" not in problem
    assert "\x1b" not in problem
    assert FieldAnswer("a:str=", "int").problem([])


async def test_back_keeps_answers_and_escape_asks_before_it_loses_them(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products", "enter")
        await settle(pilot, lambda: screen.at == 1)
        await pilot.press("down")
        await pilot.press("alt+left")
        await settle(pilot, lambda: screen.at == 0 and isinstance(screen.focused, Input))
        assert screen.query_one("#router-name", Input).value == "products"
        await pilot.press("enter")
        await settle(pilot, lambda: screen.at == 1)
        assert screen.answers.type == "direct"
        await pilot.press("escape")
        await settle(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("n")
        await settle(pilot, lambda: app.screen is screen)
        await pilot.press("q")
        await settle(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("enter")
        await settle(pilot, lambda: app.screen is screen)
        await pilot.press("escape")
        await settle(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("y")
        await settle(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_escape_asks_nothing_where_nothing_would_be_lost(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("escape")
        await settle(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_a_failed_check_forbids_the_write_and_one_that_did_not_run_asks_once_more(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Check("tests", "failed", "1 failed", "E   assert 200 == 500")
    checks(monkeypatch, *PASSED[:4], broken)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, WRITE - 1)
        await settle(pilot, lambda: screen._all_checked)
        assert "assert 200 == 500" in shown(app)
        await pilot.press("enter")
        await settle(pilot, lambda: "Nothing can be written: tests failed" in shown(app))
        await pilot.press("enter")
        await pilot.pause()
        assert not (gateway / "src/backend/routers/products.py").exists()
        checks(monkeypatch, *PASSED[:4], Check("tests", "not run", "not run: fakeredis is missing"))
        screen._checked = False
        await screen.show(PREVIEW)
        await to_page(pilot, screen, WRITE)
        assert "tests: not run: fakeredis is missing. Write without this check?" in " ".join(shown(app).split())
        await pilot.press("down", "right", "enter")
        await settle(pilot, lambda: "before this is a yes: tests: not run" in " ".join(shown(app).split()))
        assert not screen.written
        await pilot.press("up", "right", "enter")
        await settle(pilot, lambda: screen.at == NEXT)


async def test_an_existing_file_needs_a_yes_of_its_own(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks(monkeypatch, *PASSED)
    mine = gateway / "src/backend/routers/products.py"
    mine.write_text("MINE = 1\n")
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, WRITE)
        assert "src/backend/routers/products.py exists and is another one. Replace it?" in " ".join(shown(app).split())
        await pilot.press("down", "right", "enter")
        await pilot.pause()
        assert mine.read_text() == "MINE = 1\n"
        await pilot.press("up", "right", "enter")
        await settle(pilot, lambda: screen.written)
        assert mine.read_text() != "MINE = 1\n"


async def test_a_file_that_changed_since_the_plan_is_not_overwritten(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(monkeypatch, *PASSED)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, WRITE)
        mine = gateway / "src/backend/routers/products.py"
        mine.write_text("MINE = 1\n")
        await pilot.press("right", "enter")
        await settle(pilot, lambda: "is not what it was" in " ".join(shown(app).split()))
        assert mine.read_text() == "MINE = 1\n"
        assert not screen.written


async def test_the_checks_run_for_real_and_the_checklist_has_a_result_each(
    gateway: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, PREVIEW)
        await settle(pilot, lambda: bool(screen.query("#code")))
        assert "router" in shown(app)
        await pilot.press("right", "right")
        await settle(pilot, lambda: "products.py   new" in shown(app))
        await pilot.press("right")
        await settle(pilot, lambda: "+++ b/src/backend/routers/products.py" in shown(app))
        await to_page(pilot, screen, WRITE - 1)
        await settle(pilot, lambda: screen._all_checked, 90)
        states = {task.title: task.state for task in screen.checks}
        assert {states[name] for name in ("parse", "compile", "validate")} == {"passed"}, shown(app)
        assert states["tests"] == "passed", shown(app)
        await to_page(pilot, screen, WRITE)
        await pilot.press("right", "enter")
        for at in (NEXT, CHECKLIST):
            await settle(pilot, lambda at=at: screen.at == at)  # type: ignore[misc]
            screen._entered = -1.0  # a while after the Enter before
            await pilot.press("enter")
        done = ("passed", "found", "failed", "not run")
        await settle(pilot, lambda: bool(screen.flow) and all(task.state in done for task in screen.flow), 60)
        told = {task.title: (task.state, task.detail) for task in screen.flow}
        assert told["Generate"] == ("passed", "2 files on the disk, exactly as drafted")
        assert told["Validate"][0] == "passed"
        assert told["Validate"][1].startswith("excellent")
        assert all(detail for _, detail in told.values())
        screen._entered = -1.0
        await pilot.press("enter")
        await settle(pilot, lambda: isinstance(app.screen, Dashboard))


async def test_the_project_is_remembered_for_the_next_router(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, PREVIEW)
        await settle(
            pilot, lambda: screen.plan is not None and "plan" not in {w.name for w in screen.workers if w.is_running}
        )
    app = app_for(None)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert screen.query_one("#router-project", Input).value == str(gateway)


async def test_checks_that_hang_leave_the_keys_alive(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()

    def hang(*_: object) -> Iterator[Check]:
        yield PASSED[0]
        release.wait(20)

    monkeypatch.setattr("optimus_tui.actions.checks.run_checks", hang)
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, CHECKS)
        await settle(pilot, lambda: "1 of 5 done" in shown(app))
        await pilot.press("enter")
        await settle(pilot, lambda: screen.at == CHECKS)
        await pilot.press("alt+left")
        await settle(pilot, lambda: screen.at == PREVIEW)
        release.set()


async def test_a_bug_in_a_check_is_loud_and_the_wizard_stays(gateway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> Iterator[Check]:
        yield PASSED[0]
        raise ZeroDivisionError("our own")

    monkeypatch.setattr("optimus_tui.actions.checks.run_checks", bug)
    monkeypatch.setattr(OptimusApp, "keep_report", lambda self, error: "the report is in /x")
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"products")
        await to_page(pilot, screen, CHECKS)
        await settle(pilot, lambda: any(task.state == "failed" for task in screen.checks))
        assert app.screen is screen
        await pilot.press("enter")
        await pilot.pause()
        assert not screen.written


async def test_router_with_a_name_on_the_command_line_and_in_the_palette(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        dashboard.run_command("router orders")
        await settle(pilot, lambda: isinstance(app.screen, RouterScreen) and isinstance(app.screen.focused, Input))
        assert app.screen.query_one("#router-name", Input).value == "orders"


def test_the_plan_refuses_in_one_sentence_where_the_project_is_none(tmp_path: Path) -> None:
    from optimus_tui.tui.screens.router_answers import RouterAnswers

    with pytest.raises(router_work.Unplannable, match="is no gateway"):
        router_work.make_plan(RouterAnswers(name="products", project=str(tmp_path)))


async def test_keys_that_arrive_in_one_burst_each_move_one_line(gateway: Path) -> None:
    app = app_for(gateway)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        dialog = FieldDialog(FieldAnswer(), [])
        await app.push_screen(dialog)
        await settle(pilot, lambda: dialog.lines != [] and dialog.lines[0].has_focus)
        for _ in range(3):
            app.post_message(events.Key("down", None))
        await settle(pilot, lambda: dialog.focused is dialog.lines[3])
