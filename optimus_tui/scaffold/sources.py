"""What the Python files of a project say about its applications, routers and registrations. The disk is only read."""

import ast
import os
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from optimus_tui.grammar.manifest import Manifest
from optimus_tui.scaffold.registration import blocks_of, is_include, made_by
from optimus_tui.scaffold.target import join, module_of
from optimus_tui.syntax import parse

MAX_FILES, MAX_BYTES = 20_000, 1_000_000
_NOT_ENTERED = frozenset(
    """
    __pycache__ node_modules site-packages venv env build dist migrations alembic versions docs docs_src doc examples
    example samples sample scripts benchmarks templates
    """.split()  # noqa: SIM905 - twenty quotes are harder to read
)
_TESTS = frozenset({"tests", "test", "testing"})
_MARKS = (b"FastAPI", b"APIRouter", b"include_router")
_TABLE_MARKS = (b"AsyncSession", b"DeclarativeBase", b"declarative_base")
METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "api_route", "websocket"})


class MadeRouter(NamedTuple):
    """One application or router that a file makes. ``function`` is the function that makes it; "" is the module."""

    path: str
    name: str
    kind: str
    function: str
    prefix: ast.expr | None


class Include(NamedTuple):
    """One call of ``include_router``: its file, the receiver, the included router, and the prefix."""

    path: str
    receiver: str
    argument: ast.expr
    prefix: ast.expr | None


class SourceFile(NamedTuple):
    """One parsed file. ``imports`` maps a name to (module with its dots, attribute or None)."""

    path: str
    made: tuple[MadeRouter, ...]
    includes: tuple[Include, ...]
    imports: dict[str, tuple[str, str | None]]
    has_routes: bool


class Sources:
    """The Python files below a folder; hidden ones, tests, examples and links are left out."""

    def __init__(self, root: Path) -> None:
        """Read the names of the files, and parse those that speak of FastAPI.

        Args:
            root: The project.
        """
        self.root = root
        self.paths: set[str] = set()
        self.tests: set[str] = set()
        """Files below folders of tests."""
        self.unreadable: list[str] = []
        """Files that speak of FastAPI and are not Python of this version."""
        for path in _walk(root):
            inside = _TESTS.isdisjoint(path.split("/")[:-1])
            (self.paths if inside else self.tests).add(path)
        self.folders = {folder for path in self.paths for folder in folders_above(path)}
        """Folders with Python files in them or below."""
        self.with_tables: list[str] = []
        """Files that speak of SQLAlchemy's sessions, or of the base of its tables."""
        self._manifests: dict[str, Manifest] = {}
        self.parsed: dict[str, SourceFile] = {}
        for path in sorted(self.paths):
            data = self.read(path)
            if data is not None and any(mark in data for mark in _TABLE_MARKS):
                self.with_tables.append(path)
            if data is None or not any(mark in data for mark in _MARKS):
                continue
            try:
                self.parsed[path] = _parse(path, parse(data))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                self.unreadable.append(path)

    def read(self, path: str) -> bytes | None:
        """Return the bytes of a regular file of at most 1 MB; None for any other."""
        return _read(self.root / path)

    def is_package(self, folder: str) -> bool:
        """Return True for a folder with an ``__init__.py``."""
        return join(folder, "__init__.py") in self.paths

    def holds(self, folder: str) -> bool:
        """Return True if a Python file is in the folder or below it."""
        return folder in self.folders

    def import_root(self, path: str) -> str:
        """Return the folder that must be on ``sys.path`` to import this file.

        It is the folder from which most imports of the files near it can be found; among equals, the one that the
        project's configuration names, then the one above the outermost package.
        """
        folders = folders_above(path)
        above = next((folder for folder in folders if not self.is_package(folder)), "")
        near = (file for file in self.parsed.values() if _near(file.path, path))
        wanted = Counter(name for file in near for name in _tops(file))
        hints = self._hints(folders)
        scores = {
            folder: (
                sum(count for name, count in wanted.items() if self._has(folder, name)),
                folder in hints,
                folder == above,
            )
            for folder in folders
        }
        return max(folders, key=lambda folder: scores[folder])

    def _has(self, folder: str, name: str) -> bool:
        return join(folder, f"{name}.py") in self.paths or self.holds(join(folder, name))

    def _hints(self, folders: list[str]) -> set[str]:
        found: set[str] = set()
        for folder in folders:
            found.update(root.removesuffix("/") for root in self.manifest(folder).roots)
        return found

    def manifest(self, folder: str) -> Manifest:
        """Return what the ``pyproject.toml`` in a folder says; empty if there is none or it cannot be read."""
        known = self._manifests.get(folder)
        if known is None:
            known = self._manifests[folder] = Manifest(folder, self.read)
        return known

    def file_of(self, source: SourceFile, expression: ast.expr, root: str) -> tuple[str, str] | None:
        """Return the file that an included router comes from, and its variable there; None if it cannot be followed."""
        if isinstance(expression, ast.Name):
            imported = source.imports.get(expression.id)
            if imported is not None:
                return self._follow(source.path, *imported, root)
            if any(expression.id in (one.name, one.function) for one in source.made):
                return source.path, expression.id
        elif isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
            module, attribute = source.imports.get(expression.value.id, ("", None))
            if module:
                dotted = module if attribute is None else _dotted(module, attribute)
                return self._follow(source.path, dotted, expression.attr, root)
        elif isinstance(expression, ast.Call):
            return self._made_in(self.file_of(source, expression.func, root))
        return None

    def _made_in(self, maker: tuple[str, str] | None) -> tuple[str, str] | None:
        """Return the file and the variable of the router that a function makes."""
        if maker is None or maker[0] not in self.parsed:
            return None
        inside = (one.name for one in self.parsed[maker[0]].made if one.function == maker[1])
        name = next(inside, None)
        if name is not None:
            return (maker[0], name)
        return None

    def _follow(self, path: str, module: str, name: str | None, root: str, depth: int = 3) -> tuple[str, str] | None:
        file = self.module_file(path, module, root)
        if file is None or name is None:
            return None
        found = self.parsed.get(file)
        if found and depth and name in found.imports and not any(one.name == name for one in found.made):
            inner, attribute = found.imports[name]
            return self._follow(file, inner, attribute, root, depth - 1) or (file, name)
        return file, name

    def module_file(self, path: str, module: str, root: str) -> str | None:
        """Return the file of a module as the file at ``path`` imports it; None for one of other packages."""
        level = len(module) - len(module.lstrip("."))
        folder = root
        if level:
            folder = path.rpartition("/")[0]
            for _ in range(level - 1):
                folder = folder.rpartition("/")[0]
        inner = join(folder, module.lstrip(".").replace(".", "/"))
        return next((file for file in (f"{inner}.py", join(inner, "__init__.py")) if file in self.paths), None)


