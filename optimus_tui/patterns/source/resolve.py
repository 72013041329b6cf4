"""Resolve names and calls to a function, a class, an instance, or something whose source is not in the tree."""

import ast
from functools import lru_cache
from typing import Any, NamedTuple

from optimus_tui.patterns.facts.model import Bound, Call, Class, Import, Module, Param, Scope, Unit
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.vocabulary import OF_ANSWER, chain, first_type, returned_value, unawaited, words
from optimus_tui.syntax import parse_expression

DEPENDS = frozenset({"Depends", "Security"})
_DEEPEST = 24


class InstanceOf(NamedTuple):
    """An object of a known class. Its class may be known by its source, or only by its name."""

    of: "Class | str"


class External(NamedTuple):
    """A thing whose source is not in the tree, by its dotted name."""

    dotted: str


Thing = Unit | Class | InstanceOf | External | Module | None


class Resolver:
    """Resolves names within one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.given_up = 0
        """How often something was too deep to be followed."""

    def what(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> Thing:
        """Return the thing that an expression stands for."""
        if node is None or depth > _DEEPEST:
            self.given_up += node is not None
            return None
        kind = node.__class__
        if kind is ast.Name:
            return self._name(node.id, scope, depth)  # type: ignore[attr-defined]
        if kind is ast.Attribute:
            below = scope.unit.owner if _is_super(node.value) else None  # type: ignore[attr-defined]
            if below is not None:
                return self._inherited(below, node.attr, depth + 1)  # type: ignore[attr-defined]
            return self.member(self.what(node.value, scope, depth + 1), node.attr, depth + 1)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            return self.result(self.what(node.func, scope, depth + 1), node, scope, depth + 1)
        if isinstance(node, ast.Await):
            return self.what(node.value, scope, depth + 1)
        if isinstance(node, ast.BoolOp):
            return next((found for one in node.values if (found := self.what(one, scope, depth + 1))), None)
        if isinstance(node, ast.Subscript):
            found = self.what(node.value, scope, depth + 1)
            return found if isinstance(found, Class) else None  # Repository[Thing]
        if isinstance(node, ast.IfExp):
            return self.what(node.body, scope, depth + 1) or self.what(node.orelse, scope, depth + 1)
        return None

    def _name(self, name: str, scope: Scope, depth: int) -> Thing:
        place: Scope | None = scope
        while place is not None:
            if name in place.bindings and (place is scope or place.kind != "class"):
                things = place.things
                if name not in things or (things[name] is None and _may_be_told(things, name, depth)):
                    things[name], before = None, self.given_up  # what a name is made of itself cannot be told
                    things[name] = self._binding(place.bindings[name], place, name, depth + 2)
                    self._note_depth(things, name, depth, before)
                found: Thing = things[name]
                return found
            place = place.parent
        return self._starred(name, scope.unit.module, depth)

    def _note_depth(self, things: dict[str, Any], name: str, depth: int, before: int) -> None:
        """Keep from where on a name was followed in vain, if the end was too deep: from nearer it may be told."""
        if things[name] is None and self.given_up > before:
            things[f"{name};"] = depth

    def _starred(self, name: str, module: Module, depth: int) -> Thing:
        """Return the thing that ``from … import *`` binds to a name."""
        for base in module.stars:
            home = self.project.named(base, module)
            if home is not None and home is not module:
                found = self.member(home, name, depth + 2)
                if found is not None:
                    return found
        return None

    def _binding(self, bound: object, scope: Scope, name: str, depth: int) -> Thing:
        if isinstance(bound, Bound):
            if depth > _DEEPEST or bound.each:
                self.given_up += depth > _DEEPEST
                return None
            if bound.many:
                return self._part(bound, scope, depth)
            if bound.annotation is not None and chain(bound.annotation).rpartition(".")[2] not in ("TypeAlias", "Any"):
                typed = self.annotated(bound.annotation, scope, depth + 1)
                if typed is not None:
                    return typed
            return self.what(bound.value, scope, depth + 1)
        if isinstance(bound, Param):
            return self._param(bound, scope, depth)
        if isinstance(bound, Import):
            return self._import(bound, scope.unit.module, depth)
        if isinstance(bound, Scope):
            return bound.unit
        if isinstance(bound, (Unit, Class)):
            return bound
        return None

    def _part(self, bound: Bound, scope: Scope, depth: int) -> Thing:
        """Return what one of several names is bound to: ``settings, client = set_up()``."""
        value = unawaited(bound.value)
        if isinstance(value, ast.Tuple) and 0 <= bound.at < len(value.elts):
            return self.what(value.elts[bound.at], scope, depth + 1)
        made = self.what(value.func, scope, depth + 1) if isinstance(value, ast.Call) else None
        for one in made.returned if isinstance(made, Unit) and bound.at >= 0 else ():
            given = returned_value(one.node)
            if isinstance(given, ast.Tuple) and bound.at < len(given.elts):
                return self.what(given.elts[bound.at], one.scope, depth + 1)
        return None

    def _param(self, bound: Param, scope: Scope, depth: int) -> Thing:
        if bound.owner is not None and bound.first and bound.node.arg in ("self", "cls", "__self"):
            return InstanceOf(bound.owner)
        outer = scope.parent or scope
        typed = None
        if bound.node.annotation is not None:
            typed = self.annotated(bound.node.annotation, outer, depth + 1)
            if typed is not None and not (isinstance(typed, InstanceOf) and isinstance(typed.of, Class)):
                return typed
        depended = self.depended(bound.default, outer)
        if depended is None:
            return typed
        made = self._result_type(self.what(depended, outer, depth + 1), depth + 1)
        if typed is None or (isinstance(made, InstanceOf) and isinstance(made.of, Class)):
            return made  # what is handed over goes before what is asked for
        return typed

    def _import(self, bound: Import, module: Module, depth: int) -> Thing:
        if bound.member is None:
            return self.project.named(bound.module, module) or External(bound.module)
        home = self.project.named(bound.module, module)
        if home is None or home is module:  # a package that imports a module of its own
            inner = None
            if bound.module:
                inner = self.project.named(f"{bound.module}.{bound.member}", module)
            return inner or External(f"{bound.module}.{bound.member}")
        found = self.member(home, bound.member, depth)
        return found or External(f"{bound.module}.{bound.member}")

    def member(self, thing: Thing, name: str, depth: int = 0) -> Thing:
        """Return ``thing.name``."""
        if depth > _DEEPEST:
            self.given_up += 1
            return None
        if isinstance(thing, Module):
            if name in thing.scope.bindings:
                return self._binding(thing.scope.bindings[name], thing.scope, name, depth + 1)
            if thing.stars and (found := self._starred(name, thing, depth)) is not None:
                return found
            return self.project.named(f"{thing.dotted}.{name}", thing)
        if isinstance(thing, External):
            return External(f"{thing.dotted}.{name}")
        if isinstance(thing, InstanceOf) and isinstance(thing.of, str):
            return External(f"{thing.of}.{name}")
        owner = thing.of if isinstance(thing, InstanceOf) else thing
        if isinstance(owner, Class):
            return self._of_class(owner, name, depth)
        return None

    def _of_class(self, owner: Class, name: str, depth: int) -> Thing:
        if name in owner.methods:
            method = owner.methods[name]
            if any(chain(one).endswith("property") for one in method.decorators):
                return self._result_type(method, depth + 1)
            return method
        if name in owner.attributes:
            bound, scope = owner.attributes[name]
            typed = self.annotated(bound.annotation, scope, depth + 1)
            return typed or self.what(bound.value, scope, depth + 1)
        return self._inherited(owner, name, depth)

    def _inherited(self, owner: Class, name: str, depth: int) -> Thing:
        for base in owner.bases:
            above = self.what(base, owner.unit.scope.parent or owner.unit.scope, depth + 1)
            found = self.member(above, name, depth + 1)
            if found is not None:
                return found
        return None

    def result(self, thing: Thing, node: ast.Call, scope: Scope, depth: int = 0) -> Thing:
        """Return what calling a thing returns."""
        if isinstance(thing, External):
            owner, _, last = thing.dotted.rpartition(".")
            if last == "partial" and node.args:
                return self.what(node.args[0], scope, depth + 1)
            if last == "sessionmaker" and any(chain(word.value).endswith("AsyncSession") for word in node.keywords):
                return External("sqlalchemy.ext.asyncio.async_sessionmaker()")
            if last.startswith("from_") and owner.rpartition(".")[2][:1].isupper():
                return InstanceOf(owner)
        return self._result_type(thing, depth)

    def _result_type(self, thing: Thing, depth: int) -> Thing:
        if isinstance(thing, Class):
            return InstanceOf(thing)
        if isinstance(thing, External):
            last = thing.dotted.rpartition(".")[2]
            if last[:1].isupper():
                return InstanceOf(thing.dotted)
            return External(f"{thing.dotted}()")
        if not isinstance(thing, Unit):
            return None
        returns = getattr(thing.node, "returns", None)
        if returns is not None:
            typed = self.annotated(returns, thing.scope.parent or thing.scope, depth + 1)
            if typed is not None:
                return typed
        for given, place in thing.memo.get("yielded", ()):  # what a dependency or a context manager hands over
            if place is thing.scope and (found := self.what(given, place, depth + 1)) is not None:
                return found
        for one in thing.returned:
            value = None
            if isinstance(one.node, ast.Return):
                value = one.node.value
            if isinstance(value, ast.Name) and isinstance(one.scope.bindings.get(value.id), Scope):
                return thing  # a factory: calling what it returns runs what is nested in it
            found = self.what(value, one.scope, depth + 1)
            if found is not None:
                return found
        return None

    def annotated(self, node: ast.AST | None, scope: Scope, depth: int = 0) -> Thing:
        """Return the instance that an annotation declares."""
        if node is None or depth > _DEEPEST:
            self.given_up += node is not None
            return None
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = parse_expression(node.value)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
        if isinstance(node, (ast.Name, ast.Attribute)):
            key = f"@{chain(node)}"  # a type: no name begins like that
            things = scope.things
            if key not in things or (things[key] is None and _may_be_told(things, key, depth)):
                things[key], before = None, self.given_up
                things[key] = self._typed(node, scope, depth)
                self._note_depth(things, key, depth, before)
            known: Thing = scope.things[key]
            return known
        if isinstance(node, ast.BinOp):
            return self.annotated(node.left, scope, depth + 1) or self.annotated(node.right, scope, depth + 1)
        if isinstance(node, ast.Subscript):
            name = chain(node.value).rpartition(".")[2]
            if name in ("Annotated", "Optional", "Union", "ClassVar", "Final"):
                return self.annotated(first_type(node), scope, depth + 1)
            found = self.what(node, scope, depth + 1)
            return InstanceOf(found) if isinstance(found, Class) else None
        return None

    def _typed(self, node: ast.Name | ast.Attribute, scope: Scope, depth: int) -> Thing:
        home = self.neighbour(node, scope)
        if home is not None:
            return self.annotated(*home, depth + 1)
        alias = self.alias(node, scope)
        if alias is not None:
            return self.annotated(alias[0], alias[1], depth + 1)
        found = self.what(node, scope, depth + 1)
        if isinstance(found, Class):
            return InstanceOf(found)
        if isinstance(found, External) and found.dotted not in ("typing.Any", "typing_extensions.Any"):
            return InstanceOf(found.dotted)
        return None

    def alias(self, node: ast.AST, scope: Scope) -> tuple[ast.expr, Scope] | None:
        """Return the expression behind a type alias such as ``Tenant = Annotated[str, Depends(get_tenant)]``."""
        name = node.id if isinstance(node, ast.Name) else chain(node)
        if name not in scope.aliases:
            scope.aliases[name] = None
            home = self.neighbour(node, scope)
            if home is not None:  # found once for all files that import it
                scope.aliases[name] = self.alias(*home)
            elif (found := self.where(node, scope)) is not None:
                bound, place = found
                if isinstance(bound, Bound) and isinstance(bound.value, (ast.Subscript, ast.BinOp)):
                    scope.aliases[name] = (bound.value, place)
        return scope.aliases[name]  # type: ignore[no-any-return]

    def neighbour(self, node: ast.AST, scope: Scope) -> tuple[ast.Name, Scope] | None:
        """Return the name in the module of the project from which a name is imported; None if it is defined here."""
        bound = scope.bound_to(node)
        return self._home(bound, scope.unit.module) if isinstance(bound, Import) else None

    def _home(self, bound: Import, near: Module) -> tuple[ast.Name, Scope] | None:
        key, homes = (near.search, bound), self.project.homes
        if key not in homes:
            homes[key] = None
            home = None
            if bound.member:
                home = self.project.named(bound.module, near)
            if home is not None and bound.member in home.scope.bindings:
                homes[key] = (home.name_of(bound.member), home.scope)
        return homes[key]

    def where(self, node: ast.AST, scope: Scope) -> tuple[object, Scope] | None:
        """Return the binding behind a name, in whichever module it was made."""
        for _ in range(_DEEPEST):
            if isinstance(node, ast.Attribute):
                home = self.what(node.value, scope)
                if not isinstance(home, Module) or node.attr not in home.scope.bindings:
                    return None
                bound, scope = home.scope.bindings[node.attr], home.scope
            elif isinstance(node, ast.Name):
                place = scope.holder(node.id)
                if place is None:
                    return None
                bound, scope = place.bindings[node.id], place
            else:
                return None
            if isinstance(bound, Import):
                made = self._home(bound, scope.unit.module)
                if made is None:
                    return bound, scope
                node, scope = made
                continue
            return bound, scope
        return None

    def depended(self, node: ast.AST | None, scope: Scope) -> ast.AST | None:
        """Return the argument of ``Depends(…)``, whatever name it was imported under; None for anything else."""
        if not isinstance(node, ast.Call):
            return None
        name = chain(node.func).rpartition(".")[2]
        if name not in DEPENDS:
            found = self.what(node.func, scope)
            if not isinstance(found, External) or found.dotted.rpartition(".")[2] not in DEPENDS:
                return None
        if node.args:
            return node.args[0]
        return next((word.value for word in node.keywords if word.arg == "dependency"), None)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _may_be_told(things: dict[str, Any], name: str, depth: int) -> bool:
    """Return whether a name was given up at a greater depth than this one, so that it may be found now."""
    return bool(things.get(f"{name};", -1) > depth)


_new = tuple.__new__  # a named tuple's own constructor takes twice as long


class Seen(NamedTuple):
    """A call with what it resolves to: ``raw`` is the name as written, ``dotted`` the full one."""

    call: Call
    thing: Thing
    raw: str
    dotted: str
    method: str
    visible: bool
    """Its source is in the tree."""

    @property
    def about(self) -> frozenset[str]:
        """Return the words in the name and type of the object whose method is called."""
        return _about(self.raw, self.dotted)


@lru_cache(maxsize=20_000)
def _about(raw: str, dotted: str) -> frozenset[str]:
    return words(raw.rpartition(".")[0]) | words(dotted.rpartition(".")[0])


def seen_calls(unit: Unit, resolver: Resolver) -> list[Seen]:
    """Return the unit's calls, resolved once."""
    known: list[Seen] | None = unit.memo.get("seen")
    if known is None:
        known = unit.memo["seen"] = [_new(Seen, (call, *_kept(call, resolver))) for call in unit.calls]
    return known


