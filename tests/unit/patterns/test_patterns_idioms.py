"""Lists, models, caches, clients and middleware as ordinary projects write them."""

import pytest

from tests.patterns_tree import rules_of

_LIST = """
from typing import Annotated
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
router = APIRouter()

class Paging(BaseModel):
    page: int = 1
    per_page: int = Field(20{of_model})

def paging(page: int = Query(1, gt=0), items_per_page: int = Query(5, gt=-2{of_function})):
    return page, items_per_page

@router.get("/things", response_model={model})
async def read_things({given}, store=Depends(get_store)):
    return await store.find({used})
"""


def _is_endless(
    given: str, model: str = "list[Thing]", used: str = "1", of_model: str = "", of_function: str = ""
) -> bool:
    source = _LIST.format(given=given, model=model, used=used, of_model=of_model, of_function=of_function)
    return "lists.unbounded" in rules_of(source)


@pytest.mark.parametrize(
    ("given", "endless"),
    [
        ("limit: int = 100", True),
        ("limit: int | None = None", True),
        ("limit: int = Query(100, le=200)", False),
        ("limit: Annotated[int, Query(le=200)] = 50", False),
        ("limit: int = Query(100, lt=2147483647)", True),
        ("page: int = 1", False),
        ("page: int = 1, per_page: int = 20", True),
        ("params: Annotated[Paging, Query()]", True),
        ("common=Depends(paging)", True),
    ],
)
def test_each_paging_parameter_is_judged_by_itself(given: str, endless: bool) -> None:
    assert _is_endless(given) == endless


def test_a_bound_in_a_query_model_or_a_dependency_counts_and_so_does_one_in_the_handler() -> None:
    assert not _is_endless("params: Annotated[Paging, Query()]", of_model=", le=100")
    assert not _is_endless("common=Depends(paging)", of_function=", le=100")
    assert not _is_endless("limit: int = 100", used="min(limit, 200)")


@pytest.mark.parametrize(
    ("model", "endless"),
    [("Page[list[Thing]]", True), ("ThingPagination", True), ("Thing", False), ("dict[str, int]", False)],
)
def test_a_wrapper_round_a_list_is_a_list(model: str, endless: bool) -> None:
    assert _is_endless("limit: int = 100", model=model) == endless


_BODY = """
from fastapi import APIRouter, Request
router = APIRouter()

@router.post("/x")
async def make(request: Request, {given}) -> {answer}:
    {body}
    return await store.add(1)
"""


@pytest.mark.parametrize(
    ("given", "body", "checked"),
    [
        ("name: str", "data = await request.json()", False),
        ("name: str", "data = await request.form()", True),
        ("name: str", "data = await request.body()", True),
        ("counts: dict[str, int]", "pass", True),
        ("counts: dict", "pass", False),
        ("counts: dict[str, Any]", "pass", False),
    ],
)
def test_a_form_is_no_unchecked_json_and_typed_values_describe_a_dictionary(
    given: str, body: str, checked: bool
) -> None:
    source = _BODY.format(given=given, body=body, answer="Thing")
    assert ("models.input" not in rules_of(source)) == checked
    assert "models.response" not in rules_of(_BODY.format(given="name: str", body="pass", answer="dict[str, int]"))
    assert "models.response" in rules_of(_BODY.format(given="name: str", body="pass", answer="dict[str, Any]"))


_CACHED = """
from fastapi import APIRouter, Depends
router = APIRouter()

@router.get("/products/{{product_id}}")
async def get_product(product_id: str, tenant: Tenant, cache: Cache, repo: Repo) -> Product:
    found = await cache.get(f"{{tenant}}:{{product_id}}")
    if found is None:
        found = await repo.one(tenant, product_id)
        {stores}
    return found

@router.{verb}("{path}")
async def {name}(product_id: str, tenant: Tenant, repo: Repo) -> Product:
    return await repo.change(tenant, product_id)
"""


@pytest.mark.parametrize(
    ("stores", "verb", "path", "name", "stale"),
    [
        ("await cache.set(product_id, found, ttl=5)", "put", "/products/{product_id}", "change_product", True),
        ("pass", "put", "/products/{product_id}", "change_product", False),
        ("await cache.set(product_id, found, ttl=5)", "post", "/products", "calculate_price", False),
        ("await cache.set(product_id, found, ttl=5)", "post", "/checkout", "begin_checkout", False),
    ],
)
def test_a_write_is_stale_where_a_route_stores_what_it_changes(
    stores: str, verb: str, path: str, name: str, stale: bool
) -> None:
    source = _CACHED.format(stores=stores, verb=verb, path=path, name=name)
    assert ("caching.no_invalidation" in rules_of(source)) == stale


