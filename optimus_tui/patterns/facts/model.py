"""The facts that one pass over a syntax tree collects: modules, classes, units (functions) and what they do.

Plain data, and what follows from it directly: what an ``except`` branch catches and reports, which words mean the
tenant.
"""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from optimus_tui.patterns.source.roots import SearchPath
from optimus_tui.patterns.source.vocabulary import (
    BENIGN,
    LOG_METHODS,
    OF_VALIDATION,
    chain,
    first_type,
    is_tenant,
    words,
)

IN_EXCEPT, TESTS_429, IGNORED, GUARDED, DECLARED, AWAITED = 1, 2, 4, 8, 16, 32
"""The place of a fact: in an ``except`` branch, under a test for 429, as a statement whose value is unused, under a
time limit, in what is declared for a route inside another function, as what an ``await`` waits for."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
BROAD = frozenset({"Exception", "BaseException"})
_FROM_OUTSIDE = frozenset(
    {"ConnectionError", "OSError", "IOError", "HTTPError", "RequestError", "HTTPStatusError", "TransportError",
     "ConnectError", "RedisError", "ClientError", "RequestException", "SQLAlchemyError", "PostgresError"}
)  # fmt: skip
_TELLS = frozenset(
    {"response", "error", "errors", "failure", "failed", "fault", "problem", "degraded", "unavailable", "unhealthy",
     "fallback", "down", "unknown", "status", "reason", "stale"}
)  # fmt: skip
_OWNERS = frozenset({"account", "company", "customer", "team", "merchant", "business", "firm", "practice", "shop"})
_CALLERS = frozenset({"user", "principal", "caller", "claims", "identity", "auth", "who", "me", "viewer", "actor"})


class Scope:
    """The names bound in one function, lambda, class or module; ``parent`` is the scope that is searched next."""

    __slots__ = ("aliases", "bindings", "kind", "node", "parent", "things", "unit")

    def __init__(self, kind: str, node: ast.AST, parent: "Scope | None") -> None:
        self.kind, self.node, self.parent = kind, node, parent
        self.bindings: dict[str, Any] = {}
        self.things: dict[str, Any] = {}
        self.aliases: dict[str, Any] = {}
        self.unit: Unit

    def holder(self, name: str) -> "Scope | None":
        """Return the nearest scope, this one or an enclosing one, that binds the name."""
        place: Scope | None = self
        while place is not None and name not in place.bindings:
            place = place.parent
        return place

    def bound_to(self, node: ast.AST | None) -> Any:
        """Return what an expression is bound to if it is a name; None for any other and for an unknown name."""
        if isinstance(node, ast.Name):
            return self.lookup(node.id)
        return None

    def lookup(self, name: str) -> Any:
        """Return what the name is bound to, here or in an enclosing scope; None for an unknown name."""
        place = self.holder(name)
        if place is None:
            return None
        return place.bindings[name]


class Call(NamedTuple):
    """A call and its place; ``flags`` are the constants above."""

    node: ast.Call
    scope: Scope
    flags: int


class Raised(NamedTuple):
    """A ``raise`` or ``return``, with its value."""

    node: ast.Raise | ast.Return
    scope: Scope
    flags: int


class Unit:
    """One function or method with everything nested in it, a class body, or a module's own statements."""

    __slots__ = (
        "attrs", "augmented", "calls", "decorators", "given", "handlers", "keywords", "loads", "memo",
        "module", "name", "node", "owner", "params", "raised", "returned", "scope", "stored", "strings",
        "stub", "withs",
    )  # fmt: skip

    def __init__(self, name: str, node: ast.AST, scope: Scope, module: "Module", owner: "Class | None") -> None:
        self.name, self.node, self.scope, self.module, self.owner = name, node, scope, module, owner
        self.decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        """Outermost first."""
        self.calls: list[Call] = []
        self.raised: list[Raised] = []
        self.returned: list[Raised] = []
        self.handlers: list[tuple[ast.ExceptHandler, Scope]] = []
        self.withs: list[tuple[ast.expr, Scope]] = []
        self.strings: list[tuple[ast.Constant, str]] = []
        self.loads: set[str] = set()
        self.attrs: set[str] = set()
        self.keywords: set[str | None] = set()
        """The names of options given in calls; None for ``**options``."""
        self.augmented: list[ast.AugAssign] = []
        self.stored: list[tuple[ast.Subscript, Scope]] = []
        self.params: list[tuple[ast.arg, ast.expr | None]] = []
        self.stub = False
        self.given: list[tuple[ast.arg, ast.expr | None, Scope]] = []
        """Parameters of the unit and of what is nested in it, with the scope that their types are written in."""
        self.memo: dict[str, Any] = {}

    @property
    def is_async(self) -> bool:
        """Return True for ``async def``."""
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def owner_name(self) -> str:
        """Return the name of the class to which the method belongs; empty for a function."""
        return getattr(self.owner, "name", "")

    @property
    def line(self) -> int:
        """Return the line of its ``def``."""
        return getattr(self.node, "lineno", 1)


