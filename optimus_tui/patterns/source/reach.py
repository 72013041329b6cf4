"""Follow what runs because of a unit through the project's files: calls, callbacks, dependencies and decorators.

It determines which units run and which jobs they do, from their source where it is in the tree, else from names.
"""

import ast
from collections.abc import Iterable, Iterator

from optimus_tui.patterns.facts.dependencies import needs
from optimus_tui.patterns.facts.jobs import is_stub, jobs_of
from optimus_tui.patterns.facts.model import DECLARED, Class, Module, Param, Scope, Unit
from optimus_tui.patterns.facts.routes import METHODS
from optimus_tui.patterns.source.calls import Seen, seen_calls
from optimus_tui.patterns.source.names import chain, is_limiter, words
from optimus_tui.patterns.source.resolve import External, InstanceOf, Resolver, Thing

_MOST_UNITS = 400


class Reach:
    """Follows what runs, from one module into the modules that it imports."""

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
        """Return the units that a dependency or decorator runs: functions, factories, classes, callable objects."""
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
        """Return the jobs of these units and of all that runs because of them; those of other modules are stored."""
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
        """Return what a decorator or dependency outside of the tree does, from its name."""
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


def _may_be_callback(node: ast.expr, scope: Scope) -> bool:
    """Return whether a name may stand for a function of the project: no parameter except ``self``."""
    while isinstance(node, ast.Attribute):
        node = node.value
    if not isinstance(node, ast.Name):
        return False
    place: Scope | None = scope
    while place is not None:
        bound = place.bindings.get(node.id)
        if bound is not None:
            return not isinstance(bound, Param) or bound.owner is not None
        place = place.parent
    return False


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
