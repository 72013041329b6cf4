"""A real cluster of three primaries and three replicas: beside one server, while slots move, and while primaries die.

    python -m tests.bench.bench_cluster [--keys N] [--scans N] [--slots N] [--failovers N] [--json FILE]

Scans are timed in turns with those of one server with the same keys. While slots move every scan must be called
incomplete, and of the quiet ones none. After a kill it is measured when that is said, how long after the promotion all
counters are known again, and whether the feed has a gap.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import hiredis

from optimus_tui.context import Context
from optimus_tui.contract.finding_rules import SERVER_CLUSTER_NODE
from optimus_tui.settings.model import RedisTarget, Settings
from tests.bench.bench_million import KINDS
from tests.listening import Heard, sampling
from tests.live.probes.driver import observing, run_sweep, target_of
from tests.realcluster import RealCluster, cluster_binary, raw, say, until
from tests.realserver import RealServer

COUNTERS = [b"rate_limit:tenant_%03d:op%d" % (at, at % 5) for at in range(100)]
TENANTS, AT_ONCE = 200, 2_000


def names(count: int) -> list[bytes]:
    """Return the names of cache keys of four kinds and 200 tenants, and of 100 counters."""
    return [b"cache:%s:tenant_%03d:%08d" % (KINDS[at % 4], at // 4 % TENANTS, at) for at in range(count)] + COUNTERS


def fill(port: int, keys: list[bytes]) -> None:
    """Write keys with a TTL of ten hours, many at once."""
    with socket.create_connection(("127.0.0.1", port)) as link:
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            packed = [hiredis.pack_command((b"SET", key, b"1", b"EX", b"36000")) for key in some]  # type: ignore[arg-type]
            link.sendall(b"".join(packed))
            left = len(b"+OK\r\n") * len(some)
            while left > 0:
                left -= len(link.recv(1 << 16))


def target(cluster: RealCluster) -> RedisTarget:
    """Return the address of the cluster."""
    (host, port), *others = cluster.seeds
    return RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))


async def scan_seconds(place: RedisTarget, keys: int) -> tuple[float, float]:
    """Return the seconds of a whole scan for names and TTLs, by the clock and of our own processor time."""
    async with observing(place) as redis:
        await redis.nodes()
        began, cpu = time.monotonic(), time.process_time()
        _, outcome = await run_sweep(redis)
        took = time.monotonic() - began, time.process_time() - cpu
    assert outcome.complete and outcome.scanned >= keys, outcome
    return took


async def beside_one_server(cluster: RealCluster, keys: list[bytes], turns: int = 5) -> dict[str, Any]:
    """Return how long scans take on the cluster, and on one server with the same keys."""
    server = RealServer(cluster_binary()).start()
    fill(server.port, keys)
    one, several = [], []
    for _ in range(turns):
        one.append(await scan_seconds(target_of(server.port), len(keys)))
        several.append(await scan_seconds(target(cluster), len(keys)))
    server.stop()
    ours, bare = (statistics.median(took for took, _ in times) for times in (several, one))
    cpu, bare_cpu = (statistics.median(took for _, took in times) for times in (several, one))
    return {
        "keys": len(keys), "cluster_s": ours, "one_server_s": bare, "ratio": ours / bare,
        "cluster_cpu_s": cpu, "one_server_cpu_s": bare_cpu,
    }  # fmt: skip


async def while_slots_move(cluster: RealCluster, keys: list[bytes], scans: int, slots: int) -> dict[str, Any]:
    """Return how many scans were called incomplete while slots moved, and how many without; and what they missed."""
    cli = shutil.which("redis-cli") or shutil.which("valkey-cli")
    assert cli, "redis-cli moves the slots"
    found: dict[str, Any] = {"moving": 0, "marked": 0, "missed": [], "twice": [], "slots_moved": 0, "marked_quiet": 0}
    source = 0
    async with observing(target(cluster)) as redis:
        while found["moving"] < scans:
            words = ("--cluster-from", cluster.ids[source], "--cluster-to", cluster.ids[(source + 1) % 3])
            amount = ("--cluster-slots", str(slots), "--cluster-pipeline", "100", "--cluster-yes")
            command = (cli, "--cluster", "reshard", f"127.0.0.1:{cluster.ports[0]}", *words, *amount)
            moving = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220
            while b"[" not in raw(cluster.ports[source], "CLUSTER NODES") and moving.poll() is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            while moving.poll() is None and found["moving"] < scans:
                pages, outcome = await run_sweep(redis)
                if moving.poll() is not None:
                    break
                seen = [name for page in pages for name in page.names]
                found["moving"] += 1
                found["marked"] += not outcome.complete
                found["missed"].append(len(set(keys) - set(seen)))
                found["twice"].append(len(seen) - len(set(seen)))
            moving.wait()
            found["slots_moved"] += slots
            source = (source + 1) % 3
        for _ in range(scans):
            _, outcome = await run_sweep(redis)
            found["marked_quiet"] += not outcome.complete
    return found


async def failovers(cluster: RealCluster, rounds: int) -> dict[str, Any]:
    """Return for each kill when it was said, how long after the promotion all was known, and if a gap is marked."""
    said, live, marked = [], [], 0
    for turn in range(rounds):
        dying = leaders(cluster)[turn % 3]
        context, heard = Context(Settings(redis=target(cluster)), keep_log=False), Heard()
        async with sampling(context, heard, ("server", "limits", "keys", "feed")):
            await heard.until("limits", lambda r: r.value and len(r.value.rows) == 100 and r.coverage.complete, 60)
            await heard.until("health", lambda r: r.server and r.server.value and len(r.server.value.nodes) == 6, 30)
            while context.feed.drain().status.state != "live":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await asyncio.sleep(5)  # the watch of the links looks every two seconds; two looks are the least
            gaps = context.feed.drain().status.gaps
            cluster.nodes[dying].kill()
            killed = time.monotonic()
            watching = asyncio.ensure_future(asyncio.to_thread(promoted, cluster, dying))
            await heard.until("health", partial(says_away, str(cluster.ports[dying])), 30)
            said.append(time.monotonic() - killed)
            at = await watching
            await heard.until("limits", partial(all_known_since, at), 30)
            live.append(time.monotonic() - at)
            end = time.monotonic() + 10
            while context.feed.drain().status.gaps == gaps and time.monotonic() < end:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            marked += context.feed.drain().status.gaps > gaps
            print(f"{turn + 1}: said {said[-1]:.2f} s, live {live[-1]:.2f} s, marked {marked}", flush=True)
        cluster.nodes[dying].start()
        until(lambda port=cluster.ports[dying]: b"master_link_status:up" in raw(port, "INFO replication"))  # type: ignore[misc]
    return {
        "failovers": rounds, "gaps_marked": marked,
        "said_s_median": statistics.median(said), "said_s_worst": max(said),
        "live_after_promotion_s_median": statistics.median(live), "live_after_promotion_s_worst": max(live),
    }  # fmt: skip


def says_away(where: str, report: Any) -> bool:
    """Return whether the node at this port is said not to answer."""
    return any(one.rule == SERVER_CLUSTER_NODE and where in one.message for one in report.findings)


def all_known_since(mono: float, report: Any) -> bool:
    """Return whether each counter has a count that was read after this monotonic time."""
    return report.taken_mono > mono and all(row.counter.count for row in report.value.rows)


def leaders(cluster: RealCluster, without: int | None = None) -> list[int]:
    """Return the numbers of the primaries, as another node than ``without`` lists them."""
    asked = next(port for at, port in enumerate(cluster.ports) if at != without)
    rows = say(asked, "CLUSTER", "SLOTS")
    return list(dict.fromkeys(cluster.ports.index(row[2][1]) for row in rows))


def promoted(cluster: RealCluster, dead: int) -> float:
    """Wait until the living nodes have another primary in the place of the dead one; return when that was."""
    living = [port for at, port in enumerate(cluster.ports) if at != dead]
    end = time.monotonic() + 30
    while dead in leaders(cluster, dead) or not all(b"state:ok" in raw(port, "CLUSTER INFO") for port in living):
        assert time.monotonic() < end, "no node was promoted"
        time.sleep(0.02)
    return time.monotonic()


async def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    keys = names(given.keys)
    cluster = RealCluster(cluster_binary()).start()
    try:
        for index, port in enumerate(cluster.ports[:3]):
            fill(port, [key for key in keys if cluster.owner(key) == index])
        found: dict[str, Any] = {"load": os.getloadavg()[0], "scan": await beside_one_server(cluster, keys)}
        print(json.dumps(found["scan"], indent=1), flush=True)
        if given.failovers:
            found["failovers"] = await failovers(cluster, given.failovers)
            print(json.dumps(found["failovers"], indent=1), flush=True)
    finally:
        cluster.stop()
    if given.scans:
        cluster = RealCluster(cluster_binary()).start()
        try:
            for index, port in enumerate(cluster.ports[:3]):
                fill(port, [key for key in keys if cluster.owner(key) == index])
            found["moves"] = await while_slots_move(cluster, keys, given.scans, given.slots)
        finally:
            cluster.stop()
    return found


def main() -> None:
    """Print the figures, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--scans", type=int, default=15)
    parser.add_argument("--slots", type=int, default=4_000)
    parser.add_argument("--failovers", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    text = json.dumps(asyncio.run(measured(given)), indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
