"""What the generated tests need: the bodies that they send, their calls, and their imports. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from optimus_tui.scaffold.fields import TYPES, Field, literal
from optimus_tui.scaffold.layout import WIDTH, lay_import, lay_list
from optimus_tui.scaffold.spec import OF_ONE, RouterSpec

_STOREMETHODS = {"list": "page", "create": "add", "get": "find", "update": "replace", "delete": "remove"}
METHODS = {"list": "GET", "create": "POST", "get": "GET", "update": "PUT", "delete": "DELETE"}


def trial_context(spec: RouterSpec) -> dict[str, Any]:
    """Return everything that the tests' template uses besides the router's."""
    place = "store" if spec.has_store else "engine"
    place_type = f"{spec.entity}Memory" if spec.has_store else "FakeEngine"
    own = ["api: httpx.AsyncClient", f"{place}: {place_type}"]
    with_engine = [*own, "engine: FakeEngine"] if spec.type == "hybrid" else own
    body = sample(spec.fields)
    least = {field.name: body[field.name] for field in spec.fields if field.required}
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
        "least": least,
        "whole": {field.name: body[field.name] if field.required else field.default for field in spec.fields},
        "wrong_bodies": _wrong(spec),
        "call_line": _call_line(spec),
        "answered": spec.operations != ("delete",),
        "store_methods": _tuple([_STOREMETHODS[each] for each in spec.operations]),
        "left_keys": _left(spec),
        "models": _models(spec),
        "told": ", params=TOLD" if spec.type == "hybrid" else "",
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
    wrong += [f'{{**BODY, {named["str"]}: ""}}', f'{{**BODY, {named["str"]}: "x" * 2001}}'] if "str" in named else []
    wrong += [f'{{**BODY, {named["float"]}: "nan"}}'] if "float" in named else []
    return [*wrong, *(["{}"] if any(field.required for field in spec.fields) else [])]


def _call_line(spec: RouterSpec) -> Any:
    def call_line(operation: str) -> str:
        path = 'f"{PATH}/1"' if operation in OF_ONE else "PATH"
        body = {"create": "BODY", "update": "CHANGED"}.get(operation, "None")
        return f'{literal(spec.operation(operation))}: ("{METHODS[operation]}", {path}, {body}),'

    return call_line


def _fixtures(spec: RouterSpec) -> list[str]:
    wanted = ["engine: FakeEngine"] if spec.has_engine else []
    wanted += [f"store: {spec.entity}Memory"] if spec.has_store else []
    return wanted + (["redis: FakeAsyncRedis"] if needs_redis(spec) else [])


def _imports(spec: RouterSpec) -> str:
    standard = ["import asyncio"] if spec.has_engine else []
    standard += ["import json"] if spec.has_engine or (spec.caching and spec.writes) else []
    standard += ["import logging"]
    standard += [lay_import("collections.abc", ["AsyncIterator", "Iterator"]), lay_import("typing", ["Any"])]
    third = ["import httpx", "import pytest", "import pytest_asyncio"]
    third += [lay_import("fakeredis", ["FakeAsyncRedis", "FakeServer"])] if needs_redis(spec) else []
    third += [lay_import("fastapi", ["FastAPI"])]
    return "\n".join([*standard, "", *third, "", *_own(spec)])


def _own(spec: RouterSpec) -> list[str]:
    points = ["get_http_client"] if spec.has_engine else []
    points += ["get_redis_cache"] if spec.caching else ["get_rate_limiter"] if spec.rate_limiting else []
    points += ["get_cache_manager"] if spec.caching and spec.reads else []
    router = ["router"]
    router += [spec.entity, f"{spec.entity}Memory", "open_store"] if spec.has_store else []
    own = [lay_import("backend.clients", ["open_http"])] if spec.has_engine else []
    own += [lay_import("backend.config.settings", ["Settings"])] if spec.has_engine else []
    own += [lay_import("backend.dependencies_enterprise", points)] if points else []
    own += [lay_import(f"backend.routers.{spec.name}", router)]
    own += [lay_import("backend.utils.cache_manager", ["CacheManager"])] if spec.caching and spec.reads else []
    own += [lay_import("backend.utils.metrics", ["RESOURCE_FAILURES"])]
    own += [lay_import("backend.utils.rate_limiter", ["EnterpriseRateLimiter"])] if spec.rate_limiting else []
    return own
