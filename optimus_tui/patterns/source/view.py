"""One file as rules see it: its routes, and what runs because of each, followed through the project's files."""

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from optimus_tui.patterns.facts.jobs import is_stub, jobs_of, maps_faults
from optimus_tui.patterns.facts.model import BROAD, DECLARED, Bound, Class, Module, Param, Scope, Unit, catches_faults
from optimus_tui.patterns.facts.routes import METHODS, Route, needs, routes_of
from optimus_tui.patterns.facts.statuses import answers_only_500
from optimus_tui.patterns.source.exception_handlers import ExceptionHandlers, installs_maps, logs_requests
from optimus_tui.patterns.source.limiters import LIMITING, has_default, imported_limiters
from optimus_tui.patterns.source.project import Lines, Project
from optimus_tui.patterns.source.resolve import External, InstanceOf, Resolver, Seen, Thing, seen_calls
from optimus_tui.patterns.source.vocabulary import chain, is_limiter, words

_MOST_UNITS = 400


class Reach:
    """Finds the code that runs because of a function, also in the modules that are imported."""

    def __init__(self, module: Module, resolver: Resolver) -> None:
        self.module, self.resolver = module, resolver

    def reach(self, unit: Unit) -> tuple[Unit, ...]:
        """Return the unit and everything in the tree that runs because of it."""
        return tuple(self.closure([unit]))

    def closure(self, start: Iterable[Unit], whole: bool = False) -> list[Unit]:
        """Return the units that run because of those in ``start``.

        ``whole``: follow every unit; otherwise the stored closure of a unit in another module is used.
        """
        found: dict[int, Unit] = {}
        todo = list(start)
        while todo and len(found) < _MOST_UNITS:
            unit = todo.pop()
            if id(unit) in found:
                continue
            if whole or unit.module is self.module:
                found[id(unit)] = unit
                todo += self._edges(unit)
            else:
                known: list[Unit] | None = unit.memo.get("closure")
                if known is None:
                    known = unit.memo["closure"] = self.closure([unit], whole=True)
                found.update((id(one), one) for one in known)
        return list(found.values())

    def _edges(self, unit: Unit) -> list[Unit]:
        known: list[Unit] | None = unit.memo.get("edges")
        if known is None:
            known = unit.memo["edges"] = list(self._find_edges(unit))
        return known

    def _find_edges(self, unit: Unit) -> Iterator[Unit]:
        for seen in seen_calls(unit, self.resolver):
            if seen.call.flags & DECLARED:
                continue
            if seen.visible:
                yield from run_by(seen.thing)
            if seen.method not in ("include_router", "mount"):
                yield from self._callbacks(seen)
        for manager, scope in unit.withs:
            thing = self.resolver.what(manager, scope)
            if isinstance(thing, InstanceOf) and isinstance(thing.of, Class):
                yield from methods_of(thing.of, "__aenter__", "__enter__", "__aexit__", "__exit__")
        for arg, default, scope in unit.given:
            for needed, place in self.dependencies(arg, default, scope):
                yield from self.started_by(needed, place)
        for decorator in unit.decorators:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                yield from self.started_by(decorator, unit.scope.parent or unit.scope)
        if unit.owner is not None and unit.name != "__init__" and unit.node is not unit.owner.node:
            yield from methods_of(unit.owner, "__init__", "__post_init__")

    def _callbacks(self, seen: Seen) -> Iterator[Unit]:
        """Yield the functions that are passed to what is called."""
        node, scope = seen.call.node, seen.call.scope
        if node.keywords:
            given = node.args + [word.value for word in node.keywords]
        else:
            given = node.args
        for one in given:
            kind = one.__class__
            if (kind is ast.Name or kind is ast.Attribute) and _may_be_callback(one, scope):
                thing = self.resolver.what(one, scope)
                if isinstance(thing, Unit) and not _is_property(thing):
                    yield thing
                elif isinstance(thing, Class) and seen.method in ("add_middleware", "Middleware"):
                    yield from methods_of(thing, "__call__", "dispatch", "__init__")

    def dependencies(self, arg: ast.arg, default: ast.expr | None, scope: Scope) -> list[tuple[ast.expr, Scope]]:
        """Return what a parameter depends on."""
        return needs(self.resolver, arg, default, scope)

    def started_by(self, node: ast.expr, scope: Scope) -> list[Unit]:
        """Return the functions that a dependency or decorator runs, also in factories, classes and callable objects."""
        memo = scope.unit.module.started
        known = memo.get(id(node))
        if known is None:
            known = memo[id(node)] = list(self._find_started(node, scope))
        return known

    def _find_started(self, node: ast.expr, scope: Scope) -> Iterator[Unit]:
        target = self.resolver.depended(node, scope)
        if target is None:
            target = node
        thing = self.resolver.what(target, scope)
        yield from run_by(thing)
        if isinstance(thing, InstanceOf) and isinstance(thing.of, Class):
            yield from methods_of(thing.of, "__call__", "__init__")
        if isinstance(thing, Class):
            yield from methods_of(thing, "__call__", "get_route_handler", "dispatch")
        if isinstance(target, ast.Call):
            made = self.resolver.what(target.func, scope)
            yield from run_by(made)
            if isinstance(made, Class):
                yield from methods_of(made, "__call__", "__init__")
            for given in target.args:
                if isinstance(given, (ast.Name, ast.Attribute)):
                    yield from run_by(self.resolver.what(given, scope))

    def done_by(self, start: list[Unit]) -> set[str]:
        """Return the jobs of these units and of all that runs because of them; results for other modules are cached."""
        found: set[str] = set()
        seen: set[int] = set()
        todo = list(start)
        while todo:
            unit = todo.pop()
            if id(unit) in seen:
                continue
            seen.add(id(unit))
            if unit.module is self.module:
                found |= self._own_jobs(unit)
                todo += self._edges(unit)
            else:
                flags: set[str] | None = unit.memo.get("done")
                if flags is None:
                    flags = unit.memo["done"] = set()
                    for one in self.closure([unit], whole=True):
                        flags |= self._own_jobs(one)
                found |= flags
        return found

    def _own_jobs(self, unit: Unit) -> set[str]:
        """Return what a unit does itself, and what its decorators outside of the tree do."""
        known: set[str] | None = unit.memo.get("own")
        if known is None:
            known = set(jobs_of(unit, self.resolver).flags)
            for one in unit.decorators:
                if not (isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in METHODS):
                    known |= self.by_name(one, unit.scope.parent or unit.scope)
            unit.memo["own"] = known
        return known

    def by_name(self, node: ast.expr, scope: Scope) -> set[str]:
        """Return what a decorator or dependency outside of the tree does, judged by its name."""
        memo = scope.unit.module.named
        known = memo.get(id(node))
        if known is None:
            known = memo[id(node)] = self._find_by_name(node, scope)
        return known

    def _find_by_name(self, node: ast.expr, scope: Scope) -> set[str]:
        depended = self.resolver.depended(node, scope)
        target = made = depended or node
        if isinstance(made, ast.Call):
            made = made.func
        thing = self.resolver.what(made, scope)
        if isinstance(thing, (Unit, Class, Module)) or (isinstance(thing, InstanceOf) and isinstance(thing.of, Class)):
            return set()
        if isinstance(thing, External):
            name = f"{thing.dotted}.{chain(target)}"
        else:
            name = chain(target)
        spoken = words(name)
        found: set[str] = set()
        last = words(chain(target).rpartition(".")[2])
        if is_limiter(name) and not last & {"get", "make", "provide", "create", "build", "exempt"}:
            found.add("limits")
        if spoken & {"cache", "cached", "caching"} and not last & {"get", "provide", "manager", "client", "make"}:
            if last & {"invalidate", "invalidates", "evict", "purge", "bust"} and not name.startswith("functools"):
                found.add("invalidates")
            elif not name.startswith("functools"):
                found.add("cache_read")
        elif last & {"invalidate", "invalidates", "evicts"}:
            found.add("invalidates")
        if spoken & {"breaker", "circuit", "circuitbreaker"}:
            found.add("breaker")
        if spoken & {"metric", "metrics", "timed", "instrumented", "histogram", "counter", "observed", "telemetry"}:
            found.add("metrics")
        if spoken & {"tenant", "tenancy", "org", "organization", "organisation", "workspace"}:
            found.add("tenant")
        if last & {"errors", "error", "exceptions", "exception", "translate", "faults"} and depended is None:
            found.add("maps")
        if last & {"logged", "log", "logs"}:
            found.add("logs")
        return found


