"""The tests' own house: folders named after the package's, and helpers and fixtures in files that are no test files."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "optimus_tui"
FILES = sorted(path for path in TESTS.rglob("test_*.py") if "patterns_corpus" not in path.parts)


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
    tests = {".".join(("tests", *file.relative_to(TESTS).with_suffix("").parts)) for file in FILES}
    assert tests.intersection(imported(path)) == set()


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
