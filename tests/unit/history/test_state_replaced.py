"""State that is replaced under us is noticed: a timeline, the undo journal. And threads that hold nobody up."""

import asyncio
import os
import shutil
import threading
from pathlib import Path

import pytest

from optimus_tui.actions.files import changes
from optimus_tui.actions.files.changes import apply_changes, plan_files, undo_last
from optimus_tui.actions.files.tree import WriteRefused
from optimus_tui.actions.redis.identity import where_of
from optimus_tui.actions.redis.recipe import LatencyGuard
from optimus_tui.contract.actions import Refusal
from optimus_tui.contract.incident import Stamp
from optimus_tui.contract.incident_events import NoteAdded
from optimus_tui.history import timeline as incident_files
from optimus_tui.history.timeline import new_timeline, open_timeline
from optimus_tui.settings.model import Settings
from optimus_tui.threads import DaemonThreads, Unanswered, within


def note(text: str) -> NoteAdded:
    return NoteAdded(at=Stamp(1.0), text=text)


@pytest.mark.parametrize("harm", ["deleted", "renamed", "another file", "truncated", "cut", "changed"])
def test_a_timeline_that_is_replaced_keeps_its_records_in_memory_until_it_is_put_back(
    tmp_path: Path, harm: str
) -> None:
    number, timeline = new_timeline(tmp_path, "tester")
    path = incident_files.folder_of(tmp_path, number) / incident_files.TIMELINE
    for index in range(3):
        assert timeline.append(note(f"before {index}"))
    backup, whole = path.with_name("backup"), path.read_bytes()
    if harm in ("deleted", "renamed", "another file"):
        path.rename(backup)
    if harm == "another file":
        shutil.copy(backup, path)
    elif harm == "truncated":
        os.truncate(path, 0)
    elif harm == "cut":
        os.truncate(path, len(whole) - 20)
    elif harm == "changed":
        path.write_bytes(whole[:-20] + b"x" * 20)
    assert not timeline.append(note("after"))
    assert timeline.fault is not None and "put" in timeline.fault.message and timeline.waiting == 1
    if harm in ("deleted", "renamed", "another file"):
        backup.rename(path)
    else:
        path.write_bytes(whole)
    assert timeline.append(note("later")) and timeline.waiting == 0 and timeline.fault is None
    timeline.close()
    again = open_timeline(path.parent, "tester", write=False)
    texts = [one.text for one in again.events if isinstance(one, NoteAdded)]
    assert texts == ["before 0", "before 1", "before 2", "after", "later"]


@pytest.mark.parametrize("harm", ["damaged", "directory", "pipe"])
def test_an_undo_entry_that_cannot_be_read_is_said_and_nothing_older_is_undone(tmp_path: Path, harm: str) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    apply_changes(root, plan_files(root, [("a.py", b"1")]), "first", state)
    apply_changes(root, plan_files(root, [("b.py", b"1")]), "second", state)
    last = sorted(state.rglob("*.json"))[-1]
    if harm == "damaged":
        last.write_bytes(b"{")
    else:
        last.unlink()
        last.mkdir() if harm == "directory" else os.mkfifo(last)
    with pytest.raises(WriteRefused, match="undo journal cannot be read"):
        undo_last(root, state)
    assert (root / "a.py").exists() and (root / "b.py").exists()


def test_a_journal_that_vanishes_half_way_leaves_nothing_that_cannot_be_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    (root / "a.py").write_text("before")
    real = changes._swap

    def swap(*words: object) -> None:
        real(*words)  # type: ignore[arg-type]
        shutil.rmtree(state)

    monkeypatch.setattr(changes, "_swap", swap)
    with pytest.raises(WriteRefused, match="nothing is written"):
        apply_changes(root, plan_files(root, [("a.py", b"after")]), "a test", state)
    assert (root / "a.py").read_text() == "before"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": "master"},
        {"run_id": "", "role": "master"},
        {"run_id": "x" * 40, "role": "master"},
        {"run_id": "a" * 39, "role": "master"},
        {"run_id": "a" * 40, "role": "banana"},
        {"run_id": "a" * 40, "role": "MASTER\x1b[2J"},
    ],
)
def test_info_that_makes_no_sense_is_refused_in_words(fields: dict[str, str]) -> None:
    answer = where_of(Settings(), fields)
    assert isinstance(answer, Refusal) and answer.code == "no right" and answer.message.isprintable()
    assert not isinstance(where_of(Settings(), {"run_id": "a" * 40, "role": "master"}), Refusal)


def test_the_latency_guard_prints_the_figure_it_compared() -> None:
    guard = LatencyGuard([0.3] * 20)
    said = [guard.took(ms) for ms in [0.4] * 5 + [31.0] * 5]
    assert said[:5] == [None] * 5
    stopped = next(one for one in said if one)
    assert "takes 31 ms, above the limit of 5.3 ms" in stopped and "before the action it took 0.3 ms" in stopped
    assert guard.is_slow(guard.limit_ms + 0.01) and not guard.is_slow(guard.limit_ms)


def test_work_that_hangs_is_left_behind_by_loop_and_interpreter() -> None:
    go, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go.wait(30)

    async def main() -> None:
        asyncio.get_running_loop().set_default_executor(DaemonThreads())
        assert await asyncio.to_thread(lambda: 7) == 7
        task = asyncio.ensure_future(asyncio.to_thread(hang))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()

    asyncio.run(main())
    with pytest.raises(Unanswered):
        within(0.1, lambda: go.wait(30), "test")
    assert not go.is_set(), "nobody waited for what hangs"
    go.set()
    assert all(one.daemon for one in threading.enumerate() if one is not threading.main_thread())
    go.set()
