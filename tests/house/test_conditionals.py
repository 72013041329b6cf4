"""Conditional expressions stay few and readable: none holds another one, not even in a call or a comprehension."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = "patterns_corpus"
"""Routers that the validator judges, good and bad ones."""
MOST_PER_1000_LINES = 12


def conditionals(tree: ast.AST) -> Iterator[tuple[int, bool]]:
    """Yield the line of each conditional expression, and whether it stands in another one at any depth."""
    waiting = [(tree, False)]
    while waiting:
        node, is_inside = waiting.pop()
        if isinstance(node, ast.IfExp):
            yield node.lineno, is_inside
            is_inside = True
        waiting += [(child, is_inside) for child in ast.iter_child_nodes(node)]


@pytest.fixture(scope="module")
def found() -> dict[Path, list[tuple[int, bool]]]:
    """Return the conditional expressions of each file."""
    return {
        path: list(conditionals(ast.parse(path.read_text("utf-8"))))
        for folder in ("optimus_tui", "tests", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if NOT_OURS not in path.parts
    }


def test_one_in_another_is_seen_at_any_depth() -> None:
    for text in ("a if b else c if d else e", "a if b else f(c if d else e)", "a if b else [c if d else e for d in g]"):
        assert [inside for _, inside in conditionals(ast.parse(text))] == [False, True], text
    assert not any(inside for _, inside in conditionals(ast.parse("f(a if b else c, d if e else g)")))


def test_no_conditional_expression_holds_another(found: dict[Path, list[tuple[int, bool]]]) -> None:
    places = [f"{path.relative_to(ROOT)}:{line}" for path, all_of in found.items() for line, inside in all_of if inside]
    assert not places, "a name, a table or an if statement reads better"


def test_the_package_has_few(found: dict[Path, list[tuple[int, bool]]]) -> None:
    package = {path: len(all_of) for path, all_of in found.items() if path.is_relative_to(ROOT / "optimus_tui")}
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in package)
    share = sum(package.values()) / lines * 1000
    assert share <= MOST_PER_1000_LINES, f"{share:.2f} conditional expressions in 1,000 lines: write if statements"
