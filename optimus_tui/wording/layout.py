"""Lay out a line chart for a page and the columns of a table for a terminal. Pure."""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import Struct

from optimus_tui.wording.numbers import clock, latency, percent, rate, size, thousands

CHART_WIDTH, CHART_HEIGHT, POINTS = 320, 64, 160
TEXT_WIDTH, TEXT_ROWS = 60, 6
"""Cells and lines of a chart that is drawn as text."""
LETTER_WIDTH = 8.0
"""The letter of a mark needs this much of the chart's width."""
GAP_SECONDS, HALF_A_DAY = 90.0, 43_200.0
MOST_ABOVE = 4.0
"""A threshold this many times above everything measured is named, but not drawn: it would flatten the line."""
Samples = Sequence[tuple[float, float]]

CHARTS: dict[str, tuple[str, Callable[[float], str]]] = {
    "latency.gateway": ("Latency of the gateway", latency),
    "latency.engine": ("Latency of the AI engine", latency),
    "latency.redis": ("Latency of Redis", latency),
    "hit_rate.gateway": ("Cache hit rate", percent),
    "cache.keys": ("Cache keys", lambda value: thousands(round(value))),
    "limits.counters": ("Rate-limit counters", lambda value: thousands(round(value))),
    "events.rate": ("Coherence events", rate),
    "redis.memory": ("Memory of Redis", lambda value: size(round(value))),
}
"""By the series' name in the history: the chart's title and the format of its values, with their unit."""
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


class Moment(NamedTuple):
    """An event for a chart: its wall-clock seconds, its letter in charts, and what it was."""

    at: float
    letter: str
    words: str


class Chart(Struct, frozen=True):
    """One line chart with its axes, once as coordinates and once drawn as text.

    Attributes:
        title: The name of what is shown.
        lines: Polylines; a gap in the samples begins a new one.
        lowest: The lowest value with its unit.
        highest: The highest value with its unit.
        latest: The last value with its unit.
        span: The time that the chart covers.
        scale: The labels of the vertical axis with their heights, the top first.
        times: The labels of the time axis with their places.
        limit: The height of the threshold, if it is drawn.
        limit_words: The threshold in words; empty for none.
        marks: The places of marked moments with their letters.
        text: The same chart in lines of text.
    """

    title: str
    lines: tuple[str, ...]
    lowest: str
    highest: str
    latest: str
    span: str
    scale: tuple[tuple[float, str], ...] = ()
    times: tuple[tuple[float, str], ...] = ()
    limit: float | None = None
    limit_words: str = ""
    marks: tuple[tuple[float, str], ...] = ()
    text: str = ""


def chart(
    name: str, samples: Samples, moments: Sequence[Moment] = (), threshold: float | None = None, over: bool = True
) -> Chart | None:
    """Return the chart of a series; None with fewer than two points.

    The axis starts at zero, so that noise does not look dramatic. A gap in the samples is a gap in the line.

    Args:
        name: The series.
        samples: Wall-clock seconds and values, the oldest first.
        moments: The moments to mark, if they are within the samples' time.
        threshold: The value at which a finding is made; None for none.
        over: True if values over the threshold are bad, False if those under it are.
    """
    title, words = CHARTS[name]
    kept = [(at, value) for at, value in samples if math.isfinite(at) and math.isfinite(value)]
    if len(kept) < 2 or kept[-1][0] <= kept[0][0]:
        return None
    low, high = min(v for _, v in kept), max(v for _, v in kept)
    first, last = kept[0][0], kept[-1][0]
    limit_words, drawn = "", None
    if threshold is not None:
        side = "over" if over else "under"
        limit_words, drawn = f"bad {side} {words(threshold)}", threshold
        if threshold > MOST_ABOVE * high:
            limit_words, drawn = f"{limit_words}, above this chart", None
    top = _round_up(max(high, drawn or 0.0), 1024.0 if name == "redis.memory" else 1.0)
    if name.startswith("hit_rate"):
        top = 1.0
    lines: list[list[str]] = [[]]
    before = first
    for at, value in _thinned(kept):
        if at - before > max(GAP_SECONDS, 3 * (last - first) / POINTS):
            lines.append([])
        lines[-1].append(f"{_place(at, first, last):.1f},{_height(value, top):.1f}")
        before = at
    seen = [moment for moment in moments if first <= moment.at <= last]
    return Chart(
        title,
        tuple(" ".join(line) for line in lines if line),
        words(low),
        words(high),
        words(kept[-1][1]),
        f"{clock(first, dated=True)} to {clock(last)} UTC",
        ((_height(top, top), words(top)), (_height(top / 2, top), words(top / 2)), (_height(0.0, top), "0")),
        tuple((_place(at, first, last), _time(at, last - first)) for at in (first, (first + last) / 2, last)),
        None if drawn is None else _height(drawn, top),
        limit_words,
        _lettered([(round(_place(moment.at, first, last), 1), moment.letter) for moment in seen]),
        _as_text(kept, top, words, drawn, seen),
    )


