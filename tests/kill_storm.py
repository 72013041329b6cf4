"""kill -9 again and again: ``python -m tests.kill_storm [TIMES]`` (200), a tenth of it in the suite.

Three storms of that many kills each: a process that carries out an action, one that keeps an incident, and one that
writes the files of a router. Nothing that was acknowledged may be lost, and nothing of others may be touched.
"""

import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from optimus_tui.actions.files.changes import recover
from tests.crashing_writer import NAMES
from tests.killing import kill_one
from tests.live.actions.killing import kill_once
from tests.realserver import RealServer, server_binary

KEYS = 1500


async def in_actions(server: RealServer, folder: Path, times: int, seed: int = 1) -> Counter[str]:
    """Kill actions; what went wrong, and where they were killed."""
    dice, seen = random.Random(seed), Counter[str]()
    for turn in range(times):
        kind = ("invalidate_tenant", "unlink_no_ttl")[turn % 2]
        after = await kill_once(server, folder / str(turn), KEYS, dice, kind)
        seen.update(
            {
                "unaudited": after.unaudited,
                "foreign": after.foreign_lost,
                "left after resume": after.left_after_resume,
                f"killed in {after.killed_in}": 1,
            }
        )
    return seen


def in_incidents(folder: Path, times: int, seed: int = 1) -> Counter[str]:
    """Kill keepers of an incident."""
    dice, seen = random.Random(seed), Counter[str]()
    for turn in range(times):
        acknowledged, lost, torn = kill_one(folder / str(turn), dice)
        seen.update({"acknowledged": acknowledged, "lost": lost, "torn lines set aside": torn})
    return seen


def in_files(folder: Path, times: int, seed: int = 1) -> Counter[str]:
    """Kill writers of a router's files: all of a version or none of it is there afterwards, and nothing else."""
    dice, seen = random.Random(seed), Counter[str]()
    root, state = folder / "project", folder / "state"
    (root / "src/routers").mkdir(parents=True)
    foreign = root / "src/routers/mine.py"
    foreign.write_text("somebody else's")
    for _ in range(times):
        words = [sys.executable, "-m", "tests.crashing_writer", str(root), str(state)]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(dice.uniform(0, 0.15))
            process.kill()
        said = recover(root, state)
        versions = {path.read_text() if path.exists() else "" for path in (root / name for name in NAMES)}
        left_over = [path for path in root.rglob("*") if path.is_file() and path.name.endswith((".tmp", ".old"))]
        seen.update(
            {
                "half written": len(versions) != 1,
                "foreign": foreign.read_text() != "somebody else's",
                "left over": len(left_over),
                "finished or taken back by the next run": len(said),
            }
        )
    return seen


def judge(seen: Counter[str]) -> bool:
    """Whether nothing went wrong."""
    return not any(
        seen[bad] for bad in ("unaudited", "foreign", "left after resume", "lost", "half written", "left over")
    )


def main(times: int) -> int:
    binary = server_binary()
    assert binary is not None, "a redis-server is needed"
    server, good = RealServer(binary).start(), True
    with tempfile.TemporaryDirectory() as place, contextlib.closing(_Stopped(server)):
        for name, storm in (
            ("incident", lambda folder: in_incidents(folder, times)),
            ("files", lambda folder: in_files(folder, times)),
            ("action", lambda folder: asyncio.run(in_actions(server, folder, times))),
        ):
            began = time.monotonic()
            seen = storm(Path(place) / name)
            good = good and judge(seen)
            print(f"{name}: {times} kills in {time.monotonic() - began:.0f} s: {dict(seen)}", flush=True)
    return 0 if good else 1


class _Stopped:
    def __init__(self, server: RealServer) -> None:
        self.close = server.stop


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
