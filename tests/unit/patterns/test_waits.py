"""Calls that block the event loop: by themselves, one call away and across files, and those that do not."""

import pytest

from tests.patterns_tree import judged, rules_of

HEAD = """import asyncio
import time
import pymongo
import redis
import requests
from fastapi import APIRouter, Depends
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, sessionmaker
from typing import Annotated
router = APIRouter()
"""


def blocking(
    body: str, given: str = "", head: str = HEAD, decorator: str = '@router.get("/x")', **others: str
) -> list[str]:
    """Return the messages about an asynchronous function of these statements."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    found = judged(f"{head}{decorator}\nasync def read({given}):\n{lines}", **others).issues
    return [one.message for one in found if one.rule == "async.blocking"]


OF_SESSION = "db.execute() waits for the database with a synchronous session: every other request waits for it"


@pytest.mark.parametrize(
    "given",
    [
        "db: Session = Depends(get_db)",
        "db: Annotated[Session, Depends(get_db)]",
        "db: 'Session'",
        "db: Session | None = None",
    ],
)
def test_a_synchronous_session_in_a_coroutine_blocks(given: str) -> None:
    assert blocking("return db.execute(query)", given) == [OF_SESSION]
    assert blocking("return await db.execute(query)", given.replace("Session", "AsyncSession")) == []


def test_a_coroutine_that_asks_a_session_often_is_one_finding() -> None:
    found = blocking("db.add(one)\ndb.commit()\ndb.refresh(one)\nreturn one", "db: Session")
    assert found == [
        "db.commit() waits for the database with a synchronous session: every other request waits for it "
        "(2 such calls in this coroutine)"
    ]


@pytest.mark.parametrize(
    ("made", "call", "blocks"),
    [
        ("Local = sessionmaker(bind=engine)\n", "db = Local()\nreturn db.query(Thing).all()", True),
        ("Local = sessionmaker(engine, class_=AsyncSession)\n", "db = Local()\nreturn db.get(Thing, 1)", False),
        ("engine = create_engine(url())\n", "with engine.connect() as conn:\n    return 1", True),
        ("client = redis.Redis.from_url(url())\n", "return client.get('x')", True),
        ("client = redis.from_url(url())\n", "return client.get('x')", True),
        ("import redis.asyncio as aio\nclient = aio.from_url(url())\n", "return await client.get('x')", False),
        ("client = pymongo.MongoClient(url())\n", "return client.server_info()", True),
        ("client = pymongo.AsyncMongoClient(url())\n", "return await client.server_info()", False),
        ("client = pymongo.AsyncMongoClient(url())\n", "return client.get_database('x')", False),
        ("", "return pymongo.MongoClient(url())", False),
        ("import http.client as web\n", "c = web.HTTPSConnection('a.example')\nc.request('GET', '/x')", True),
        ("import stripe\n", "return stripe.Customer.retrieve(key)", True),
        ("import stripe\n", "return await stripe.Customer.retrieve_async(key)", False),
        ("import stripe\n", "return stripe.Webhook.construct_event(payload, signature, secret)", False),
        ("import openai\n", "return openai.Embedding.create(input=texts)", True),
        ("import openai\n", "return await openai.Embedding.acreate(input=texts)", False),
        ("from celery import Celery\njobs = Celery('x')\n", "jobs.send_task('mail')", True),
        ("from celery import Celery\njobs = Celery('x')\n", "return jobs.control.inspect(timeout=1)", False),
        ("import paramiko\n", "c = paramiko.SSHClient()\nc.connect('a.example')", True),
        ("", "return store.embeddings.embed_query(text)", True),
        ("", "return await store.embeddings.aembed_query(text)", False),
        ("", "return db.query(Thing).all()", True),
        ("", "return db.query('select 1')", False),
        ("", "return await asyncio.to_thread(requests.get, url())", False),
        ("", "return await asyncio.to_thread(lambda: requests.get(url()))", False),
    ],
)
def test_clients_are_known_by_their_types(made: str, call: str, blocks: bool) -> None:
    assert bool(blocking(call, head=HEAD + made)) is blocks


FAR = "import helpers\nfrom helpers import Reader, load, reader\n" + HEAD
HELPERS = "import requests, time\nfrom functools import lru_cache\nfrom sqlalchemy.orm import Session\n"


@pytest.mark.parametrize(
    ("helpers", "call", "told"),
    [
        ("def load():\n    return requests.get(url(), timeout=3)\n", "load()", "load() calls requests.get()"),
        ("def load():\n    return requests.get(url(), timeout=3)\n", "helpers.load()", "helpers.load() calls requests"),
        ("def load():\n    return inner()\ndef inner():\n    time.sleep(3)\n", "helpers.inner()", "calls time.sleep()"),
        ("class Reader:\n    def load(self):\n        time.sleep(1)\n", "Reader().load()", "calls time.sleep()"),
        (
            "class Reader:\n    def load(self):\n        time.sleep(1)\nreader = Reader()\n",
            "reader.load()",
            "reader.load() calls time.sleep()",
        ),
        ("def load(db: Session):\n    return db.query(Thing).all()\n", "load(db)", "calls db.query(), which waits for"),
        (
            "@with_session\ndef load(session):\n    session.commit()\n",
            "load()",
            "calls session.commit(), which waits for",
        ),
        (
            "@lru_cache\ndef load(key):\n    return requests.get(url(key), timeout=3)\n",
            "load(key)",
            "load() calls requests.get()",
        ),
        (
            "async def load():\n    return requests.get(url(), timeout=3)\n",
            "await load()",
            "load() calls requests.get(), which blocks",
        ),
        (
            "async def load():\n    await inner()\nasync def inner():\n    Session(engine).get(Thing, 1)\n",
            "await load()",
            "calls Session.get(), which waits for the database",
        ),
    ],
)
def test_what_blocks_one_call_away_counts_across_files(helpers: str, call: str, told: str) -> None:
    found = blocking(f"return {call}", head=FAR, helpers=HELPERS + helpers)
    assert len(found) == 1
    assert told in found[0]


@pytest.mark.parametrize(
    ("helpers", "call"),
    [
        ("async def load():\n    return await ask()\n", "await load()"),
        ("def load():\n    yield requests.get(url(), timeout=3)\n", "answer(load())"),
        ("def load():\n    def later():\n        time.sleep(3)\n    return later\n", "load()"),
        ("def load():\n    try:\n        return ask()\n    except OSError:\n        time.sleep(3)\n", "load()"),
        ("@lru_cache\ndef load():\n    return requests.get(url(), timeout=3)\n", "load()"),
        ("def load():\n    if cached:\n        return cached\n    return requests.get(url(), timeout=3)\n", "load()"),
        ("def load(now=False):\n    if now:\n        time.sleep(3)\n", "load()"),
        ("def load(key=None, *, url=None):\n    if url is not None and key:\n        time.sleep(3)\n", "load()"),
        ("def load():\n    if os.path.exists('x'):\n        return\n    time.sleep(3)\n", "load()"),
        ("def load():\n    if client is not None:\n        return client\n    time.sleep(3)\n", "load()"),
        ("def load():\n    with open('x') as file:\n        return file.read()\n", "load()"),
        ("def load():\n    return load()\n", "load()"),
        ("made = None\ndef load():\n    if made is None:\n        made = requests.get(url())\n", "load()"),
        ("import boto3\ndef load():\n    return boto3.session.Session().client('s3')\n", "load()"),
        ("class Reader:\n    def __init__(self):\n        time.sleep(3)\n", "Reader()"),
        ("def load():\n    time.sleep(3)\n", "await run_in_threadpool(load)"),
    ],
)
def test_what_does_not_block_whenever_it_is_called_is_no_finding(helpers: str, call: str) -> None:
    assert blocking(f"return {call}", head=FAR, helpers=HELPERS + helpers) == []


@pytest.mark.parametrize(
    ("call", "blocks"),
    [
        ("return await asyncio.gather(kept(store), other())", True),
        ("return await asyncio.gather(*[kept(store) for one in many])", True),
        ("return await asyncio.wait_for(kept(store), 5)", True),
        ("return asyncio.create_task(kept(store))", False),
        ("return await asyncio.gather(other(), other())", False),
    ],
)
def test_coroutines_that_are_awaited_together_count_like_one_that_is_awaited(call: str, blocks: bool) -> None:
    helpers = (
        "from redis import Redis\nasync def kept(store: Redis):\n    return store.get('a')\n"
        "async def other():\n    return 1\n"
    )
    head = HEAD + "from helpers import kept, other\nfrom redis import Redis\n"
    assert bool(blocking(call, "store: Redis", head, helpers=helpers)) is blocks


def test_a_coroutine_that_calls_one_function_often_is_one_finding() -> None:
    helpers = f"{HELPERS}def load():\n    time.sleep(3)\n"
    assert blocking("load()\nreturn load()", head=FAR, helpers=helpers) == [
        "load() calls time.sleep(), which blocks the event loop (2 such calls in this coroutine)"
    ]


def test_a_nested_function_is_judged_by_its_own_statements() -> None:
    sister = "def waits():\n    time.sleep(3)\ndef reads():\n    return 1\n"
    assert blocking(f"{sister}return reads()") == []
    assert blocking(f"{sister}return waits()") == ["waits() calls time.sleep(), which blocks the event loop"]


def test_an_awaited_call_does_not_block_whatever_its_type_is_said_to_be() -> None:
    assert blocking("return await db.execute(query)", "db: Session") == []
    assert blocking("async with client.stream('GET', url()) as got:\n    return got", "client: requests.Session") == []


def test_what_the_database_does_at_the_start_makes_nobody_wait() -> None:
    assert blocking("db.execute(query)", "db: Session", decorator='@app.on_event("startup")') == []
    source = f"{HEAD}async def lifespan(app, db: Session):\n    db.execute(query)\n    yield\n"
    assert [one for one in judged(source).issues if one.rule == "async.blocking"] == []


def test_a_coroutine_of_a_file_with_routes_is_told_there_and_not_where_it_is_awaited() -> None:
    helpers = f"{HELPERS}async def load():\n    return requests.get(url(), timeout=3)\n"
    assert len(blocking("return await load()", head=FAR, helpers=helpers)) == 1
    route = "@router.get('/y')\nasync def other():\n    return 1\n"
    assert blocking("return await load()", head=FAR, helpers=helpers + route) == []


@pytest.mark.parametrize(
    "made",
    [
        "def make():\n    db = sessionmaker()()\n    yield db\n",
        "try:\n    L = sessionmaker(engine)\nexcept Exception:\n    L = None\ndef make():\n    return L()\n",
        "L = None\ndef start():\n    global L\n    L = sessionmaker(engine)\ndef make():\n    return L()\n",
    ],
)
def test_a_session_is_known_by_how_it_was_made(made: str) -> None:
    assert blocking("return db.get(Thing, 1)", "db = Depends(make)", head=HEAD + made) == [
        "db.get() waits for the database with a synchronous session: every other request waits for it"
    ]
    later = made.replace("sessionmaker(", "async_sessionmaker(")
    assert blocking("return await db.get(Thing, 1)", "db = Depends(make)", head=HEAD + later) == []


_FAR = """
from fastapi import APIRouter, Depends
import store
router = APIRouter()
settings, held = store.set_up()
@router.get("/x")
async def x(db: store.Session = Depends(store.session)):
    {body}
