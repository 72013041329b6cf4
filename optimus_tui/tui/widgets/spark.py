"""Short histories and foreign names that keep their meaning in a narrow column."""

import math
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len

from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.table import fit_cell, fit_name
from optimus_tui.wording.safe import is_plain, safe_text

BLOCKS = "▁▂▃▅▇"
STEADY_SHARE = 3.0
"""Without a given top, a steady history stands at a third of the height, so that a spike has somewhere to go."""


def spark(
    values: Sequence[float | None],
    width: int,
    *,
    top: float | None = None,
    combine: Callable[[Iterable[float]], float] = max,
) -> str:
    """Exactly ``width`` cells, the newest value at the right. ``values`` are oldest first, 0 is the baseline.

    Where several values share a cell, ``combine`` says what stands for them (a spike of latency must not be averaged
    away: the largest). None, nan and infinities are gaps. ``top`` is the value of a full block.
    """
    if width <= 0:
        return ""
    cells = _cells(values, width, combine)
    known = sorted(value for value in cells if value is not None)
    if not known:
        return " " * width
    full = top if top is not None else max(known[-1], STEADY_SHARE * known[(len(known) - 1) // 2])
    return "".join(_block(value, full) for value in cells).rjust(width)


def _cells(
    values: Sequence[float | None], width: int, combine: Callable[[Iterable[float]], float]
) -> list[float | None]:
    each = max(1, -(-len(values) // width))
    cells: list[float | None] = []
    for end in range(len(values), 0, -each):
        known = [v for v in values[max(0, end - each) : end] if v is not None and math.isfinite(v)]
        cells.append(combine(known) if known else None)
    return cells[::-1]


def _block(value: float | None, full: float) -> str:
    if value is None:
        return " "
    if full <= 0:
        return BLOCKS[0]
    return BLOCKS[max(0, min(len(BLOCKS) - 1, int(value / full * len(BLOCKS))))]


ROOM_FOR_WORDS = 24
"""Cells from which the mark is written out."""


def mark_of(raw: bytes) -> tuple[str, str]:
    """Why a name may not be what it looks like, in full and short; two empty texts for a plain name."""
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "control", "ctl"
    if not is_plain(raw):
        return "non-ASCII", "≠A"
    if raw != raw.strip() or b"  " in raw:
        return "blanks", "␣"
    return "", ""


def name_pieces(raw: bytes, width: int, ink: str = "bright") -> list[Piece]:
    """The name and its mark, ``width`` cells in all."""
    text = safe_text(raw)
    word, short = mark_of(raw)
    if not word or width < 8:
        return [(fit_name(text, width), ink)]
    mark = word if width >= ROOM_FOR_WORDS else short
    room = width - cell_len(mark) - 1
    shown = fit_name(text, min(room, cell_len(text)))
    return [(shown, ink), (fit_cell(f" {mark}", width - cell_len(shown)), "warn")]
