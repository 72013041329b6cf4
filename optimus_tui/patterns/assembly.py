"""How a project's routers and applications are put together: which includes which, and with which dependencies."""

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Call, Class, Module, Param, Scope, Unit
from optimus_tui.patterns.source.follow import Follower, is_dynamic
from optimus_tui.patterns.source.makers import APPS, Frame, Maker
from optimus_tui.patterns.source.project import Project
from optimus_tui.patterns.source.resolve import Resolver
from optimus_tui.patterns.source.vocabulary import chain, option_of

Declared = tuple[tuple[ast.expr, Scope], ...]
_ON_APPS = frozenset({"add_middleware", "exception_handler", "add_exception_handler", "middleware"})
_JOINS = frozenset({"include_router", "mount", "host"})
OF_ROUTES = frozenset(
    {"get", "post", "put", "patch", "delete", "head", "options", "trace", "api_route", "add_api_route"}
)  # fmt: skip
_TESTS = re.compile(r"(^|/)(tests?|testing|examples?|docs_src)/|(^|/)(test_[^/]*|conftest|[^/]*_test)\.py$")
_ON_ALL = APPS | {"include_router"}
_MOST_FRAMES = 60
_MOST_WAYS = 60


class Edge(NamedTuple):
    """One inclusion of a router, or one mount of an application. ``parent`` is None where it could not be followed."""

    parent: Maker | None
    child: Maker
    call: ast.Call
    declared: Declared
    mounted: bool
    lost: frozenset[str]


class Above(NamedTuple):
    """The routers and applications above a router: the dependencies on every path to an application, and the files.

    ``lost`` names what could not be followed.
    """

    declared: Declared
    apps: tuple[Module, ...]
    lost: frozenset[str]


class _Way(NamedTuple):
    declared: Declared
    apps: tuple[Maker, ...]
    lost: frozenset[str]


NOTHING = Above((), (), frozenset())


def assembly_of(project: Project, path: str) -> "Assembly":
    """Return how the project is put together as a file sees it: what tests put together counts for tests alone.

    Args:
        project: The project.
        path: The file.
    """
    of_tests = _TESTS.search(path) is not None
    key = f"assembly with tests: {of_tests}"
    known = project.routes_memo.get(key)
    if not isinstance(known, Assembly):
        known = project.routes_memo[key] = Assembly(project)
        known.read(of_tests)
    return known


