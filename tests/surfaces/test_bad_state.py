"""Evidence is readable on a bad day: broken settings, and state that is no file, stop nobody and are said in words."""

import json
import os
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.history.audit.log import AuditLog
from tests.realserver import RealServer


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RealServer) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("REDIS_URL", server.url)
    monkeypatch.setenv("BACKEND_ORCHESTRATOR_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AI_ENGINE_URL", "http://127.0.0.1:1")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "state" / "optimus-tui"


def test_broken_settings_stop_no_look_at_evidence(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["incident", "open", "--title", "It was slow"]) == 0
    AuditLog().append("armed")
    Path("optimus.toml").write_text("broken = [")
    capsys.readouterr()
    for words in (
        ["audit", "verify"],
        ["audit", "show"],
        ["incident", "list"],
        ["incident", "show", "1"],
        ["incident", "show", "1", "--json"],
        ["incident", "export", "1", "--to", "-"],
        ["incident", "export", "1", "--html"],
    ):
        assert run(words) == 0, (words, capsys.readouterr())
        said = capsys.readouterr()
        assert said.out and ("optimus.toml" in said.err) == (words[1] in ("show", "export") and words[0] == "incident")
    assert run(["incident", "note", "1", "x"]) == 2, "what is recorded needs to know its system"
    assert run(["run", "diagnose_gateway_health"]) == 2


def put(path: Path, kind: str) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}-before"))
    elif path.exists():
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "directory":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("/nonexistent/x")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.touch()


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_a_timeline_or_audit_that_is_no_file_is_said(
    state: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["incident", "open"])
    AuditLog().append("armed")
    put(state / "incidents" / "0001" / "timeline.jsonl", kind)
    put(state / "audit.jsonl", kind)
    capsys.readouterr()
    for words, code in ((["incident", "show", "1"], 4), (["audit", "verify"], 2), (["audit", "show"], 2)):
        assert run(words) == code
        assert f"is a {kind}" in capsys.readouterr().err
    assert run(["incident", "list"]) == 0 and f"is a {kind}" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["file", "pipe"])
@pytest.mark.parametrize("place", ["incidents", "incidents/0001"])
def test_a_directory_that_is_none_is_said_and_no_incident_is_silently_gone(
    state: Path, place: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["incident", "open"])
    put(state / place, kind)
    capsys.readouterr()
    code = run(["incident", "list"])
    said = capsys.readouterr()
    wrong = f"is a {kind} where a directory is needed" if place == "incidents" else "is not a directory"
    assert wrong in said.out + said.err and code == (4 if place == "incidents" else 0)
    assert run(["incident", "show", "1"]) in (2, 4)


@pytest.mark.parametrize("kind", ["directory", "link", "pipe", "folder"])
def test_a_history_that_cannot_be_read_is_said_by_run_and_by_nobody_else(
    state: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "analyze_performance_metrics", "--json"]
    run(words)
    assert "history_unread" not in json.loads(capsys.readouterr().out)
    put(state / "history", "file") if kind == "folder" else put(state / "history" / "default.sqlite", kind)
    run(words)
    document = json.loads(capsys.readouterr().out)
    wrong = "history is a file where a directory is needed" if kind == "folder" else "default.sqlite"
    assert wrong in document["history_unread"]


def test_a_home_that_cannot_be_written_is_said_in_words(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/sys/optimus-test")  # a place where not even root makes a directory
    for words, code in (
        (["audit", "verify"], 2),
        (["audit", "rotate"], 4),
        (["audit", "accept-break", "--reason", "none"], 4),
        (["incident", "list"], 0),
        (["incident", "open"], 4),
        (["run", "analyze_performance_metrics", "--json"], None),
    ):
        assert run(words) in ((code,) if code is not None else (0, 1, 3))
        said = capsys.readouterr()
        assert "Traceback" not in said.err and "bug" not in said.err
