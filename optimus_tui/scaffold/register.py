"""Add a router's two lines to the gateway's ``app.py``: found by syntax tree, added once, the rest unchanged. Pure.

If no application can be found, it says so, and a person adds the lines.
"""

import ast
import io

APP_PATH = "src/backend/app.py"


class RegistrationError(ValueError):
    """Why the router cannot be registered, in one sentence."""


def lines_to_add(name: str) -> tuple[str, str]:
    """Return the import and the call, as a person would write them."""
    return f"from backend.routers.{name} import router as {name}_router", f"app.include_router({name}_router)"


def register(source: str, name: str) -> str:
    """Return the source with the router in it; the same source if it is registered already.

    Raises:
        RegistrationError: The place for the lines cannot be found.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RegistrationError(f"{APP_PATH} is not valid Python") from None
    lines = io.StringIO(source, newline="").readlines()
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    alias = _imported_as(tree, name)
    called = alias or f"{name}_router"
    inserts: list[tuple[int, str]] = []
    if not any(_argument(call) in (called, f"{name}.router") for call in _calls(tree)):
        after, indent, application = _place_of_call(tree)
        inserts.append((after, f"{indent}{application}.include_router({called})"))
    if alias is None:
        inserts.append((_place_of_import(tree, name), lines_to_add(name)[0]))
    for after, text in sorted(inserts, reverse=True):
        if after and not lines[after - 1].endswith(("\n", "\r")):
            lines[after - 1] += ending
        lines.insert(after, text + ending)
    made = "".join(lines)
    ast.parse(made)
    return made


def _imported_as(tree: ast.Module, name: str) -> str | None:
    """Return the name under which the router of ``backend.routers.NAME`` is imported; None if it is not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == f"backend.routers.{name}":
            for one in node.names:
                if one.name == "router":
                    return one.asname or one.name
        if isinstance(node, ast.ImportFrom) and node.module == "backend.routers":
            for one in node.names:
                if one.name == name and one.asname in (None, name):
                    return f"{name}.router"
    return None


def _calls(tree: ast.Module) -> list[ast.Call]:
    """Return every ``something.include_router(...)`` that is a statement, in the order of the file."""
    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "include_router"
        and isinstance(node.value.func.value, ast.Name)
    ]
    return sorted(found, key=lambda call: call.lineno)


def _argument(call: ast.Call) -> str:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "router")]
    if not given:
        return ""
    return ast.unparse(given[0])


def _place_of_call(tree: ast.Module) -> tuple[int, str, str]:
    """Return (line, indent, application) for the call: after the last one, else after the application is made."""
    calls = _calls(tree)
    if calls:
        last = calls[-1]
        function = last.func
        assert isinstance(function, ast.Attribute)
        return last.end_lineno or last.lineno, " " * last.col_offset, ast.unparse(function.value)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func).rpartition(".")[2] == "FastAPI"
            and isinstance(node.targets[0], ast.Name)
        ):
            return node.end_lineno or node.lineno, " " * node.col_offset, node.targets[0].id
    raise RegistrationError(f"{APP_PATH} does not create a FastAPI application that can be found")


def _place_of_import(tree: ast.Module, name: str) -> int:
    """Return the line after which to import: among the routers' sorted imports, else after the last import."""
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    routers = [
        node
        for node in imports
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("backend.routers")
    ]
    before = [node for node in routers if (node.module or "") < f"backend.routers.{name}"]
    if before:
        return before[-1].end_lineno or before[-1].lineno
    if routers:
        return routers[0].lineno - 1
    if imports:
        return imports[-1].end_lineno or imports[-1].lineno
    for first in tree.body[:1]:
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            return first.end_lineno or 0
    return 0
