"""The demo's traffic process: everyday users of ten tenants, and the functions by which scenarios cause their faults.

Orders are JSON lines on standard input, each answered on standard output. If standard input ends although this process
was not killed, the supervisor died: then it ends the server and removes the directory.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from optimus_tui.demo.ports import Ports
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.demo.tenants import DICE, TENANTS, Http, Resp, Users, greet

EVENT_LOG = "cache_coherence_events"
STORM_PER_SECOND = 1500
NOISY = "demo_dentist"
BLOCKED = "clinic_b"
BLOCKED_KEY = f"rate_limit:{BLOCKED}:chat"
MOST_AT_ONCE = 40
"""Requests in flight above which everyday users wait, so that an engine that hangs does not fill the memory."""
_FILLINGS = 60
"""Times eight messages, after which a counter that is not over its limit is given up."""
_FIRST_CUSTOMERS = 3
_OPENING_SECONDS = 15
"""Seconds' worth of chats sent at the start; more would take the busiest tenants over their limits."""
_OPENING_LOOKS = 6.0
"""Seconds' worth of reads sent at the start."""
_NEWCOMER_SECONDS = 0.8
"""Pause between two new customers: each reads ten times, and all readers of a tenant share its limits."""


class Server(Protocol):
    """The access to Redis that the faults need: to one server or several."""

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        """Return the replies, or None if the server did not answer."""

    def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        """Yield the names that match, page by page, until an end or a lost server."""


class World:
    """The objects that the faults work with: the users by tenant, the engine (for its drill) and the server."""

    def __init__(self, gateway: Http, engine: Http, server: Server) -> None:
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
    """Let one tenant's client retry without a pause, and call every operation."""
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
    """Drop all cached answers of a tenant again and again while its users all read them at the same moment.

    The requests stay below every limit, so that the cache has the only finding.
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


async def forget_all(server: Server, tenant: str) -> None:
    """Inject a fault: drop all cached answers of a tenant, with the event of a bulk invalidation."""
    dropped = 0
    prefix = f":{tenant}:".encode()
    async for keys in server.scan(f"cache:*:{tenant}:*"):
        own = [key for key in keys if prefix in key and key.count(b":") == 3 + tenant.count(":")]
        if own:
            await server.send(*(("UNLINK", key) for key in own))
            dropped += len(own)
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


async def announce(server: Server, events: list[tuple[str, str]]) -> None:
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
    """Let the engine delay its answers by 600 to 900 ms, with a new delay every second."""

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
        left = -1
        while left == -1:  # Redis holds the state. What it does not tell, while a server is away, is not a repair.
            await asyncio.sleep(1.0)
            replies = await world.server.send(("PTTL", BLOCKED_KEY)) or []
            left = next((reply for reply in replies if isinstance(reply, int)), -1)
        users.come_back()

    users.silent = True
    try:
        if await lose_ttl(world):
            async with beside(come_back()):
                yield f"{BLOCKED} / chat has no TTL any more: blocked for ever"
        else:
            users.silent = False
            yield f"{BLOCKED} / chat could not be brought over its limit, or its TTL is set again each time"
    finally:
        users.silent = False
        if await world.server.send(("PTTL", BLOCKED_KEY)) == [-1]:
            await world.server.send(("EXPIRE", BLOCKED_KEY, 60))


async def lose_ttl(world: World) -> bool:
    """Bring the counter of the blocked tenant over its limit and take its TTL.

    Its users are silent already. Waits until none of their chats is under way, since the gateway sets the TTL with
    each of them; begins again if the counter's window ended meanwhile.

    Returns:
        Whether the counter stands without a TTL.
    """
    users = world.users[BLOCKED]
    for _ in range(_FILLINGS):
        answers = await asyncio.gather(*(users.chat(f"+49 30 5550 {n % 12:04d}") for n in range(8)))
        if not any(answer.status == 429 for answer in answers):
            continue
        while users.chatting:  # noqa: ASYNC110 - the chats end by their own time limits
            await asyncio.sleep(0.05)
        if await world.server.send(("PERSIST", BLOCKED_KEY), ("PTTL", BLOCKED_KEY)) in ([1, -1], [0, -1]):
            return True
    return False


async def drill(world: World, order: dict[str, float] | None) -> None:
    """Set the delays and faults of the engine's drill; None ends it. Does nothing if the engine is down."""
    await world.engine.ask("PUT", "/drill", body=order or {"delay_ms": 0})


ACTS: dict[str, Callable[[World], contextlib.AbstractAsyncContextManager[str]]] = {
    "noisy": noisy,
    "stampede": stampede,
    "storm": storm,
    "slow": slow,
    "immortal": immortal,
}


