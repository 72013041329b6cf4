"""A process that writes the files of a router until it is killed: ``python -m tests.crashing_writer ROOT STATE``."""

import sys
import time
from pathlib import Path

from optimus_tui.actions.files.changes import apply_changes, plan_files

NAMES = [f"src/routers/r{index}.py" for index in range(6)]


def main(root: Path, state: Path) -> None:
    """Write a new version of all files, again and again."""
    print("writing", flush=True)
    for turn in range(1_000_000):
        version = f"{time.time_ns()} {turn}".encode()
        apply_changes(root, plan_files(root, [(name, version) for name in NAMES]), "a storm", state)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
