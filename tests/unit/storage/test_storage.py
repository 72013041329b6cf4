"""Private files: whole records or none, never through a link, and what is damaged is kept under a name of its own."""

import errno
import os
import stat
from pathlib import Path

import pytest

from optimus_tui.storage.append_log import AppendLog, keep_aside, set_aside
from optimus_tui.storage.private_file import (
    PrivateFile,
    UnreadableFile,
    create,
    distrust,
    put_in_place,
    try_lock,
    user_name,
    writer,
)


def full_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_record_whose_confirmation_fails_is_removed_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    with AppendLog.open(tmp_path / "log", os.O_RDWR | os.O_CREAT) as log:
        log.append(b"one\n")
        with pytest.raises(OSError, match="No space"):
            log.append(b"two\n", confirm=full_disk)
        assert log.path.read_bytes() == b"one\n" and log.good == 4
        log.append(b"three\n")
        assert log.path.read_bytes() == b"one\nthree\n"


def test_what_is_torn_is_cut_off_and_what_came_before_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    with AppendLog.open(path) as log:
        log.resume(4)
        assert log.torn(100) == b"tw"
        log.cut()
        log.append(b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


@pytest.mark.parametrize("harm", ["deleted", "replaced", "cut", "changed"])
def test_nothing_is_appended_to_a_file_that_is_not_as_it_was_left(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "log"
    with AppendLog.open(path, os.O_RDWR | os.O_CREAT) as log:
        log.append(b"one\n")
        if harm in ("deleted", "replaced"):
            path.unlink()
        if harm != "deleted":
            path.write_bytes({"cut": b"on", "changed": b"two\n"}.get(harm, b"one\n"))
        with pytest.raises(OSError, match="put"):
            log.append(b"two\n")


def test_a_file_is_replaced_whole_or_not_at_all_and_only_its_owner_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    put_in_place(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    monkeypatch.setattr(os, "fsync", lambda handle: full_disk())
    with pytest.raises(OSError, match="No space"):
        put_in_place(path, b"two")
    assert path.read_bytes() == b"one" and os.listdir(tmp_path) == ["file"]


def test_a_file_that_is_created_locked_cannot_be_locked_by_another(tmp_path: Path) -> None:
    with create(tmp_path / "file", b"one", locked=True), PrivateFile.open(tmp_path / "file") as other:
        assert not try_lock(other.handle) and not try_lock(other.handle, shared=True)
    with PrivateFile.open(tmp_path / "file") as other:
        assert try_lock(other.handle)


def test_a_link_is_replaced_but_never_opened(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_text("somebody else's")
    path.symlink_to(victim)
    with pytest.raises(UnreadableFile, match="is a link, not a regular file"):
        PrivateFile.open(path)
    with pytest.raises(FileExistsError):
        PrivateFile.new(path)
    put_in_place(path, b"ours")
    assert victim.read_text() == "somebody else's" and not path.is_symlink()


def test_an_error_keeps_the_systems_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(UnreadableFile, match="file cannot be written: Permission denied") as caught:
        PrivateFile.open(tmp_path / "file")
    assert caught.value.errno == errno.EACCES


def test_a_file_that_others_may_write_is_distrusted(tmp_path: Path) -> None:
    put_in_place(tmp_path / "file", b"")
    assert distrust((tmp_path / "file").stat()) == ""
    (tmp_path / "file").chmod(0o620)
    assert "others may write its file (mode 0620)" in distrust((tmp_path / "file").stat())


def test_only_a_damaged_file_is_set_aside_with_what_belongs_to_it_and_the_newest_two_are_kept(tmp_path: Path) -> None:
    path, moved = tmp_path / "file", list[Path]()
    assert set_aside(path, lambda _: False) is None, "there is none"
    for turn in range(4):
        path.write_text(f"damaged {turn}")
        (tmp_path / "file-log").write_text(f"log {turn}")
        assert set_aside(path, lambda _: True, ("-log",)) is None and path.exists()
        aside = set_aside(path, lambda _: False, ("-log",))
        assert aside is not None and not path.exists() and not (tmp_path / "file-log").exists()
        moved.append(aside.rename(aside.with_name(f"file.damaged-{turn}")))
        Path(f"{aside}-log").rename(f"{moved[-1]}-log")
        os.utime(moved[-1], (turn, turn))
    left = {one.name for one in tmp_path.glob("file.damaged-*")}
    assert {"file.damaged-3", "file.damaged-3-log", "file.damaged-2"} <= left and "file.damaged-0" not in left


def test_what_is_kept_aside_twice_has_two_names(tmp_path: Path) -> None:
    first, second = keep_aside(tmp_path, "torn", b"1"), keep_aside(tmp_path, "torn", b"2")
    assert first != second and (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_123_456)
    assert user_name() == "uid 4123456" and writer().startswith(f"uid 4123456, process {os.getpid()} on ")


def test_two_damaged_files_of_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "samples.sqlite"
    kept = []
    for content in (b"first", b"second"):
        path.write_bytes(content)
        kept.append(set_aside(path, lambda _: False))
    assert [one.read_bytes() for one in kept if one is not None] == [b"first", b"second"]