class Class:
    """A class: its bases, its methods by name, and what its attributes are assigned."""

    __slots__ = ("attributes", "bases", "methods", "module", "name", "node", "unit")

    def __init__(self, name: str, node: ast.ClassDef, module: "Module") -> None:
        self.name, self.node, self.module = name, node, module
        self.bases = node.bases
        self.methods: dict[str, Unit] = {}
        self.attributes: dict[str, tuple[Bound, Scope]] = {}
        self.unit: Unit


class Module:
    """One file. ``path`` is relative to the tree, ``dotted`` its name from there; it begins with a dot."""

    __slots__ = (
        "classes", "defaults", "dotted", "is_package", "named", "path", "scope", "scopes", "search", "stars",
        "started", "tree", "unit", "units",
    )  # fmt: skip

    def __init__(self, path: str, tree: ast.Module, search: SearchPath) -> None:
        self.path, self.tree, self.search = path, tree, search
        self.is_package = path.rpartition("/")[2] == "__init__.py"
        self.dotted = "." + path.removesuffix(".py").removesuffix("__init__").removesuffix("/").replace("/", ".")
        self.units: list[Unit] = []
        self.scopes: list[Scope] = []
        self.stars: list[str] = []
        self.classes: list[Class] = []
        self.defaults: list[tuple[ast.expr, Function]] = []
        self.started: dict[int, list[Unit]] = {}
        self.named: dict[int, set[str]] = {}
        """What the expressions in it start, and what their names suggest."""
        self.scope: Scope
        self.unit: Unit

    def name_of(self, name: str) -> ast.Name:
        """Return a node that stands for one of the module's names; one per name, because creating them is slow."""
        made: dict[str, ast.Name] = self.unit.memo.setdefault("nodes", {})
        if name not in made:
            made[name] = ast.Name(name, ast.Load())
        return made[name]


def release(module: Module) -> None:
    """Clear the facts of a module, so that they are freed at once without the garbage collector."""
    for scope in module.scopes:
        scope.bindings.clear()
        scope.things.clear()
        scope.aliases.clear()
        scope.parent = None
        del scope.unit
    for unit in (module.unit, *module.units, *(one.unit for one in module.classes)):
        unit.memo.clear()
        unit.owner = None
        del unit.scope, unit.module
    for owner in module.classes:
        owner.methods.clear()
        owner.attributes.clear()
        del owner.unit, owner.module
    module.scopes.clear()
    module.started.clear()
    module.units.clear()
    module.classes.clear()


class Import(NamedTuple):
    """A name bound by an import: the module and, for ``from`` imports, the member.

    A relative import is kept as the module's place in the tree, which begins with a dot.
    """

    module: str
    member: str | None


class Param(NamedTuple):
    """A name bound as a parameter."""

    node: ast.arg
    default: ast.expr | None
    function: Function | ast.Lambda
    owner: "Class | None"
    first: bool


class Bound(NamedTuple):
    """A name bound to an expression, with the annotation if one was written.

    ``many``: bound to one part of the expression, that at index ``at``. ``each``: bound to its elements in turn, as in
    a loop, or to parts of them.
    """

    value: ast.expr | None
    annotation: ast.expr | None = None
    many: bool = False
    each: bool = False
    at: int = -1


