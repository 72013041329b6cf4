"""Idioms of other people's projects that a rule once took for a fault, or for none, each as a case of our own."""

import pytest

from optimus_tui.patterns.habits import lacking_by_use
from optimus_tui.patterns.judge import ROUTELESS, UNREAD, Share, Verdict
from optimus_tui.patterns.selection import RuleSelection
from optimus_tui.patterns.signs import Signs, detected
from tests.patterns_tree import judged, rules_of

_FACTORY = """from fastapi_limiter.depends import RateLimiter
from settings import settings
def rate_limit(*, times=1, seconds=1):
    if not settings.limits_are_on:
        async def nothing():
            return None
        return nothing
    return RateLimiter(times=times, seconds=seconds)
def given_limiter():
    return other
"""
_WINDOW = """from time import time
SEEN = {}
def rate_limit(key, most, seconds):
    stamps = [one for one in SEEN.get(key, []) if time() - one < seconds]
    if len(stamps) >= most:
        return False
    stamps.append(time())
    SEEN[key] = stamps
    return True
"""


@pytest.mark.parametrize(
    ("declared", "missing"),
    [
        (", dependencies=[Depends(rate_limit(times=5, seconds=60))]", False),
        (", dependencies=[Depends(given_limiter)]", True),
        ("", True),
    ],
)
def test_a_factory_of_a_librarys_limiter_limits_also_where_a_switch_is_in_front_of_it(
    declared: str, missing: bool
) -> None:
    source = f"""
from fastapi import APIRouter, Depends
from limit import rate_limit, given_limiter
router = APIRouter()
@router.post("/orders"{declared})
async def order(name: str):
    return await store.add(name)
"""
    assert ("limits.missing" in rules_of(source, limit=_FACTORY, settings="settings = 1")) is missing


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        ('if not rate_limit(f"mail:{email}", 3, 60):\n        return {"status": "ok"}', False),
        ('if not rate_limit(f"mail:{email}", 3, 60):\n        raise ValueError("slowly")', False),
        ('allowed = rate_limit(f"mail:{email}", 3, 60)\n    if not allowed:\n        return {"status": "ok"}', False),
        ('if rate_limit(f"mail:{email}", 3, 60):\n        note(email)', True),
    ],
)
def test_a_limiter_that_ends_a_request_quietly_limits_it(asked: str, missing: bool) -> None:
    source = f"""
from fastapi import APIRouter
from limit import rate_limit
router = APIRouter()
@router.post("/again")
def send_again(email: str):
    {asked}
    send_mail(email)
    return {{"status": "ok"}}
"""
    assert ("limits.missing" in rules_of(source, limit=_WINDOW)) is missing


def _lacks(limiter: str, limited: int, of: int, tenants: tuple[int, int] = (0, 0)) -> bool:
    """Return whether a project of these routes is left alone by ``limits.missing``."""
    signs = Signs({})
    signs.look("app/limit.py", limiter.encode())
    found = detected(signs)
    shares = (Share("limits.missing", of, of - limited), Share("tenancy.missing", *tenants))
    lacks = found.lacks | lacking_by_use([Verdict(shares=shares)], found)
    return "limits.missing" not in RuleSelection("gateway", lacks=lacks).at("x.py")


_OWN = "import fastapi\ndef check_rate_limit(key): ...\n"
_BY_LIBRARY = "from slowapi import Limiter\nlimiter = Limiter(key_func=who)\n"
_BY_NAME = f'{_BY_LIBRARY}@limiter.limit("5/minute")\ndef login(): ...\n'
_BY_DEFAULT = 'from slowapi import Limiter\nlimiter = Limiter(key_func=who, default_limits=["100/minute"])\n'
_TENANT = "import fastapi\ndef check_rate_limit(key): ...\ndef read(tenant_id: str): ...\n"


