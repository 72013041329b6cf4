"""Which cells of a line look different: a countdown changes eight cells of a row, and each one costs bytes."""

from collections.abc import Sequence

from rich.cells import cell_len

from optimus_tui.tui.theme import Piece


def changed_span(before: Sequence[Piece], after: Sequence[Piece], width: int) -> tuple[int, int]:
    """Return the first cell and the number of cells to paint again, in a line of ``width`` cells."""
    left = _same(before, after)
    begin = sum(cell_len(text) for text, _ in after[:left])
    rests = before[left:], after[left:]
    if _cells(rests[0]) != _cells(rests[1]):
        return min(begin, width), max(0, width - begin)
    right = _same(rests[0][::-1], rests[1][::-1])
    end = begin + _cells(rests[1][: len(rests[1]) - right])
    return min(begin, width), max(0, min(end, width) - begin)


def _same(before: Sequence[Piece], after: Sequence[Piece]) -> int:
    """Return how many pieces are the same from the beginning on."""
    count = 0
    for one, other in zip(before, after, strict=False):
        if one != other:
            break
        count += 1
    return count


def _cells(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)
