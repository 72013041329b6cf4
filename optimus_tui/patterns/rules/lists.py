"""Lists: every list has a limit, and callers cannot raise it above a maximum."""

import ast
import re
from collections.abc import Iterator

from optimus_tui.patterns.facts.model import Class, Scope, Unit
from optimus_tui.patterns.facts.own_work import answers_a_file, called_by, is_from_a_store
from optimus_tui.patterns.facts.paging import (
    SIZES,
    Given,
    is_endless,
    is_paged,
    is_required,
    is_sized,
    pages,
    parameters_of,
    sizes_of,
)  # fmt: skip
from optimus_tui.patterns.facts.routes import Route
from optimus_tui.patterns.rule import Hit, Rule, at_unit
from optimus_tui.patterns.source.resolve import InstanceOf
from optimus_tui.patterns.source.view import View
from optimus_tui.patterns.source.vocabulary import chain, subscript_parts, words

_LISTS = frozenset({"list", "List", "Sequence", "tuple", "set", "Set", "Iterable"})
_PAGED = frozenset({"page", "paged", "paginated", "pagination", "paging"})
_TOTALS = frozenset({"total", "count", "next", "cursor", "page", "pages", "offset"})
_OF_POSTS = frozenset({"list", "search", "all"})
"""Words of a POST that asks for a list, with what is wanted in its body."""
_NAMES = frozenset({"list", "search", "browse", "all", "index", "find", "everything"})
_WHOLE = frozenset({"all", "fetchall", "fetch_all"})
_READS_MANY = _WHOLE | {"fetch", "scalars", "find", "filter"}
_FEW = frozenset(
    {"tree", "models", "plans", "menus", "options", "option", "settings", "setting", "stats", "statistics",
     "metrics", "details", "status", "permissions", "roles", "credentials", "columns", "preferences", "types",
     "choices", "features", "flags", "limits", "scopes", "currencies", "languages", "countries", "timezones",
     "enums", "providers", "plugins", "tools", "capabilities", "categories", "schemas", "health", "address",
     "series", "trends", "trend", "timeline", "heatmap", "histogram", "distribution",
     "news", "analysis", "basis", "access", "process", "class", "holidays", "rates", "summary", "overview",
     "totals"}
)  # fmt: skip
"""What a project has few of, and words that are no plural."""
_NOW = frozenset({"today", "todays", "latest", "recent", "last", "current", "random"})
_CHOSEN = frozenset({"ids", "uuids", "slugs", "codes"})
"""A caller who names what is wanted ends the list."""
_ASKS = frozenset({"get", "fetch", "read", "load", "retrieve", "show"})
_JOINTS = frozenset({"by", "for", "of", "with", "in", "from", "filtered", "to"})
_VERSION = re.compile(r"v?\d+")
_CATALOGUE = re.compile(r"information_schema|pg_catalog|pg_tables|sqlite_master")
"""Where a database lists its own tables and columns, of which there are few."""
_CUTS = frozenset({"limit", "paginate", "lrange", "islice", "first", "fetchmany", "head", "sample"})


def _lists(view: View) -> list[str]:
    return [route.name for route in view.served if _is_list(view, route)]


def _is_list(view: View, route: Route) -> bool:
    """Return whether a list is answered: by what it is called, or by what a caller may say of its length."""
    return _is_called_list(view, route) or (route.reads and is_paged(parameters_of(view, route)[0]))


def _is_called_list(view: View, route: Route) -> bool:
    if not route.reads and not _lists_by_post(route):
        return False
    returned = route.options.get("response_model") or getattr(route.handler.node, "returns", None)
    outer = route.handler.scope.parent or route.handler.scope
    if returned is not None and _speaks_of_many(view, returned, outer):
        return True
    last = route.path.rstrip("/").rpartition("/")[2]
    of_one = last.endswith("}") and last != "{}"  # a prefix of an f-string is no parameter
    if of_one and _WHOLE.isdisjoint(route.handler.attrs):
        return False
    spoken = [one for one in route.name.lower().split("_") if not _VERSION.fullmatch(one)] or [""]
    if not _NOW.isdisjoint(spoken):
        return False
    if of_one and spoken[-1].removesuffix("s") in route.path.lower():
        return False
    if of_one:  # /book/{book_id}, get_book_reviews
        return returned is None and spoken[0] in _ASKS and _is_plural(spoken) and _reads_many(view, route)
    if returned is not None and _holds_only_a_list(view, returned, outer):
        return True
    if spoken[0] in _NAMES or "all" in spoken or not _WHOLE.isdisjoint(route.handler.attrs):
        return True
    if returned is None and ("list" in (spoken[-1], last) or (spoken[0] in _ASKS and "list" in spoken)):
        return True
    return returned is None and spoken[0] in _ASKS and _is_plural(spoken) and _reads_many(view, route)


def _lists_by_post(route: Route) -> bool:
    spoken = {*route.name.lower().split("_")[:2], route.path.rstrip("/").rpartition("/")[2].lower()}
    return route.methods == {"post"} and not spoken.isdisjoint(_OF_POSTS)


def _is_named_list(route: Route) -> bool:
    """Return whether a POST's path says that it answers a list; a search may end it by what is asked."""
    return route.path.rstrip("/").endswith("/list")


