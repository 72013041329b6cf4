"""What a person feels: first paint, key to paint, idle cost, memory. Real terminal, real server, ratios in one run.

``python -m tests.bench.bench_screen [paint|idle|keys|all]``; needs pyte and psutil (extra ``dev``).
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.realserver import RealServer, server_binary
from tests.terminal import Terminal

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("one two three four five")
Bare().run()
"""
STORM = """
import socket, sys, time
port, rate, seconds = map(int, sys.argv[1:])
s = socket.create_connection(("127.0.0.1", port))
s.setblocking(True)
body = b'{"type":"conversation_updated","tenant_id":"acme","timestamp":"2026-01-01T00:00:00Z","key":"cache:x:acme:1"}'
one = b"*3\\r\\n$7\\r\\nPUBLISH\\r\\n$20\\r\\ncache_coherence:acme\\r\\n$%d\\r\\n%s\\r\\n" % (len(body), body)
end, sent, began = time.monotonic() + seconds, 0, time.monotonic()
while time.monotonic() < end:
    due = int((time.monotonic() - began) * rate) - sent
    if due > 0:
        s.sendall(one * due); sent += due
        s.recv(1 << 20)
    time.sleep(0.01)
"""


FRAME, OUTLINE, KEYS = b"five", b"Coherence", b"quit"
"""What the bare application's frame shows, the outline of the panes, and the dashboard with its line of keys."""


class Spent(NamedTuple):
    """Milliseconds: of the processor, and by the clock."""

    processor: float
    clock: float


def fill(server: RealServer, keys: int) -> None:
    """Cache keys of 20 tenants and 4 kinds, and 50 counters, by raw pipelining."""
    kinds = (b"conversation", b"list_messages", b"profile", b"list_conversations")
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        batch = []
        for i in range(keys):
            name = b"cache:%s:tenant_%02d:%08d" % (kinds[i % 4], i % 20, i)
            batch.append(b"*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n$2\r\nEX\r\n$5\r\n36000\r\n" % (len(name), name))
            if len(batch) == 1000 or i == keys - 1:
                s.sendall(b"".join(batch))
                left = 5 * len(batch)
                while left > 0:
                    left -= len(s.recv(65536))
                batch = []
    for i in range(50):
        server.command("SET", f"rate_limit:tenant_{i % 20:02d}:op{i % 5}", str(i), "EX", "36000")


def home(server: RealServer) -> dict[str, str]:
    """An environment that touches no user's files."""
    place = tempfile.mkdtemp(prefix="optimus-bench-")
    return {
        "REDIS_URL": server.url,
        "HOME": place,
        "XDG_STATE_HOME": place,
        "XDG_CONFIG_HOME": place,
        "BACKEND_ORCHESTRATOR_URL": "http://127.0.0.1:9",
        "AI_ENGINE_URL": "http://127.0.0.1:9",
    }


def first_paint(argv: list[str], env: dict[str, str], shown: bytes) -> Spent:
    """What it takes from exec until the terminal is sent a frame with ``shown`` in it."""
    terminal = Terminal(argv, env=env)
    began, at = time.monotonic(), -1
    while at < 0 and time.monotonic() - began < 20 and terminal.pump(0.01):
        at = terminal.raw.find(shown)
    spent = Spent(processor_ms(terminal.pid), (time.monotonic() - terminal.started) * 1000)
    terminal.close()
    return spent