"""
_STORE = """
from typing import Protocol
import neo4j, psutil, psycopg
from sqlalchemy.orm import Session
from supabase import create_client
from shop.vectors import VectorClient
supabase = create_client("u", "k")
vectors = VectorClient("u")
class Shelf(Protocol):
    def find(self, key: str) -> str: ...
    def name(self) -> str: ...
class OtherShelf(Protocol):
    def find(self, key: str) -> str: ...
    def name(self) -> str: ...
class Postgres:
    def find(self, key: str) -> str:
        return psycopg.connect("dsn").execute(key)
    def name(self) -> str:
        return "postgres"
class Held:
    def things(self):
        return self._all()
    def _all(self):
        return first()
def first():
    return second()
def second():
    return supabase.table("things").select("*").execute().data
def set_up():
    return "settings", Held()
def shelf(request) -> Shelf:
    return request.app.state.shelf
def session() -> Session: ...
async def read(db):
    return db.execute("select 1")
async def build(statement):
    return statement.execute("select 1")
def busy():
    return psutil.cpu_percent(interval=0.1)
def busy_since():
    return psutil.cpu_percent()
def searched():
    return vectors.search("a")
def named():
    return vectors.get_other_client()
def retried(ask, name):
    return ask()
def submitted(ask, pool):
    return pool.submit(ask)
