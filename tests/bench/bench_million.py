"""A million keys on a real server: how soon counters, names and TTLs are known, and what that costs. Run by hand:

    python -m tests.bench.bench_million [KEYS] [--json FILE]

The anchors are taken in the same run: a bare SCAN COUNT 1000 over a raw socket with hiredis, the same with the TTL of
each key, which is the least that names and TTLs can cost, and redis-cli --scan where there is one. Beside the clock
stands the processor time of both sides, which other programs lengthen less. SLOWLOG counts the clock, so that a call in
it may only have waited for a processor: how often the server was interrupted meanwhile stands beside its entries, those
of the bare anchor, and how many of our calls took the server's own processor for as long.
``tests.bench.figures`` gathers these figures with those of the other benchmarks.
"""

import argparse
import asyncio
import gc
import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import hiredis
import psutil
from msgspec import convert

from optimus_tui.context import Context
from optimus_tui.dialects.load import load_table, preset_table
from optimus_tui.dialects.model import Dialect
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.index.cache import CacheIndex
from optimus_tui.probes import pacing
from optimus_tui.sampling.sampler import Sampler
from optimus_tui.settings.model import ScanBudget, Settings
from optimus_tui.tui.panes.cache.picking import FIELDS
from optimus_tui.tui.panes.cache.rows import KeyLists, TreeOptions, build_tree
from tests.listening import Heard
from tests.live.probes.driver import target_of
from tests.realserver import RealServer, server_binary

KINDS = (b"conversation", b"list_messages", b"profile", b"list_conversations")
SLOW_US = 2_000
VIEWS = (("key", "000777"), ("key", "/9.9$/"), ("key", "tenant:=tenant_001"), ("key", "ttl<9h !777"), ("ttl", ""))


