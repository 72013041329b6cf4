"""Room for tests that play in real seconds on a whole running system (mark ``timed``).

Beside three other tests on two cores such a system really is slow, and the tools say so. Under pytest-xdist all timed
tests run first, in one worker, and until they are through only one other test runs at a time.
"""

import contextlib
import fcntl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest


def first(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the timed tests before the others, in one group; of the others each file is a group."""
    for item in items:
        if _is_of_worker(item):
            item.add_marker(pytest.mark.xdist_group("timed" if _is_timed(item) else item.nodeid.partition("::")[0]))
    return sorted(items, key=lambda item: not _is_timed(item))


@contextlib.contextmanager
def turn(item: pytest.Item, coming: pytest.Item | None) -> Iterator[None]:
    """Hold back this test until it may run. ``coming``: the worker's next one."""
    if not _is_of_worker(item) or not any(map(_is_timed, item.session.items)):
        yield
        return
    shared = Path(item.config._tmp_path_factory.getbasetemp()).parent  # type: ignore[attr-defined]
    through = shared / "timed-tests-are-through"
    if _is_timed(item):
        yield
        if coming is None or not _is_timed(coming):
            through.touch()
        return
    with (shared / "beside-timed-tests").open("w") as lock:
        while not through.exists():
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        yield


def _is_timed(item: pytest.Item) -> bool:
    return item.get_closest_marker("timed") is not None


def _is_of_worker(item: pytest.Item) -> bool:
    return hasattr(item.config, "workerinput")