def bound_value(bound: object) -> ast.expr | None:
    """Return the expression to which a name is bound; None for a class, a function, an import and an unknown name."""
    if isinstance(bound, Bound):
        return bound.value
    return None


def caught(handler: ast.ExceptHandler, scope: Scope | None = None) -> list[str]:
    """Return the last parts of the names that are caught, also behind an assignment; empty for a bare except."""
    found: list[str] = []
    for one in getattr(handler.type, "elts", [handler.type] if handler.type else []):
        bound = None
        if scope is not None:
            bound = scope.unit.module.scope.bindings.get(chain(one))
        if isinstance(bound, Bound) and isinstance(bound.value, ast.Name):
            given = bound.value
        else:
            given = one
        found.append(chain(given).rpartition(".")[2])
    return found


def is_broad(handler: ast.ExceptHandler, scope: Scope | None = None) -> bool:
    """Return True if the handler catches every exception."""
    return handler.type is None or not BROAD.isdisjoint(caught(handler, scope))


def reraises(handler: ast.ExceptHandler) -> bool:
    """Return whether the caught exception is raised again unchanged."""
    return any(
        isinstance(one, ast.Raise) and (one.exc is None or _is_caught(one.exc, handler)) for one in ast.walk(handler)
    )


def catches_faults(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Return True if the handler catches errors of clients whose upstream failed, and answers something else."""
    if reraises(handler) or _is_kept_and_raised(handler, scope):
        return False
    return is_broad(handler, scope) or any(name not in BENIGN | OF_VALIDATION for name in caught(handler, scope))


def _is_kept_and_raised(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Return whether the function raises later what is caught here: ``last = error`` in a loop of attempts."""
    kept = {
        chain(target)
        for one in handler.body
        if isinstance(one, ast.Assign) and _is_caught(one.value, handler)
        for target in one.targets
    }
    return bool(kept) and any(
        isinstance(one.node, ast.Raise) and chain(one.node.exc) in kept and isinstance(one.node.exc, ast.Name)
        for one in scope.unit.raised
    )


def _is_caught(raised: ast.expr, handler: ast.ExceptHandler) -> bool:
    return handler.name is not None and isinstance(raised, ast.Name) and raised.id == handler.name


def says_nothing(handler: ast.ExceptHandler) -> bool:
    """Return whether the failure is not reported: no log, no count, no status, no other exception.

    What a branch does for one kind of failure (``if "busy" in str(error): return …``) says nothing of the others.
    """
    for one in (node for statement in _done_for_others(handler) for node in ast.walk(statement)):
        if isinstance(one, ast.Raise) or (isinstance(one, (ast.Assign, ast.AugAssign)) and _notes(one)):
            return False
        if isinstance(one, ast.Call):
            spoken = words(chain(one.func))
            if not spoken.isdisjoint(
                LOG_METHODS | {"capture", "report", "abort", "notify", "inc", "observe", "record"}
            ):
                return False
            if _tells_caller(one, spoken):
                return False
        if isinstance(one, ast.Return) and isinstance(one.value, ast.Call) and not _is_plain_answer(one.value):
            return False  # an answer of its own making: an error response, a fallback that says so
        if handler.name and isinstance(one, ast.Name) and one.id == handler.name:
            return False  # it goes somewhere
    return True


_SENDS = frozenset({"send_json", "send_text", "send_bytes"})


def _tells_caller(call: ast.Call, spoken: frozenset[str]) -> bool:
    """Return whether a call tells of the failure: a web socket's answer, or an entry of a list of failures."""
    name = chain(call.func)
    last = name.rpartition(".")[2]
    if last in _SENDS:
        return True
    if last == "close":
        return bool(call.args) or any(word.arg in ("code", "reason") for word in call.keywords)
    return last in ("append", "add") and not spoken.isdisjoint(_TELLS)


def _notes(node: ast.stmt) -> bool:
    """Return whether a statement keeps that there was a failure: ``failed += 1``, ``healthy = False``."""
    if isinstance(node, ast.AugAssign):
        return any(_tells(one) for one in _parts_of(node.target))
    if not isinstance(node, ast.Assign):
        return False
    kept = node.value
    if isinstance(kept, ast.Constant) and (kept.value is False or isinstance(kept.value, str)):
        return _tells(kept)
    return any(_tells(one) for target in node.targets for one in _parts_of(target)) and not _is_empty(kept)


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, "", 0)


