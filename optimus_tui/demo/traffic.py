"""The demo's traffic, a process of its own: everyday users of ten tenants, and the acts of the scenario in force.

Orders come as JSON lines on standard input, one answer each on standard output. When standard input ends without a
kill, the supervisor died: then this process carries out its will (ends the server, removes the directory). It refuses
to invent numbers: see ``tenants`` for what users do and ``acts`` for the faults that are injected.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from optimus_tui.demo.acts import ACTS, World, drill
from optimus_tui.demo.raw_clients import Http, Resp
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.demo.tenants import DICE, Users, greet

MOST_AT_ONCE = 40
"""Requests in flight above which everyday users wait: an engine that hangs must not fill our memory."""
_FIRST_CUSTOMERS = 3
_OPENING_SECONDS = 15
"""So much of a minute's chats comes at the start; more would take the busiest tenants over their limits."""
_OPENING_LOOKS = 6.0
"""The opening's look-ups are those of this many seconds."""
_NEWCOMER_SECONDS = 0.8
"""Between two new customers: each reads ten times, and all of a tenant's readers share its limits."""


class Day:
    """The everyday rhythm of all users, from the first minute in short to the steady state."""

    def __init__(self, world: World, tool_calls: asyncio.TaskGroup) -> None:
        self.crowd = list(world.users.values())
        self.tool_calls, self.under_way = tool_calls, 0

    async def begin(self) -> None:
        """Every tenant's first few customers."""
        await asyncio.gather(*(greet(users, _FIRST_CUSTOMERS) for users in self.crowd))

    def go_on(self) -> None:
        """All users at their own pace from now on; the first seconds are busier, as after an opening."""
        for part in (self._opening(), self._newcomers(), *(self._live(users) for users in self.crowd)):
            self.tool_calls.create_task(part)

    async def _opening(self) -> None:
        """A good part of a minute's chats and look-ups within seconds, so that the picture is soon typical."""
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

    def _do(self, tool_call: Coroutine[Any, Any, None]) -> None:
        if self.under_way < MOST_AT_ONCE:
            self.under_way += 1
            self.tool_calls.create_task(tool_call).add_done_callback(self._done)
        else:
            tool_call.close()

    def _done(self, _: object) -> None:
        self.under_way -= 1


class Stage:
    """Plays one scenario at a time: ends the former act before the next begins."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._playing = contextlib.AsyncExitStack()

    async def play(self, name: str) -> str:
        """What happened, in a sentence."""
        scenario = SCENARIOS[name]
        await self._playing.aclose()
        await drill(self.world, scenario.drill)
        if scenario.act:
            return await self._playing.enter_async_context(ACTS[scenario.act](self.world))
        return scenario.says


async def obey(orders: "asyncio.Queue[dict[str, str]]", world: World) -> None:
    """Carry out orders one after the other. ``warm`` comes first, once the servers answer. Only a bug ends it."""
    stage = Stage(world)
    async with asyncio.TaskGroup() as tool_calls:
        day = Day(world, tool_calls)
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
    """One line to the supervisor; its end shows on standard input."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"note": note}).encode() + b"\n")


async def listen(orders: "asyncio.Queue[dict[str, str]]") -> None:
    """Orders from standard input until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        orders.put_nowait(json.loads(line))


async def execute_will(server: Resp, directory: str) -> None:
    """The supervisor is dead: end the server if it is really the demo's, and leave nothing on the disk."""
    replies = await server.send(("CONFIG", "GET", "dir"))
    if replies and isinstance(replies[0], list) and os.fsencode(directory) in replies[0]:
        await server.send(("SHUTDOWN", "NOSAVE"))
    shutil.rmtree(directory, ignore_errors=True)


async def run(options: argparse.Namespace) -> None:
    """Serve until standard input ends."""
    world = World(Http(options.gateway), Http(options.engine), Resp(options.server))
    orders: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    serving = asyncio.ensure_future(obey(orders, world))
    listening = asyncio.ensure_future(listen(orders))
    done, _ = await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
    if serving in done:
        serving.result()
    signal.alarm(3)  # whatever hangs now must not outlive the demo
    await execute_will(Resp(options.server), options.directory)
    os._exit(0)


def main(argv: list[str]) -> None:
    """``traffic --server PORT --engine PORT --gateway PORT --directory DIR``."""
    parser = argparse.ArgumentParser()
    for name in ("server", "engine", "gateway"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--directory", type=os.path.realpath, required=True)
    asyncio.run(run(parser.parse_args(argv)))


if __name__ == "__main__":
    main(sys.argv[1:])
