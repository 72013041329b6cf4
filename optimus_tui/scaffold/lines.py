"""Lines of a generated router and its tests that depend on several answers, broken as the formatter would. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

from optimus_tui.scaffold import field_values
from optimus_tui.scaffold.field_code import TEXT_BOUNDS
from optimus_tui.scaffold.fields import Field, literal, when, wire
from optimus_tui.scaffold.lay import lay, lay_import, lay_items, lay_list, lay_value, tuple_of
from optimus_tui.scaffold.options.filters import filter_context, filter_trial_context, names_in_filters
from optimus_tui.scaffold.options.parents import (
    caches_below,
    knows_parent,
    parent_context,
    parent_import,
    parent_name,
    parent_trial_context,
)
from optimus_tui.scaffold.spec import OF_ONE, READS, RouterSpec

_KEPT = {
    "proxy": "kept by the AI Engine",
    "direct": "in the gateway's own store",
    "hybrid": "in the gateway's own store, else in the AI Engine",
}
_STOREMETHODS = {
    "list": "page",
    "create": "add",
    "get": "find",
    "update": "replace",
    "patch": "change",
    "delete": "remove",
}
_EVENTS = {"create": "created", "update": "updated", "patch": "updated", "delete": "deleted"}
METHODS = {"list": "GET", "create": "POST", "get": "GET", "update": "PUT", "patch": "PATCH", "delete": "DELETE"}
_NEW = frozenset(("create", "update"))
"""Operations that are sent the whole resource."""
_BODIES = _NEW | {"patch"}
_TEXTS = ("Text", "Email", "Url")
"""Types of texts that the router itself defines."""


def context(spec: RouterSpec) -> dict[str, Any]:
    """Return the variables of the router's template."""
    return {
        "s": spec,
        "PATH": spec.path,
        **parent_context(spec),
        "many": spec.name.replace("_", " "),
        "single": spec.one.replace("_", " "),
        "kept_where": _KEPT[spec.type],
        "imports": router_imports(spec),
        "of_one": any(each in OF_ONE for each in spec.operations),
        "has_models": has_models(spec),
        "takes_body": takes_body(spec),
        "takes_new": bool(_NEW & set(spec.operations)),
        "sent": spec.models.names_sent(),
        "text_bounds": TEXT_BOUNDS,
        "by_alias": "".join(when(spec.is_aliased, "by_alias=True")),
        "dumped": ", ".join(['mode="json"', *when(spec.is_aliased, "by_alias=True")]),
        "caught": caught(spec),
        "body": field_values.body(spec.fields),
        "lay_value": lay_value,
        "statuses": _statuses(spec),
        "list_takes": _list_takes(spec),
        "list_key": _list_key(spec),
        **filter_context(spec, takes_body(spec)),
        "cache_source": [*when(spec.type == "hybrid", "source")],
        "literal": literal,
        "lay": lay,
        "lay_items": lay_items,
        "route": _route(spec),
        "function": _function(spec),
        "stale": _stale(spec),
        "log": _log(spec),
    }


def takes_body(spec: RouterSpec) -> bool:
    """Return True if callers send the resource, or a part of it."""
    return bool(_BODIES & set(spec.operations))


def has_models(spec: RouterSpec) -> bool:
    """Return True if the router handles the resource itself; a proxy that only deletes never does."""
    return spec.has_store or spec.operations != ("delete",)


def caught(spec: RouterSpec) -> str:
    """Return the exceptions that mean a failure behind this router."""
    kinds = [*when(spec.has_engine, "httpx.HTTPError")]
    kinds += when(spec.has_store, "OSError")
    kinds += when(_validates(spec), "ValidationError")
    if len(kinds) == 1:
        return kinds[0]
    return f"({', '.join(kinds)})"


def _statuses(spec: RouterSpec) -> str:
    """Return the statuses besides 422 that this router may answer with: an engine may refuse with more of them."""
    statuses = {400, 503, 504}
    if spec.has_engine:
        statuses |= {404, 409, 413, 429, 502}
    if spec.parents:
        statuses.add(404)
    if spec.rate_limiting:
        statuses.add(429)
    return ", ".join(str(status) for status in sorted(statuses))


def _validates(spec: RouterSpec) -> bool:
    """Return True if answers of the engine are checked; the answer to a deletion is empty."""
    return spec.has_engine and spec.operations != ("delete",)


