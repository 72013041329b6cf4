"""What is said to be kept is on the disk before anything goes on: seen from the file layer, after a power cut.

The disk of ``tests.forgetful`` keeps only what was synced. A server's relay looks at it before each command is let on.
"""

import json
import os
import socket
from pathlib import Path

import pytest

from optimus_tui.actions.files import changes
from optimus_tui.actions.files.changes import apply_changes, plan_files
from optimus_tui.contract.incident import Stamp
from optimus_tui.contract.incident_events import NoteAdded
from optimus_tui.history import timeline as incident_files
from optimus_tui.history.audit.chain import Head, _decoded
from optimus_tui.history.audit.log import AuditLog, unquoted
from optimus_tui.history.timeline import new_timeline, scan
from optimus_tui.storage import append_log
from tests.forgetful import ForgetfulDisk, forgetful
from tests.live.actions.driver import CALM, armed, carried_out, number, planned, put
from tests.live.probes.tap import Tap, _Recording
from tests.realserver import RealServer


def records_after_a_power_cut(disk: ForgetfulDisk, folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in disk.after_power_cut(folder / "audit.jsonl").splitlines()]


class Judge(Tap):
    """Before a write is let on to the server: would its intent, and the plan, outlive a power cut?"""

    def __init__(self, port: int, disk: ForgetfulDisk, folder: Path) -> None:
        self.disk, self.folder = disk, folder
        self.judged, self.unheard = 0, list[bytes]()
        super().__init__(port)

    def look(self, words: list[bytes]) -> None:
        name = words[0].upper()
        if name not in (b"UNLINK", b"PUBLISH", b"EXPIRE") or words[1].startswith(b"optimus:lock:"):
            return
        self.judged += 1
        records = records_after_a_power_cut(self.disk, self.folder)
        if name == b"PUBLISH":
            heard = any(one["event"] == "publishing" for one in records)
        else:
            keys = [key for one in records if one["event"] == "intent" for key in one["keys"]]  # type: ignore[attr-defined]
            heard = words[1] in [unquoted(key) for key in keys]
        (plan,) = (self.folder / "actions").glob("*.plan")
        if not heard or not self.disk.after_power_cut(plan):
            self.unheard.append(words[1])

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        if getattr(source, "_judge", None) is None and sink.getpeername()[1] == self._far:
            source = _Judged(source, self)  # type: ignore[assignment]
        super()._pump(source, sink)


class _Judged(_Recording):
    def __init__(self, source: socket.socket, judge: Judge) -> None:
        super().__init__(source, [])
        self._judge = judge

    def recv(self, size: int) -> bytes:
        data = super().recv(size)
        for words in self._commands:
            self._judge.look(words)
        self._commands.clear()
        return data


@pytest.mark.parametrize("kind", ["invalidate_tenant", "unlink_no_ttl"])
async def test_no_write_leaves_before_its_intent_and_its_plan_would_outlive_a_power_cut(
    server: RealServer, tmp_path: Path, kind: str
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(250)))
    with forgetful() as disk:
        judge = Judge(server.port, disk, tmp_path)
        try:
            async with armed(judge.port, tmp_path, tuning=CALM) as action_service:
                receipt = await carried_out(action_service, await planned(action_service, kind))
        finally:
            judge.stop()
        assert receipt.verified and judge.judged >= 250 and judge.unheard == []
        left = [one["event"] for one in records_after_a_power_cut(disk, tmp_path)]
        assert left[-2:] == ["closed", "disarmed"], "what was acknowledged is there after a power cut"
        assert disk.after_power_cut(next((tmp_path / "actions").glob("*.receipt")))
    assert number(server, "DBSIZE") == 0


