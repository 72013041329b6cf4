"""The check of commit subjects that pre-commit runs."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

SCRIPT = Path(__file__).parents[2] / ".github" / "commit_subject.py"
_SPEC = importlib.util.spec_from_file_location("commit_subject", SCRIPT)
assert _SPEC is not None and _SPEC.loader is not None
commit_subject = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(commit_subject)


@pytest.mark.parametrize(
    "message",
    [
        "limits: count only live zset entries",
        "tests: pass the connector by its new name\n\nThe old name is gone.\n# Please enter the commit message\n",
        "\n# a comment first\ntui, cli: feed both from one table\n",
        "x: " + "keep " * 13 + "four",
        "Merge branch 'w-plain'",
        'Revert "limits: count only live zset entries"',
        "fixup! limits: counts of something",
        "docs: discuss what is untrusted",
        "demo: bring the engine back",
    ],
)
def test_good_subjects_pass(message: str) -> None:
    assert commit_subject.faults(message) == []


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("count only live zset entries", "form"),
        ("Limits: count only live entries", "form"),
        ("limits:count only live entries", "form"),
        ("limits: counts only live entries", "imperative"),
        ("limits: counted live entries", "imperative"),
        ("limits: counting live entries", "imperative"),
        ("limits: the live entries", "imperative"),
        ("limits: count only live entries.", "full stop"),
        ("limits: count live entries\nand more", "not empty"),
        ("x: " + "keep " * 13 + "five5", "73 characters"),
    ],
)
def test_bad_subjects_are_refused_with_the_reason(message: str, word: str) -> None:
    (fault,) = commit_subject.faults(message)
    assert word in fault


def test_the_script_says_by_its_exit_code_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "COMMIT_EDITMSG"
    for message, code in (("limits: count live entries\n", 0), ("limits: counts live entries\n", 1)):
        file.write_text(message, "utf-8")
        done = subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, timeout=PATIENCE)
        assert (done.returncode, bool(done.stderr)) == (code, code == 1)
    assert subprocess.run([sys.executable, SCRIPT], capture_output=True, timeout=PATIENCE).returncode == 2