@pytest.mark.parametrize(
    ("limiter", "limited", "of", "tenants", "left_alone"),
    [
        (_OWN, 3, 40, (0, 0), True),  # which routes need one was decided
        (_OWN, 2, 7, (0, 0), True),
        (_OWN, 25, 40, (0, 0), False),  # it limits most
        (_BY_NAME, 3, 40, (0, 0), True),
        (_BY_NAME, 0, 40, (0, 0), True),
        (_BY_LIBRARY, 0, 40, (0, 0), False),  # set up, and used nowhere
        (_OWN, 0, 40, (0, 0), True),  # something else than requests is limited
        (_BY_DEFAULT, 3, 40, (0, 0), False),  # meant for all, and no middleware applies it
        (_TENANT, 3, 40, (40, 5), True),
        ("import fastapi\ndef read(tenant_id: str): ...\n", 0, 40, (40, 5), True),  # nothing is limited anywhere
        ("import fastapi\ndef read(tenant_id: str): ...\n", 0, 5, (5, 0), True),
        ("import fastapi\n", 0, 40, (0, 0), True),
    ],
)
def test_limits_are_asked_for_where_limiting_is_the_rule_of_a_project(
    limiter: str, limited: int, of: int, tenants: tuple[int, int], left_alone: bool
) -> None:
    assert _lacks(limiter, limited, of, tenants) is left_alone


@pytest.mark.parametrize(
    ("answered", "swallowed"),
    [
        ("await socket.close(code=4001)", False),
        ("await socket.close()", True),
        ('await socket.send_json({"error": "no"})', False),
        ("failed.append(one)", False),
        ("found.append(one)", True),
        ("failed += 1", False),
        ("found += 1", True),
        ("found = None", True),
        ('state["database"] = "unhealthy"', False),
        ('state["database"] = ""', True),
        ("healthy = False", False),
    ],
)
def test_what_tells_the_caller_of_a_failure_swallows_nothing(answered: str, swallowed: bool) -> None:
    source = f"""
from fastapi import FastAPI, WebSocket
app = FastAPI()
@app.websocket("/live")
async def live(socket: WebSocket):
    failed = found = 0
    state = {{}}
    try:
        await read(socket)
    except Exception:
        {answered}
    await socket.send_json([failed, found, state])
"""
    assert ("errors.swallowed" in rules_of(source)) is swallowed


_AUDIT = "def log_action(db, action):\n    db.add(Entry(action=action))\n    db.commit()\n"


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ('log_action(db, "order.made")', False),
        ("db.add(AuditLog(action=1))", False),
        ('await audit_service.record("order.made")', False),
        ("log_in(db)", True),
        ("log_level(db)", True),
        ("db.add(Order(name=1))", True),
        ("get_audit_log(db)", True),
        ("AuditLogResponse(entries=[])", True),
    ],
)
def test_an_audit_trail_is_a_record_of_what_was_done(written: str, missing: bool) -> None:
    source = f"""
from fastapi import APIRouter
from audit import log_action
router = APIRouter()
@router.post("/orders")
async def order(name: str):
    {written}
    return {{"name": name}}
"""
    assert ("logging.missing" in rules_of(source, audit=_AUDIT)) is missing


@pytest.mark.parametrize(
    ("given", "name", "endless"),
    [
        ("days: int = Query(14, ge=7, le=90)", "get_sales", False),
        ("days: int = 30", "get_sales", False),
        ("word: str = ''", "get_sales", True),
        ("word: str = ''", "get_trends", False),
    ],
)
def test_a_window_of_days_ends_a_list(given: str, name: str, endless: bool) -> None:
    source = f"""
from fastapi import APIRouter, Depends, Query
router = APIRouter()
@router.get("/{name.removeprefix("get_")}", response_model=list[Point])
async def {name}({given}, repo=Depends(get_repo)):
    return await repo.all()
"""
    assert ("lists.unbounded" in {one.rule for one in judged(source).issues}) is endless


_BASE = """
class Base:
    async def everything(self, **asked):
        return await self.found_by(asked).read_all(**asked)
class Store:
    async def read_all(self, page: int = 0, limit: int{size}):
        return []
"""


@pytest.mark.parametrize(("size", "endless"), [(" = 5", False), ("", True)])
def test_a_length_that_the_store_sets_ends_a_list_through_super(size: str, endless: bool) -> None:
    source = """
from fastapi import APIRouter, Depends
from base import Base
router = APIRouter()
class Authors(Base):
    async def all_of_them(self, db: AsyncSession):
        await db.execute(1)
        return await super().everything(db=db)
@router.get("/authors", response_model=list[Author])
async def get_authors(authors: Authors = Depends(), db=Depends(get_db)):
    return await authors.all_of_them(db)
"""
    assert ("lists.unbounded" in rules_of(source, base=_BASE.format(size=size))) is endless


