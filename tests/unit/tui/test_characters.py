"""Which locales show more than ASCII, and what stands in for the rest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from optimus_tui.tui.characters import AsciiFilter, ascii_only, in_ascii, start_environment


@pytest.mark.parametrize(
    ("environment", "whole"),
    [
        ({"LANG": "C.UTF-8"}, True), ({"LANG": "en_US.utf8"}, True), ({"LC_CTYPE": "UTF-8"}, True),
        ({"LC_ALL": "", "LC_CTYPE": "", "LANG": "de_DE.UTF-8@euro"}, True), ({"LC_ALL": "C.UTF-8", "LANG": "C"}, True),
        ({}, False), ({"LANG": "C"}, False), ({"LC_ALL": "POSIX", "LANG": "C.UTF-8"}, False),
        ({"LANG": "en_US"}, False), ({"LC_CTYPE": "C", "LANG": "C.UTF-8"}, False), ({"LANG": "ja_JP.eucJP"}, False),
        ({"LANG": "x\x1b[2J"}, False),
    ],
)  # fmt: skip
def test_the_first_variable_that_is_set_decides_by_its_character_map(environment: dict[str, str], whole: bool) -> None:
    sentence = ascii_only(environment)
    assert (not sentence) == whole
    assert whole or "LC_ALL=C.UTF-8" in sentence
    assert sentence.isascii()
    assert sentence.isprintable()


@pytest.mark.parametrize("path", ["/proc/self/environ", "/nowhere/environ"])
def test_what_python_sets_by_itself_is_not_taken_for_the_users(path: str, tmp_path: Path) -> None:
    code = f"from optimus_tui.tui.characters import *; print(ascii_only(start_environment({path!r})))"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}

    def sentence(**more: str) -> str:
        argv = [sys.executable, "-c", code]
        return subprocess.run(argv, env={**bare, **more}, capture_output=True, text=True, check=True).stdout.strip()

    assert "no locale is set" in sentence()
    assert "LANG=C has" in sentence(LANG="C")
    assert sentence(LANG="C", LC_CTYPE="C.UTF-8") == ""
    assert sentence(LC_ALL="C.UTF-8") == ""


def test_every_stand_in_has_the_cells_of_what_it_stands_for() -> None:
    text = "╭─ 1 Health ▲ ≥ 3 … ▁▃▅▇ 你好 é e\u0301 ✖ café ─╮"
    drawn = in_ascii(text)
    assert drawn.isascii()
    assert len(drawn) == cell_len(text)
    assert drawn.startswith("+- 1 Health ^ > 3 ~ _-=# ???? ")


def test_the_filter_leaves_control_segments_and_ascii_alone() -> None:
    lines, background = [Segment("abc"), Segment("d")], Color(0, 0, 0)
    assert AsciiFilter().apply(lines, background) is lines
    control = Segment("▲", None, [(1,)])  # type: ignore[list-item]
    assert AsciiFilter().apply([control, Segment("▲")], background) == [control, Segment("^")]


def test_the_start_environment_is_a_mapping_of_texts() -> None:
    assert start_environment()["PATH"]
