"""Outlives us by a moment: kills what we left running and removes the copy it ran in, a kill -9 of ours included.

Run as a file by ``runner``, with nothing but the standard library: ``warden.py FOLDER``. Standard input tells which
process group runs just now, 0 for none; its end is our end, or our order.
"""

import contextlib
import os
import shutil
import signal
import sys
import time

TRIES = 50
PAUSE_SECONDS = 0.1


def main(folder: str) -> None:
    """Wait for the end, then leave nothing."""
    running = 0
    for line in sys.stdin:
        running = int(line)
    if running:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running, signal.SIGKILL)
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(PAUSE_SECONDS)  # what was killed may be writing its last


if __name__ == "__main__":
    main(sys.argv[1])
