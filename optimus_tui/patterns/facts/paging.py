"""The parameters with which a caller chooses how much of a list is returned, and whether each has an upper bound."""

import ast
from typing import NamedTuple

from optimus_tui.patterns.facts.model import Bound, Class, Scope, Unit
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.source.resolve import InstanceOf, Seen
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import READS, chain, words

_PAGES = frozenset(
    {
        "limit", "page", "paging", "pagination", "paginate", "size", "cursor", "offset", "top", "take",
        "first", "window", "per", "max", "count", "slice", "paginator", "params", "paged", "skip",
    }
)  # fmt: skip
SIZES = frozenset({"limit", "size", "top", "take", "first", "max", "per"})
_NO_SIZES = frozenset({"offset", "number", "name", "id", "age", "price", "date", "time", "score", "length", "tokens"})
_NO_PAGES = _NO_SIZES - {"offset", "number", "length"}
_STARTS = frozenset({"offset", "skip", "page", "cursor"})
_OF_REQUEST = ("Query", "Path", "Field", "Param")
_ENDS = ("le", "lt", "max_value")
_WINDOWS = frozenset({"days", "hours", "minutes", "weeks", "months"})
_FINDS = READS | {"all", "load", "retrieve", "everything"}
_MOST = 10_000
"""An upper bound above this is none: the list would hold the process for seconds."""
_NUMBERS = frozenset({"int", "PositiveInt", "NonNegativeInt"})
_ROUND = frozenset({"Optional", "Annotated", "Union"})
_DEEPEST = 5


