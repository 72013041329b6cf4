"""A short history as one line of blocks: the shape of ten minutes in ten cells.

It invents nothing: where there is no value there is a blank, and a new history grows in from the right. It is not an
axis: the figures beside it carry the numbers.
"""

import math
from collections.abc import Callable, Iterable, Sequence

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
