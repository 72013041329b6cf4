"""The history's bars: a day at two seconds ≤ 200 MB, a query over 60 minutes ≤ 50 ms, the writer ≤ 1 % of a core.

Run by hand: ``python -m tests.bench.bench_history [--series 300] [--changing 300] [--hours 24]``. ``series`` are
labelled ones, of which ``changing`` change in every half minute; beside them 30 plain samples every two seconds. The
worst case is ``--series 2000 --changing 2000``. ``--record SECONDS`` times ``optimus-tui record`` against the services
of the environment variables instead: all its threads, as a share of one core, after ten seconds to settle.
"""

# ruff: noqa: ASYNC240 - a bench may wait for its file
import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from optimus_tui.history.samples.store import Store
from optimus_tui.history.samples.windows import Windows
from optimus_tui.settings.model import Settings
from tests.fixed_clock import FixedClock

NOW = 1_795_000_000.0
PLAIN = [f"plain.{number}" for number in range(29)]


async def simulate(path: Path, hours: float, series: int, changing: int) -> None:
    """A day as the recorder would hand it over."""
    store, clock = Store(path), FixedClock(NOW)
    names = [
        f"http_requests_total|method=GET|route=/api/x/{n % 20}|status=200|tenant=tenant_{n}" for n in range(series)
    ]
    sets, cpu, wall = int(hours * 1800), time.process_time(), time.perf_counter()
    for number in range(sets):
        values = dict.fromkeys(PLAIN, number * 1.7)
        if number % 15 == 0:
            changed = names if number % 300 == 0 else names[:changing]
            values |= {name: float(number) for name in changed} | {"published.http_requests_total": 1.0}
        store.put(NOW - hours * 3600 + 2 * number, values)
        if number % 500 == 0:
            await store.names("nobody")
    await store.names("nobody")
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{sets:,} sets of {len(PLAIN) + 1} samples, {series:,} labelled series of which {changing:,} change")
    print(f"  written in {wall:.1f} s: {cpu / sets * 1e6:.0f} µs of CPU a set, {cpu / sets / 2:.3%} of a core at 2 s")
    print(f"  file {path.stat().st_size / 1e6:.1f} MB, used {await store.used_bytes() / 1e6:.1f} MB")
    print(f"  fault {store.fault}, lost {store.lost}, saved {store.saved:,}")
    windows = Windows(Settings(), lambda: store, None, clock)
    for minutes in (60, 24 * 60):
        await timed(f"series, {minutes} min", lambda m=minutes: windows.series(PLAIN[7], m))
    await timed(
        "one tenant's growth, 60 min", lambda: windows.increase("http_requests_total", 60, {"tenant": "tenant_3"})
    )
    await timed("growth of all series, 60 min", lambda: windows.increase("http_requests_total", 60))
    await store.close()
    cold = Store(path)
    windows = Windows(Settings(), lambda: cold, None, clock)
    await timed("cold open and series, 60 min", lambda: windows.series(PLAIN[7], 60), tries=1)
    await cold.close()


async def timed(what: str, ask: object, tries: int = 5) -> None:
    """The best and the worst of some tries."""
    took = []
    for _ in range(tries):
        started = time.perf_counter()
        answer = await ask()  # type: ignore[operator]
        took.append((time.perf_counter() - started) * 1000)
    size = len(getattr(answer, "samples", None) or answer.series)
    print(f"  {what}: {min(took):.1f} to {max(took):.1f} ms ({size:,} found, {answer.covered_minutes:.0f} min covered)")


def record(seconds: float) -> None:
    """The CPU time of a real recorder."""
    with tempfile.TemporaryDirectory() as state:
        env = {**os.environ, "XDG_STATE_HOME": state}
        child = subprocess.Popen([sys.executable, "-m", "optimus_tui", "record"], env=env)
        time.sleep(10)
        before = _cpu_seconds(child.pid)
        time.sleep(seconds)
        used = _cpu_seconds(child.pid) - before
        child.terminate()
        child.wait()
    print(f"recorder: {used / seconds:.2%} of a core over {seconds:.0f} s")


def _cpu_seconds(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[0]) for one in tasks) / 1e9


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--changing", type=int, default=300)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--record", type=float, default=0)
    given = parser.parse_args()
    if given.record:
        record(given.record)
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(simulate(Path(folder) / "history.sqlite", given.hours, given.series, given.changing))


if __name__ == "__main__":
    main()
