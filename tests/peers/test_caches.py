"""Caches of other libraries on a real server: what they write is read as theirs."""

from typing import Any

import pytest

from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.load import load_preset
from tests.peers.driver import keys, library
from tests.realserver import RealServer

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore")]


async def test_fastapi_cache(server: RealServer) -> None:
    redis = library("redis.asyncio").Redis(port=server.port)
    library("fastapi_cache").FastAPICache.init(
        library("fastapi_cache.backends.redis").RedisBackend(redis), "fastapi-cache"
    )
    cached = library("fastapi_cache.decorator").cache
    calls: list[str] = []

    async def conversation(tenant: str) -> dict[str, str]:
        calls.append(tenant)
        return {"tenant": tenant}

    for decorate in (cached(expire=60, namespace="conversation"), cached(expire=60)):
        asked: Any = decorate(conversation)
        await asked("acme")
        await asked("acme")
    await redis.aclose()
    assert calls == ["acme", "acme"]  # the second time of each was answered from Redis
    layout = KeyLayout(load_preset("fastapi-cache"))
    parsed = [layout.parse(name) for name in keys(server)]
    assert sorted((one.family, one.kind) for one in parsed) == [
        ("cache", b"(no namespace)"),
        ("cache", b"conversation"),
    ]


async def test_aiocache(server: RealServer) -> None:
    aiocache = library("aiocache")
    cache = aiocache.Cache(aiocache.Cache.REDIS, endpoint="127.0.0.1", port=server.port, namespace="conversation:acme:")
    await cache.set("42", "hello", ttl=60)
    assert await cache.get("42") == "hello"
    await cache.close()
    layout = KeyLayout(load_preset("aiocache"))
    parsed = [layout.parse(name) for name in keys(server)]
    assert [(one.family, one.tenant, one.kind, one.rest) for one in parsed] == [
        ("cache", b"acme", b"conversation", b"42")
    ]


async def test_cashews_cache_and_tags(server: RealServer) -> None:
    cache = library("cashews").Cache()
    cache.setup(f"redis://127.0.0.1:{server.port}")
    await cache.set("conversation:acme:42", {"id": 42}, expire=60, tags=["tenant:acme"])
    await cache.close()
    layout = KeyLayout(load_preset("cashews"))
    assert {name: layout.parse(name).family for name in keys(server)} == {
        b"_tag:tenant:acme": "neighbour",
        b"conversation:acme:42": "other",
    }