def in_turns():
    def ask():
        return supabase.table("things").select("*").execute()
    return retried(ask, "things")
def in_a_pool():
    def ask():
        return supabase.table("things").select("*").execute()
    return submitted(ask, pool())
def counted(connection):
    with connection.cursor() as cur:
        cur.execute("select 1")
        return cur.fetchone()
"""


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ("return held.things()", True),
        ("return store.shelf(db).find('a')", True),
        ("return store.shelf(db).name()", False),
        ("return await store.read(db)", True),
        ("return await store.build(settings)", False),
        ("return store.busy()", True),
        ("return store.busy_since()", False),
        ("return store.searched()", True),
        ("return store.named()", False),
        ("return store.counted(settings)", True),
        ("return store.in_turns()", True),
        ("return store.in_a_pool()", False),
    ],
)
def test_a_wait_is_found_through_methods_protocols_and_handed_over_sessions(body: str, blocks: bool) -> None:
    assert ("async.blocking" in rules_of(_FAR.format(body=body), store=_STORE)) is blocks


_ENGINE = """
from elasticsearch import AsyncElasticsearch, Elasticsearch
async def connected():
    found = None
    found = Elasticsearch(url())
    return found
async def connected_async():
    return AsyncElasticsearch(url())
def searched(client, query):
    return client.msearch(searches=query)