def _lettered(marks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Return marks whose letters do not lie on each other: the first of several has them all."""
    made: list[tuple[float, str]] = []
    head = 0
    for x, letter in marks:
        if made and x - made[head][0] < LETTER_WIDTH:
            made[head] = (made[head][0], made[head][1] + letter)
            made.append((x, ""))
        else:
            head = len(made)
            made.append((x, letter))
    return tuple(made)


def _time(at: float, span: float) -> str:
    """Return the label of a time, with its day where the chart covers more than half a day."""
    if span > HALF_A_DAY:
        return clock(at, dated=True)[5:16]
    return clock(at)


def _place(at: float, first: float, last: float) -> float:
    return (at - first) / (last - first) * CHART_WIDTH


def _height(value: float, top: float) -> float:
    return CHART_HEIGHT * (1 - max(0.0, min(1.0, value / top)))


def _round_up(value: float, base: float) -> float:
    """Return the next round number above a value, so that the labels of the axis are round."""
    if value <= 0:
        return 1.0
    scale = base ** math.floor(math.log(value, base)) if base > 1 else 1.0
    power: float = 10.0 ** math.floor(math.log10(value / scale))
    steps = (step * power * scale for step in (1, 2, 4, 5, 8, 10, 20))
    return next(step for step in steps if step >= 1.02 * value)


def _as_text(
    samples: Samples, top: float, words: Callable[[float], str], limit: float | None, moments: Sequence[Moment]
) -> str:
    """Return a chart of blocks: the scale on the left, the times below, and the letters of what happened."""
    first, last = samples[0][0], samples[-1][0]
    cells: list[float | None] = [None] * TEXT_WIDTH
    for at, value in samples:
        place = _cell(at, first, last)
        cells[place] = max(value, cells[place] or value)
    labels = {0: words(top), TEXT_ROWS // 2: words(top / 2), TEXT_ROWS - 1: "0"}
    wide = max(len(label) for label in labels.values())
    limit_row = None if limit is None else TEXT_ROWS - 1 - min(TEXT_ROWS - 1, int(limit / top * TEXT_ROWS))
    rows = []
    for row in range(TEXT_ROWS):
        empty = "╌" if row == limit_row else " "
        line = "".join(_block(value, top, TEXT_ROWS - 1 - row, empty) for value in cells)
        rows.append(f"{labels.get(row, ''):>{wide}} │{line}".rstrip())
    under = ["─"] * TEXT_WIDTH
    for moment in moments:
        place = _cell(moment.at, first, last)
        free = [cell for cell in range(TEXT_WIDTH) if under[cell] == "─"]
        under[min(free, key=lambda cell: (cell < place, abs(cell - place)))] = moment.letter
    left, middle, right = (_time(at, last - first) for at in (first, (first + last) / 2, last))
    ends = f"{left}{middle:^{TEXT_WIDTH - len(left) - len(right)}}{right}"
    return "\n".join([*rows, f"{'':>{wide}} └{''.join(under)}", f"{'':>{wide}}  {ends} UTC"])


def _cell(at: float, first: float, last: float) -> int:
    """Return the column of a time in a chart that is drawn as text."""
    return min(TEXT_WIDTH - 1, int((at - first) / (last - first) * TEXT_WIDTH))


def _block(value: float | None, top: float, row: int, empty: str) -> str:
    """Return the part of a column that lies in one line, counted from below; a column is at least its lowest line."""
    if value is None:
        return empty
    eighths = round(value / top * TEXT_ROWS * 8) - row * 8
    if row == 0:
        eighths = max(1, eighths)
    if eighths <= 0:
        return empty
    return " ▁▂▃▄▅▆▇█"[min(8, eighths)]


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
    """The widths of one column, in cells: its head on one line, its longest cell, and the narrowest possible head."""

    head: int
    cells: int
    least_head: int = LEAST
    whole: bool = False
    """True if its cells are figures, so it is shown in full width or not at all."""


def fitting_widths(needs: Sequence[Need], width: int, gap: int = GAP) -> list[int]:
    """Return the widths of the first columns, as many as fit into ``width`` cells with ``gap`` blanks after each.

    If the natural widths do not fit, heads are narrowed first, then long cells, then columns are dropped from the
    right. The first column always stays.

    The order of columns is their importance; the caller names the dropped ones below the table (``left_out``).
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
    """Return True for a number with its unit, for a time, and for the sign of an unknown one."""
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
