"""One file as rules see it: its routes, what runs for each of them, and which jobs are done on the way.

``reach`` follows calls, callbacks, dependencies and decorators through the files of the project.
"""

import ast
from collections.abc import Iterator
from functools import cached_property

from optimus_tui.patterns.assembly import declared_on_apps
from optimus_tui.patterns.facts.jobs import jobs_of
from optimus_tui.patterns.facts.model import Bound, Class, Module, Scope, Unit
from optimus_tui.patterns.facts.routes import Route, routes_of
from optimus_tui.patterns.source.calls import Seen, seen_calls
from optimus_tui.patterns.source.names import chain, is_limiter
from optimus_tui.patterns.source.parse import Lines
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.reach import Reach, methods_of
from optimus_tui.patterns.source.resolve import Resolver

_MOST_UNITS = 400


class View:
    """A module with its routes and what they reach."""

    def __init__(self, module: Module, data: bytes, project: Project) -> None:
        self.module, self.lines, self.project = module, Lines(data), project
        self.own_units: list[Unit] = [module.unit, *module.units, *(one.unit for one in module.classes)]
        """Every unit of the file itself."""
        self.resolver = Resolver(project)
        self.routes: list[Route] = routes_of(module, self.resolver)
        self.served = [route for route in self.routes if not route.system and not route.websocket]
        """Routes for callers: neither operators' endpoints nor web sockets."""
        self.way = Reach(module, self.resolver)
        self._flags: dict[int, frozenset[str]] = {}
        self._units: dict[int, tuple[Unit, ...]] = {}

    @cached_property
    def apps(self) -> list[Module]:
        """Return the applications that may include this router."""
        return self.project.apps(self.module)

    @cached_property
    def from_apps(self) -> tuple[tuple[ast.expr, Scope], ...]:
        """Return the dependencies that an application declares for this router."""
        return declared_on_apps(self.module, self.apps)

    @cached_property
    def app_flags(self) -> frozenset[str]:
        """Return the jobs done for every request: middleware, exception handlers, the clients made at start-up."""
        found: set[str] = set()
        for app in self.apps:
            key = f"flags:{app.path}"
            known = self.project.routes_memo.get(key)
            if known is None:
                known = self._app_jobs(app)
                self.project.routes_memo[key] = known
            found |= known  # type: ignore[arg-type]
        if any("FastAPI" in unit.loads for unit in (self.module.unit, *self.module.units)):
            found |= self._app_jobs(self.module)
        return frozenset(found)

    def _app_jobs(self, app: Module) -> frozenset[str]:
        handlers = {id(route.handler) for route in routes_of(app, self.resolver)}
        found: set[str] = set()
        for unit in (app.unit, *app.units):
            if id(unit) in handlers:
                continue
            if any(chain(one).endswith("exception_handler") for one in unit.decorators):
                found.add("maps")
            for each in self.way.reach(unit):
                found |= jobs_of(each, self.resolver).flags
        for call in app.unit.calls:
            if any(word.arg == "exception_handlers" for word in call.node.keywords):
                found.add("maps")
        found &= {"maps", "logs", "breaker", "metrics"}
        return frozenset(found | self._middleware_jobs(app))

    def _middleware_jobs(self, app: Module) -> set[str]:
        """Return ``{"limits"}`` where a rate limiter runs before every route, else an empty set."""
        start: list[Unit] = [
            unit for unit in app.units if any(chain(one).endswith(".middleware") for one in unit.decorators)
        ]
        unseen: set[str] = set()
        for unit in (app.unit, *app.units):
            for seen in self.calls(unit):
                if seen.method in ("add_middleware", "Middleware") and seen.call.node.args:
                    thing = self.resolver.what(seen.call.node.args[0], seen.call.scope)
                    if isinstance(thing, Class):
                        start += methods_of(thing, "__call__", "dispatch")
                    elif is_limiter(chain(seen.call.node.args[0])):
                        unseen.add("limits")
                if seen.method == "Limiter" and any(word.arg == "default_limits" for word in seen.call.node.keywords):
                    unseen.add("limits")
        found: set[str] = set()
        for unit in self.way.closure(start):
            found |= jobs_of(unit, self.resolver).flags
        if "limits" in found or {"refuses", "counts"} <= found:
            unseen.add("limits")
        return unseen

    def declared(self, route: Route) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield everything that runs for a route beside its handler: dependencies and decorators, with their scopes."""
        yield from route.declared
        yield from self.from_apps
        outer = route.handler.scope.parent or route.handler.scope
        for one in route.handler.decorators:
            if one is not route.call:
                yield one, outer
        owner = route.handler.owner
        if owner is not None:
            for one in owner.node.decorator_list:
                yield one, owner.module.scope
            for bound in owner.unit.scope.bindings.values():
                if isinstance(bound, Bound) and bound.value is not None:
                    yield bound.value, owner.unit.scope

    def units(self, route: Route) -> tuple[Unit, ...]:
        """Return the handler and every unit in the tree that may run for it."""
        known = self._units.get(id(route.handler))
        if known is None:
            known = self._units[id(route.handler)] = tuple(self.way.closure(self._starts(route)))
        return known

    def _starts(self, route: Route) -> list[Unit]:
        start: list[Unit] = [route.handler]
        for node, scope in self.declared(route):
            start += self.way.started_by(node, scope)
        return start

    def flags(self, route: Route) -> frozenset[str]:
        """Return all jobs that are done for a route, from sources in the tree and from names outside of it."""
        known = self._flags.get(id(route.handler))
        if known is None:
            found = self.way.done_by(self._starts(route))
            for node, scope in self.declared(route):
                found |= self.way.by_name(node, scope)
            for arg, default, scope in route.handler.given:
                for one in self.way.dependencies(arg, default, scope):
                    found |= self.way.by_name(one[0], one[1])
            if "refuses" in found and "counts" in found:
                found.add("limits")
            known = self._flags[id(route.handler)] = frozenset(found)
        return known

    def calls(self, unit: Unit) -> list[Seen]:
        """Return a unit's calls, resolved."""
        return seen_calls(unit, self.resolver)

    @cached_property
    def every_call(self) -> list[tuple[Unit, Seen]]:
        """Return all calls of the file itself, each with its unit."""
        return [(unit, seen) for unit in self.own_units for seen in self.calls(unit)]

    @cached_property
    def methods(self) -> frozenset[str]:
        """Return the last parts of all called names, as written and as imported: for rules that may stop early."""
        called = {seen.dotted for _, seen in self.every_call}
        return frozenset([seen.method for _, seen in self.every_call] + [one.rpartition(".")[2] for one in called])

    @cached_property
    def roots(self) -> frozenset[str]:
        """Return the packages of the called things that are not in the tree."""
        return frozenset([seen.dotted.partition(".")[0] for _, seen in self.every_call])

    @cached_property
    def live_units(self) -> list[Unit]:
        """Return the units that something in the file names, decorates or declares, without functions never called."""
        named: set[str] = set()
        for unit in self.own_units:
            named |= unit.loads
        handlers = {id(route.handler) for route in self.routes}
        return [
            unit
            for unit in self.own_units
            if unit.owner is not None or unit.node is self.module.tree or unit.decorators
            or unit.name in named or id(unit) in handlers
        ]  # fmt: skip
