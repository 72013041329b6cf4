"""The timeline's files: nothing acknowledged is lost or deleted, and what is wrong is said (rows 105 to 108)."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimus_tui.contract import incident as shapes
from optimus_tui.contract import incident_events as happened
from optimus_tui.history import timeline as files
from optimus_tui.history.timeline import Timeline, encode, new_timeline, open_timeline, quarantine, scan
from optimus_tui.storage.private_file import UnreadableFile
from optimus_tui.workflow.engine import replay
from tests.unit.workflow.driver import Play, stamp


def note(text: str) -> happened.NoteAdded:
    return happened.NoteAdded(at=stamp(), text=text)


def texts(timeline: Timeline) -> list[str]:
    return [one.text for one in timeline.events if isinstance(one, happened.NoteAdded)]


def kept(root: Path, *notes: str) -> Path:
    _, timeline = new_timeline(root, "me")
    for text in notes:
        assert timeline.append(note(text))
    timeline.close()
    return timeline.folder


def test_what_was_appended_is_there_again_and_private(tmp_path: Path) -> None:
    play = Play()
    number, timeline = new_timeline(tmp_path / "incidents", "me")
    for event in play.events:
        assert timeline.append(event)
    timeline.close()
    again = open_timeline(files.folder_of(tmp_path / "incidents", number), "me")
    assert (replay(again.events), again.read_only, again.notices) == (play.state, "", ())
    again.close()
    for path in [tmp_path / "incidents", *(tmp_path / "incidents").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_two_processes_that_open_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "0007").mkdir()
    assert [files.new_folder(tmp_path)[0] for _ in range(2)] == [8, 9]


def test_the_second_one_reads_only_and_hears_who_writes_row_108(tmp_path: Path) -> None:
    folder = kept(tmp_path, "one")
    first = open_timeline(folder, "ana, process 7")
    second = open_timeline(folder, "ben")
    assert "ana, process 7" in second.read_only
    assert texts(second) == ["one"]
    assert "ana" in files.is_held(folder)
    with pytest.raises(RuntimeError, match="read-only"):
        second.append(note("two"))
    second.close()
    assert first.append(note("two")), "closing the reader took nothing from the writer"
    first.close()
    assert files.is_held(folder) == ""
    third = open_timeline(folder, "ben")
    assert (third.read_only, texts(third)) == ("", ["one", "two"])
    third.close()


def test_a_torn_last_line_is_set_aside_and_said_row_107(tmp_path: Path) -> None:
    folder = kept(tmp_path, "one", "two")
    path = folder / files.TIMELINE
    torn = encode(3, note("three"))[:-9]
    path.write_bytes(path.read_bytes() + torn)
    reader = open_timeline(folder, "", write=False)
    assert "torn" in reader.notices[0]
    assert path.read_bytes().endswith(torn), "a reader changes nothing"
    writer = open_timeline(folder, "me")
    assert texts(writer) == ["one", "two"]
    assert "never acknowledged" in writer.notices[0]
    assert writer.append(note("three"))
    writer.close()
    (aside,) = folder.glob("torn-*")
    assert aside.read_bytes() == torn
    assert texts(open_timeline(folder, "", write=False)) == ["one", "two", "three"]


@settings(max_examples=60)
@given(cut=st.integers(0, 400), junk=st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")))
def test_wherever_it_is_torn_the_records_before_are_whole_row_107(cut: int, junk: bytes) -> None:
    lines = [encode(number, note(f"n{number}")) for number in (1, 2, 3)]
    data = b"".join(lines)
    cut = min(cut, len(data))
    found = scan(data[:cut] + junk)
    whole = data[:cut].count(b"\n")
    assert len(found.events) == whole
    assert not found.newer
    assert data[: found.good] == b"".join(lines[:whole])
    assert found.tail == (data[:cut] + junk)[found.good :]


@settings(max_examples=80)
@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_reader_row_107(data: bytes) -> None:
    found = scan(data)
    assert found.events == ()


@settings(max_examples=60)
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_is_never_taken_for_a_record_row_107(place: int, bit: int) -> None:
    events = [note(f"n{number}") for number in range(1, 5)]
    data = bytearray(b"".join(encode(number, event) for number, event in enumerate(events, 1)))
    data[place % len(data)] ^= 1 << bit
    found = scan(bytes(data))
    assert set(found.events) <= set(events)
    assert found.damage or found.tail or found.newer or list(found.events) == events


def test_a_damaged_line_in_between_makes_it_read_only_and_is_never_deleted_row_107(tmp_path: Path) -> None:
    folder = kept(tmp_path, "one", "two", "three")
    path = folder / files.TIMELINE
    damaged = path.read_bytes().replace(b'"two"', b'"TWO"')
    path.write_bytes(damaged)
    opened = open_timeline(folder, "me")
    assert "line 2 cannot be trusted" in opened.read_only
    assert texts(opened) == ["one", "three"]
    opened.close()
    assert path.read_bytes() == damaged
    aside, records = quarantine(folder, "me")
    assert (aside.read_bytes(), records) == (damaged, 2)
    mended = open_timeline(folder, "me")
    assert (mended.read_only, texts(mended)) == ("", ["one", "three"])
    assert mended.append(note("four"))
    mended.close()
    with pytest.raises(UnreadableFile, match="not damaged"):
        quarantine(folder, "me")


def test_a_newer_versions_records_are_left_alone_row_107(tmp_path: Path) -> None:
    folder = kept(tmp_path, "one")
    path = folder / files.TIMELINE
    line = json.loads(encode(2, note("two")))
    path.write_bytes(path.read_bytes() + json.dumps({**line, "v": 2}, separators=(",", ":")).encode() + b"\n")
    before = path.read_bytes()
    opened = open_timeline(folder, "me")
    assert "newer version" in opened.read_only
    assert texts(opened) == ["one"]
    opened.close()
    assert path.read_bytes() == before


def test_an_empty_file_is_an_incident_without_records_row_107(tmp_path: Path) -> None:
    folder = kept(tmp_path)
    opened = open_timeline(folder, "me")
    assert (opened.events, replay(opened.events).status) == ((), "none")
    opened.close()


def test_a_file_that_others_may_write_or_own_is_only_read_row_107(tmp_path: Path, monkeypatch: Any) -> None:
    folder = kept(tmp_path, "one")
    path = folder / files.TIMELINE
    path.chmod(0o666)
    opened = open_timeline(folder, "me")
    assert "others may write" in opened.read_only
    assert texts(opened) == ["one"]
    path.chmod(0o644)
    readable = open_timeline(folder, "me")
    assert readable.read_only == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    readable.close()
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert "another user" in open_timeline(folder, "me").read_only


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "nothing"])
def test_what_is_no_plain_file_is_refused_and_hangs_nobody_row_107(tmp_path: Path, kind: str) -> None:
    folder = kept(tmp_path, "one")
    path = folder / files.TIMELINE
    path.rename(folder / "elsewhere")
    {
        "link": lambda: path.symlink_to(folder / "elsewhere"),
        "fifo": lambda: os.mkfifo(path),
        "directory": path.mkdir,
        "nothing": lambda: None,
    }[kind]()
    with pytest.raises(UnreadableFile):
        open_timeline(folder, "me")
    assert files.is_held(folder) == "", "the lock is free again"


def test_a_disk_that_takes_a_part_is_asked_for_the_rest_row_106(tmp_path: Path, monkeypatch: Any) -> None:
    _, timeline = new_timeline(tmp_path, "me")
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda handle, data, offset: real(handle, data[:7], offset))
    assert timeline.append(note("in small pieces"))
    monkeypatch.undo()
    timeline.close()
    assert texts(open_timeline(timeline.folder, "", write=False)) == ["in small pieces"]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_what_a_full_disk_does_not_take_waits_in_order_with_its_evidence_row_106(
    tmp_path: Path, monkeypatch: Any, call: str
) -> None:
    _, timeline = new_timeline(tmp_path, "me")
    assert timeline.append(note("one"))
    length = (timeline.folder / files.TIMELINE).stat().st_size
    real = getattr(os, call)

    def full(handle: int, *rest: Any) -> int:
        if call == "pwrite":
            real(handle, rest[0][:5], rest[1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    evidence = timeline.describe("health", b'{"a":1}')
    assert not timeline.append(note("two"), (evidence, b'{"a":1}'))
    assert not timeline.append(note("three"))
    assert timeline.waiting == 2
    assert timeline.fault is not None
    assert "2 records wait" in timeline.fault.message
    assert (timeline.folder / files.TIMELINE).stat().st_size == length, "back at the last whole record"
    if call == "pwrite":
        assert timeline.read(evidence) == b'{"a":1}', "evidence that waits can be read"
    monkeypatch.undo()
    assert timeline.append(note("four"))
    assert (timeline.waiting, timeline.fault) == (0, None)
    timeline.close()
    again = open_timeline(timeline.folder, "", write=False)
    assert (texts(again), again.notices) == (["one", "two", "three", "four"], ())
    assert again.read(evidence) == b'{"a":1}'


def test_a_timeline_deleted_under_us_is_said_and_what_happens_waits_row_106(tmp_path: Path) -> None:
    _, timeline = new_timeline(tmp_path, "me")
    (timeline.folder / files.TIMELINE).unlink()
    assert not timeline.append(note("one"))
    assert timeline.fault is not None
    assert "deleted" in timeline.fault.message
    timeline.close()


def test_evidence_that_was_changed_or_lost_is_not_shown_as_what_was_recorded(tmp_path: Path) -> None:
    _, timeline = new_timeline(tmp_path, "me")
    evidence = timeline.describe("../../../etc/x\x1b", b"{}")
    assert evidence.name == "0001--etc-x-.json"
    assert timeline.append(note("one"), (evidence, b"{}"))
    path = timeline.folder / files.EVIDENCE / evidence.name
    path.write_bytes(b"[]")
    with pytest.raises(UnreadableFile, match="digest"):
        timeline.read(evidence)
    path.unlink()
    with pytest.raises(UnreadableFile):
        timeline.read(evidence)
    with pytest.raises(UnreadableFile, match="no file of this incident"):
        timeline.read(shapes.Evidence(name="../timeline.jsonl", sha256="", size=0))
    timeline.close()
