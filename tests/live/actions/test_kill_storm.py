"""A part of the kill storm (``python -m tests.kill_storm``): nothing lost, nothing of others touched.

Actions are killed in ``test_actions_faults.py``.
"""

from pathlib import Path

from tests.amounts import amount
from tests.kill_storm import in_files, in_incidents, judge

KILLS = amount(8, 20)


def test_kills_of_an_incident_lose_no_acknowledged_record_row_105(tmp_path: Path) -> None:
    seen = in_incidents(tmp_path, KILLS, seed=2)
    assert judge(seen) and seen["acknowledged"] > KILLS, seen


def test_kills_of_a_writer_leave_all_files_or_none_row_99(tmp_path: Path) -> None:
    seen = in_files(tmp_path, KILLS, seed=2)
    assert judge(seen) and seen["finished or taken back by the next run"], seen
