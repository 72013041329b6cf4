"""Lay out a line chart for a page and the columns of a table for a terminal. Pure."""

import math
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from optimus_tui.wording.numbers import clock, latency, percent, rate, size, thousands

CHART_WIDTH, CHART_HEIGHT, POINTS = 320, 64, 160
GAP_SECONDS = 90.0
Samples = Sequence[tuple[float, float]]

CHARTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "latency.gateway": ("Gateway", latency),
    "latency.engine": ("AI engine", latency),
    "latency.redis": ("Redis", latency),
    "hit_rate.gateway": ("Hit rate", percent),
    "cache.keys": ("Cache keys", lambda value: thousands(round(value))),
    "limits.counters": ("Rate-limit counters", lambda value: thousands(round(value))),
    "events.rate": ("Events", rate),
    "redis.memory": ("Redis memory", lambda value: size(round(value))),
}
"""By the series' name in the history: the chart's title and the format of its values."""
GAP = 2
"""Blanks between two columns."""
LEAST = 6
"""Heads are not cut below this many cells."""
FLOORS = (20, 14)
"""Cells that the first column and the others keep before columns are left out."""
WHOLE = 40
"""Cells up to which a column of figures is never narrowed, because half a number is a wrong number."""
_FIGURE = re.compile(
    r"[–?]|never|(?:over )?[<>≥≤≈+~-]{0,2} ?\d[\d.,:]*(?: ?(?:%|[A-Za-z]{1,3}))?(?:/\w{1,3})?|\d{4}-\d\d-\d\dT[\d:.]+Z"
)


class Chart(Struct, frozen=True):
    """One line chart: polylines (a gap begins a new one) and the labels beside it. ``marks``: x of marked moments."""

    title: str
    lines: tuple[str, ...]
    lowest: str
    highest: str
    latest: str
    span: str
    marks: tuple[float, ...] = ()
    top: str = ""
    """The label of the upper end of its axis; the lower end is 0."""
    first: str = ""
    last: str = ""
    """When the axis of time begins and ends."""


def chart(name: str, samples: Samples, moments: Sequence[float] = ()) -> Chart | None:
    """Return the chart of a series; None with fewer than two points. ``moments``: wall-clock seconds to mark.

    The axis starts at zero, so that noise does not look dramatic. A gap in the samples is a gap in the line.
    """
    title, words = CHARTS[name]
    kept = [(at, value) for at, value in samples if math.isfinite(at) and math.isfinite(value)]
    if len(kept) < 2 or kept[-1][0] <= kept[0][0]:
        return None
    low, high = min(v for _, v in kept), max(v for _, v in kept)
    first, last = kept[0][0], kept[-1][0]
    top = 1.1 * high or 1.0
    if name.startswith("hit_rate"):
        top = 1.0
    lines: list[list[str]] = [[]]
    before = first
    for at, value in _thinned(kept):
        if at - before > max(GAP_SECONDS, 3 * (last - first) / POINTS):
            lines.append([])
        x = (at - first) / (last - first) * CHART_WIDTH
        y = CHART_HEIGHT * (1 - max(0.0, min(1.0, value / top)))
        lines[-1].append(f"{x:.1f},{y:.1f}")
        before = at
    return Chart(
        title,
        tuple(" ".join(line) for line in lines if line),
        words(low),
        words(high),
        words(kept[-1][1]),
        f"{clock(first, dated=True)} to {clock(last)} UTC",
        tuple(round((at - first) / (last - first) * CHART_WIDTH, 1) for at in moments if first <= at <= last),
        words(top),
        clock(first, dated=True),
        clock(last, dated=True),
    )


def _thinned(samples: Samples) -> Samples:
    """Return at most two points (the lowest and the highest) of each stretch, so that peaks stay."""
    if len(samples) <= POINTS:
        return samples
    size_of = math.ceil(len(samples) / (POINTS / 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(samples), size_of):
        stretch = samples[start : start + size_of]
        ends = {min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])}
        kept += sorted(ends)
    return kept


class Need(Struct, frozen=True):
    """The needs of one column, in cells: its head on one line, its longest cell, and the narrowest its head may be."""

    head: int
    cells: int
    least_head: int = LEAST
    whole: bool = False
    """True if its cells are figures, so it is shown in full width or not at all."""


def fitting_widths(needs: Sequence[Need], width: int, gap: int = GAP) -> list[int]:
    """Return the widths of the first columns, as many as fit into ``width`` cells with ``gap`` blanks after each.

    Where the natural widths do not fit, heads are narrowed first, then long cells, then columns are dropped from the
    right. The first column always stays.

    The order of columns is their importance; the caller names below the table what was left out (``left_out``).
    """
    for shown in range(len(needs), 0, -1):
        columns = needs[:shown]
        widths = [max(one.head, one.cells) for one in columns]
        floors = [_floor(one, FLOORS[at > 0]) for at, one in enumerate(columns)]
        _give_way(widths, [max(one.cells, floor) for one, floor in zip(columns, floors, strict=True)], width, gap)
        _give_way(widths, floors, width, gap)
        if sum(widths) + gap * shown <= width:
            return widths
    return [max(LEAST, width)]


def is_figure(cell: str) -> bool:
    """Return True for a number with its unit, a time, and for the signs that replace an unknown one."""
    return _FIGURE.fullmatch(cell) is not None


def left_out(names: Sequence[str]) -> str:
    """Return the line that names the columns left out: ``not shown for want of room: ttl, limit``."""
    return f"not shown for want of room: {', '.join(names)}"


def _floor(one: Need, most: int) -> int:
    if one.whole:
        most = WHOLE
    cells = min(one.cells, most)
    return min(max(one.head, one.cells), max(one.least_head, cells))


def _give_way(widths: list[int], floors: Sequence[int], width: int, gap: int) -> None:
    """Reduce the column that is farthest above its floor until the line fits."""
    while sum(widths) + gap * len(widths) > width:
        spare = [one - floor for one, floor in zip(widths, floors, strict=True)]
        if max(spare) <= 0:
            return
        widths[spare.index(max(spare))] -= 1
