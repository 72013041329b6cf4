"""One demo, really running: its numbers have causes, each scenario shows its own, and switching back heals it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from optimus_tui.assets import asset_dir
from optimus_tui.cli.run_async import connected_to
from optimus_tui.demo.command import DemoHandle
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.demo.tenants import TENANTS, Http, RawResponse, Resp
from optimus_tui.settings.load import load
from optimus_tui.tools.validate import compared
from tests.patience import PATIENCE

pytestmark = pytest.mark.live


async def asked(port: int, path: str, headers: dict[str, str]) -> RawResponse:
    client = Http(port)
    answer = await client.ask("GET", path, headers)
    client.close()
    return answer


class Demo:
    """The handle and a client for each of its services."""

    def __init__(self, handle: DemoHandle) -> None:
        self.handle = handle

    async def redis(self, *words: str | bytes | int) -> Any:
        link = Resp(self.handle.ports.server)
        replies = await link.send(words)
        link.close()
        return replies[0] if replies else None

    async def gateway(self, path: str, tenant: str = "") -> RawResponse:
        return await asked(self.handle.ports.gateway, path, {"X-Tenant-ID": tenant} if tenant else {})

    async def engine(self) -> RawResponse:
        return await asked(self.handle.ports.engine, "/health", {})

    async def play(self, scenario: str) -> None:
        outcome = await self.handle.play(scenario)
        assert outcome.done, outcome.note
        assert outcome.scenario == self.handle.scenario == scenario


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)


@pytest.fixture
async def demo(running: DemoHandle) -> Demo:
    return Demo(running)


async def test_counters_of_all_tenants_exist_and_each_has_a_ttl(demo: Demo) -> None:
    keys = await demo.redis("KEYS", "rate_limit:*")
    tenants = {key.decode().split(":", 1)[1].rpartition(":")[0] for key in keys}
    assert tenants == {habits.name for habits in TENANTS}
    assert len(keys) >= 30
    for key in keys:
        assert await demo.redis("PTTL", key) != -1, key


async def test_cached_answers_of_several_kinds_exist_and_none_is_for_ever(demo: Demo) -> None:
    seen: set[bytes] = set()

    async def has_seen_all() -> bool:
        """Return whether each kind was there once: a new message removes the lists of its tenant for a moment."""
        keys = await demo.redis("KEYS", "cache:*")
        assert [key for key in keys if await demo.redis("PTTL", key) == -1] == []
        seen.update(key.split(b":")[1] for key in keys)
        return seen >= {b"conversation", b"list_messages", b"list_conversations", b"profile"} and len(keys) >= 40

    await until(has_seen_all)


async def test_the_hit_rate_is_measured_and_the_key_count_is_the_servers(demo: Demo) -> None:
    metrics = (await demo.gateway("/api/cache/metrics")).json()
    assert 0 < metrics["hit_rate"] < 1
    assert metrics["total_keys"] > 20


async def test_events_arrive_of_themselves_at_rest(demo: Demo) -> None:
    assert await events_within(demo, PATIENCE, enough=3) >= 3


async def events_within(demo: Demo, seconds: float, enough: int) -> int:
    """How many events come on the channels, until there are enough or the time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", demo.handle.ports.server)
    writer.write(b"PSUBSCRIBE cache_coherence:*\r\n")
    received = 0
    try:
        async with asyncio.timeout(seconds):
            while received < enough:
                received += (await reader.read(1 << 16)).count(b"pmessage")
    except TimeoutError:
        pass
    finally:
        writer.close()
    return received


async def test_a_noisy_tenant_is_refused_and_the_others_are_not(demo: Demo) -> None:
    await demo.play("noisy-tenant")
    assert int(await demo.redis("GET", "rate_limit:demo_dentist:chat")) > 150
    assert await demo.redis("PTTL", "rate_limit:demo_dentist:chat") > 0
    assert b'rate_limit_refused_total{operation="chat",tenant="demo_dentist"}' in (await demo.gateway("/metrics")).body
    assert (await demo.gateway("/api/profile", "acme:eu")).status == 200
    await demo.play("quiet")
    before = int(await demo.redis("GET", "rate_limit:demo_dentist:chat") or 0)
    await asyncio.sleep(1.0)  # nothing to wait for: proves that nothing comes
    assert int(await demo.redis("GET", "rate_limit:demo_dentist:chat") or 0) - before < 8


async def test_a_stampede_makes_the_hit_rate_fall(demo: Demo) -> None:
    async def looked_up() -> tuple[int, int]:
        metrics = (await demo.gateway("/api/cache/metrics")).json()
        return metrics["hits"], metrics["misses"]

    await demo.play("cache-stampede")
    hits, misses = await looked_up()

    async def enough() -> bool:
        return sum(await looked_up()) - hits - misses > 150

    await until(enough)
    assert b"bulk_invalidation" in b"".join(await demo.redis("LRANGE", "cache_coherence_events", 0, 200))
    await demo.play("quiet")
    after_hits, after_misses = await looked_up()
    assert (after_hits - hits) / (after_hits - hits + after_misses - misses) < 0.6


