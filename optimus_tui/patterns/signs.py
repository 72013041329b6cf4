"""Signs of what a project has: a limiter, tenants, a cache. They choose the profile, and each names its place.

A sign is read from code, not from comments or texts: an import of a library that does nothing else, a definition, a
parameter of a web handler, a column of a table.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from optimus_tui.patterns.rule import Profile
from optimus_tui.patterns.source.project import ParseFailure, parse
from optimus_tui.patterns.source.vocabulary import chain, is_tenant, names_limiter, words
from optimus_tui.wording.numbers import plural

Has = Literal["limiter", "tenant", "cache"]
SUBJECTS: tuple[Has, ...] = ("limiter", "tenant", "cache")
_LIMITERS = frozenset(
    {"slowapi", "fastapi_limiter", "pyrate_limiter", "fastapi_throttle", "asgi_ratelimit", "throttled"}
)
_CACHES = frozenset({"fastapi_cache", "aiocache", "cashews", "fastapi_redis_cache"})


class ImportsOf:
    """Tells whether a file imports one of some packages, from its bytes."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(name.encode() for name in sorted(names))
        self._line = re.compile(rb"^\s*(?:from|import)\s+(?:" + b"|".join(self._names) + rb")\b", re.MULTILINE)

    def are_in(self, data: bytes) -> bool:
        """Return whether one is imported. A search for the words, which is much faster, comes first."""
        return any(name in data for name in self._names) and self._line.search(data) is not None


WEB = ImportsOf(("fastapi", "starlette"))
_REDIS = ImportsOf(("redis", "valkey", "aioredis", "coredis"))
_TABLES = ImportsOf(("sqlalchemy", "sqlmodel", "tortoise", "beanie", "ormar"))
_LIBRARIES = ImportsOf(_LIMITERS | _CACHES)
_FOR_ALL = re.compile(rb"\b(?:default|application)_limits\s*=\s*\[\s*[^\]\s]")
_LIMITED = re.compile(rb"@[\w.]+\.(?:limit|shared_limit)\s*\(|\bRateLimiter\s*\(")
_BREAKER = re.compile(
    rb"^\s*(?:class|def|async def|from|import)\s[^\n]{0,200}(?:circuit_?breaker|pybreaker|aiobreaker|purgatory)",
    re.IGNORECASE | re.MULTILINE,
)
_USUAL: dict[Has, str] = {
    "limiter": r"rate_?limit|limiter|throttl|quota|bucket|sliding_?window",
    "tenant": r"tenan|organi[sz]ation|workspace|\borg_(?:id|slug|key|uuid|name|code)|\borgid|x-org|\{org|\borg\s*:",
    "cache": "cach",
}
_COLUMNS = frozenset(
    {"Column", "mapped_column", "Field", "ForeignKey", "relationship", "Relationship", "ForeignKeyField"}
)
_BETWEEN_BRACES = re.compile(r"\{(\w+)(?::\w+)?\}")
_HEADER = re.compile(r"[xX](?:-[A-Za-z]+){1,4}")
_NOT_SERVED = re.compile(r"(?:^|/)(?:docs?|docs_src|examples?|migrations|alembic|versions|scripts|_?archived?)/")
_OF_TESTS = re.compile(r"(?:^|/)(?:(?:tests?|testing|benchmarks?)/|(?:test_[^/]*|[^/]*_test|conftest)\.py$)")
_IMPORT = "import of "
_OF_A_NAME = frozenset({"id", "ids", "slug", "key", "uuid", "name", "code"})


class Sign(NamedTuple):
    """Where a project shows that it has something: ``app/limits.py:12 class RateLimiter``."""

    has: Has
    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.has}: {self.path}:{self.line} {self.what}"


