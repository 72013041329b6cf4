"""Take each guard out, one at a time and in a copy, and expect its test to fail: ``python -m tests.mutation``.

For the night, not for CI. ``--only N`` tries the N-th guard alone (from 1), ``--from N`` and ``--to N`` bound them. The
exit code is 1 where a guard survived: its test passes without it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from tests.mutation.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
COPIED = ("optimus_tui", "styles", "templates", "tests", "pyproject.toml", "README.md", "docs")
SECONDS = 180
NO_TEST_FAILED = 0
FAILED = 1


def copy_tree(place: Path) -> None:
    """Copy what the tests need."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=ignored, symlinks=True)
        else:
            shutil.copy2(source, place / name)


def make_python(folder: Path, place: Path) -> Path:
    """Return a Python that imports the copy first, whoever starts it, and everything else from where we have it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = sysconfig.get_paths()["purelib"]
    (packages / "copy.pth").write_text(f"{place}\nimport site; site.addsitedir({ours!r})\n", "utf-8")
    return folder / "bin" / "python"


def run_tests(python: Path, place: Path, test: str) -> int:
    """Return pytest's exit code for one test in the copy; -1 where it takes too long, which counts as a failure."""
    environment = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", test]
    try:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return -1
    return done.returncode


def verdict(python: Path, place: Path, guard: Guard, sound: dict[str, int]) -> str:
    """Return killed, survived, or why the question could not be asked.

    ``sound`` keeps how each test ends with nothing taken out: one that fails then proves nothing.
    """
    path = place / guard.file
    before = path.read_text("utf-8")
    if before.count(guard.text) != 1:
        return "not there exactly once"
    if guard.test not in sound:
        sound[guard.test] = run_tests(python, place, guard.test)
    if sound[guard.test] != NO_TEST_FAILED:
        return f"its test does not pass anyway (pytest ended with {sound[guard.test]})"
    try:
        path.write_text(before.replace(guard.text, guard.instead), "utf-8")
        code = run_tests(python, place, guard.test)
    finally:
        path.write_text(before, "utf-8")
    if code == NO_TEST_FAILED:
        return "survived"
    return "killed" if code in (FAILED, -1) else f"not a failed test (pytest ended with {code})"


def main() -> int:
    """Try the guards that were asked for; the number of those that are not killed decides the exit code."""
    parser = argparse.ArgumentParser(prog="tests.mutation")
    parser.add_argument("--only", type=int)
    parser.add_argument("--from", dest="first", type=int, default=1)
    parser.add_argument("--to", dest="last", type=int, default=len(GUARDS))
    asked = parser.parse_args()
    bad = tried = 0
    sound: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="optimus-mutation-") as folder:
        place = Path(folder) / "copy"
        place.mkdir()
        copy_tree(place)
        python = make_python(Path(folder) / "venv", place)
        for number, guard in enumerate(GUARDS, 1):
            if (asked.only and number != asked.only) or not asked.first <= number <= asked.last:
                continue
            began = time.monotonic()
            said = verdict(python, place, guard, sound)
            tried, bad = tried + 1, bad + (said != "killed")
            print(f"{number:>3} {said:<10} {time.monotonic() - began:5.1f} s  {guard.file}: {guard.about}", flush=True)
    print(f"{tried - bad} of {tried} killed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
