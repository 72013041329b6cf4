"""Which columns fit: nothing wider than the line, figures whole, the rest from the right."""

import pytest

from optimus_tui.wording.layout import GAP, Need, fitting_widths, is_figure, left_out


@pytest.mark.parametrize("width", [20, 40, 60, 80, 140])
def test_the_widths_never_exceed_the_line(width: int) -> None:
    needs = [Need(head=10, cells=cells, whole=cells < 10) for cells in (36, 8, 100, 6, 24)]
    widths = fitting_widths(needs, width)
    assert 1 <= len(widths) <= len(needs)
    assert sum(widths) + GAP * len(widths) <= width or len(widths) == 1


def test_heads_give_way_before_cells_and_figures_are_never_narrowed() -> None:
    assert fitting_widths([Need(4, 10), Need(30, 6, whole=True)], 30) == [10, 16]
    assert fitting_widths([Need(4, 60), Need(9, 24, whole=True)], 60) == [32, 24]
    assert fitting_widths([Need(4, 60), Need(9, 24, whole=True)], 40) == [38]
    assert fitting_widths([], 80) == [80]


def test_what_a_figure_is() -> None:
    for text in ("1,247", "–", "?", "never", "8.3 ms", "47 %", "<0.1 %", "4:17", "560 B", "2026-11-29T02:40:27.843Z"):
        assert is_figure(text), text
    for text in ("3448032109f3 0 keys", "acme", "", "12c3a7a1f641eb3b", "2 of 3 looks"):
        assert not is_figure(text), text
    assert left_out(("ttl", "limit")) == "not shown for want of room: ttl, limit"
