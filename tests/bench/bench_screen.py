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


def first_paint(argv: list[str], env: dict[str, str]) -> float:
    """Milliseconds from exec to the first screen with more than three words."""
    terminal = Terminal(argv, env=env)
    began = time.monotonic()
    while len(terminal.text().split()) <= 3 and time.monotonic() - began < 20:
        terminal.pump(0.01)
    took = (time.monotonic() - terminal.started) * 1000
    terminal.close()
    return took


def paint(runs: int = 9) -> None:
    """First paint against a bare Textual app, alternating, medians."""
    server = RealServer(server_binary() or "").start()
    env = home(server)
    commands = {
        "bare": [sys.executable, "-c", BARE],
        "optimus-tui": [sys.executable, "-m", "optimus_tui"],
        "demo": [sys.executable, "-m", "optimus_tui", "demo"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, argv in commands.items():
            times[name].append(first_paint(argv, env))
            time.sleep(1.5 if name == "demo" else 0.2)
    bare = statistics.median(times["bare"])
    for name, found in times.items():
        median = statistics.median(found)
        print(f"first paint {name:12} median {median:6.0f} ms  min {min(found):6.0f} ms  {median / bare:4.2f} x bare")
    server.stop()


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
