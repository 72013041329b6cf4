"""The session and the base of tables that a project has already. The disk is only read."""

import ast

from msgspec.structs import replace

from optimus_tui.scaffold.sources import Sources, folders_above
from optimus_tui.scaffold.target import RouterTarget, module_of
from optimus_tui.syntax import parse


def session_in(tree: ast.Module) -> str:
    """Return the dependency of a module that yields an ``AsyncSession``; of several the simplest, empty for none."""
    found: list[tuple[bool, int, str]] = []
    for number, node in enumerate(tree.body):
        if isinstance(node, ast.AsyncFunctionDef) and node.returns is not None and _yields(node):
            told = ast.unparse(node.returns).replace("'", "").replace('"', "")
            kind, _, held = told.partition("[")
            is_generator = kind.rpartition(".")[2] in ("AsyncGenerator", "AsyncIterator", "AsyncIterable")
            plain = held.split(",")[0].rstrip("]").rpartition(".")[2]
            if is_generator and plain == "AsyncSession" and not node.name.startswith("_"):
                found.append((any(word in node.name for word in ("read", "replica")), number, node.name))
    if found:
        return min(found)[2]
    return ""


def _yields(node: ast.AsyncFunctionDef) -> bool:
    return not node.decorator_list and any(isinstance(one, ast.Yield) for one in ast.walk(node))


def base_in(tree: ast.Module) -> str:
    """Return the declarative base of a module; empty if there is none, or if its classes are dataclasses."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
            if "DeclarativeBase" in bases and "MappedAsDataclass" not in bases:
                return node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            target = node.targets[0]
            made = ast.unparse(node.value.func).rpartition(".")[2]
            if made == "declarative_base" and isinstance(target, ast.Name):
                return target.id
    return ""


def with_database(sources: Sources, target: RouterTarget) -> RouterTarget:
    """Return the target with the session, the base and the migrations that its project has already."""
    sessions, bases = list[tuple[str, str]](), list[tuple[str, str]]()
    for path in sources.with_tables:
        if target.import_root and not path.startswith(f"{target.import_root}/"):
            continue
        tree = _parsed(sources.read(path))
        module = module_of(path, target.import_root)
        for name, found in ((session_in(tree), sessions), (base_in(tree), bases)):
            if name:
                found.append((module, name))
    folders = folders_above(target.into)
    return replace(
        target,
        session=_nearest(sessions, target),
        base=_nearest(bases, target),
        alembic=any((sources.root / folder / "alembic.ini").is_file() for folder in folders),
    )


def _parsed(data: bytes | None) -> ast.Module:
    try:
        return parse(data or b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _nearest(found: list[tuple[str, str]], target: RouterTarget) -> str:
    """Return ``module:name`` of what shares most packages with the application; empty for nothing."""
    here = target.asgi.partition(":")[0].split(".")

    def rank(one: tuple[str, str]) -> tuple[int, int, tuple[str, str]]:
        there = one[0].split(".")
        shared = len([pair for pair in zip(here, there, strict=False) if pair[0] == pair[1]])
        return -shared, len(there), one

    if not found:
        return ""
    module, name = min(found, key=rank)
    return f"{module}:{name}"
