"""Scripted services on real HTTP, on the world's own event loop: what they answer is a function of the world's time."""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.worlds.leaping import WorldClock
from tests.worlds.traffic import Process

Value = Any
"""A value, or a function of the world's seconds that gives it."""


class Answer:
    """One answer: status, body and how slowly it comes. ``hangs``: never; ``closes``: the connection ends instead."""

    def __init__(
        self,
        body: Value = b"",
        status: Value = 200,
        *,
        kind: str = "application/json",
        headers: Sequence[tuple[str, str]] = (),
        delay: Value = 0.0,
        hangs: bool = False,
        closes: bool = False,
    ) -> None:
        self.body, self.status, self.kind, self.headers = body, status, kind, headers
        self.delay, self.hangs, self.closes = delay, hangs, closes

    async def write(self, writer: asyncio.StreamWriter, t: float) -> bool:
        """Write it; False where the connection is over."""
        if self.hangs:
            await asyncio.sleep(3600)
        if self.closes:
            return False
        wait = _now(self.delay, t)
        if wait:
            await asyncio.sleep(wait)
        body, status = _now(self.body, t), _now(self.status, t)
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        raw = text.encode() if isinstance(text, str) else text
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}"]
        if not any(name.lower() == "content-type" for name, _ in self.headers):
            head.append(f"Content-Type: {self.kind}")
        head += [f"{name}: {text}" for name, text in self.headers]
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + raw)
        await writer.drain()
        return True


def _now(value: Value, t: float) -> Any:
    return value(t) if callable(value) else value


class Service:
    """One address. ``down``: a function of time that says when nobody answers there."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock, self.port, self.requests = clock, 0, 0
        self.routes: dict[str, Answer] = {}
        self.down: Callable[[float], bool] = lambda t: False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, path: str, body: Value = b"", status: Value = 200, **how: Any) -> "Service":
        """Answer ``path`` so from now on."""
        self.routes[path] = Answer(body, status, **how)
        return self

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            connection: list[int] = []
            while await self._one(reader, writer, connection):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: list[int]) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next((int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0)
        await reader.readexactly(length)
        t = self.clock.now
        if self.down(t):
            return False
        path = head.split(" ", 2)[1].partition("?")[0]
        self.requests += 1
        answer = self.answer(path, t, connection)
        return await answer.write(writer, t)

    def answer(self, path: str, t: float, connection: list[int]) -> Answer:
        """What this path answers at t. ``connection`` is a note pad of the connection."""
        return self.routes.get(path) or Answer({"detail": "Not Found"}, 404)


class Gateway(Service):
    """A healthy Backend Orchestrator until told otherwise. ``processes`` publish ``/metrics``, in turn."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__(clock)
        self.processes: list[Process] = []
        self.sticky = False
        """True: a connection keeps its process (a balancer that counts connections, not requests)."""
        self.at_random: random.Random | None = None
        """Where set: each request meets any of the processes."""
        self.plan: Callable[[float], int] | None = None
        """Where set: at each time the number of the process that answers (a balancer that keeps one for a while)."""
        self._turn = 0
        self.on("/health", {"status": "ok", "version": "2.1.0"})
        self.on("/api/cache/metrics", {"hit_rate": 0.85, "total_keys": 1247})
        self.publishes(chat=150)
        self.on("/api/chat", {"reply": "hello"})

    def publishes(self, window: int = 60, tenants: dict[str, dict[str, int]] | None = None, **limits: int) -> None:
        """The limits it tells on ``/api/rate-limits``."""
        self.on("/api/rate-limits", {"window_seconds": window, "limits": limits, "tenants": tenants or {}})

    def runs(self, *processes: Process) -> "Gateway":
        """These processes answer, those that live in turn."""
        self.processes += processes
        return self

    def answer(self, path: str, t: float, connection: list[int]) -> Answer:
        if path != "/metrics" or not self.processes or path in self.routes:
            return super().answer(path, t, connection)
        alive = [one for one in self.processes if one.alive(t)]
        if not alive:
            return Answer(closes=True)
        if not (self.sticky and connection):
            self._turn += 1
            connection[:] = [self._turn]
        if self.plan and (chosen := self.processes[self.plan(t) % len(self.processes)]) in alive:
            return Answer(chosen.page(t, self.clock.began), kind="text/plain; version=0.0.4")
        process = self.at_random.choice(alive) if self.at_random else alive[connection[0] % len(alive)]
        return Answer(process.page(t, self.clock.began), kind="text/plain; version=0.0.4")


class Engine(Service):
    """A healthy AI Engine until told otherwise."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__(clock)
        self.on("/health", {"status": "ok", "version": "1.4.0"})
