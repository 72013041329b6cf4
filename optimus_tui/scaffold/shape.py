"""Check that the generated code is what its answers call for, and nothing else, by its syntax tree. Pure.

The same spec with harmless names and values of the same kinds is rendered too: both trees must have the same nodes in
the same order. Code smuggled in by a name or a value would be an additional node.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from msgspec.structs import replace

from optimus_tui.scaffold.spec import RouterSpec


class ShapeError(Exception):
    """A generated file is not Python, or not the expected code. A bug of Optimus TUI, or an attack."""


def check_shape(spec: RouterSpec, texts: tuple[str, ...], render: Callable[[RouterSpec], tuple[str, ...]]) -> None:
    """Compile the texts and compare their nodes with those of the harmless twin.

    Args:
        spec: The answers.
        texts: The rendered files.
        render: Renders a spec.

    Raises:
        ShapeError: A text does not compile, or differs.
    """
    for text, path, twin in zip(texts, spec.paths, render(_twin(spec)), strict=True):
        try:
            tree = ast.parse(text, path)
            compile(tree, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ShapeError(f"{path} is not valid Python: {error}") from None
        if list(_nodes(tree)) != list(_nodes(ast.parse(twin))):
            raise ShapeError(f"{path} holds other code than its answers call for")


def _nodes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        name = type(node).__name__
        if isinstance(node, ast.Constant):
            name = f"{name} {type(node.value).__name__}"
        yield name


def _twin(spec: RouterSpec) -> RouterSpec:
    fields = tuple(
        replace(field, name=f"field{number}", default=_like(field.default)) for number, field in enumerate(spec.fields)
    )
    return replace(spec, name="things", fields=fields)


def _like(value: Any) -> Any:
    """Return a harmless value of the same kind. A negative number has two nodes, so it stays negative."""
    if isinstance(value, str):
        return "x"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return type(value)(-1 if repr(value).startswith("-") else 1)
    return value
