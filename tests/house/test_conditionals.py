"""Conditional expressions stay readable: none holds another one, not even in a call, a lambda or a comprehension."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = "patterns_corpus"
"""Routers that the validator judges, good and bad ones."""


def nested(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of conditional expressions that hold another one at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.IfExp) and sum(isinstance(one, ast.IfExp) for one in ast.walk(node)) > 1:
            yield node.lineno


def test_one_in_another_is_seen_at_any_depth() -> None:
    for text in ("a if b else c if d else e", "a if b else f(c if d else e)", "a if b else [c if d else e for d in g]"):
        assert list(nested(ast.parse(text))) == [1], text
    assert not list(nested(ast.parse("f(a if b else c, d if e else g)")))


def test_no_conditional_expression_holds_another() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("optimus_tui", "tests", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if NOT_OURS not in path.parts
        for line in nested(ast.parse(path.read_text("utf-8")))
    ]
    assert not found, "a name, a table or an if statement reads better"
