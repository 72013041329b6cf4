"""What a scenario adds to the everyday traffic. Each act sets its cause, runs beside the users, and ends the cause.

All writes to Redis in this file are injected faults; everything else is requests of users. An act is an async context
manager that yields a sentence once its cause is in place.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import quote

from optimus_tui.demo.tenants import DICE, TENANTS, Http, Resp, Users

EVENT_LOG = "cache_coherence_events"
STORM_PER_SECOND = 1500
NOISY = "demo_dentist"
BLOCKED = "clinic_b"
BLOCKED_KEY = f"rate_limit:{BLOCKED}:chat"


class World:
    """What acts work with: the users by tenant, the engine (for its drill) and the server (for injected faults)."""

    def __init__(self, gateway: Http, engine: Http, server: Resp) -> None:
        self.users = {habits.name: Users(habits, gateway) for habits in TENANTS}
        self.engine, self.server = engine, server


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run ``work`` while the block lasts. An error in it is raised when the block ends."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def noisy(world: World) -> AsyncIterator[str]:
    """One tenant's client retries without a pause and uses every operation."""
    users = world.users[NOISY]

    async def shout() -> None:
        while True:
            await asyncio.gather(*(users.chat(f"+49 30 5550 {n:04d}") for n in range(3)))
            if DICE.random() < 0.3:
                await users.work()
            await asyncio.sleep(0.2)

    async def through_the_limit() -> bool:
        answers = await asyncio.gather(*(users.chat(f"+49 30 5550 {n:04d}") for n in range(6)))
        return any(answer.status == 429 for answer in answers)

    for _ in range(40):
        if await through_the_limit():
            break
    exports = [f"/api/conversations/{quote(one)}/export" for one in users.known[:1]]
    for path in ("/api/profile", "/api/conversations?limit=20", *exports):
        await users.ask("GET", path)
    async with beside(shout()):
        yield f"{NOISY} is over its chat limit and keeps asking"


@asynccontextmanager
async def stampede(world: World) -> AsyncIterator[str]:
    """Drop all cached answers of a tenant again and again, while its users all read them in the same moment.

    Few enough at a time that no limit is reached: the only finding is that of the cache.
    """
    crowds = list(world.users.values())
    quieter = sorted(crowds, key=lambda users: users.habits.reads)[:-3]

    async def run_over(users: Users) -> None:
        await forget_all(world.server, users.habits.name)
        chosen = DICE.sample(users.known, min(4, len(users.known)))
        looks = [*((one, False) for one in chosen), *((one, True) for one in chosen[:2])]
        await asyncio.gather(*(users.look_at(one, messages=messages) for one, messages in looks))

    async def again() -> None:
        while True:
            dropped = (forget_all(world.server, users.habits.name) for users in DICE.sample(crowds, 4))
            await asyncio.gather(*(run_over(users) for users in DICE.sample(quieter, 2)), *dropped)
            await asyncio.sleep(0.8)

    for users in crowds:
        await run_over(users)
    async with beside(again()):
        yield "cached answers are dropped in bulk, tenant by tenant, and read again at once"


async def forget_all(server: Resp, tenant: str) -> None:
    """Inject a fault: drop all cached answers of a tenant, with the event of a bulk invalidation."""
    cursor, dropped = b"0", 0
    prefix = f":{tenant}:".encode()
    while True:
        replies = await server.send(("SCAN", cursor, "MATCH", f"cache:*:{tenant}:*", "COUNT", 500))
        if not replies or not isinstance(replies[0], list):
            return
        cursor, keys = replies[0]
        own = [key for key in keys if prefix in key and key.count(b":") == 3 + tenant.count(":")]
        if own:
            await server.send(("UNLINK", *own))
            dropped += len(own)
        if cursor == b"0":
            break
    await announce(server, [event("bulk_invalidation", tenant, dropped)])


