"""What is painted again of a line is what changed, and never less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.content import Content

from optimus_tui.tui.panes.base import changed_cells
from optimus_tui.tui.widgets.changes import changed_span

PIECES = st.lists(st.tuples(st.text("ab 界", max_size=4), st.sampled_from(["", "warn"])), max_size=5)


def test_a_countdown_is_painted_alone() -> None:
    row = [("acme      ", ""), ("chat ", "quiet"), ("4:05", "")]
    assert changed_span(row, [*row[:2], ("4:04", "")], 40) == (15, 4)
    assert changed_span([*row, (" ok", "ok")], [*row[:2], ("4:04", ""), (" ok", "ok")], 40) == (15, 4)
    assert changed_span(row, [*row[:2], ("12:04", "")], 40) == (15, 25)
    assert changed_span(row, row, 40)[1] <= 40 - 19


@given(PIECES, PIECES)
def test_no_cell_that_differs_is_left_out(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    width = 24
    begin, cells = changed_span(before, after, width)
    old, new = drawn(before, width), drawn(after, width)
    assert [at for at in range(width) if old[at] != new[at] and not begin <= at < begin + cells] == []


def drawn(pieces: list[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    from rich.cells import cell_len

    cells = [(letter, style) for text, style in pieces for letter in text for _ in range(cell_len(letter))]
    return [*cells, *[(" ", "")] * width][:width]


@pytest.mark.parametrize(
    ("before", "after", "cells"),
    [
        ("as of 19:17:41 (0.5 s)", "as of 19:17:41 (0.5 s)", (0, 0)),
        ("as of 19:17:41 (0.5 s)", "as of 19:17:42 (0.7 s)", (13, 25)),
        ("as of 19:17:41 (9.5 s)", "as of 19:17:41 (10 s)", (0, 60)),
        ("as of 19:17:41 (10 s)", "as of 19:17:41 (101 s)", (0, 60)),
    ],
)
def test_of_an_edge_the_words_that_changed_are_painted(before: str, after: str, cells: tuple[int, int]) -> None:
    assert changed_cells(Content(before), Content(after), 60) == cells
