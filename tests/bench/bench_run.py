"""``run diagnose_gateway_health`` on a healthy loopback system: the whole process, its work, and slow services.

Run by hand: ``python tests/bench/bench_run.py``. Figures: process ≤ 700 ms, work ≤ 40 ms, 200 ms on each service adds
≤ 280 ms, anything hung is answered within 9 s. Prints the median and the best of several.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from optimus_tui.cli.flags import settings_of
from optimus_tui.context import Context
from optimus_tui.tools.answer import answer
from tests.hostile import HostileServer, reply, silence
from tests.realserver import RealServer, nobody_port, server_binary
from tests.relay import Relay
from tests.standin import standing_in

TOOL = "diagnose_gateway_health"
ROUNDS = 9
KEYS = 1_250


def process() -> float:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "optimus_tui", "run", TOOL], capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    return (time.perf_counter() - began) * 1000


async def work(rounds: int) -> list[float]:
    """Milliseconds of each call but the first, which imports."""
    ctx = Context(settings_of({}))
    took = []
    try:
        for _ in range(rounds + 1):
            began = time.perf_counter()
            await answer(ctx, TOOL, {})
            took.append((time.perf_counter() - began) * 1000)
    finally:
        await ctx.aclose()
    return took[1:]


def say(what: str, figures: list[float], bar: float) -> None:
    print(f"{what:<44} median {statistics.median(figures):7.1f} ms  best {min(figures):7.1f} ms  (bar {bar:,.0f} ms)")


def slow(one: HostileServer, seconds: float) -> None:
    """Every answer waits so long first."""
    acts = dict(one.acts)

    def later(act):  # type: ignore[no-untyped-def]
        async def wait(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(seconds)
            await act(writer)

        return wait

    for path, act in acts.items():
        one.on(path, later(act))


def main() -> None:
    binary = server_binary()
    assert binary, "no server on this machine"
    server = RealServer(binary).start()
    with standing_in() as services, tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "BACKEND_ORCHESTRATOR_URL": services.url,
            "AI_ENGINE_URL": services.url,
            "REDIS_URL": server.url,
            "XDG_STATE_HOME": home,
        }
        for number in range(KEYS):
            server.command("SET", f"cache:conversation:demo_dentist:{number}", "x", "EX", "600")
        for number in range(20):
            server.command("SET", f"rate_limit:t{number}:chat", "1", "EX", "600")
        say("whole process", [process() for _ in range(ROUNDS)], 700)
        usual = asyncio.run(work(4 * ROUNDS))
        say("work", usual, 40)
        relay = Relay(server.port)
        services.on("/health", reply(b'{"status":"ok"}'))
        slow(services, 0.2)
        slowed = asyncio.run(work(ROUNDS))
        say("200 ms on each HTTP service adds", [one - statistics.median(usual) for one in slowed], 280)
        services.on("/health", silence)
        say("gateway and engine hung, whole process", [process()], 9000)
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{relay.port}/0"
        relay.mute()
        say("everything hung, whole process", [process()], 9000)
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{nobody_port()}/0"
        os.environ["BACKEND_ORCHESTRATOR_URL"] = os.environ["AI_ENGINE_URL"] = f"http://127.0.0.1:{nobody_port()}"
        say("everything down, whole process", [process()], 9000)
    server.stop()


if __name__ == "__main__":
    main()
