"""Alerts in a real terminal on a real server: the BEL byte comes from us alone, once, and only where nobody looks."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.realserver import RealServer
from tests.terminal import Terminal

FOCUS_OUT, FOCUS_IN = b"\x1b[O", b"\x1b[I"
_STRINGS = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
"""Operating system commands of Textual's driver end in BEL too; those ring nothing."""


def bells(terminal: Terminal) -> int:
    return _STRINGS.sub(b"", bytes(terminal.raw)).count(b"\x07")


@pytest.fixture
def quick(home: dict[str, str]) -> None:
    """Names are looked for every second, so that the test need not wait for a sweep."""
    folder = Path(home["XDG_CONFIG_HOME"]) / "optimus-tui"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("[scan]\nnames_every_seconds = 1\n")


@pytest.mark.usefixtures("quick")
def test_the_bell_byte_arrives_once_when_blurred_never_when_focused_and_the_next_start_knows(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    server.command("SET", "rate_limit:old\a:chat", "5", "EX", "600")
    terminal = open_on(server)
    terminal.wait_for("findings were there at the start")
    assert bells(terminal) == 0, "a terminal that never told of its focus counts as looked at"
    terminal.send(FOCUS_OUT)
    server.command("SET", "rate_limit:clinic\a_b:chat", "400")
    terminal.wait_for(r"✖ CRIT clinic\\x07_b / chat never resets")
    terminal.settle(1.5)
    assert bells(terminal) == 1
    terminal.send(FOCUS_IN)
    terminal.settle(0.5)
    server.command("SET", "rate_limit:acme:chat", "400")
    terminal.wait_for(r"✖ CRIT acme / chat never resets\s")
    terminal.settle(1)
    assert bells(terminal) == 1
    terminal.send(":alerts\r")
    terminal.wait_for(r"active +✖ CRIT acme / chat")
    terminal.send("\x11")
    assert terminal.wait_exit() == 0
    server.command("DEL", "rate_limit:acme:chat")
    again = open_on(server, 80, 24)
    again.wait_for("1 Health")
    again.settle(1)
    again.send(":alerts\r")
    again.wait_for(r"not watched +✖ CRIT acme / chat")
