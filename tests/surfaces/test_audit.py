"""``optimus-tui audit``: whole or not, and what was done, safe to show."""

from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.history.audit.log import AuditLog, quoted


@pytest.fixture
def state(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path)
    log.append("planned", "a" * 32, tenant=quoted(b"evil\x1b]0;x\x07"), count=4)
    log.append("confirmed", "a" * 32, reason="why \x1b[2J not")
    log.append("intent", "a" * 32, start=0, keys=[quoted(b"cache:conv:t:%d" % index) for index in range(4)])
    log.append("planned", "b" * 32, count=1)
    return tmp_path


def test_a_whole_chain_says_its_number_and_last_hash(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", "--state", str(state)]) == 0
    said = capsys.readouterr().out
    assert "4 records, whole" in said and "last hash" in said


def test_a_changed_record_is_found_and_its_line_named(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = state / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"count":4', b'"count":3'))
    assert run(["audit", "verify", "--state", str(state)]) == 1
    assert "line 1: its contents were changed" in capsys.readouterr().err


def test_records_are_shown_without_a_control_code(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "show", "--state", str(state)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "why \\x1b[2J not" in said and "(4)" in said


def test_one_action_is_shown_alone_and_as_json(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "show", "--state", str(state), "--action", "bbbb", "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and '"event":"planned"' in out and "\x1b" not in out


def test_no_audit_is_said_and_no_file_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "verify", "--state", str(tmp_path)]) == 2
    assert run(["audit", "show", "--state", str(tmp_path)]) == 2
    assert "No such file" in capsys.readouterr().err and not list(tmp_path.iterdir())
