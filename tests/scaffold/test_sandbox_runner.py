"""Checks that somebody ends: every process of theirs is gone, the copy too, and nothing is written."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.actions.drafts.draft_checks import (
    FRESH_SECONDS,
    KILLED,
    PREFIX,
    RunCancelled,
    SandboxRunner,
    clear_stale,
    run_checks,
)
from optimus_tui.scaffold.render import render
from optimus_tui.scaffold.spec import make_spec
from tests.amounts import at_night
from tests.patience import PATIENCE
from tests.scaffold.workshop import alive, endless_gateway, pids_in

LEAVE = "import subprocess as s; print(s.Popen(['sleep', '300'], stdout=s.DEVNULL, stderr=s.DEVNULL).pid)"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def until(met: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130), at_night(signal.SIGTERM, 143), at_night(signal.SIGHUP, -signal.SIGHUP),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)  # fmt: skip
def test_a_command_line_that_is_ended_leaves_no_process_no_copy_and_no_file(
    number: signal.Signals, code: int, tmp_path: Path, temporary: Path
) -> None:
    gateway, told = endless_gateway(tmp_path)
    command = [sys.executable, "-m", "optimus_tui", "scaffold", "new", "products", "--yes", "--project", str(gateway)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        until(lambda: pids_in(told))
        assert len(list(temporary.iterdir())) == 1
        program.send_signal(number)
        _, said = program.communicate(timeout=PATIENCE)
    assert program.returncode == code, said
    assert "Traceback" not in said
    until(lambda: not any(map(alive, pids_in(told))))
    until(lambda: not list(temporary.iterdir()))
    assert not (gateway / "src/backend/routers/products.py").exists()


def test_checks_are_cut_from_another_thread_at_once(tmp_path: Path, temporary: Path) -> None:
    gateway, told = endless_gateway(tmp_path)
    runner, ended = SandboxRunner(), threading.Event()

    def work() -> None:
        with contextlib.suppress(RunCancelled):
            for _ in run_checks(render(make_spec("products")), gateway, None, None, runner):
                pass
            raise AssertionError("it came to an end")
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    until(lambda: pids_in(told))
    runner.cut()
    assert ended.wait(60), "the tests themselves would go on for 300 s"
    assert not any(map(alive, pids_in(told)))
    assert not list(temporary.iterdir())
    with pytest.raises(RunCancelled), runner as folder:
        runner.run(["true"], folder, {}, 5)
    assert not list(temporary.iterdir())


def test_what_takes_too_long_is_killed_and_what_is_left_behind_as_well(temporary: Path) -> None:
    runner, environment = SandboxRunner(), {"PATH": os.environ["PATH"]}
    with runner as folder:
        assert runner.run(["sleep", "300"], folder, environment, 0.5) == (KILLED, "")
        code, said = runner.run([sys.executable, "-c", LEAVE], folder, environment, 20)
        assert code == 0
        until(lambda: not alive(int(said)))
    assert not list(temporary.iterdir())


def test_a_copy_that_not_even_a_warden_removed_goes_with_the_next_run(temporary: Path, tmp_path: Path) -> None:
    stale, mine = temporary / f"{PREFIX}old", temporary / f"{PREFIX}link"
    (stale / "src").mkdir(parents=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    mine.symlink_to(kept)
    (kept / "file").write_text("x")
    clear_stale()
    assert stale.exists(), "so young that its owner may not have locked it yet"
    with SandboxRunner() as used:
        for folder in (stale, used):
            os.utime(folder, (time.time() - 2 * FRESH_SECONDS,) * 2)
        clear_stale()
        assert not stale.exists()
        assert used.exists(), "one in use stays, however old"
    assert (kept / "file").exists()


def test_without_room_for_a_copy_the_checks_say_so_and_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, _ = endless_gateway(tmp_path)

    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    found = list(run_checks(render(make_spec("products")), gateway))
    assert [one.status for one in found] == ["passed", "passed", "not run", "not run", "not run"]
    assert all("No space left on device" in one.detail for one in found[2:])
