"""An audit that somebody else owns is refused, and one that others may read is closed to them."""

import os
from pathlib import Path

import pytest

from optimus_tui.history.audit.chain import FILE
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import AuditLog


def test_a_file_that_others_may_read_becomes_private_with_the_next_record(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("armed")
    (tmp_path / FILE).chmod(0o644)
    log.close()
    log.append("disarmed")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    log.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_takes_no_record(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    log.append("armed")
    log.close()
    before = (tmp_path / FILE).read_bytes()
    os.chown(tmp_path / FILE, 1, 1)
    with pytest.raises(AuditUnwritable, match="not an audit of Optimus TUI"):
        log.append("disarmed")
    assert (tmp_path / FILE).read_bytes() == before
