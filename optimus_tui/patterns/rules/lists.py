"""Lists: every list is limited, and callers cannot raise the limit at will."""

import ast
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Bound, Class, Scope, Unit
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.resolve import InstanceOf
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, words

_PAGES = frozenset(
    {
        "limit", "page", "paging", "pagination", "paginate", "size", "cursor", "offset", "top", "take",
        "first", "window", "per", "max", "count", "slice", "paginator", "params", "paged",
    }
)  # fmt: skip
_COUNTS = frozenset({"limit", "size", "top", "take", "first", "count", "max"})
_LISTS = frozenset({"list", "List", "Sequence", "tuple"})
_NAMES = frozenset({"list", "search", "browse", "all", "index", "find", "everything"})
_WHOLE = frozenset({"all", "fetchall", "fetch_all"})


def _lists(view: View) -> list[str]:
    return [route.name for route in view.served if _is_list(view, route)]


def _is_list(view: View, route: Route) -> bool:
    if not route.reads:
        return False
    returned = route.options.get("response_model") or getattr(route.handler.node, "returns", None)
    if isinstance(returned, ast.Subscript) and chain(returned.value).rpartition(".")[2] in _LISTS:
        return True
    last = route.path.rstrip("/").rpartition("/")[2]
    if last.endswith("}") and last != "{}":  # a prefix of an f-string is no parameter
        return False
    spoken = route.name.lower().split("_")
    return spoken[0] in _NAMES or "all" in spoken or not _WHOLE.isdisjoint(route.handler.attrs)


def _unbounded(view: View) -> Iterator[Hit]:
    for route in view.served:
        if not _is_list(view, route):
            continue
        found = [given for given in route.handler.given if _is_paging(given[0])]
        if not found:
            others = view.units(route)
            found = [given for unit in others if _is_ours(view, unit) for given in unit.given if _is_paging(given[0])]
        if not found and (page := _page_model(view, route)) is not None:
            if any(words(name) & _COUNTS and not _has_end(bound) for name, bound in page):
                yield at_unit(route.handler, f"{route.name} answers as many as it is asked for, without an upper bound")
            continue
        if not found and not _limits_itself(view, route):
            yield at_unit(route.handler, f"{route.name} answers all there is: it takes no limit and sets none")
            continue
        for arg, default, scope in found:
            if arg in [one for one, _ in route.handler.params] and _endless(view, arg, default, scope, route):
                yield at_unit(
                    route.handler, f"{route.name} answers as many as {arg.arg} says, and {arg.arg} has no upper bound"
                )
                break


def _is_ours(view: View, unit: Unit) -> bool:
    """Return whether it is defined in this file, or is the class of a parameter."""
    return unit.module is view.module or unit.name.startswith("__")


def _is_paging(arg: ast.arg) -> bool:
    typed = chain(arg.annotation)
    return not (words(arg.arg) | words(typed.rpartition(".")[2])).isdisjoint(_PAGES)


def _page_model(view: View, route: Route) -> list[tuple[str, Bound]] | None:
    """Return the fields for the page size of a model or class of the tree that the handler takes."""
    for arg, _, scope in route.handler.given:
        typed = view.resolver.annotated(arg.annotation, scope)
        if isinstance(typed, InstanceOf) and isinstance(typed.of, Class):
            fields = [(name, bound) for name, (bound, _) in typed.of.attributes.items() if words(name) & _PAGES]
            if fields:
                return fields
    return None


def _has_end(bound: Bound) -> bool:
    return any(one is not None and _bounded(one) for one in (bound.value, bound.annotation))


def _limits_itself(view: View, route: Route) -> bool:
    """Return whether the handler, or what it calls, cuts the list: a slice, ``.limit(…)``, ``LIMIT`` in the query."""
    for unit in view.units(route):
        if unit.module is not view.module:
            continue
        for seen in view.calls(unit):
            if seen.method in ("limit", "paginate", "lrange", "islice", "first", "fetchmany"):
                return True
            if any(word.arg and words(word.arg) & _COUNTS for word in seen.call.node.keywords):
                return True
        if any("limit" in text.lower().split() for _, text in unit.strings if len(text) < 2000):
            return True
        if any(isinstance(one, ast.Slice) and one.upper is not None for one in ast.walk(unit.node)):
            return True
    return False


def _endless(view: View, arg: ast.arg, default: ast.expr | None, scope: Scope, route: Route) -> bool:
    """Return whether it is a plain number without ``le`` that nothing in the handler limits."""
    if not words(arg.arg) & _COUNTS or arg.arg.startswith(("offset", "page_number")):
        return False
    if isinstance(default, ast.Call):
        name = chain(default.func).rpartition(".")[2]
        if name not in ("Query", "Path") or _bounded(default):
            return False
    elif arg.annotation is None:
        return False
    node = arg.annotation
    if node is not None:
        if chain(node) not in ("int",) and not isinstance(node, (ast.Subscript, ast.BinOp)):
            return False
        if isinstance(node, ast.Subscript) and (chain(node.value).rpartition(".")[2] != "Annotated" or _bounded(node)):
            return False
    for seen in view.calls(route.handler):
        if seen.raw in ("min", "clamp") and any(getattr(one, "id", "") == arg.arg for one in ast.walk(seen.call.node)):
            return False
        if seen.raw.rpartition(".")[2].startswith(("clamp", "bound", "cap_", "check", "validate")):
            return False
    compared = [one for one in ast.walk(route.handler.node) if isinstance(one, ast.Compare)]
    return not any(getattr(side, "id", "") == arg.arg for one in compared for side in (one.left, *one.comparators))


def _bounded(node: ast.expr) -> bool:
    """Return whether ``le``, ``lt`` or a custom validator is part of it."""
    for one in ast.walk(node):
        if isinstance(one, ast.keyword) and one.arg in ("le", "lt", "multiple_of", "max_value"):
            return True
        if isinstance(one, ast.Call) and chain(one.func).rpartition(".")[2] in (
            "Interval",
            "Le",
            "Lt",
            "AfterValidator",
            "Depends",
            "conint",
        ):
            return True
    return False


RULES = (
    Rule(
        "lists.unbounded", "pagination", "production_ready", "medium", "A list without an end",
        "It grows with the tenant: one request then holds the gateway, the engine and the cache for seconds.",
        "Take a page with an upper bound: limit: Annotated[int, Query(ge=1, le=200)] = 50.",
        '''
@router.get("/products")
async def list_products(tenant: Tenant, repo: Repo) -> list[Product]:
    return await repo.everything(tenant)
''',
        '''
@router.get("/products")
async def list_products(tenant: Tenant, repo: Repo, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[Product]:
    return await repo.some(tenant, limit)
''',
        _unbounded, _lists,
    ),
)  # fmt: skip
