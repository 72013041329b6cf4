"""Two operators and two dashboards on one state directory, a clock that jumps, and kill -9 through the real screen."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from optimus_tui.history.audit.chain import read, verify
from tests.amounts import at_night
from tests.live.actions.driver import at_desk, number, put
from tests.realserver import RealServer, nobody_port
from tests.terminal import Terminal

KEYS = 600
DOOMED = [sys.executable, "-m", "tests.live.actions.doomed"]


def test_two_operators_on_one_state_directory_write_one_chain(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:{tenant}:{index}" for tenant in ("acme", "beta") for index in range(KEYS)))
    both = [
        subprocess.Popen(
            [*DOOMED, str(server.port), str(tmp_path), "unlink_no_ttl", "", tenant], stdout=subprocess.PIPE
        )
        for tenant in ("acme", "beta")
    ]
    for one in both:
        said, _ = one.communicate(timeout=60)
        assert b"finished None" in said
    assert number(server, "DBSIZE") == 0
    records = list(read(tmp_path / "audit.jsonl"))
    assert verify(tmp_path / "audit.jsonl").problem is None
    for event in ("armed", "planned", "confirmed", "closed", "disarmed"):
        assert sum(one["event"] == event for one in records) == 2, event
    actions = [one["action"] for one in records if one["event"] == "intent"]
    assert len(set(actions)) == 2 and sum(one["event"] == "result" for one in records) == len(actions)


async def test_an_action_of_one_is_offered_to_the_other_only_once_its_process_is_gone(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(3000)))
    words = [*DOOMED, str(server.port), str(tmp_path), "unlink_no_ttl"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == [b"ready\n", b"acting\n"]
    process.send_signal(signal.SIGSTOP)
    async with at_desk(server.port, tmp_path) as action_service:
        assert action_service.interrupted() == []
        process.kill()
        process.wait()
        process.stdout.close()
        assert len(action_service.interrupted()) == 1


def faketime_library() -> str:
    found = [str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
    if not found:
        message = "no faketime on this machine"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return found[0]


@pytest.mark.parametrize("jump", ["+3600", at_night("-3600")])
def test_a_clock_that_jumps_in_the_middle_of_an_action_stops_nothing_and_breaks_no_chain_row_28(
    server: RealServer, tmp_path: Path, jump: str
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(1000)))
    moment = tmp_path / "moment"
    moment.write_text("+0")
    env = {**os.environ, "LD_PRELOAD": faketime_library(), "FAKETIME_TIMESTAMP_FILE": str(moment)}
    env |= {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    words = [*DOOMED, str(server.port), str(tmp_path / "state"), "unlink_no_ttl"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"ready\n", b"acting\n"]
        moment.write_text(jump)
        said = process.stdout.read()
    assert b"finished None" in said and number(server, "DBSIZE") == 0
    checked = verify(tmp_path / "state" / "audit.jsonl")
    assert checked.problem is None
    records = list(read(tmp_path / "state" / "audit.jsonl"))
    hours = {one["at"][:13] for one in records}
    assert len(hours) > 1, "the clock did jump"
    monos = [one["mono"] for one in records]
    assert monos == sorted(monos)
    (closed,) = (one for one in records if one["event"] == "closed")
    assert 0 <= closed["seconds"] < 60


@pytest.mark.parametrize("jump", ["-3600", at_night("+3600")])
def test_a_clock_that_jumps_in_the_middle_of_an_incident_loses_no_record_row_28(tmp_path: Path, jump: str) -> None:
    moment = tmp_path / "moment"
    moment.write_text("+0")
    env = {**os.environ, "LD_PRELOAD": faketime_library(), "FAKETIME_TIMESTAMP_FILE": str(moment)}
    env |= {"FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1", "XDG_STATE_HOME": str(tmp_path)}
    env |= {"REDIS_URL": "redis://127.0.0.1:1", "BACKEND_ORCHESTRATOR_URL": "http://127.0.0.1:1"}

    def optimus(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "optimus_tui", "incident", *words],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    optimus("open", "--title", "A clock")
    optimus("note", "1", "before the jump")
    moment.write_text(jump)
    optimus("note", "1", "after the jump")
    optimus("close", "1", "--cause", "a clock", "--resolution", "none", "--no-measure")
    shown = optimus("show", "1")
    assert shown.index("before the jump") < shown.index("after the jump")
    assert not re.search(r"-\d+(\.\d+)? (s|min|h)\b", shown), "no time runs backwards"


@pytest.fixture
def screens(server: RealServer, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start dashboards: with one pane unless asked otherwise, because four cost twice as much, painted each second."""
    config = tmp_path / "optimus.toml"
    config.write_text(f'[env.lab]\nwritable = true\nredis_url = "{server.url}"\n')
    env = {
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "BACKEND_ORCHESTRATOR_URL": f"http://127.0.0.1:{nobody_port()}",
        "AI_ENGINE_URL": f"http://127.0.0.1:{nobody_port()}",
    }
    opened: list[Terminal] = []

    def start(columns: int = 80, rows: int = 24) -> Terminal:
        words = [sys.executable, "-m", "tests.live.actions.calm_dashboard", str(config), "lab"]
        opened.append(Terminal(words, columns, rows, env=env))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def arm(terminal: Terminal) -> None:
    terminal.wait_for("read-only", 90)
    terminal.send(":arm 5m\r")
    terminal.wait_for("Type the environment", 90)
    terminal.settle(0.6)
    terminal.send("lab")
    terminal.settle(0.6)
    terminal.send("\r")
    terminal.wait_for("ARMED", 90)


