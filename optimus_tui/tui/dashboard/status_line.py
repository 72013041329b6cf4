"""The status line and the tab strip, and which panes are shown at which size of the terminal."""

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from optimus_tui.contract.actions import Where
from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.sizes import MINIMUM, classes_for
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.theme import SEVERITY_COLORS
from optimus_tui.tui.widgets.bars import Part, TabStrip, Words, with_room
from optimus_tui.tui.widgets.cells import first_that_fits, fit_name
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import OVERALL_MARKS, StateGlyph
from optimus_tui.workflow.proof import proof_forms

if TYPE_CHECKING:
    from typing import Any


TEXT_COLORS = {"crit": "b:error", "warn": "warning", "good": "success", "quiet": "quiet", "accent": "accent"}
READ_ONLY = "read-only"
NAME_CELLS = 12
"""Cells of an environment's name where there is little room."""
LEAST_PLACE = 12
"""Cells below which a shortened address tells nothing."""
PRODUCT = (Part(7, [(" OPTIMUS", "b:bright")]),)
"""What the line on top of the dashboard begins with."""
SHORT = {"limits": "Limits", "cache": "Cache", "feed": "Feed"}


def status_words(
    settings: Settings,
    note: tuple[Sequence[str], bool] | None,
    verdict: StateGlyph | None,
    own_rate: float,
    wall: float,
    width: int,
    mode: tuple[str, str] = (READ_ONLY, "quiet"),
    muted: int = 0,
    incident: tuple[str, str] = ("", ""),
    start: Sequence[Part] = PRODUCT,
) -> tuple[Words, Words]:
    """Return the line on top of a screen: what stands at its left and at its right, with colours.

    Without room, these go first, in this order: how long after an action its proof came, our own requests, what the
    demo plays, the product's name, the mutes, the reason of a proof, what is overridden, ``read-only``, the end of a
    long environment's name, the verdict's word beside its mark. The environment, what is armed, the mark and the time
    with UTC never go.

    Args:
        settings: They name the environment and its colour.
        note: A note in the forms that it has, the longest first, and whether it is urgent; None for none.
        verdict: The mark of the verdict; None before there is one.
        own_rate: Our own commands and requests a second.
        wall: The time, in seconds since the epoch.
        width: Columns.
        mode: Whether actions are armed, and the style of these words.
        muted: How many mutes are in force.
        incident: What to say of the open incident or of a proof, and the style of these words; empty for none.
        start: What the line begins with: the product's name, or that of the screen.
    """
    color = settings.color or ("error" if settings.environment.startswith("prod") else "accent")
    gap = "   " if width >= 100 else "  "
    name = safe_text(settings.environment, 24)
    short = Part(0, [(gap + fit_name(name, min(NAME_CELLS, cell_len(name))), f"b:{color}")])
    left = [
        *start,
        Part(1, [(gap + name, f"b:{color}")], short),
        Part(3, [(_overridden(settings, width), "b:warning")]),
        Part(2 * (mode[0] == READ_ONLY), [(gap + mode[0], mode[1])]),  # what is armed is always said
    ]
    if incident[0]:
        left.append(proof_part(incident[0], gap, incident[1], 4))
    note_piece = ("", "")
    if note is not None:
        note_piece = (gap + note[0][-1], "warning" if note[1] else "quiet")
        left.append(Part(0 if note[1] else 8, [note_piece]))
    if muted:
        left.append(Part(5, [(f"{gap}{muted:,} muted", "warning")]))
    right = []
    if verdict is not None:
        style = SEVERITY_COLORS[verdict.severity_style]
        right.append(Part(1, [(verdict.text + gap, style)], Part(0, [(verdict.glyph + gap, style)])))
    if width >= 100:
        right.append(Part(9, [("own requests ", "quiet"), (f"{own_rate:.0f}/s" + gap, "")]))
    right.append(clock_part(wall))
    before, after = with_room(left, right, width)
    before[0] = f" {before[0][0].lstrip()}", before[0][1]
    if note is not None and note_piece in before:
        room = width - sum(cell_len(words) for words, _ in (*before, *after) if words != note_piece[0]) - len(gap) - 1
        before[before.index(note_piece)] = (gap + first_that_fits(note[0], room), note_piece[1])
    return before, after