def processor_ms(pid: int) -> float:
    """The processor time of all threads of a process so far, in milliseconds: what a busy machine does not change."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in threads) / 1e6


def paint(runs: int = 9) -> None:
    """First frame against a bare Textual app, alternating, medians of the pairs."""
    server = RealServer(server_binary() or "").start()
    found = paints(home(server), runs)
    server.stop()
    bare = found["bare"]
    for name, spent in found.items():
        for at, of in enumerate(("processor", "clock")):
            median = statistics.median(one[at] for one in spent)
            ratio = statistics.median(one[at] / other[at] for one, other in zip(spent, bare, strict=True))
            print(
                f"{name:12} {of:9} median {median:6.0f} ms  min {min(one[at] for one in spent):6.0f} ms  x {ratio:4.2f}"
            )


def paints(env: dict[str, str], runs: int) -> dict[str, list[Spent]]:
    """What a bare application's frame takes, ours, and that of the dashboard with its keys, in turns."""
    ours = [sys.executable, "-m", "optimus_tui"]
    wanted = {"bare": ([sys.executable, "-c", BARE], FRAME), "first frame": (ours, OUTLINE), "dashboard": (ours, KEYS)}
    found: dict[str, list[Spent]] = {name: [] for name in wanted}
    for _ in range(runs):
        for name, (argv, shown) in wanted.items():
            found[name].append(first_paint(argv, env, shown))
            time.sleep(0.1)
    return found


def idle(keys: int = 10_000, seconds: float = 20) -> None:
    """CPU share and memory at rest with live panes."""
    server = RealServer(server_binary() or "").start()
    fill(server, keys)
    terminal = Terminal([sys.executable, "-m", "optimus_tui"], env=home(server))
    terminal.wait_for(rf"scanned {keys // 1000},0.. of", 60)
    terminal.settle(8)
    process = psutil.Process(terminal.pid)
    before, began, trips = sum(process.cpu_times()[:2]), time.monotonic(), _commands(server)
    terminal.settle(seconds)
    spent, took = sum(process.cpu_times()[:2]) - before, time.monotonic() - began
    print(
        f"idle at {keys:,} keys: {spent / took:6.1%} of a core, {process.memory_info().rss / 2**20:.0f} MB, "
        f"{(_commands(server) - trips) / took:.0f} commands/s at the server"
    )
    terminal.close()
    server.stop()


def _commands(server: RealServer) -> int:
    match = re.search(rb"total_commands_processed:(\d+)", server.command("INFO", "stats"))
    return int(match[1]) if match else 0


def keys(count: int = 10_000, rate: int = 1000) -> None:
    """Key press to the next bytes on the terminal, while events storm in."""
    server = RealServer(server_binary() or "").start()
    fill(server, count)
    terminal = Terminal([sys.executable, "-m", "optimus_tui"], env=home(server))
    terminal.wait_for(rf"scanned {count // 1000},0.. of", 60)
    storm = subprocess.Popen([sys.executable, "-c", STORM, str(server.port), str(rate), "60"])
    terminal.settle(3)
    times: list[float] = []
    for pane in ("3", "4", "2"):
        terminal.send(pane)
        terminal.settle(0.5)
        if pane == "3":
            for key in ("\r", "j", "\r"):
                terminal.send(key)
                terminal.settle(0.4)
        for key in "kj" * 20:  # each moves the cursor: a key that changes nothing paints nothing
            times.append(_key_to_row(terminal, key))
    storm.kill()
    times.sort()
    print(
        f"key to paint at {count:,} keys and {rate:,} events/s: p50 {times[len(times) // 2]:.0f} ms, "
        f"p95 {times[int(len(times) * 0.95)]:.0f} ms, max {times[-1]:.0f} ms (n={len(times)})"
    )
    terminal.close()
    server.stop()


def _key_to_row(terminal: Terminal, key: str) -> float:
    """Milliseconds until the line with the cursor has been painted anew: any bytes after a quiet moment."""
    terminal.settle(0.06)
    before = len(terminal.raw)
    began = time.perf_counter()
    os.write(terminal.fd, key.encode())
    while len(terminal.raw) == before and time.perf_counter() - began < 2:
        terminal.pump(0.002)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    """Run what was named."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else "all"
    for name, bench in (("paint", paint), ("idle", idle), ("keys", keys)):
        if wanted in (name, "all"):
            bench()


if __name__ == "__main__":
    main()
