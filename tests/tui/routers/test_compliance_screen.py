"""The compliance screen on real files: files by score, findings with their line, and the way to the editor."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from optimus_tui.tui import terminal
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import ChooseDialog
from optimus_tui.tui.routers.compliance_lists import DriftList, FileList, IssueList
from optimus_tui.tui.routers.compliance_screen import ComplianceScreen
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS
from tests.tui.routers.bad_routers import BAD


@pytest.fixture
def routers(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "src" / "backend" / "routers"
    folder.mkdir(parents=True)
    (folder / "orders.py").write_text(BAD)
    (folder / "broken.py").write_text("def x(:\n")
    os.mkfifo(folder / "pipe.py")
    return folder


async def opened(pilot: Pilot[Any]) -> ComplianceScreen:
    await pilot.pause()
    dashboard: Any = pilot.app.screen
    dashboard.prompt.run("validate")
    await until(pilot, lambda: isinstance(pilot.app.screen, ComplianceScreen))
    screen: Any = pilot.app.screen
    await until(pilot, lambda: screen.report is not None or bool(screen.failure))
    return screen


def app_for(root: Path | None) -> OptimusApp:
    return OptimusApp(msgspec.structs.replace(SETTINGS, source_path=root))


def shown(app: Any) -> str:
    return "\n".join(line.rstrip() for line in screen_lines(app))


@pytest.mark.parametrize("size", SIZES)
async def test_files_stand_by_score_and_findings_with_their_source_line(size: tuple[int, int], routers: Path) -> None:
    app = app_for(routers.parents[2])
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        files = screen.query_one(FileList)
        names = [Path(row.file).name for row in files.rows]
        assert set(names) == {"orders.py", "broken.py", "pipe.py"}
        scores = [row.score for row in files.rows if row.score is not None]
        assert scores == sorted(scores)
        assert names[-1] == "pipe.py"  # not judged, and at the end
        files.move_to(names.index("orders.py"))
        await until(pilot, lambda: "orders.py: " in shown(app))
        assert "async def list_orders():" in shown(app)
        files.move_to(names.index("pipe.py"))
        await until(pilot, lambda: "It was not judged" in shown(app))


async def test_the_level_is_a_key_away_and_asks_for_more(routers: Path) -> None:
    app = app_for(routers.parents[2])
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        assert screen.report is not None
        before = len(screen.report.issues_found)
        await pilot.press("l")
        await until(pilot, lambda: screen.report is not None and screen.report.validation_level == "production_ready")
        assert len(screen.report.issues_found) >= before
        assert "production_ready" in shown(app)


async def test_enter_opens_the_findings_line_in_the_editor(routers: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[Path, int]] = []
    monkeypatch.setattr(
        "optimus_tui.tui.routers.compliance_screen.open_in_editor",
        lambda app, path, line: heard.append((path, line)) or "",
    )
    app = app_for(routers.parents[2])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        files = screen.query_one(FileList)
        files.move_to([Path(row.file).name for row in files.rows].index("orders.py"))
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one(IssueList).has_focus)
        issue = screen.query_one(IssueList).selected
        await pilot.press("enter")
        await until(pilot, lambda: bool(heard))
        assert heard == [(routers / "orders.py", issue.line)]
        await pilot.press("Y")
        await until(pilot, lambda: isinstance(app.screen, ChooseDialog))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: files.has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))


async def _judging(pilot: Pilot[Any], path: Path) -> Any:
    await pilot.pause()
    dashboard: Any = pilot.app.screen
    dashboard.prompt.run(f"validate {path}")
    await until(pilot, lambda: isinstance(pilot.app.screen, ComplianceScreen))
    screen: Any = pilot.app.screen
    await until(pilot, lambda: screen.report is not None or bool(screen.failure))
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_any_folder_is_judged_by_its_own_profile(size: tuple[int, int], tmp_path: Path) -> None:
    folder = tmp_path / "other" / "api"
    folder.mkdir(parents=True)
    (tmp_path / "other" / "pyproject.toml").touch()
    (folder / "orders.py").write_text(BAD)
    (folder / "helpers.py").write_text("def helper():\n    return 1\n")
    (folder / "probe.py").write_text(
        'from fastapi import APIRouter\nr = APIRouter()\n@r.get("/health")\nasync def health():\n    return {}\n'
    )
    app = app_for(None)
    async with app.run_test(size=size) as pilot:
        screen = await _judging(pilot, folder)
        files = screen.query_one(FileList)
        assert [row.file for row in files.rows] == ["api/orders.py", "api/probe.py"], "no list of files without routes"
        assert " profile fastapi, detected (no limiter, tenant or cache in 3 files)" in shown(app)
        assert "…/other/api" in shown(app)
        files.move_to(1)
        await until(pilot, lambda: "No pattern applies to it here" in screen.query_one(IssueList).hint)
        assert any(form.startswith("optimus-tui validate ") for _, form in screen.copy_forms())
        await pilot.press("c")
        await until(pilot, lambda: "only the gateway's own routers" in screen.query_one(DriftList).hint)


async def test_a_path_that_is_not_there_and_a_wrong_optimus_toml_are_said(tmp_path: Path) -> None:
    (tmp_path / "optimus.toml").write_text('[validate.rules]\n"limits.mising" = "off"\n')
    (tmp_path / "main.py").write_text(BAD)
    app = app_for(None)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await _judging(pilot, tmp_path / "nowhere")
        assert screen.failure == f"there is no {tmp_path}/nowhere"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        screen = await _judging(pilot, tmp_path / "main.py")
        assert screen.failure.startswith(f"{tmp_path}/optimus.toml:2: there is no rule limits.mising; did you mean")


async def test_without_a_source_tree_it_says_how_to_name_one(tmp_path: Path) -> None:
    app = app_for(None)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert screen.report is None
        assert "BACKEND_ORCHESTRATOR_PATH" in " ".join(shown(app).split())
        assert screen.failure.endswith(":validate PATH judges any folder")


def test_each_editor_is_told_the_line_in_its_own_way() -> None:
    path = Path("/x/a.py")
    assert terminal.command(path, 7, {"EDITOR": "nvim -R"}) == ["nvim", "-R", "+7", "/x/a.py"]
    assert terminal.command(path, 7, {"VISUAL": "code --wait", "EDITOR": "vi"}) == [
        "code",
        "--wait",
        "--goto",
        "/x/a.py:7",
    ]
    assert terminal.command(path, 7, {"EDITOR": "/usr/bin/hx"}) == ["/usr/bin/hx", "/x/a.py:7"]
    assert terminal.command(path, 7, {"EDITOR": "ed"}) == ["ed", "/x/a.py"]


async def test_a_terminal_that_cannot_be_left_and_a_file_that_is_gone_are_one_sentence(routers: Path) -> None:
    app = app_for(routers.parents[2])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "no editor can be opened" in terminal.open_in_editor(app, routers / "orders.py", 3)
        assert "is not a file" in terminal.open_in_editor(app, routers / "gone\x1b.py")


async def test_a_file_whose_name_holds_the_best_verdict_is_shown_and_opened_as_it_is_on_the_disk(
    routers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = routers / "Excellent_orders.py"
    mine.write_text(BAD.replace("10.0.0.5", "excellent"))
    gone: list[tuple[Path, int]] = []
    monkeypatch.setattr(
        "optimus_tui.tui.routers.compliance_screen.open_in_editor",
        lambda _app, path, line=1: (gone.append((path, line)), "")[1],
    )
    app = app_for(routers.parents[2])
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(pilot)
        files = screen.query_one(FileList)
        at = next(i for i, row in enumerate(files.rows) if row.file.endswith("Excellent_orders.py"))
        files.move_to(at)
        await until(pilot, lambda: len(screen.query_one(IssueList).rows) > 0)
        text = shown(app)
        assert "Excellent_orders.py" in text
        assert "http://excellent:8010" in text
        assert "excellen[t]" not in text.lower()
        await pilot.press("o")
        await until(pilot, lambda: gone == [(mine, 1)])
        await until(pilot, lambda: len(files.rows) > 0 and screen.report is not None)
        screen.query_one(IssueList).focus()
        await pilot.press("o")
        await until(pilot, lambda: len(gone) == 2)
        assert gone[1][0] == mine
        assert gone[1][1] > 1


@pytest.mark.parametrize("editor_name", ["no-such-editor", "/etc", "a\0b"])
def test_an_editor_that_cannot_be_started_gives_the_terminal_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editor_name: str
) -> None:
    """Textual takes the terminal back behind its ``yield``: what is raised inside would leave a dead screen."""
    back: list[bool] = []

    class Terminal:
        @contextlib.contextmanager
        def suspend(self) -> Iterator[None]:
            yield
            back.append(True)

    place = tmp_path / "orders.py"
    place.write_text("")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(os, "environ", {"EDITOR": editor_name})
    said = terminal.open_in_editor(Terminal(), place)  # type: ignore[arg-type]
    assert back == [True]
    assert "cannot be started" in said
