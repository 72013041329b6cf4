"""A test that ends its worker costs the run itself and a new worker, nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

CONFTEST = """
from tests import timed


def pytest_xdist_make_scheduler(config, log):
    return timed.scheduler(config, log)
"""
TESTS = """
import os


def test_before():
    pass


def test_crash():
    with open("tries", "a") as file:
        file.write("x")
    os._exit(3)


def test_after():
    pass
"""


def test_a_test_that_ends_its_worker_fails_once_and_those_behind_it_are_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    words = ["-q", "-n", "1", "--dist", "loadfile", "-p", "no:asyncio", "-p", "no:hypothesispytest", "-c", "/dev/null"]
    words += ["--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)],
        cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=PATIENCE * 3,
    )  # fmt: skip
    assert "1 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert (tmp_path / "tries").read_text() == "x"


def _environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OPTIMUS_", "COV"))}
    return {**clean, "PYTHONPATH": str(Path(__file__).parents[2])}
