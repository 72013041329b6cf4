"""What the generated tests need: the bodies that they send, their calls, and their imports. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from optimus_tui.scaffold.fields import TYPES, Field, literal
from optimus_tui.scaffold.layout import WIDTH, lay_import, lay_list, when
from optimus_tui.scaffold.spec import OF_ONE, RouterSpec

_STOREMETHODS = {"list": "page", "create": "add", "get": "find", "update": "replace", "delete": "remove"}
METHODS = {"list": "GET", "create": "POST", "get": "GET", "update": "PUT", "delete": "DELETE"}


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
