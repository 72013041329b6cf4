"""Classes stay small enough to be read, together with all that they inherit from classes of ours."""

import ast
from collections import Counter
from pathlib import Path

import pytest

MOST_LINES = 400
MOST_FILES = 15
PACKAGE = Path(__file__).parents[2] / "optimus_tui"

Definition = tuple[int, list[str]]
"""Lines of a class, and the names of its bases."""


def definitions(trees: list[ast.Module]) -> dict[str, Definition]:
    """Return every class by its name. Where two have one name, the longer counts for both."""
    found: dict[str, Definition] = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                bases = [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]
                found[node.name] = max(found.get(node.name, (0, [])), (lines, bases))
    return found


def own_bases(name: str, classes: dict[str, Definition]) -> set[str]:
    """Return a class and all classes of ours that it inherits from."""
    inherited = [own_bases(base, classes) for base in classes[name][1] if base in classes and base != name]
    return {name}.union(*inherited)


def lines_of(name: str, classes: dict[str, Definition]) -> int:
    """Return the lines of a class with its own bases."""
    return sum(classes[one][0] for one in own_bases(name, classes))


def test_a_class_counts_with_its_own_bases() -> None:
    source = (
        "class A:\n    x = 1\n\nclass B(A):\n    y = 2\n    z = 3\n\nclass C(B, dict[str, int], abc.ABC):\n    ...\n"
    )
    classes = definitions([ast.parse(source)])
    assert {name: lines_of(name, classes) for name in "ABC"} == {"A": 2, "B": 5, "C": 7}


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}


def test_no_class_is_longer_than_its_limit(trees: dict[Path, ast.Module]) -> None:
    classes = definitions(list(trees.values()))
    lengths = {name: lines_of(name, classes) for name in classes}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_two_classes_have_one_name(trees: dict[Path, ast.Module]) -> None:
    names = Counter(node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, times in names.items() if times > 1] == []


def test_no_folder_holds_more_files_than_its_limit(trees: dict[Path, ast.Module]) -> None:
    folders = Counter(path.parent for path in trees)
    assert {str(folder): files for folder, files in folders.items() if files > MOST_FILES} == {}


def test_no_method_of_the_screens_is_a_stub_that_raises(trees: dict[Path, ast.Module]) -> None:
    stubs = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path, tree in trees.items()
        if "tui" in path.relative_to(PACKAGE).parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert stubs == []