def proof_part(words: str, gap: str, style: str, reason_rank: int = 2) -> Part:
    """Return how far the proof of an action is, as a part of a bar.

    Where there is no room, its reason is left out first, then how long after the action the proof came.

    Args:
        words: The result, its reason and its time, as ``status_words`` of the incident returns them.
        gap: What stands before it.
        style: The name of its text style.
        reason_rank: The importance of its reason.
    """
    *longer, shortest = proof_forms(words)
    part = Part(0, [(gap + shortest, style)])
    for rank, form in zip((reason_rank, 10), reversed(longer), strict=False):
        part = Part(rank, [(gap + form, style)], part)
    return part


def clock_part(wall: float, rank: int = 0) -> Part:
    """Return the time of day as a part of a bar.

    Args:
        wall: Seconds since the epoch.
        rank: Its importance: the time zone gives way where there is no room for it; with 0 it always stays.
    """
    clock = time.strftime("%H:%M:%S", time.gmtime(wall))
    return Part(rank, [(clock, ""), (" UTC ", "quiet")], Part(0, [(clock + " ", "")]))


def _overridden(settings: Settings, width: int) -> str:
    if not settings.overridden:
        return ""
    by = f" by {', '.join(settings.overridden)}" if width >= 100 else ""
    return safe_text(f" overridden{by}", 60)


def mode_room(settings: Settings, width: int, beside: str = "") -> int:
    """Return how many cells of the status line are left for the mode (read-only, armed).

    Args:
        settings: They name the environment, which stands before the mode.
        width: Columns of the terminal.
        beside: An urgent note, for which a narrow line gives up the product's name; empty for none.
    """
    gap = "   " if width >= 100 else "  "
    start = f" OPTIMUS{gap}{safe_text(settings.environment, 24)}{gap}{_overridden(settings, width)}"
    end = f"{OVERALL_MARKS['needs_attention'].text}{gap}00:00:00 UTC "
    if width >= 100:
        end = f"{gap}own requests 1,000/s{end}"
    room = width - cell_len(start) - cell_len(end) - 2
    if not beside:
        return room
    if width < 100:
        room += cell_len(f"OPTIMUS{gap}")
    return room - cell_len(gap + beside)


def target_words(where: Where, room: int) -> str:
    """Return on which server actions are armed, after two blanks, in the longest form that fits in ``room`` cells."""
    place = safe_text(where.place, 40)
    whole = f"{place} db {where.db}"
    forms = [f"{whole} as {safe_text(where.user, 24)}", whole, place]
    if room - 2 >= LEAST_PLACE:
        forms.append(fit_name(place, min(cell_len(place), room - 2)))
    port = place.rpartition(":")[2]
    if port.isdecimal():
        forms.append(f":{port}")
    return first_that_fits([*(f"  {form}" for form in forms), ""], room)


def tab_words(panes: Iterable[Pane], current: str, width: int) -> tuple[tuple[str, str, str, str, bool], ...]:
    """Return name, title, state, the state's colour and whether it is the current one, for each pane.

    A stroke behind the title says that the pane is filtered: its other rows are hidden.
    """
    tabs = []
    for pane in panes:
        state, style = pane.content.state()
        title = pane.TITLE
        if width < 100:
            title = SHORT.get(pane.NAME, title)
        if pane.filter:
            title += " /"
        tabs.append((pane.NAME, f"{pane.NUMBER} {title}", state, TEXT_COLORS.get(style, ""), current == pane.NAME))
    return tuple(tabs)


BESIDE_HEALTH = "limits"
"""The pane below the health pane while that is the current one."""


