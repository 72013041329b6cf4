"""One world: scripted services, a real Redis, the product pointed at them, and a judge for what it answers."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, cast

from optimus_tui.context import Context
from optimus_tui.settings.load import load
from tests.realserver import RealServer, server_binary
from tests.worlds.judging import Given, Judge
from tests.worlds.leaping import LeapingLoop, WorldClock
from tests.worlds.services import Engine, Gateway
from tests.worlds.traffic import Total

KEPT = ("PATH", "LANG", "PYTHONPATH", "VIRTUAL_ENV")


class World(Judge):
    """Built by ``living``. ``env`` are the variables of the product; change them before the first question."""

    def __init__(self, loop: LeapingLoop, home: Path, past_minutes: float) -> None:
        super().__init__()
        self.loop, self.home = loop, home
        self.clock = WorldClock(loop, past_minutes * 60)
        self.gateway, self.engine = Gateway(self.clock), Engine(self.clock)
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
        self.env |= {"XDG_CACHE_HOME": str(home / "cache")}
        self.ends = contextlib.AsyncExitStack()
        self._redis: RealServer | None = None
        self._context: Context | None = None

    @property
    def now(self) -> float:
        """Seconds since the world began."""
        return self.clock.now

    # -- Redis

    @property
    def redis(self) -> RealServer:
        """A server with the default configuration, empty."""
        return self._redis or self.redis_with()

    def redis_with(self, without: Sequence[str] = (), **config: str) -> RealServer:
        """A server of this world with this configuration, ``without`` some commands; REDIS_URL is it."""
        binary = server_binary()
        assert binary, "no redis-server on this machine"
        if without:
            included = self.home / "renamed.conf"
            included.write_text("".join(f'rename-command {name} ""\n' for name in without))
            config["include"] = str(included)
        self._redis = RealServer(binary, **config).start()
        self.ends.callback(self._redis.stop)
        self.env["REDIS_URL"] = self._redis.url
        return self._redis

    def keys(self, count: int, name: str, value: str = "1", ttl: int | None = 300) -> None:
        """``count`` keys; ``{n}`` in the name is the number. None: without TTL."""
        for n in range(count):
            end = () if ttl is None else ("EX", str(ttl))
            self.redis.command("SET", name.replace("{n}", str(n)), value, *end)

    def counter(self, name: str, count: int | str, ttl: float | None = 45) -> None:
        """One rate-limit key; None: immortal."""
        end = () if ttl is None else ("PX", str(int(ttl * 1000)))
        self.redis.command("SET", name, str(count), *end)

    @contextlib.asynccontextmanager
    async def moving(self, name: str, count: Total, ttl: float) -> AsyncIterator[float]:
        """A counter that follows ``count`` (of the seconds since now) in real time; gives the mono of its beginning."""
        self.counter(name, int(count(0)), ttl)
        began, key = self.clock.mono(), name.encode()

        async def move() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.redis.port)
            while True:
                value = b"%d" % int(count(self.clock.mono() - began))
                parts = [b"SET", key, value, b"KEEPTTL"]
                writer.write(b"*4\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts))
                await reader.readline()
                await asyncio.sleep(0.05)

        mover = asyncio.create_task(move())
        try:
            yield began
        finally:
            mover.cancel()

    # -- time and the recorder

    @contextlib.asynccontextmanager
    async def _leaping(self) -> AsyncIterator[None]:
        self.loop.leaping = True
        try:
            yield
        finally:
            self.loop.leaping = False

    async def unwatched(self, minutes: float) -> None:
        """Time passes while nobody records."""
        async with self._leaping():
            await asyncio.sleep(minutes * 60)

    async def record(self, minutes: float, sources: Sequence[str] = ("metrics",)) -> None:
        """The product's recorder for so long, faster than real time: its sampler's loops, its recorder, its store."""
        from optimus_tui.sampling.record import Recorder
        from optimus_tui.sampling.sampler import Sampler

        context = self.context
        await context.store.ready()
        recorder = Recorder(lambda: context.store, context.clock)
        sampler = Sampler(context, recorder.listen(lambda subject, report: None))
        for source in ("gateway", "engine"):
            sampler.pace(source, 5.0)
        tasks = [asyncio.create_task(loop()) for name, loop in sampler.loops().items() if name in sources]
        async with self._leaping():
            await asyncio.sleep(minutes * 60)
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        recorder.flush()
        await context.store.used_bytes()
        assert all(isinstance(one, asyncio.CancelledError) for one in done), done
        assert not context.store.lost, "the history lost samples: the world is too fast"

    # -- questions

    def settle(self) -> None:
        """Point the variables that no script has set at this world's services."""
        if "REDIS_URL" not in self.env:
            _ = self.redis
        self.env.setdefault("BACKEND_ORCHESTRATOR_URL", self.gateway.url)
        self.env.setdefault("AI_ENGINE_URL", self.engine.url)

    @property
    def context(self) -> Context:
        """The product's own context on this world."""
        if self._context is None:
            self.settle()
            self._context = Context(load({}, self.env, self.home, None), self.clock)
            self.ends.push_async_callback(self._context.aclose)
        return self._context

    async def ask(self, tool: str, **arguments: Any) -> Given:
        """A tool's document, asked in this process by the one road that all surfaces take."""
        from optimus_tui.tools.answer import ToolFailure, answer, encode, exit_code, failure_report

        with self._environment():
            try:
                report: Any = await answer(self.context, tool, arguments)
                code = exit_code(report)
            except ToolFailure as failure:
                report, code = failure_report(tool, failure, self.clock.wall()), failure.exit_code
        return Given(json.loads(encode(report)), code)

    async def performance(self, metric: str, minutes: int, **more: Any) -> Given:
        return await self.ask("analyze_performance_metrics", metric_type=metric, time_window_minutes=minutes, **more)

    async def trouble(self, issue: str, tenant: str = "acme", minutes: int = 30) -> Given:
        return await self.ask(
            "troubleshoot_production_issue", issue_type=issue, tenant_id=tenant, time_window_minutes=minutes
        )

    async def diagnose(self, tenant: str = "acme", **more: Any) -> Given:
        return await self.ask("diagnose_gateway_health", tenant_id=tenant, **more)

    async def compare(self, *tenants: str, minutes: int = 5) -> Given:
        """The document of tenants side by side."""
        from optimus_tui.tools.answer import encode
        from optimus_tui.tools.compare import compare, found

        with self._environment():
            report = await compare(self.context, [one.encode() for one in tenants], minutes)
        return Given(json.loads(encode(report)), int(found(report)))

    async def standup(self) -> Given:
        """The stand-up's document."""
        from optimus_tui.tools.answer import encode
        from optimus_tui.tools.standup import standup

        with self._environment():
            report = await standup(self.context)
        return Given(json.loads(encode(report)), int(report.overall_status != "healthy"))

    async def cli(self, *words: str, before: Sequence[str] = ()) -> Given:
        """One command as a process of its own; stdout is the document where it is JSON. ``before``: a prefix."""
        self.settle()
        process = await asyncio.create_subprocess_exec(
            *before, sys.executable, "-m", "optimus_tui", *words,
            env=self.env, cwd=self.home, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        doc: dict[str, Any] = {}
        with contextlib.suppress(ValueError):
            doc = json.loads(out)
        return Given(doc, process.returncode or 0, f"{out.decode()}\n{err.decode()}")

    async def run(self, tool: str, **arguments: Any) -> Given:
        """A tool asked on the command line."""
        return await self.cli("run", tool, json.dumps(arguments))

    async def panes(self, seconds: float, sources: Sequence[str] | None = None) -> "Panes":
        """What a dashboard's sampler handed on in so many real seconds."""
        from optimus_tui.sampling.sampler import Sampler

        seen = Panes()
        sampler = Sampler(self.context, seen.take)
        loops = {name: loop for name, loop in sampler.loops().items() if sources is None or name in sources}
        tasks = [asyncio.create_task(loop()) for loop in loops.values()]
        await asyncio.sleep(seconds)
        seen.ended = [name for name, task in zip(loops, tasks, strict=True) if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return seen

    @contextlib.contextmanager
    def _environment(self) -> Any:
        """This process looks like one that was started with the world's variables."""
        names = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update({name: self.env[name] for name in names})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


class Panes:
    """The last report of each subject, and all of them."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}
        self.all: list[tuple[str, Any]] = []
        self.ended: list[str] = []

    def take(self, subject: str, report: object) -> None:
        self.last[subject] = report
        self.all.append((subject, report))

    def given(self, subject: str) -> Given:
        """The findings of a pane as a document."""
        report = self.last.get(subject)
        value = getattr(report, "value", report)
        rows = [
            {"rule": one.rule, "severity": one.severity, "message": one.message, "impact": getattr(one, "impact", "")}
            | {"subject": one.subject}
            for one in getattr(value, "findings", ())
        ]
        bad = any(row["severity"] != "low" for row in rows)
        return Given({"findings": rows, "overall_status": getattr(value, "overall", "")}, int(bad))


@contextlib.asynccontextmanager
async def living(past_minutes: float) -> AsyncIterator[World]:
    """A world that began so long ago; gone with all its servers afterwards."""
    loop = cast("LeapingLoop", asyncio.get_running_loop())
    with tempfile.TemporaryDirectory(prefix="optimus-world-") as home:
        world = World(loop, Path(home), past_minutes)
        await world.gateway.start()
        await world.engine.start()
        state = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = str(Path(home) / "state")
        try:
            async with world.ends:
                yield world
        finally:
            if state is None:
                os.environ.pop("XDG_STATE_HOME", None)
            else:
                os.environ["XDG_STATE_HOME"] = state
            await world.gateway.stop()
            await world.engine.stop()
