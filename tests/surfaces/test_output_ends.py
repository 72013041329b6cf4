"""How a verb ends that is interrupted, terminated, or whose output is full."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.amounts import at_night
from tests.patience import PATIENCE
from tests.realserver import nobody_port

Started = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Started:
    nobody = f"127.0.0.1:{nobody_port()}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPTIMUS_", "POSTGRES_"))}
    env = {
        **clean,
        "XDG_STATE_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "REDIS_URL": f"redis://{nobody}",
        "BACKEND_ORCHESTRATOR_URL": f"http://{nobody}",
        "AI_ENGINE_URL": f"http://{nobody}",
    }

    def begin(*words: str, **more: object) -> "subprocess.Popen[bytes]":
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen([sys.executable, "-m", "optimus_tui", *words], env=env, cwd=tmp_path, **pipes)  # type: ignore[call-overload]

    return begin


GREETING = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},'
    b'"clientInfo":{"name":"t","version":"1"}}}\n'
)


INTERRUPT, END = (signal.SIGINT, 130), (signal.SIGTERM, 143)
HTTP = ("mcp", "--http", "--port", "0")
WATCH = ("run", "diagnose_gateway_health", "--watch", "0.5", "--ndjson")


@pytest.mark.parametrize(
    ("words", "number", "code"),
    [
        (("mcp",), *INTERRUPT), (HTTP, *END), (("serve", "--port", "0"), *INTERRUPT), (WATCH, *END),
        at_night(("mcp",), *END), at_night(HTTP, *INTERRUPT), at_night(("serve", "--port", "0"), *END),
        at_night(WATCH, *INTERRUPT),
    ],
)  # fmt: skip
def test_an_interrupt_is_130_and_sigterm_is_143_everywhere(
    words: tuple[str, ...], number: signal.Signals, code: int, start: Started
) -> None:
    process = start(*words, preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    ended, said = end_of(process, words, number)
    assert ended == code
    assert b"Traceback" not in said


@pytest.mark.parametrize("words", [HTTP, WATCH])
def test_sigterm_ends_what_a_script_started_in_the_background_where_interrupts_are_ignored(
    words: tuple[str, ...], start: Started
) -> None:
    process = start(*words, preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN))
    ended, said = end_of(process, words, signal.SIGTERM)
    assert ended == 143
    assert b"Traceback" not in said


def end_of(process: "subprocess.Popen[bytes]", words: tuple[str, ...], number: signal.Signals) -> tuple[int, bytes]:
    """Send a signal to a verb that has begun to answer. Return its exit code, and what it said on stderr then."""
    assert process.stdin and process.stdout and process.stderr
    try:
        if words == ("mcp",):
            process.stdin.write(GREETING)
            process.stdin.flush()
        answers = process.stderr if "--port" in words else process.stdout
        assert select.select([answers], [], [], PATIENCE)[0] and answers.readline()
        process.send_signal(number)
        return process.wait(PATIENCE), process.stderr.read()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("words", [("tools",), ("tools", "diagnose_gateway_health"), ("doctor",), ("--help",)])
def test_a_full_output_is_one_sentence_and_2(words: tuple[str, ...], start: Started) -> None:
    with open("/dev/full", "wb") as full:
        process = start(*words, stdout=full)
        _, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said.count(b"\n")) == (2, 1), said
    assert b"No space left" in said


def test_doctor_refuses_a_theme_and_a_key_that_cannot_be(start: Started, tmp_path: Path) -> None:
    process = start("doctor", "--theme", "optimus-drak")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and b"--theme" in said and b"did you mean optimus-dark?" in said
    (tmp_path / "optimus.toml").write_text('[keys]\n"pane.zom" = "Z"\n')
    process = start("doctor")
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2 and b"optimus.toml" in said and b"did you mean pane.zoom?" in said


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--redis-url", "redis://h"),
        ("--env", "prod", "demo", "--headless"),
        ("demo", "--gateway-url", "http://h"),
        ("demo", "--engine-url", "http://h"),
        ("demo", "--insecure-tls"),
    ],
)
def test_the_demo_refuses_to_be_told_where_services_are(words: tuple[str, ...], start: Started) -> None:
    process = start(*words)
    out, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, said.count(b"\n")) == (2, b"", 1)
    assert b"starts services of its own" in said


def test_the_demos_help_offers_only_what_it_takes(start: Started) -> None:
    out, _ = start("demo", "--help").communicate(timeout=PATIENCE)
    assert b"--theme" in out and b"--config" in out and b"--refresh" in out
    assert b"--redis-url" not in out and b"--env" not in out


def test_an_event_loop_that_was_interrupted_while_it_was_built_adds_no_traceback() -> None:
    half_built = "import asyncio; from optimus_tui.cli import exits; exits.heed_signals(); "
    half_built += "loop = asyncio.SelectorEventLoop.__new__(asyncio.SelectorEventLoop); del loop; "
    other = "Other = type('Other', (), {'__del__': lambda self: 1 / 0}); Other()"
    for added, told in (("", False), (other, True)):
        done = subprocess.run([sys.executable, "-c", half_built + added], capture_output=True, check=True)
        assert (b"ZeroDivisionError" in done.stderr) is told
        assert b"EventLoop" not in done.stderr
