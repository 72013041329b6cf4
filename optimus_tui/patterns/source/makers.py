"""What an expression may stand for where routers are put together, and what a function runs for."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Bound, Class, Module, Param, Scope, Unit
from optimus_tui.patterns.source.resolve import External, Resolver
from optimus_tui.patterns.source.vocabulary import chain

APPS = frozenset({"FastAPI", "Starlette"})
ROUTERS = frozenset({"APIRouter", "Router"})
NAMED = ("APIRouter", "FastAPI")


class Maker(NamedTuple):
    """A router or application: the call that makes it, and the class whose objects own it."""

    call: ast.Call
    scope: Scope
    is_app: bool
    owner: Class | None = None

    @property
    def module(self) -> Module:
        """Return the module that makes it."""
        return self.scope.unit.module


class Frame(NamedTuple):
    """A call of a function, from which its parameters have their values."""

    function: ast.AST
    call: ast.Call
    scope: Scope
    outer: "Frame | None"
    this: "Made | None" = None


class Made(NamedTuple):
    """An object of a class of the tree, with the call that made it where that is known."""

    of: Class
    call: ast.Call | None = None
    scope: Scope | None = None
    frame: Frame | None = None


class Method(NamedTuple):
    """A method of an object."""

    unit: Unit
    this: Made


class Expression(NamedTuple):
    """An expression, the scope that it stands in, and the call that its function runs for."""

    node: ast.expr
    scope: Scope
    frame: Frame | None


Value = Maker | Made | Method | Unit | Class | Module | Scope | External


def frame_of(bound: Param, frame: Frame | None) -> Frame | None:
    """Return the call that gave a parameter of this function its value."""
    while frame is not None and frame.function is not bound.function:
        frame = frame.outer
    return frame


def function_of(scope: Scope) -> Scope:
    """Return the scope of the enclosing function, or the scope itself."""
    while scope.kind in ("lambda", "class") and scope.parent is not None:
        scope = scope.parent
    return scope


def line_of(owner: Class, resolver: Resolver) -> Iterator[Class]:
    """Yield a class and those of the tree that it inherits from."""
    todo, seen = [owner], set[int]()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        scope = one.unit.scope.parent or one.unit.scope
        todo += [base for node in one.bases if isinstance(base := resolver.what(node, scope), Class)]


def router_kind(owner: Class, resolver: Resolver) -> str:
    """Return ``app`` or ``router`` for a class that inherits from one of the framework's, else ""."""
    for one in line_of(owner, resolver):
        for base in one.bases:
            last = chain(base).rpartition(".")[2]
            if isinstance(resolver.what(base, one.module.scope), Class):
                continue
            if last in APPS or last in ROUTERS or last.endswith(NAMED):
                if last in APPS or last.endswith("FastAPI"):
                    return "app"
                return "router"
    return ""


def made_once(node: ast.expr, scope: Scope, resolver: Resolver) -> tuple[ast.expr, Scope]:
    """Return the call that made an exception with a name, ``BAD = HTTPException(400)``, or the name itself."""
    home = resolver.neighbour(node, scope)
    name, place = home if home is not None else (node, scope.unit.module.scope)
    bound = place.bindings.get(chain(name))
    if isinstance(bound, Bound) and isinstance(bound.value, ast.Call):
        return bound.value, place
    return node, scope
