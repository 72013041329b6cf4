"""The engine with a real Postgres: what it keeps, what it says while Postgres is away, and its migrations."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from conftest import TENANT, free_port
from real_postgres import RealPostgres
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool
from test_engine import keep_below, list_narrowed

from ai_engine.app import app
from ai_engine.postgres.store import open_store
from ai_engine.postgres.tables import metadata
from ai_engine.store import Store

ROOT = Path(__file__).parent.parent


class EngineProcess:
    """The engine as its README starts it."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._port = dsn, free_port()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", headers=TENANT, trust_env=False)

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "uvicorn", "ai_engine.app:app", "--port", str(self._port)]
        environment = os.environ | {"POSTGRES_DSN": self._dsn, "PYTHONPATH": str(ROOT / "src")}
        self._process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)  # noqa: S603
        for _ in range(600):
            try:
                self.client.get("/health")
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError("the engine did not start")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture
def engine_process(postgres: RealPostgres) -> Iterator[EngineProcess]:
    """Run an engine with an empty Postgres."""
    process = EngineProcess(postgres.dsn)
    process.start()
    yield process
    process.kill()
    process.client.close()


@pytest.fixture
async def engine(postgres: RealPostgres) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an engine in this process with an empty Postgres."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")
    async with open_store(postgres.dsn) as app.state.store, client:
        yield client
    app.state.store = Store()


async def test_a_list_is_narrowed_and_sorted_as_in_memory(engine: httpx.AsyncClient) -> None:
    await list_narrowed(engine)


async def test_collections_below_items_are_as_in_memory(engine: httpx.AsyncClient) -> None:
    await keep_below(engine)


def test_all_that_was_answered_survives_kill_9(engine_process: EngineProcess) -> None:
    client = engine_process.client
    chat = client.post("/api/chat", json={"phone": "+1", "message": "I am allergic to latex."}).json()
    path = f"/api/conversations/{chat['conversation_id']}"
    client.post(f"{path}/messages", json={"role": "agent", "text": "Noted."})
    client.post("/api/products", json={"name": "floss", "tags": ["a", {"b": 1.5}]})
    client.put("/api/profile", json={"display_name": "Dr. Demo"})
    paths = ("/api/conversations", path, f"{path}/messages", "/api/products", "/api/profile")
    before = [client.get(each).json() for each in paths]
    assert [message["role"] for message in before[2]["items"]] == ["user", "assistant", "agent"]
    engine_process.kill()
    engine_process.start()
    assert [client.get(each).json() for each in paths] == before
    asked = client.post("/api/chat", json={"phone": "+1", "message": "Am I allergic to latex?"}).json()
    assert "You told us: “I am allergic to latex.”" in asked["reply"]
    assert client.post("/api/products", json={}).json()["id"] == "2"


async def test_health_says_where_the_data_is(engine: httpx.AsyncClient) -> None:
    store = (await engine.get("/health")).json()["store"]
    assert (store["kind"], store["status"], store["survives_restart"]) == ("postgres", "connected", True)
    app.state.store = Store()
    assert (await engine.get("/health")).json()["store"]["kind"] == "memory"
    assert (await engine.get("/health")).json()["store"]["survives_restart"] is False


async def test_without_postgres_it_says_so_and_works_again_with_it(
    engine: httpx.AsyncClient, postgres: RealPostgres
) -> None:
    await engine.post("/api/conversations", json={"phone": "+1"}, headers=TENANT)
    postgres.stop()
    try:
        health = await engine.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        assert health.json()["store"]["status"] == "disconnected"
        refused = await engine.get("/api/conversations", headers=TENANT)
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    finally:
        postgres.start()
    assert (await engine.get("/api/conversations", headers=TENANT)).json()["total"] == 1
    assert (await engine.get("/health")).status_code == 200


async def test_an_engine_that_starts_before_postgres_serves_once_it_is_there(postgres: RealPostgres) -> None:
    postgres.stop()
    try:
        async with open_store(postgres.dsn) as store:
            assert (await store.health())["status"] == "disconnected"
            postgres.start()
            assert await store.of("a").add_item("products", {"name": "floss"})
    finally:
        if not postgres.running:
            postgres.start()


async def test_engines_that_start_at_once_migrate_once(postgres: RealPostgres) -> None:
    async def start() -> int:
        async with open_store(postgres.dsn) as store:
            return int((await store.of("a").add_item("products", {}))["id"])

    assert sorted(await asyncio.gather(*(start() for _ in range(4)))) == [1, 2, 3, 4]


async def test_migrations_make_the_tables_that_the_code_uses(postgres: RealPostgres) -> None:
    async with open_store(postgres.dsn):
        pass
    maker = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(postgres.dsn), poolclass=NullPool
    )
    with maker.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_alembic_goes_back_and_forth_on_the_command_line(postgres: RealPostgres) -> None:
    def alembic(*words: str) -> None:
        environment = os.environ | {"POSTGRES_DSN": postgres.dsn}
        command = [sys.executable, "-m", "alembic", *words]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603

    def tables() -> set[str]:
        with psycopg.connect(postgres.dsn) as connection:
            rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return {row[0] for row in rows} - {"alembic_version"}

    alembic("upgrade", "head")
    assert tables() == set(metadata.tables)
    alembic("downgrade", "base")
    assert tables() == set()


async def test_messages_said_at_once_are_all_kept_and_numbered(engine: httpx.AsyncClient) -> None:
    asks = [
        engine.post("/api/chat", json={"phone": "+1", "message": f"say {number}"}, headers=TENANT)
        for number in range(12)
    ]
    answers = [answer.json() for answer in await asyncio.gather(*asks)]
    assert len({answer["message_id"] for answer in answers}) == 12
    path = f"/api/conversations/{answers[0]['conversation_id']}"
    kept = (await engine.get(f"{path}/messages", headers=TENANT)).json()
    numbers = [int(each["id"].rpartition("-")[2]) for each in kept["items"]]
    assert (numbers, kept["total"]) == (list(range(1, 25)), 24)
    assert (await engine.delete(path, headers=TENANT)).status_code == 204
    assert (await engine.get(f"{path}/messages", headers=TENANT)).status_code == 404


async def test_tenants_are_kept_apart(engine: httpx.AsyncClient) -> None:
    other = {"X-Tenant-ID": "other"}
    created = await engine.post("/api/conversations", json={"phone": "+1"}, headers=TENANT)
    path = f"/api/conversations/{created.json()['id']}"
    await engine.post("/api/products", json={"name": "floss"}, headers=TENANT)
    for each in (path, f"{path}/messages", "/api/products/1"):
        assert (await engine.get(each, headers=TENANT)).status_code == 200
        assert (await engine.get(each, headers=other)).status_code == 404
    assert (await engine.delete(path, headers=other)).status_code == 404
    assert (await engine.get("/api/conversations", headers=other)).json()["total"] == 0
    assert (await engine.post("/api/conversations", json={"phone": "+1"}, headers=other)).status_code == 201


@pytest.mark.parametrize("id", ["0", "01", "-1", "1.0", "x", "9" * 30, str(2**63), "²"])
async def test_an_id_that_no_item_can_have_is_404(engine: httpx.AsyncClient, id: str) -> None:
    await engine.post("/api/products", json={"name": "floss"}, headers=TENANT)
    assert (await engine.get(f"/api/products/{id}", headers=TENANT)).status_code == 404