def event(kind: str, tenant: str, dropped: int) -> tuple[str, str]:
    """Return (channel, event), worded as the gateway does."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "type": kind,
        "tenant_id": tenant,
        "timestamp": moment,
        "event_id": uuid.uuid4().hex,
        "pattern": f"cache:*:{tenant}:*",
        "keys_invalidated": dropped,
        "source": "demo: injected fault",
    }
    return f"cache_coherence:{tenant}", json.dumps(body)


async def announce(server: Resp, events: list[tuple[str, str]]) -> None:
    """Publish events and keep them in the event log, as the gateway does."""
    if events:
        log = (("LPUSH", EVENT_LOG, *(body for _, body in events)), ("LTRIM", EVENT_LOG, 0, 999))
        await server.send(*(("PUBLISH", channel, body) for channel, body in events), *log)


@asynccontextmanager
async def storm(world: World) -> AsyncIterator[str]:
    """Inject a fault: ``STORM_PER_SECOND`` events a second without a request."""
    names = [habits.name for habits in TENANTS]

    async def publish() -> None:
        began, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - began) * STORM_PER_SECOND) - sent
            if (
                due > STORM_PER_SECOND
            ):  # The machine was paused: the events of that time are dropped, not sent in one burst.
                began, sent, due = time.monotonic(), 0, 0
            sent += due
            await announce(world.server, [event("conversation_updated", DICE.choice(names), 1) for _ in range(due)])
            await asyncio.sleep(0.05)

    async with beside(publish()):
        yield f"about {STORM_PER_SECOND:,} events a second are published straight to Redis"


@asynccontextmanager
async def slow(world: World) -> AsyncIterator[str]:
    """Use the engine's own drill, with a new delay between 600 and 900 ms every second."""

    async def vary() -> None:
        while True:
            await asyncio.sleep(1.0)
            await drill(world, {"delay_ms": DICE.randint(600, 900), "delay_share": 1.0})

    async with beside(vary()):
        yield "the engine takes 600 to 900 ms for each answer"


@asynccontextmanager
async def immortal(world: World) -> AsyncIterator[str]:
    """Inject a fault: the counter of a tenant over its limit loses its TTL.

    The gateway sets the TTL again at the tenant's next request, so its chat users stop meanwhile. Once an operator
    repairs the counter, the users come back.
    """
    users = world.users[BLOCKED]

    async def come_back() -> None:
        while await world.server.send(("PTTL", BLOCKED_KEY)) in ([-1], None):  # noqa: ASYNC110 - Redis holds the state
            await asyncio.sleep(1.0)
        users.come_back()

    users.silent = True
    try:
        for _ in range(60):
            answers = await asyncio.gather(*(users.chat(f"+49 30 5550 {n % 12:04d}") for n in range(8)))
            if any(answer.status == 429 for answer in answers):
                break
        for _ in range(10):  # A request that was still under way may have set the TTL again.
            await world.server.send(("PERSIST", BLOCKED_KEY))
            await asyncio.sleep(0.1)
            if await world.server.send(("PTTL", BLOCKED_KEY)) == [-1]:
                async with beside(come_back()):
                    yield f"{BLOCKED} / chat has no TTL any more: blocked for ever"
                break
        else:
            yield f"{BLOCKED} / chat could not be made immortal: there is no such counter to take the TTL from"
    finally:
        users.silent = False
        if await world.server.send(("PTTL", BLOCKED_KEY)) == [-1]:
            await world.server.send(("EXPIRE", BLOCKED_KEY, 60))


async def drill(world: World, order: dict[str, float] | None) -> None:
    """Set the engine's drill, or end it (None). Does nothing if the engine is down."""
    await world.engine.ask("PUT", "/drill", body=order or {"delay_ms": 0})


ACTS: dict[str, Callable[[World], contextlib.AbstractAsyncContextManager[str]]] = {
    "noisy": noisy,
    "stampede": stampede,
    "storm": storm,
    "slow": slow,
    "immortal": immortal,
}
