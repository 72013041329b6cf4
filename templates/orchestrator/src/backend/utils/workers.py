"""One set of metrics for all workers of a gateway (`uvicorn --workers 4`): any of them answers for all.

Each worker keeps its counts in files of one directory. `PROMETHEUS_MULTIPROC_DIR` names it; without, workers that uvicorn
started make one of their own, named after the process that started them. Import this before `prometheus_client`, which
looks for that variable once.
"""

import multiprocessing
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = f"backend-metrics-{os.getuid()}-" if hasattr(os, "getuid") else "backend-metrics-"


def share_metrics() -> str | None:
    """Return the directory of the workers' metrics, making it where need be; None for a gateway of one process."""
    named, parent = os.environ.get(VARIABLE), multiprocessing.parent_process()
    if named:
        Path(named).mkdir(mode=0o700, parents=True, exist_ok=True)
        return named
    if parent is None or parent.pid is None:
        return None
    place = Path(tempfile.gettempdir())
    for other in place.glob(f"{_PREFIX}*"):  # of gateways that are no more
        pid, _, began = other.name.removeprefix(_PREFIX).partition("-")
        if pid.isdecimal() and str(_start_ticks(int(pid))) != began:
            shutil.rmtree(other, ignore_errors=True)
    directory = place / f"{_PREFIX}{parent.pid}-{_start_ticks(parent.pid)}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        return None  # somebody else took the name
    os.environ[VARIABLE] = str(directory)
    return str(directory)


def is_alive(pid: str) -> bool:
    """Return whether a process with this id runs; False for what is no id."""
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def worker_ids(directory: str) -> Iterator[int]:
    """Yield the process ids of the workers that run."""
    for name in {path.stem.rpartition("_")[2] for path in Path(directory).glob("*.db")}:
        if is_alive(name):
            yield int(name)


def dead_worker_ids(directory: str) -> Iterator[int]:
    """Yield the process ids of workers whose present state (a gauge) is still kept though they are no more."""
    for name in {path.stem.rpartition("_")[2] for path in Path(directory).glob("gauge_live*.db")}:
        if not is_alive(name):
            yield int(name)


def start_time(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970; None where the system does not tell."""
    ticks = _start_ticks(pid)
    try:
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        return None if ticks is None else float(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, StopIteration, ValueError):
        return None


def resident_bytes(pid: int) -> int | None:
    """Return the memory that a process occupies; None where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def _start_ticks(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
