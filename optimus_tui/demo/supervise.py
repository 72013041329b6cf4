"""The demo's supervisor process: owns every child, switches scenarios, and ends all children with its parent.

It reads JSON lines on standard input (``{"switch": NAME, "id": N}`` or ``{"remedy": NAME, "id": N}``; its end means
that the parent has ended) and writes JSON lines on standard output (``progress``, ``ready``, ``notice``, ``failed``,
``switched``).
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from optimus_tui.demo import DEFAULT
from optimus_tui.demo.nodes import NODE, node_plans, sentinel_plans
from optimus_tui.demo.ports import Ports
from optimus_tui.demo.scenarios import REMEDIES, SCENARIOS, Scenario
from optimus_tui.demo.stack import (
    Child,
    ChildFailed,
    ChildPlan,
    Traffic,
    demo_environment,
    read_lines,
    server_binaries,
    server_plans,
    service_plan,
    traffic_argv,
)

LOOK_SECONDS = 0.25
MAX_RESTARTS = 5
AWAY_SECONDS = 1.0
"""Before a child that ended is started again: long enough to be seen as an outage."""
NODE_AWAY_SECONDS = 10.0
"""The same for one server of several, so that a replica takes its place meanwhile."""
NO_SERVER = "no server to run: pip install 'optimus-tui[demo]'"
_BUILT = {"single": "a server", "cluster": "a cluster", "sentinel": "a primary, replicas and sentinels"}


class Supervisor:
    """All children of one demo, and the scenario that is played."""

    def __init__(self, ports: Ports, scenario: Scenario, directory: Path) -> None:
        self.ports, self.scenario, self.directory = ports, scenario, directory
        self.environment = demo_environment(ports)
        self.children: dict[str, Child] = {}
        self.traffic: Traffic | None = None
        self.restarts = 0
        self._gone: dict[str, float] = {}
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start all processes and play the first scenario.

        Raises:
            ChildFailed: A child did not start.
        """
        tell(progress=f"starting {_BUILT[self.ports.topology]}")
        # Those that import slowly start first; they need the server only for their first request.
        self._launch(service_plan("gateway", self.ports.gateway, self.ports.topology))
        self._launch(service_plan("engine", self.ports.engine))
        if self.ports.nodes:
            await self._start_nodes()
        else:
            await self._start_server()
        tell(progress="starting the gateway and the engine")
        self.traffic = Traffic(traffic_argv(self.ports, self.directory), self.environment, self.directory)
        await asyncio.gather(*(child.answers() for child in self.children.values()))
        tell(progress="warming up")
        await self.traffic.play(self.scenario.name, "warm")
        await self._set_engine()
        tell(progress="ready", ready=True)

    async def _start_server(self) -> None:
        reasons = []
        for plan in server_plans(self.ports.server, self.directory):
            try:
                await self._launch(plan).answers()
            except (ChildFailed, OSError) as failed:
                reasons.append(str(failed))
                continue
            if plan.notice:
                tell(notice=plan.notice)
            return
        raise ChildFailed("; ".join(reasons) or NO_SERVER)

    async def _start_nodes(self) -> None:
        """Start what a cluster, or a primary with sentinels, consists of."""
        plans = sentinel_plans if self.ports.topology == "sentinel" else node_plans
        reasons = []
        for binary in server_binaries():
            nodes = [self._launch(plan) for plan in plans(binary, self.ports, self.directory)]
            try:
                await asyncio.gather(*(node.answers() for node in nodes))
            except (ChildFailed, OSError) as failed:
                reasons.append(str(failed))
                continue
            return
        raise ChildFailed("; ".join(reasons) or NO_SERVER)

    def _launch(self, plan: ChildPlan) -> Child:
        self._gone.pop(plan.name, None)
        if plan.name in self.children:
            self.children.pop(plan.name).end()
        self.children[plan.name] = Child(plan, self.environment, self.directory)
        return self.children[plan.name]

    async def switch(self, scenario: Scenario) -> str:
        """End the former scenario, play the next one, and return what happened in a sentence."""
        async with self._turn:
            self.scenario = scenario
            await self._set_engine()
            if self.traffic is None:
                return ""
            return await self.traffic.play(scenario.name)

    async def remedy(self, name: str) -> str:
        """Carry out a remedy outside of the product. The scenario ends only if the remedy fixes its cause."""
        async with self._turn:
            if self.scenario.remedy == name:
                self.scenario = SCENARIOS[DEFAULT]
                if self.traffic:
                    await self.traffic.play(DEFAULT)
            if name == "restart-engine":
                await self._launch(service_plan("engine", self.ports.engine)).answers()
            return next(one.said for one in REMEDIES if one.name == name)

    async def _set_engine(self) -> None:
        engine = self.children.get("engine")
        if self.scenario.engine and not (engine and engine.running):
            await self._launch(service_plan("engine", self.ports.engine)).answers()
        elif not self.scenario.engine and engine:
            self.children.pop("engine").end()

    async def watch(self) -> None:
        """Restart children that ended, at most ``MAX_RESTARTS`` times; one server of several as often as it ends.

        Raises:
            ChildFailed: A child ended too often.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.traffic and not self.traffic.running:
                raise ChildFailed(f"the demo's traffic ended: {self.traffic.last_words()}")
            async with self._turn:
                for child in [c for c in self.children.values() if not c.running]:
                    await self._revive(child)

    async def _revive(self, child: Child) -> None:
        """Start a child that ended again, once it was away for a while."""
        name = child.plan.name
        gone = self._gone.setdefault(name, time.monotonic())
        if time.monotonic() - gone < (NODE_AWAY_SECONDS if name.startswith(NODE) else AWAY_SECONDS):
            return
        if name.startswith(NODE):  # the others hold its place, as often as somebody ends it
            self._launch(child.plan)
            return
        self.restarts += 1
        if self.restarts > MAX_RESTARTS:
            raise ChildFailed(f"{child.plan.label} keeps ending: {child.last_words()}")
        await self._launch(child.plan).answers()
        if self.traffic and name == "engine":
            await self.traffic.play(self.scenario.name)

    def end(self) -> None:
        """End all children and remove all files."""
        if self.traffic:
            self.traffic.end()
        for child in self.children.values():
            child.end()
        shutil.rmtree(self.directory, ignore_errors=True)


def tell(**message: object) -> None:
    """Write one line to the parent; errors are ignored, because the parent may have ended."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")


