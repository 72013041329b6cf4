"""The lines of a generated router and its tests that depend on several answers, broken as the formatter would. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from optimus_tui.scaffold.spec import OF_ONE, READS, TYPES, Field, RouterSpec, literal

WIDTH = 110
"""Characters in a line of the gateway's project."""
_KEPT = {
    "proxy": "kept by the AI Engine",
    "direct": "in the gateway's own store",
    "hybrid": "in the gateway's own store, else in the AI Engine",
}
_STOREMETHODS = {"list": "page", "create": "add", "get": "find", "update": "replace", "delete": "remove"}
METHODS = {"list": "GET", "create": "POST", "get": "GET", "update": "PUT", "delete": "DELETE"}


def lay(opening: str, parts: Sequence[str], closing: str) -> str:
    """Write ``opening(a, b)closing`` on one line, else its parts on a line of their own, else one part a line."""
    inner = ", ".join(parts)
    one = f"{opening}{inner}{closing}"
    if len(one) <= WIDTH or not parts:
        return one
    outer = " " * (len(opening) - len(opening.lstrip()))
    middle = f"{outer}    {inner}"
    if len(middle) > WIDTH:
        middle = "\n".join(f"{outer}    {part}," for part in parts)
    return f"{opening}\n{middle}\n{outer}{closing}"


def lay_list(opening: str, items: Sequence[str]) -> str:
    """Write ``opening[a, b]`` on one line, else one item a line."""
    one = f"{opening}[{', '.join(items)}]"
    if len(one) <= WIDTH:
        return one
    outer = " " * (len(opening) - len(opening.lstrip()))
    return "\n".join([f"{opening}[", *(f"{outer}    {item}," for item in items), f"{outer}]"])


