"""Which cells of a line look different, and which lines are rendered for that.

A countdown changes eight cells of a row, and each one costs bytes.
"""

from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

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


class ChangedLinesCompositor(Compositor):
    """Renders only the widgets and lines that a change is seen in.

    Textual renders every widget between the first and the last changed line. Each second the clock at the top and the
    ages at the bottom change, so Textual rendered the whole screen: four hundred lines instead of ten.
    """

    _changed: Collection[Region] = ()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what is to be written for the regions that changed."""
        self._changed = self._dirty_regions.copy()
        try:
            return super().render_partial_update()
        finally:
            self._changed = ()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Yield region, clip and lines of each widget that is seen in a region that changed, the front one first."""
        if not self._changed:
            yield from super()._get_renders(crop)
            return
        left = list(self._changed)
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            here = [one.intersection(shown) for one in left if one.overlaps(shown)]
            if not here:
                continue
            first, end = min(one.y for one in here), max(one.bottom for one in here)
            part = Region(shown.x, first, shown.width, end - first)
            yield part, clip, widget.render_lines(part.translate((-region.x, -region.y)))
            left = [one for one in left if not shown.contains_region(one)]
            if not left:
                return