class Assembly:
    """The routers and applications of one project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.resolver = Resolver(project)
        self.follower = Follower(self.resolver, self.callers)
        self.has_app = False
        self.loose: set[str] = set()
        """What is included and could not be followed."""
        self._of_any: list[Edge] = []
        """Inclusions of routers that only the running program finds: the files of a folder, a list of texts."""
        self._modules: dict[str, Module] = {}
        self._edges: dict[int, list[Edge]] = {}
        self._touched: dict[int, dict[str, Module]] = {}
        self._calls: dict[str, list[Call]] = {}
        self._callers: dict[int, list[tuple[ast.Call, Scope]]] = {}
        self._above: dict[Maker, Above] = {}
        self._makers: dict[int, tuple[Maker, ...]] = {}
        self._applications: list[Maker] = []

    def close(self) -> None:
        """Release the modules and the follower, which refer to each other."""
        self.__dict__.clear()

    def read(self, with_tests: bool) -> None:
        """Read the files that assemble something, with those of tests and examples or without them."""
        found = [path for path in self.project.assembling if with_tests or not _TESTS.search(path)]
        self._add([module for path in found if (module := self.project.at(path)) is not None])

    def ensure(self, module: Module) -> None:
        """Add a file that is judged although it is no part of the tree."""
        if module.path not in self._modules and _assembles(module):
            self.project.requested.add(module.path)  # its edges stay, so its facts do
            self._add([module])

    def _add(self, modules: list[Module]) -> None:
        for module in modules:
            self._modules[module.path] = module
            for unit in _units_of(module):
                for call in unit.calls:
                    self._calls.setdefault(chain(call.node.func).rpartition(".")[2], []).append(call)
                    if chain(call.node.func).rpartition(".")[2] in APPS and not _TESTS.search(module.path):
                        self._applications.append(Maker(call.node, call.scope, True))
        for one in (self._callers, self._above, self._makers):
            one.clear()
        for module in modules:
            for unit in _units_of(module):
                self._read_unit(unit)

    def _read_unit(self, unit: Unit) -> None:
        if "FastAPI" in unit.loads or "FastAPI" in unit.attrs:
            self.has_app = self.has_app or any(chain(one.node.func).rpartition(".")[2] in APPS for one in unit.calls)
        if unit.attrs.isdisjoint(_JOINS | _ON_APPS):
            return
        for call in unit.calls:
            func = call.node.func
            if not isinstance(func, ast.Attribute):
                continue
            if func.attr in _JOINS:
                self._join(call, func)
            elif func.attr in _ON_APPS:
                for app in self.follower.makers(func.value, call.scope):
                    self._touch(app, unit.module)

    def _touch(self, maker: Maker, module: Module) -> None:
        self._touched.setdefault(id(maker.call), {})[module.path] = module

    def _join(self, call: Call, func: ast.Attribute) -> None:
        mounted = func.attr != "include_router"
        given = _joined(call.node, mounted)
        if given is None:
            return
        lost: set[str] = set()
        found = False
        for frame in self._frames(call.scope, 0):
            children = self.follower.makers(given, call.scope, frame)
            missed = frozenset(self.follower.lost)
            lost |= missed
            dynamic = not mounted and not children and is_dynamic(missed)
            if not children and not dynamic:
                continue
            found = True
            parents: list[Maker | None] = [*self.follower.makers(func.value, call.scope, frame)]
            unknown = frozenset(self.follower.lost)
            if not parents and _is_application(func.value, call.scope):
                parents += self._applications if len(self._applications) == 1 else []
            declared, more = self.dependencies(call.node, call.scope, frame)
            if dynamic:
                edges = [Edge(one, one, call.node, declared, False, more) for one in parents if one is not None]
                self._of_any += edges
                found = bool(edges)
            for parent in parents or [None]:
                for child in children:
                    edge = Edge(parent, child, call.node, declared, mounted, more | (unknown if not parents else set()))
                    self._edges.setdefault(id(child.call), []).append(edge)
                if parent is not None:
                    self._touch(parent, call.scope.unit.module)
        if not found and not mounted and not _TESTS.search(call.scope.unit.module.path):
            self.loose |= lost

    def dependencies(self, node: ast.Call, scope: Scope, frame: Frame | None = None) -> tuple[Declared, frozenset[str]]:
        """Return the dependencies that a call passes, and the names that could not be followed there."""
        place = self.follower.option(node, "dependencies", scope, frame)
        if place is None:
            return (), frozenset()
        found = self.follower.listed(*place)
        return tuple(found), frozenset(self.follower.lost)

    def _frames(self, scope: Scope, depth: int) -> list[Frame | None]:
        """Return the calls that the function around runs for; one None where there are none."""
        place: Scope | None = scope
        while place is not None and place.kind not in ("function", "async"):
            place = place.parent
        if place is None or depth > 4:
            return [None]
        own = [one for one in place.bindings.values() if isinstance(one, Param) and one.owner is None]
        found: list[Frame | None] = []
        if own:
            for call, at in self.callers(place.node):
                found += [Frame(place.node, call, at, outer) for outer in self._frames(at, depth + 1)]
                if len(found) > _MOST_FRAMES * 4:
                    break
        return found or self._frames(place.parent or place.unit.module.scope, depth)

    def callers(self, function: ast.AST) -> list[tuple[ast.Call, Scope]]:
        """Return the calls of a function, of a method, or of a class in the files that assemble."""
        known = self._callers.get(id(function))
        if known is None:
            known = self._callers[id(function)] = []
            known += [(call.node, call.scope) for call in self._named(function) if self._is_of(call, function)]
        return known

    def _named(self, function: ast.AST) -> Iterator[Call]:
        name = getattr(function, "name", "")
        if name != "__init__":
            yield from self._calls.get(name, ())
            return
        for module in self._modules.values():
            for owner in module.classes:
                if getattr(owner.methods.get("__init__"), "node", None) is function:
                    yield from self._calls.get(owner.name, ())

    def files(self) -> list[Module]:
        """Return the files that assemble something."""
        return list(self._modules.values())

    def options(self, name: str, makers: tuple[Maker, ...]) -> Iterator[tuple[ast.expr, Scope]]:
        """Yield the values that these routers, all applications and all inclusions pass for an option.

        Without ``makers``, every router of the project counts, because any may be meant.
        """
        known = {id(one.call) for one in makers}
        for method, calls in self._calls.items():
            if method in OF_ROUTES:
                continue
            for one in calls:
                counts = not known or method in _ON_ALL or id(one.node) in known
                if counts and wrapped_registration(one.node) is None:
                    yield from ((word.value, one.scope) for word in one.node.keywords if word.arg == name)

    def _is_of(self, call: Call, function: ast.AST) -> bool:
        func = call.node.func
        bound = call.scope.bound_to(func)
        if isinstance(bound, Scope):
            return bound.node is function
        thing = self.resolver.what(func, call.scope)
        if isinstance(thing, Class):
            made = thing.methods.get("__init__")
            return thing.node is function or (made is not None and made.node is function)
        return isinstance(thing, Unit) and thing.node is function

    def makers(self, node: ast.expr, scope: Scope) -> tuple[Maker, ...]:
        """Return the routers that an expression of a judged file stands for, usually one."""
        known = self._makers.get(id(node))
        if known is None:
            known = self._makers[id(node)] = tuple(self.follower.makers(node, scope))
        return known

    def above(self, node: ast.expr, scope: Scope) -> tuple[tuple[Maker, ...], Above]:
        """Return the routers that a route is registered on (usually one), and what is declared above them."""
        makers = self.makers(node, scope)
        found = [self._above_one(maker) for maker in makers]
        if len(found) == 1:
            return makers, found[0]
        if not found:
            return (), Above((), (), frozenset({chain(node) or "its router"} if self.has_app else ()))
        shared = set.intersection(*({ast.dump(one) for one, _ in each.declared} for each in found))
        declared = tuple(pair for pair in found[0].declared if ast.dump(pair[0]) in shared)
        apps = {module.path: module for each in found for module in each.apps}
        return makers, Above(declared, tuple(apps.values()), frozenset().union(*(each.lost for each in found)))

    def _above_one(self, maker: Maker) -> Above:
        known = self._above.get(maker)
        if known is None:
            known = self._above[maker] = self._find_above(maker)
        return known

    def _find_above(self, maker: Maker) -> Above:
        ways = _served(maker, self._ways(maker, frozenset()))
        if not ways and not self.loose and not maker.is_app:
            found = (way for edge in self._of_any for way in self._ways_over(edge, maker, frozenset()))
            ways = _served(maker, found)
        if not ways and not self.loose and (app := self._nearest(maker)) is not None:  # it is not included yet
            ways = _served(maker, self._ways(app, frozenset()))
        own, lost = self.dependencies(maker.call, maker.scope)
        if not ways:
            return Above(own, (), lost | (frozenset(self.loose) if self.has_app else frozenset()))
        whole = [way for way in ways if way.apps] or ways
        first, *others = whole
        shared = [{ast.dump(node) for node, _ in way.declared} for way in others]
        declared = [pair for pair in first.declared if all(ast.dump(pair[0]) in one for one in shared)]
        apps = {app for way in whole for app in way.apps}
        modules = {module.path: module for app in apps for module in self._files_of(app)}
        lost = lost.union(*(way.lost for way in whole))
        return Above((*own, *declared), tuple(modules[path] for path in sorted(modules)), lost)

    def _nearest(self, maker: Maker) -> Maker | None:
        """Return the one application of the nearest folder above a router's own; None for several or none."""
        folder = maker.module.path.rpartition("/")[0]
        above = [(app.module.path.rpartition("/")[0], app) for app in self._applications]
        above = [(place, app) for place, app in above if not place or folder.startswith(f"{place}/")]
        nearest = max((len(place) for place, _ in above), default=0)
        apps = [app for place, app in above if len(place) == nearest]
        if len(apps) == 1:
            return apps[0]
        return None

    def _files_of(self, app: Maker) -> Iterator[Module]:
        yield app.module
        yield from self._touched.get(id(app.call), {}).values()

    def _ways(self, maker: Maker, below: frozenset[Maker]) -> list[_Way]:
        """Return the ways from a router up to applications."""
        found: list[_Way] = []
        for edge in self._edges.get(id(maker.call), ()):
            if not _is_same(edge.child, maker) or len(found) > _MOST_WAYS:
                continue
            found += self._ways_over(edge, maker, below)
        if not maker.is_app:
            return found
        own, lost = self.dependencies(maker.call, maker.scope)
        return [_Way(own, (maker, *way.apps), way.lost | lost) for way in found or [_Way((), (), frozenset())]]

    def _ways_over(self, edge: Edge, maker: Maker, below: frozenset[Maker]) -> Iterator[_Way]:
        """Yield the ways from a router up to applications that begin with one inclusion."""
        parent = edge.parent
        if parent is None:
            yield _Way(edge.declared, (), edge.lost)
        elif parent not in below and parent != maker:
            own, lost = self.dependencies(parent.call, parent.scope)
            inherited = () if parent.is_app else own
            for way in self._ways(parent, below | {maker}) or [_Way((), (), frozenset())]:
                declared = () if edge.mounted else (*edge.declared, *inherited, *way.declared)
                yield _Way(declared, way.apps, way.lost | edge.lost | lost)


