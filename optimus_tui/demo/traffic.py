"""The demo's traffic process: everyday users of ten tenants, and the acts of the present scenario.

Orders are JSON lines on standard input, each answered on standard output. If standard input ends although this process
was not killed, the supervisor died: then it ends the server and removes the directory. ``tenants`` says what users do,
and ``acts`` which faults are injected.
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
from optimus_tui.demo.scenarios import SCENARIOS
from optimus_tui.demo.tenants import DICE, Http, Resp, Users, greet

MOST_AT_ONCE = 40
"""Requests in flight above which everyday users wait, so that an engine that hangs does not fill the memory."""
_FIRST_CUSTOMERS = 3
_OPENING_SECONDS = 15
"""Seconds' worth of chats sent at the start; more would take the busiest tenants over their limits."""
_OPENING_LOOKS = 6.0
"""Seconds' worth of reads sent at the start."""
_NEWCOMER_SECONDS = 0.8
"""Pause between two new customers: each reads ten times, and all readers of a tenant share its limits."""


class Day:
    """The everyday rhythm of all users, from a short first minute to the steady state."""

    def __init__(self, world: World, tasks: asyncio.TaskGroup) -> None:
        self.crowd = list(world.users.values())
        self.tasks, self.under_way = tasks, 0

    async def begin(self) -> None:
        """Let every tenant's first few customers write."""
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
    """Plays one scenario at a time: the former act ends before the next begins."""

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
    """Carry out orders one after the other. ``warm`` comes first, once the servers answer. Only a bug ends it."""
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
    """Write one line to the supervisor; its end shows on standard input."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps({"note": note}).encode() + b"\n")


async def listen(orders: "asyncio.Queue[dict[str, str]]") -> None:
    """Queue orders from standard input until it ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        orders.put_nowait(json.loads(line))


async def execute_will(server: Resp, directory: str) -> None:
    """Clean up after the supervisor died: end the server if it is the demo's, and remove the directory."""
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
    signal.alarm(3)  # If the clean-up hangs, this ends the process.
    await execute_will(Resp(options.server), options.directory)
    os._exit(0)


def main(argv: list[str]) -> None:
    """Run ``traffic --server PORT --engine PORT --gateway PORT --directory DIR``."""
    parser = argparse.ArgumentParser()
    for name in ("server", "engine", "gateway"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--directory", type=os.path.realpath, required=True)
    asyncio.run(run(parser.parse_args(argv)))


if __name__ == "__main__":
    main(sys.argv[1:])
