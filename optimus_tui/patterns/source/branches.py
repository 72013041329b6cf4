"""The statements of a scope in their order, and the branches (``if``, ``try``, a loop) that each of them stands in."""

import ast

from optimus_tui.patterns.facts.model import Scope

Branches = tuple[tuple[int, str], ...]
"""For each branch, from outside, the statement that makes it and the name of its part."""


def _statements(scope: Scope) -> list[tuple[ast.stmt, Branches]]:
    """Return the statements of a scope with the branches that they stand in; those of functions in it are not."""
    known: list[tuple[ast.stmt, Branches]] | None = scope.things.get("statements;")
    if known is not None:
        return known
    found: list[tuple[ast.stmt, Branches]] = []
    todo: list[tuple[ast.stmt, Branches]] = [(one, ()) for one in reversed(getattr(scope.node, "body", []))]
    while todo:
        node, branches = todo.pop()
        if not isinstance(node, ast.stmt):
            continue
        found.append((node, branches))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for name in ("finalbody", "orelse", "handlers", "cases", "body"):
            inner = branches
            if not isinstance(node, (ast.With, ast.AsyncWith, ast.ClassDef)) and name != "finalbody":
                inner = (*branches, (id(node), name))
            for one in reversed(getattr(node, name, [])):
                if name in ("handlers", "cases"):
                    todo += [(each, (*inner, (id(one), name))) for each in reversed(one.body)]
                else:
                    todo.append((one, inner))
    scope.things["statements;"] = found
    return found


def branches_of(scope: Scope, line: int) -> Branches | None:
    """Return the branches that enclose a line of a scope; None if no statement of the scope has that line."""
    best: Branches | None = None
    for node, branches in _statements(scope):
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        if first <= line <= (node.end_lineno or line) and (best is None or len(branches) >= len(best)):
            best = branches
    return best


def assignments(scope: Scope) -> list[tuple[str, ast.expr, int]]:
    """Return what the statements of a scope assign to names: the name, the value and the line, in their order."""
    known: list[tuple[str, ast.expr, int]] | None = scope.things.get("assignments;")
    if known is None:
        known = scope.things["assignments;"] = []
        for node, _ in _statements(scope):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.AnnAssign):
                targets = [node.target]
            value = getattr(node, "value", None)
            known += [
                (one.id, value, node.lineno) for one in targets if isinstance(one, ast.Name) and value is not None
            ]
    return known


def makings(scope: Scope, name: str, line: int) -> int:
    """Return how often a name was assigned above a line of its scope: each assignment makes another router."""
    return sum(one == name and at <= line for one, _, at in assignments(scope))