class Signs:
    """Looks through a project's files until one sign of each subject is found."""

    def __init__(self, own: Mapping[str, Sequence[str]]) -> None:
        """Begin. ``own`` are the project's own words by what they mean."""
        self.found: dict[Has, Sign] = {}
        self.files = 0
        self.breaks_circuits = False
        self._by_default = False
        self._by_name = False
        self._words = {
            has: re.compile("|".join((pattern, *map(re.escape, own.get(has, ())))).encode(), re.IGNORECASE)
            for has, pattern in _USUAL.items()
        }

    @property
    def complete(self) -> bool:
        """Return whether all signs have been found."""
        return len(self.found) == len(SUBJECTS)

    @property
    def limits_nobody(self) -> bool:
        """Return whether a library's limiter is made, and names no route, or has a limit for all of them.

        Where routes have none all the same, it does not what it was made for.
        """
        limiter = self.found.get("limiter")
        return limiter is not None and limiter.what.startswith(_IMPORT) and (self._by_default or not self._by_name)

    def look(self, path: str, data: bytes) -> None:
        """Look through one file. Files that serve nothing, such as tests, are skipped."""
        if not is_served(path):
            return
        self.files += 1
        if not self.breaks_circuits and _BREAKER.search(data):
            self.breaks_circuits = True
        self._by_default = self._by_default or (_LIBRARIES.are_in(data) and _FOR_ALL.search(data) is not None)
        self._by_name = self._by_name or (b"imit" in data and _LIMITED.search(data) is not None)
        if self.complete:
            return
        imports = _Imports(*(one.are_in(data) for one in (WEB, _REDIS, _TABLES, _LIBRARIES)))
        if self._may_tell(data, imports):
            for sign in _signs(path, data, imports):
                self.found.setdefault(sign.has, sign)

    def _may_tell(self, data: bytes, imports: "_Imports") -> bool:
        """Return whether the text has a word of what was not found yet, so that it is worth parsing."""
        fits = {
            "limiter": imports.web or imports.redis,
            "tenant": imports.web or imports.tables,
            "cache": imports.redis,
        }
        return imports.libraries or any(
            fits[has] and has not in self.found and pattern.search(data) for has, pattern in self._words.items()
        )


class _Imports(NamedTuple):
    """What a file imports: a web framework, Redis, tables of a database, a library of limits or caches."""

    web: bool
    redis: bool
    tables: bool
    libraries: bool


def is_served(path: str) -> bool:
    """Return True if a file can belong to the code that answers requests: no test, migration, example or script."""
    return not _NOT_SERVED.search(path) and not is_test(path)


def is_test(path: str) -> bool:
    """Return whether a file belongs to tests, by its name or by a folder's; a folder's path ends with a slash."""
    return _OF_TESTS.search(path) is not None


def _signs(path: str, data: bytes, imports: _Imports) -> Iterator[Sign]:
    tree = parse(data)
    if isinstance(tree, ParseFailure):
        return
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for has, what in _imported(node):
                yield Sign(has, path, line, what)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for has, what, place in _defined(node, imports):
                yield Sign(has, path, place.lineno, what)
        elif (
            imports.web and isinstance(node, ast.Constant) and isinstance(node.value, str) and _names_tenant(node.value)
        ):
            yield Sign("tenant", path, line, repr(node.value))


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[Has, str]]:
    if isinstance(node, ast.Import):
        names = [one.name for one in node.names]
    else:
        names = [node.module or ""] if not node.level else []
    for name in names:
        root = name.partition(".")[0]
        if root in _LIMITERS:
            yield "limiter", f"{_IMPORT}{root}"
        elif root in _CACHES:
            yield "cache", f"{_IMPORT}{root}"


