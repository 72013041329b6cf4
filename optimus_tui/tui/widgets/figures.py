"""Figures that keep their meaning in a narrow column, and sentences that wrap. A number is shortened, never cut.

All text that comes here is safe already (``wording.safe``); widths are terminal cells.
"""

import math
import re
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

from optimus_tui.wording.numbers import compact, percent_number, thousands

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
