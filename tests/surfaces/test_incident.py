"""``incident`` as commands: what they print, their exit codes, and that a mistake is one sentence."""

import errno
import json
import os
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.history import timeline as files
from optimus_tui.history.timeline import open_timeline
from tests.hostile import HostileServer
from tests.realserver import RealServer

Capture = pytest.CaptureFixture[str]


def said(capsys: Capture, *words: str) -> tuple[int, str, str]:
    code = run(["incident", *words])
    heard = capsys.readouterr()
    return code, heard.out, heard.err


def folder() -> Path:
    return files.folder_of(files.incidents_dir(), 1)


def test_the_whole_flow_by_commands(world: HostileServer, server: RealServer, capsys: Capture, tmp_path: Path) -> None:
    server.command("SET", "rate_limit:acme:chat", "12")
    code, out, _ = said(capsys, "open", "--title", "acme is blocked", "--began", "26m")
    assert (code, out.splitlines()) == (0, ["incident 1", "next: optimus-tui incident run 1    (Health check)"])
    code, out, _ = said(capsys, "run", "1")
    assert code == 1
    assert "[A counter without TTL never resets]" in out and "limits.immortal" not in out
    assert "run 1 --issue rate_limiting" in out
    code, out, err = said(capsys, "run", "1")
    assert code == 2
    assert out.startswith("1. rate_limiting --tenant acme: ")
    assert "choose the issue" in err
    assert said(capsys, "run", "1", "--issue", "rate_limiting", "--tenant", "acme")[0] == 1
    assert said(capsys, "run", "1", "--skip", "no time")[0] == 0
    code, out, _ = said(capsys, "run", "1")
    assert code == 0, "integration passes"
    code, out, _ = said(capsys, "run", "1")
    assert "can be done here: repair_counter" in out
    assert "EXPIRE rate_limit:acme:chat 60 NX" in out
    server.command("EXPIRE", "rate_limit:acme:chat", "60")
    code, out, _ = said(capsys, "run", "1", "--step", "health")
    assert (code, "again: fixed" in out) == (0, True)
    assert said(capsys, "run", "1", "--done", "repaired by hand")[0] == 0
    assert said(capsys, "note", "1", "told", "acme")[0] == 0
    assert said(capsys, "close", "1", "--cause", "c")[0] == 2
    code, out, _ = said(capsys, "close", "1", "--cause", "INCR alone", "--resolution", "EXPIRE")
    assert code == 0
    since = "26 min from the beginning of the fault"
    assert out.startswith(f"Time to acknowledge (MTTA) {since}\nTime to repair (MTTR) {since} until a check")
    code, out, err = said(capsys, "run", "1")
    assert (code, out) == (4, "")
    code, out, _ = said(capsys, "export", "1", "--html")
    assert code == 0
    assert Path(out.strip()).read_text("utf-8").startswith("<!doctype html>")
    code, out, _ = said(capsys, "export", "1", "--to", "-")
    assert out.startswith("# Post-mortem: incident 1, acme is blocked")
    (one,) = json.loads(said(capsys, "list", "--json")[1])["incidents"]
    assert (one["status"], round(one["mtta_seconds"] / 60)) == ("closed", 26)
    shown = json.loads(said(capsys, "show", "1", "--json")[1])
    assert shown["incident"]["cause"] == "INCR alone"
    assert "told acme" in said(capsys, "show", "1")[1]


def test_without_a_verb_they_are_listed_and_none_is_said(world: HostileServer, capsys: Capture) -> None:
    assert said(capsys) == (0, "no incidents; optimus-tui incident open begins one\n", "")
    said(capsys, "open")
    assert "optimus-tui incident resume 1" in said(capsys)[1]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("show", "7"), 2, "there is no incident 7"),
        (("show", "../1"), 2, "not a valid integer"),
        (("open", "--began", "tomorrow"), 2, "--began is how long ago"),
        (("open", "--playbook", "nope"), 2, "there is no playbook 'nope'"),
        (("run", "1", "--issue", "vibes"), 4, "there is no issue type 'vibes'"),
        (("run", "1", "--step", "nowhere"), 2, "there is no step 'nowhere'"),
        (("run", "1", "--tenant", "x"), 2, "--tenant belongs to --issue"),
        (("run", "1", "--env", "prod"), 2, "prod"),
        (("note", "1", " "), 4, "the note has no text"),
        (("close", "1", "--cause", " ", "--resolution", "x", "--no-measure"), 4, "both"),
        (("resume", "1", "--repair"), 4, "not damaged"),
    ],
)
def test_a_mistake_is_one_sentence_and_its_exit_code(
    world: HostileServer, capsys: Capture, words: tuple[str, ...], code: int, sentence: str
) -> None:
    said(capsys, "open")
    got, _, err = said(capsys, *words)
    assert (got, sentence in err) == (code, True), err
    assert len(err.splitlines()) == 1


def test_a_second_process_is_refused_and_told_by_whom_row_108(world: HostileServer, capsys: Capture) -> None:
    said(capsys, "open")
    timeline = open_timeline(folder(), "ana, process 7 on db1")
    code, _, err = said(capsys, "note", "1", "x")
    assert code == 4
    assert "ana, process 7 on db1" in err
    assert "open in ana" in said(capsys, "list")[1]
    assert said(capsys, "show", "1")[0] == 0
    timeline.close()
    assert said(capsys, "note", "1", "x")[0] == 0


def test_a_damaged_timeline_is_listed_shown_repaired_and_kept_row_107(world: HostileServer, capsys: Capture) -> None:
    said(capsys, "open", "--title", "one")
    said(capsys, "note", "1", "bravo")
    said(capsys, "note", "1", "last")
    path = folder() / files.TIMELINE
    path.write_bytes(path.read_bytes().replace(b'"bravo"', b'"BRAVO"'))
    assert "cannot be trusted" in said(capsys, "list")[1]
    code, out, _ = said(capsys, "show", "1")
    assert (code, "last" in out, "BRAVO" in out) == (0, True, False)
    assert said(capsys, "note", "1", "x")[0] == 4
    assert said(capsys, "resume", "1", "--repair")[0] == 0
    assert said(capsys, "note", "1", "x")[0] == 0
    assert len(list(folder().glob("damaged-*"))) == 1


def test_a_state_directory_that_cannot_be_written_is_said(
    world: HostileServer, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    code, _, err = said(capsys, "open")
    assert (code, "no incident can be opened" in err) == (4, True)


def test_what_a_full_disk_did_not_take_is_no_success_row_106(
    world: HostileServer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "open")

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    code, _, err = said(capsys, "note", "1", "x")
    assert code == 4
    assert "not recorded, and lost now" in err
    assert "the disk is full" in err
    monkeypatch.undo()


def test_a_name_that_is_no_text_can_be_noted(world: HostileServer, capsys: Capture) -> None:
    said(capsys, "open", "--title", os.fsdecode(b"\xff\x1b[31m"))
    assert said(capsys, "note", "1", os.fsdecode(b"\xfe"))[0] == 0
    code, out, _ = said(capsys, "show", "1")
    assert code == 0
    assert "\x1b" not in out
