"""The command line: exit codes, one sentence on stderr, nothing hostile on the terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from optimus_tui import __version__
from optimus_tui.__main__ import run
from optimus_tui.cli import doctor
from optimus_tui.settings.model import Settings
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of this machine leaks in."""
    for name in [name for name in os.environ if name.startswith(("OPTIMUS_", "REDIS_", "POSTGRES_", "BACKEND_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence on stderr; stdout must be empty."""
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("optimus-tui: ")
    assert shown.err.count("\n") == 1
    assert shown.err.rstrip("\n").isprintable()
    return shown.err.rstrip("\n")


def test_version_and_help_are_zero(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"optimus-tui {__version__}\n"
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in ("demo", "doctor", "init"))
    for verb in ("demo", "doctor", "init"):
        assert run([verb, "--help"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "--nonsense"),
        (["frobnicate"], "frobnicate"),
        (["demo", "--scenario", "bogus"], "noisy-tenant"),
        (["init"], "DIR"),
        (["dialect"], "Missing command: detect, list, show, test"),
        (["audit"], "Missing command: "),
        (["--refresh", "soon", "doctor"], "--refresh"),
        (["--refresh", "0.1", "doctor"], "0.5"),
        (["doctor", "--refresh", "99"], "<= 60"),
        (["--env", "prod", "doctor"], "known: default"),
        (["--config", "none.toml", "doctor"], "none.toml does not exist"),
        (["--redis-url", "redis://u:CANARY@h", "doctor"], "REDIS_URL"),
        (["--gateway-url", "http://u:CANARY@h", "doctor"], "--gateway-url"),
        (["\x1b]52;c;x\x07"], "\\x1b]52"),
        (["--\x1b[2J"], "\\x1b[2J"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    said = sentence(capsys)
    assert words in said
    assert "CANARY" not in said


@pytest.mark.parametrize("arguments", [[], ["demo"]])
def test_without_a_terminal_there_is_no_dashboard_row_109(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    assert "needs a terminal" in sentence(capsys)


@pytest.mark.parametrize("missing", ["stdin", "stdout", "stderr"])
def test_one_missing_end_of_the_terminal_is_enough_row_109(missing: str, tmp_path: Path) -> None:
    primary, replica = pty.openpty()
    ends = {name: replica for name in ("stdin", "stdout", "stderr") if name != missing}
    other = subprocess.DEVNULL if missing == "stdin" else subprocess.PIPE
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            [sys.executable, "-m", "optimus_tui"], **ends, **{missing: other}, timeout=20, cwd=tmp_path
        )
        if missing != "stderr":
            os.set_blocking(primary, False)
            assert b"needs a terminal" in os.read(primary, 4096)
    finally:
        os.close(primary)
        os.close(replica)
    assert done.returncode == 2


def test_a_dumb_terminal_is_refused_row_109(tmp_path: Path) -> None:
    primary, replica = pty.openpty()
    env = {**os.environ, "TERM": "dumb"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "optimus_tui"],
            stdin=replica,
            stdout=replica,
            stderr=replica,
            timeout=20,
            cwd=tmp_path,
            env=env,
        )
        assert b"TERM is dumb" in os.read(primary, 4096)
    finally:
        os.close(primary)
        os.close(replica)
    assert done.returncode == 2


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("optimus_tui.cli.doctor.settings_of", interrupted)
    assert run(["doctor"]) == 130
    assert capsys.readouterr().err.strip() == "optimus-tui: interrupted"


def test_a_bug_is_loud_and_tells_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        password = "CANARY-local"
        raise RuntimeError(f"\x1b[2Jboom {len(password)}")

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("optimus_tui.cli.doctor.settings_of", broken)
    assert run(["doctor"]) == 70
    said = capsys.readouterr().err
    assert "RuntimeError" in said and "\\x1b[2Jboom" in said
    assert "\x1b" not in said and "CANARY" not in said


def test_a_reader_that_leaves_early_is_no_crash() -> None:
    done = subprocess.run(
        f"{sys.executable} -m optimus_tui doctor --redis-url redis://127.0.0.1:1 | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "Traceback" not in done.stderr and "bug" not in done.stderr


def test_a_terminal_without_our_characters_still_shows_help_row_109() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "optimus_tui", "--env", "ä…", "doctor"], env=env, capture_output=True, timeout=30
    )
    assert done.returncode == 2
    assert b"there is no environment" in done.stderr and done.stderr.isascii()


def test_the_shell_completes_verbs_and_scenarios() -> None:
    def complete(words: str) -> list[str]:
        env = {**os.environ, "_OPTIMUS_TUI_COMPLETE": "bash_complete", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        entry = [sys.executable, "-c", "from optimus_tui.__main__ import main; main()"]
        done = subprocess.run(entry, env=env, capture_output=True, text=True, timeout=PATIENCE)
        return [line.split(",")[-1] for line in done.stdout.split()]

    assert complete("optimus-tui d") == ["demo", "doctor", "dialect"]
    assert "engine-down" in complete("optimus-tui demo --scenario e")


@pytest.mark.parametrize("verb", [[], ["demo"]])
def test_a_theme_that_does_not_exist_opens_no_dashboard(
    verb: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("optimus_tui.__main__.why_no_dashboard", lambda: None)
    assert run(["--theme", "optimus-drak", *verb]) == 2
    assert "did you mean optimus-dark?" in sentence(capsys)
    (tmp_path / "optimus.toml").write_text('[keys]\n"pane.zoom" = "y"\n')
    assert run(["--config", "optimus.toml", *verb]) == 2
    assert "takes y, which is pane.copy already" in sentence(capsys)


def test_doctor_says_not_set_for_every_setting_that_is_not() -> None:
    rows = {name: shown for name, shown, _ in doctor._setting_rows(Settings())}
    assert not [name for name, shown in rows.items() if "None" in shown or shown in ("True", "False")]
    assert rows["thresholds.proxy_timeout_ms"] == "not set"
