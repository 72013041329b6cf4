"""Files are written all or none, after a kill -9 too; the application is told once; undo leaves no trace."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.actions.drafts.draft_checks import DraftCheck
from optimus_tui.actions.drafts.routers import plan_router, write_router
from optimus_tui.actions.files.changes import apply_changes, plan_files, recover, undo_last
from optimus_tui.actions.files.git_state import git_warnings
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.scaffold.registration import RegistrationError, register
from optimus_tui.scaffold.spec import make_spec
from tests.amounts import amount
from tests.patience import PATIENCE
from tests.scaffold.workshop import new_gateway

APP = "src/backend/app.py"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return new_gateway(tmp_path / "gateway")


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_a_router_is_written_registered_and_taken_back_to_the_byte(gateway: Path) -> None:
    before = files_of(gateway)
    write_router(plan_router(gateway, make_spec("products")))
    after = files_of(gateway)
    assert after.keys() - before.keys() == {"src/backend/routers/products.py", "tests/test_products.py"}
    added = set(after[APP].splitlines()) - set(before[APP].splitlines())
    assert added == {
        b"from backend.routers.products import router as products_router",
        b"app.include_router(products_router)",
    }
    assert plan_router(gateway, make_spec("products")).changes == (), "a second run has nothing to write"
    undo_last(gateway)
    assert files_of(gateway) == before
    with pytest.raises(WriteRefused, match="nothing to undo"):
        undo_last(gateway)


def test_undo_refuses_where_a_file_was_changed_since(gateway: Path) -> None:
    write_router(plan_router(gateway, make_spec("products")))
    (gateway / APP).write_text((gateway / APP).read_text() + "# mine\n")
    before = files_of(gateway)
    with pytest.raises(WriteRefused, match=r"app\.py changed since router products was written"):
        undo_last(gateway)
    assert files_of(gateway) == before


def test_routers_are_taken_back_one_after_the_other(gateway: Path) -> None:
    before = files_of(gateway)
    for name in ("first", "second"):
        write_router(plan_router(gateway, make_spec(name)))
    assert [undo_last(gateway).label for _ in range(2)] == ["router second", "router first"]
    assert files_of(gateway) == before


def test_a_file_that_changed_after_the_plan_stops_all_of_it(gateway: Path) -> None:
    plan = plan_router(gateway, make_spec("products"))
    (gateway / "tests/test_products.py").write_text("mine")
    before = files_of(gateway)
    with pytest.raises(WriteRefused, match="not what it was when the plan was made"):
        write_router(plan)
    assert files_of(gateway) == before


def test_an_existing_router_is_named_as_replaced_and_yes_alone_does_not_do_it_row_96(
    gateway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", lambda *_: iter(()))
    (gateway / "src/backend/routers/products.py").write_text("mine = 1\n")
    before = files_of(gateway)
    command = [
        "scaffold",
        "new",
        "products",
        "--project",
        str(gateway),
        "--yes",
        "--operations",
        "list",
        "--type=direct",
    ]
    assert run(command) == 2
    shown = capsys.readouterr()
    assert "-mine = 1" in shown.out and "replaced src/backend/routers/products.py" in shown.out
    assert "--replace" in shown.err and files_of(gateway) == before
    assert run([*command, "--replace"]) == 0
    assert (gateway / "src/backend/routers/products.py").read_bytes() != b"mine = 1\n"
    assert run(["scaffold", "undo", "--project", str(gateway)]) == 0
    assert files_of(gateway) == before


def test_without_yes_and_without_a_terminal_nothing_is_written(
    gateway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", lambda *_: iter(()))
    before = files_of(gateway)
    assert run(["scaffold", "new", "products", "--project", str(gateway)]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert run(["scaffold", "new", "products", "--project", str(gateway), "--dry-run"]) == 0
    assert "+router = APIRouter(" in capsys.readouterr().out
    assert files_of(gateway) == before


def test_a_python_without_the_packages_is_said_and_nothing_passes_for_passed(
    gateway: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True, timeout=60)
    command = ["scaffold", "new", "products", "--project", str(gateway), "--dry-run", "--yes", "--python"]
    assert run([*command, str(bare / "bin/python")]) == 0
    assert "not run: pytest, pytest_asyncio, fastapi" in " ".join(capsys.readouterr().out.split())
    assert run([*command, str(tmp_path / "nobody")]) == 0
    assert "cannot be started" in " ".join(capsys.readouterr().out.split())


def test_a_named_python_is_no_yes_to_the_projects_own_programs(
    gateway: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    for name in ("ruff", "python"):
        program = gateway / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\ntouch {ran}\n")
        program.chmod(0o755)
    (gateway / "conftest.py").write_text(f"open({str(ran)!r}, 'w')\n")
    command = ["scaffold", "new", "products", "--project", str(gateway), "--dry-run", "--python", sys.executable]
    assert run(command) in (0, 1)
    assert not ran.exists()


def test_yes_alone_does_not_write_what_was_not_tested_and_a_relative_python_is_found(
    gateway: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True, timeout=60)
    monkeypatch.chdir(tmp_path)
    command = ["scaffold", "new", "products", "--project", str(gateway), "--yes", "--python", "bare/bin/python"]
    before = files_of(gateway)
    assert run(command) == 4
    said = capsys.readouterr().err
    assert "pytest, pytest_asyncio, fastapi" in said and "--python" in said and "--untested" in said
    assert said.count("\n") == 1 and files_of(gateway) == before
    assert run([*command, "--untested"]) == 0
    assert (gateway / "src/backend/routers/products.py").exists()


def test_a_terminal_is_asked_twice_where_a_check_did_not_run(
    gateway: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = DraftCheck("tests", "not run", "not run: fakeredis is missing")
    monkeypatch.setattr("optimus_tui.actions.drafts.draft_checks.run_checks", lambda *_: iter((silent,)))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []
    answers = iter((True, True, False, True, True, True))
    monkeypatch.setattr("click.confirm", lambda question, **_: (asked.append(question), next(answers))[1])
    command = ["scaffold", "new", "products", "--project", str(gateway)]
    before = files_of(gateway)
    assert run(command) == 1
    assert files_of(gateway) == before
    assert run(command) == 0
    assert len(asked) == 6 and asked[0].startswith("Run the tests? They import the code of")
    assert "without" in asked[1] and asked[2].startswith("Write 3 files")
    assert (gateway / "src/backend/routers/products.py").exists()


def test_a_read_only_folder_and_a_full_disk_leave_nothing_row_99(
    gateway: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, real, left = files_of(gateway), os.fsync, [0]

    def full(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        real(handle)

    for step in range(1, 12):
        left[0] = step
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            try:
                write_router(plan_router(gateway, make_spec("products")))
            except (WriteRefused, OSError):
                assert files_of(gateway) == before, step
            else:
                undo_last(gateway)
        recover(gateway)
        assert files_of(gateway) == before, step


WRITER = """
import os, sys
from pathlib import Path
from optimus_tui.actions.drafts.routers import plan_router, write_router
from optimus_tui.scaffold.spec import make_spec
stop = int(sys.argv[2])
def trap(name, module):
    real = getattr(module, name)
    def call(*args, **more):
        global stop
        stop -= 1
        if stop == 0:
            os.kill(os.getpid(), 9)
        return real(*args, **more)
    setattr(module, name, call)
