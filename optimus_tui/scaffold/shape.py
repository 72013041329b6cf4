"""Is the generated code what its answers call for, and nothing else? Judged on syntax trees. Pure.

The same spec with harmless names and values of the same kinds is rendered beside it: both trees must have the same
nodes in the same order. Code that came in with a name or a value would be one more.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from optimus_tui.scaffold.spec import RouterSpec


class ShapeError(Exception):
    """A generated file is no Python, or not the Python that was meant. A bug of ours, or an attack that got far."""


def check_shape(spec: RouterSpec, texts: tuple[str, ...], render: Callable[[RouterSpec], tuple[str, ...]]) -> None:
    """ShapeError where a text cannot be compiled or has other nodes than its harmless twin."""
    for text, path, twin in zip(texts, spec.paths, render(_twin(spec)), strict=True):
        try:
            tree = ast.parse(text, path)
            compile(tree, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ShapeError(f"{path} came out as no Python: {error}") from None
        if list(_nodes(tree)) != list(_nodes(ast.parse(twin))):
            raise ShapeError(f"{path} came out with other code than its answers call for")


def _nodes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        yield (
            f"{type(node).__name__} {type(node.value).__name__}"
            if isinstance(node, ast.Constant)
            else type(node).__name__
        )


def _twin(spec: RouterSpec) -> RouterSpec:
    fields = tuple(
        replace(field, name=f"field{number}", default=_like(field.default)) for number, field in enumerate(spec.fields)
    )
    return replace(spec, name="things", fields=fields)


def _like(value: Any) -> Any:
    """A harmless value of the same kind; a negative number is two nodes, so it stays one."""
    if isinstance(value, str):
        return "x"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return type(value)(-1 if repr(value).startswith("-") else 1)
    return value
