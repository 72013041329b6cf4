"""Debian's logrotate takes the audit in the middle of its use: the sentence names a way on that works."""

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.history.audit.chain import verify
from optimus_tui.history.audit.log import AuditLog, AuditUnwritable
from tests.fixed_clock import FixedClock
from tests.patience import PATIENCE

OPTIONS = ["", "create 0600", "copytruncate", "dateext", "compress", "compress\ncopytruncate", "olddir {folder}/old"]
OPTIONS += ["compress\ndelaycompress", "compress\ndateext", "compress\nolddir {folder}/old"]


@pytest.fixture
def logrotate() -> str:
    found = shutil.which("logrotate") or shutil.which("logrotate", path="/usr/sbin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no logrotate on this machine")
        pytest.skip("no logrotate on this machine")
    return found


def rotated_by(logrotate: str, folder: Path, options: str) -> None:
    (folder / "old").mkdir(mode=0o700)
    rule = f"{folder}/audit.jsonl {{\nrotate 5\n{options.format(folder=folder)}\n}}\n"
    (folder / "rule.conf").write_text(rule)
    (folder / "rule.conf").chmod(0o600)
    words = [logrotate, "--force", "--state", str(folder / "logrotate.state"), str(folder / "rule.conf")]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE)


def unpack(place: Path, folder: Path) -> None:
    (folder / place.stem).write_bytes(gzip.decompress(place.read_bytes()))


def follow(sentence: str, folder: Path) -> None:
    """Do what the sentence says, as somebody who has read nothing else."""
    if "compressed in" in sentence:
        unpack(Path(sentence.partition("compressed in ")[2].partition(":")[0]), folder)
    elif "olddir" in sentence:
        (taken,) = (folder / "old").iterdir()
        assert f"put that file, unpacked, into {folder}" in sentence
        if taken.suffix == ".gz":
            unpack(taken, folder)
        else:
            taken.rename(folder / taken.name)
    assert "optimus-tui audit rotate" in sentence
    assert run(["audit", "rotate", "--state", str(folder)]) == 0


@pytest.mark.parametrize("options", OPTIONS)
def test_what_logrotate_took_is_named_and_can_be_taken_over(
    options: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], logrotate: str
) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    log = AuditLog(folder, FixedClock())
    for _ in range(20):
        log.append("planned")
    rotated_by(logrotate, folder, options)
    with pytest.raises(AuditUnwritable) as refused:
        log.append("intent")
    assert run(["audit", "verify", "--state", str(folder)]) == 1
    told = capsys.readouterr().err
    follow(refused.value.remedy, folder)
    assert "audit rotate" in told, "verify names the same way on"
    log.append("done")
    log.close()
    assert verify(folder / "audit.jsonl").problem is None
    assert verify(folder / "audit.jsonl").records == 22


def test_a_bomb_that_is_named_like_the_audit_is_not_unpacked(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, FixedClock())
    log.append("planned")
    (tmp_path / "audit.jsonl").unlink()
    (tmp_path / "audit.jsonl.1.gz").write_bytes(gzip.compress(bytes(1 << 26)))
    with pytest.raises(AuditUnwritable, match="compressed in"):
        log.append("intent")
    with pytest.raises(AuditUnwritable):
        log.rotate("asked for")
    log.close()
