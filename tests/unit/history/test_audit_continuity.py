"""The audit cannot vanish unnoticed: whatever on the disk does not descend from what was written stops the writer."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.history.audit import log as audit
from optimus_tui.history.audit.chain import FIRST, Chained, read, read_head, seal, verify
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import AuditLog, accept_break, rotate
from tests.fixed_clock import FixedClock
from tests.patience import PATIENCE
from tests.unit.history.audit_faults import cut_back, lines, removed, renamed, renamed_and_created, truncated

WHO = {"os_user": "tester"}


def filled(folder: Path, count: int = 5) -> AuditLog:
    log = AuditLog(folder, FixedClock())
    for number in range(count):
        log.append("intent", "a1", batch=number)
    return log


def copied_and_truncated(path: Path) -> None:
    shutil.copy(path, path.with_name("audit.jsonl.1"))
    os.truncate(path, 0)


def cut_in_a_line(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 30)


def replaced_by_another_chain(path: Path) -> None:
    other = path.parent / "other"
    log = AuditLog(other)
    for _ in range(9):
        log.append("armed")
    shutil.copy(log.path, path)
    shutil.rmtree(other)


def put_back_from_a_backup(path: Path) -> None:
    body = b"".join(lines(path)[:3])
    path.unlink()
    path.write_bytes(body)


HARMS: list[Callable[[Path], None]] = [
    removed, renamed, renamed_and_created, copied_and_truncated, truncated, cut_back, cut_in_a_line,
    replaced_by_another_chain, put_back_from_a_backup,
]  # fmt: skip
MOVED = (renamed, renamed_and_created, copied_and_truncated)


@pytest.mark.parametrize("same", [True, False], ids=["the same process", "another process"])
@pytest.mark.parametrize("harm", HARMS)
def test_an_audit_that_is_not_the_one_that_was_written_takes_no_more_and_verify_fails(
    tmp_path: Path, harm: Callable[[Path], None], same: bool
) -> None:
    log = filled(tmp_path)
    harm(log.path)
    there = log.path.read_bytes() if log.path.exists() else None
    writer = log if same else AuditLog(tmp_path, FixedClock())
    for _ in range(2):
        with pytest.raises(AuditUnwritable, match=r"optimus-tui audit (rotate|verify)") as caught:
            writer.append("intent", "a1", batch=5)
        assert ("audit.jsonl.1" in str(caught.value)) == (harm in MOVED)
    assert (log.path.read_bytes() if log.path.exists() else None) == there
    assert verify(log.path).problem is not None


@pytest.mark.parametrize("harm", MOVED)
def test_rotate_takes_over_a_file_that_was_moved_and_the_same_writer_goes_on(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    log = filled(tmp_path)
    harm(log.path)
    with pytest.raises(AuditUnwritable):
        log.append("intent")
    kept = rotate(tmp_path, FixedClock())
    assert kept.name == "audit-from-0000000001.jsonl" and not (tmp_path / "audit.jsonl.1").exists()
    assert (log.append("result").seq, log.append("result").seq) == (7, 8)
    checked = verify(log.path)
    assert checked.problem is None and [(part.first, part.last) for part in checked.parts] == [(1, 5), (6, 8)]
    assert [one["seq"] for one in read(log.path)] == list(range(1, 9))


@pytest.mark.parametrize("harm", [one for one in HARMS if one not in MOVED])
def test_a_lost_audit_goes_on_on_purpose_and_tells_what_is_missing(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    log = filled(tmp_path)
    harm(log.path)
    with pytest.raises(AuditUnwritable):
        rotate(tmp_path, FixedClock())
    accepted = accept_break(tmp_path, WHO, "the disk was restored", FixedClock())
    kept = {cut_back: 3, cut_in_a_line: 4, put_back_from_a_backup: 3}.get(harm, 0)  # type: ignore[arg-type]
    assert (accepted.first, accepted.last) == (kept + 1, 5)
    assert log.append("armed").seq == 7, "the process that knew the lost records goes on, too"
    checked = verify(log.path)
    (one,) = checked.breaks
    assert checked.problem is None and (one.first, one.last, one.reason) == (kept + 1, 5, "the disk was restored")
    first = next(record for record in read(log.path) if record["event"] == "break accepted")
    assert (first["known"], first["found"], first["who"]) == (5, kept, WHO) and first["seq"] == 6
    with pytest.raises(AuditUnwritable, match="whole"):
        accept_break(tmp_path, WHO, "once more", FixedClock())
    if harm in (replaced_by_another_chain, cut_in_a_line):
        assert list(tmp_path.glob("audit-unsound-*")), "what was found is kept"


def test_a_break_is_not_accepted_where_nothing_is_lost(tmp_path: Path) -> None:
    log = filled(tmp_path)
    with pytest.raises(AuditUnwritable, match="whole"):
        accept_break(tmp_path, WHO, "why not")
    renamed(log.path)
    with pytest.raises(AuditUnwritable, match=r"nothing is lost.*audit rotate"):
        accept_break(tmp_path, WHO, "why not")


@pytest.mark.parametrize("state", ["gone", "damaged"])
def test_without_its_head_an_audit_is_not_taken_for_whole(tmp_path: Path, state: str) -> None:
    log = filled(tmp_path)
    head = tmp_path / "audit.head"
    assert head.stat().st_mode & 0o777 == 0o600
    if state == "gone":
        head.unlink()
    else:
        head.write_bytes(b"x" * 1024)
    for writer in (log, AuditLog(tmp_path)):
        with pytest.raises(AuditUnwritable, match=r"audit\.head"):
            writer.append("armed")
    if state == "gone":
        assert verify(log.path).problem is not None
    accepted = accept_break(tmp_path, WHO, "it was deleted by hand")
    assert accepted.last < accepted.first, "nothing that is known of is lost"
    assert log.append("armed").seq == 7 and verify(log.path).problem is None


def test_a_directory_of_an_earlier_version_is_adopted_once_and_that_is_said(tmp_path: Path) -> None:
    last = Chained(0, FIRST)
    with (tmp_path / "audit.jsonl").open("wb") as file:
        for number in range(1, 4):
            body = b'{"v":1,"seq":%d,"event":"armed","prev":"%s"}' % (number, last.hash.encode())
            line, hashed = seal(body, last.hash)
            last = Chained(number, hashed)
            file.write(line)
    assert verify(tmp_path / "audit.jsonl").headless and verify(tmp_path / "audit.jsonl").problem is None
    log = AuditLog(tmp_path)
    assert log.append("disarmed").seq == 4
    checked = verify(log.path)
    assert (checked.records, checked.headless, checked.problem) == (4, False, None)
    cut_back(log.path)
    assert verify(log.path).problem is not None


def test_a_head_that_is_one_record_behind_is_brought_up_to_date(tmp_path: Path) -> None:
    log = filled(tmp_path)
    behind = (tmp_path / "audit.head").read_bytes()
    log.append("closed")
    (tmp_path / "audit.head").write_bytes(behind)
    assert verify(log.path).problem is None and verify(log.path).records == 6
    assert AuditLog(tmp_path).append("armed").seq == 7
    head = read_head(tmp_path)
    assert head is not None and head.seq == 7


def test_a_torn_slot_of_the_head_leaves_the_one_before(tmp_path: Path) -> None:
    log = filled(tmp_path)
    head = read_head(tmp_path)
    assert head is not None
    with (tmp_path / "audit.head").open("r+b") as file:
        file.seek(512 * (head.turn % 2))
        file.write(b"\0" * 100)
    assert AuditLog(tmp_path).append("armed").seq == 6 and verify(log.path).problem is None


def test_rotation_by_size_keeps_one_chain_for_every_writer(tmp_path: Path) -> None:
    first, second = (AuditLog(tmp_path, FixedClock(), max_bytes=2000) for _ in range(2))
    for number in range(30):
        (first if number % 3 else second).append("intent", "a1", batch=number)
    checked = verify(first.path)
    assert checked.problem is None and len(checked.parts) > 3
    assert [one["batch"] for one in read(first.path) if one["event"] == "intent"] == list(range(30))
    middle = tmp_path / checked.parts[1].name
    middle.write_bytes(middle.read_bytes().replace(b'"batch":', b'"batch":1', 1))
    assert verify(first.path).broken_file == middle.name
    middle.unlink()
    assert "missing" in str(verify(first.path).problem)


@pytest.mark.parametrize("point", ["link", "replace", "write_head"])
def test_a_rotation_that_is_killed_half_way_is_no_break(
    tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = filled(tmp_path)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    if point == "write_head":
        monkeypatch.setattr(audit, point, killed)
    else:
        real = getattr(os, point)
        monkeypatch.setattr(os, point, lambda *words, **more: (real(*words, **more), killed())[1])
    with pytest.raises(KeyboardInterrupt):
        log.rotate()
    monkeypatch.undo()
    assert verify(log.path).problem is None
    again = AuditLog(tmp_path, FixedClock())
    again.append("armed")
    again.rotate()
    again.append("armed")
    assert verify(log.path).problem is None
    assert [one["batch"] for one in read(log.path) if one["event"] == "intent"] == list(range(5))


@pytest.mark.parametrize("place", ["audit.jsonl", "audit.head"])
@pytest.mark.parametrize("kind", ["a directory", "a link", "a pipe", "a socket"])
def test_what_is_no_plain_file_is_said_and_holds_nobody_up(tmp_path: Path, place: str, kind: str) -> None:
    import socket

    log = filled(tmp_path)
    path = tmp_path / place
    path.rename(tmp_path / "elsewhere")
    if kind == "a directory":
        path.mkdir()
    elif kind == "a link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(tmp_path)
            try:
                listener.bind(place)
            finally:
                os.chdir(here)
    with pytest.raises(AuditUnwritable, match=kind):
        log.append("armed")
    with pytest.raises(OSError, match=kind):
        verify(log.path)


def test_a_lock_that_another_process_holds_is_waited_for_3_seconds_and_its_holder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from optimus_tui.storage import private_file

    log = filled(tmp_path)
    monkeypatch.setattr(private_file.lock, "__defaults__", (0.3,))
    code = "import fcntl, sys, time; file = open(sys.argv[1])\n"
    code += "fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(log.path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            with pytest.raises(AuditUnwritable, match=rf"held by process {other.pid} \(python.*\), running since"):
                log.append("armed")
        finally:
            other.kill()
    assert log.append("armed").seq == 6


def test_a_disk_that_does_not_answer_is_waited_for_no_longer_than_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    filled(tmp_path)
    log, answers = AuditLog(tmp_path, disk_seconds=0.2), threading.Event()
    real = os.fdatasync
    monkeypatch.setattr(audit.os, "fdatasync", lambda handle: (answers.wait(PATIENCE), real(handle)))  # type: ignore[attr-defined]
    with pytest.raises(AuditUnwritable, match="did not answer within"):
        log.append("armed")
    with pytest.raises(AuditUnwritable, match="still does not answer"):
        log.append("armed")
    answers.set()
    hanging = log._hanging
    assert hanging is not None and hanging.daemon
    hanging.join(PATIENCE)
    assert log.append("disarmed").seq == 7 and verify(log.path).problem is None


def changed_in_place(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"batch":1', b'"batch":7', 1))


def changed_in_a_new_file(path: Path) -> None:
    changed = lines(path)
    changed[2] = (
        changed[2].replace(b"tester", b"nobody") if b"tester" in changed[2] else changed[2].replace(b"a1", b"b1", 1)
    )
    other = path.with_name("new")
    other.write_bytes(b"".join(changed))
    other.replace(path)


@pytest.mark.parametrize("change", [changed_in_place, changed_in_a_new_file])
def test_a_record_changed_in_the_middle_stops_the_writer(tmp_path: Path, change: Callable[[Path], None]) -> None:
    log = filled(tmp_path)
    change(log.path)
    with pytest.raises(AuditUnwritable, match="was changed since it was written"):
        log.append("intent", "a1", batch=9)
    assert verify(log.path).problem


def test_an_identical_copy_and_another_writer_are_gone_on_from(tmp_path: Path) -> None:
    log, other = filled(tmp_path), AuditLog(tmp_path, FixedClock())
    copy = log.path.with_name("copy")
    shutil.copy(log.path, copy)
    copy.replace(log.path)
    for one in (log, other, log, other):
        one.append("intent", "a1", batch=9)
    rotate(tmp_path)
    for one in (log, other):
        one.append("intent", "a1", batch=10)
    assert verify(log.path).problem is None


def test_rotating_nothing_makes_no_audit(tmp_path: Path) -> None:
    with pytest.raises(AuditUnwritable, match="nothing to rotate"):
        rotate(tmp_path)
    assert not (tmp_path / "audit.jsonl").exists()


def test_an_older_copy_of_audit_and_head_is_less_than_this_process_wrote(tmp_path: Path) -> None:
    log = filled(tmp_path)
    older = {name: (tmp_path / name).read_bytes() for name in ("audit.jsonl", "audit.head")}
    assert log.behind() == ""
    log.append("intent", "a1", batch=9)
    for name, content in older.items():
        (tmp_path / name).write_bytes(content)
    assert "ends with record 5, and this process wrote 6" in log.behind()
    with pytest.raises(AuditUnwritable):
        log.append("intent", "a1", batch=10)


def test_verify_fails_where_a_plan_lies_beside_an_audit_that_holds_nothing_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(tmp_path)
    assert run(["audit", "verify", "--state", str(tmp_path)]) == 0
    (tmp_path / "actions").mkdir(mode=0o700)
    (tmp_path / "actions" / "0123456789abcdef.plan").write_bytes(b"{}")
    assert run(["audit", "verify", "--state", str(tmp_path)]) == 1
    assert "holds nothing of action 01234567" in capsys.readouterr().err
