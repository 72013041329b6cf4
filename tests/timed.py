"""Room for the tests that play in real seconds on a whole running system.

Beside three other tests on two cores such a system really is slow, and the tools say so. Under pytest-xdist the timed
files run first, in one worker. Until they are through only one other test runs at a time, and two more that mostly
wait, however many workers there are.
"""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest

BESIDE = 1
ROOM = 3
"""Until the timed tests are through so many others run at most, those that mostly wait among them."""
FILES = ("tests/live/demo/test_drill.py", "tests/live/incidents/test_scenario_incidents.py")
WAITING = frozenset(
    [
        "tests/live/tools/test_answers_whole.py",
        "tests/live/tools/test_slow_looks.py",
        "tests/live/probes/test_fuzzed_server.py",
        "tests/live/tools/test_one_word.py",
        "tests/live/tools/test_examples.py",
        "tests/live/probes/redis/test_reply_caps.py",
        "tests/live/tools/test_tool_performance.py",
        "tests/live/probes/events/test_feed.py",
        "tests/live/actions/test_audit_lost.py",
        "tests/live/probes/test_server_condition.py",
        "tests/live/tools/test_troubleshoot.py",
        "tests/live/sampling/test_sampling.py",
        "tests/live/probes/events/test_feed_faults.py",
        "tests/live/tools/test_few_failures.py",
        "tests/live/probes/http/test_services.py",
        "tests/live/probes/test_connections.py",
        "tests/live/cli/test_doctor.py",
        "tests/live/probes/test_counters.py",
        "tests/surfaces/test_listening.py",
    ]
)
"""Files whose tests wait for servers that are slow or silent: together they need less than a fifth of a processor."""


def is_timed(item: pytest.Item) -> bool:
    """Return whether this test is of a timed file."""
    return item.nodeid.partition("::")[0] in FILES


def is_waiting(item: pytest.Item) -> bool:
    """Return whether this test mostly waits."""
    return item.nodeid.partition("::")[0] in WAITING


def scheduler(config: pytest.Config, log: Any) -> Any:
    """Return pytest-xdist's scheduler by files, for which the timed files are one.

    A test that ended its worker, as one does that hangs for too long, has failed and is left out from then on: tried
    again, it would end each new worker too.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):  # type: ignore[misc]
        _holding = False

        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "timed" if file in FILES else file

        def _reschedule(self, node: Any) -> None:
            if not self._holding:
                super()._reschedule(node)

        def remove_node(self, node: Any) -> str | None:
            self._holding = True
            try:
                crashed: str | None = super().remove_node(node)
            finally:
                self._holding = False
            if crashed is not None:
                _through(Path(config._tmp_path_factory.getbasetemp())).touch()  # type: ignore[attr-defined]
                scope = self._split_scope(crashed)
                self.workqueue[scope][crashed] = True
                if all(self.workqueue[scope].values()):
                    del self.workqueue[scope]
                for other in self.nodes:
                    self._reschedule(other)
            return crashed

    return Scheduler(config, log)


def _through(shared: Path) -> Path:
    """Return the file that is there once nobody waits for the timed tests any more."""
    return shared / "timed-tests-are-through"


@contextlib.contextmanager
def turn(item: pytest.Item, coming: pytest.Item | None) -> Iterator[None]:
    """Hold back this test until it may run. ``coming``: the worker's next one."""
    if not hasattr(item.config, "workerinput") or not _has_timed(item.session):
        yield
        return
    shared = Path(item.config._tmp_path_factory.getbasetemp()).parent  # type: ignore[attr-defined]
    through = _through(shared)
    if is_timed(item):
        yield
        if coming is None or not is_timed(coming):
            through.touch()
        return
    with contextlib.ExitStack() as stack:
        if not is_waiting(item):
            _wait_for_one(stack, [shared / f"beside-timed-tests-{number}" for number in range(BESIDE)], through)
        _wait_for_one(stack, [shared / f"room-of-other-tests-{number}" for number in range(ROOM)], through)
        yield


def _wait_for_one(stack: contextlib.ExitStack, places: list[Path], through: Path) -> None:
    """Hold one of these locks until the stack ends; none where the timed tests are through."""
    locks = [stack.enter_context(place.open("w")) for place in places]
    while not (through.exists() or any(map(_taken, locks))):
        time.sleep(0.05)


@cache
def _has_timed(session: pytest.Session) -> bool:
    return any(map(is_timed, session.items))


def _taken(lock: IO[str]) -> bool:
    """Take a lock where nobody has it; closing the file gives it back."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