async def listen(orders: "asyncio.Queue[dict[str, Any]]") -> None:
    """Queue the parent's orders until its side of the pipe is closed."""
    reader = await read_lines(sys.stdin)
    while line := await reader.readline():
        orders.put_nowait(json.loads(line))


async def orphaned(parent: int) -> None:
    """Return once ``parent`` is no longer the parent process, even if another process keeps the pipe open."""
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel sends no event for this
        await asyncio.sleep(1.0)


async def obey(boss: Supervisor, orders: "asyncio.Queue[dict[str, Any]]", started: "asyncio.Future[None]") -> None:
    """Carry out the orders one after the other; a switch that fails is answered and does not end the demo."""
    while True:
        order = await orders.get()
        outcome: dict[str, object] = {"switched": order["id"], "scenario": order.get("switch", "")}
        began = time.monotonic()
        try:
            await asyncio.shield(started)
            if "remedy" in order:
                outcome["note"] = await boss.remedy(order["remedy"])
            else:
                outcome["note"] = await boss.switch(SCENARIOS[order["switch"]])
            # A fault can be seen as soon as it is being put in place; a remedy helps from its end on.
            outcome["at"] = time.monotonic() if "remedy" in order else began
        except ChildFailed as failed:
            outcome["failed_because"] = str(failed)
        tell(**outcome)


async def lead(boss: Supervisor, started: "asyncio.Future[None]") -> None:
    """Wait until everything has started, then restart children that end.

    Raises:
        ChildFailed: A child did not start, or ended too often.
    """
    await asyncio.shield(started)
    await boss.watch()


async def run(ports: Ports, scenario: Scenario, parent: int, directory: Path) -> None:
    """Serve until the parent ends or a signal comes. A failure is reported and does not end the other tasks."""
    boss = Supervisor(ports, scenario, directory)
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    ends = [asyncio.ensure_future(end) for end in (listen(orders), orphaned(parent), stopped.wait())]
    started = asyncio.ensure_future(boss.start())
    work = [asyncio.ensure_future(part) for part in (lead(boss, started), obey(boss, orders, started))]
    try:
        await asyncio.wait({*ends, *work}, return_when=asyncio.FIRST_COMPLETED)
        try:
            for part in work:
                if part.done():
                    part.result()
        except ChildFailed as failed:
            tell(progress=str(failed), failed=str(failed))
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        started.cancel()
        boss.end()


def main(argv: list[str]) -> None:
    """Run ``supervise PARENT_PID SCENARIO NICENESS PORTS``, with the fields of ``Ports`` as a JSON array."""
    parent, scenario = int(argv[0]), SCENARIOS[argv[1]]
    ports = msgspec.json.decode(argv[3], type=Ports)
    with contextlib.suppress(OSError):
        os.nice(int(argv[2]))
    directory = Path(tempfile.mkdtemp(prefix="optimus-demo-"))
    tell(directory=str(directory))
    try:
        asyncio.run(run(ports, scenario, parent, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
