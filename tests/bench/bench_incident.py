"""200 × kill -9 of a process that keeps an incident: 0 acknowledged records lost. And what one record costs.

``python -m tests.bench.bench_incident [KILLS]``
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import Stamp
from optimus_tui.history.timeline import new_timeline, open_timeline
from optimus_tui.incidents.open import playbook
from optimus_tui.workflow.engine import replay
from tests.killing import kill_one

RECORDS = 2_000


def kills(root: Path, number: int) -> None:
    chance, acknowledged, lost, torn = random.Random(), 0, 0, 0
    for index in range(number):
        said, gone, notices = kill_one(root / str(index), chance)
        acknowledged, lost, torn = acknowledged + said, lost + gone, torn + notices
    print(f"{number} kill -9: {acknowledged:,} records acknowledged, {lost} lost, {torn} torn lines set aside")
    assert lost == 0


def cost(root: Path) -> None:
    _, timeline = new_timeline(root, "bench")
    timeline.append(
        happened.Opened(at=Stamp(0.0), id="1", title="", environment="", system="", operator="", playbook="",
                      steps=playbook().steps)
    )  # fmt: skip
    began = time.perf_counter()
    for index in range(RECORDS):
        assert timeline.append(happened.NoteAdded(at=Stamp(float(index)), text="a note of usual length"))
    spent = time.perf_counter() - began
    timeline.close()
    print(f"append with fdatasync: {spent / RECORDS * 1e6:,.0f} µs a record ({RECORDS / spent:,.0f}/s)")
    began = time.perf_counter()
    events = open_timeline(timeline.folder, "", write=False).events
    replay(events)
    print(f"open and replay {len(events):,} records: {(time.perf_counter() - began) * 1e3:,.0f} ms")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        cost(Path(place) / "cost")
        kills(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else 200)