def test_two_dashboards_on_one_state_directory_arm_and_leave_in_one_chain(
    screens: Callable[..., Terminal], tmp_path: Path
) -> None:
    both = [screens(), screens()]
    for one in both:
        arm(one)
    for one in both:
        one.settle(0.6)
        one.send("q")
        one.wait_for("leaving disarms", 60)
        one.settle(0.6)
        one.send("y")
        assert one.wait_exit() == 0
    audit = tmp_path / "state" / "optimus-tui" / "audit.jsonl"
    assert verify(audit).problem is None
    events = [record["event"] for record in read(audit)]
    assert sorted(events) == ["armed", "armed", "disarmed", "disarmed"]


def test_a_lock_held_from_another_shell_keeps_nobody_from_leaving(
    screens: Callable[..., Terminal], tmp_path: Path
) -> None:
    terminal = screens()
    arm(terminal)
    flock = shutil.which("flock")
    assert flock is not None
    words = [flock, str(tmp_path / "state" / "optimus-tui" / "audit.jsonl"), "sh", "-c", "echo held; exec sleep 60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            terminal.send(":disarm\r")
            terminal.wait_for("read-only again|disarmed", 90)
            terminal.send(":arm 5m\r")
            terminal.wait_for("Type the environment", 90)
            terminal.settle(0.6)
            terminal.send("lab")
            terminal.settle(0.4)
            terminal.send("\r")
            terminal.wait_for(r"held by process \d+", 90)
            terminal.send("\x1b")
            terminal.settle(0.6)
            terminal.send("\x11")
            assert terminal.wait_exit() == 0
        finally:
            os.killpg(other.pid, signal.SIGKILL)


def test_kill_9_through_the_real_screen_loses_nothing_and_the_next_start_offers_it_row_105(
    screens: Callable[..., Terminal], server: RealServer, tmp_path: Path
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(3000)), "cache:conv:other:1")
    terminal = screens(140, 42)
    arm(terminal)
    terminal.send("3")
    terminal.wait_for("scanned 3,0.. of", 90)
    terminal.wait_for(r"▸ conv +3,001", 90)
    for _ in range(30):  # a key that comes before the rows do opens nothing
        terminal.send("\x1b[C")
        terminal.settle(1.0)
        if "▸ acme" in terminal.text():
            break
    terminal.wait_for("▸ acme")
    terminal.send("g\x1b[B")  # from the first row, wherever the keys have led
    terminal.settle(0.5)
    terminal.send("a")
    terminal.wait_for("Unlink conv of acme without TTL", 90)
    terminal.settle(0.6)
    terminal.send("\x1b[B")  # the first offer only gives the keys a TTL
    terminal.settle(0.6)
    terminal.send("\r")
    terminal.wait_for(r"Type +lab 3000", 90)
    terminal.settle(0.6)
    for key in "lab 3000":
        terminal.send(key)
        terminal.settle(0.05)
    terminal.send("\t")
    terminal.settle(0.5)
    for key in "cleaning":
        terminal.send(key)
        terminal.settle(0.05)
    terminal.send("\t")
    terminal.settle(0.6)
    terminal.send("\t")
    terminal.settle(0.9)
    terminal.send("\r")
    audit = tmp_path / "state" / "optimus-tui" / "audit.jsonl"
    for look in range(1, 4_000):
        if look % 400 == 0 and "press enter once" in terminal.text():
            terminal.send("\r")  # a busy machine noticed the focus late
        terminal.pump(0.005)
        if audit.exists() and audit.read_bytes().count(b'"event":"result"') >= 3:
            break
    os.kill(terminal.pid, signal.SIGKILL)
    terminal.settle(1)
    records = list(read(audit))
    intended = sum(len(one["keys"]) for one in records if one["event"] == "intent")
    assert verify(audit).problem is None and intended >= 300, terminal.text()
    assert 3000 - (number(server, "DBSIZE") - number(server, "EXISTS", "optimus:lock:acme") - 1) <= intended
    again = screens()
    assert re.search(r"Interrupted at [\d,]+ of 3,000 keys", again.wait_for("Interrupted at", 90))
