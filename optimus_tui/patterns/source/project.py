"""The modules of one source tree, parsed when an import leads there. Pure: the caller passes a file reader."""

import ast
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from optimus_tui.patterns.facts.model import Import, Module, Scope, release
from optimus_tui.patterns.source.walk import read_module
from optimus_tui.wording.safe import safe_text

MOST_BYTES = 1_000_000
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_NEWLINE = re.compile(r"\r\n|\r|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
APP_FILES = ("app.py", "main.py", "application.py", "server.py", "asgi.py")
_ELSEWHERE = sys.stdlib_module_names | {
    "aiohttp", "aiocache", "asyncpg", "cachetools", "circuitbreaker", "fastapi", "fastapi_cache",
    "fastapi_limiter", "httpx", "limits", "motor", "opentelemetry", "orjson", "prometheus_client",
    "prometheus_fastapi_instrumentator", "psycopg", "psycopg2", "pybreaker", "pydantic", "pydantic_settings",
    "redis", "requests", "slowapi", "sqlalchemy", "sqlmodel", "starlette", "structlog", "tenacity", "uvicorn",
}  # fmt: skip
"""Top-level names that are never looked for in the tree."""
MOST_MODULES = 400
"""The number of modules that are read beside the routers; further ones count as outside of the tree."""


class ParseFailure(NamedTuple):
    """Why a file cannot be parsed as Python, with the place of the error."""

    reason: str
    line: int = 1
    column: int = 1


def parse(data: bytes) -> ast.Module | ParseFailure:
    """Return the tree, or why there is none.

    The parser itself decodes, so byte-order marks and PEP 263 cookies mean what they mean to Python.
    """
    if len(data) > MOST_BYTES:
        return ParseFailure(f"it is longer than the {MOST_BYTES:,} bytes that are read")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        return ParseFailure("a NUL byte stands in the source", line)
    if not data.isascii() and (stray := _stray_byte(data)) is not None:
        line = data.count(b"\n", 0, stray) + 1
        return ParseFailure(f"the byte 0x{data[stray]:02x} is not UTF-8, and no encoding is declared", line)
    try:
        return ast.parse(data)
    except SyntaxError as error:
        reason = f"{safe_text(error.msg.partition(';')[0], 160)} (read as Python {_VERSION})"
        return ParseFailure(reason, max(1, error.lineno or 1), max(1, error.offset or 1))
    except RecursionError:
        return ParseFailure("it is nested too deeply")
    except MemoryError:
        return ParseFailure("it is nested too deeply for the parser")
    except (ValueError, LookupError, OverflowError) as error:  # UnicodeError is a ValueError
        return ParseFailure(safe_text(error, 160))


def _stray_byte(data: bytes) -> int | None:
    """Return where a file without a declared encoding is no UTF-8, which an import rejects, even in a comment."""
    if any(_COOKIE.match(line) for line in data.split(b"\n", 2)[:2]):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


@dataclass
class Lines:
    """The source's lines as people see them, decoded on first use."""

    data: bytes
    _lines: list[str] | None = None

    def all(self) -> list[str]:
        """Return every line without its ending."""
        if self._lines is None:
            text = _decoded(self.data)
            self._lines = _NEWLINE.split(text) if "\r" in text else text.split("\n")
        return self._lines

    def text(self, line: int) -> str:
        """Return one line, counted from 1; empty where there is none."""
        lines = self.all()
        if 0 < line <= len(lines):
            return lines[line - 1]
        return ""

    def column(self, line: int, offset: int) -> int:
        """Return a column counted from 1 in characters; ``offset`` is the parser's, in bytes of UTF-8."""
        if self.data.isascii():
            return offset + 1
        head = self.text(line).encode("utf-8", "surrogatepass")[:offset]
        return len(head.decode("utf-8", "replace")) + 1


def _decoded(data: bytes) -> str:
    """Return the text as Python would decode it; bad bytes become visible escapes."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    codec = "utf-8"
    for line in body.split(b"\n", 2)[:2]:
        cookie = _COOKIE.match(line)
        if cookie:
            codec = cookie.group(1).decode("ascii", "replace")
            break
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    try:
        return body.decode(codec, "backslashreplace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "backslashreplace")


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
