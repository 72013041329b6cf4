"""Mutants of one Python file: cosmic-ray's, and those that it does not make: of texts, arguments, entries, statements.

A mutant is told by the line that changed and what became of it, so that one which is equivalent can be listed by both.
"""

import ast
import warnings
from collections.abc import Iterator
from typing import NamedTuple

_NOT_USED = ("VariableReplacer", "VariableInserter", "ExceptionReplacer")
"""Two put a random number in the place of a name; the third knows no dotted names, so it is made here."""


class Mutant(NamedTuple):
    """A changed file: ``line`` is what stood there, ``instead`` what stands there now."""

    text: str
    line: str
    instead: str

    @property
    def change(self) -> str:
        """Return the change in one line."""
        return f"{self.line} -> {self.instead}"


def mutants(source: str, beyond: str = "", every: int = 1) -> list[Mutant]:
    """Return the mutants of a source, each text once.

    Args:
        source: The file.
        beyond: Another file: mutants of its lines are left out.
        every: Of all that can be made only each N-th is.
    """
    plain = ast.unparse(ast.parse(source))
    known = set(ast.unparse(ast.parse(beyond)).splitlines())
    lines = {number for number, line in enumerate(plain.splitlines(), 1) if line not in known}
    texts = dict.fromkeys([*_by_cosmic_ray(plain, lines, every), *_by_tree(plain, lines, every)])
    return [_told(plain, text) for text in texts if text != plain]


def _told(before: str, after: str) -> Mutant:
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return Mutant(after, " ".join(map(str.strip, old)), " ".join(map(str.strip, new)))


def _by_cosmic_ray(source: str, lines: set[int], every: int) -> Iterator[str]:
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    nodes, count = list(ast_nodes(get_ast(source))), 0
    for name in sorted(operator_names()):
        if name.rpartition("/")[2] in _NOT_USED:
            continue
        operator = get_operator(name)()
        places = [start[0] for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, line in enumerate(places):
            count += line in lines
            if line not in lines or count % every:
                continue
            text = mutate_code(source, operator, occurrence)
            if text is not None and _compiles(text):
                yield ast.unparse(ast.parse(text))


def _compiles(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of a literal that is compared by identity
            compile(text, "mutant.py", "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def _by_tree(source: str, lines: set[int], every: int) -> Iterator[str]:
    tree = ast.parse(source)
    words, count = _words(tree), 0
    for number, node in enumerate(ast.walk(tree)):
        for field, at in _places(node, words):
            line = _line_of(node, field, at)
            count += line in lines
            if line not in lines or count % every:
                continue
            changed = ast.parse(source)
            _change(list(ast.walk(changed))[number], field, at)
            text = ast.unparse(ast.fix_missing_locations(changed))
            if _compiles(text):
                yield text


def _words(tree: ast.AST) -> set[int]:
    """Return the docstrings of a tree, which are no code, as ids of their nodes."""
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found |= {id(node), id(node.value)}
    return found


def _change(node: ast.AST, field: str, at: int) -> None:
    if field == "value" and isinstance(node, ast.Constant):
        node.value = str(node.value) + "x"
        return
    if isinstance(node, ast.ExceptHandler) and field == "type":
        node.type = ast.Name("ZeroDivisionError", ast.Load())
        return
    holder = getattr(node, field)
    if isinstance(node, ast.Dict):
        del node.keys[at], node.values[at]
    elif field in ("body", "orelse", "finalbody"):
        holder[at] = ast.Pass()
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    else:
        del holder[at]


def _line_of(node: ast.AST, field: str, at: int) -> int:
    """Return where the change will be: the line of the statement that goes, else the node's own."""
    changed = getattr(node, field)[at] if field in ("body", "orelse", "finalbody") else node
    return int(getattr(changed, "lineno", 0))


def _places(node: ast.AST, words: set[int]) -> list[tuple[str, int]]:
    """Return what can be changed in a node: the field, and the place in it."""
    if isinstance(node, ast.Constant):
        return [("value", 0)] if isinstance(node.value, str) and id(node) not in words else []
    if isinstance(node, ast.Call):
        return [
            *(("args", at) for at in range(len(node.args))),
            *(("keywords", at) for at in range(len(node.keywords))),
        ]
    if isinstance(node, ast.Dict):
        return [("keys", at) for at in range(len(node.keys))]
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [("elts", at) for at in range(len(node.elts))]
    if isinstance(node, ast.Return):
        return [("value", 0)] if node.value is not None else []
    found: list[tuple[str, int]] = []
    if isinstance(node, ast.ExceptHandler):
        found.append(("type", 0))
    for field in ("body", "orelse", "finalbody"):
        statements = getattr(node, field, None)
        if isinstance(statements, list) and not isinstance(node, ast.Module):
            found += [(field, at) for at, one in enumerate(statements) if _is_work(one) and id(one) not in words]
    return found


def _is_work(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Delete))
