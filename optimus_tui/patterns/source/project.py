"""The modules of one source tree, parsed when an import leads there. Pure: the caller passes a file reader."""

import ast
import re
import symtable
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

from optimus_tui import syntax
from optimus_tui.patterns.facts.model import Import, Module, Scope, release
from optimus_tui.patterns.source.newer import in_this_grammar
from optimus_tui.patterns.source.roots import Roots, SearchPath
from optimus_tui.patterns.source.walk import read_module
from optimus_tui.wording.safe import safe_text

MOST_BYTES = 1_000_000
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_PLACEHOLDER = re.compile(r"\{\{\s*[\w.|() ]+\}\}|\{%.*%\}")
_BLOCK = re.compile(r"\s*\{%.*%\}\s*$")
_NEWLINE = re.compile(r"\r\n|\r|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_INSTALLED = {
    "aiohttp", "aiocache", "asyncpg", "cachetools", "circuitbreaker", "fastapi", "fastapi_cache",
    "fastapi_limiter", "httpx", "limits", "motor", "opentelemetry", "orjson", "prometheus_client",
    "prometheus_fastapi_instrumentator", "psycopg", "psycopg2", "pybreaker", "pydantic", "pydantic_settings",
    "redis", "requests", "slowapi", "sqlalchemy", "sqlmodel", "starlette", "structlog", "tenacity", "uvicorn",
}  # fmt: skip
"""Top-level names of well-known libraries: of the project only where Python is started beside such a module."""
_ASSEMBLES = re.compile(rb"include_router|FastAPI\s*\(|Starlette\s*\(|\.mount\s*\(|add_middleware|exception_handler")
_ASSEMBLING = (b"include_router", b"FastAPI", b"Starlette", b".mount", b"add_middleware", b"exception_handler")
"""A search for a word is much faster than one for a pattern."""
MOST_MODULES = 2000
"""The number of modules that are read beside the routers; further ones count as outside of the tree."""


class ParseFailure(NamedTuple):
    """Why a file cannot be parsed as Python, with the place of the error.

    ``certain``: it is valid in no version of Python. Otherwise it may be valid in a version newer than this one, or is
    too long to be read.
    """

    reason: str
    line: int = 1
    column: int = 1
    certain: bool = True


def parse(data: bytes, python: int | None = None) -> ast.Module | ParseFailure:
    """Return the tree, or why there is none; ``python`` is the minor version that the project asks for, if known.

    The parser itself decodes, so byte-order marks and PEP 263 cookies mean what they mean to Python. What it does not
    know yet of newer Pythons is rewritten for it.
    """
    if len(data) > MOST_BYTES:
        return ParseFailure(f"it is longer than the {MOST_BYTES:,} bytes that are read", certain=False)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        return ParseFailure("a NUL byte stands in the source", line)
    if not data.isascii() and (stray := _stray_byte(data)) is not None:
        line = data.count(b"\n", 0, stray) + 1
        return ParseFailure(f"the byte 0x{data[stray]:02x} is not UTF-8, and no encoding is declared", line)
    try:
        return syntax.parse(data)
    except SyntaxError as error:
        tree = _newer(data)
        if tree is None:
            return _failure(error, data, python)
        return tree
    except RecursionError:
        return ParseFailure("it is nested too deeply")
    except MemoryError:
        return ParseFailure("it is nested too deeply for the parser")
    except (ValueError, LookupError, OverflowError) as error:  # UnicodeError is a ValueError
        return ParseFailure(safe_text(error, 160))


def _is_sound(data: bytes) -> bool:
    """Return whether Python reads a file, without its tree: half the time. False also where that is unknown."""
    if len(data) > MOST_BYTES or (not data.isascii() and _stray_byte(data) is not None):
        return False
    try:
        symtable.symtable(data, "", "exec")  # type: ignore[arg-type]  # it takes bytes, and reads their encoding
    except (SyntaxError, ValueError, LookupError, OverflowError, RecursionError, MemoryError):
        return False
    return True


def _newer(data: bytes) -> ast.Module | None:
    """Return the tree of a file that is written for a newer Python than this one."""
    text = in_this_grammar("\n".join(Lines(data).all()))
    try:
        if text is None:
            return None
        return syntax.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _failure(error: SyntaxError, data: bytes, python: int | None) -> ParseFailure:
    """Return the failure; a template, or a file of a project for a newer Python, is not certainly broken."""
    message = safe_text(error.msg.partition(";")[0], 160)
    line, column = max(1, error.lineno or 1), max(1, error.offset or 1)
    if isinstance(error, IndentationError):
        return ParseFailure(f"{message} (read as Python {_VERSION})", line, column)
    if python is not None and python > sys.version_info.minor:
        return ParseFailure(f"{message} (read as Python {_VERSION}; it is written for 3.{python})", line, column, False)
    lines = Lines(data)
    template = _PLACEHOLDER.search(lines.text(line)) or any(map(_BLOCK.match, lines.all()))
    return ParseFailure(f"{message} (read as Python {_VERSION})", line, column, certain=not template)


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


@runtime_checkable
class Closable(Protocol):
    """An object kept with a project that refers to itself, so that it must be closed."""

    def close(self) -> None:
        """Drop all references."""


