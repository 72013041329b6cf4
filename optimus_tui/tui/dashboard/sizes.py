"""How much of the dashboard a terminal of some size shows, and where the panes stand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from textual.geometry import Size

LARGE = (180, 48)
"""Columns and rows from which on health takes the whole height at the left of the others."""
WIDE = (120, 35)
"""Columns and rows from which on the panes stand 2×2."""
PAIR = (90, 28)
"""Columns and rows from which on the health pane stands above the current one, or above the limits."""
MINIMUM = (60, 16)
"""Columns and rows below which only a sentence is shown."""
ROOMY = 35
"""Rows from which on a toast has two lines of its own above the keys; below, one."""


def toast_lines(rows: int) -> int:
    """Return how many lines a terminal of so many rows leaves free for a toast."""
    if rows < MINIMUM[1]:
        return 0
    if rows >= ROOMY:
        return 2
    return 1


def _holds(size: "Size", least: tuple[int, int]) -> bool:
    return size.width >= least[0] and size.height >= least[1]


def classes_for(size: "Size", zoomed: bool = False) -> dict[str, bool]:
    """Return the classes by which ``styles/dashboard.tcss`` lays the panes out."""
    tiny = not _holds(size, MINIMUM)
    single = not tiny and (zoomed or not _holds(size, PAIR))
    wide = not tiny and not single and _holds(size, WIDE)
    pair, large = not (tiny or single or wide), wide and _holds(size, LARGE)
    return {"-tiny": tiny, "-single": single, "-pair": pair, "-wide": wide, "-large": large}


class PaneBox(NamedTuple):
    """Where a pane stands: its name, the cells of its frame's upper left corner, and its size with the frame."""

    name: str
    x: int
    y: int
    width: int
    height: int


def boxes(size: "Size") -> Iterator[PaneBox]:
    """Yield where the panes stand at the start, as ``styles/dashboard.tcss`` lays them out."""
    chosen = {name for name, holds in classes_for(size).items() if holds}
    if "-tiny" in chosen:
        return
    top = 1 if "-wide" in chosen else 2
    width, height = size.width, size.height - top - toast_lines(size.height) - 1
    if "-large" in chosen:
        (_, left), (middle, _), (right, _) = columns = _shares(width, (13, 11, 16))
        (_, upper), (below, rest) = _shares(height, (3, 2))
        yield PaneBox("health", 0, top, left, height)
        yield PaneBox("limits", middle, top, width - middle, upper)
        yield PaneBox("cache", middle, top + below, columns[1][1], rest)
        yield PaneBox("feed", right, top + below, columns[2][1], rest)
    elif "-wide" in chosen:
        (_, left), (right, rest) = _shares(width, (9, 11))
        (_, upper), (below, lower) = _shares(height, (5, 2))
        yield PaneBox("health", 0, top, left, upper)
        yield PaneBox("limits", right, top, rest, upper)
        yield PaneBox("cache", 0, top + below, left, lower)
        yield PaneBox("feed", right, top + below, rest, lower)
    elif "-pair" in chosen:
        (_, upper), (below, lower) = _shares(height, (3, 2))
        yield PaneBox("health", 0, top, width, upper)
        yield PaneBox("limits", 0, top + below, width, lower)
    else:
        yield PaneBox("health", 0, top, width, height)


def _shares(total: int, parts: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return where each part of some cells begins, and how many it has."""
    ends = [total * sum(parts[: at + 1]) // sum(parts) for at in range(len(parts))]
    return [(begin, end - begin) for begin, end in zip((0, *ends), ends, strict=False)]
