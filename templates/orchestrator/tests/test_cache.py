"""Cached answers: named apart, always mortal, counted, and gone after a write."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from conftest import TENANT, free_port
from pydantic import BaseModel
from redis.asyncio import Redis

from backend.clients import open_redis
from backend.utils.cache_coherence import CacheCoherenceManager, InvalidationType, cached_below
from backend.utils.cache_keys import escape_glob, generate_cache_key, parse_cache_key
from backend.utils.cache_manager import CacheManager
from backend.utils.metrics import value_of


async def chat(gateway: httpx.AsyncClient, phone: str = "+100", tenant: str = "demo_dentist") -> Any:
    answer = await gateway.post(
        "/api/chat", json={"phone": phone, "message": "hello"}, headers={"X-Tenant-ID": tenant}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_no_two_questions_share_a_name() -> None:
    questions = [
        ("conversation", "acme", "1"),
        ("conversation", "acme", "eu:1"),
        ("conversation", "acme:eu", "1"),
        ("conversation", "acme", "1/2"),
        ("conversation", "acme", "1", "2"),
        ("conversation", "acme", "1", ""),
        ("conversation", "acme", "*"),
        ("conversation", "acme"),
        ("conversation", "acme", "%2A"),
        ("conversation", "acme", "\x1b\n ü"),
    ]
    names = [generate_cache_key(*question) for question in questions]
    assert len(set(names)) == len(names)
    assert names[0] == "cache:conversation:acme:1"
    assert generate_cache_key("list_messages", "demo_dentist") == "cache:list_messages:demo_dentist:*"
    parsed = [parse_cache_key(name.encode()) for name in names]
    assert [key.tenant for key in parsed if key] == [question[1] for question in questions]


@pytest.mark.parametrize(
    "key", [b"cache", b"cache:x", b"cache:x:y", b"cache:x::", b"other:x:y:z", b"\xff:x:y:z"]
)
def test_names_of_another_grammar_are_nobodys(key: bytes) -> None:
    assert parse_cache_key(key) is None


async def test_a_second_look_is_a_hit_and_the_key_has_a_ttl(gateway: httpx.AsyncClient, redis: Redis) -> None:
    conversation = (await chat(gateway))["conversation_id"]
    hits, misses = value_of("cache_hits_total"), value_of("cache_misses_total")
    path = f"/api/conversations/{conversation}"
    first, second = [await gateway.get(path, headers=TENANT) for _ in range(2)]
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("MISS", "HIT")
    assert first.json() == second.json()
    assert (value_of("cache_hits_total") - hits, value_of("cache_misses_total") - misses) == (1, 1)
    assert 0 < await redis.ttl(f"cache:conversation:demo_dentist:{conversation}") <= 300


async def test_a_message_makes_its_conversation_stale_and_no_other(
    gateway: httpx.AsyncClient, redis: Redis
) -> None:
    ours, other = [(await chat(gateway, phone))["conversation_id"] for phone in ("+1", "+2")]
    theirs = (await chat(gateway, "+1", "demo_dentist:eu"))["conversation_id"]
    for tenant, conversation in [
        ("demo_dentist", ours),
        ("demo_dentist", other),
        ("demo_dentist:eu", theirs),
    ]:
        for path in ("", f"/{conversation}", f"/{conversation}/messages"):
            await gateway.get(f"/api/conversations{path}", headers={"X-Tenant-ID": tenant})
    assert await redis.dbsize() > 9
    await chat(gateway, "+1")
    assert {key.decode() async for key in redis.scan_iter("cache:*")} == {
        f"cache:conversation:demo_dentist:{other}",
        f"cache:list_messages:demo_dentist:{other}/50/0",
        "cache:list_conversations:demo_dentist:eu:50/0",
        f"cache:conversation:demo_dentist:eu:{theirs}",
        f"cache:list_messages:demo_dentist:eu:{theirs}/50/0",
    }
    messages = await gateway.get(f"/api/conversations/{ours}/messages", headers=TENANT)
    assert (messages.headers["X-Cache"], messages.json()["total"]) == ("MISS", 4)


async def test_an_invalidation_is_published_logged_and_tracked(redis: Redis) -> None:
    cache = CacheManager(redis)
    for name in ("cache:list_messages:demo_dentist:12345/50/0", "cache:conversation:demo_dentist:12345"):
        assert await cache.set(name, {})
    await cache.set("cache:conversation:demo_dentist:6", {})
    async with redis.pubsub() as listener:
        await listener.subscribe("cache_coherence:demo_dentist")
        await listener.get_message(timeout=1)
        coherence = CacheCoherenceManager(redis)
        result = await coherence.invalidate_by_event(
            InvalidationType.MESSAGE_CREATED, "demo_dentist", resource_id="12345"
        )
        published = await listener.get_message(timeout=1)
    assert (result.keys_invalidated, result.complete, result.published) == (2, True, True)
    assert published is not None
    event = json.loads(published["data"])
    assert event == json.loads((await redis.lrange("cache_coherence_events", 0, -1))[0])
    assert (event["type"], event["tenant_id"], event["keys_invalidated"]) == (
        "message_created",
        "demo_dentist",
        2,
    )
    assert event["patterns"] == [
        "cache:list_messages:demo_dentist:12345/*",
        "cache:conversation:demo_dentist:12345",
        "cache:list_conversations:demo_dentist:*",
    ]
    assert event["pattern"] == event["patterns"][0]
    assert event["timestamp"].endswith("Z")
    assert await cache.get("cache:conversation:demo_dentist:6") == {}
    assert 300 < await redis.ttl("cache_coherence:demo_dentist:conversation") <= 360
    assert 300 < await redis.ttl("cache_coherence:demo_dentist:bulk") <= 360


@pytest.mark.parametrize("tenant", ["*", "a?me", "[ag]*", "a\\me", "^-"])
async def test_a_tenant_named_like_a_pattern_loses_its_own_keys_only(redis: Redis, tenant: str) -> None:
    names = [tenant, "acme", "game", "a", "ag*", "acme:eu"]
    cache = CacheManager(redis)
    for name in names:
        await cache.set(generate_cache_key("profile", name, 1), {})
    assert await redis.keys(f"cache:profile:{escape_glob(tenant)}:*") == [
        f"cache:profile:{tenant}:1".encode()
    ]
    result = await CacheCoherenceManager(redis).invalidate_by_event("bulk_invalidation", tenant)
    assert result.keys_invalidated == 1
    assert await redis.exists(*(generate_cache_key("profile", name, 1) for name in names)) == len(names) - 1


async def test_an_answer_fetched_before_a_write_is_not_stored_after_it(redis: Redis) -> None:
    cache, coherence = CacheManager(redis), CacheCoherenceManager(redis)
    for event in (InvalidationType.PROFILE_UPDATED, InvalidationType.BULK_INVALIDATION):

        async def load(event: InvalidationType = event) -> dict[str, Any]:
            await coherence.invalidate_by_event(event, "acme")
            return {"old": True}

        assert (await cache.fetch("profile", "acme", load=load)).value == {"old": True}
        assert not await redis.exists("cache:profile:acme:*")


async def test_other_resources_name_their_kinds(redis: Redis) -> None:
    coherence, cache = CacheCoherenceManager(redis), CacheManager(redis)
    await cache.set(generate_cache_key("list_products", "acme"), [1])
    assert await cache.get("cache:list_products:acme:*") == [1]
    assert await redis.ttl("cache:list_products:acme:*") > 0
    result = await coherence.invalidate_by_event(
        "resource_updated", "acme", kinds=("product", "list_products")
    )
    assert result.keys_invalidated == 1
    with pytest.raises(ValueError, match="kinds"):
        await coherence.invalidate_by_event(InvalidationType.RESOURCE_UPDATED, "acme")
    with pytest.raises(ValueError, match="no_such_event"):
        await coherence.invalidate_by_event("no_such_event", "acme")


async def test_a_write_within_one_thing_spares_what_is_within_others(redis: Redis) -> None:
    cache, coherence = CacheManager(redis), CacheCoherenceManager(redis)
    keys = [generate_cache_key("order_item", "acme", *rest) for rest in (("7", "1"), ("7", "2"), ("77", "1"))]
    for key in keys:
        await cache.set(key, {})
    async with redis.pubsub() as listener:
        await listener.subscribe("cache_coherence:acme")
        await listener.get_message(timeout=1)
        async with coherence.invalidating(
            InvalidationType.RESOURCE_UPDATED, "acme", resource_id="1", kinds=["order_item"], within="7"
        ):
            pass
        published = await listener.get_message(timeout=1)
    assert [await cache.get(key) for key in keys] == [None, None, {}]
    event = json.loads(published["data"])
    assert (event["resource_id"], event["patterns"]) == ("1", ["cache:order_item:acme:7/*"])


async def test_what_is_cached_below_a_thing_goes_with_it(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.utils.cache_coherence._BELOW", {})
    cached_below(("line", "list_lines"), ("order", "line"))
    cache, coherence = CacheManager(redis), CacheCoherenceManager(redis)
    updated, order = InvalidationType.RESOURCE_UPDATED, generate_cache_key("order", "acme", "1")
    lines = [generate_cache_key("list_lines", tenant, "1", 50) for tenant in ("acme", "other")]

    async def left() -> list[bool]:
        return [await cache.get(key) is not None for key in (order, *lines)]

    for key in (order, *lines):
        await cache.set(key, {})
    await coherence.invalidate_by_event(updated, "acme", kinds=["order"])
    assert await left() == [False, True, True]
    await coherence.invalidate_by_event(updated, "acme", kinds=["other"], gone=True)
    assert await left() == [False, True, True]
    await cache.set(order, {})
    await coherence.invalidate_by_event(updated, "acme", kinds=["order"], within="1", gone=True)
    assert await left() == [False, False, True]
    event = json.loads((await redis.lrange("cache_coherence_events", 0, 0))[0])
    below = ["cache:line:acme:*", "cache:list_lines:acme:*"]
    assert event["patterns"] == ["cache:order:acme:1/*", *below]


async def test_the_event_log_is_bounded(redis: Redis) -> None:
    await redis.rpush("cache_coherence_events", *range(1500))
    await CacheCoherenceManager(redis).invalidate_by_event(InvalidationType.PROFILE_UPDATED, "acme")
    assert await redis.llen("cache_coherence_events") == 1000


async def test_a_cached_value_that_is_no_answer_is_a_miss(gateway: httpx.AsyncClient, redis: Redis) -> None:
    for rubbish in ("", "5", "[1]", "{", "[" * 100_000):
        await redis.set("cache:profile:demo_dentist:*", rubbish, ex=60)
        answer = await gateway.get("/api/profile", headers=TENANT)
        assert (answer.status_code, answer.headers["X-Cache"]) == (200, "MISS")


async def test_a_cached_answer_of_another_release_is_a_miss_and_replaced(redis: Redis) -> None:
    class Thing(BaseModel):
        name: str

    async def load() -> dict[str, Any]:
        return {"name": "now"}

    cache = CacheManager(redis)
    for old in (b'{"title": "then"}', b'{"name": 7}', b"[" * 100_000):
        await redis.set("cache:thing:acme:1", old, ex=60)
        found = [await cache.fetch("thing", "acme", "1", load=load, model=Thing) for _ in range(2)]
        assert found == [({"name": "now"}, False), ({"name": "now"}, True)]


async def test_cache_metrics_count_keys_and_admit_what_they_do_not_know(
    gateway: httpx.AsyncClient, redis: Redis
) -> None:
    await asyncio.gather(*(redis.set(f"cache:profile:t{number}:*", "{}", ex=60) for number in range(30)))
    await redis.set("integration_test:acme:1", "x", ex=60)
    metrics = (await gateway.get("/api/cache/metrics")).json()
    assert (metrics["total_keys"], metrics["complete"], metrics["error"]) == (30, True, None)
    async with open_redis(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        unknown = await CacheManager(nobody).metrics()
    assert unknown["total_keys"] is None
    assert unknown["error"]