class Given(NamedTuple):
    """A parameter that a caller sets, in the handler, in one of its dependencies or in a model of its query."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    scope: Scope


def parameters_of(view: View, route: Route) -> tuple[list[Given], bool]:
    """Return the parameters, and whether every dependency that may add paging could be followed."""
    found: list[Given] = []
    known = True
    todo: list[tuple[ast.arg, ast.expr | None, Scope, int]] = [(*one, 0) for one in route.handler.given]
    seen: set[int] = set()
    while todo:
        arg, default, scope, depth = todo.pop(0)
        found.append(Given(arg.arg, arg.annotation, default, scope))
        needed = view.way.dependencies(arg, default, scope)
        for node, place in needed if depth < _DEEPEST else ():
            thing = view.resolver.what(node, place)
            if isinstance(thing, Class):
                thing = thing.methods.get("__init__") or thing
            if isinstance(thing, Unit) and id(thing) not in seen:
                seen.add(id(thing))
                outer = thing.scope.parent or thing.scope
                todo += [(one, value, outer, depth + 1) for one, value in thing.params if one.arg != "self"]
            elif isinstance(thing, Class):
                found += _fields(thing, view)
            elif not isinstance(thing, Unit) and words(f"{arg.arg} {chain(arg.annotation)} {chain(node)}") & _PAGES:
                known = False
        if needed:
            continue  # what a dependency answers is no parameter: a user's table has a login_count
        typed = view.resolver.annotated(arg.annotation, scope)
        if isinstance(typed, InstanceOf) and isinstance(typed.of, Class):
            fields = _fields(typed.of, view)
            read = _fields_read(route.handler, arg.arg)
            if read and read <= {one.name for one in fields}:  # a method of it has all of them
                fields = [one for one in fields if one.name in read]
            if any(words(one.name) & _PAGES for one in fields):
                found += fields
    return found, known


def _fields_read(handler: Unit, name: str) -> set[str]:
    """Return what a handler reads of a parameter; empty where it hands the whole on, or reads nothing."""
    owners = [one for one in ast.walk(handler.node) if isinstance(one, ast.Attribute) and chain(one.value) == name]
    uses = [one for one in ast.walk(handler.node) if isinstance(one, ast.Name) and one.id == name]
    if len(owners) == len(uses):
        return {one.attr for one in owners}
    return set()


def _fields(owner: Class, view: View, depth: int = 0) -> list[Given]:
    """Return the fields of a model of the query, or of a class of parameters, with those of the classes above it."""
    found = {
        name: Given(name, bound.annotation, bound.value, scope) for name, (bound, scope) in owner.attributes.items()
    }
    for base in owner.bases if depth < _DEEPEST else ():
        above = view.resolver.what(base, owner.unit.scope.parent or owner.unit.scope)
        if isinstance(above, Class):
            found = {**{one.name: one for one in _fields(above, view, depth + 1)}, **found}
    return list(found.values())


def pages(given: list[Given]) -> bool:
    """Return True if any of the parameters is about pages, or about so many days."""
    return any(words(one.name) & _WINDOWS and not words(one.name) & _NO_PAGES for one in given) or any(
        (words(one.name) | words(chain(one.annotation).rpartition(".")[2])) & _PAGES and not words(one.name) & _NO_PAGES
        for one in given
    )


def is_paged(given: list[Given]) -> bool:
    """Return True if a caller says how many items are wanted, and from where on: then the answer is a list."""
    return bool(sizes_of(given)) and any(words(one.name) & _STARTS for one in given)


def sizes_of(given: list[Given]) -> list[Given]:
    """Return the parameters that say how many items are returned."""
    paged = any(words(one.name) & {"page", "offset"} for one in given)
    return [
        one
        for one in given
        if (words(one.name) & SIZES or (paged and one.name == "count")) and not words(one.name) & _NO_SIZES
    ]


def is_endless(view: View, one: Given, route: Route) -> bool:
    """Return True if a parameter is a number without an upper bound, and no code that runs for the route limits it."""
    if isinstance(one.default, ast.Call) and chain(one.default.func).rpartition(".")[2] not in _OF_REQUEST:
        return False
    named = {chain(each).rpartition(".")[2] for each in ast.walk(one.annotation or ast.Constant(0)) if _is_name(each)}
    if _NUMBERS.isdisjoint(named):
        return False  # an alias, or no number: its bound stands elsewhere
    if isinstance(one.annotation, ast.Subscript) and chain(one.annotation.value).rpartition(".")[2] not in _ROUND:
        return False
    if any(node is not None and _ends(node, one.scope) for node in (one.default, one.annotation)):
        return False
    return not any(_clamps(view, unit, one.name, unit is route.handler) for unit in view.units(route))


def is_required(one: Given) -> bool:
    """Return whether a caller has to say it: it has no default, or one of its own such as a set of names."""
    default = one.default
    if isinstance(default, ast.Call):
        given = [*default.args, *(word.value for word in default.keywords if word.arg == "default")]
        default = next(iter(given), None)
    return not (isinstance(default, ast.Constant) and default.value is None)


def is_sized(view: View, seen: Seen) -> bool:
    """Return whether an object that cannot be followed is asked by a name whose functions end their list."""
    spoken = words(seen.method)
    open_to_all = seen.thing is None and "." in seen.raw and not spoken.isdisjoint(_FINDS)
    return open_to_all and len(spoken) > 1 and seen.method in view.project.sized


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute))


def _clamps(view: View, unit: Unit, name: str, is_handler: bool) -> bool:
    """Return whether a unit bounds the number: ``min(limit, 100)``, a check of its own, a comparison."""
    if name not in unit.loads and name not in unit.attrs:
        return False
    for seen in view.calls(unit):
        given = any(getattr(one, "id", getattr(one, "attr", "")) == name for one in ast.walk(seen.call.node))
        if given and seen.raw in ("min", "clamp", "sorted"):
            return True
        if given and is_handler and seen.method.startswith(("clamp", "bound", "cap_", "check", "validate")):
            return True
    for one in ast.walk(unit.node):
        if isinstance(one, ast.Compare):
            sides = (one.left, *one.comparators)
            if any(getattr(side, "id", getattr(side, "attr", "")) == name for side in sides) and _is_above(one):
                return True
    return False


def _is_above(test: ast.Compare) -> bool:
    """Return whether a comparison is one with a number other than zero and one."""
    ordered = any(isinstance(op, (ast.Gt, ast.GtE, ast.Lt, ast.LtE)) for op in test.ops)
    small = any(
        isinstance(one, ast.Constant) and one.value in (0, 1, -1, None) for one in (test.left, *test.comparators)
    )
    return ordered and not small


def _ends(node: ast.expr, scope: Scope) -> bool:
    """Return whether ``le``, ``lt`` or a custom validator is part of it, with a bound that a list can have."""
    for one in ast.walk(node):
        if isinstance(one, ast.keyword) and one.arg in _ENDS:
            bound = one.value
            if isinstance(bound, ast.Name):
                kept = scope.lookup(bound.id)
                bound = kept.value if isinstance(kept, Bound) and kept.value is not None else bound
            return not (isinstance(bound, ast.Constant) and isinstance(bound.value, int) and bound.value > _MOST)
        if isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] in (
            "Interval", "Le", "Lt", "AfterValidator", "BeforeValidator", "Depends", "conint",
        ):  # fmt: skip
            return True
    return False
