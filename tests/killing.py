"""kill -9 at a random moment of a process that keeps an incident; what it acknowledged must be there (row 105)."""

import random
import subprocess
import sys
import time
from pathlib import Path

from optimus_tui.contract.incident_events import NoteAdded
from optimus_tui.history import timeline as files
from optimus_tui.history.timeline import open_timeline
from optimus_tui.incidents.open import unfinished

ROOT = Path(__file__).parents[1]


def child(root: Path, records: int, *more: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.crashing_keeper", str(root), str(records), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def kill_one(root: Path, chance: random.Random) -> tuple[int, int, int]:
    """(acknowledged, lost, torn lines) of one killed process; the next start must offer its incident."""
    process = child(root, 100_000)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline().startswith(b"open ")
    time.sleep(chance.uniform(0.0, 0.12))
    process.kill()
    said = process.stdout.read().split(b"\n")[:-1]
    process.wait()
    process.stdout.close()
    process.stderr.close()
    acknowledged = [int(line.split()[1]) for line in said if line.startswith(b"ack ")]
    (offered,) = unfinished("default", root)
    folder = files.folder_of(root, offered.number)
    timeline = open_timeline(folder, "next")
    assert timeline.read_only == ""
    torn = len(timeline.notices)
    kept = [int(one.text.split()[0]) for one in timeline.events if isinstance(one, NoteAdded)]
    timeline.close()
    assert kept == list(range(len(kept))), "in order, without a gap"
    return len(acknowledged), len(set(acknowledged) - set(kept)), torn