def router_imports(spec: RouterSpec) -> str:
    """Return the imports that are used, in sorted order."""
    cached = spec.caching and bool(spec.reads)
    of_one = any(each in OF_ONE for each in spec.operations)
    used = spec.models.names_sent() if takes_body(spec) else set[str]()
    answers = spec.models.names_answered() if has_models(spec) else set[str]()
    patches = "patch" in spec.operations
    filters = names_in_filters(spec)
    answers |= filters
    typing = {*when(of_one or spec.parents or spec.has_store or used & {*_TEXTS, "Annotated"}, "Annotated")}
    typing.update(when(cached or spec.has_table or (patches and spec.has_unsent), "Any"))
    typing.update(when((spec.has_store and not spec.has_table) or knows_parent(spec), "Protocol"))
    typing.update(when(spec.type == "hybrid" or "Literal" in used, "Literal"))
    typing.update(when(patches, "Self"))
    typing.update(filters & {"Annotated", "Any", "Literal"})
    standard = [*when("dt" in used | answers, "import datetime as dt")]
    standard += [*when(filters, "import hashlib", "import json"), "import logging"]
    standard += when(spec.has_table and "create" in spec.operations, "import time")
    standard += when(spec.has_store and "create" in spec.operations, "import uuid")
    standard += [lay_import("collections.abc", ["AsyncIterator"])]
    standard += when("Decimal" in used | answers, lay_import("decimal", ["Decimal"]))
    standard += when(typing, lay_import("typing", typing))
    standard += when("UUID" in used | answers, lay_import("uuid", ["UUID"]))
    fastapi = {"APIRouter", "Depends"}
    fastapi.update(when(spec.type == "direct" and (of_one or spec.parents), "HTTPException"))
    fastapi.update(when(of_one or spec.parents, "Path"))
    fastapi.update(when(spec.type == "hybrid", "Query"))
    fastapi.update(when(cached, "Response"))
    fastapi.update(filters & {"HTTPException", "Query", "Request"})
    pydantic = {"BaseModel"}
    pydantic.update(when(has_models(spec), "ConfigDict"))
    pydantic.update(when(spec.has_engine and "list" in spec.operations, "OnErrorOmit"))
    pydantic.update(when(used & set(_TEXTS), "StringConstraints"))
    pydantic.update(when(_validates(spec), "ValidationError"))
    pydantic.update(when(patches, "model_validator"))
    pydantic.update({"Field", "FiniteFloat"} & (used | answers))
    third = [*when(spec.has_engine, "import httpx"), *when(spec.has_table, "import sqlalchemy as sa")]
    third += [lay_import("fastapi", fastapi)]
    third += when(has_models(spec), lay_import("pydantic", pydantic), "from pydantic.config import JsonDict")
    third += when(filters, "from pydantic_core import to_jsonable_python")
    if spec.has_table:
        third += [lay_import("sqlalchemy.ext.asyncio", ["AsyncSession"])]
        third += [lay_import("sqlalchemy.orm", ["Mapped", "mapped_column"])]
    return "\n".join([*standard, "", *third, "", *_own_imports(spec)])


def _own_imports(spec: RouterSpec) -> list[str]:
    needs = {"Tenant", "described"}
    needs.update(when(spec.has_store, "store_failure"))
    needs.update(when(spec.has_engine, "Engine"))
    needs.update(when("list" in spec.operations and spec.type != "hybrid", "Paging"))
    needs.update(when(spec.caching and spec.reads, "Cache"))
    needs.update(when(spec.caching and spec.writes, "Coherence"))
    needs.update(when(spec.rate_limiting, "rate_limited"))
    own = list[str]()
    if spec.has_table:
        moments = any(field.type == "datetime" and not field.is_list for field in spec.fields)
        own += [lay_import("backend.database", ["transaction", *when(moments, "utc")])]
    own += [lay_import("backend.dependencies_enterprise", needs)]
    if spec.has_engine:
        own.append(lay_import("backend.errors", ["answer_for"]))
    if spec.has_parent_store:
        own.append(parent_import(spec))
    if spec.has_table:
        own += [lay_import("backend.sessions", ["get_session"]), lay_import("backend.tables", ["Base"])]
    coherence = [*when(spec.caching and spec.writes, "InvalidationType"), *when(caches_below(spec), "cached_below")]
    if coherence:
        own.append(lay_import("backend.utils.cache_coherence", coherence))
    return [*own, lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]


