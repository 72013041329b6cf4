"""The parameters of a route's path, and whether its handler or one of its dependencies reads them."""

import ast
import builtins
import re
import sys
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Class, Scope, Unit
from optimus_tui.patterns.facts.routes import Route, needs
from optimus_tui.patterns.source.resolve import External, InstanceOf, Resolver, Thing, seen_calls
from optimus_tui.patterns.source.vocabulary import chain, subscript_parts, text_of

_PARAMETER = re.compile(r"{([a-zA-Z][a-zA-Z0-9_]*)(?::(?!path})[a-z]+)?}")
_OF_SECURITY = re.compile(r"^(fastapi|starlette)\.")
_LIBRARIES = frozenset({"fastapi", "starlette", "pydantic", "sqlalchemy", "sqlmodel", "typing_extensions", "redis"})
_BUILTIN = frozenset(dir(builtins))
_MOST_DEEP = 8
_EMPTY = frozenset({"BaseModel", "object", "ABC", "Generic", "Protocol"})
"""Classes that ask for nothing of a request."""


class Unknown(Exception):
    """Raised if something that a route depends on cannot be followed, and may read the parameter."""


def unread_parameters(route: Route, path: str, resolver: Resolver, units: tuple[Unit, ...]) -> list[str]:
    """Return the parameters of a path that nothing in the route reads; none if that cannot be determined.

    A catch-all parameter (``{rest:path}``) and names that begin with an underscore need not be read. ``units`` are all
    that may run for the route.
    """
    named = _PARAMETER.findall(path)
    if not named or route.handler.stub or _only_refuses(route.handler):
        return []
    try:
        read = set(_read_by_unit(route.handler, resolver, 0))
        for node, scope in (*route.declared, *route.above.declared):
            read |= set(_read_by(node, scope, resolver, 0))
    except Unknown:
        return []
    unread = [name for name in named if name not in read]
    if route.above.lost:  # what cannot be seen there may read what is in a prefix
        own = _PARAMETER.findall(text_of(next(iter(route.call.args), None)) or "")
        unread = [name for name in unread if name in own]
    if unread and any(_reads_request(unit, resolver) for unit in units):
        return []
    return unread


def _only_refuses(unit: Unit) -> bool:
    """Return whether it answers every request in the same way: 410 for what is gone, a constant."""
    body = [one for one in getattr(unit.node, "body", []) if not _is_text(one)]
    return len(body) == 1 and isinstance(body[0], (ast.Raise, ast.Pass))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _reads_request(unit: Unit, resolver: Resolver) -> bool:
    """Return whether a unit reads the path from the request, or hands the request to what cannot be seen."""
    if "path_params" in unit.attrs or any(text == "path_params" for _, text in unit.strings):
        return True
    requests = {arg.arg for arg, _, _ in unit.given if _is_request(arg)}
    if not requests:
        return False
    if not unit.attrs.isdisjoint(("url", "scope")):
        return True
    return any(
        isinstance(one, ast.Name) and one.id in requests
        for seen in seen_calls(unit, resolver)
        if not isinstance(seen.thing, Unit)
        for one in (*seen.call.node.args, *(word.value for word in seen.call.node.keywords))
    )


def _is_request(arg: ast.arg) -> bool:
    typed = chain(arg.annotation).rpartition(".")[2]
    return typed in ("Request", "WebSocket", "HTTPConnection") or (not typed and arg.arg == "request")


def _read_by_unit(unit: Unit, resolver: Resolver, depth: int) -> Iterator[str]:
    """Yield the names that a function takes from the request, itself or by its dependencies."""
    if depth > _MOST_DEEP or getattr(unit.node, "args", None) is None:
        raise Unknown
    args: ast.arguments = unit.node.args  # type: ignore[attr-defined]
    if args.kwarg is not None or args.vararg is not None:
        raise Unknown
    for arg, default, outer in unit.given:  # with those of a function in it, which a factory returns
        yield arg.arg
        yield from _aliases(arg.annotation, outer, resolver)
        yield from _aliases(default, outer, resolver)
        needed = needs(resolver, arg, default, outer)
        if not needed and arg.annotation is not None and not _is_known(arg.annotation, outer, resolver):
            raise Unknown
        for node, scope in needed:
            yield from _read_by(node, scope, resolver, depth + 1)
    if unit.owner is not None:
        yield from _read_by_class(unit.owner, resolver, depth + 1)


