"""The product in a real terminal on a real server: what arrives there, what it survives, how it ends."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.terminal import HOSTILE, Terminal


def test_hostile_names_and_payloads_never_reach_the_terminal_as_control_rows_1_to_16(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    for raw in HOSTILE:
        server.command("SET", b"rate_limit:" + raw + b":chat", "5", "EX", "600")
        server.command("SET", b"rate_limit:acme:" + raw, raw, "EX", "600")
        server.command("SET", b"cache:" + raw[:40] + b":acme:1", raw, "EX", "600")
        server.command("SET", b"cache:conversation:" + raw + b":1", raw)
    terminal = open_on(server)
    terminal.wait_for(r"scanned [\d,]+ of")
    terminal.wait_for("link verified|live")
    for raw in HOSTILE:
        server.command("PUBLISH", b"cache_coherence:" + raw[:200], raw)
        body = b'{"type":"%b","tenant_id":"%b","timestamp":"2026-01-01T00:00:00Z","key":"%b"}'
        text = raw.decode("utf-8", "replace").encode("unicode_escape").replace(b"\\x", b"\\u00").replace(b'"', b"")
        server.command("PUBLISH", "cache_coherence:acme", body % (text[:99], text[:99], text[:99]))
    terminal.settle(1.5)
    for keys in (
        "1",
        "e",
        "\x1b",
        "2",
        "G",
        "\r",
        "/chat\r",
        "\x1b",
        "?",
        "\x1b",
        "3",
        "\r",
        "j\rj",
        "v",
        "\x1b",
        "z",
        "4",
    ):
        terminal.send(keys)
        terminal.settle(0.25)
    for keys in ("\r", "\x1b", "Y", "\x1b", "w", " ", " ", "G", "\x10", "\x1b", ":theme optimus-light\r", "x"):
        terminal.send(keys)
        terminal.settle(0.25)
    for column in range(4, 130, 25):
        terminal.send(f"\x1b[<0;{column};12M\x1b[<0;{column};12m\x1b[<0;{column};30M\x1b[<0;{column};30m")
        terminal.settle(0.1)
    terminal.settle(0.5)
    assert terminal.exit is None, terminal.text()
    assert terminal.foreign_bytes() == b""
    assert b"\x1b]52" not in terminal.raw
    assert b"PWNED\x07" not in terminal.raw


def test_what_is_set_added_and_published_appears(server: RealServer, open_on: Callable[..., Terminal]) -> None:
    terminal = open_on(server)
    terminal.wait_for("No rate_limit")
    terminal.wait_for("link verified|live")
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "599")
    server.command("SET", "cache:conversation:acme:1", "x", "EX", "300")
    server.command("PUBLISH", "cache_coherence:acme", '{"type":"profile_updated","tenant_id":"acme","timestamp":"x"}')
    terminal.wait_for("profile_updated")
    screen = terminal.wait_for(r"acme +chat +41 /")
    assert re.search(r" [89]:[0-5]\d", screen)
    terminal.wait_for("conversation")
    terminal.wait_for("1 key")


def test_each_pane_is_whole_at_80_by_24(server: RealServer, open_on: Callable[..., Terminal]) -> None:
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "600")
    terminal = open_on(server, 80, 24)
    for key, title in (("1", "Health"), ("2", "Rate limits"), ("3", "Cache keys"), ("4", "Coherence feed")):
        terminal.send(key)
        screen = terminal.wait_for(rf"╭─ {key} {title} [\s\S]*╰─[^\n]*╯\n[^\n]*\n[^\n]*q quit")
        lines = screen.splitlines()
        assert lines[2].startswith("╭─") and lines[2].endswith("╮")
        assert lines[21].startswith("╰─") and lines[21].endswith("╯"), "below it is the line of the toasts"
        assert lines[23].rstrip().endswith("q quit")


def test_a_killed_server_is_told_and_its_return_needs_no_restart_rows_33_and_51(
    make_server: Callable[..., RealServer], open_on: Callable[..., Terminal]
) -> None:
    server = make_server()
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "600")
    terminal = open_on(server)
    terminal.wait_for(r"acme +chat +41")
    terminal.wait_for("link verified|live")
    server.kill()
    screen = terminal.wait_for(r"connection refused.*retry in")
    assert re.search(r"acme +chat +41", screen), "the last good rows stay"
    server.start()
    terminal.wait_for("gap")
    server.command("SET", "rate_limit:late:chat", "7", "EX", "600")
    terminal.wait_for(r"late +chat +7")


def test_with_nothing_there_it_opens_says_what_is_missing_and_goes_on_row_33(open_on: Callable[..., Terminal]) -> None:
    nobody = RealServer("/nonexistent")
    terminal = open_on(nobody)
    screen = terminal.wait_for(r"gateway +error")
    terminal.wait_for("connection refused")
    assert "CRITICAL" in terminal.wait_for("CRITICAL")
    assert "Traceback" not in screen
    terminal.send("q")
    assert terminal.wait_exit() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_with_the_terminal_restored_row_103(
    server: RealServer, open_on: Callable[..., Terminal], number: int, code: int
) -> None:
    terminal = open_on(server)
    terminal.wait_for("Rate limits")
    terminal.settle(0.5)
    os.kill(terminal.pid, number)
    assert terminal.wait_exit() == code
    tail = bytes(terminal.raw[-2000:])
    assert b"\x1b[?1049l" in tail
    assert b"\x1b[?1000l" in tail
    assert b"Traceback" not in tail


def test_a_stalled_terminal_does_not_keep_it_from_ending_row_104(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    terminal = open_on(server)
    terminal.wait_for("Rate limits")
    terminal.send("\x13")
    for _ in range(300):
        terminal.send("j1234")
    time.sleep(2)
    os.kill(terminal.pid, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        gone, status = os.waitpid(terminal.pid, os.WNOHANG)
        if gone:
            terminal.exit = os.waitstatus_to_exitcode(status)
            break
        time.sleep(0.05)
    assert terminal.exit == 143


def test_a_closed_terminal_ends_it_row_103(server: RealServer, home: dict[str, str]) -> None:
    terminal = Terminal.optimus(env={**home, "REDIS_URL": server.url})
    terminal.wait_for("Rate limits")
    os.close(terminal.fd)
    end = time.monotonic() + PATIENCE
    gone = 0
    while time.monotonic() < end and not gone:
        gone, _ = os.waitpid(terminal.pid, os.WNOHANG)
        time.sleep(0.05)
    if not gone:
        os.kill(terminal.pid, signal.SIGKILL)
        os.waitpid(terminal.pid, 0)
    assert gone


def test_a_storm_of_sizes_is_survived_row_102(server: RealServer, open_on: Callable[..., Terminal]) -> None:
    terminal = open_on(server)
    terminal.wait_for("Rate limits")
    for columns, rows in ((20, 5), (1, 1), (2, 200), (300, 100), (59, 16), (60, 15), (80, 24), (119, 35), (120, 34)):
        terminal.resize(columns, rows)
        terminal.settle(0.15)
    terminal.resize(50, 12)
    assert "60×16" in terminal.wait_for("needs 60×16; this is 50×12")
    terminal.resize(140, 42)
    terminal.wait_for("╭─ 4 Coherence feed")
    assert terminal.exit is None


def test_no_colour_means_no_colour_row_109(server: RealServer, open_on: Callable[..., Terminal]) -> None:
    server.command("SET", "rate_limit:acme:chat", "41")
    terminal = open_on(server, NO_COLOR="1")
    terminal.wait_for("never")
    terminal.settle(0.5)
    colours = [
        code for code in re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.raw)) if re.search(rb"(^|;)[34]8;", code)
    ]
    assert colours == []
    assert "✖" in terminal.text()


def test_no_secret_is_on_the_screen_or_in_the_process_list(
    make_server: Callable[..., RealServer], home: dict[str, str]
) -> None:
    server = make_server(requirepass="CANARYx9")
    url = f"redis://:CANARYx9@127.0.0.1:{server.port}/0"
    terminal = Terminal.optimus(env={**home, "REDIS_URL": url})
    try:
        terminal.wait_for("No rate_limit")
        for keys in ("1", "e", "\x1b", "?", "\x1b", "Y", "\x1b", ":env x\r", "2", "Y", "\x1b"):
            terminal.send(keys)
            terminal.settle(0.2)
        with open(f"/proc/{terminal.pid}/cmdline", "rb") as line:
            assert b"CANARY" not in line.read()
        assert b"CANARY" not in terminal.raw
    finally:
        terminal.close()


def refused_logins(server: RealServer) -> int:
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"AUTH right\r\nINFO stats\r\nQUIT\r\n")
        said = b""
        while piece := link.recv(1 << 16):
            said += piece
    return int(said.partition(b"acl_access_denied_auth:")[2].split()[0])


def test_a_wrong_password_is_said_and_not_tried_again_and_again_row_44(
    make_server: Callable[..., RealServer], home: dict[str, str]
) -> None:
    server = make_server(requirepass="right")
    terminal = Terminal.optimus(env={**home, "REDIS_URL": f"redis://:wrong@127.0.0.1:{server.port}/0"})
    try:
        screen = terminal.wait_for("password")
        terminal.settle(4)
        assert 0 < refused_logins(server) <= 6, "each loop tries once"
        assert "Traceback" not in screen
    finally:
        terminal.close()


def test_what_is_typed_right_after_a_colon_or_slash_reaches_no_pane(
    server: RealServer, open_on: Callable[..., Terminal]
) -> None:
    server.command("SET", "rate_limit:acme:chat", "41", "EX", "600")
    terminal = open_on(server)
    terminal.wait_for(r"acme +chat +41")
    terminal.send(":interval 7\r")
    terminal.wait_for("refreshing every 7 s")
    terminal.send("2/nobodyz:q")
    screen = terminal.wait_for("/ nobodyz:q")
    assert "refreshing every 5" not in screen
    assert terminal.exit is None


def test_a_key_typed_on_the_first_frame_is_for_the_dashboard(tmp_path: Path) -> None:
    terminal = Terminal.optimus(env={"XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)})
    try:
        while b"starting" not in terminal.raw:
            assert terminal.pump(PATIENCE)
        terminal.send("z")
        terminal.wait_for(r"\n 1 Health ", PATIENCE)  # the strip of tabs above the one pane that is left
    finally:
        terminal.close()