def _route(spec: RouterSpec) -> Callable[..., str]:
    def route(method: str, operation: str, *more: str, both: bool = False) -> str:
        """Return the decorator; two of them for the collection's path, with and without its slash."""
        limited = [f"dependencies=[Depends(rate_limited({literal(spec.operation(operation))}))]"]
        rest = [*more, *when(spec.rate_limiting, *limited)]
        if operation in OF_ONE:
            missing = spec.type == "direct" and not spec.parents
            own = [*when(missing, "404"), *when(spec.has_table and operation not in (*READS, "delete"), "409")]
            rest += when(own, f"responses=described({', '.join(own)})")
        elif operation == "create":
            rest += when(spec.has_table, "responses=described(409)")
        if operation in OF_ONE:
            return lay(f"@router.{method}(", [literal(f"/{{{spec.one}_id}}"), *rest], ")")
        plain = lay(f"@router.{method}(", ['""', *rest], ")")
        return (
            plain + "\n" + lay(f"@router.{method}(", ['"/"', *more, "include_in_schema=False", *rest[len(more) :]], ")")
        )

    return route


def _list_takes(spec: RouterSpec) -> list[str]:
    """Return how the list is told what is wanted, as far as that has no default."""
    return [*when(spec.type != "hybrid", "page: Paging"), *when(spec.filters, "filters: Narrowed")]


def _list_key(spec: RouterSpec) -> list[str]:
    """Return what tells the pages of a tenant's list apart in the cache."""
    page = ["begin", "limit"] if spec.type == "hybrid" else ["page.limit", "page.offset"]
    return [*page, *when(spec.filters, "filters.as_key()")]


def _function(spec: RouterSpec) -> Callable[..., str]:
    def function(operation: str, own: list[str], answer: str) -> str:
        """Return the signature: the path's id, the tenant, and what the function uses."""
        takes = [f"{each}: ParentId" for each in spec.parent_ids]
        if knows_parent(spec):
            takes[-1] = takes[-1].replace("ParentId", "KnownParent")
        takes += when(operation in OF_ONE, f"{spec.one}_id: {spec.entity}Id")
        takes += [*own, "tenant: Tenant"]
        takes += when(spec.has_engine, "engine: Engine")
        takes += when(spec.has_store, "store: Store")
        if spec.caching:
            takes += when(operation in READS, "cache: Cache", "response: Response")
            takes += when(operation not in READS, "coherence: Coherence")
        takes += when(spec.type == "hybrid", 'source: Source = "local"')
        if operation == "list":
            takes += when(spec.type == "hybrid", "limit: Limit = 50", "cursor: Cursor = None")
        return lay(f"async def {spec.operation(operation)}(", takes, f") -> {answer}:")

    return function


def _stale(spec: RouterSpec) -> Callable[..., str]:
    def stale(identifier: str, is_gone: bool = False) -> str:
        """Return the head of the block that invalidates after the write in it, also if its answer is lost."""
        if not spec.caching:
            return ""
        parts = ["InvalidationType.RESOURCE_UPDATED", "tenant"]
        parts += when(identifier, f"resource_id={identifier}")
        parts += [f"within={each}" for each in parent_context(spec)["thing"]]
        parts += ["kinds=STALE", *when(is_gone, "gone=True")]
        return lay("    async with coherence.invalidating(", parts, "):")

    return stale


def _log(spec: RouterSpec) -> Callable[[str, str], str]:
    def log(change: str, identifier: str) -> str:
        """Return one structured log line for a change: tenant and id, without what was sent."""
        event = literal(f"{spec.one.replace('_', ' ')} {change}")
        fields = f'extra={{"fields": {{"tenant": tenant, "id": {identifier}}}}}'
        return lay("    _log.info(", [event, fields], ")")

    return log


