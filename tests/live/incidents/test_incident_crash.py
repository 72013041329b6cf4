"""Incidents outlive their process: kill -9 (row 105), a full disk at every record (row 106)."""

import random
from pathlib import Path

import pytest

from optimus_tui.contract.incident_events import NoteAdded
from optimus_tui.history import timeline as files
from optimus_tui.history.timeline import open_timeline
from tests.killing import child, kill_one
from tests.patience import PATIENCE

KILLS = 10


def test_kill_9_loses_no_acknowledged_record_and_the_next_start_offers_to_resume_row_105(tmp_path: Path) -> None:
    chance, acknowledged, lost = random.Random(105), 0, 0
    for number in range(KILLS):
        said, gone, _ = kill_one(tmp_path / str(number), chance)
        acknowledged, lost = acknowledged + said, lost + gone
    assert lost == 0
    assert acknowledged > KILLS


@pytest.mark.parametrize("limit", [2_600, 3_100, 4_500])
def test_a_disk_that_fills_up_loses_nothing_and_says_how_much_waits_row_106(tmp_path: Path, limit: int) -> None:
    process = child(tmp_path, 12, str(limit))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    lines = out.decode().splitlines()
    waiting = [line for line in lines if line.startswith("wait ")]
    assert waiting, "the limit was reached"
    full = next(line for line in lines if line.startswith("full "))
    assert full.split()[1] == str(len(waiting))
    assert "disk is full" in full
    assert lines[-1] == "end 0", "with room again everything is written"
    timeline = open_timeline(files.folder_of(tmp_path, 1), "next")
    kept = [int(one.text.split()[0]) for one in timeline.events if isinstance(one, NoteAdded)]
    timeline.close()
    assert kept == list(range(12))
    assert timeline.notices == ()
