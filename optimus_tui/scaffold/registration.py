"""Add a router's two lines, its import and its registration, to the file of the application. Pure.

Everything else in the file keeps its bytes.
"""

import ast
import io
from collections.abc import Iterator

from optimus_tui.scaffold.target import GATEWAY, RouterTarget
from optimus_tui.syntax import parse

MAKERS = ("FastAPI", "APIRouter")


class RegistrationError(ValueError):
    """The router cannot be registered; one sentence says why."""


def lines_to_add(name: str, target: RouterTarget = GATEWAY) -> tuple[str, str]:
    """Return the import and the call, as a person would write them."""
    imported = f"from {target.import_of(name)} import router as {name}_router"
    return imported, f"{target.receiver or 'app'}.include_router({name}_router)"


def register(source: str, name: str, target: RouterTarget = GATEWAY) -> str:
    """Return the source with the router in it; the same source if it is registered already.

    The place is found by syntax tree. If it cannot be found, the error says so, and a person adds the lines.

    Raises:
        RegistrationError: The place for the lines cannot be found.
    """
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise RegistrationError(f"{target.into} is not valid Python") from None
    lines = io.StringIO(source, newline="").readlines()
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    alias = _imported_as(tree, name, target)
    called = alias or f"{name}_router"
    inserts: list[tuple[int, str]] = []
    if not any(_argument(call) in (called, f"{name}.router") for call in _calls(tree)):
        statement, receiver = _statement_before(tree, target)
        line = lines[statement.lineno - 1]
        indent = line[: len(line) - len(line.lstrip())]
        inserts.append((statement.end_lineno or statement.lineno, f"{indent}{receiver}.include_router({called})"))
    if alias is None:
        inserts.append((_place_of_import(tree, name, target), lines_to_add(name, target)[0]))
    for after, text in sorted(inserts, reverse=True):
        if after and not lines[after - 1].endswith(("\n", "\r")):
            lines[after - 1] += ending
        lines.insert(after, text + ending)
    made = "".join(lines)
    try:
        parse(made)
    except SyntaxError:
        raise RegistrationError(f"{target.into} has no line of its own where the router could be registered") from None
    return made


def _package_of(module: str) -> str:
    """Return what holds a module, as an import names it: ``app.api`` for ``app.api.items``, ``..`` for ``..items``."""
    package = module[: len(module) - len(module.rpartition(".")[2])]
    if package.strip("."):
        return package[:-1]
    return package


def _imported_as(tree: ast.Module, name: str, target: RouterTarget) -> str | None:
    """Return the name under which the router is imported; None if it is not."""
    modules = {target.module(name), target.import_of(name)}
    packages = {_package_of(module) for module in modules}
    last = target.module(name).rpartition(".")[2]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        source = _source(node)
        for one in node.names:
            if source in modules and one.name == "router":
                return one.asname or one.name
            if source in packages and one.name == last and one.asname in (None, last):
                return f"{last}.router"
    return None


def _source(node: ast.ImportFrom) -> str:
    """Return the module of an import as it is written, with its dots."""
    return "." * node.level + (node.module or "")


def _calls(tree: ast.AST) -> list[ast.Call]:
    """Return every ``something.include_router(...)`` that is a statement, in the order of the file."""
    found = [node.value for node in ast.walk(tree) if is_include(node)]  # type: ignore[attr-defined]
    return sorted(found, key=lambda call: call.lineno)


def is_include(node: ast.AST) -> bool:
    """Return True for the statement ``something.include_router(...)``."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "include_router"
        and isinstance(node.value.func.value, (ast.Name, ast.Attribute))
    )


def made_by(node: ast.AST) -> tuple[str, str] | None:
    """Return the variable and the class of ``variable = FastAPI(...)`` or ``APIRouter(...)``; None for other nodes."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        variable, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        variable, value = node.target, node.value
    else:
        return None
    if not isinstance(value, ast.Call) or not isinstance(variable, (ast.Name, ast.Attribute)):
        return None
    kind = ast.unparse(value.func).rpartition(".")[2]
    if kind in MAKERS:
        return (ast.unparse(variable), kind)
    return None


def _argument(call: ast.Call) -> str:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "router")]
    if not given:
        return ""
    return ast.unparse(given[0])


def blocks_of(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the statements of the module and of each function that always run, without those in branches."""
    yield tree.body
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.body


def _statement_before(tree: ast.Module, target: RouterTarget) -> tuple[ast.stmt, str]:
    """Return the statement after which the router is registered, and the variable that it is registered with.

    That is the last registration which always runs, else the statement that makes the application or the router.
    """
    best: tuple[int, ast.stmt, str] | None = None
    for block in blocks_of(tree):
        found: dict[str, tuple[int, ast.stmt]] = {}
        for statement in block:
            made = made_by(statement)
            if is_include(statement):
                receiver = ast.unparse(statement.value.func.value)  # type: ignore[attr-defined]
                found[receiver] = (found.get(receiver, (0, statement))[0] + 1, statement)
            elif made is not None and (made[1] == "FastAPI" or made[0] == target.receiver):
                found.setdefault(made[0], (0, statement))
        for receiver, (count, statement) in found.items():
            if target.receiver in ("", receiver) and (best is None or count > best[0]):
                best = (count, statement, receiver)
    if best is None:
        wanted = target.receiver or "a FastAPI application"
        raise RegistrationError(f"{target.into} does not create {wanted} that can be found")
    return best[1], best[2]


def _is_sibling(source: str, package: str) -> bool:
    """Return True for the import of a package or of something in it."""
    return bool(package) and (source == package or source.startswith(f"{package.rstrip('.')}."))


def _place_of_import(tree: ast.Module, name: str, target: RouterTarget) -> int:
    """Return the line after which to import: among the routers' sorted imports, else after the last import."""
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    wanted = target.import_of(name)
    package = _package_of(wanted)
    routers = [node for node in imports if isinstance(node, ast.ImportFrom) and _is_sibling(_source(node), package)]
    before = [node for node in routers if _source(node) < wanted]
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