def _named_after(name: str) -> set[str]:
    """Return what a middleware whose source is not in the tree does, from its name."""
    spoken = words(name)
    found: set[str] = set()
    if is_limiter(name):
        found.add("limits")
    if spoken & {"log", "logs", "logging", "logger", "access"}:
        found.add("logs")
    if spoken & {"metric", "metrics", "prometheus", "telemetry", "instrumentation", "statsd"}:
        found.add("metrics")
    return found


def _handles_faults(decorator: ast.expr, scope: Scope, resolver: Resolver) -> bool:
    """Return whether it is ``@app.exception_handler(…)`` for exceptions that a failing upstream raises."""
    if not isinstance(decorator, ast.Call) or not chain(decorator).endswith("exception_handler"):
        return False
    return maps_faults(next(iter(decorator.args), None), scope, resolver)


def _may_be_upstreams(handler: ast.ExceptHandler, scope: Scope, resolver: Resolver) -> bool:
    """Return whether it catches what a client raises; ``except ClientDisconnect`` is about the caller."""
    kinds = getattr(handler.type, "elts", [handler.type])
    return handler.type is None or any(maps_faults(one, scope, resolver) for one in kinds)


def _wraps_requests(unit: Unit, resolver: Resolver) -> bool:
    """Return whether a middleware catches what the routes raise: ``try: return await call_next(request)``."""
    for node, scope in unit.memo.get("tried", ()):
        if any(catches_faults(one, scope) and _may_be_upstreams(one, scope, resolver) for one in node.handlers):
            called = (chain(one.func) for part in node.body for one in ast.walk(part) if isinstance(one, ast.Call))
            if any(name.rpartition(".")[2] in ("call_next", "app") for name in called):
                return True
    return False


