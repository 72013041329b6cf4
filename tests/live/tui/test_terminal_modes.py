"""Job control, sizes and locales in a real terminal: a shell stops and continues the product, LC_ALL=C draws ASCII."""

import os
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.amounts import at_night
from tests.realserver import RealServer
from tests.terminal import Terminal

EVENT = '{"type":"profile_updated","tenant_id":"%s","timestamp":"x"}'
PROMPT = r"\[shell\] *\n *\n"
"""The prompt on the last line that is not empty."""
NO_LOCALE = {"LC_ALL": "", "LC_CTYPE": "", "LANG": ""}


@pytest.fixture
def shell(server: RealServer, home: dict[str, str]) -> Iterator[Terminal]:
    """An interactive shell with job control, in a terminal of its own."""
    terminal = Terminal(
        ["bash", "--norc", "--noprofile", "-i"],
        env={**home, "REDIS_URL": server.url, "PS1": "[shell] ", "PYTHON": sys.executable, "HISTFILE": ""},
        alternate=True,
    )
    terminal.wait_for(PROMPT)
    yield terminal
    terminal.close()


def _open(shell: Terminal) -> int:
    """Open the dashboard from the shell. Return its process."""
    shell.send('"$PYTHON" -m optimus_tui\n')
    shell.wait_for("link verified|live")
    shell.wait_for("No rate_limit")
    with open(f"/proc/{shell.pid}/task/{shell.pid}/children") as file:
        return int(file.read().split()[0])


def test_ctrl_z_stops_it_and_fg_brings_it_back_whole_at_the_new_size(server: RealServer, shell: Terminal) -> None:
    _open(shell)
    shell.send("\x1a")
    shell.wait_for("Stopped")
    shell.wait_for(PROMPT)
    assert shell.raw.rindex(b"\x1b[?1049l") > shell.raw.rindex(b"\x1b[?1049h")
    assert shell.raw.rindex(b"\x1b[?25h") > shell.raw.rindex(b"\x1b[?25l")
    for tenant in ("missed_one", "missed_two"):
        server.command("PUBLISH", f"cache_coherence:{tenant}", EVENT % tenant)
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "600")
    shell.send("echo still $((40 + 2)) here\n")
    shell.wait_for("still 42 here")
    shell.resize(100, 30)
    shell.send("clear; fg\n")
    shell.wait_for(r"(?s)OPTIMUS.*quit")
    shell.send("4")
    shell.wait_for("missed_one")
    text = shell.wait_for("missed_two")
    assert "[shell]" not in text
    assert "gap" not in text, "the link lasted, and what came meanwhile was read from it"
    shell.send("2")
    shell.wait_for(r"acme +chat +41")
    shell.resize(140, 42)
    shell.wait_for(r"(?s)1 Health.*2 Rate limits.*3 Cache keys.*4 Coherence feed")
    shell.send("\x1a")
    shell.wait_for(PROMPT)
    shell.send("bg\n")  # it may not write from the background: the system stops it again
    shell.settle(0.5)
    shell.send("clear; fg\n")
    shell.wait_for(r"(?s)OPTIMUS.*quit")
    shell.send("q")
    shell.wait_for(PROMPT)
    shell.send("stty -a | tr ' ' '\\n' | grep -x -e icanon -e echo | tr '\\n' +\n")
    shell.wait_for(r"icanon\+echo\+")


def test_a_link_that_was_cut_while_it_was_stopped_leaves_a_gap_row(server: RealServer, shell: Terminal) -> None:
    _open(shell)
    shell.send("\x1a")
    shell.wait_for("Stopped")
    server.command("CLIENT", "KILL", "TYPE", "pubsub")
    server.command("PUBLISH", "cache_coherence:lost", EVENT % "lost")
    shell.send("clear; fg\n")
    shell.wait_for(r"(?s)OPTIMUS.*quit")
    shell.send("4")
    text = shell.wait_for("gap")
    assert " lost " not in text, "what was sent meanwhile is not made up"


def test_going_on_after_a_stop_that_it_did_not_see_leaves_a_sane_terminal(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    terminal = open_on(server)
    modes = termios.ECHO | termios.ICANON
    terminal.wait_for("link verified|live")
    assert not termios.tcgetattr(terminal.fd)[3] & modes
    for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGCONT):
        os.kill(terminal.pid, number)
        terminal.settle(0.4)
    terminal.send("2z")
    terminal.wait_for("(?s)^((?!1 Health ─).)*$")
    assert not termios.tcgetattr(terminal.fd)[3] & modes
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert termios.tcgetattr(terminal.fd)[3] & modes == modes