def fill(port: int, count: int) -> None:
    """Cache keys of 200 tenants and 4 kinds with TTLs, and 100 counters of which one never resets."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        for start in range(0, count, 2_000):
            names = [
                b"cache:%s:tenant_%03d:%08d" % (KINDS[at % 4], at // 4 % 200, at)
                for at in range(start, min(count, start + 2_000))
            ]
            _send(link, [(b"SET", name, b"x", b"EX", b"36000") for name in names])
        counters = [b"rate_limit:tenant_%03d:op%d" % (at, at % 5) for at in range(100)]
        _send(link, [(b"SET", name, b"7", b"EX", b"36000") for name in counters[1:]] + [(b"SET", counters[0], b"7")])


def _send(link: socket.socket, commands: list[tuple[bytes, ...]]) -> None:
    packed = [hiredis.pack_command(words) for words in commands]  # type: ignore[arg-type]
    link.sendall(b"".join(packed))
    left = 5 * len(commands)
    while left > 0:
        left -= len(link.recv(1 << 16))


class Spent:
    """Seconds of the clock, and of the processors: of this process, and of a server."""

    def __init__(self, server: RealServer) -> None:
        assert server.process
        self._server, self._ours = psutil.Process(server.process.pid), psutil.Process()
        self._clock, self._before, self._began = time.perf_counter(), self._cpu(), self._switches()

    def _cpu(self) -> tuple[float, float]:
        return sum(self._ours.cpu_times()[:2]), sum(self._server.cpu_times()[:2])

    def _switches(self) -> int:
        return int(self._server.num_ctx_switches().involuntary)

    def figures(self) -> dict[str, float]:
        """Return what was spent since the start."""
        (own, server), (own_before, server_before) = self._cpu(), self._before
        return {
            "seconds": time.perf_counter() - self._clock,
            "own_cpu_s": own - own_before,
            "server_cpu_s": server - server_before,
            "server_interrupted": self._switches() - self._began,
        }


class ThreadTime:
    """What the server's main thread has run: the kernel counts no time in it that others had.

    The file stays open: it is read after each call, and to open it each time is a tenth of what is measured.
    """

    def __init__(self, server: RealServer) -> None:
        assert server.process
        pid = server.process.pid
        self._file = os.open(f"/proc/{pid}/task/{pid}/schedstat", os.O_RDONLY)

    def ms(self) -> float:
        """Milliseconds until now."""
        return int(os.pread(self._file, 64, 0).split()[0]) / 1e6

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def slow_calls(server: RealServer) -> int:
    """How many calls SLOWLOG holds."""
    return int(server.command("SLOWLOG", "LEN").strip(b":\r\n"))


def bare_scan(server: RealServer, *, ttls: bool = False, count: int = 1000) -> dict[str, float]:
    """A whole SCAN over a raw socket; with ``ttls``, PTTL of each name goes with the next SCAN. Nothing is kept."""
    reader = hiredis.Reader()
    cursor: bytes | None = b"0"
    server.command("SLOWLOG", "RESET")
    spent = Spent(server)
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def reply() -> Any:
            while (told := reader.gets()) is False:
                reader.feed(link.recv(1 << 18))
            return told

        names: list[bytes] = []
        while True:
            words = [b"*2\r\n$4\r\nPTTL\r\n$%d\r\n%b\r\n" % (len(name), name) for name in names]
            if cursor is not None:
                words.append(hiredis.pack_command((b"SCAN", cursor, b"COUNT", b"%d" % count)))  # type: ignore[arg-type]
            link.sendall(b"".join(words))
            for _ in names:
                reply()
            if cursor is None:
                break
            cursor, found = reply()
            names = found if ttls else []
            if cursor == b"0":
                cursor = None
                if not names:
                    break
    return {**spent.figures(), "slowlog_entries": slow_calls(server)}


def cli_scan(port: int) -> float | None:
    """Seconds of ``redis-cli --scan``; None where there is none."""
    cli = shutil.which("redis-cli") or shutil.which("valkey-cli")
    if cli is None:
        return None
    began = time.perf_counter()
    subprocess.run([cli, "-p", str(port), "--scan"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def twenty_rules() -> Dialect:
    """A profile of twenty rules, some of which begin alike."""
    cache = [
        {"key": "cache:{kind}:{tenant}:{rest...}"},
        {"key": "page:{tenant}:{rest...}", "kind": "page"},
        {"key": "app:cache:{tenant}:{kind}:{rest...}"},
        {"key": "fastapi-cache:{tenant}:{rest...}", "kind": "answers"},
        {"key": "sess:{tenant}:{rest...}", "kind": "session"},
        {"key": "tags:{tenant}:{rest...}", "kind": "tags"},
    ]
    return load_table({"limits": list(preset_table("home-made")["limits"]), "cache": cache}, "a benchmark")


async def scanned(
    server: RealServer, budget: ScanBudget, dialect: Dialect | None = None
) -> tuple[dict[str, float], CacheIndex, Any]:
    """Run the loops of a dashboard until all is known; seconds since the first answer, and what the server spent."""
    server.command("SLOWLOG", "RESET")
    calls: list[tuple[str, float]] = []
    ran: list[float] = []
    """What the server's thread had run after each call; what it did for our other loops is among it."""
    told, thread = pacing.TimedCalls.ask, ThreadTime(server)

    async def noted(self: pacing.TimedCalls, *words: Any) -> Any:
        reply = await told(self, *words)
        ran.append(thread.ms())
        calls.append((words[0] if "MATCH" not in words else "MATCH", self.server_ms))
        return reply

    pacing.TimedCalls.ask = noted  # type: ignore[method-assign]
    context = Context(Settings(redis=target_of(server.port), scan=budget, dialect=dialect), keep_log=False)
    heard, process = Heard(), psutil.Process()
    gc.collect()
    rss, spent = process.memory_info().rss, Spent(server)
    sampler = Sampler(context, heard)
    loops = sampler.loops()
    worst, tasks = [0.0], [asyncio.create_task(loops[name]()) for name in ("server", "limits", "keys")]

    async def watch() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            worst[0] = max(worst[0], time.thread_time() - before)
            await asyncio.sleep(0.02)

    tasks.append(asyncio.create_task(watch()))
    await heard.until("health", lambda report: report.server and report.server.value, 30)
    began = time.perf_counter()
    await heard.until("limits", lambda r: r.value and r.value.coverage.complete and len(r.value.rows) == 100, 600)
    counters = time.perf_counter() - began
    assert dialect or any(row.state == "immortal" for row in heard.last("limits").value.rows)
    await heard.until("cache", lambda r: r.coverage.complete, 600)
    whole = time.perf_counter() - began
    report = heard.last("cache").value
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await context.aclose()
    pacing.TimedCalls.ask = told  # type: ignore[method-assign]
    thread.close()
    used = spent.figures()
    gc.collect()
    figures = {
        "counters_s": counters,
        "names_and_ttls_s": whole,
        **used,
        "longest_step_cpu_ms": worst[0] * 1000,
        "index_mb": (process.memory_info().rss - rss) / 2**20,
        "process_mb": process.memory_info().rss / 2**20,
        "slowlog_entries": slow_calls(server),
        "calls_of_2_ms_processor": sum(after - before > SLOW_US / 1000 for before, after in pairwise(ran)),
        "longest_call_processor_ms": max(after - before for before, after in pairwise(ran)),
    }
    for name in ("MATCH", "SCAN", "EVAL_RO"):
        times = [ms for one, ms in calls if one == name]
        if times:
            figures |= {f"{name.lower()}_server_ms_p50": statistics.median(times), f"{name.lower()}_calls": len(times)}
    return figures, sampler.cache_index, report