def _is_plural(spoken: list[str]) -> bool:
    """Return whether a name asks for things of which there may be many: ``get_actions``, ``read_users_of_team``."""
    until = next((at for at, one in enumerate(spoken) if at > 1 and one in _JOINTS), len(spoken))
    last = spoken[until - 1]
    return last.endswith("s") and not last.endswith(("ss", "us", "is")) and last not in _FEW


def _reads_many(view: View, route: Route) -> bool:
    """Return whether the handler, or a function that it calls, asks a store for everything that fits."""
    calls = [seen for unit in called_by(view, route) for seen in view.calls(unit)]
    asked = route.name.lower().rpartition("_")[2]
    many = any((seen.method in _READS_MANY or seen.method.endswith(f"_{asked}")) and "." in seen.raw for seen in calls)
    return many and is_from_a_store(view, route)


def _speaks_of_many(view: View, node: ast.expr, scope: Scope) -> bool:
    """Return whether a type is a list, a wrapper round one (``Page[list[Item]]``), or a page with a list in it."""
    if isinstance(node, ast.Subscript):
        name = chain(node.value).rpartition(".")[2]
        inner = subscript_parts(node)
        if name in ("dict", "Dict", "Mapping"):
            return False
        if name in _LISTS:
            return True
        return bool(words(name) & _PAGED) or any(_speaks_of_many(view, one, scope) for one in inner)
    if isinstance(node, ast.BinOp):
        return _speaks_of_many(view, node.left, scope) or _speaks_of_many(view, node.right, scope)
    if not isinstance(node, (ast.Name, ast.Attribute)):
        return False
    name = chain(node).rpartition(".")[2]
    if words(name) & _PAGED and not name.startswith("Page"):
        return True
    typed = view.resolver.annotated(node, scope)
    if not isinstance(typed, InstanceOf) or not isinstance(typed.of, Class):
        return False
    fields = typed.of.attributes
    holds = [one for one, (bound, _) in fields.items() if _is_a_list(bound.annotation)]
    return len(holds) == 1 and len(fields) <= 6 and any(words(one) & _TOTALS for one in fields if one not in holds)


def _holds_only_a_list(view: View, node: ast.expr, scope: Scope) -> bool:
    """Return whether a type is a model round one list: ``class Things: items: list[Thing]``."""
    typed = view.resolver.annotated(node, scope)
    if not isinstance(typed, InstanceOf) or not isinstance(typed.of, Class) or len(typed.of.attributes) != 1:
        return False
    if words(typed.of.name) & {"config", "configuration"}:
        return False
    return all(_is_a_list(bound.annotation) for bound, _ in typed.of.attributes.values())


def _is_a_list(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Subscript) and chain(node.value).rpartition(".")[2] in _LISTS


def _unbounded(view: View) -> Iterator[Hit]:
    for route in view.served:
        if not _is_list(view, route) or answers_a_file(route):
            continue
        given, known = parameters_of(view, route)
        sizes = sizes_of(given)
        endless = next((one for one in sizes if is_endless(view, one, route)), None)
        if endless is not None:
            yield at_unit(
                route.handler, f"{route.name} returns as many items as {endless.name} says, which has no upper bound"
            )
        elif not sizes and known and (route.reads or _is_named_list(route)) and _answers_all(view, route, given):
            yield at_unit(route.handler, f"{route.name} returns everything: it takes no limit and sets none")


def _answers_all(view: View, route: Route, given: list[Given]) -> bool:
    """Return whether neither a caller nor the code ends the list, and it may become long."""
    if pages(given) or any(is_required(one) and words(one.name) & _CHOSEN for one in given):
        return False
    parts = [one for one in route.path.lower().split("/") if one and "{" not in one]
    name = [one for one in route.name.lower().split("_") if one not in _NAMES | _ASKS] or [""]
    spoken = {*re.findall(r"[a-z]+", " ".join(parts[-1:])), name[-1], f"{name[-1]}s"}
    if parts and not parts[-1].endswith("s"):
        spoken |= {*parts[-2:]}  # /categories/empty
    return not spoken & _FEW and is_from_a_store(view, route) and not _limits_itself(view, route)


def _limits_itself(view: View, route: Route) -> bool:
    """Return whether the handler, or what it calls, cuts the list: a slice, ``.limit(…)``, ``LIMIT`` in the query."""
    for unit in view.units(route):
        if unit.module is not view.module and unit is not route.handler and not _is_called(view, route, unit):
            continue
        whole = any(seen.method in _WHOLE for seen in view.calls(unit))
        for seen in view.calls(unit):
            if seen.method in _CUTS and not (whole and seen.method == "first"):
                return True
            if seen.method.split("_")[0] in _ASKS | _NAMES and words(seen.method) & {"recent", "latest"}:
                return True
            if any(word.arg and words(word.arg) & SIZES for word in seen.call.node.keywords):
                return True
        if any(_CATALOGUE.search(text) for _, text in unit.strings):
            return True
        if any("limit" in text.lower().split() for _, text in unit.strings if len(text) < 2000):
            return True
        if any(isinstance(one, ast.Slice) and one.upper is not None for one in ast.walk(unit.node)):
            return True
    if any(is_sized(view, seen) for unit in called_by(view, route) for seen in view.calls(unit)):
        return True
    return not view.calls(route.handler)  # what is written out in the source has an end


def _is_called(view: View, route: Route, unit: Unit) -> bool:
    return any(seen.thing is unit for seen in view.calls(route.handler))


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
