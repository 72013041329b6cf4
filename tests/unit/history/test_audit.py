"""The audit holds what it acknowledged, shows every change, and takes back what did not fit."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from optimus_tui.history.audit.chain import FIRST, read, verify
from optimus_tui.history.audit.log import AuditLog, AuditUnwritable, quoted, unquoted
from tests.fixed_clock import FixedClock


def _filled(folder: Path, count: int = 5) -> AuditLog:
    log = AuditLog(folder, FixedClock())
    for number in range(count):
        log.append("intent", "a1", batch=number, keys=[quoted(b"cache:conv:t\xff:%d" % number)])
    return log


def test_each_record_follows_the_one_before_and_the_file_is_private(tmp_path: Path) -> None:
    log = _filled(tmp_path / "state")
    checked = verify(log.path)
    assert (checked.records, checked.problem, checked.torn_bytes) == (5, None, 0)
    records = list(read(log.path))
    assert records[0]["prev"] == FIRST and records[4]["hash"] == checked.last_hash
    assert unquoted(records[3]["keys"][0]) == b"cache:conv:t\xff:3"
    assert os.stat(log.path).st_mode & 0o777 == 0o600 and os.stat(log.path.parent).st_mode & 0o777 == 0o700


@pytest.mark.parametrize("harm", ["changed", "dropped", "swapped", "doubled", "put in", "first dropped"])
def test_every_tampering_is_found_and_its_line_named(tmp_path: Path, harm: str) -> None:
    log = _filled(tmp_path)
    lines = log.path.read_bytes().splitlines(keepends=True)
    if harm == "changed":
        lines[2] = lines[2].replace(b'"batch":2', b'"batch":7')
    elif harm == "dropped":
        del lines[2]
    elif harm == "swapped":
        lines[2], lines[3] = lines[3], lines[2]
    elif harm == "doubled":
        lines.insert(2, lines[1])
    elif harm == "first dropped":
        del lines[0]
    else:
        lines.insert(2, b'{"seq":3}\n')
    log.path.write_bytes(b"".join(lines))
    checked = verify(log.path)
    assert checked.problem is not None
    assert checked.broken_line == (1 if harm == "first dropped" else 3)


@pytest.mark.parametrize("torn", [b"{", b'{"v":1,"seq":6', b"\x00" * 700, b"x" * 200_000])
def test_a_torn_line_is_set_aside_and_said_row_107(tmp_path: Path, torn: bytes) -> None:
    log = _filled(tmp_path)
    with log.path.open("ab") as file:
        file.write(torn)
    assert verify(log.path).torn_bytes == len(torn) and verify(log.path).problem is None
    again = AuditLog(tmp_path, FixedClock())
    again.append("closed", "a1")
    events = [record["event"] for record in read(log.path)]
    assert events == ["intent"] * 5 + ["torn line set aside", "closed"]
    assert verify(log.path).records == 7 and verify(log.path).torn_bytes == 0


@pytest.mark.parametrize("room", [0, 1, 150, 400])
def test_a_full_disk_leaves_no_part_of_a_line_row_106(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _filled(tmp_path, 2)
    before, real, left = log.path.read_bytes(), os.pwrite, [room]

    def short(handle: int, data: object, offset: int) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = real(handle, bytes(memoryview(data)[: left[0]]), offset)  # type: ignore[arg-type]
        left[0] -= taken
        return taken

    monkeypatch.setattr(os, "pwrite", short)
    with pytest.raises(AuditUnwritable, match="the disk is full"):
        log.append("intent", "a1", keys=["x" * 1000])
    assert log.path.read_bytes() == before
    monkeypatch.undo()
    log.append("closed", "a1")
    assert verify(log.path).records == 3


def test_a_short_write_is_no_lost_record_row_106(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, real = AuditLog(tmp_path), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: real(handle, bytes(data)[:7], offset))
    log.append("planned", "a1")
    assert verify(log.path).records == 1


def test_two_writers_make_one_chain(tmp_path: Path) -> None:
    logs = [AuditLog(tmp_path) for _ in range(3)]
    threads = [threading.Thread(target=lambda one=one: [one.append("x") for _ in range(20)]) for one in logs]
    for thread in threads:
        thread.start()
    code = "import sys, pathlib\nfrom optimus_tui.history.audit.log import AuditLog\n"
    code += "log = AuditLog(pathlib.Path(sys.argv[1]))\nfor _ in range(20): log.append('y')"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    for thread in threads:
        thread.join()
    assert verify(logs[0].path).records == 80 and verify(logs[0].path).problem is None


def test_a_file_that_is_not_ours_is_refused_and_never_touched(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "audit.jsonl").symlink_to(elsewhere)
    with pytest.raises(AuditUnwritable):
        AuditLog(tmp_path).append("planned")
    assert elsewhere.read_text() == "mine"


def test_a_last_line_that_is_no_record_stops_every_action(tmp_path: Path) -> None:
    log = _filled(tmp_path)
    with log.path.open("ab") as file:
        file.write(b"hello\n")
    with pytest.raises(AuditUnwritable, match="not an audit record"):
        AuditLog(tmp_path).append("planned")


def test_text_that_is_no_unicode_is_kept_as_an_escape(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("confirmed", "a1", reason="why \udcff not")
    assert next(read(log.path))["reason"] == "why \\udcff not" and verify(log.path).problem is None
