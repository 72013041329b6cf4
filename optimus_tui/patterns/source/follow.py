"""Follow an expression to the calls that made the routers and applications it stands for.

A name leads through imports, factories, parameters at the calls of their function, attributes of objects, and loops
over lists to ``APIRouter(…)`` and ``FastAPI(…)``.
"""

import ast
from collections.abc import Callable, Iterator

from optimus_tui.patterns.facts.model import Bound, Class, Import, Module, Param, Scope, Unit
from optimus_tui.patterns.source.makers import (
    APPS,
    NAMED,
    ROUTERS,
    Expression,
    Frame,
    Made,
    Maker,
    Method,
    Value,
    frame_of,
    function_of,
    line_of,
    router_kind,
)
from optimus_tui.patterns.source.resolve import External, Resolver
from optimus_tui.patterns.source.vocabulary import chain

Callers = Callable[[ast.AST], list[tuple[ast.Call, Scope]]]
_DEEPEST = 20
_MOST_STEPS = 4000
_PASSES_ON = frozenset({"list", "tuple", "sorted", "reversed", "set", "iter", "cast", "copy", "deepcopy"})
_DYNAMIC = frozenset({"import_module", "getattr", "__import__", "import_string", "iter_modules", "walk_packages"})


def is_dynamic(lost: frozenset[str]) -> bool:
    """Return whether what could not be followed is named by a text, which only the running program knows."""
    return any(name.rpartition(".")[2] in _DYNAMIC for name in lost)


_NO_CALL = ast.Call(ast.Name("", ast.Load()), [], [])


