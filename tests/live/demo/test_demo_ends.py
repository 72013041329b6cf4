"""How a demo begins and ends as a command: its output, its exit codes, and that nothing of it outlives its owner."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from optimus_tui.demo.command import DemoHandle
from tests.patience import PATIENCE

pytestmark = pytest.mark.live
_COMMAND = "import sys; from optimus_tui.demo.command import main; sys.exit(main(sys.argv[1], headless=True))"


class Headless:
    """``optimus-tui demo --headless`` with its temporary files where the test can see them."""

    def __init__(self, directory: Path, scenario: str = "quiet", **environment: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, scenario],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(directory), **environment},
            text=True,
        )
        self.family: list[psutil.Process] = []

    def exports(self) -> dict[str, str]:
        """The three lines, once they are there; notes all descendants."""
        assert self.process.stdout
        lines = [self.process.stdout.readline() for _ in range(3)]
        assert all(lines), self.process.stderr.read() if self.process.stderr else ""
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return dict(match.groups() for line in lines if (match := re.fullmatch(r"export (\w+)=(\S+)\n", line)))  # type: ignore[misc]

    def gone(self) -> bool:
        """Whether all of its processes end: each would go on for ever."""
        return not psutil.wait_procs(self.family, timeout=PATIENCE)[1]

    def left_behind(self) -> list[Path]:
        return list(self.directory.glob("optimus-demo-*"))

    def close(self) -> None:
        for process in [*self.family, self.process]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        self.process.communicate()


@pytest.fixture
def headless(tmp_path: Path) -> Iterator[Callable[..., Headless]]:
    made: list[Headless] = []

    def make(*scenario: str, **environment: str) -> Headless:
        made.append(Headless(tmp_path, *scenario, **environment))
        return made[-1]

    yield make
    for one in made:
        one.close()


def answers(url: str) -> bool:
    host, port = url.split("//")[1].split("/")[0].split(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
        return True
    return False


def test_headless_prints_exactly_three_exports_and_interrupt_ends_it_with_130(
    headless: Callable[..., Headless],
) -> None:
    demo = headless("quiet")
    exports = demo.exports()
    assert list(exports) == ["BACKEND_ORCHESTRATOR_URL", "AI_ENGINE_URL", "REDIS_URL"]
    assert all(answers(url) for url in exports.values())
    # ctrl+c on a terminal signals the owner's process group: the owner alone ends its children, in order
    assert all(os.getpgid(process.pid) != os.getpgid(demo.process.pid) for process in demo.family)
    demo.process.send_signal(signal.SIGINT)
    out, err = demo.process.communicate(timeout=PATIENCE)
    assert (demo.process.returncode, out) == (130, "")
    assert "ready after" in err
    assert "\x1b" not in err
    assert "Traceback" not in err
    assert demo.gone()
    assert demo.left_behind() == []


def test_nothing_outlives_a_killed_parent(headless: Callable[..., Headless]) -> None:
    demo = headless("coherence-storm")
    demo.exports()
    assert len(demo.family) >= 5
    demo.process.kill()
    assert demo.gone()
    assert demo.left_behind() == []


def test_nothing_outlives_a_killed_supervisor_and_the_command_says_so(headless: Callable[..., Headless]) -> None:
    demo = headless("quiet")
    demo.exports()
    (supervisor,) = psutil.Process(demo.process.pid).children()
    supervisor.kill()
    _, err = demo.process.communicate(timeout=PATIENCE)
    assert demo.process.returncode == 3
    assert "the demo ended" in err
    assert demo.gone()
    assert demo.left_behind() == []


def test_terminate_while_it_starts_leaves_nothing(headless: Callable[..., Headless]) -> None:
    demo = headless("quiet")
    assert demo.process.stderr
    while "gateway" not in demo.process.stderr.readline():
        pass
    demo.family = psutil.Process(demo.process.pid).children(recursive=True)
    demo.process.terminate()
    assert demo.process.wait(PATIENCE) == 143
    assert demo.gone()
    assert demo.left_behind() == []


def test_a_server_that_does_not_run_is_replaced_by_the_emulation_with_a_notice(
    headless: Callable[..., Headless], tmp_path: Path
) -> None:
    binary = tmp_path / "valkey-server"
    binary.write_text("#!/bin/sh\necho 'GLIBC_9.99 not found' >&2\nexit 127\n")
    binary.chmod(0o755)
    demo = headless("quiet", OPTIMUS_DEMO_SERVER=str(binary))
    assert answers(demo.exports()["REDIS_URL"])
    demo.process.terminate()
    _, err = demo.process.communicate(timeout=PATIENCE)
    assert "an emulation in Python stands in" in err


def test_a_service_that_cannot_start_is_named_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from optimus_tui.demo import ports

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        real = ports.choose_ports
        monkeypatch.setattr(ports, "choose_ports", lambda n: (*real(n - 1), taken.getsockname()[1]))
        handle = DemoHandle("quiet").start()
        try:
            deadline = time.monotonic() + PATIENCE
            while not handle.failed and time.monotonic() < deadline:
                handle.changed.wait(0.5)
                handle.changed.clear()
            assert handle.failed
            assert "gateway did not start" in handle.failed
            assert "in use" in handle.failed
            assert not handle.ready
        finally:
            handle.stop()
