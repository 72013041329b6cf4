"""Actions: keys a second with all records on disk, what another client feels meanwhile, and 200 times kill -9.

``python -m tests.bench.bench_actions [KILLS]`` (200; 0 leaves them out)
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.live.actions.driver import armed, carried_out, planned, put
from tests.live.actions.killing import kill_once
from tests.realserver import RealServer, server_binary

KEYS = 10_000


PROBE = """
import socket, sys, threading, time
times, done = [], threading.Event()
def ask():
    link = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while not done.is_set():
        time.sleep(0.001)
        began = time.perf_counter()
        link.sendall(b"PING\\r\\n")
        link.recv(64)
        times.append((time.perf_counter() - began) * 1000)
thread = threading.Thread(target=ask)
thread.start()
sys.stdin.readline()
done.set()
thread.join()
print(sorted(times)[int(len(times) * 0.99)])
"""


class Prober:
    """Another client in a process of its own: a PING each millisecond."""

    def __init__(self, port: int) -> None:
        words = [sys.executable, "-c", PROBE, str(port)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def p99(self) -> float:
        return float(self._process.communicate("\n", timeout=20)[0])


async def speed(server: RealServer, folder: Path, kind: str, **more: object) -> None:
    server.command("FLUSHALL")
    put(server, *(f"cache:conv:acme:{index:05}" for index in range(KEYS)))
    quiet = Prober(server.port)
    await asyncio.sleep(1)
    before = await asyncio.to_thread(quiet.p99)
    async with armed(server.port, folder / kind) as action_service:
        began = time.perf_counter()
        plan = await planned(action_service, kind, **more)  # type: ignore[arg-type]
        planning = time.perf_counter() - began
        busy = Prober(server.port)
        await asyncio.sleep(0.3)
        receipt = await carried_out(action_service, plan)
        during = await asyncio.to_thread(busy.p99)
        guess = action_service.preview(plan).seconds
    print(
        f"{kind:18} planned in {planning:.2f} s, {plan.count / receipt.acting_seconds:,.0f} keys/s "
        f"({receipt.acting_seconds:.2f} s, guessed {guess:.2f}; {receipt.seconds:.2f} s with checks and look), "
        f"{receipt.counts} {receipt.stopped or ''}; another client's p99 {before:.2f} -> {during:.2f} ms"
    )


async def kills(server: RealServer, folder: Path, count: int) -> None:
    dice, states = random.Random(1), Counter[str]()
    unaudited = foreign = left = 0
    for turn in range(count):
        kind = ("invalidate_tenant", "unlink_no_ttl")[turn % 2]
        after = await kill_once(server, folder / f"kill{turn}", 2000, dice, kind)
        unaudited, foreign, left = (
            unaudited + after.unaudited,
            foreign + after.foreign_lost,
            left + after.left_after_resume,
        )
        states[after.killed_in] += 1
    print(f"{count} x kill -9: {unaudited} unaudited, {foreign} foreign, {left} left after resume")
    print(f"killed in {dict(states)}")


async def main(count: int) -> None:
    os.environ.setdefault("XDG_STATE_HOME", tempfile.mkdtemp())
    server = RealServer(server_binary() or "redis-server").start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for kind, more in (
                ("invalidate_tenant", {}),
                ("unlink_no_ttl", {}),
                ("expire_no_ttl", {"window_seconds": 60}),
            ):
                await speed(server, Path(folder), kind, **more)
            await kills(server, Path(folder), count)
    finally:
        server.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
