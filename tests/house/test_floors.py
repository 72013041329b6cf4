"""The house keeps its floors, and its rooms stay small enough to be read."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "optimus_tui").rglob("*.py"))


def test_no_room_imports_upwards_or_sideways() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]


def test_the_architecture_numbers_the_floors_as_the_rules_do() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["name"] == "Floors")
    ruled = {
        (floor, room.strip().removeprefix("optimus_tui."))
        for floor, layer in enumerate(reversed(layers))
        for room in layer.split("|")
    }
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE)
    assert {(int(floor), room) for floor, rooms in rows for room in re.findall(r"`(\w+)`", rooms)} == ruled


LISTS = [ROOT / "optimus_tui/contract/finding_rules.py"]
"""A list of data stays in one file, so that a row is added in one place."""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for_and_stays_below_450_lines(module: Path) -> None:
    text = module.read_text("utf-8")
    assert text.count("\n") <= 450 or module in LISTS
    assert ast.get_docstring(ast.parse(text)), "no docstring"


def test_every_command_for_people_is_quoted_by_one_function() -> None:
    """``shlex.quote`` leaves a word that begins with ``=`` as it is, which zsh takes for the path of a program."""
    assert [path.name for path in MODULES if "shlex.quote" in path.read_text("utf-8")] == []