for name in ("fsync", "link", "unlink", "rename", "replace", "mkdir", "open", "fchmod"):
    trap(name, os)
write_router(plan_router(Path(sys.argv[1]), make_spec("products")))
"""


def test_killed_at_any_point_the_next_run_leaves_all_files_or_none_row_99(gateway: Path) -> None:
    before = files_of(gateway)
    write_router(plan_router(gateway, make_spec("products")))
    whole = files_of(gateway)
    undo_last(gateway)
    seen = set()
    for stop in (*range(20, 120, amount(12, 6)), 1000):
        command = [sys.executable, "-c", WRITER, str(gateway), str(stop)]
        code = subprocess.run(command, timeout=60, capture_output=True).returncode
        assert code in (0, -signal.SIGKILL)
        recover(gateway)
        found = files_of(gateway)
        assert found in (before, whole), stop
        seen.add((code, found == whole))
        if found == whole:
            undo_last(gateway)
        assert files_of(gateway) == before
    assert seen == {(0, True), (-signal.SIGKILL, False), (-signal.SIGKILL, True)}, "taken back, and finished"


def test_two_at_once_do_not_mix(gateway: Path, tmp_path: Path) -> None:
    from optimus_tui.actions.files.changes import UndoJournal

    with UndoJournal(gateway.resolve()).locked(), pytest.raises(WriteRefused, match="another scaffold"):
        write_router(plan_router(gateway, make_spec("products")))


def test_a_parent_that_became_a_link_is_not_followed_row_98(gateway: Path, tmp_path: Path) -> None:
    changes = plan_files(gateway, [("src/backend/routers/x.py", b"x")])
    outside = tmp_path / "outside"
    shutil.move(gateway / "src/backend/routers", outside)
    (gateway / "src/backend/routers").symlink_to(outside)
    before = files_of(outside)
    with pytest.raises(WriteRefused, match="leads out of"):
        apply_changes(gateway, changes, "x")
    assert files_of(outside) == before


def test_a_folder_that_is_no_gateway_and_one_that_is_not_there_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / ("x" * 300)):
        assert run(["scaffold", "new", "products", "--project", str(place)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_registration_finds_the_application_and_is_done_once(ending: str) -> None:
    for source in (
        "from fastapi import FastAPI\napp = FastAPI()",
        "from fastapi import FastAPI\n\n\ndef make():\n    api = FastAPI()\n    return api\n",
        '"""x"""\nimport fastapi\nservice = fastapi.FastAPI(\n    title="x",\n)\nservice.include_router(\n    a,\n)\n',
        "from fastapi import FastAPI\nfrom backend.routers.zoo import router as zoo_router\napp = FastAPI()\n",
    ):
        text = source.replace("\n", ending)
        once = register(text, "products")
        assert register(once, "products") == once
        assert once.count("include_router(products_router)") == once.count("import router as products_router") == 1
        assert (ending in once) and ("\r\n" in once) == (ending == "\r\n")
        left = [line for line in once.splitlines() if "products" not in line]
        assert left == text.splitlines()
    ours = "from fastapi import FastAPI\nfrom backend.routers.products import router as p\napp = FastAPI()\n"
    assert register(ours, "products") == ours + "app.include_router(p)\n"


@pytest.mark.parametrize("source", ["x = (", "x = 1\n", "", "\0"])
def test_where_no_application_is_found_the_reason_is_said(source: str) -> None:
    with pytest.raises(RegistrationError):
        register(source, "products")


def test_where_a_person_must_register_it_the_two_lines_are_said(gateway: Path) -> None:
    (gateway / "src/backend/app.py").write_text("def (")
    (told,) = [one for one in plan_router(gateway, make_spec("products", "proxy", ["list"])).warnings if "hand" in one]
    assert told.startswith("src/backend/app.py is not valid Python: register the router by hand: ")
    assert told.endswith(
        "from backend.routers.products import router as products_router; app.include_router(products_router)"
    )


def test_git_is_warned_about_and_never_told_anything_row_97(gateway: Path) -> None:
    def git(*words: str) -> str:
        safe = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words]
        return subprocess.run(safe, cwd=gateway, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    assert "no git repository" in git_warnings(gateway)[0]
    git("init", "-q", ".")
    git("add", "-A")
    git("commit", "-qm", "first")
    assert git_warnings(gateway) == ()
    (gateway / "notes\x1b[2J").write_text("x")
    assert "not committed" in git_warnings(gateway)[0] and git_warnings(gateway)[0].isprintable()
    (gateway / "notes\x1b[2J").unlink()
    git("checkout", "-q", "--detach")
    assert any("detached" in each for each in git_warnings(gateway))
    git("worktree", "add", "-q", str(gateway.parent / "linked"))
    assert any("linked work tree" in each for each in git_warnings(gateway.parent / "linked"))
    git("config", "core.fsmonitor", f"touch {gateway}/OWNED")
    index, head = (gateway / ".git/index").read_bytes(), git("rev-parse", "HEAD")
    write_router(plan_router(gateway, make_spec("products")))
    assert ((gateway / ".git/index").read_bytes(), git("rev-parse", "HEAD")) == (index, head)
    assert not (gateway / "OWNED").exists()


def test_from_answers_to_written_files_with_all_checks_passed(gateway: Path) -> None:
    before = os.times()
    command = [sys.executable, "-m", "optimus_tui", "scaffold", "new", "products", "--project", str(gateway), "--yes"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed   tests:" in done.stdout
    spent = os.times()
    spent_seconds = spent.children_user + spent.children_system - before.children_user - before.children_system
    assert spent_seconds < 12, "twice the goal, as time of the processor"