def trial_context(spec: RouterSpec) -> dict[str, Any]:
    """Return the variables that the tests' template uses in addition to those of the router's."""
    place, place_type = "engine", "FakeEngine"
    if spec.has_store:
        place, place_type = "store", f"{spec.entity}{'Table' if spec.has_table else 'Memory'}"
    own = ["api: httpx.AsyncClient", f"{place}: {place_type}"]
    with_engine = [*own, *when(spec.type == "hybrid", "engine: FakeEngine")]
    fields = spec.fields
    changed = field_values.body(fields, 1)
    return {
        **parent_trial_context(spec),
        **filter_trial_context(spec),
        "needs_redis": needs_redis(spec),
        "replaces": _replaces(spec),
        "test_imports": _imports(spec),
        "place": place,
        "place_type": place_type,
        "fixtures": _fixtures(spec),
        "parts": own,
        "parts_redis": [*own, "redis: FakeAsyncRedis"],
        "parts_operation": [*with_engine, "operation: str"],
        "changed": changed,
        "part": {fields[0].name: changed[fields[0].name]},
        "least": field_values.least_body(fields),
        "whole": field_values.whole_body(fields),
        "wrong_bodies": ["[]", '{**BODY, "unknown-field": 1}', *when(any(field.required for field in fields), "{}")],
        "places": _places(fields),
        "has_nested": any(field.fields for field in fields),
        "call_line": _call_line(spec),
        "answered": spec.operations != ("delete",),
        "store_methods": tuple_of([literal(_STOREMETHODS[each]) for each in spec.operations]),
        "left_keys": _left(spec),
        "models": _models(spec),
        "events": {spec.operation(each): f"{spec.one.replace('_', ' ')} {_EVENTS[each]}" for each in spec.writes},
        "defaults": _defaults(spec),
        "examples": bool({*spec.operations} - {"delete"})
        + bool(_NEW & set(spec.operations))
        + ("patch" in spec.operations),
        "all_statuses": "{" + ", ".join(sorted({*_statuses(spec).split(", "), "422"})) + "}",
        "older": {**field_values.old_body(fields), "id": "1"},
        "older_answered": {**field_values.old_body(fields, whole=True), "id": "1"},
        "page_items": _page(spec),
        "second": '"cursor": "local:1"' if spec.type == "hybrid" else '"offset": 1',
        "told": "".join(when(spec.type == "hybrid", ", params=TOLD")),
        "lay_list": lay_list,
    }


def _places(fields: Sequence[Field]) -> dict[str, list[str]]:
    """Return values at the bounds and beyond them, each as a pair of its place and the value."""
    first = fields[0]
    found = {
        "EDGES": field_values.edges(fields),
        "BEYOND": [(first.name, literal("none") if first.fields else "{}"), *field_values.beyond(fields)],
    }
    found["BEYOND"] += [(f"{field.name}.unknown-field", "1") for field in fields if field.fields]
    return {name: [f"({literal(place)}, {code})" for place, code in pairs] for name, pairs in found.items()}


def _replaces(spec: RouterSpec) -> bool:
    """Return whether the tests put one thing in the place of another; a session of a table is another each time."""
    return not spec.has_table or spec.has_engine or knows_parent(spec) or needs_redis(spec)


def needs_redis(spec: RouterSpec) -> bool:
    """Return True if anything is kept in Redis."""
    return spec.rate_limiting or spec.caching


def _page(spec: RouterSpec) -> dict[str, str]:
    """Return the page of the second and third of four items, as the router answers it."""
    if spec.type == "hybrid":
        return {"items": "items", "limit": "2", "unreadable": "0", "next_cursor": '"local:3"'}
    page = {"items": "items", "total": "4", "limit": "2", "offset": "1"}
    if spec.has_engine:
        page["unreadable"] = "0"
    return page


def _left(spec: RouterSpec) -> list[str]:
    places = parent_trial_context(spec)
    owners = [f"other:{places['below']}", *when(spec.parents, f"acme:{places['beside']}")]
    kept = [(f"list_{spec.name}", "50/0"), (spec.one, "1")]
    return [literal(key) for key in sorted(f"cache:{kind}:{owner}{rest}" for owner in owners for kind, rest in kept)]


def _models(spec: RouterSpec) -> list[tuple[str, int]]:
    """Return how often each model occurs in the OpenAPI description of the operations."""
    of = [{"create", "update"}, {"patch"}, {"create", "get", "update", "patch"}, {"list"}]
    names = (f"New{spec.entity}", f"{spec.entity}Changes", spec.entity, f"{spec.entity}Page")
    return [(name, len(each & set(spec.operations))) for name, each in zip(names, of, strict=True)]


