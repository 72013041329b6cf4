"""The modules of one source tree, read when an import leads there. Pure: the caller passes a file reader.

Nothing is imported, and only relative paths within the tree are requested.
"""

import ast
import sys
from collections.abc import Callable
from typing import Any

from optimus_tui.patterns.facts.model import Import, Module, Scope, release
from optimus_tui.patterns.source.parse import ParseFailure, parse
from optimus_tui.patterns.source.walk import read_module

APP_FILES = ("app.py", "main.py", "application.py", "server.py", "asgi.py")
_ELSEWHERE = sys.stdlib_module_names | {
    "aiohttp",
    "aiocache",
    "asyncpg",
    "cachetools",
    "circuitbreaker",
    "fastapi",
    "fastapi_cache",
    "fastapi_limiter",
    "httpx",
    "limits",
    "motor",
    "opentelemetry",
    "orjson",
    "prometheus_client",
    "prometheus_fastapi_instrumentator",
    "psycopg",
    "psycopg2",
    "pybreaker",
    "pydantic",
    "pydantic_settings",
    "redis",
    "requests",
    "slowapi",
    "sqlalchemy",
    "sqlmodel",
    "starlette",
    "structlog",
    "tenacity",
    "uvicorn",
}
"""Top-level names that are never looked for in the tree."""
MOST_MODULES = 400
"""The number of modules that are read beside the routers; further ones count as outside of the tree."""


class Project:
    """The modules of a tree. ``load(path)`` returns a file's bytes, or None; ``requested`` has every requested path."""

    def __init__(self, load: Callable[[str], bytes | None]) -> None:
        self._load = load
        self._modules: dict[str, Module | None] = {}
        self._names: dict[tuple[str, str], Module | None] = {}
        self._apps: dict[str, list[Module]] = {}
        self._loaded = 0
        self.requested: set[str] = set()
        self.routes_memo: dict[str, object] = {}
        self.calls: dict[tuple[str, Import, str], Any] = {}
        """What calls of imported names resolve to, by the folder of absolute imports, the import and the written
        name."""
        self.homes: dict[tuple[str, Import], tuple[ast.Name, Scope] | None] = {}
        """Where imported names are defined."""

    def read(self, path: str, data: bytes) -> Module | ParseFailure:
        """Return the module of a file whose bytes are given; it is parsed once."""
        known = self._modules.get(path)
        if known is not None:
            return known
        tree = parse(data)
        if isinstance(tree, ParseFailure):
            return tree
        module = self._modules[path] = read_module(tree, path, dotted_of(path))
        return module

    def forget(self, module: Module) -> None:
        """Release a module that no other one has imported."""
        if module.path not in self.requested:
            self._modules.pop(module.path, None)
            release(module)

    def close(self) -> None:
        """Release all modules at once; their facts refer to each other, and collecting them later takes longer."""
        for module in self._modules.values():
            if module is not None:
                release(module)
        for kept in (self._modules, self._names, self._apps, self.routes_memo, self.calls, self.homes):
            kept.clear()

    def at(self, path: str) -> Module | None:
        """Return the module in that file, or None where none can be read."""
        self.requested.add(path)  # also what is just being judged: it may not be forgotten any more
        if path not in self._modules:
            data = None
            if self._loaded < MOST_MODULES:
                data = self._load(path)
            self._modules[path] = None
            if data is not None:
                self._loaded += 1
                self.read(path, data)
        return self._modules[path]

    def named(self, dotted: str, near: Module) -> Module | None:
        """Return the module that ``near`` means by that name, or None."""
        key = (near.root, dotted)
        if key not in self._names:
            found = None
            if dotted and dotted.partition(".")[0] not in _ELSEWHERE:
                base = near.root + dotted.replace(".", "/")
                found = self.at(f"{base}.py") or self.at(f"{base}/__init__.py")
            self._names[key] = found
        return self._names[key]

    def apps(self, near: Module) -> list[Module]:
        """Return application modules beside the routers' package and above it, at most three levels up."""
        folder = near.path.rpartition("/")[0]
        if folder not in self._apps:
            found: list[Module] = []
            place = folder
            for _ in range(3):
                for name in APP_FILES:
                    module = self.at(f"{place}/{name}" if place else name)
                    if module is not None and _makes_app(module):
                        found.append(module)
                if found or not place:
                    break
                place = place.rpartition("/")[0]
            self._apps[folder] = found
        return [one for one in self._apps[folder] if one is not near]


def dotted_of(path: str) -> str:
    """Return the dotted name: ``src/backend/routers/x.py`` is ``backend.routers.x``; without ``src`` the whole path."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    if "src" in parts:
        parts = parts[len(parts) - parts[::-1].index("src") :]
    return ".".join(parts)


def _makes_app(module: Module) -> bool:
    return any("FastAPI" in unit.loads or "FastAPI" in unit.attrs for unit in (module.unit, *module.units))