_KEY = """
from fastapi import APIRouter, Depends
router = APIRouter()

@router.get("/products/{{product_id}}")
async def get_product(product_id: str, tenant_id: str, redis: Redis) -> Product:
    {line}
    return await repo.one(tenant_id, product_id)
"""


@pytest.mark.parametrize(
    ("line", "shared"),
    [
        ('found = await redis.get(f"product:{product_id}")', True),
        ('found = await get_redis_client(tenant_id=tenant_id).get(f"product:{product_id}")', False),
        ('cache = client_for(tenant_id)\n    found = await cache.get(f"product:{product_id}")', False),
        ('found = await get_shared_cache().get(f"product:{product_id}")', False),
    ],
)
def test_a_cache_that_was_made_for_a_tenant_needs_no_tenant_in_its_keys(line: str, shared: bool) -> None:
    assert ("caching.key_without_tenant" in rules_of(_KEY.format(line=line))) == shared


_CLIENT = """
import httpx, boto3
from fastapi import APIRouter
router = APIRouter()

@router.post("/models")
async def models(asked: Asked, name: str) -> Thing:
    {line}
    return client
"""


@pytest.mark.parametrize(
    ("line", "each_time"),
    [
        ("client = httpx.AsyncClient(timeout=2)", True),
        ("client = httpx.AsyncClient(auth=asked.credentials)", False),
        ("session = boto3.Session(region_name=asked.region)\n    client = session.client('s3')", False),
    ],
)
def test_a_client_with_the_callers_credentials_cannot_be_shared(line: str, each_time: bool) -> None:
    assert ("injection.client_per_request" in rules_of(_CLIENT.format(line=line))) == each_time


_PLAIN = """
from fastapi import APIRouter
router = APIRouter()

@router.get("/things/{{thing_id}}")
async def thing(thing_id: str, {given}) -> Thing:
    return await repo.one(thing_id)
"""
_APP = """
import logging
import x
from fastapi import FastAPI
log = logging.getLogger("app")

def install(app):
    @app.middleware("http")
    async def seen(request, call_next):
        {line}
        return await call_next(request)

app = FastAPI()
app.include_router(x.router)
install(app)
log.info("started")
"""


def test_what_a_nested_middleware_does_counts_for_all_routes_and_a_line_at_start_up_for_none() -> None:
    plain = _PLAIN.format(given="limit: int = 1")
    assert {"logging.missing", "tenancy.missing"} <= rules_of(plain, app=_APP.format(line="pass"))
    assert "logging.missing" not in rules_of(plain, app=_APP.format(line='log.info("asked")'))
    tenant = 'TENANT_ID.set(request.headers["X-Tenant-ID"])'
    assert "tenancy.missing" not in rules_of(plain, app=_APP.format(line=tenant))


@pytest.mark.parametrize(
    "given", ["user: CurrentUser", "_=Depends(require_permission('x'))", "admin=Depends(get_admin)"]
)
def test_a_route_bound_to_its_caller_or_to_a_right_knows_whose_data_it_touches(given: str) -> None:
    source = _PLAIN.format(given=given).replace("repo.one(thing_id)", "repo.one(thing_id, user)")
    assert "tenancy.missing" not in rules_of(source)


@pytest.mark.parametrize(
    ("body", "each_time"),
    [
        ("return Elasticsearch(url())", True),
        ("global client\n    client = client or Elasticsearch(url())\n    return client", False),
        ("if not POOL.client:\n        POOL.client = Elasticsearch(url())\n    return POOL.client", False),
        ("yield Elasticsearch(url())", False),
    ],
)
def test_a_client_that_a_function_of_another_file_makes_each_time_is_found(body: str, each_time: bool) -> None:
    maker = f"from elasticsearch import Elasticsearch\nclient = None\ndef connected():\n    {body}\n"
    route = (
        "from fastapi import APIRouter\nfrom maker import connected\nrouter = APIRouter()\n"
        '@router.get("/x")\ndef find():\n    return connected().search()\n'
    )
    assert ("injection.client_per_request" in rules_of(route, maker=maker)) is each_time


def test_a_default_of_a_tenant_that_is_not_used_serves_nobody() -> None:
    route = (
        "from fastapi import APIRouter\nrouter = APIRouter()\n"
        '@router.get("/kinds")\ndef kinds(tenant_id: str | None = None) -> list[str]:\n    return {body}\n'
    )
    assert "tenancy.optional" not in rules_of(route.replace("{body}", '["a"]'))
    assert "tenancy.optional" in rules_of(route.replace("{body}", "kinds_of(tenant_id)"))
