"""Kill a sandboxed program and remove its folder once the owner process has ended, even by kill -9.

``sandbox_runner`` starts this file as ``watchdog.py FOLDER``; it needs only the standard library. Each line on standard
input is the process group that runs now, 0 for none. The end of standard input means that the owner ended or is done.
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
    """Wait for the end of standard input, then kill the running group and remove the folder."""
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
        time.sleep(PAUSE_SECONDS)  # The killed processes may still be writing.


if __name__ == "__main__":
    main(sys.argv[1])