def _parts_of(target: ast.expr) -> Iterator[ast.AST]:
    """Yield the parts of a target that name what is kept: ``state["error"]``, ``errors``."""
    return (one for one in ast.walk(target) if isinstance(one, (ast.Constant, ast.Name, ast.Attribute)))


def _done_for_others(handler: ast.ExceptHandler) -> list[ast.stmt]:
    """Return what is done for the failures that no test of the exception sorts out."""
    names = {handler.name or ""}
    left: list[ast.stmt] = []
    for statement in handler.body:
        value = statement.value if isinstance(statement, ast.Assign) else None
        if value is not None and chain(value.func if isinstance(value, ast.Call) else value) in ("str", "repr", "type"):
            names |= {chain(target) for target in statement.targets}  # type: ignore[attr-defined]
    for statement in handler.body:
        asked = statement.test if isinstance(statement, ast.If) and not statement.orelse else None
        ends = isinstance(statement, ast.If) and isinstance(statement.body[-1], (ast.Return, ast.Raise, ast.Continue))
        if asked is None or not ends or not _names_in(asked) & names:
            left.append(statement)
    if len(left) == len(handler.body):
        return left
    of_it = {id(one) for one in left if isinstance(one, ast.Assign) and chain(one.targets[0]) in names}
    used = {name for one in left if id(one) not in of_it for name in _names_in(one)}
    return [one for one in left if id(one) not in of_it or used & names]


def _names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_plain_answer(made: ast.Call) -> bool:
    """Return whether the returned object hides the failure: an empty collection, or an ordinary object."""
    name = chain(made.func)
    if name in ("dict", "list", "set"):
        return True
    last = name.rpartition(".")[2]
    if not last[:1].isupper() or words(name) & _TELLS:
        return False
    parts = [one for one in ast.walk(made) if isinstance(one, (ast.keyword, ast.Constant, ast.Name, ast.Attribute))]
    return not any(_tells(one) for one in parts)


def _tells(node: ast.AST) -> bool:
    """Return whether the node reports a failure: a status of 400 and above, ``ok=False``, or a word for it."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return not words(node.value).isdisjoint(_TELLS)
        return node.value is False or (isinstance(node.value, int) and node.value >= 400)
    name = getattr(node, "arg", None) or chain(node)
    return not words(name).isdisjoint(_TELLS)


def may_tell_too_much(handler: ast.ExceptHandler, scope: Scope) -> bool:
    """Return True if the exception's text may hold hosts, keys or queries: those of networks and stores do."""
    return is_broad(handler, scope) or not _FROM_OUTSIDE.isdisjoint(caught(handler, scope))


def owners_of(module: Module) -> frozenset[str]:
    """Return the words that stand for the tenant in this file.

    ``caller.account_id`` of the logged-in caller means the tenant just as an ``org_id`` does. Such a word counts only
    in a file that reads it from its caller: an account may be just another resource.
    """
    known: frozenset[str] | None = module.unit.memo.get("owners")
    if known is None:
        found: set[str] = set()
        for unit in module.units:
            read = {word for name in unit.attrs if name.endswith("_id") for word in words(name) & _OWNERS}
            if read and any(is_caller(arg) for arg, _, _ in unit.given):
                found |= read
        known = module.unit.memo["owners"] = frozenset(found)
    return known


def is_caller(arg: ast.arg) -> bool:
    """Return whether a parameter is the logged-in caller, by its name or its type."""
    typed = arg.annotation
    if isinstance(typed, ast.Subscript):
        typed = first_type(typed)
    return not (words(arg.arg) | words(chain(typed))).isdisjoint(_CALLERS)


def is_owner(name: str, module: Module) -> bool:
    """Return whether the name is, or belongs to, a tenant in this file."""
    return is_tenant(name) or not words(name).isdisjoint(owners_of(module))
