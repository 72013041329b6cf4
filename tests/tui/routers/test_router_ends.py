"""The wizard's checks in a real terminal: whoever leaves them, by whichever way, leaves no process and no copy."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.tui.routers.wizard import FIRST_HELD_SECONDS
from tests.amounts import at_night
from tests.patience import PATIENCE
from tests.scaffold.workshop import alive, endless_gateway, pids_in
from tests.terminal import Terminal

WAYS = {
    "back": (b"\x1b[1;3D", "6 Preview", None),
    "leave": (b"\x1b|y", "1 Health", None),
    "quit": (b"\x11|y", "", 0),
    "SIGHUP": (signal.SIGHUP, "", 129),
    "SIGKILL": (signal.SIGKILL, "", -9),
}


@pytest.fixture
def wizard(tmp_path: Path) -> Iterator[tuple[Terminal, Path, Path]]:
    """The wizard with tests that never end running, its temporary folder, and where the tests' processes are told."""
    gateway, told = endless_gateway(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    env = {
        "TMPDIR": str(temporary), "XDG_STATE_HOME": str(tmp_path / "state"), "BACKEND_ORCHESTRATOR_PATH": str(gateway),
        "REDIS_URL": "redis://127.0.0.1:9/0", "BACKEND_ORCHESTRATOR_URL": "http://127.0.0.1:9",
        "AI_ENGINE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    terminal = Terminal([sys.executable, "-m", "optimus_tui"], 80, 24, env)
    try:
        terminal.wait_for("help")
        terminal.send(b"\x0e")
        terminal.wait_for("1 Name")
        terminal.send("products")
        for page in ("2 Type", "3 Operations", "4 Features", "5 Fields", "6 Preview", "7 Checks"):
            terminal.send(b"\r")
            terminal.wait_for(page)
            if page == "6 Preview":
                terminal.wait_for("APIRouter|import ")
                time.sleep(FIRST_HELD_SECONDS + 0.1)  # a key that is held does not go on from here
        wait(terminal, lambda: bool(pids_in(told)))
        yield terminal, temporary, told
    finally:
        terminal.close()


def wait(terminal: Terminal, met: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, terminal.text()
        terminal.pump(0.05)
        time.sleep(0.01)


@pytest.mark.parametrize("way", [at_night(way, name=way) if way in ("back", "quit") else way for way in WAYS])
def test_leaving_running_checks_ends_them_with_everything_they_started(
    way: str, wizard: tuple[Terminal, Path, Path]
) -> None:
    terminal, temporary, told = wizard
    does, words, code = WAYS[way]
    assert [path.name.startswith("optimus-scaffold-") for path in temporary.iterdir()] == [True]
    if isinstance(does, bytes):
        first, _, answer = does.partition(b"|")
        terminal.send(first)
        if answer:
            terminal.wait_for("the answers are lost|This would be lost")
            terminal.send(answer)
    else:
        os.kill(terminal.pid, does)  # type: ignore[arg-type]
    if code is None:
        terminal.wait_for(words)
    else:
        assert terminal.wait_exit() == code
    wait(terminal, lambda: not any(map(alive, pids_in(told))), 5)
    wait(terminal, lambda: not list(temporary.iterdir()), 5)