def _served(maker: Maker, ways: Iterable[_Way]) -> list[_Way]:
    """Return the ways to the applications that are served; those of tests count for the routers of tests only."""
    if _TESTS.search(maker.module.path):
        return list(ways)
    return [way for way in ways if not any(_TESTS.search(app.module.path) for app in way.apps)]


def _is_application(node: ast.expr, scope: Scope) -> bool:
    """Return whether a name can only be an application, whoever hands it over: a parameter of its type."""
    bound = scope.bound_to(node)
    return isinstance(bound, Param) and chain(bound.node.annotation).rpartition(".")[2] in APPS


def _joined(node: ast.Call, mounted: bool) -> ast.expr | None:
    """Return what is included or mounted."""
    name = "app" if mounted else "router"
    at = 1 if mounted else 0
    if len(node.args) > at:
        return node.args[at]
    return option_of(node, name)


def _is_same(one: Maker, other: Maker) -> bool:
    """Return whether two names may mean the same router: one that a base class makes belongs to each of its classes."""
    if one.owner is None or other.owner is None or one.owner is other.owner:
        return True
    return _inherits(one.owner, other.owner.name) or _inherits(other.owner, one.owner.name)


def _inherits(owner: Class, name: str) -> bool:
    return any(chain(base).rpartition(".")[2] == name for base in owner.bases)


def _units_of(module: Module) -> Iterator[Unit]:
    yield module.unit
    yield from module.units
    for owner in module.classes:
        yield owner.unit


def _assembles(module: Module) -> bool:
    return any(not unit.attrs.isdisjoint(_JOINS | _ON_APPS) or "FastAPI" in unit.loads for unit in _units_of(module))


def includes_others(module: Module) -> bool:
    """Return whether the file includes routers of other files, and so answers requests without a route of its own."""
    return any("include_router" in unit.attrs for unit in _units_of(module))


def wrapped_registration(node: ast.expr) -> ast.Call | None:
    """Return the registration that a call passes to a function of the project: ``@protected(router.get, "/x", …)``."""
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return None
    first = node.args[0]
    if not isinstance(first, ast.Attribute) or first.attr not in OF_ROUTES:
        return None
    return ast.copy_location(ast.Call(first, node.args[1:], node.keywords), node)