def lay_import(module: str, names: Iterable[str]) -> str:
    """Write a sorted import: CONSTANTS, Classes, functions; one name a line if they do not fit."""
    ordered = sorted(set(names), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    one = f"from {module} import {', '.join(ordered)}"
    if len(one) <= WIDTH:
        return one
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"


def when(condition: object, *items: str) -> tuple[str, ...]:
    """Return the items if the condition holds, else none."""
    if not condition:
        return ()
    return items


def context(spec: RouterSpec) -> dict[str, Any]:
    """Return everything that the templates may use."""
    return {
        "s": spec,
        "PATH": f"/api/{spec.name}",
        "many": spec.name.replace("_", " "),
        "single": spec.one.replace("_", " "),
        "kept_where": _KEPT[spec.type],
        "imports": router_imports(spec),
        "of_one": any(each in OF_ONE for each in spec.operations),
        "has_models": has_models(spec),
        "takes_body": takes_body(spec),
        "caught": caught(spec),
        "cache_source": [*when(spec.type == "hybrid", "source")],
        "literal": literal,
        "lay": lay,
        "route": _route(spec),
        "function": _function(spec),
        "stale": _stale(spec),
        "log": _log(spec),
    }


def takes_body(spec: RouterSpec) -> bool:
    """Return True if callers send the resource."""
    return bool({"create", "update"} & set(spec.operations))


def has_models(spec: RouterSpec) -> bool:
    """Return True if the resource is ever seen; a proxy that only deletes never sees one."""
    return spec.has_store or spec.operations != ("delete",)


def caught(spec: RouterSpec) -> str:
    """Return the exceptions that mean a failure behind this router."""
    kinds = [*when(spec.has_engine, "httpx.HTTPError")]
    kinds += when(spec.has_store, "OSError")
    kinds += when(_validates(spec), "ValidationError")
    if len(kinds) == 1:
        return kinds[0]
    return f"({', '.join(kinds)})"


def _validates(spec: RouterSpec) -> bool:
    """Return True if answers of the engine are checked; the answer to a deletion is empty."""
    return spec.has_engine and spec.operations != ("delete",)


def router_imports(spec: RouterSpec) -> str:
    """Return the imports that are used, in sorted order."""
    cached = spec.caching and bool(spec.reads)
    of_one = any(each in OF_ONE for each in spec.operations)
    typing = {*when(of_one or spec.has_store or spec.uses("Text"), "Annotated")}
    typing.update(when(cached, "Any"))
    typing.update(when(spec.has_store, "Protocol"))
    typing.update(when(spec.type == "hybrid", "Literal"))
    standard = [*when(spec.uses("dt.date", "dt.datetime") and has_models(spec), "import datetime as dt")]
    standard += ["import logging"]
    standard += when(spec.has_store and "create" in spec.operations, "import uuid")
    standard += [lay_import("collections.abc", ["AsyncIterator"])]
    standard += when(typing, lay_import("typing", typing))
    fastapi = {"APIRouter", "Depends", "HTTPException"}
    fastapi.update(when(of_one, "Path"))
    fastapi.update(when(spec.type == "hybrid", "Query"))
    fastapi.update(when(cached, "Response"))
    pydantic = {"BaseModel"}
    pydantic.update(when(takes_body(spec), "ConfigDict"))
    pydantic.update(when(spec.uses("Text"), "StringConstraints"))
    pydantic.update(when(spec.uses("FiniteFloat"), "FiniteFloat"))
    pydantic.update(when(_validates(spec), "ValidationError"))
    third = [*when(spec.has_engine, "import httpx")]
    third += [lay_import("fastapi", fastapi)]
    third += when(has_models(spec), lay_import("pydantic", pydantic))
    return "\n".join([*standard, "", *third, "", *_own_imports(spec)])


def _own_imports(spec: RouterSpec) -> list[str]:
    needs = {"Tenant"}
    needs.update(when(spec.has_engine, "Engine"))
    needs.update(when("list" in spec.operations, "Paging"))
    needs.update(when(spec.caching and spec.reads, "Cache"))
    needs.update(when(spec.caching and spec.writes, "Coherence"))
    needs.update(when(spec.rate_limiting, "rate_limited"))
    own = [lay_import("backend.dependencies_enterprise", needs)]
    if spec.has_engine:
        own.append(lay_import("backend.errors", ["refusal_of"]))
    if spec.caching and spec.writes:
        own.append(lay_import("backend.utils.cache_coherence", ["InvalidationType"]))
    if spec.has_engine:
        own.append(lay_import("backend.utils.circuit_breaker", ["CircuitOpenError"]))
    return [*own, lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]


def _route(spec: RouterSpec) -> Callable[..., str]:
    def route(method: str, operation: str, *more: str, both: bool = False) -> str:
        """Return the decorator; two of them for the collection's path, with and without its slash."""
        limited = [f"dependencies=[Depends(rate_limited({literal(spec.operation(operation))}))]"]
        rest = [*more, *when(spec.rate_limiting, *limited)]
        if operation in OF_ONE:
            return lay(f"@router.{method}(", [literal(f"/{{{spec.one}_id}}"), *rest], ")")
        plain = lay(f"@router.{method}(", ['""', *rest], ")")
        return (
            plain + "\n" + lay(f"@router.{method}(", ['"/"', *more, "include_in_schema=False", *rest[len(more) :]], ")")
        )

    return route


def _function(spec: RouterSpec) -> Callable[..., str]:
    def function(operation: str, own: list[str], answer: str) -> str:
        """Return the signature: the path's id, the tenant, and what the function uses."""
        takes = [*when(operation in OF_ONE, f"{spec.one}_id: {spec.entity}Id")]
        takes += [*own, "tenant: Tenant"]
        takes += when(spec.has_engine, "engine: Engine")
        takes += when(spec.has_store, "store: Store")
        if spec.caching:
            takes += when(operation in READS, "cache: Cache", "response: Response")
            takes += when(operation not in READS, "coherence: Coherence")
        takes += when(spec.type == "hybrid", 'source: Source = "local"')
        return lay(f"async def {spec.operation(operation)}(", takes, f") -> {answer}:")

    return function


def _stale(spec: RouterSpec) -> Callable[[str], str]:
    def stale(identifier: str) -> str:
        """Return the invalidation, which also publishes the event."""
        if not spec.caching:
            return ""
        parts = ["InvalidationType.RESOURCE_UPDATED", "tenant"]
        parts += when(identifier, f"resource_id={identifier}")
        return lay("    await coherence.invalidate_by_event(", [*parts, "kinds=STALE"], ")")

    return stale


def _log(spec: RouterSpec) -> Callable[[str, str], str]:
    def log(change: str, identifier: str) -> str:
        """Return one structured log line for a change: tenant and id, without what was sent."""
        event = literal(f"{spec.one.replace('_', ' ')} {change}")
        fields = f'extra={{"fields": {{"tenant": tenant, "id": {identifier}}}}}'
        return lay("    _log.info(", [event, fields], ")")

    return log


def trial_context(spec: RouterSpec) -> dict[str, Any]:
    """Return everything that the tests' template uses besides the router's."""
    place, place_type = "engine", "FakeEngine"
    if spec.has_store:
        place, place_type = "store", f"{spec.entity}Memory"
    own = ["api: httpx.AsyncClient", f"{place}: {place_type}"]
    with_engine = [*own, *when(spec.type == "hybrid", "engine: FakeEngine")]
    body = sample(spec.fields)
    required = {field.name: body[field.name] for field in spec.fields if field.required}
    return {
        "needs_redis": needs_redis(spec),
        "test_imports": _imports(spec),
        "place": place,
        "place_type": place_type,
        "fixtures": _fixtures(spec),
        "parts": own,
        "parts_redis": [*own, "redis: FakeAsyncRedis"],
        "parts_operation": [*with_engine, "operation: str"],
        "body": body,
        "changed": {field.name: TYPES[field.type].samples[1] for field in spec.fields},
        "least": required,
        "whole": {field.name: body[field.name] if field.required else field.default for field in spec.fields},
        "wrong_bodies": _wrong(spec),
        "call_line": _call_line(spec),
        "answered": spec.operations != ("delete",),
        "store_methods": _tuple([_STOREMETHODS[each] for each in spec.operations]),
        "left_keys": _left(spec),
        "models": _models(spec),
        "told": "".join(when(spec.type == "hybrid", ", params=TOLD")),
        "lay_dict": lay_dict,
        "lay_list": lay_list,
    }


def sample(fields: Sequence[Field]) -> dict[str, Any]:
    """Return a valid body: a plain value for each field."""
    return {field.name: TYPES[field.type].samples[0] for field in fields}


def needs_redis(spec: RouterSpec) -> bool:
    """Return True if anything is kept in Redis."""
    return spec.rate_limiting or spec.caching


def lay_dict(opening: str, values: Mapping[str, Any]) -> str:
    """Write a dictionary of plain values on one line, else one entry a line."""
    entries = [f"{literal(key)}: {literal(value)}" for key, value in values.items()]
    one = f"{opening}{{{', '.join(entries)}}}"
    if len(one) <= WIDTH:
        return one
    outer = " " * (len(opening) - len(opening.lstrip()))
    return "\n".join([f"{opening}{{", *(f"{outer}    {entry}," for entry in entries), f"{outer}}}"])


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(literal(name) for name in names)}{',' if len(names) == 1 else ''})"


