"""Figures that keep their meaning in a narrow column, and sentences that wrap. A number is shortened, never cut.

All text that comes here is safe already (``wording.safe``); widths are terminal cells.

Short histories and foreign names that keep their meaning in a narrow column.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence

from rich.cells import cell_len, chop_cells

from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.table import fit_cell, fit_name
from optimus_tui.wording.numbers import compact, percent_number, thousands
from optimus_tui.wording.safe import is_plain, safe_text

_BREAK = re.compile(r" (?!(?:%|ms|s|min|h|[KMG]?B)(?:[\s).,;:]|$))")
"""A blank where a line may end: not one between a number and its unit."""


def fit_count(count: int | None, width: int) -> str:
    """``1,247``, else ``41k``, else ``9e18``: the most exact of these that ``width`` cells hold."""
    for text in (thousands(count), compact(count)):
        if len(text) <= width:
            return text
    return _power(count or 0)


def fit_percent(share: float | None, width: int) -> str:
    """A share (1.0 = full) as a bare number of percent, shortened like a count; ``?`` when unknown."""
    text = percent_number(share)
    if len(text) <= width or share is None:
        return text
    return fit_count(math.floor(share * 100), width)


def _power(count: int) -> str:
    """``9e18``: cut, not rounded, as the other figures are."""
    digits = str(abs(count))
    return f"{'-' if count < 0 else ''}{digits[0]}e{len(digits) - 1}"


def wrap(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells: broken between words, never before a unit."""
    lines: list[str] = []
    line = ""
    for word in _BREAK.split(text):
        for part in chop_cells(word, max(2, width)) if cell_len(word) > width else [word]:
            candidate = f"{line} {part}" if line else part
            if cell_len(candidate) <= width:
                line = candidate
            else:
                lines.append(line)
                line = part
    return [*lines, line]


def as_many_as_fit(parts: Sequence[str], width: int, joint: str = " · ") -> str:
    """The first parts that fit into ``width`` cells, joined; the first one always, cut by nobody here."""
    line = ""
    for part in parts:
        candidate = f"{line}{joint}{part}" if line else part
        if line and cell_len(candidate) > width:
            break
        line = candidate
    return line


def first_that_fits(forms: Sequence[str], width: int) -> str:
    """The first of these wordings, the longer first, that ``width`` cells hold; else the last."""
    return next((form for form in forms if cell_len(form) <= width), forms[-1])


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