_Kept = tuple[Thing, str, str, str, bool]


def _kept(call: Call, resolver: Resolver) -> _Kept:
    """Return everything but the call: resolved once for a name, where it is bound, for all files that import it."""
    func, scope = call.node.func, call.scope
    head = func.value if isinstance(func, ast.Attribute) else func
    if not isinstance(head, ast.Name):
        if _is_of_data(head):
            return _of_data(func)
        return _resolved(resolver.what(func, scope), chain(func))
    root, raw = head.id, chain(func)
    place = scope
    while place.parent is not None and (root not in place.bindings or (place.kind == "class" and place is not scope)):
        place = place.parent
    key = f"{raw}()"
    kept: _Kept | None = place.things.get(key)
    if kept is None:
        bound = place.bindings.get(root)
        if not isinstance(bound, Import):
            kept = _resolved(resolver.what(func, place), raw)
        else:
            everywhere, which = resolver.project.calls, (place.unit.module.search, bound, raw)
            kept = everywhere.get(which)
            if kept is None:
                kept = everywhere[which] = _resolved(resolver.what(func, place), raw)
        place.things[key] = kept
    return kept


def _is_of_data(node: ast.AST) -> bool:
    """Return whether it comes out of a call that answers data: ``client.get(url).json()["items"]``."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Await)):
        node = node.value
    return isinstance(node, ast.Call) and OF_ANSWER.search(f"{chain(node.func)}().") is not None


def _of_data(func: ast.expr) -> _Kept:
    """Return a call on data by its method only: it is no call of what the data came from."""
    method = getattr(func, "attr", "")
    return None, f"_.{method}", "", method, False


def _resolved(thing: Thing, raw: str) -> _Kept:
    if isinstance(thing, External) and OF_ANSWER.search(thing.dotted):
        return None, raw, "", raw.rpartition(".")[2], False
    visible = isinstance(thing, (Unit, Class)) or (isinstance(thing, InstanceOf) and isinstance(thing.of, Class))
    return thing, raw, _dotted(thing), raw.rpartition(".")[2], visible


def _dotted(thing: Thing) -> str:
    if isinstance(thing, External):
        return thing.dotted
    if isinstance(thing, Unit) and thing.owner:
        return f"{thing.owner.name}.{thing.name}"
    of = thing.of if isinstance(thing, InstanceOf) else thing
    if isinstance(of, str):
        return of
    return of.name if isinstance(of, (Unit, Class)) else ""