def _left(spec: RouterSpec) -> list[str]:
    return [literal(key) for key in sorted([f"cache:list_{spec.name}:other:50/0", f"cache:{spec.one}:other:1"])]


def _models(spec: RouterSpec) -> list[tuple[str, int]]:
    """Return how often each model occurs in the OpenAPI description of the operations."""
    of = [{"create", "update"}, {"create", "get", "update"}, {"list"}]
    names = (f"New{spec.entity}", spec.entity, f"{spec.entity}Page")
    return [(name, len(each & set(spec.operations))) for name, each in zip(names, of, strict=True)]


def _wrong(spec: RouterSpec) -> list[str]:
    named = {field.type: literal(field.name) for field in spec.fields}
    wrong = ["[]", '{**BODY, "unknown-field": 1}', f"{{**BODY, {literal(spec.fields[0].name)}: []}}"]
    if "str" in named:
        wrong += [f'{{**BODY, {named["str"]}: ""}}', f'{{**BODY, {named["str"]}: "x" * 2001}}']
    if "float" in named:
        wrong.append(f'{{**BODY, {named["float"]}: "nan"}}')
    return [*wrong, *when(any(field.required for field in spec.fields), "{}")]


def _call_line(spec: RouterSpec) -> Any:
    def call_line(operation: str) -> str:
        path = 'f"{PATH}/1"' if operation in OF_ONE else "PATH"
        body = {"create": "BODY", "update": "CHANGED"}.get(operation, "None")
        return f'{literal(spec.operation(operation))}: ("{METHODS[operation]}", {path}, {body}),'

    return call_line


def _fixtures(spec: RouterSpec) -> list[str]:
    wanted = [*when(spec.has_engine, "engine: FakeEngine")]
    wanted += when(spec.has_store, f"store: {spec.entity}Memory")
    return [*wanted, *when(needs_redis(spec), "redis: FakeAsyncRedis")]


def _imports(spec: RouterSpec) -> str:
    standard = [*when(spec.has_engine, "import asyncio")]
    standard += when(spec.has_engine or (spec.caching and spec.writes), "import json")
    standard += ["import logging"]
    standard += [lay_import("collections.abc", ["AsyncIterator", "Iterator"]), lay_import("typing", ["Any"])]
    third = ["import httpx", "import pytest", "import pytest_asyncio"]
    third += when(needs_redis(spec), lay_import("fakeredis", ["FakeAsyncRedis", "FakeServer"]))
    third += [lay_import("fastapi", ["FastAPI"])]
    return "\n".join([*standard, "", *third, "", *_own(spec)])


def _own(spec: RouterSpec) -> list[str]:
    points = [*when(spec.has_engine, "get_http_client")]
    points += when(spec.caching, "get_redis_cache")
    points += when(spec.rate_limiting and not spec.caching, "get_rate_limiter")
    points += when(spec.caching and spec.reads, "get_cache_manager")
    router = ["router"]
    router += when(spec.has_store, spec.entity, f"{spec.entity}Memory", "open_store")
    own = [*when(spec.has_engine, lay_import("backend.clients", ["open_http"]))]
    own += when(spec.has_engine, lay_import("backend.config.settings", ["Settings"]))
    own += when(points, lay_import("backend.dependencies_enterprise", points))
    own += [lay_import(f"backend.routers.{spec.name}", router)]
    own += when(spec.caching and spec.reads, lay_import("backend.utils.cache_manager", ["CacheManager"]))
    own += [lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]
    own += when(spec.rate_limiting, lay_import("backend.utils.rate_limiter", ["EnterpriseRateLimiter"]))
    return own