class Day:
    """The ordinary traffic of all users, from a short first minute to a steady state."""

    def __init__(self, world: World, tasks: asyncio.TaskGroup) -> None:
        self.crowd = list(world.users.values())
        self.tasks, self.under_way = tasks, 0

    async def begin(self) -> None:
        """Let the first few customers of every tenant write."""
        await asyncio.gather(*(greet(users, _FIRST_CUSTOMERS) for users in self.crowd))

    def go_on(self) -> None:
        """Start all users at their own pace; the first seconds are busier."""
        for part in (self._opening(), self._newcomers(), *(self._live(users) for users in self.crowd)):
            self.tasks.create_task(part)

    async def _opening(self) -> None:
        """Send a part of a minute's chats and reads within seconds, so that the figures are soon typical."""
        for _ in range(50):
            for users in self.crowd:
                if DICE.random() < users.habits.chats * _OPENING_SECONDS / 50:
                    self._do(users.chat_somewhere())
                if DICE.random() < users.habits.reads * _OPENING_LOOKS / 50:
                    self._do(users.look())
            await asyncio.sleep(0.05)

    async def _newcomers(self) -> None:
        while room := [users for users in self.crowd if len(users.known) < users.habits.conversations]:
            seen = await DICE.choices(room, [users.habits.conversations for users in room])[0].open_one()
            await asyncio.sleep(_NEWCOMER_SECONDS if seen and seen.status == 200 else 0.5)

    async def _live(self, users: Users) -> None:
        chats, reads = users.habits.chats, users.habits.reads
        work = 0.03 + chats / 30
        while True:
            await asyncio.sleep(DICE.expovariate(chats + reads + work))
            dice = DICE.random() * (chats + reads + work)
            if dice < chats:
                self._do(users.chat_somewhere())
            elif dice < chats + reads:
                self._do(users.look())
            else:
                self._do(users.work())

    def _do(self, request: Coroutine[Any, Any, None]) -> None:
        if self.under_way < MOST_AT_ONCE:
            self.under_way += 1
            self.tasks.create_task(request).add_done_callback(self._done)
        else:
            request.close()

    def _done(self, _: object) -> None:
        self.under_way -= 1


class Stage:
    """Plays one scenario at a time: the previous fault ends before the next begins."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._playing = contextlib.AsyncExitStack()

    async def play(self, name: str) -> str:
        """Play a scenario and return what happened, in a sentence."""
        scenario = SCENARIOS[name]
        await self._playing.aclose()
        await drill(self.world, scenario.drill)
        if scenario.act:
            return await self._playing.enter_async_context(ACTS[scenario.act](self.world))
        return scenario.says


async def obey(orders: "asyncio.Queue[dict[str, str]]", world: World) -> None:
    """Carry out orders one after the other; ``warm`` is the first one, once the servers answer. Only a bug ends it."""
    stage = Stage(world)
    async with asyncio.TaskGroup() as tasks:
        day = Day(world, tasks)
        while True:
            order = await orders.get()
            if order["order"] == "warm":
                await day.begin()
                day.go_on()
                answer("")
                await stage.play(order["scenario"])
            else:
                answer(await stage.play(order["scenario"]))


def answer(note: str) -> None:
    """Write one line to the supervisor. Errors are ignored: the supervisor's end shows on standard input."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"note": note}).encode() + b"\n")


async def listen(orders: "asyncio.Queue[dict[str, str]]") -> None:
    """Queue orders from standard input until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        orders.put_nowait(json.loads(line))


async def execute_will(servers: Sequence[Resp], directory: str) -> None:
    """Clean up if the supervisor was killed: end the servers that are the demo's, and remove the directory."""
    for server in servers:  # A sentinel has no CONFIG; of its file INFO tells.
        replies = await server.send(("CONFIG", "GET", "dir"), ("INFO", "server"))
        if replies and os.fsencode(directory) in b" ".join(_texts(replies)):
            await server.send(("SHUTDOWN", "NOSAVE"))
    shutil.rmtree(directory, ignore_errors=True)


def _texts(reply: object) -> list[bytes]:
    if isinstance(reply, list):
        return [text for one in reply for text in _texts(one)]
    if isinstance(reply, bytes):
        return [reply]
    return []


async def run(ports: Ports, directory: str) -> None:
    """Serve until standard input ends."""
    server: Server = Resp(ports.server)
    if ports.nodes:
        from optimus_tui.demo.node_clients import SeveralServers, open_nodes

        server = SeveralServers(open_nodes(ports.redis_url))
    world = World(Http(ports.gateway), Http(ports.engine), server)
    orders: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    serving = asyncio.ensure_future(obey(orders, world))
    listening = asyncio.ensure_future(listen(orders))
    done, _ = await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
    if serving in done:
        serving.result()
    signal.alarm(3)  # If the clean-up hangs, this ends the process.
    # The sentinels end first, so that they promote none of the servers that end.
    await execute_will([Resp(port) for port in (*ports.sentinels, *(ports.nodes or [ports.server]))], directory)
    os._exit(0)


def main(argv: list[str]) -> None:
    """Run ``traffic DIRECTORY PORTS``, with the fields of ``Ports`` as a JSON array."""
    asyncio.run(run(msgspec.json.decode(argv[1], type=Ports), os.path.realpath(argv[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
