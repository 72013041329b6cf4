"""Gathers the figures of size, start and rest into ``docs/figures.json``, each beside a bare program of the same run.

    python -m tests.bench.figures [--keys N] [--runs N] [--only-million | --only-actions]

``docs/generate.py`` makes the page ``docs/figures.md`` of it. The machine and its load stand beside the figures: on a
busy machine the ratios of times are what counts, and times of the processor more than those of the clock.
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench.bench_cluster_actions import measured as actions_measured
from tests.bench.bench_million import measured
from tests.bench.bench_screen import fill, home, paints, processor_ms
from tests.realserver import RealServer, server_binary
from tests.terminal import Terminal

PLACE = Path(__file__).parents[2] / "docs" / "figures.json"
CLOCK = """
from textual.app import App
from textual.widgets import Static
import time
class Bare(App):
    def compose(self):
        yield Static("0", id="c")
    def on_mount(self):
        self.set_interval(1.0, lambda: self.query_one("#c").update(time.strftime("%H:%M:%S")))
Bare().run()
"""
IDLE_KEYS, IDLE_SECONDS = 10_000, 20.0
Row = dict[str, Any]


def row(what: str, value: float, unit: str, promise: str, anchor: str = "", bare: float | None = None) -> Row:
    """Return one line of the table; ``bare`` is what the anchor took in the same run."""
    return {"what": what, "value": value, "unit": unit, "promise": promise, "anchor": anchor, "bare": bare}


def million(keys: int) -> list[Row]:
    """Return the figures of a cache of so many keys."""
    told = asyncio.run(measured(keys))
    normal, fast, bare, ttls = told["normal"], told["fast"], told["bare_scan"], told["bare_scan_with_ttls"]
    scan, raw, twenty = "a bare SCAN COUNT 1000", "SCAN and PTTL by raw hiredis", told["twenty_rules"]
    size = f"{keys:,} keys"

    def processors(of: dict[str, float]) -> float:
        return of["own_cpu_s"] + of["server_cpu_s"]

    rows = [
        row(f"{size}: load by other programs meanwhile", os.getloadavg()[1], "", ""),
        row(f"{size}: all counters known", normal["counters_s"], "s", "2 s", scan, bare["seconds"]),
        row(f"{size}: names and TTLs, default", normal["names_and_ttls_s"], "s", "15 s", raw, ttls["seconds"]),
        row(f"{size}: names and TTLs, fast", fast["names_and_ttls_s"], "s", "2.5 times", scan, bare["seconds"]),
        row(f"{size}: the same beside the least", fast["names_and_ttls_s"], "s", "", raw, ttls["seconds"]),
        row(f"{size}: the least, of both processors", processors(ttls), "s", "", scan, processors(bare)),
        row(f"{size}: the server's processor time, fast", fast["server_cpu_s"], "s", "", raw, ttls["server_cpu_s"]),
        row(f"{size}: our processor time, fast", fast["own_cpu_s"], "s", "", raw, ttls["own_cpu_s"]),
        row(f"{size}: our processor time, default", normal["own_cpu_s"], "s", ""),
        row(
            f"{size}: processor time of both, 20 rules",
            processors(twenty),
            "s",
            "1.3 times",
            "the profile `optimus`",
            processors(fast),
        ),
        row("server's time for a call, median, default", normal["eval_ro_server_ms_p50"], "ms", "0.5 ms"),
        row(
            f"{size}: calls above 2 ms by the clock, default",
            normal["slowlog_entries"],
            "calls",
            "",
            "times that the server was interrupted",
            normal["server_interrupted"],
        ),
        row(
            f"{size}: calls above 2 ms of the server's processor",
            normal["calls_of_2_ms_processor"],
            "calls",
            "0",
        ),
        row(f"{size}: the longest call, server's processor", normal["longest_call_processor_ms"], "ms", "2 ms"),
        row(f"{size}: longest step of the screen's loop", normal["longest_step_cpu_ms"], "ms", "50 ms"),
        row(f"{size}: memory of the index", normal["index_mb"], "MB", "100 MB"),
        row(f"{size}: memory of the process", normal["process_mb"], "MB", "250 MB"),
    ]
    if told["redis_cli_scan_s"]:
        cli = told["redis_cli_scan_s"]
        rows.append(row(f"{size}: redis-cli --scan, names only", cli, "s", "", scan, bare["seconds"]))
    return rows + [
        row(f"{size}: {name.removesuffix(' ms')}", took, "ms", "300 ms") for name, took in told["views"].items()
    ]


def start(runs: int) -> list[Row]:
    """Return the processor time of the first frame, and until the keys work, in turns with a bare application."""
    server = RealServer(server_binary() or "").start()
    found = paints(home(server), runs)
    server.stop()
    used = {name: statistics.median(one.processor for one in spent) for name, spent in found.items()}
    bare = "a bare Textual application"
    return [
        row("first frame: processor time", used["first frame"], "ms", "1.25 times", bare, used["bare"]),
        row("dashboard with its keys: processor time", used["dashboard"], "ms", "", bare, used["bare"]),
    ]


def rest() -> list[Row]:
    """Return what a dashboard at rest costs, beside a bare application with a clock."""
    server = RealServer(server_binary() or "").start()
    fill(server, IDLE_KEYS)
    found = []
    for argv, words in (
        ([sys.executable, "-c", CLOCK], ""),
        ([sys.executable, "-m", "optimus_tui"], r"scanned 10,0.. of"),
    ):
        terminal = Terminal(argv, env=home(server))
        if words:
            terminal.wait_for(words, 60)
        terminal.settle(10)
        process = psutil.Process(terminal.pid)
        cpu, written, began = processor_ms(terminal.pid), len(terminal.raw), time.monotonic()
        terminal.settle(IDLE_SECONDS)
        took = time.monotonic() - began
        busy = (processor_ms(terminal.pid) - cpu) / took / 10
        found.append((busy, (len(terminal.raw) - written) / took, process.memory_info().rss / 2**20))
        terminal.close()
    server.stop()
    (bare_share, bare_bytes, _), (share, sent, memory) = found
    return [
        row(
            "at rest, 10,000 keys: processor",
            share,
            "% of a core",
            "4 times",
            "the same with a clock alone",
            bare_share,
        ),
        row(
            "at rest, 10,000 keys: to the terminal", sent, "bytes/s", "4,000", "the same with a clock alone", bare_bytes
        ),
        row("at rest, 10,000 keys: memory", memory, "MB", "90 MB"),
    ]


def tool(runs: int) -> list[Row]:
    """Return the processor time of one tool with a Redis and no services, as a whole process, beside the least one."""
    server = RealServer(server_binary() or "").start()
    env = {**os.environ, **home(server)}
    least = str(PLACE.parents[1] / "tests" / "bench" / "least_run.py")
    nobody = [f"{env[name]}/health" for name in ("BACKEND_ORCHESTRATOR_URL", "AI_ENGINE_URL")]
    took: dict[str, list[float]] = {}
    for _ in range(runs):
        for words in ((least, server.url, *nobody), ("-m", "optimus_tui", "run", "diagnose_gateway_health")):
            began = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *words], env=env, capture_output=True, check=False)
            ended = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
            took.setdefault(words[0], []).append(spent * 1000)
    server.stop()
    used, bare = min(took["-m"]), min(took[least])
    beside = "PING and GET by redis-py and httpx"
    return [row("run diagnose_gateway_health: processor time", used, "ms", "300 ms", beside, bare)]


def actions(times: int, keys: int) -> list[Row]:
    """Return what actions left behind while servers died and slots moved."""
    told = asyncio.run(actions_measured(times, keys))
    words = {"unaudited": "keys lost without a record", "foreign": "keys of others lost", "untrue": "untrue outcomes"}
    return [
        row(f"{keys:,} unlinks, {times} times {about}: {text}", found[name], "", "0")
        for about, found in told.items()
        for name, text in words.items()
    ]


def machine() -> dict[str, Any]:
    """Return on what the figures were taken."""
    binary = server_binary() or ""
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"v=([0-9.]+)", version)
    return {
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "python": platform.python_version(),
        "server": number[1] if number else "",
        "taken": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def rounded(rows: list[Row]) -> list[Row]:
    """Return the rows with their ratios, and three digits of each figure."""
    for one in rows:
        one["ratio"] = round(one["value"] / one["bare"], 2) if one["bare"] else None
        one["value"] = float(f"{one['value']:.3g}")
        one["bare"] = float(f"{one['bare']:.3g}") if one["bare"] else None
    return rows


def main() -> None:
    """Take all figures and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=9)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--without-million", action="store_true", help="keep the figures of many keys as they are")
    only.add_argument("--only-million", action="store_true", help="take the figures of many keys, keep the others")
    only.add_argument("--only-actions", action="store_true", help="take those of actions in outages, keep the others")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--unlinks", type=int, default=3_000)
    given = parser.parse_args()
    kept = json.loads(PLACE.read_text())
    groups: dict[str, list[Row]] = {"first": [], "many": [], "actions": []}
    for one in kept["figures"]:
        first = one["what"].startswith(("first frame", "dashboard", "at rest", "run "))
        group = "actions" if "unlinks" in one["what"] else "many"
        groups["first" if first else group].append(one)
    on = kept["machine"]
    if not (given.only_million or given.only_actions):
        on, groups["first"] = machine(), rounded([*start(given.runs), *rest(), *tool(given.runs)])
    if not (given.without_million or given.only_actions):
        groups["many"] = rounded(million(given.keys))
    if not given.only_million and not given.without_million:
        groups["actions"] = rounded(actions(given.times, given.unlinks))
    figures = [one for group in groups.values() for one in group]
    PLACE.write_text(json.dumps({"machine": on, "figures": figures}, indent=1) + "\n")
    print(PLACE.read_text())


if __name__ == "__main__":
    main()