def _may_be_callback(node: ast.expr, scope: Scope) -> bool:
    """Return whether a name may stand for a function of the project: no parameter except ``self``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    bound = scope.lookup(node.id)
    return bound is not None and (not isinstance(bound, Param) or bound.owner is not None)


def run_by(thing: Thing) -> Iterator[Unit]:
    """Yield the units that run when a thing is called."""
    if isinstance(thing, Unit):
        yield thing
    elif isinstance(thing, Class):
        yield from methods_of(thing, "__init__", "__post_init__")
    elif isinstance(thing, InstanceOf) and isinstance(thing.of, Class):
        yield from methods_of(thing.of, "__call__")


def methods_of(owner: Class, *names: str) -> Iterator[Unit]:
    """Yield those of the named methods that the class defines itself."""
    for name in names:
        if name in owner.methods:
            yield owner.methods[name]


def _is_property(unit: Unit) -> bool:
    return is_stub(unit) or any(chain(one).endswith("property") for one in unit.decorators)


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
        """Return the files that assemble the applications that this file's routes belong to."""
        found = {module.path: module for route in self.routes for module in route.above.apps}
        return list(found.values())

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
        own = [unit for unit in (app.unit, *app.units) if id(unit) not in handlers]
        set_up = list({id(unit): unit for unit in (*own, *self.way.closure(own))}.values())  # its own are never cut off
        installed = ExceptionHandlers(set_up, self.resolver)
        found = {f"hides {status}" for status in installed.hidden} | ({"logs"} if installed.logs else set())
        for unit in set_up:
            done = jobs_of(unit, self.resolver).flags
            found |= done & {"breaker", "metrics"}
            outer = unit.scope.parent or unit.scope
            installed_by = [one for one in unit.decorators if _handles_faults(one, outer, self.resolver)]
            if answers_only_500(unit, self.resolver):
                installed_by = [one for one in installed_by if not BROAD & {chain(each) for each in ast.walk(one)}]
            if "handlers" in done or installed_by:
                found.add("maps")
            caught = (one.args[0] for one in installed_by if isinstance(one, ast.Call) and one.args)
            if "maps libraries" in done or any(maps_faults(one, outer, self.resolver, True) for one in caught):
                found.add("maps libraries")
        for call in app.unit.calls:
            given = next((word.value for word in call.node.keywords if word.arg == "exception_handlers"), None)
            if given is not None and installs_maps(given, call.scope, self.resolver):
                found |= {"maps", "maps libraries"}
        return frozenset(found | self._middleware_jobs(set_up))

    def _middleware_jobs(self, set_up: list[Unit]) -> set[str]:
        """Return what runs before every route does: limits, logs, metrics, the caller's tenant."""
        start, nested_in = list[Unit](), list[Unit]()
        found: set[str] = set()
        by_default, limiters = False, []
        for unit in set_up:
            nested = unit.module.scope is not unit.scope and "middleware" in unit.attrs  # one is made inside of it
            nested_in += [unit] if nested else []
            if nested or any(chain(one).endswith(".middleware") for one in unit.decorators):
                start.append(unit)
            for seen in self.calls(unit):
                node = seen.call.node
                if seen.method in ("add_middleware", "Middleware", "middleware", "BaseHTTPMiddleware"):
                    for given in (*node.args[:1], *(word.value for word in node.keywords if word.arg == "dispatch")):
                        thing = self.resolver.what(given, seen.call.scope)
                        named = _named_after(chain(given))
                        by_default = by_default or "SlowAPI" in chain(given)
                        if isinstance(thing, External) and thing.dotted in LIMITING:
                            found.add("limits")
                        if isinstance(thing, Class):
                            start += methods_of(thing, "__call__", "dispatch")
                            named.discard("limits")  # a limiter in the tree must refuse
                        elif isinstance(thing, Unit):
                            start.append(thing)
                        if not is_stub(thing):
                            found |= named
                if seen.method == "Limiter":
                    limiters.append(has_default(node))
        if by_default:  # without its middleware a default counts no route
            homes = {unit.module.path: unit.module for unit in set_up}
            limiters += [one for module in homes.values() for one in imported_limiters(module, self.resolver)]
            found |= {"limits"} if any(limiters) or not limiters else set()
        if any(_wraps_requests(unit, self.resolver) for unit in start):
            found |= {"maps", "maps libraries"}
        units = self.way.closure(start)
        done = {flag for unit in units for flag in jobs_of(unit, self.resolver).flags}
        if "limits" in done or {"refuses", "counts"} <= done:
            found.add("limits")
        if any(logs_requests(unit, self.resolver, nested_in) for unit in units):
            found.add("logs")
        return found | (done & {"metrics", "tenant"})

    def declared(self, route: Route) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield everything that runs for a route beside its handler: dependencies and decorators, with their scopes."""
        yield from route.declared
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
        """Return the last parts of all called names, as written and as imported.

        A rule that finds none can stop at once.
        """
        called = {seen.dotted for _, seen in self.every_call}
        return frozenset([seen.method for _, seen in self.every_call] + [one.rpartition(".")[2] for one in called])

    @cached_property
    def roots(self) -> frozenset[str]:
        """Return the packages of the called things that are not in the tree."""
        return frozenset([seen.dotted.partition(".")[0] for _, seen in self.every_call])

    @cached_property
    def live_units(self) -> list[Unit]:
        """Return the functions that the file names, decorates or declares, without those that are never called."""
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