async def viewed(index: CacheIndex, report: Any, mono: float) -> dict[str, float]:
    """Milliseconds to filter or sort all keys, with their groups open."""
    found: dict[str, float] = {}
    opened = frozenset(
        {(k.totals.kind, None) for k in report.kinds} | {(t.kind, t.tenant) for k in report.kinds for t in k.tenants}
    )
    for sort, text in VIEWS:
        options = TreeOptions(opened=opened, sort=sort, filter=parse_filter(text, FIELDS), now_ms=int(mono * 1000))
        times = []
        for _ in range(3):
            began = time.perf_counter()
            await build_tree(report, index, options, KeyLists())
            times.append(time.perf_counter() - began)
        found[f"{'filter ' + text if text else 'sort by ' + sort} ms"] = min(times) * 1000
    return found


async def measured(keys: int, budgets: tuple[str, ...] = ("normal", "fast")) -> dict[str, Any]:
    """All figures of one server with so many keys."""
    slow = {"slowlog_log_slower_than": str(SLOW_US), "slowlog_max_len": "1000000"}
    server = RealServer(server_binary() or "", **slow).start()
    try:
        fill(server.port, keys)
        bare = min((bare_scan(server) for _ in range(3)), key=lambda one: one["seconds"])
        figures: dict[str, Any] = {"keys": keys, "bare_scan": bare, "redis_cli_scan_s": cli_scan(server.port)}
        figures["bare_scan_with_ttls"] = bare_scan(server, ttls=True, count=250)
        for budget in budgets:
            one, index, report = await scanned(server, convert({"budget": budget}, ScanBudget))
            one["times_a_bare_scan"] = one["names_and_ttls_s"] / min(bare["seconds"], bare_scan(server)["seconds"])
            figures[budget] = one
            with suppress(IndexError):
                figures["views"] = await viewed(index, report, time.monotonic())
            del index, report
        figures["twenty_rules"], *_ = await scanned(server, ScanBudget(budget="fast"), twenty_rules())
        return figures
    finally:
        server.stop()


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keys", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--budget", choices=("normal", "fast"), action="append")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    text = json.dumps(asyncio.run(measured(given.keys, tuple(given.budget or ("normal", "fast")))), indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
