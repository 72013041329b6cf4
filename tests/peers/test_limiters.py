"""Real libraries on a real server: each puts a tenant at its limit, and its own answer stands beside ours."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.peers.driver import keys, library, near, ours
from tests.realserver import RealServer

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]
ACME, CLINIC = ("acme", "chat"), ("clinic_b", "chat")


def assert_as_its_headers_say(mine: Any, headers: Mapping[str, str]) -> None:
    """Hold limit, rest and reset of a counter against the headers of the library's last reply."""
    assert (str(mine.limit), str(mine.left)) == (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"])
    assert near(mine.resets, float(headers["x-ratelimit-reset"]) - time.time(), 2)


@pytest.mark.parametrize("strategy", ["FixedWindow", "MovingWindow", "SlidingWindowCounter"])
async def test_limits(server: RealServer, strategy: str) -> None:
    storage = library("limits.storage").RedisStorage(f"redis://127.0.0.1:{server.port}")
    limiter = getattr(library("limits.strategies"), f"{strategy}RateLimiter")(storage)
    item = library("limits").parse("10/minute")
    allowed = [
        [limiter.hit(item, tenant, "chat") for _ in range(hits)] for tenant, hits in (("acme", 7), ("clinic_b", 12))
    ]
    assert [sum(one) for one in allowed] == [7, 10]
    found = await ours(server, "limits")
    for tenant, operation in (ACME, CLINIC):
        mine, theirs = found[tenant, operation], limiter.get_window_stats(item, tenant, operation)
        assert (mine.limit, mine.left) == (10, theirs.remaining), strategy
        assert near(mine.resets, theirs.reset_time - time.time()), (strategy, mine, theirs)
        assert (mine.left == 0) is not limiter.test(item, tenant, operation)
    assert found[CLINIC].used == (12 if strategy == "FixedWindow" else 10)


async def test_slowapi(server: RealServer) -> None:
    slowapi, fastapi, client = library("slowapi"), library("fastapi"), library("fastapi.testclient").TestClient
    limiter = slowapi.Limiter(
        key_func=lambda request: request.headers["x-tenant-id"],
        storage_uri=f"redis://127.0.0.1:{server.port}",
        headers_enabled=True,
    )
    app = fastapi.FastAPI()
    app.state.limiter = limiter
    app.add_exception_handler(library("slowapi.errors").RateLimitExceeded, slowapi._rate_limit_exceeded_handler)

    async def chat(request: Any, response: Any) -> dict[str, str]:
        return {}

    chat.__annotations__.update(request=fastapi.Request, response=fastapi.Response)
    app.get("/api/chat")(limiter.limit("10/minute")(chat))
    replies = [
        client(app).get("/api/chat", headers={"x-tenant-id": tenant}) for tenant in ["acme"] * 7 + ["clinic_b"] * 12
    ]
    assert [reply.status_code for reply in replies[-3:]] == [200, 429, 429]
    found = await ours(server, "limits")
    for tenant, reply in (("acme", replies[6]), ("clinic_b", replies[-1])):
        mine = found[tenant, "/api/chat"]
        assert_as_its_headers_say(mine, reply.headers)


async def test_flask_limiter(server: RealServer) -> None:
    flask = library("flask")
    app = flask.Flask("gateway")
    limiter = library("flask_limiter").Limiter(
        lambda: flask.request.headers["x-tenant-id"],
        app=app,
        storage_uri=f"redis://127.0.0.1:{server.port}",
        headers_enabled=True,
    )
    app.get("/chat")(limiter.limit("10/minute")(_chat))
    client = app.test_client()
    replies = [client.get("/chat", headers={"x-tenant-id": tenant}) for tenant in ["acme"] * 7 + ["clinic_b"] * 12]
    assert [reply.status_code for reply in replies[-3:]] == [200, 429, 429]
    found = await ours(server, "limits")
    for tenant, reply in (("acme", replies[6]), ("clinic_b", replies[-1])):
        mine = found[tenant, "_chat"]
        assert_as_its_headers_say(mine, reply.headers)


def _chat() -> str:
    return "ok"


async def test_fastapi_limiter(server: RealServer) -> None:
    fastapi, client = library("fastapi"), library("fastapi.testclient").TestClient
    limiter = library("fastapi_limiter").FastAPILimiter
    depends = library("fastapi_limiter.depends").RateLimiter(times=10, seconds=60)

    async def identifier(request: Any) -> str:
        return f"{request.headers['x-tenant-id']}:{request.scope['path']}"

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        redis = library("redis.asyncio").Redis(port=server.port)
        await limiter.init(redis, identifier=identifier)
        yield
        await redis.aclose()

    app = fastapi.FastAPI(lifespan=lifespan)
    app.get("/api/chat", dependencies=[fastapi.Depends(depends)])(_chat)
    with client(app) as session:
        replies = [
            session.get("/api/chat", headers={"x-tenant-id": tenant}) for tenant in ["acme"] * 7 + ["clinic_b"] * 12
        ]
    assert [reply.status_code for reply in replies[-3:]] == [200, 429, 429]
    found = await ours(server, "fastapi-limiter")
    acme, clinic = found["acme", "/api/chat"], found["clinic_b", "/api/chat"]
    assert (acme.used, clinic.used) == (7, 10) and not clinic.counter.counts_refused
    assert near(clinic.resets, float(replies[-1].headers["retry-after"]))


async def test_pyrate_limiter(server: RealServer) -> None:
    pyrate, redis = library("pyrate_limiter"), library("redis").Redis(port=server.port)
    for tenant, hits in (("acme", 7), ("clinic_b", 12)):
        bucket = pyrate.RedisBucket.init([pyrate.Rate(10, 60_000)], redis, f"bucket:{tenant}:chat")
        limiter = pyrate.Limiter(bucket)
        allowed = [limiter.try_acquire(tenant, blocking=False) for _ in range(hits)]
        assert sum(allowed) == min(hits, 10)
        mine = (await ours(server, "pyrate"))[tenant, "chat"]
        assert mine.used == bucket.count() == min(hits, 10)
        assert mine.counter.no_ttl == "normal" and not mine.counter.immortal
        limiter.close()
    redis.close()


@pytest.mark.parametrize("algorithm", ["fixed_window", "sliding_window", "token_bucket", "leaking_bucket", "gcra"])
async def test_throttled(server: RealServer, algorithm: str) -> None:
    throttled = library("throttled")
    store = throttled.RedisStore(server=f"redis://127.0.0.1:{server.port}/0")
    for tenant, hits in (("acme", 7), ("clinic_b", 12)):
        limiter = throttled.Throttled(
            key=f"{tenant}:chat", using=algorithm, quota=throttled.per_min(10, burst=10), store=store
        )
        allowed = [not limiter.limit().limited for _ in range(hits)]
        assert sum(allowed) == min(hits, 10)
        state = limiter.peek(f"{tenant}:chat")
        mine = (await ours(server, "throttled"))[tenant, "chat"]
        assert (state.limit, state.remaining) == (10, mine.left), (algorithm, mine)
        assert (mine.left == 0) is (hits == 12)
        if algorithm in ("fixed_window", "gcra"):
            assert near(mine.resets, state.reset_after, 2), (algorithm, mine, state)


async def test_cashews(server: RealServer) -> None:
    cashews = library("cashews")
    cache = cashews.Cache()
    cache.setup(f"redis://127.0.0.1:{server.port}")
    fixed = cache.rate_limit(limit=10, period=60, ttl=60, key="rl:{tenant}:chat")(_asked)
    sliding = cache.slice_rate_limit(limit=10, period=60, key="slice:{tenant}:chat")(_asked)
    refused = {"fixed": 0, "sliding": 0}
    for tenant, hits in (("acme", 7), ("clinic_b", 12)):
        for _ in range(hits):
            for name, call in (("fixed", fixed), ("sliding", sliding)):
                try:
                    await call(tenant=tenant)
                except cashews.RateLimitError:
                    refused[name] += 1
    await cache.close()
    assert refused == {"fixed": 2, "sliding": 2}
    names = keys(server)  # of a sliding window the first refused request counts too, and no other
    for begin, clinic in ((b"rate_limit:", 12), (b"srl:", 11)):
        found = await ours(server, "cashews", [name for name in names if name.startswith(begin)])
        assert (found[ACME].used, found[CLINIC].used) == (7, clinic), begin
        assert near(found[ACME].resets, 60, 3) or found[ACME].counter.sliding


async def _asked(tenant: str) -> str:
    return tenant
