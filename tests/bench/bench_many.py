"""Many of everything: 10,000 tenants with 5 counters each, 200 kinds of events, 64 nodes. Run by hand:

    python -m tests.bench.bench_many [--tenants N] [--nodes N] [--json FILE]

Panes, tools and the stand-up must stay within their figures, and show the worst with a count of the rest. The nodes are
simulated by one process with many addresses (``many_nodes``). Times are by the clock; ``own`` is the longest time that
our thread kept the screen's loop from turning, in processor time, which other programs do not lengthen.
"""

import argparse
import asyncio
import gc
import json
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import psutil

from optimus_tui.clock import Clock
from optimus_tui.context import Context
from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedStatus
from optimus_tui.index.limits import MAX_NAMES
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tools.answer import answer, encode
from optimus_tui.tools.compare import compare
from optimus_tui.tools.standup import standup
from optimus_tui.tui.panes.feed.pane import FeedPane
from optimus_tui.tui.panes.health.pane import HealthPane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from tests.bench.bench_million import _send
from tests.listening import Heard
from tests.live.tools.driver import system
from tests.realserver import RealServer, server_binary
from tests.tui.pane_app import PaneApp

OPERATIONS = (b"chat", b"upload", b"search", b"export", b"embed")
KINDS, EVENTS = 200, 10_000
TOOLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("diagnose_gateway_health", {"tenant_id": "tenant_00042"}),
    ("analyze_performance_metrics", {"metric_type": "rate_limiting_efficiency"}),
    ("troubleshoot_production_issue", {"issue_type": "rate_limiting", "tenant_id": "tenant_00042"}),
)
Figures = dict[str, float]


class LoopWatch:
    """The longest time in which our thread kept the loop from turning, in milliseconds of processor time."""

    def __init__(self) -> None:
        self.own_ms = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.001)
            self.own_ms = max(self.own_ms, (time.thread_time() - before) * 1000)


async def timed(what: str, do: Callable[[], Awaitable[object]], found: dict[str, Figures]) -> None:
    """Note how long ``do`` took and how long it blocked the loop."""
    gc.collect()
    watch = LoopWatch()
    task = asyncio.ensure_future(watch.run())
    await asyncio.sleep(0.01)
    watch.own_ms, began = 0.0, time.perf_counter()
    await do()
    took = time.perf_counter() - began
    await asyncio.sleep(0.01)
    task.cancel()
    found[what] = {"ms": round(took * 1000, 1), "own_ms": round(watch.own_ms, 1)}
    print(f"{what:<44} {took * 1000:8.1f} ms   longest step {watch.own_ms:6.1f} ms", flush=True)


