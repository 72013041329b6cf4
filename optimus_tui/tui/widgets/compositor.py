"""Paints a second's changes without rendering the whole screen for them."""

from collections.abc import Collection, Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class ChangedLinesCompositor(Compositor):
    """Renders only the widgets and lines that a change is seen in.

    Textual renders every widget between the first and the last changed line. Each second the clock at the top changes
    and the ages at the bottom: that was all of the screen, four hundred lines for ten.
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