def _read(place: Path) -> bytes | None:
    try:
        if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
            return None
        return place.read_bytes()
    except (OSError, ValueError):
        return None


def read_table(place: Path) -> dict[str, Any]:
    """Return the content of a TOML file; empty if there is none or it cannot be read."""
    try:
        return tomllib.loads((_read(place) or b"").decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}


def _dotted(module: str, name: str) -> str:
    if module.endswith("."):
        return f"{module}{name}"
    return f"{module}.{name}"


def folders_above(path: str) -> list[str]:
    """Return the folders above a file, the innermost first; the last one is ""."""
    folders = [path.rpartition("/")[0]]
    while folders[-1]:
        folders.append(folders[-1].rpartition("/")[0])
    return folders


def _near(one: str, other: str) -> bool:
    """Return True for two files of one part of a project: their first folder is the same."""
    return one.split("/")[:-1][:1] == other.split("/")[:-1][:1]


def _tops(file: SourceFile) -> set[str]:
    return {module.partition(".")[0] for module, _ in file.imports.values() if not module.startswith(".")}


def _walk(root: Path) -> Iterator[str]:
    count = entered = 0
    for place, folders, names in os.walk(root):
        entered += 1
        if entered > MAX_FILES:
            return
        folders[:] = sorted(name for name in folders if name not in _NOT_ENTERED and not name.startswith("."))
        if "pyvenv.cfg" in names:
            folders[:] = []
            continue
        for name in sorted(names):
            if name.endswith(".py") and not name.startswith("."):
                count += 1
                if count > MAX_FILES:
                    return
                yield os.path.relpath(os.path.join(place, name), root).replace(os.sep, "/")


def _parse(path: str, tree: ast.Module) -> SourceFile:
    imports: dict[str, tuple[str, str | None]] = {}
    made: list[MadeRouter] = []
    includes: list[Include] = []
    has_routes = False
    functions = {id(node.body): node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for block in blocks_of(tree):
        for statement in block:
            found = made_by(statement)
            if found is not None:
                prefix = _keyword(statement.value, "prefix")  # type: ignore[attr-defined]
                made.append(MadeRouter(path, *found, functions.get(id(block), ""), prefix))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            imports.update({one.asname or one.name: (module, one.name) for one in node.names})
        elif isinstance(node, ast.Import):
            imports.update({one.asname or one.name.partition(".")[0]: (one.name, None) for one in node.names})
        elif is_include(node):
            call = node.value  # type: ignore[attr-defined]
            argument = next(iter(call.args), None) or _keyword(call, "router")
            if argument is not None:
                includes.append(Include(path, ast.unparse(call.func.value), argument, _keyword(call, "prefix")))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            has_routes = has_routes or any(_is_route(one) for one in node.decorator_list)
    kept = tuple(one for one in made if _is_fastapis(one.kind, imports))
    return SourceFile(path, kept, tuple(includes), imports, has_routes)


def _is_fastapis(kind: str, imports: dict[str, tuple[str, str | None]]) -> bool:
    module, _ = imports.get(kind, ("fastapi", None))
    return module.partition(".")[0] == "fastapi"


def _keyword(call: ast.AST, name: str) -> ast.expr | None:
    assert isinstance(call, ast.Call)
    return next((one.value for one in call.keywords if one.arg == name), None)


def _is_route(decorator: ast.expr) -> bool:
    return (
        isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute) and decorator.func.attr in METHODS
    )


def asgi_of(made: MadeRouter, import_root: str) -> str:
    """Return an application as uvicorn takes it: the module, and the variable or the function that makes it."""
    return f"{module_of(made.path, import_root)}:{made.function or made.name}"
