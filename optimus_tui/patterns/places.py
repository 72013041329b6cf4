"""Identify a place in the source, so that it is recognised after a move, a rename or a reformat.

A place is named by the function that holds it and by a digest of its statement, which is taken from the syntax tree:
line breaks, quotes and comments do not change it.
"""

import ast
import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_DEFINITION, _FILE = "d", "f"
"""What the digest of a function or class, and that of a file's routes, begins with."""
_Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PARTS = ("test", "target", "iter", "items", "type", "subject", "pattern")
"""The fields of compound statements that stand in their first line."""


class SourcePlace(NamedTuple):
    """``symbol`` is the function or class that holds it, as ``Shop.read``; "" for the module itself."""

    symbol: str
    code: str


class _Span(NamedTuple):
    first: int
    last: int
    symbol: str
    node: ast.AST


class Places:
    """Finds the places of one file's lines; the tree is walked once, on the first use."""

    def __init__(self, tree: ast.Module, routes: Iterable[str] = ()) -> None:
        self._tree, self._routes = tree, routes
        self._digests: dict[int, str] = {}
        self._spans: list[_Span] | None = None

    def at(self, line: int) -> SourcePlace:
        """Return the place of the innermost statement on a line."""
        if self._spans is None:
            self._spans = []
            self._collect(self._tree, "")
        best = None
        for span in self._spans:
            if not span.first <= line <= span.last:
                continue
            if isinstance(span.node, _Defined) and span.node.lineno == line:
                best = span
                break
            if best is None or _is_inside(span, best):
                best = span
        if best is None:
            return SourcePlace("", "")
        if id(best.node) not in self._digests:
            self._digests[id(best.node)] = _digest(best.node)
        return SourcePlace(best.symbol, self._digests[id(best.node)])

    def whole(self) -> SourcePlace:
        """Return the place of a finding about the file as a whole: it stays the same as long as its routes do."""
        return SourcePlace("", _FILE + _hash(sorted(self._routes)))

    def _collect(self, holder: ast.AST, symbol: str) -> None:
        assert self._spans is not None
        for node in ast.iter_child_nodes(holder):
            inner = symbol
            if isinstance(node, _Defined):
                inner = f"{symbol}.{node.name}".lstrip(".")
            if isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
                first = min([getattr(node, "lineno", 0), *(one.lineno for one in getattr(node, "decorator_list", ()))])
                self._spans.append(_Span(first, getattr(node, "end_lineno", None) or first, inner, node))
                self._collect(node, inner)


def is_whole(code: str) -> bool:
    """Return whether a digest is that of a function, a class or a file as a whole, and not of a single statement."""
    return code.startswith((_DEFINITION, _FILE))


def _is_inside(span: _Span, other: _Span) -> bool:
    return span.last - span.first <= other.last - other.first


def _digest(node: ast.AST) -> str:
    """Return a digest of what the statement says; of a function without its name, of others without their bodies."""
    if isinstance(node, _Defined):
        parts = [*node.decorator_list, *node.body]
        if not isinstance(node, ast.ClassDef):
            parts = [*node.decorator_list, node.args, *node.body]
        return _DEFINITION + _hash(parts)
    if hasattr(node, "body"):
        given = [getattr(node, name, None) for name in _PARTS]
        parts = [one for part in given for one in (part if isinstance(part, list) else [part]) if one is not None]
        return "s" + _hash([type(node).__name__, *parts])
    return "s" + _hash([node])


def _hash(parts: Sequence[ast.AST | str]) -> str:
    text = "\n".join(part if isinstance(part, str) else ast.dump(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
