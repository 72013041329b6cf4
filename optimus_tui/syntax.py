"""Python source as a syntax tree, made by one thread at a time.

Python 3.11 counts the depth of the tree that it makes for all threads together: two that make trees at once can end in
``SystemError: AST constructor recursion depth mismatch``.
"""

import ast
import threading
from collections.abc import Iterator

_one_at_a_time = threading.Lock()


def parse(source: str | bytes, path: str = "<unknown>") -> ast.Module:
    """Return the tree of a module.

    Args:
        source: The text, or its bytes with the encoding that they declare.
        path: The name that a ``SyntaxError`` says.

    Raises:
        SyntaxError: It is not Python of this version.
        ValueError: It holds a null byte.
        RecursionError: It is nested too deeply; a MemoryError says the same.
    """
    with _one_at_a_time:
        return ast.parse(source, path)


def parse_expression(source: str) -> ast.expr:
    """Return the tree of one expression, with the errors of ``parse``."""
    with _one_at_a_time:
        return ast.parse(source, mode="eval").body


_CHILDREN: dict[type, tuple[str, ...]] = {}
_NO_NODES = frozenset({"ctx", "op", "ops", "type_comment", "kind", "lineno", "attr", "id", "type_ignores", "level"})


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, as ``ast.walk`` does in half the time, without contexts and operators."""
    todo = [node]
    for one in todo:  # it grows meanwhile
        yield one
        kind = one.__class__
        fields = _CHILDREN.get(kind)
        if fields is None:
            fields = _CHILDREN[kind] = tuple(name for name in one._fields if name not in _NO_NODES)
        for name in fields:
            value = getattr(one, name, None)
            if value.__class__ is list:
                todo += [each for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST):
                todo.append(value)