class Project:
    """The modules of a tree. ``requested`` has every requested path.

    ``load(path)`` returns a file's bytes, or None; ``paths()`` yields the tree's Python files and project files.
    """

    def __init__(self, load: Callable[[str], bytes | None], paths: Callable[[], Iterable[str]]) -> None:
        self._load = load
        self._list = paths
        self._modules: dict[str, Module | None] = {}
        self._names: dict[tuple[SearchPath | None, str], Module | None] = {}
        self._loaded = 0
        self.requested: set[str] = set()
        self.routes_memo: dict[str, object] = {}
        self.calls: dict[tuple[SearchPath, Import, str], Any] = {}
        """What calls of imported names resolve to, by where imports are searched, the import and the written name."""
        self.homes: dict[tuple[SearchPath, Import], tuple[ast.Name, Scope] | None] = {}
        """Where imported names are defined."""

    @cached_property
    def paths(self) -> frozenset[str]:
        """Return all files of the tree that may be imported or describe the project."""
        return frozenset(self._list())

    @cached_property
    def roots(self) -> Roots:
        """Return the folders where imports are searched."""
        return Roots(self._text, self.paths)

    def _text(self, path: str) -> bytes | None:
        """Return the bytes of a file that describes the project."""
        if path not in self.paths:
            return None
        self.requested.add(path)
        return self._load(path)

    def read(self, path: str, data: bytes) -> Module | ParseFailure:
        """Return the module of a file whose bytes are given; it is parsed once."""
        known = self._modules.get(path)
        if known is not None:
            return known
        tree = parse(data, self.roots.python_of(path))
        if isinstance(tree, ParseFailure):
            return tree
        module = self._modules[path] = read_module(tree, path, self.roots.of(path))
        return module

    def failure_of(self, path: str, data: bytes) -> ParseFailure | None:
        """Return why a file cannot be parsed, or None; its facts are not read."""
        if self._modules.get(path) is not None or _is_sound(data):
            return None
        tree = parse(data, self.roots.python_of(path))
        if isinstance(tree, ParseFailure):
            return tree
        return None

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
        for memo in self.routes_memo.values():
            if isinstance(memo, Closable):
                memo.close()
        self.__dict__.pop("roots", None)  # it refers to the project
        for kept in (self._modules, self._names, self.routes_memo, self.calls, self.homes):
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
        """Return the module that an import of this name in the file ``near`` leads to, or None."""
        key = (None if dotted[:1] == "." else near.search, dotted)
        if key not in self._names:
            self._names[key] = self._find(dotted, near.search)
        return self._names[key]

    def _find(self, dotted: str, search: SearchPath) -> Module | None:
        name = dotted.lstrip(".").replace(".", "/")
        if dotted[:1] == ".":
            return self._in(name)
        package = name.partition("/")[0]
        if not package or package in sys.stdlib_module_names:
            return None
        for root in search.started if package in _INSTALLED else search.folders_for(package):
            found = self._in(root + name)
            if found is not None:
                return found
        return None

    def owns(self, package: str, near: Module) -> bool:
        """Return whether a top-level name is one of the tree's packages or modules."""
        if not package or package in sys.stdlib_module_names or package in _INSTALLED:
            return False
        folder = near.path.rpartition("/")[0]
        places = (root + package for root in near.search.folders_for(package))
        return any(self.roots.holds(place, alone=place == folder) for place in places)

    def _in(self, base: str) -> Module | None:
        for path in (f"{base}.py", f"{base}/__init__.py".lstrip("/")):
            if path in self.paths or path in self._modules:
                return self.at(path)
        return None

    @cached_property
    def classes(self) -> list[tuple[str, str, str]]:
        """Return the classes of all Python files of the tree: name, bases as they are written, and the file."""
        python = (path for path in sorted(self.paths) if path.endswith(".py"))
        return [
            (one[1].decode(), (one[2] or b"").decode("utf-8", "replace"), path)
            for path in python
            for one in _CLASS.finditer(self._load(path) or b"")
        ]

    @cached_property
    def sized(self) -> frozenset[str]:
        """Return the functions of the tree that end a list by themselves: ``def get_all(self, limit: int = 5)``."""
        python = (path for path in self.paths if path.endswith(".py"))
        return frozenset(one[1].decode() for path in python for one in _SIZED.finditer(self._load(path) or b""))

    @cached_property
    def assembling(self) -> list[str]:
        """Return the Python files of the tree that seem to put routers and applications together, sorted."""
        python = (path for path in sorted(self.paths) if path.endswith(".py"))
        return [path for path in python if _assembles(self._load(path) or b"")]


_SIZED = re.compile(
    rb"\bdef ([a-z_]\w*)\([^()]{0,400}?\b(?:limit|size|page_size|per_page)(?:\s*:[^=,()]{1,30})?\s*=\s*\d"
)
_CLASS = re.compile(rb"^class ([A-Za-z_]\w*)(?:\[[^\]\n]*\])?(?:\(([^()]{0,400})\))?\s*:", re.MULTILINE)


def _assembles(data: bytes) -> bool:
    return any(word in data for word in _ASSEMBLING) and _ASSEMBLES.search(data) is not None