def test_what_stands_in_the_source_is_no_store_whatever_its_file_is_called() -> None:
    source = """
from fastapi import APIRouter
from app.api.seed import ILLNESSES
router = APIRouter()
@router.get("/illnesses", response_model=list[Illness])
async def get_all_illnesses():
    return [ILLNESSES.get(one) for one in names]
"""
    assert "lists.unbounded" not in rules_of(source)


@pytest.mark.parametrize(("name", "endless"), [("settings_get_all", False), ("files_get_all", True)])
def test_what_a_name_is_about_may_stand_before_its_verb(name: str, endless: bool) -> None:
    source = f"""
from fastapi import APIRouter, Depends
router = APIRouter()
@router.get("/", response_model=list[Thing])
def {name}(db: Session = Depends(get_db)):
    return db.query(Thing).all()
"""
    assert ("lists.unbounded" in rules_of(source)) is endless


def test_an_engine_that_is_there_opens_no_new_pool() -> None:
    source = """
from fastapi import APIRouter
from sqlalchemy import create_engine
engine = create_engine("postgresql://")
router = APIRouter()
@router.delete("/things")
def drop():
    with engine.connect() as connection:
        connection.execute("DELETE FROM things")
"""
    assert "injection.client_per_request" not in rules_of(source)
    inside = source.replace("    with engine", '    engine = create_engine("postgresql://")\n    with engine')
    assert "injection.client_per_request" in rules_of(inside)


@pytest.mark.parametrize(("named", "unread"), [("isbn", True), ("book_id", False)])
def test_a_service_that_is_a_dependency_reads_what_its_own_init_names(named: str, unread: bool) -> None:
    source = f"""
from typing import Generic, TypeVar
from uuid import UUID
from fastapi import APIRouter, Depends
One = TypeVar("One")
class Base(Generic[One]):
    def __init__(self, **stores): ...
class Store:
    pass
class Books(Base[int]):
    def __init__(self, store: Store = Depends(Store)):
        super().__init__(store=store)
router = APIRouter()
@router.get("/books/{{{named}}}")
async def book(book_id: UUID, books: Books = Depends()) -> Book:
    return await books.one(book_id)
"""
    assert ("routes.unread_parameter" in rules_of(source)) is unread


@pytest.mark.parametrize(
    ("given", "answered", "missing"),
    [
        ("schema: str", '{"schema": schema}', False),
        ("schema: str", '{"ok": True}', False),
        ("schema: str", "await orders.find(schema)", True),
        ("schema: str", "[]", True),
        ("schema: str", "success_response(status_code=status.HTTP_200_OK, data={'schema': schema})", False),
        ("schema: str", "success_response(status_code=200, data={'schema': await orders.find(schema)})", True),
        ("schema: str", "kept_response(status_code=200, data={'schema': schema})", True),
        ("schema: str", "success_response(status_code=200, data=orders)", True),
    ],
)
def test_a_route_that_touches_nothing_needs_no_tenant(given: str, answered: str, missing: bool) -> None:
    source = f"""
from fastapi import APIRouter, status
from fastapi.responses import JSONResponse
router = APIRouter()
def success_response(status_code: int, data: dict):
    return JSONResponse({{"data": data}}, status_code=status_code)
def kept_response(status_code: int, data: dict):
    session.add(data)
    session.commit()
    return JSONResponse({{"data": data}}, status_code=status_code)
@router.get("/check")
async def check({given}):
    return {answered}
"""
    assert ("tenancy.missing" in rules_of(source)) is missing


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("db.query(User).options(joinedload(User.organization)).filter(User.id == wanted)", True),
        ("db.query(User).options(joinedload(User.organization)).filter(User.organization == wanted)", False),
    ],
)
def test_a_relation_that_is_only_loaded_tells_no_tenant(query: str, missing: bool) -> None:
    source = f"""
from fastapi import APIRouter
from sqlalchemy.orm import joinedload
from models import User, db
router = APIRouter()
def find(wanted):
    return {query}.first()
@router.post("/projects")
async def create_project(project: Project) -> Project:
    return db.add(find(project.manager))
"""
    assert ("tenancy.missing" in rules_of(source)) is missing