def _is_known(node: ast.expr, scope: Scope, resolver: Resolver) -> bool:
    """Return whether a parameter's type is no alias that may hide a dependency: it, or its library, can be seen."""
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, str)
    if isinstance(node, ast.BinOp):
        return _is_known(node.left, scope, resolver) and _is_known(node.right, scope, resolver)
    if isinstance(node, ast.Subscript):
        inner = subscript_parts(node)
        name = chain(node.value).rpartition(".")[2]
        if name == "Literal":
            return True
        if name == "Annotated":
            return _is_known(inner[0], scope, resolver)
        return _is_known(node.value, scope, resolver) and all(_is_known(one, scope, resolver) for one in inner)
    if isinstance(node, ast.List):
        return all(_is_known(one, scope, resolver) for one in node.elts)
    if isinstance(node, ast.Name) and node.id in _BUILTIN and scope.lookup(node.id) is None:
        return True
    thing = resolver.what(node, scope)
    if isinstance(thing, External):
        root = thing.dotted.partition(".")[0]
        return root in sys.stdlib_module_names or root in _LIBRARIES
    return isinstance(thing, (Class, InstanceOf)) or resolver.alias(node, scope) is not None


def _aliases(node: ast.expr | None, scope: Scope, resolver: Resolver) -> Iterator[str]:
    """Yield the names that ``Path(alias=…)`` gives to a parameter."""
    if node is None:
        return
    alias = resolver.alias(node, scope)
    for one in ast.walk(alias[0] if alias is not None else node):
        if isinstance(one, ast.keyword) and one.arg in ("alias", "validation_alias"):
            text = text_of(one.value)
            if text is None:
                raise Unknown
            yield text


def _read_by(node: ast.expr, scope: Scope, resolver: Resolver, depth: int) -> Iterator[str]:
    """Yield what a dependency takes from the request."""
    target = resolver.depended(node, scope) or node
    thing: Thing = resolver.what(target, scope)
    if isinstance(target, ast.Call) and isinstance(made := resolver.what(target.func, scope), Unit):
        thing = made  # a factory
    if isinstance(thing, InstanceOf) and isinstance(thing.of, Class):
        call = thing.of.methods.get("__call__")
        if call is None:
            raise Unknown
        thing = call
    if isinstance(thing, Unit):
        yield from _read_by_unit(thing, resolver, depth)
    elif isinstance(thing, Class):
        yield from _read_by_class(thing, resolver, depth)
    elif isinstance(thing, InstanceOf) or not isinstance(thing, External) or not _OF_SECURITY.match(thing.dotted):
        known = thing.of if isinstance(thing, InstanceOf) else ""
        if not isinstance(known, str) or not _OF_SECURITY.match(known):
            raise Unknown


def _read_by_class(owner: Class, resolver: Resolver, depth: int) -> Iterator[str]:
    """Yield the parameters and fields of a class, with those of the classes above it."""
    if depth > _MOST_DEEP:
        raise Unknown
    begin = owner.methods.get("__init__")
    if begin is not None:  # FastAPI asks for nothing else of a class
        for arg, default in begin.params:
            yield arg.arg
            outer = begin.scope.parent or begin.scope
            for node, place in needs(resolver, arg, default, outer):
                yield from _read_by(node, place, resolver, depth + 1)
        return
    for name, (bound, scope) in owner.attributes.items():
        yield name
        arg = ast.arg(name, bound.annotation)
        for node, place in needs(resolver, arg, bound.value, scope):
            yield from _read_by(node, place, resolver, depth + 1)
    for base in owner.bases:
        above = resolver.what(base, owner.unit.scope.parent or owner.unit.scope)
        if isinstance(above, Class):
            yield from _read_by_class(above, resolver, depth + 1)
        elif chain(getattr(base, "value", None)).rpartition(".")[2] in ("Generic", "Protocol"):
            continue
        elif not isinstance(above, External) or above.dotted.rpartition(".")[2] not in _EMPTY:
            raise Unknown