def made(client, name):
    return searched(client, name) if name else client.indices.create(index=name)
def kept(client, query):
    return client
"""


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ("es = await engine.connected()\nreturn engine.searched(es, query)", True),
        ("es = await engine.connected()\nreturn engine.made(es, query)", True),
        ("es = await engine.connected()\nreturn engine.kept(es, query)", False),
        ("es = await engine.connected_async()\nreturn engine.searched(es, query)", False),
        ("return engine.searched(query, query)", False),
    ],
)
def test_a_parameter_without_a_type_is_the_client_that_it_is_given(body: str, blocks: bool) -> None:
    assert bool(blocking(body, "query: str", f"{HEAD}import engine\n", engine=_ENGINE)) is blocks


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ("return fs.get_object('a', 'b')", True),
        ("return StreamingResponse(kept(fs).stream(32))", False),
        ("return fs.presigned_get_object('a', 'b')", True),
    ],
)
def test_what_a_store_answered_is_streamed_by_the_framework(body: str, blocks: bool) -> None:
    head = (
        f"{HEAD}from minio import Minio\ndef kept(fs: Minio):\n    found = fs.get_object('a', 'b')\n    return found\n"
    )
    given = "fs: Minio = Depends(store)"
    told = blocking(body.replace("kept(fs)", "content"), given, head)
    assert bool(told) is blocks


_PORT = """from typing import Protocol
class IThingRepository(Protocol):
    def one(self, key: str) -> str: ...
