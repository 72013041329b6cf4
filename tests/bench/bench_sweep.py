"""What a sweep costs others: a second client's PING while 100,000 keys with TTLs are swept. Run by hand:

python -m tests.bench.bench_sweep [KEYS]

The control is the same sweep of the same server while the second client pings another one: both cores are then as busy,
and the difference is what the sweep adds to clients of the server it walks. The server's own account (commandstats)
stands beside it.
"""

import asyncio
import multiprocessing
import socket
import statistics
import sys
import time
from multiprocessing.sharedctypes import Synchronized

from optimus_tui.contract.reading import Coverage
from optimus_tui.index.cache import CacheIndex
from optimus_tui.probes.keyspace import SweepOutcome
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.sweep import sweep
from optimus_tui.settings.model import ScanBudget
from tests.live.probes.driver import fill, observing, target_of
from tests.realserver import RealServer, server_binary

ROUNDS = 4


def ping_for(port: int, running: "Synchronized[int]", out: "multiprocessing.Queue[list[float]]") -> None:
    """PINGs each millisecond until told to stop; the times in ms."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times: list[float] = []
        while running.value:
            began = time.perf_counter()
            link.sendall(b"PING\r\n")
            link.recv(64)
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.001)
    out.put(times)


class Pinger:
    """A second client in its own process."""

    def __init__(self, port: int) -> None:
        self._running = multiprocessing.Value("i", 1)
        self._out: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
        self._process = multiprocessing.Process(target=ping_for, args=(port, self._running, self._out))
        self._process.start()

    def stop(self) -> list[float]:
        self._running.value = 0
        times = self._out.get()
        self._process.join()
        return times


def quantile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def told(label: str, times: list[float]) -> float:
    p50, p99, worst = quantile(times, 0.5), quantile(times, 0.99), max(times)
    print(f"  {label:24} PING p50 {p50:.3f}  p99 {p99:.3f}  worst {worst:.2f} ms  ({len(times)} samples)")
    return p99


async def swept(redis: ObserverRedis, budget: ScanBudget, ttls: bool) -> tuple[float, CacheIndex]:
    index, began = CacheIndex(), time.perf_counter()
    index.begin_sweep()
    async for item in sweep(redis, budget, redis.own, ttls=ttls, sizes=100):
        if isinstance(item, SweepOutcome):
            assert item.complete, item.reason
            index.end_sweep(Coverage(item.scanned, item.total, item.complete))
        else:
            index.put_page(item.names, item.pttls, item.sizes, redis.own.clock.mono())
    return time.perf_counter() - began, index


def spent(server: RealServer) -> float:
    """Milliseconds the server spent on SCAN and scripts since the statistics were reset."""
    lines = server.command("INFO", "commandstats").decode().split("\r\n")
    usec = {line.split(":")[0]: line.split("usec=")[1].split(",")[0] for line in lines if "usec=" in line}
    names = (
        ("cmdstat_eval_ro",) if "cmdstat_eval_ro" in usec else ("cmdstat_scan", "cmdstat_pttl", "cmdstat_memory|usage")
    )
    return sum(float(usec.get(name, 0)) for name in names) / 1000


async def watched(pinged: RealServer, redis: ObserverRedis, ttls: bool) -> tuple[list[float], float, CacheIndex]:
    """The PINGs of a client of ``pinged`` while ``redis`` is swept; the seconds of the sweep and its index."""
    pinger = Pinger(pinged.port)
    await asyncio.sleep(0.3)
    seconds, index = await swept(redis, ScanBudget(), ttls)
    return pinger.stop(), seconds, index


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    binary = server_binary()
    assert binary
    server = RealServer(binary, slowlog_log_slower_than="5000").start()
    other = RealServer(binary).start()
    try:
        for start in range(0, count, 10_000):
            fill(server, min(10_000, count - start), f"cache:conv:t{{}}:{start}-{{}}")
        async with observing(target_of(server.port)) as redis:
            for label, scripts, ttls in (("EVAL_RO", True, True), ("SCAN + PTTL", False, True), ("names", True, False)):
                print(f"{label}, {count:,} keys, COUNT 250, pause 2 ms")
                redis.scripts = scripts
                added: list[float] = []
                for _ in range(ROUNDS):
                    times, seconds, _ = await watched(other, redis, ttls)
                    elsewhere = told(f"other swept in {seconds:.2f} s", times)
                    server.command("CONFIG", "RESETSTAT")
                    trips = redis.own.trips
                    times, seconds, index = await watched(server, redis, ttls)
                    added.append(told(f"this swept in {seconds:.2f} s", times) - elsewhere)
                    server_ms = spent(server)
                    print(
                        f"  {'':24} server {server_ms:.0f} ms = {server_ms / seconds / 10:.1f} % of the time,"
                        f" {redis.own.trips - trips} trips, {index.report().keys:,} keys"
                    )
                print(f"  p99 added: median {statistics.median(added):+.3f} ms, best {min(added):+.3f} ms")
        log = server.command("SLOWLOG", "GET", "100")
        print("entries of ours in SLOWLOG at 5 ms:", log.count(b"optimus-tui"))
    finally:
        server.stop()
        other.stop()


if __name__ == "__main__":
    asyncio.run(main())
