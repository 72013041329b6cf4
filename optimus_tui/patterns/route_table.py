"""The order in which routes are tried: those of a router, and those of the routers that it includes.

Starlette takes the first route that matches. What is registered where is read from the statements of a scope, in their
order, with the branch (``if``, ``try``, a loop) that each of them stands in. What cannot be followed adds no route.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Bound, Import, Module, Param, Scope, Unit
from optimus_tui.patterns.source.branches import Branches, assignments, branches_of, makings
from optimus_tui.patterns.source.resolve import External, Resolver, seen_calls
from optimus_tui.patterns.source.vocabulary import argument, chain, option_of, text_of

VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace"})
_DECORATORS = VERBS | {"api_route", "route", "websocket", "websocket_route"}
_NO_PATTERN = str.maketrans("{}", "()")
_ADDS = frozenset({"add_api_route", "add_route", "add_api_websocket_route", "add_websocket_route"})
_ALL = VERBS | {"websocket"}
_MOST_DEEP = 12
_END = 1 << 30
UNKNOWN, UNKNOWN_END = "\x01", "\x04"
"""Round the part of a path that is not known; the same expression makes the same part."""


class Router(NamedTuple):
    """A router or application: the scope where it was made, its name, and its number among several of that name."""

    scope: Scope
    name: str
    made: int = 0


class Registration(NamedTuple):
    """A registration on a router, in a scope. ``handler`` is None for what is included, mounted or called.

    ``verb`` is the name of the method; "" for a call of a function that registers further routes.
    """

    router: Router
    scope: Scope
    line: int
    order: int
    call: ast.Call
    verb: str
    handler: Unit | None
    branches: Branches


class Entry(NamedTuple):
    """A route: ``path`` is the complete path, ``written`` its own part; ``methods`` are in small letters."""

    methods: frozenset[str]
    path: str
    written: str
    handler: Unit | None
    module: Module
    line: int
    branches: frozenset[tuple[int, str]]
    below: bool = False
    """Everything below the path is taken: an application that is mounted there."""


class _Given(NamedTuple):
    """What is known where routes are collected: the routers behind parameters, and above which line they count."""

    routers: dict[tuple[int, str], Router]
    before: int
    within: tuple[tuple[int, str], ...]
    at: str = ""
    """The lines of the calls that led here: what depends on an argument is another value for each of them."""
    """The scopes and names of routers that are being collected: what leads back to one of them ends there."""


def table_of(module: Module, resolver: Resolver) -> "RouteTable":
    """Return the table that is kept with a module, for all rules that ask for it."""
    known: RouteTable | None = module.unit.memo.get("route table")
    if known is None:
        known = module.unit.memo["route table"] = RouteTable(resolver)
    return known


class RouteTable:
    """Reads the registrations of the modules of one project."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver = resolver
        self._events: dict[int, list[Registration]] = {}
        self._scopes: dict[tuple[Router, int], list[Registration]] = {}

    def events(self, module: Module) -> list[Registration]:
        """Return the registrations of a file, in the order of its statements."""
        known = self._events.get(id(module))
        if known is None:
            found = [*self._decorated(module), *self._called(module)]
            found.sort(key=lambda one: (one.line, one.order))
            known = self._events[id(module)] = found
        return known

    def _decorated(self, module: Module) -> Iterator[Registration]:
        for unit in module.units:
            decorators = [one for one in unit.decorators if one.__class__ is ast.Call and _registers(one)]
            if not decorators or any(_tells_versions(one) for one in unit.decorators):
                continue
            scope = unit.scope.parent or module.scope
            while scope.kind == "class" and scope.parent is not None:
                scope = scope.parent
            for at, one in enumerate(reversed(decorators)):
                assert isinstance(one, ast.Call)
                assert isinstance(one.func, ast.Attribute)
                made = self._event(one, one.func, scope, unit.line, at, unit)
                if made is not None:
                    yield made

    def _called(self, module: Module) -> Iterator[Registration]:
        for unit in (module.unit, *module.units):
            if unit.attrs.isdisjoint(_ADDS) and unit.attrs.isdisjoint(("include_router", "mount")):
                continue
            for call in unit.calls:
                func = call.node.func
                if not isinstance(func, ast.Attribute) or func.attr not in _ADDS | {"include_router", "mount"}:
                    continue
                handler: Unit | None = None
                if func.attr in _ADDS:
                    given = argument(call.node, 1, "endpoint")
                    answers = self.resolver.what(given, call.scope)
                    if not isinstance(answers, Unit):
                        continue
                    handler = answers
                made = self._event(call.node, func, call.scope, call.node.lineno, call.node.col_offset, handler)
                if made is not None:
                    yield made

    def _event(
        self, call: ast.Call, func: ast.Attribute, scope: Scope, line: int, order: int, handler: Unit | None
    ) -> Registration | None:
        branches = branches_of(scope, line)
        router = self._router(func.value, scope, line)
        if branches is None or router is None:
            return None
        return Registration(router, scope, line, order, call, func.attr, handler, branches)

    def _router(self, node: ast.expr, scope: Scope, line: int) -> Router | None:
        """Return the router that an expression in a scope stands for; that of another file under its name there."""
        if isinstance(node, ast.Name):
            place = scope.holder(node.id)
            if place is None:
                return Router(scope.unit.module.scope, node.id)
            bound = place.bindings[node.id]
            if isinstance(bound, Import):
                return self._imported(bound, scope.unit.module)
            return Router(place, node.id, makings(place, node.id, line if place is scope else _END))
        if isinstance(node, ast.Attribute):
            home = self.resolver.what(node.value, scope)
            if isinstance(home, Module):
                return self._of_module(home, node.attr)
            if chain(node) and not isinstance(home, External):
                return Router(scope, chain(node))
        return None

    def _imported(self, bound: Import, near: Module) -> Router | None:
        for _ in range(_MOST_DEEP):
            home = self.resolver.project.named(bound.module, near) if bound.member else None
            if home is None or bound.member not in home.scope.bindings:
                return None
            inner = home.scope.bindings[bound.member]
            if not isinstance(inner, Import):
                return Router(home.scope, bound.member, makings(home.scope, bound.member, _END))
            bound, near = inner, home
        return None

    def _of_module(self, home: Module, name: str) -> Router | None:
        bound = home.scope.bindings.get(name)
        if isinstance(bound, Import):
            return self._imported(bound, home)
        if bound is None:
            return None
        return Router(home.scope, name, makings(home.scope, name, _END))

    def apps(self, module: Module) -> Iterator[Router]:
        """Yield the applications that a file makes, at its top or in a function."""
        for unit in (module.unit, *module.units):
            if "FastAPI" not in unit.loads and "FastAPI" not in unit.attrs:
                continue
            for name, made, line in assignments(unit.scope):
                if isinstance(made, ast.Call) and chain(made.func).rpartition(".")[2] == "FastAPI":
                    yield Router(unit.scope, name, makings(unit.scope, name, line))

    def is_given(self, router: Router) -> bool:
        """Return whether it is a parameter: a router or application that was made elsewhere."""
        return isinstance(router.scope.bindings.get(router.name), Param)

    def entries(self, router: Router, scope: Scope | None = None) -> Iterator[Entry]:
        """Yield the routes of a router in the order in which they are tried.

        ``scope``: where the registrations that count stand, by default where the router was made.
        """
        yield from self._entries(router, scope or router.scope, _Given({}, _END, ()))

    def _entries(self, router: Router, scope: Scope, given: "_Given") -> Iterator[Entry]:
        prefix = self._prefix(router)
        here = (id(scope), router.name)
        if here in given.within or len(given.within) > _MOST_DEEP:
            return
        inner = given._replace(before=_END, within=(*given.within, here))
        for event in self._in_scope(router, scope):
            if event.line >= given.before:
                continue
            for one in self._of_event(event, inner):
                yield one._replace(path=prefix + one.path, branches=one.branches.union(event.branches))

    def _in_scope(self, router: Router, scope: Scope) -> list[Registration]:
        """Return what a scope registers on a router, with its calls of functions that may register more."""
        key = (router, id(scope))
        if key in self._scopes:
            return self._scopes[key]
        found = [one for one in self.events(scope.unit.module) if one.router == router and one.scope is scope]
        for seen in seen_calls(scope.unit, self.resolver):
            helper, node = seen.thing, seen.call.node
            if seen.call.scope is not scope or not isinstance(helper, Unit) or helper.owner is not None:
                continue
            if (
                self._hands_over(helper, node, scope, router)
                and (branches := branches_of(scope, node.lineno)) is not None
            ):
                found.append(Registration(router, scope, node.lineno, node.col_offset, node, "", helper, branches))
        found.sort(key=lambda one: (one.line, one.order))
        self._scopes[key] = found
        return found

    def _hands_over(self, helper: Unit, node: ast.Call, scope: Scope, router: Router) -> bool:
        """Return whether a function is given the router, or registers routes on it as a name of its file."""
        if any(one.router == router and one.scope is helper.scope for one in self.events(helper.module)):
            return True
        given = (*node.args, *(word.value for word in node.keywords))
        named = (one for one in given if isinstance(one, (ast.Name, ast.Attribute)))
        return any(self._router(one, scope, node.lineno) == router for one in named)

    def written(self, event: Registration) -> str:
        """Return the path of a registration as it is written, without the prefixes of its routers."""
        first = event.call.args[0] if event.call.args else None
        return self._path(first or option_of(event.call, "path"), event.scope)

    def _of_event(self, event: Registration, given: "_Given") -> Iterator[Entry]:
        scope, call = event.scope, event.call
        module = scope.unit.module
        first = call.args[0] if call.args else None
        if event.verb == "":
            yield from self._of_helper(event, given)
            return
        if event.verb == "include_router":
            yield from self._of_included(event, given)
            return
        path = self._path(first or option_of(call, "path"), scope, given.at)
        branches: frozenset[tuple[int, str]] = frozenset()
        if event.verb == "mount":
            yield Entry(_ALL, path.rstrip("/"), path, None, module, event.line, branches, below=True)
            return
        methods = _methods(event)
        if event.handler is not None and methods:
            yield Entry(methods, path, path, event.handler, event.handler.module, event.line, branches)

    def _of_helper(self, event: Registration, given: "_Given") -> Iterator[Entry]:
        """Yield what a called function registers on the routers that it is given."""
        helper, call = event.handler, event.call
        assert helper is not None
        names = [arg.arg for arg, _ in helper.params]
        passed = [*zip(names, call.args, strict=False), *((word.arg or "", word.value) for word in call.keywords)]
        routers: dict[tuple[int, str], Router] = {}
        ours: list[Router] = [event.router]
        for name, value in passed:
            found = self._given_router(value, event, given)
            if found is not None:
                routers[id(helper.scope), name] = found
                if found == event.router:
                    ours.append(Router(helper.scope, name))
        for router in ours:
            here = (id(helper.scope), router.name)
            if here in given.within or len(given.within) > _MOST_DEEP:
                continue
            inner = _Given({**given.routers, **routers}, _END, (*given.within, here), f"{given.at}:{event.line}")
            for one in self._in_scope(router, helper.scope):
                for entry in self._of_event(one, inner):
                    yield entry._replace(branches=entry.branches.union(one.branches))

    def _given_router(self, node: ast.expr, event: Registration, given: "_Given") -> Router | None:
        if not isinstance(node, (ast.Name, ast.Attribute)):
            if isinstance(node, ast.Call):
                return self._made_by(node, event.scope)
            return None
        found = self._router(node, event.scope, event.line)
        if found is not None:
            return given.routers.get((id(found.scope), found.name), found)
        return None

    def _of_included(self, event: Registration, given: "_Given") -> Iterator[Entry]:
        added = self._path(option_of(event.call, "prefix"), event.scope, given.at)
        if any(word.arg is None for word in event.call.keywords):
            added = _unknown(f"/{given.at}:{event.line}")
        for child in self._included(event, given):
            # what is registered on a router after it was included is not part of the application
            inner = given._replace(before=event.line if child.scope is event.scope else _END)
            for one in self._entries(child, child.scope, inner):
                yield one._replace(path=added + one.path)

    def _included(self, event: Registration, given: "_Given") -> Iterator[Router]:
        """Yield the routers that ``include_router(…)`` includes: one, or those of a list that a loop goes through."""
        node = argument(event.call, 0, "router")
        parts = [] if node is None else [node]
        if isinstance(node, ast.Name):
            bound = event.scope.lookup(node.id)
            if isinstance(bound, Bound) and bound.many:
                parts = _elements(bound.value, event.scope)
        for one in parts:
            found = self._given_router(one, event, given)
            if found is not None:
                yield found

    def _made_by(self, node: ast.Call, scope: Scope) -> Router | None:
        """Return the router that a function of the project makes and returns."""
        factory = self.resolver.what(node.func, scope)
        if not isinstance(factory, Unit):
            return None
        values = [getattr(one.node, "value", None) for one in factory.returned]
        if len(values) != 1 or not isinstance(values[0], ast.Name) or values[0].id not in factory.scope.bindings:
            return None
        name = values[0].id
        return Router(factory.scope, name, makings(factory.scope, name, _END))

    def _prefix(self, router: Router) -> str:
        """Return the prefix that a router was made with."""
        bound = router.scope.bindings.get(router.name)
        module = router.scope.unit.module
        if isinstance(bound, Bound) and isinstance(bound.value, ast.Call) and router.made <= 1:
            made = bound.value
            name = chain(made.func).rpartition(".")[2]
            if name == "FastAPI":
                return ""
            if name.endswith("Router") and not any(word.arg is None for word in made.keywords):
                return self._path(option_of(made, "prefix"), router.scope)
        if isinstance(bound, Param):
            return ""  # it was made elsewhere, and all of its routes here have the same prefix
        return _unknown(f"/{module.path}:{router.name}:{router.made}")

    def _path(self, node: ast.expr | None, scope: Scope, at: str = "") -> str:
        """Return a path or prefix; one that is not known is the same where the same constants make it."""
        if node is None:
            return ""
        text = self._text(node, scope, 0)
        if text is not None:
            return text
        places = [scope.holder(one.id) for one in ast.walk(node) if isinstance(one, ast.Name)]
        if any(place is not None and place.kind != "module" for place in places):
            return _unknown(f"/{ast.dump(node)}{at}")
        return _unknown(f"/{ast.dump(node)}")

    def _text(self, node: ast.AST, scope: Scope, depth: int) -> str | None:
        """Return the text that an expression certainly has, through names of constants; None where it is not known."""
        if depth > _MOST_DEEP:
            return None
        if isinstance(node, ast.Constant):
            return text_of(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            found = self.resolver.where(node, scope)
            if found is None or not isinstance(found[0], Bound) or found[0].many or found[0].value is None:
                return None
            return self._text(found[0].value, found[1], depth + 1)
        if isinstance(node, ast.JoinedStr):
            inner = [one.value if isinstance(one, ast.FormattedValue) else one for one in node.values]
            parts = [self._text(one, scope, depth + 1) for one in inner]
            if None in parts:
                return None
            return "".join(part for part in parts if part)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self._text(node.left, scope, depth + 1), self._text(node.right, scope, depth + 1)
            if left is not None and right is not None:
                return left + right
        return None


def _unknown(text: str) -> str:
    """Return a part of a path that equals only itself: with a slash, because it may be of several segments."""
    return f"{UNKNOWN}{text.translate(_NO_PATTERN)}{UNKNOWN_END}"


def _registers(node: ast.expr) -> bool:
    """Return whether a decorator registers a route."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in _DECORATORS:
        return False
    given = argument(node, 0, "path")
    text = text_of(given)
    if text is None:
        return isinstance(given, (ast.Name, ast.Attribute, ast.BinOp, ast.JoinedStr))
    return text == "" or text[0] in "/{"


def _tells_versions(node: ast.expr) -> bool:
    """Return whether a decorator gives the route's versions: several may share a path."""
    options = getattr(node, "keywords", ())
    return "version" in chain(node).lower() or any("version" in (word.arg or "").lower() for word in options)


def _methods(event: Registration) -> frozenset[str]:
    """Return the methods of a registration; empty where they are not known."""
    if "websocket" in event.verb:
        return frozenset({"websocket"})
    if event.verb in VERBS:
        return frozenset({event.verb})
    written = option_of(event.call, "methods")
    if written is None:
        return frozenset({"get"})
    names = [text_of(one) for one in getattr(written, "elts", [])]
    if not names or None in names:
        return frozenset()
    return frozenset(str(name).lower() for name in names)


def _elements(node: ast.expr | None, scope: Scope) -> list[ast.expr]:
    if isinstance(node, ast.Name):
        bound = scope.lookup(node.id)
        node = bound.value if isinstance(bound, Bound) and not bound.many else None
    if isinstance(node, (ast.List, ast.Tuple)):
        return node.elts
    return []
