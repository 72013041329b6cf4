"""The source against the running gateway: limits in force, routes that are listed, counters without TTL."""

from dataclasses import dataclass

import pytest

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.patterns.in_force import (
    WrittenLimits,
    best_match,
    counter_drift,
    limit_drift,
    limits_in,
    published_routes,
    route_drift,
    routes_in,
)
from optimus_tui.patterns.source.project import Project
from tests.patterns_tree import REFERENCE

LIMITER = b"""
WINDOW_SECONDS = 60
class Limiter:
    limits: ClassVar[Mapping[str, int]] = {"chat": 150, "export": 20}
    default_limit: ClassVar[int] = 100
    tenant_overrides = {"big": {"chat": 600}}
"""
PUBLISHED = LimitRules(
    window_seconds=60, limits={"chat": 150, "export": 20}, tenants={"big": {"chat": 600}}, default=100
)
APP = """
from fastapi import FastAPI
from routers import items
app = FastAPI()
app.include_router(items.router, prefix="/api")
@app.get("/health")
async def health(): ...
@app.get("/inner", include_in_schema=False)
async def inner(): ...
"""
ROUTER = """
from fastapi import APIRouter
router = APIRouter(prefix="/items")
@router.get("")
async def everything(): ...
@router.get("/{name:path}")
async def one(name): ...
"""
LISTED: dict[str, object] = {"/health": {"get": {}}, "/api/items": {"get": {}}, "/api/items/{name}": {"get": {}}}


def _project(**files: str) -> Project:
    sources = {f"{name.replace('__', '/')}.py": text.encode() for name, text in files.items()}
    return Project(sources.get, lambda: sources)


def test_limits_are_read_from_the_source() -> None:
    written = WrittenLimits({"chat": 150, "export": 20}, 100, 60, {"big": {"chat": 600}})
    assert limits_in(LIMITER) == written
    path = REFERENCE / "src" / "backend" / "utils" / "rate_limiter.py"
    reference = limits_in(path.read_bytes())
    assert reference is not None and reference.limits["chat"] == 150 and reference.window_seconds == 60


@pytest.mark.parametrize(
    "source", [b"", b"limits = load()", b"limits = {'a': 'b'}", b"limits = {", b"\xff\0", b"limits=[]"]
)
def test_limits_that_are_not_written_out_are_not_compared(source: bytes) -> None:
    assert limits_in(source) is None


def test_equal_limits_are_no_difference() -> None:
    written = limits_in(LIMITER)
    assert written is not None
    assert list(limit_drift(written, PUBLISHED)) == []
    by_default = LimitRules(window_seconds=60, limits={"chat": 150, "export": 20, "other": 100},
                            tenants={"big": {"chat": 600}}, default=100)  # fmt: skip
    assert list(limit_drift(written, by_default)) == []


def test_each_limit_that_differs_is_named_with_both_values() -> None:
    written = limits_in(LIMITER)
    assert written is not None
    published = LimitRules(
        window_seconds=30, limits={"chat": 120, "new": 5}, tenants={"small": {"chat": 1}}, default=90
    )
    told = {one.name: one.message for one in limit_drift(written, published)}
    assert told == {
        "window": "the limits' window is 60 s in the source, 30 s in the running gateway",
        "default": "the limit of operations without one is 100 in the source, 90 in the running gateway",
        "chat": "the limit of chat is 150 in the source, 120 in the running gateway",
        "export": "the limit of export is 20 in the source, 90 in the running gateway",
        "new": "the limit of new is 100 in the source, 5 in the running gateway",
        "big chat": "big's own limit of chat is 600 in the source, none in the running gateway",
        "small chat": "small's own limit of chat is none in the source, 1 in the running gateway",
    }


def test_counters_without_ttl_are_counted_by_operation() -> None:
    found = list(counter_drift(["export", "chat", "chat"]))
    assert [(one.kind, one.name, one.priority) for one in found] == [
        ("counter without TTL", "chat", "high"), ("counter without TTL", "export", "high")
    ]  # fmt: skip
    assert found[0].message.startswith("2 counters of chat have no TTL")


def test_an_application_that_lists_its_routes_is_no_difference() -> None:
    live = published_routes({"paths": LISTED})
    assert live is not None
    app = best_match(routes_in(_project(main=APP, routers__items=ROUTER)), live)
    assert app is not None and app.whole
    assert list(route_drift(app, live)) == []


def test_a_route_that_only_one_side_has_is_a_difference() -> None:
    live = published_routes({"paths": {**LISTED, "/old": {"post": {}}, "/api/items": {"parameters": []}}})
    assert live is not None
    app = best_match(routes_in(_project(main=APP, routers__items=ROUTER)), live)
    assert app is not None
    assert [(one.kind, one.name) for one in route_drift(app, live)] == [
        ("route not served", "GET /api/items"), ("route undeclared", "POST /old")
    ]  # fmt: skip


def test_routes_without_source_are_not_judged_where_a_path_is_not_known() -> None:
    unclear = APP.replace('prefix="/api"', "prefix=settings.prefix")
    live = published_routes({"paths": LISTED})
    assert live is not None
    app = best_match(routes_in(_project(main=unclear, routers__items=ROUTER)), live)
    assert app is not None and not app.whole
    assert list(route_drift(app, live)) == []


def test_the_application_of_the_live_routes_is_chosen_and_a_strange_one_is_none() -> None:
    live = published_routes({"paths": LISTED})
    assert live is not None
    other = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/health')\nasync def health(): ...\n"
    apps = list(routes_in(_project(main=APP, routers__items=ROUTER, engine=other)))
    chosen = best_match(apps, live)
    assert len(apps) == 2 and chosen is not None and ("get", "/api/items") in chosen.routes
    assert best_match(apps, frozenset({("get", "/else")})) is None


@dataclass
class _Odd:
    paths: int = 1


@pytest.mark.parametrize("document", [None, 5, [], {}, {"paths": []}, _Odd()])
def test_what_is_no_openapi_document_has_no_routes(document: object) -> None:
    assert published_routes(document) is None