class PaneLayout:
    """Sets the classes by which ``styles/dashboard.tcss`` shows and hides panes."""

    def __init__(self, screen: "Screen[Any]", dashboard: DashboardServices) -> None:
        """Show all panes.

        Args:
            screen: The dashboard as the Textual screen that is laid out.
            dashboard: The same dashboard, for its panes.
        """
        self.screen, self.dashboard = screen, dashboard
        self.zoomed = False

    @property
    def is_single(self) -> bool:
        """Return True if one pane is shown alone."""
        return self.screen.has_class("-single")

    def is_shown(self, name: str) -> bool:
        """Return True if the layout shows the pane of this name."""
        if self.is_single:
            return self.dashboard.current == name
        return not self.screen.has_class("-pair") or name in self._pair()

    def _pair(self) -> tuple[str, str]:
        current = self.dashboard.current
        return "health", BESIDE_HEALTH if current == "health" else current

    def prepared(self, panes: Iterable[Pane]) -> Iterable[Pane]:
        """Set the classes of the screen and of the panes, and return the panes.

        This is done before the first frame: set after it, the classes would make Textual style each widget a second
        time.
        """
        self.screen.update_classes(classes_for(self.screen.app.size, self.zoomed), update=False)
        return [pane.update_classes(self._classes_of(pane), update=False) for pane in panes]

    def _classes_of(self, pane: "Pane") -> dict[str, bool]:
        return {"-current": self.dashboard.current == pane.NAME, "-paired": pane.NAME in self._pair()}

    def apply(self) -> None:
        """Show four panes, two or one, as the terminal has room, or one sentence if it is too small for a pane."""
        size = self.dashboard.size
        self.screen.update_classes(classes_for(size, self.zoomed))  # all at once: each change styles every widget anew
        for pane in self.dashboard.panes():
            pane.update_classes(self._classes_of(pane))
        if self.screen.has_class("-tiny"):
            text = f"Optimus TUI needs {MINIMUM[0]}×{MINIMUM[1]}; this is {size.width}×{size.height}."
            self.screen.query_one("#too-small", Static).update(Content(text))
        self.dashboard.draw_status()
        self.pace_sources()
        self.screen.app._refresh_notifications()  # the answer to a key of another pane ends

    def way_back(self) -> str:
        """Return the word for what ``esc`` does now; empty if it does nothing."""
        pane = self.dashboard.pane(self.dashboard.current)
        if pane.filter.text or pane.filter_error:
            return "all rows"
        if self._pane_with_detail() is not None:
            return "close detail"
        if self.zoomed:
            return "all panes"
        return ""

    def _pane_with_detail(self) -> LimitsPane | None:
        """Return the current pane if it shows the details of a row and no filter is to be ended first."""
        pane = self.dashboard.pane(self.dashboard.current)
        if not isinstance(pane, LimitsPane) or not pane.content.detailed or pane.filter.text or pane.filter_error:
            return None
        return pane

    def close_detail(self) -> bool:
        """Hide the details of the row under the cursor. Return True if they were shown and nothing else is to end."""
        pane = self._pane_with_detail()
        if pane is None:
            return False
        pane.action_detail()
        self.screen.refresh_bindings()
        return True

    def toggle_zoom(self) -> None:
        """Show the current pane alone, or all of them again."""
        self.zoomed = not self.zoomed
        self.apply()

    def draw_tabs(self) -> None:
        """Draw number, title and state of each pane."""
        if self.screen.has_class("-wide"):
            return  # there are none: all panes are shown
        tabs = tab_words(self.dashboard.panes(), self.dashboard.current, self.dashboard.size.width)
        self.screen.query_one(TabStrip).tabs = tabs

    def pace_sources(self) -> None:
        """Stop the loops whose readings only a hidden pane shows; read at half the rate what its tab still shows."""
        for name, source in (("cache", "details"), ("cache", "keys"), ("limits", "limits")):
            factor = 1.0
            if not self.is_shown(name):
                factor = 0.0 if source == "details" else 2.0
            self.dashboard.bridge.pace(source, factor)
