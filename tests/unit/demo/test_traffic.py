"""How a scenario causes its fault although users, windows and requests under way stand in its way."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from optimus_tui.demo.tenants import Http, RawResponse
from optimus_tui.demo.traffic import BLOCKED, World, immortal

LIMIT = 150


class CountingGateway(Http):
    """Counts chats as the gateway does: it dates the counter with each of them. The first window ends early."""

    def __init__(self) -> None:
        super().__init__(0)
        self.count, self.dated, self.windows = 0, False, 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: object = None
    ) -> RawResponse:
        self.count += 1
        refused = self.count > LIMIT
        await self.hold.wait()
        self.dated = True
        if refused:
            return RawResponse(429, b"", 0)
        return RawResponse(200, b'{"conversation_id": "one"}', LIMIT - self.count)


class CountersServer:
    """Holds the gateway's counter; its window ends just before the first PERSIST."""

    def __init__(self, gateway: CountingGateway) -> None:
        self.gateway = gateway

    async def send(self, *commands: tuple[bytes | str | int, ...]) -> list[Any] | None:
        return [self._reply(str(command[0])) for command in commands]

    def _reply(self, word: str) -> int:
        gateway = self.gateway
        if word == "PERSIST" and not gateway.windows:
            gateway.windows, gateway.count = 1, 0
        if word == "UNLINK":
            gateway.count = 0
        if not gateway.count:
            return {"PTTL": -2}.get(word, 0)
        if word == "PERSIST":
            dated, gateway.dated = gateway.dated, False
            return int(dated)
        return 60_000 if gateway.dated else -1

    async def scan(self, pattern: str) -> AsyncIterator[list[bytes]]:
        yield []


async def test_a_window_that_ends_in_the_middle_is_filled_again() -> None:
    gateway = CountingGateway()
    world = World(gateway, gateway, CountersServer(gateway))
    async with immortal(world) as said:
        assert "has no TTL any more" in said
        assert gateway.windows == 1
        assert gateway.count > LIMIT
        assert await world.server.send(("PTTL", "counter")) == [-1]


async def test_the_ttl_is_taken_only_after_the_chats_under_way_were_answered() -> None:
    gateway = CountingGateway()
    world = World(gateway, gateway, CountersServer(gateway))
    gateway.hold.clear()
    late = asyncio.ensure_future(world.users[BLOCKED].chat("+49 30 5550 0000"))
    await asyncio.sleep(0)
    fault = immortal(world)
    entering = asyncio.ensure_future(fault.__aenter__())
    await asyncio.sleep(0)
    gateway.hold.set()
    await entering
    assert late.done()
    assert await world.server.send(("PTTL", "counter")) == [-1]
    await fault.__aexit__(None, None, None)


async def test_a_refusal_of_before_keeps_nobody_away_who_came_back() -> None:
    gateway = CountingGateway()
    users = World(gateway, gateway, CountersServer(gateway)).users[BLOCKED]
    await users.chat("+49 30 5550 0000")
    gateway.count = LIMIT
    gateway.hold.clear()
    late = asyncio.ensure_future(users.chat("+49 30 5550 0000"))
    await asyncio.sleep(0)
    users.come_back()
    gateway.hold.set()
    assert (await late).status == 429
    assert users.may_chat