def test_without_a_shell_that_could_continue_it_ctrl_z_says_so_and_goes_on(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    terminal = open_on(server)
    terminal.wait_for("link verified|live")
    terminal.send("\x1a")
    terminal.wait_for("no shell started this")
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "600")
    terminal.send("2")
    terminal.wait_for(r"acme +chat +41")
    terminal.send("q")
    assert terminal.wait_exit() == 0


def test_exported_columns_and_lines_do_not_freeze_the_size(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    terminal = open_on(server, COLUMNS="80", LINES="24")
    terminal.wait_for(r"(?s)1 Health ─.*2 Rate limits.*3 Cache keys.*4 Coherence feed.*quit")
    assert terminal.screen.display[41].strip(), "the last line of the terminal is used"
    terminal.resize(120, 36)
    terminal.wait_for(r"UTC *\n(?:.*\n){34}.*quit")


@pytest.mark.parametrize(
    "locale",
    [
        pytest.param(NO_LOCALE, id="none"),
        pytest.param({**NO_LOCALE, "LANG": "de_DE.ISO-8859-1"}, id="latin-1"),
        at_night({"LC_ALL": "C"}, name="C"),
        at_night({"LC_ALL": "POSIX"}, name="POSIX"),
        at_night({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, name="no UTF-8 mode"),
    ],
)
def test_a_locale_without_utf_8_gets_a_screen_in_ascii_and_the_remedy_row_109(
    server: RealServer, open_on: Callable[..., Terminal], locale: dict[str, str]
) -> None:
    server.command("SET", "rate_limit:acme:chat", "400", "EX", "600")
    terminal = open_on(server, **locale)
    terminal.wait_for("drawn in ASCII")
    terminal.wait_for(r"LC_ALL=C\.UTF-8")
    screen = terminal.wait_for(r"(?s)1 Health.*acme +chat +400")
    assert "+- 1 Health -" in screen, "frames are drawn"
    for keys in ("?", "\x1b", ":", "\x1b", "2", "\r", "\x1b"):
        terminal.send(keys)
        terminal.settle(0.2)
    assert terminal.raw.isascii()


@pytest.mark.parametrize("wanted", [True, False])
def test_the_mouse_is_taken_only_if_it_is_wanted(
    server: RealServer, open_on: Callable[..., Terminal], tmp_path: Path, wanted: bool
) -> None:
    file = tmp_path / "optimus.toml"
    file.write_text(f"mouse = {str(wanted).lower()}\n")
    terminal = open_on(server, OPTIMUS_CONFIG=str(file))
    terminal.wait_for("link verified|live")
    assert (b"\x1b[?1000h" in terminal.raw) == wanted
    terminal.send(":settings\r")
    terminal.wait_for(r"mouse +" + str(wanted).lower())
    terminal.raw.clear()
    terminal.send("jjj\r")
    terminal.wait_for("the default is true")
    terminal.send("\x15")
    terminal.wait_for(r"│ ▌ {20,}│")
    terminal.settle(0.5)  # Textual carries out what deletes after the letters of the same burst
    terminal.send(str(not wanted).lower())
    terminal.wait_for(r"│ ▌ +" + str(not wanted).lower() + " +│")
    terminal.send("\r")
    terminal.wait_for(r"Write this to")
    terminal.send("y")
    terminal.wait_for(r"mouse +" + str(not wanted).lower())
    terminal.send(":messages\r")  # a toast goes by itself, and an alert may stand in its place
    terminal.wait_for("mouse is written and in force")
    assert file.read_text() == f"mouse = {str(not wanted).lower()}\n"
    assert (b"\x1b[?1000h" if not wanted else b"\x1b[?1000l") in terminal.raw


def test_a_locale_with_utf_8_is_drawn_whole(server: RealServer, open_on: Callable[..., Terminal]) -> None:
    terminal = open_on(server, **{**NO_LOCALE, "LC_CTYPE": "C.UTF-8"})
    assert "ASCII" not in terminal.wait_for("╭─")


def test_verbs_work_without_utf_8(server: RealServer, home: dict[str, str]) -> None:
    terminal = Terminal.optimus(
        "standup", env={**home, "REDIS_URL": server.url, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    try:
        assert terminal.wait_exit() == 1
        assert "optimus standup" in terminal.text()
        assert terminal.raw.isascii()
    finally:
        terminal.close()
