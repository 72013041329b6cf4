"""The line on top of a screen above the dashboard: the verdict, the proof and the clock stay in sight there, too."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len

from optimus_tui.tui.widgets.bars import Part, StatusBar, Words, with_room
from optimus_tui.tui.widgets.cells import fit_name
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import AppServices

NAME_RANK, TENANT_CELLS = 1, 24
"""A screen's name gives way last of all that can; cells of a name that it is about where there is little room."""


def name_part(title: str, about: bytes | str = "") -> Part:
    """Return a screen's name, and what it is ``about`` if anything, as the beginning of its top line."""
    whole = safe_text(about, 72)
    if not whole:
        return Part(NAME_RANK, [(f" {title}", "b:bright")])
    shorter = Part(0, [(f" {fit_name(whole, min(TENANT_CELLS, cell_len(whole)))}", "b:accent")])
    return Part(NAME_RANK, [(f" {title}", "b:bright"), (f"  {whole}", "b:accent")], shorter)


class TopLine(StatusBar):
    """A screen's name and what else it says, then the line of the dashboard. It is drawn each second."""

    def __init__(self, parts: Callable[[], list[Part]]) -> None:
        """Show what ``parts`` returns at the left, in front of what the dashboard says there."""
        super().__init__()
        self._parts = parts

    def on_mount(self) -> None:
        """Draw the clock each second."""
        self.set_interval(1.0, self.refresh_changed)

    def words(self) -> tuple[Words, Words]:
        """Return the words of the line, left and right."""
        dashboard = cast("AppServices", self.app).dashboard
        if dashboard is None:
            return with_room(self._parts(), [], self.size.width)
        return dashboard.status_line(self._parts(), self.size.width)
