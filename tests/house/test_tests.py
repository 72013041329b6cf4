"""The tests' own house: folders named after the package's, and helpers and fixtures in files that are no test files."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "optimus_tui"
FILES = sorted(path for path in TESTS.rglob("test_*.py") if "patterns_corpus" not in path.parts)
NAMES = {".".join(("tests", *file.relative_to(TESTS).with_suffix("").parts)) for file in FILES}
PATCHED = re.compile(r"""setattr\([^)]*?["'.]([A-Z][A-Z_]{2,})["'],|^ +\w+\.([A-Z][A-Z_]{2,}) \+?= """, re.MULTILINE)
TABLES = {"SETTINGS"}
"""Tables that a test adds a row to, to see that all who read them find it."""


def imported(path: Path) -> list[str]:
    """Return the dotted names of what a file imports, wherever the statement stands."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_file_is_imported_by_another(path: Path) -> None:
    assert NAMES.intersection(imported(path)) == set()


def test_no_test_replaces_a_constant() -> None:
    """Waits, windows and bounds are passed in: ``Context(tuning=…)``, or a parameter with a default."""
    places = (
        path for path in TESTS.rglob("*.py") if path.parts[len(TESTS.parts)] not in ("patterns_corpus", "mutation")
    )
    found = {
        f"{path.relative_to(TESTS)}: {name}"
        for path in places
        for match in PATCHED.finditer(path.read_text("utf-8"))
        if (name := match[1] or match[2]) not in TABLES
    }
    assert found == set()


@pytest.mark.parametrize(
    ("tests", "package", "whole"),
    [("unit", PACKAGE, set()), ("live", PACKAGE, {"."}), ("tui", PACKAGE / "tui", {"."})],
    ids=["unit", "live", "tui"],
)
def test_every_folder_of_tests_is_a_folder_of_the_package(tests: str, package: Path, whole: set[str]) -> None:
    """``whole``: the folders whose tests are of the whole product, or of files that stand in no room."""
    folders = {path.parent.relative_to(TESTS / tests).as_posix() for path in FILES if TESTS / tests in path.parents}
    rooms = {path.parent.relative_to(package).as_posix() for path in package.glob("**/__init__.py")} - {"."}
    assert folders - rooms == whole