def _defaults(spec: RouterSpec) -> dict[str, dict[str, Any]]:
    """Return the defaults that the OpenAPI description tells, by model."""
    own = {field.name: wire(field.default) for field in spec.fields if field.default is not None}
    page = {"unreadable": 0} if spec.has_engine else {}
    known = {f"New{spec.entity}": own, spec.entity: own, f"{spec.entity}Page": page}
    return {name: known[name] for name, count in _models(spec) if count and name in known}


def _call_line(spec: RouterSpec) -> Any:
    def call_line(operation: str) -> str:
        path = 'f"{PATH}/1"' if operation in OF_ONE else "PATH"
        body = {"create": "BODY", "update": "CHANGED", "patch": "PART"}.get(operation, "None")
        return f'{literal(spec.operation(operation))}: ("{METHODS[operation]}", {path}, {body}),'

    return call_line


def _fixtures(spec: RouterSpec) -> list[str]:
    wanted = [*when(spec.has_engine, "engine: FakeEngine")]
    wanted += when(spec.has_store and not spec.has_table, f"store: {spec.entity}Memory")
    wanted += when(spec.has_table, "database: AsyncEngine")
    return [*wanted, *when(needs_redis(spec), "redis: FakeAsyncRedis")]


def _imports(spec: RouterSpec) -> str:
    standard = [*when(spec.has_engine, "import asyncio")]
    standard += when(spec.has_engine or (spec.caching and spec.writes), "import json")
    standard += ["import logging"]
    calling = when(_replaces(spec), "Awaitable", "Callable")
    standard += [lay_import("collections.abc", sorted(["AsyncIterator", "Iterator", *calling]))]
    standard += [*when(spec.has_table, lay_import("pathlib", ["Path"])), lay_import("typing", ["Any"])]
    third = ["import httpx", "import pytest", "import pytest_asyncio", *when(spec.has_table, "import sqlalchemy as sa")]
    third += when(needs_redis(spec), lay_import("fakeredis", ["FakeAsyncRedis", "FakeServer"]))
    third += [lay_import("fastapi", ["FastAPI"])]
    if spec.has_table:
        opened = ["AsyncEngine", "AsyncSession", "async_sessionmaker", "create_async_engine"]
        third += [lay_import("sqlalchemy.ext.asyncio", opened), lay_import("sqlalchemy.orm", ["Session"])]
    return "\n".join([*standard, "", *third, "", *_own(spec)])


def _own(spec: RouterSpec) -> list[str]:
    points = [*when(spec.has_engine, "get_http_client")]
    points += when(spec.caching, "get_redis_cache")
    points += when(spec.rate_limiting and not spec.caching, "get_rate_limiter")
    points += when(spec.caching and spec.reads, "get_cache_manager")
    router = ["router"]
    router += when(spec.has_store, spec.entity)
    router += when(spec.has_store and not spec.has_table, f"{spec.entity}Memory", "open_store")
    router += when(spec.has_table, f"{spec.entity}Row", f"{spec.entity}Store", "read_row")
    router += when(knows_parent(spec) and not spec.has_parent_store, "ParentMemory", "open_parents")
    own = [*when(spec.has_engine, lay_import("backend.clients", ["open_http"]))]
    own += when(spec.has_engine, lay_import("backend.config.settings", ["Settings"]))
    own += when(points, lay_import("backend.dependencies_enterprise", points))
    modules = {f"backend.routers.{spec.name}": lay_import(f"backend.routers.{spec.name}", router)}
    if spec.has_parent_store:
        modules[f"backend.routers.{parent_name(spec)}"] = parent_import(spec)
    own += [modules[each] for each in sorted(modules)]
    if spec.has_table:
        own += [lay_import("backend.sessions", ["get_session"]), lay_import("backend.tables", ["Base"])]
    coherence = [*when(caches_below(spec), "CacheCoherenceManager")]
    coherence += when(spec.caching and "delete" in spec.operations, "cached_below")
    if coherence:
        own.append(lay_import("backend.utils.cache_coherence", coherence))
    own += when(spec.caching, lay_import("backend.utils.cache_manager", ["CacheManager"]))
    own += [lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]
    own += when(spec.rate_limiting, lay_import("backend.utils.rate_limiter", ["EnterpriseRateLimiter"]))
    return own