@pytest.mark.parametrize("made", ["tempfile.NamedTemporaryFile(delete=False)", 'open("/srv/kept", "wb")'])
def test_a_temporary_file_is_a_file(made: str) -> None:
    source = f"""
import tempfile
from fastapi import APIRouter, UploadFile
router = APIRouter()
@router.post("/upload")
async def upload(file: UploadFile):
    with {made} as kept:
        kept.write(await file.read())
"""
    assert "async.blocking" in rules_of(source)


@pytest.mark.parametrize(
    ("made", "each_time"), [("    global client\n    if client is None:\n    ", False), ("", True)]
)
def test_a_client_that_is_made_when_it_is_first_asked_for_is_kept(made: str, each_time: bool) -> None:
    source = f"""
from fastapi import APIRouter
import redis.asyncio as redis
client = None
router = APIRouter()
async def get_redis():
{made}    client = await redis.from_url("redis://redis")
    return client
@router.post("/codes")
async def send(name: str):
    await (await get_redis()).set(name, 1)
"""
    assert ("injection.client_per_request" in rules_of(source)) is each_time


@pytest.mark.parametrize(("asked", "blocks"), [("generate_presigned_url", False), ("head_object", True)])
def test_an_address_that_is_signed_here_asks_nobody(asked: str, blocks: bool) -> None:
    source = f"""
import boto3
from fastapi import APIRouter
router = APIRouter()
store = boto3.client("s3")
@router.get("/files")
async def file(name: str) -> str:
    return store.{asked}(name)
"""
    assert ("async.blocking" in rules_of(source)) is blocks


@pytest.mark.parametrize(
    ("called", "reports"),
    [
        ("metadata", True),
        ("get_client_orders", True),
        ("session_messages", True),
        ("get_connection_for_tenant", False),
        ("tenant_session", False),
    ],
)
def test_a_cache_that_only_finds_the_database_keeps_no_answers(called: str, reports: bool) -> None:
    source = f"""
from fastapi import APIRouter
router = APIRouter()
async def {called}(tenant):
    found = await cache.get(f"where:{{tenant}}")
    if found is None:
        found = await db.execute(tenant)
        await cache.set(f"where:{{tenant}}", found, ex=60)
    return found
async def rows(tenant):
    found = await {called}(tenant)
    return await found.all()
@router.get("/items")
async def list_items(tenant: Tenant) -> list[Item]:
    return await rows(tenant)
@router.post("/items")
async def add_item(item: Item, tenant: Tenant) -> Item:
    return await db.execute(item, tenant)
"""
    assert ("caching.no_invalidation" in rules_of(source)) is reports


@pytest.mark.parametrize(("answered", "reports"), [('{"modules": []}', False), ("rows()", True)])
def test_a_tenant_that_only_the_dependency_needs_is_not_unused(answered: str, reports: bool) -> None:
    source = f"""
from fastapi import APIRouter, Depends, Header
router = APIRouter()
def tenant_of(x_tenant_id: str = Header()):
    return db.query(Tenants).filter(Tenants.id == x_tenant_id).first()
def rows():
    return db.query(Rows).all()
@router.get("/config")
def config(tenant: Tenant = Depends(tenant_of)) -> dict[str, list[str]]:
    return {answered}
"""
    assert ("tenancy.unused" in rules_of(source)) is reports


@pytest.mark.parametrize(("annotation", "reports"), [("dict", False), ("Session", True)])
def test_a_parameter_that_says_it_is_a_dictionary_is_no_session_whatever_is_passed(
    annotation: str, reports: bool
) -> None:
    source = f"""
from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from store import get_db
router = APIRouter()
def create(tasks, found: {annotation}):
    return found.get("email", 1)
@router.get("/login")
async def login(found: dict, db: Session = Depends(get_db)) -> dict[str, str]:
    return create(found, db)
"""
    assert ("async.blocking" in rules_of(source)) is reports


def test_a_long_file_without_routes_is_no_broken_router() -> None:
    long = "data = '''" + "x" * 1_000_100 + "'''\n"
    assert "file.unreadable" not in rules_of(long) and judged(long).problem == ROUTELESS
    assert judged(f"router = APIRouter()\n@router.get({long!r})\n").problem == UNREAD
