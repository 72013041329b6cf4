"""A path in a toast: no name is broken."""

import pytest

from optimus_tui.tui.base_screen import path_lines, toast_text

PATH = "/home/operator/.local/state/optimus-tui/incidents/2026-11-29-demo-engine/"


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_path_is_broken_after_slashes_only(width: int) -> None:
    lines = path_lines(PATH, width).split("\n")
    assert "".join(lines) == PATH
    assert all(line.endswith("/") for line in lines)
    assert all(len(line) <= max(27, min(60, width // 2) - 3) for line in lines)


def test_a_name_longer_than_the_toast_stands_on_a_line_of_its_own() -> None:
    assert path_lines("/a/" + "x" * 90 + "/b", 80).split("\n") == ["/a/", "x" * 90 + "/", "b"]


def test_a_path_begins_on_a_line_of_its_own_and_a_hostile_one_is_escaped() -> None:
    assert toast_text("84 lines written to", "/srv/x.txt", 80) == "84 lines written to\n/srv/x.txt"
    assert toast_text("a\nb", None, 80) == "a\\nb"
    assert "\x1b" not in toast_text("written to", "/srv/\x1b[2J/x", 80)