def _defined(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, imports: _Imports
) -> Iterator[tuple[Has, str, ast.stmt | ast.arg]]:
    kind = "class" if isinstance(node, ast.ClassDef) else "def"
    if (imports.web or imports.redis) and names_limiter(node.name) and not _is_answer(node) and _acts(node):
        yield "limiter", f"{kind} {node.name}", node
    if imports.redis and words(node.name) & {"cache", "cached", "caching"}:
        yield "cache", f"{kind} {node.name}", node
    if isinstance(node, ast.ClassDef):
        for one in node.body if imports.tables else ():
            name = chain(getattr(one, "target", None) or next(iter(getattr(one, "targets", ())), None))
            if is_tenant(name) and words(name) & _OF_A_NAME and _is_column(one):
                yield "tenant", f"column {name}", one
    elif imports.web:
        for arg, default in _parameters(node.args):
            named = words(arg.arg) & (_OF_A_NAME | {"tenant"}) or is_tenant(_typed(arg)) or _is_asked_for(default)
            if named and is_tenant(arg.arg) and not arg.arg.startswith("_"):
                yield "tenant", f"parameter {arg.arg} of {node.name}", arg


def _acts(node: ast.stmt) -> bool:
    """Return whether it does something: what is left of a quota at a provider is kept in a class without methods."""
    if not isinstance(node, ast.ClassDef) or "quota" not in words(node.name):
        return True
    return any(isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) for one in node.body)


def _is_answer(node: ast.stmt) -> bool:
    """Return whether a class is an error or an answer, which somebody else's limiter may be the reason of."""
    if not isinstance(node, ast.ClassDef):
        return False
    names = " ".join((node.name, *map(chain, node.bases)))
    fields = {target.id for one in node.body for target in getattr(one, "targets", ()) if isinstance(target, ast.Name)}
    return "Error" in names or "Exception" in names or "status_code" in fields


def _parameters(given: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """Yield each parameter with its default."""
    placed = [*given.posonlyargs, *given.args]
    yield from zip(placed, [*[None] * (len(placed) - len(given.defaults)), *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)


def _is_asked_for(default: ast.expr | None) -> bool:
    """Return whether a parameter comes from a dependency or a header."""
    return isinstance(default, ast.Call) and chain(default.func).rpartition(".")[2] in ("Depends", "Security", "Header")


def _typed(arg: ast.arg) -> str:
    """Return the name of a parameter's type, which may be quoted or in ``Annotated[…]``."""
    typed = arg.annotation
    if isinstance(typed, ast.Constant):
        return str(typed.value)
    return chain(typed)


def _is_column(node: ast.stmt) -> bool:
    value = getattr(node, "value", None)
    annotation = getattr(node, "annotation", None)
    made = chain(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
    return made in _COLUMNS or chain(annotation).rpartition(".")[2] == "Mapped"


def _names_tenant(text: str) -> bool:
    """Return whether a text is a path with a tenant in it, or a header of one."""
    if len(text) > 200:
        return False
    if text.startswith("/"):
        return any(is_tenant(name) for name in _BETWEEN_BRACES.findall(text))
    return bool(_HEADER.fullmatch(text)) and is_tenant(text)


class Detected(NamedTuple):
    """The profile that a project's signs show. ``lacks`` are the subjects of which there is no sign."""

    profile: Profile
    lacks: frozenset[str]
    """Of subjects, and what follows from them: ``patterns.rule.Subject``."""
    signs: tuple[Sign, ...]
    reason: str = ""
    """What speaks for it where there are no signs."""
    limits_nobody: bool = False
    """A library's limiter is made, and names no route, or has a limit for all of them."""


def detected(signs: Signs) -> Detected:
    """Return the profile that the signs show: a project is a gateway if it has a limiter, tenants or a cache."""
    lacks: frozenset[str] = frozenset(name for name in SUBJECTS if name not in signs.found)
    if "limiter" in lacks:
        lacks |= {"callers"}
    if not signs.breaks_circuits:
        lacks |= {"breaker"}
    found = tuple(signs.found[name] for name in SUBJECTS if name in signs.found)
    if found:
        return Detected("gateway", lacks, found, limits_nobody=signs.limits_nobody)
    return Detected("fastapi", lacks, (), f"no limiter, tenant or cache in {plural(signs.files, 'file')}")