async def test_a_slow_engine_is_slow_for_us_too_and_quick_again_afterwards(demo: Demo) -> None:
    await demo.play("engine-slow")
    began = time.monotonic()
    assert (await demo.engine()).status == 200
    slow = time.monotonic() - began
    assert slow > 0.5
    await demo.play("quiet")
    quick = slow
    for _ in range(10):
        began = time.monotonic()
        assert (await demo.engine()).status == 200
        quick = min(quick, time.monotonic() - began)
    assert quick < slow, "none of ten was delayed less"


async def test_a_stopped_engine_refuses_and_comes_back(demo: Demo) -> None:
    await demo.play("engine-down")
    assert (await demo.engine()).status == 0
    assert (await demo.gateway("/health")).status == 200
    assert (await demo.gateway("/api/conversations?limit=3", "night_pharmacy")).status in (502, 503, 504)
    await demo.play("quiet")
    assert (await demo.engine()).status == 200

    async def works_again() -> bool:
        return (await demo.gateway("/api/conversations?limit=4", "night_pharmacy")).status == 200

    await until(works_again)


async def test_a_storm_brings_thousands_of_events_and_ends(demo: Demo) -> None:
    await demo.play("coherence-storm")
    assert await events_within(demo, PATIENCE, enough=2000) >= 2000
    await demo.play("quiet")
    assert await events_within(demo, 1.0, enough=200) < 200
    assert await demo.redis("LLEN", "cache_coherence_events") <= 1000


async def test_an_immortal_counter_stays_over_its_limit_until_the_scenario_ends(demo: Demo) -> None:
    await demo.play("immortal-counter")
    assert SCENARIOS["immortal-counter"].injected
    assert int(await demo.redis("GET", "rate_limit:clinic_b:chat")) > 150
    await asyncio.sleep(1.0)  # nothing to wait for: proves that no user dates it again
    assert await demo.redis("PTTL", "rate_limit:clinic_b:chat") == -1
    await demo.play("quiet")
    assert 0 < await demo.redis("PTTL", "rate_limit:clinic_b:chat") <= 60_000


async def test_what_an_operator_repairs_stays_repaired_and_the_users_come_back(demo: Demo) -> None:
    await demo.play("immortal-counter")
    await demo.redis("UNLINK", "rate_limit:clinic_b:chat")

    async def asked_again() -> bool:
        return int(await demo.redis("GET", "rate_limit:clinic_b:chat") or 0) > 0

    await until(asked_again)
    assert 0 < await demo.redis("PTTL", "rate_limit:clinic_b:chat") <= 60_000
    await demo.play("quiet")


async def test_an_unknown_scenario_is_refused_in_a_sentence(demo: Demo) -> None:
    outcome = await demo.handle.play("rm -rf")
    assert not outcome.done
    assert "quiet" in outcome.note
    await demo.handle.switch("rm -rf")
    assert demo.handle.note == outcome.note


async def test_switches_in_a_hurry_are_played_one_after_the_other(demo: Demo) -> None:
    outcomes = await asyncio.gather(*(demo.handle.play(name) for name in ("engine-slow", "coherence-storm", "quiet")))
    assert all(outcome.done for outcome in outcomes)
    assert demo.handle.scenario == "quiet"


async def test_a_killed_server_is_started_again_on_its_port(demo: Demo) -> None:
    run_id = await demo.redis("INFO", "server")
    await demo.redis("SHUTDOWN", "NOSAVE")

    async def another() -> bool:
        info = await demo.redis("INFO", "server")
        return info is not None and info.split(b"run_id:")[1][:40] != run_id.split(b"run_id:")[1][:40]

    await until(another)

    async def counted_again() -> bool:
        return len(await demo.redis("KEYS", "rate_limit:*") or []) > 5

    await until(counted_again)
    assert demo.handle.failed is None


async def test_a_clean_system_does_not_differ_from_its_source(demo: Demo) -> None:
    ports = demo.handle.ports
    flags = {
        "redis_url": f"redis://127.0.0.1:{ports.server}/0",
        "gateway_url": f"http://127.0.0.1:{ports.gateway}",
    }
    source = asset_dir("templates") / "orchestrator"
    async with connected_to(load(flags, {}, source, None)) as context:
        clean = await compared(context)
        assert (clean.differences, clean.not_compared) == ((), ())
        assert (clean.limits, clean.routes) == (10, 15)
        await demo.redis("SET", "rate_limit:nobody:export", "1")
        differing = await compared(context)
        await demo.redis("DEL", "rate_limit:nobody:export")
    assert [(one.kind, one.name) for one in differing.differences] == [("counter without TTL", "export")]