def test_an_acknowledged_audit_record_and_its_head_outlive_a_power_cut_and_the_head_is_never_ahead(
    tmp_path: Path,
) -> None:
    ahead: list[tuple[int, int]] = []
    with forgetful() as disk:

        def heads() -> list[Head]:
            kept = disk.after_power_cut(tmp_path / "audit.head")
            return [one for one in (_decoded(kept[:512]), _decoded(kept[512:])) if one is not None]

        def look(path: str) -> None:
            records = records_after_a_power_cut(disk, tmp_path)
            newest = max((one.seq for one in heads()), default=0)
            if newest > len(records):
                ahead.append((newest, len(records)))

        disk.synced = look
        log = AuditLog(tmp_path)
        for number_ in range(1, 20):
            assert log.append("armed").seq == number_
            assert len(records_after_a_power_cut(disk, tmp_path)) == number_
            assert max(one.seq for one in heads()) == number_
    assert ahead == []


def test_an_acknowledged_record_of_a_timeline_and_its_evidence_outlive_a_power_cut(tmp_path: Path) -> None:
    with forgetful() as disk:
        number_, timeline = new_timeline(tmp_path, "tester")
        folder = incident_files.folder_of(tmp_path, number_)
        for index in range(10):
            kept = timeline.describe("pin", b"[%d]" % index)
            assert timeline.append(NoteAdded(at=Stamp(float(index)), text=f"{index}"), (kept, b"[%d]" % index))
            left = scan(disk.after_power_cut(folder / incident_files.TIMELINE))
            assert [one.text for one in left.events if isinstance(one, NoteAdded)][-1] == f"{index}"
            assert disk.after_power_cut(folder / incident_files.EVIDENCE / kept.name) == b"[%d]" % index
        timeline.close()


def test_no_file_takes_its_place_before_it_and_its_undo_would_outlive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state = tmp_path / "project", tmp_path / "state"
    root.mkdir()
    (root / "a.py").write_text("before")
    real, seen = changes._swap, list[tuple[bytes, bool]]()
    with forgetful() as disk:

        def swap(handle: int, name: str, staged: str, change: changes.FileChange) -> None:
            (entry,) = state.rglob("*.json")
            seen.append((disk.after_power_cut(root / staged), b"committing" in disk.after_power_cut(entry)))
            real(handle, name, staged, change)

        monkeypatch.setattr(changes, "_swap", swap)
        apply_changes(root, plan_files(root, [("a.py", b"after"), ("b.py", b"new")]), "a test", state)
    assert seen == [(b"after", True), (b"new", True)]


@pytest.mark.parametrize("kind", ["a file", "a hard link", "a link"])
def test_a_name_that_is_taken_already_is_never_written_through(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state, victim = tmp_path / "project", tmp_path / "state", tmp_path / "victim"
    root.mkdir()
    victim.write_text("somebody else's, and longer than what is new")
    monkeypatch.setattr(changes.UndoJournal, "new_id", lambda self: "0-known")
    taken = root / ".b.py.0-known.tmp"
    if kind == "a file":
        taken.write_text("mine")
    elif kind == "a link":
        taken.symlink_to(victim)
    else:
        os.link(victim, taken)
    with pytest.raises(FileExistsError):
        apply_changes(root, plan_files(root, [("b.py", b"new")]), "a test", state)
    assert victim.read_text() == "somebody else's, and longer than what is new"
    assert not (root / "b.py").exists()


@pytest.mark.parametrize("kind", ["a file", "a hard link"])
def test_what_is_kept_aside_never_takes_the_place_of_another(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append_log.time, "strftime", lambda *_: "T")  # type: ignore[attr-defined]
    victim = tmp_path / "victim"
    victim.write_text("somebody else's")
    taken = tmp_path / f"torn-T-{os.getpid()}"
    taken.write_text("mine") if kind == "a file" else os.link(victim, taken)
    before = taken.read_text()
    kept = append_log.keep_aside(tmp_path, "torn", b"xyz")
    assert kept != taken and kept.read_bytes() == b"xyz" and taken.read_text() == before
    assert victim.read_text() == "somebody else's"