class Follower:
    """Follows expressions. ``callers(function)`` returns a function's calls; ``lost`` collects what was not found."""

    def __init__(self, resolver: Resolver, callers: Callers) -> None:
        self.resolver = resolver
        self.callers = callers
        self.lost: set[str] = set()
        self._steps = 0

    def makers(self, node: ast.expr | None, scope: Scope, frame: Frame | None = None) -> list[Maker]:
        """Return the routers and applications that an expression stands for, each once; ``lost`` is cleared first."""
        self.lost, self._steps = set(), 0
        found: dict[Maker, None] = {}
        of_library = False
        for value in self.values(node, scope, frame):
            if isinstance(value, Maker):
                found[value] = None
            elif isinstance(value, Made):
                found.update(dict.fromkeys(self._kept_by(value)))
            elif isinstance(value, External):
                of_library = of_library or not value.dotted.startswith(".")
        if found or of_library:
            self.lost = set()
        elif not self.lost and node is not None:
            self.lost = {chain(node) or "a call"}
        return list(found)

    def listed(self, node: ast.expr | None, scope: Scope, frame: Frame | None = None) -> list[tuple[ast.expr, Scope]]:
        """Return the elements of a list of dependencies, with their scopes.

        ``lost`` has the names that could not be followed on the way; it is cleared first.
        """
        self.lost, self._steps = set(), 0
        if node is None or isinstance(node, ast.Constant):
            return []
        found = [(one.node, one.scope) for one in self.elements(Expression(node, scope, frame), 0)]
        if found:
            self.lost = set()
        return found

    def option(self, call: ast.Call, name: str, scope: Scope, frame: Frame | None = None) -> Expression | None:
        """Return the value of a keyword argument, also from ``**options``; ``lost`` has options that stay unknown."""
        self.lost, self._steps = set(), 0
        return self._option(call, name, scope, frame, 0)

    def _option(self, call: ast.Call, name: str, scope: Scope, frame: Frame | None, depth: int) -> Expression | None:
        for word in call.keywords:
            if word.arg == name:
                return Expression(word.value, scope, frame)
            if (
                word.arg is None
                and (found := self._entry(Expression(word.value, scope, frame), name, depth)) is not None
            ):
                return found
        return None

    def _entry(self, place: Expression, name: str, depth: int) -> Expression | None:
        """Return the entry of a dictionary that is written out, or of the ``**kwargs`` of a call."""
        node = place.node
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                inner = Expression(value, place.scope, place.frame)
                if isinstance(key, ast.Constant) and key.value == name:
                    return inner
                if key is None and depth < _DEEPEST and (found := self._entry(inner, name, depth + 1)) is not None:
                    return found
            return None
        if isinstance(node, ast.Name) and depth < _DEEPEST:
            bound = place.scope.lookup(node.id)
            if isinstance(bound, Param) and (frame := frame_of(bound, place.frame)) is not None:
                rest = getattr(bound.function.args, "kwarg", None)
                if rest is not None and rest.arg == node.id:
                    return self._option(frame.call, name, frame.scope, frame.outer, depth + 1)
            for one in self.definitions(place, depth + 1):
                if isinstance(one, Expression) and (found := self._entry(one, name, depth + 1)) is not None:
                    return found
        return None

    def values(self, node: ast.expr | None, scope: Scope, frame: Frame | None, depth: int = 0) -> Iterator[Value]:
        """Yield what an expression can stand for: functions, classes, modules, objects and calls that make routers."""
        self._steps += 1
        if node is None or depth > _DEEPEST or self._steps > _MOST_STEPS:
            return
        if isinstance(node, (ast.Name, ast.Attribute)):
            for one in self.definitions(Expression(node, scope, frame), depth):
                if isinstance(one, Expression):
                    yield from self._owned(one, depth)
                else:
                    yield one
        elif isinstance(node, ast.Call):
            yield from self._called(Expression(node, scope, frame), depth)
        elif isinstance(node, (ast.Await, ast.NamedExpr)):
            yield from self.values(node.value, scope, frame, depth + 1)
        elif isinstance(node, ast.IfExp):
            yield from self.values(node.body, scope, frame, depth + 1)
            yield from self.values(node.orelse, scope, frame, depth + 1)
        elif isinstance(node, ast.BoolOp):
            for each in node.values:
                yield from self.values(each, scope, frame, depth + 1)
        elif isinstance(node, ast.Subscript):
            for value in self.values(node.value, scope, frame, depth + 1):
                if isinstance(value, (Class, External)):
                    yield value  # a type with its parameters
            for inner in self.elements(Expression(node.value, scope, frame), depth + 1):
                yield from self.values(*inner, depth + 1)

    def _owned(self, place: Expression, depth: int) -> Iterator[Value]:
        """Yield the values of a definition; a router that is made for an attribute belongs to the object's class."""
        this = place.frame.this if place.frame is not None else None
        for value in self.values(*place, depth + 1):
            if isinstance(value, Maker) and value.call is place.node and this is not None:
                value = value._replace(owner=this.of)
            yield value

    def definitions(self, place: Expression, depth: int) -> Iterator["Expression | Value"]:
        """Yield the expressions that a name or an attribute is bound to, and functions, classes and modules."""
        node, scope, frame = place
        if isinstance(node, ast.Name):
            yield from self._of_name(node.id, scope, frame, depth)
        elif isinstance(node, ast.Attribute):
            for value in self.values(node.value, scope, frame, depth + 1):
                yield from self._of_attribute(value, node.attr, depth + 1)

    def _of_name(self, name: str, scope: Scope, frame: Frame | None, depth: int) -> Iterator["Expression | Value"]:
        place: Scope | None = scope
        while place is not None and (name not in place.bindings or (place.kind == "class" and place is not scope)):
            place = place.parent
        module = scope.unit.module
        if place is None:
            for base in module.stars:
                home = self.resolver.project.named(base, module)
                if home is not None and home is not module and depth < _DEEPEST:
                    yield from self._of_attribute(home, name, depth + 1)
            return
        yield from self._of_binding(place.bindings[name], place, frame, depth)

    def _of_binding(
        self, bound: object, scope: Scope, frame: Frame | None, depth: int
    ) -> Iterator["Expression | Value"]:
        if isinstance(bound, Bound):
            if bound.each and bound.value is not None:
                yield from self._of_loop(bound, scope, frame, depth)
            elif bound.many:
                elements = getattr(bound.value, "elts", [])
                if 0 <= bound.at < len(elements):
                    yield Expression(elements[bound.at], scope, frame)
            elif bound.value is not None:
                yield Expression(bound.value, scope, frame)
        elif isinstance(bound, Param):
            yield from self._of_param(bound, scope, frame, depth)
        elif isinstance(bound, Import):
            yield from self._of_import(bound, scope.unit.module, depth)
        elif isinstance(bound, (Unit, Class, Scope)):
            yield bound

    def _of_loop(self, bound: Bound, scope: Scope, frame: Frame | None, depth: int) -> Iterator[Expression]:
        """Yield what a loop's variable stands for: the elements, or their part where each is taken apart."""
        assert bound.value is not None
        named = ""
        if isinstance(bound.value, ast.Call):
            named = chain(bound.value.func).rpartition(".")[2]
        places = list(self.elements(Expression(bound.value, scope, frame), depth + 1))
        if not places:
            self.lost.add(chain(bound.value) or "a loop")
        for one in places:
            elements = getattr(one.node, "elts", None)
            if bound.at < 0 or named in ("items", "enumerate"):
                yield one
            elif elements is not None and bound.at < len(elements):
                yield one._replace(node=elements[bound.at])

    def _of_param(self, bound: Param, scope: Scope, frame: Frame | None, depth: int) -> Iterator["Expression | Value"]:
        name = bound.node.arg
        running = frame_of(bound, frame)
        if bound.owner is not None and bound.first:
            yield (running.this if running is not None else None) or Made(bound.owner)
            return
        if running is not None:
            given = self.given(bound, running, depth)
            if given is not None:
                yield given
                return
        else:
            calls = self.callers(bound.function)
            for call, place in calls[:40]:
                given = self.given(bound, Frame(bound.function, call, place, None), depth)
                if given is not None:
                    yield given
            if calls:
                return
        if bound.default is not None:
            yield Expression(bound.default, scope.parent or scope, None)
        typed = self.resolver.annotated(bound.node.annotation, scope.parent or scope)
        of = getattr(typed, "of", None)
        if isinstance(of, Class) and not router_kind(of, self.resolver):
            yield Made(of)
        else:
            self.lost.add(name)

    def given(self, bound: Param, frame: Frame, depth: int) -> Expression | None:
        """Return the argument that a call gives for a parameter."""
        function, call = bound.function, frame.call
        positional = [*function.args.posonlyargs, *function.args.args]
        if frame.this is not None or (bound.owner is not None and positional):
            positional = positional[1:]
        for at, arg in enumerate(positional):
            if arg is bound.node and at < len(call.args):
                if any(isinstance(one, ast.Starred) for one in call.args[: at + 1]):
                    return None
                return Expression(call.args[at], frame.scope, frame.outer)
        return self._option(call, bound.node.arg, frame.scope, frame.outer, depth + 1)

    def _of_import(self, bound: Import, module: Module, depth: int) -> Iterator["Expression | Value"]:
        project = self.resolver.project
        home = project.named(bound.module, module)
        if bound.member is None:
            yield home or External(bound.module)
            return
        inner = project.named(f"{bound.module}.{bound.member}", module) if bound.module else None
        if home is not None and bound.member in home.scope.bindings and depth < _DEEPEST:
            yield from self._of_binding(home.scope.bindings[bound.member], home.scope, None, depth + 1)
        elif inner is not None:
            yield inner
        elif home is not None and home.stars:
            yield from self._of_name(bound.member, home.scope, None, depth + 1)
        else:
            if home is not None or bound.module.startswith("."):
                self.lost.add(bound.member)
            yield External(f"{bound.module}.{bound.member}")

    def _of_attribute(self, value: Value, name: str, depth: int) -> Iterator["Expression | Value"]:
        if depth > _DEEPEST:
            return
        if isinstance(value, Module):
            if name in value.scope.bindings:
                yield from self._of_binding(value.scope.bindings[name], value.scope, None, depth)
            elif (inner := self.resolver.project.named(f"{value.dotted}.{name}", value)) is not None:
                yield inner
            elif value.stars:
                yield from self._of_name(name, value.scope, None, depth)
        elif isinstance(value, Maker):
            if name in ("router", "app", "routes"):
                yield value
        elif isinstance(value, External):
            yield External(f"{value.dotted}.{name}")
        elif isinstance(value, (Made, Class)):
            yield from self._of_object(value if isinstance(value, Made) else Made(value), name, depth)

    def _of_object(self, this: Made, name: str, depth: int) -> Iterator["Expression | Value"]:
        for owner in line_of(this.of, self.resolver):
            if name in owner.methods:
                method = owner.methods[name]
                if any(chain(one).endswith("property") for one in method.decorators):
                    yield from self._returned(method.scope, Frame(method.node, _NO_CALL, method.scope, None, this))
                else:
                    yield Method(method, this)
                return
            if name in owner.attributes:
                bound, scope = owner.attributes[name]
                call, outer = this.call or _NO_CALL, this.frame
                if this.call is None and (
                    calls := self.callers(getattr(owner.methods.get("__init__"), "node", owner.node))
                ):
                    call, at = calls[0]
                    this = Made(this.of, call, at)
                frame = Frame(scope.node, call, this.scope or scope, outer, this)
                yield from self._of_binding(bound, scope, frame, depth)
                return

    def _kept_by(self, this: Made) -> Iterator[Maker]:
        """Yield the routers that an object keeps in its attributes: it is included as if it were one."""
        for owner in line_of(this.of, self.resolver):
            for name, (bound, _) in owner.attributes.items():
                if isinstance(bound.value, ast.Call) and chain(bound.value.func).endswith(("Router", "FastAPI")):
                    for one in self._of_attribute(this, name, 1):
                        if isinstance(one, Expression):
                            yield from (made for made in self._owned(one, 1) if isinstance(made, Maker))

    def _called(self, place: Expression, depth: int) -> Iterator[Value]:
        """Yield what a call returns; a class that cannot be followed is a router where its name says so."""
        node, scope, frame = place
        assert isinstance(node, ast.Call)
        called = list(self.values(node.func, scope, frame, depth + 1))
        named = chain(node.func).rpartition(".")[2]
        if named.endswith(NAMED) and all(isinstance(one, External) for one in called):
            yield Maker(node, scope, named.endswith("FastAPI"))
            return
        for value in called:
            if isinstance(value, Unit):
                yield from self._returned(value.scope, Frame(value.node, node, scope, frame), depth + 1)
            elif isinstance(value, Method):
                unit = value.unit
                yield from self._returned(unit.scope, Frame(unit.node, node, scope, frame, value.this), depth + 1)
            elif isinstance(value, Scope):
                yield from self._returned(value, Frame(value.node, node, scope, frame), depth + 1)
            elif isinstance(value, Class):
                kind = router_kind(value, self.resolver)
                yield Maker(node, scope, kind == "app") if kind else Made(value, node, scope, frame)
            elif isinstance(value, External):
                yield from self._from_outside(value.dotted, place, depth)
        if not called and isinstance(node.func, ast.Name):
            yield from self._from_outside(node.func.id, place, depth)

    def _from_outside(self, dotted: str, place: Expression, depth: int) -> Iterator[Value]:
        """Yield what a call of the framework or of a library returns; a wrapper stands for what it is given."""
        node, scope, frame = place
        assert isinstance(node, ast.Call)
        last = dotted.rpartition(".")[2]
        if last in ROUTERS or last in APPS or last.endswith(NAMED):
            yield Maker(node, scope, last in APPS or last.endswith("FastAPI"))
            return
        if last in _DYNAMIC:
            self.lost.add(chain(node.func))
            return
        handed = (*node.args, *(word.value for word in node.keywords if word.arg in ("app", "other_asgi_app")))
        found = [one for given in handed for one in self.values(given, scope, frame, depth + 2)]
        makers: list[Value] = [one for one in found if isinstance(one, Maker)]
        yield from makers or [External(f"{dotted}()")]

    def _returned(self, scope: Scope, frame: Frame, depth: int = 0) -> Iterator[Value]:
        for one in scope.unit.returned:
            if function_of(one.scope) is scope and isinstance(one.node, ast.Return):
                yield from self.values(one.node.value, one.scope, frame, depth + 1)

    def elements(self, place: Expression, depth: int) -> Iterator[Expression]:
        """Yield the elements of a list, also through names, calls and additions."""
        node, scope, frame = place
        self._steps += 1
        if depth > _DEEPEST or self._steps > _MOST_STEPS:
            return
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            for one in node.elts:
                if isinstance(one, ast.Starred):
                    yield from self.elements(Expression(one.value, scope, frame), depth + 1)
                else:
                    yield Expression(one, scope, frame)
        elif isinstance(node, ast.Dict):
            yield from (Expression(one, scope, frame) for one in node.values)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            yield Expression(node.elt, scope, frame)
        elif isinstance(node, ast.BinOp):
            yield from self.elements(Expression(node.left, scope, frame), depth + 1)
            yield from self.elements(Expression(node.right, scope, frame), depth + 1)
        elif isinstance(node, (ast.IfExp, ast.BoolOp)):
            for each in node.values if isinstance(node, ast.BoolOp) else (node.body, node.orelse):
                yield from self.elements(Expression(each, scope, frame), depth + 1)
        elif isinstance(node, (ast.Subscript, ast.Await)):
            yield from self.elements(Expression(node.value, scope, frame), depth + 1)
        elif isinstance(node, ast.Call):
            yield from self._elements_of_call(place, depth)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            yield from self._elements_of_name(place, depth)

    def _elements_of_name(self, place: Expression, depth: int) -> Iterator[Expression]:
        name = chain(place.node)
        nothing = True
        for one in self.definitions(place, depth + 1):
            if isinstance(one, Expression):
                nothing = nothing and not isinstance(one.node, (ast.List, ast.Tuple, ast.Dict, ast.Constant))
                for inner in self.elements(one, depth + 1):
                    nothing = False
                    yield inner
        for call in place.scope.unit.calls:
            func = call.node.func
            if isinstance(func, ast.Attribute) and call.node.args and chain(func.value) == name:
                given = Expression(call.node.args[0], call.scope, place.frame)
                if func.attr == "append":
                    nothing = False
                    yield given
                elif func.attr == "extend":
                    yield from self.elements(given, depth + 1)
        if nothing:
            self.lost.add(name)

    def _elements_of_call(self, place: Expression, depth: int) -> Iterator[Expression]:
        node, scope, frame = place
        assert isinstance(node, ast.Call)
        name = chain(node.func).rpartition(".")[2]
        if name in ("values", "items") and isinstance(node.func, ast.Attribute):
            yield from self.elements(Expression(node.func.value, scope, frame), depth + 1)
        elif name == "from_iterable" and node.args:
            for one in self.elements(Expression(node.args[0], scope, frame), depth + 1):
                yield from self.elements(one, depth + 1)
        elif name in _PASSES_ON or name == "enumerate":
            if node.args:
                yield from self.elements(Expression(node.args[-1 if name == "cast" else 0], scope, frame), depth + 1)
        else:
            for value in self.values(node.func, scope, frame, depth + 1):
                unit = value.unit if isinstance(value, Method) else value
                this = value.this if isinstance(value, Method) else None
                inner = unit.scope if isinstance(unit, Unit) else unit
                if isinstance(inner, Scope):
                    running = Frame(inner.node, node, scope, frame, this)
                    for made in inner.unit.returned:
                        if function_of(made.scope) is inner and isinstance(made.node, ast.Return) and made.node.value:
                            yield from self.elements(Expression(made.node.value, made.scope, running), depth + 1)
