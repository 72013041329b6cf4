"""A process that keeps an incident and says what was acknowledged, so that a test can kill it at any moment.

``python -m tests.crashing_keeper ROOT RECORDS [LIMIT]``: prints ``open N``, then ``ack I`` for each note that is on
disk, or ``wait I`` for one that waits. LIMIT (bytes) is how large a file may become: a full disk.
"""

import resource
import signal
import sys
from pathlib import Path

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.incident import Stamp
from optimus_tui.history.timeline import new_timeline
from optimus_tui.incidents.open import playbook


def main(root: Path, records: int, limit: int | None) -> None:
    number, timeline = new_timeline(root, f"child {root.name}")
    steps = playbook().steps
    timeline.append(
        happened.Opened(at=Stamp(1.0), id=str(number), title="t", environment="default", system="s", operator="o",
                      playbook="default", steps=steps)
    )  # fmt: skip
    print(f"open {number}", flush=True)
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    for index in range(records):
        event = happened.NoteAdded(at=Stamp(float(index)), text=f"{index} {'x' * (index * 37 % 900)}")
        documents = []
        if index % 5 == 0:
            document = b"[%d]" % index
            documents = [(timeline.describe("pin", document), document)]
        kept = timeline.append(event, *documents)
        print(f"{'ack' if kept else 'wait'} {index}", flush=True)
    if limit is not None:
        print(f"full {timeline.waiting} {timeline.fault.message if timeline.fault else ''}", flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    timeline.close()
    print(f"end {timeline.waiting}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else None)