class Service:
    def __init__(self, repository: IThingRepository):
        self.repository = repository
    def found(self, key):
        return self.repository.one(key)
"""
_ADAPTER = """from sqlalchemy.orm import Session
class SQLThingRepository:
    def __init__(self, session: Session):
        self.session = session
    def one(self, key):
        return self.session.get(Thing, key)
"""
_IN_MEMORY = "class MemoryThingRepository:\n    def one(self, key):\n        return KNOWN[key]\n"


@pytest.mark.parametrize(
    ("port", "adapters", "blocks"),
    [
        (_PORT, {"adapter": _ADAPTER}, True),
        (_PORT, {"adapter": _ADAPTER, "memory": _IN_MEMORY}, False),
        (_PORT, {"adapter": _ADAPTER, "test_memory": _IN_MEMORY}, True),
        (_PORT, {"adapter": _ADAPTER.replace("def one", "def other")}, False),
        (_PORT, {"adapter": _ADAPTER.replace("SQLThingRepository", "SQLOrders")}, False),
        (
            _PORT.replace("typing import Protocol", "abc import ABC").replace("Protocol", "ABC"),
            {"adapter": "import port\n" + _ADAPTER.replace("SQLThingRepository", "Things(port.IThingRepository)")},
            True,
        ),
    ],
)
def test_a_port_waits_where_all_that_stand_for_it_in_other_files_do(
    port: str, adapters: dict[str, str], blocks: bool
) -> None:
    body = "return service.found(key)"
    given = "key: str, service: Service = Depends(wired)"
    found = blocking(body, given, f"{HEAD}from port import Service\n", port=port, **adapters)
    assert bool(found) is blocks


@pytest.mark.parametrize(
    ("body", "blocks"),
    [
        ("return list(Thing.select().where(Thing.id > 1).dicts().iterator())", True),
        ("return Thing.select().where(Thing.id > 1)", False),
        ("place = folder() / 'x'\nplace.write_text(text)", True),
        ("await place.write_text(text)", False),
        ("read_text()", False),
    ],
)
def test_a_query_that_is_gone_through_and_a_file_that_is_written_whole_block(body: str, blocks: bool) -> None:
    head = f"{HEAD}from peewee import Model\nclass Thing(Model): ...\n"
    assert bool(blocking(body, head=head)) is blocks


@pytest.mark.parametrize(
    ("method", "blocks"), [("get_workflow_handle", False), ("get_blob_client", False), ("get_workflow", True)]
)
def test_what_only_makes_a_handle_of_something_asks_nobody(method: str, blocks: bool) -> None:
    helper = f"from flows.client import FlowClient\ndef of(key, client: FlowClient):\n    return client.{method}(key)\n"
    head = f"{HEAD}from helper import of\n"
    assert bool(blocking("return of('x', client)", head=head, helper=helper)) is blocks


@pytest.mark.parametrize(
    ("kind", "body", "blocks"),
    [
        ("async def", "path.write_text(text)", True),
        ("async def", "with open(text) as f:\n        return f.read()", True),
        ("async def", "Path(text).write_text(text)", True),
        ("async def", "await asyncio.to_thread(Path(text).write_text, text)", False),
        ("def", "with open(text) as f:\n        return f.read()", False),
    ],
)
def test_a_file_that_a_coroutine_of_another_file_opens_blocks_as_in_its_own(kind: str, body: str, blocks: bool) -> None:
    service = f"import asyncio\nfrom pathlib import Path\n{kind} keep(path, text):\n    {body}\n"
    call = "await keep(path, text)" if kind == "async def" else "keep(path, text)"
    assert bool(blocking(call, "path, text", f"from service import keep\n{HEAD}", service=service)) is blocks
