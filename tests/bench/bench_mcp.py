"""The first MCP answer: ≤ 1.2 s from process start, measured by the SDK's own client over stdio.

Run by hand: ``python -m tests.bench.bench_mcp [--runs 7]``, against the services of the environment variables. The
client is loaded before the clock starts. Three times are shown: until the server has answered the client's first
question, until the tools are listed, and until ``diagnose_gateway_health`` has answered; and what importing the SDK
alone costs here, which is nearly all of the first.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time

from mcp import Client, StdioServerParameters

BAR_SECONDS = 1.2
TOOL = "diagnose_gateway_health"
BARE = "import mcp.server.lowlevel.server, mcp.server.stdio"


async def once() -> tuple[float, float, float]:
    """Seconds from process start to the first answer, the list and a tool's document."""
    command = StdioServerParameters(command=sys.executable, args=["-m", "optimus_tui", "mcp"], env=dict(os.environ))
    started = time.perf_counter()
    async with Client(command) as client:
        first = time.perf_counter() - started
        await client.list_tools()
        listed = time.perf_counter() - started
        await client.call_tool(TOOL, {})
        return first, listed, time.perf_counter() - started


def bare() -> float:
    """Seconds of a process that imports the SDK's server and ends."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", BARE], check=True)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    asyncio.run(once())  # warm the file cache
    times = [(*asyncio.run(once()), bare()) for _ in range(runs)]
    for name, column in zip(
        ("first answer", "tools listed", TOOL, "(SDK alone)"), zip(*times, strict=True), strict=True
    ):
        print(f"{name:<26}{min(column):6.2f} s best  {statistics.median(column):6.2f} s median of {runs}")
    good = statistics.median(row[0] for row in times) <= BAR_SECONDS
    print(f"bar {BAR_SECONDS} s: {'held' if good else 'MISSED'}; load average {os.getloadavg()[0]:.1f}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
