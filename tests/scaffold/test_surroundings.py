"""What stands round a new router: names of its neighbours, a ruff of the project's own, ways to the project."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from optimus_tui.__main__ import run
from optimus_tui.actions.drafts import draft_checks
from optimus_tui.actions.drafts.draft_checks import DraftCheck, run_checks
from optimus_tui.actions.drafts.routers import plan_router
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import OPERATIONS, make_spec
from optimus_tui.tools.router import shared_names
from tests.scaffold.workshop import fill, new_gateway

UNTESTED = ["--yes", "--untested", "--python", "nobody"]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return new_gateway(tmp_path / "shop")


def test_names_that_another_router_uses_are_said_and_refuse_nothing(gateway: Path) -> None:
    assert shared_names(gateway, render(make_spec("products", "hybrid", OPERATIONS))) == ()
    fill(gateway, [make_spec("products", "hybrid", OPERATIONS)])
    told = shared_names(gateway, render(make_spec("product", "hybrid", OPERATIONS)))
    assert told == (
        "products.py counts create_product, delete_product, get_product and 2 more, too: "
        "one limit would hold for both routers",
        "products.py caches product, too: each would serve and drop the other's answers",
    )
    (limits,) = shared_names(gateway, render(make_spec("message", "hybrid", OPERATIONS)))
    assert limits == "messages.py counts create_message, too: one limit would hold for both routers"
    uncounted = make_spec("product", "hybrid", OPERATIONS, rate_limiting=False, caching=False)
    assert shared_names(gateway, render(uncounted)) == ()
    again = plan_router(gateway, make_spec("products", "hybrid", OPERATIONS), shared_names)
    assert not [one for one in again.warnings if "products.py" in one], "a router is no neighbour of itself"


def test_the_command_line_says_shared_names_before_it_writes(gateway: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scaffold", "new", "message", "--project", str(gateway), *UNTESTED]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "note messages.py counts create_message, too" in out
    assert out.index("note messages.py") < out.index("passed parse")
    assert (gateway / "src/backend/routers/message.py").exists()


def lint(gateway: Path, python: str | None = None) -> DraftCheck:
    checks = run_checks(render(make_spec("products", "direct", ["get"])), gateway, python)
    found = next(check for check in checks if check.name == "lint")
    checks.close()  # type: ignore[attr-defined]
    return found


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_projects_own_ruff_is_asked_first_and_one_that_does_not_work_is_no_verdict(
    gateway: Path, tmp_path: Path
) -> None:
    own = program(gateway / ".venv/bin/ruff", 'echo "own ruff says no"; exit 1')
    assert lint(gateway) == DraftCheck("lint", "failed", "ruff found problems", "own ruff says no")
    named = program(tmp_path / "other/bin/ruff", 'echo "named ruff says no"; exit 1')
    assert "named ruff" in lint(gateway, str(named.with_name("python"))).output
    program(own, 'echo "unknown rule ASYNC"; exit 2')
    assert lint(gateway).status == "passed", "the next one is asked"


def test_without_any_ruff_that_works_the_check_says_which_and_why(
    gateway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.shutil.which", lambda *_: None)
    monkeypatch.setattr(draft_checks, "sys", SimpleNamespace(executable=str(tmp_path / "nowhere/python")))
    assert lint(gateway) == DraftCheck("lint", "not run", "not run: ruff is missing")
    own = program(gateway / ".venv/bin/ruff", "exit 2")
    assert lint(gateway).detail == f"not run: {own} ended with 2: it says nothing"
    own.chmod(0o644)
    assert lint(gateway).detail.startswith(f"not run: {own} cannot be started")


@pytest.mark.parametrize("way", ["link", "dots", "link to a link"])
def test_a_project_by_a_link_or_by_dots_is_written_where_it_really_is_row_98(
    way: str, gateway: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").symlink_to(gateway)
    (tmp_path / "two").symlink_to("one")
    monkeypatch.chdir(gateway / "src")
    project = {"link": str(tmp_path / "one"), "dots": "../src/..", "link to a link": "../../two"}[way]
    assert run(["scaffold", "new", "products", "--project", project, *UNTESTED]) == 0
    assert "written; optimus-tui scaffold undo takes it back" in capsys.readouterr().out
    assert (gateway / "src/backend/routers/products.py").is_file()
    assert run(["scaffold", "undo", "--project", str(gateway)]) == 0
    assert not (gateway / "src/backend/routers/products.py").exists()


def test_routers_that_are_a_link_out_of_the_project_are_refused_in_one_sentence_row_98(
    gateway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    (gateway / "src/backend/routers").rename(outside)
    (gateway / "src/backend/routers").symlink_to(outside)
    before = sorted(outside.rglob("*"))
    assert run(["scaffold", "new", "products", "--project", str(gateway / "src" / ".."), *UNTESTED]) == 2
    said = capsys.readouterr().err
    assert "leads out of" in said and said.count("\n") == 1
    assert sorted(outside.rglob("*")) == before