def fill(port: int, tenants: int) -> None:
    """Five counters of each tenant, of which one in a thousand never resets."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        for start in range(0, tenants, 500):
            commands: list[tuple[bytes, ...]] = []
            for tenant in range(start, min(tenants, start + 500)):
                for at, operation in enumerate(OPERATIONS):
                    words = (b"SET", b"rate_limit:tenant_%05d:%s" % (tenant, operation), b"%d" % (tenant % 149))
                    lasts = at == 0 and tenant % 1000 == 7
                    commands.append(words if lasts else (*words, b"EX", b"36000"))
            _send(link, commands)


async def panes_of_limits(port: int, tenants: int, found: dict[str, Figures]) -> None:
    """The loops of a dashboard until all counters are known, and the limits pane with them."""
    context, heard = Context(Settings(redis=RedisTarget(host="127.0.0.1", port=port)), keep_log=False), Heard()
    loops = Sampler(context, heard).loops()
    tasks = [asyncio.ensure_future(loops[name]()) for name in ("server", "limits", "keys")]
    total = tenants * len(OPERATIONS)
    await timed(
        f"{total:,} counters: found, read and judged",
        lambda: heard.until("limits", lambda r: r.value and len(r.value.rows) >= min(total, MAX_NAMES), 200),
        found,
    )
    await timed("the same, five more seconds of refreshing", lambda: asyncio.sleep(5), found)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    reading = heard.last("limits")
    await context.aclose()
    pane = LimitsPane(Clock(), context.settings)
    app = PaneApp(pane)
    async with app.run_test(size=(140, 42)) as pilot:

        async def show() -> None:
            pane.reading = reading
            await app.workers.wait_for_complete()
            await pilot.pause()

        async def press(*keys: str) -> None:
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()

        async def narrow(text: str) -> None:
            pane.set_filter(text)
            await app.workers.wait_for_complete()
            await pilot.pause()

        await timed("limits pane: a new report", show, found)
        await timed("limits pane: sort", lambda: press("s"), found)
        await timed("limits pane: filter percent>50", lambda: narrow("percent>50"), found)
        await narrow("")
        await timed("limits pane: to the last row", lambda: press("G"), found)
        print(f"  rows {len(pane.rows):,}; foot: {pane.content.export_lines(138)[-1].strip()}")


async def tools(port: int, found: dict[str, Figures]) -> None:
    """Each tool, and the stand-up."""
    with tempfile.TemporaryDirectory() as folder:
        async with system(port, Path(folder)) as (context, _):
            for tool, arguments in TOOLS:
                size = 0

                async def ask(tool: str = tool, arguments: dict[str, Any] = arguments) -> None:
                    nonlocal size
                    size = len(encode(await answer(context, tool, json.dumps(arguments))))

                await timed(f"tool {tool}", ask, found)
                found[f"tool {tool}"]["kilobytes"] = round(size / 1024, 1)
                print(f"  {size / 1024:.1f} kB")
            await timed("stand-up", partial(standup, context), found)
            await timed("compare two tenants", partial(compare, context, [b"tenant_00041", b"tenant_00042"], 60), found)


async def feed(found: dict[str, Figures]) -> None:
    """The feed with 200 kinds of events."""
    clock = Clock()
    pane = FeedPane(clock, Settings())
    app = PaneApp(pane)
    events = tuple(
        FeedEvent(
            seq=at + 1,
            received_at=clock.wall(),
            channel=b"cache_coherence:events",
            payload=(payload := b'{"type":"kind_%d_updated","tenant_id":"t%d","key":"k%d"}' % (at % KINDS, at, at)),
            length=len(payload),
        )
        for at in range(EVENTS)
    )
    async with app.run_test(size=(140, 42)) as pilot:

        async def arrive() -> None:
            status = FeedStatus(state="live", received=EVENTS, rate=50.0)
            pane.reading = FeedBatch(items=events, status=status)
            await pilot.pause()

        async def press(*keys: str) -> None:
            await pilot.press(*keys)
            await app.workers.wait_for_complete()
            await pilot.pause()

        async def narrow(text: str) -> None:
            pane.set_filter(text)
            await app.workers.wait_for_complete()
            await pilot.pause()

        await timed(f"feed: {EVENTS:,} events of {KINDS} kinds", arrive, found)
        await timed("feed: filter kind_177", lambda: narrow("kind_177"), found)
        await narrow("")
        await timed("feed: groups", lambda: press("g"), found)


async def nodes(count: int, found: dict[str, Figures]) -> None:
    """A cluster of many nodes: its health, its rows, and a scan of all of them at once."""
    server = RealServer(server_binary() or "").start()
    fill(server.port, 20)
    argv = [sys.executable, "-m", "tests.bench.many_nodes", str(server.port), str(count)]
    simulated = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    assert simulated.stdout is not None
    host, _, port = (await simulated.stdout.readline()).decode().strip().rpartition(":")
    context, heard = Context(Settings(redis=RedisTarget(host=host, port=int(port))), keep_log=False), Heard()
    loops = Sampler(context, heard).loops()
    process = psutil.Process()
    tasks = [asyncio.ensure_future(loops[name]()) for name in ("server", "limits", "keys")]
    try:
        await timed(
            f"{count} nodes: health of all",
            lambda: heard.until(
                "health", lambda r: r.server and r.server.value and len(r.server.value.nodes) == count, 60
            ),
            found,
        )
        await timed(
            f"{count} nodes: all scanned", lambda: heard.until("cache", lambda r: r.coverage.complete, 120), found
        )
        cpu = sum(process.cpu_times()[:2])
        await timed("the same, ten seconds at rest", lambda: asyncio.sleep(10), found)
        found["the same, ten seconds at rest"]["cpu_percent"] = (sum(process.cpu_times()[:2]) - cpu) * 10
        print(f"  {(sum(process.cpu_times()[:2]) - cpu) * 10:.1f} % of a core")
        report = heard.last("health")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await context.aclose()
        simulated.terminate()
        await simulated.wait()
        server.stop()
    for size in ((140, 42), (80, 24)):
        pane = HealthPane(Clock(), context.settings)
        app = PaneApp(pane)
        async with app.run_test(size=size) as pilot:

            async def show(pane: HealthPane = pane, pilot: Any = pilot) -> None:
                pane.reading = report
                await pilot.pause()

            await timed(f"health pane of {count} nodes, {size[0]} x {size[1]}", show, found)
            print(f"  {len(pane.rows)} rows")


async def measured(tenants: int, count: int) -> dict[str, Figures]:
    """All figures."""
    import optimus_tui.probes.counter_names
    import optimus_tui.probes.counters
    import optimus_tui.tools.health  # noqa: F401 - what is imported at first use would count as a step of the loop

    found: dict[str, Figures] = {}
    server = RealServer(server_binary() or "").start()
    try:
        fill(server.port, tenants)
        await panes_of_limits(server.port, tenants, found)
        await tools(server.port, found)
    finally:
        server.stop()
    await feed(found)
    await nodes(count, found)
    return found


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=64)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = asyncio.run(measured(given.tenants, given.nodes))
    if given.json:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


if __name__ == "__main__":
    main()
