"""The words of the status line and the tab strip. Pure: facts in, words with their colours out."""

import time
from collections.abc import Iterable

from rich.cells import cell_len

from optimus_tui.contract.actions import Where
from optimus_tui.contract.findings import Overall
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.widgets.bars import Words
from optimus_tui.tui.widgets.columns import fit_name
from optimus_tui.tui.widgets.figures import first_that_fits
from optimus_tui.wording.glyphs import OVERALL_MARKS
from optimus_tui.wording.safe import safe_text

TONES = {"critical": "b:error", "warning": "b:warning", "ok": "success", "quiet": "quiet"}
INK_COLORS = {"crit": "b:error", "warn": "warning", "good": "success", "quiet": "quiet", "accent": "primary"}
LEAST_PLACE = 12
"""Cells below which a shortened address tells nothing."""
SHORT = {"limits": "Limits", "cache": "Cache", "feed": "Feed"}


def status_words(
    settings: Settings,
    note: tuple[str, bool] | None,
    overall: Overall | None,
    own_rate: float,
    wall: float,
    width: int,
    mode: tuple[str, str] = ("read-only", "quiet"),
    muted: int = 0,
) -> tuple[Words, Words]:
    """Return the status line: what stands at its left and at its right, with colours.

    Args:
        settings: They name the environment and its colour.
        note: A note, and whether it is urgent; None for none.
        overall: The verdict; None to leave it out because a pane shows it.
        own_rate: Our own commands and requests a second.
        wall: The time, in seconds since the epoch.
        width: Columns.
        mode: Whether actions are armed, and the style of these words.
        muted: How many mutes are in force.
    """
    color = settings.color or ("error" if settings.environment.startswith("prod") else "accent")
    gap = "   " if width >= 100 else "  "
    left: Words = [
        (" OPTIMUS", "b:bright"),
        (gap + safe_text(settings.environment, 24), f"b:{color}"),
        (gap + mode[0], mode[1]),
    ]
    if settings.overridden:
        words = " overridden"
        if width >= 100:
            words += f" by {', '.join(settings.overridden)}"
        left.insert(2, (safe_text(words, 60), "b:warning"))
    if note is not None:
        left.append((gap + note[0], "warning" if note[1] else "quiet"))
    if muted:
        left.append((f"{gap}{muted:,} muted", "warning"))
    right: Words = []
    if overall is not None:
        mark = OVERALL_MARKS[overall]
        right.append((mark.text + gap, TONES[mark.tone]))
    if width >= 100:
        right += [("own load ", "quiet"), (f"{own_rate:.0f}/s" + gap, "")]
    right += [(time.strftime("%H:%M:%S", time.gmtime(wall)), ""), (" UTC ", "quiet")]
    return left, right


def mode_room(settings: Settings, width: int) -> int:
    """Return the cells that the status line has for the mode, beside the name and the longest right end."""
    if width >= 110:
        return width  # there is room for all of it, and the note behind it is what is cut
    start = cell_len(f" OPTIMUS  {safe_text(settings.environment, 24)}  ") + (11 if settings.overridden else 0)
    return width - start - cell_len(f"  {OVERALL_MARKS['needs_attention'].text}  00:00:00 UTC ")


def target_words(where: Where, room: int) -> str:
    """Return where actions are armed, after two blanks, in the longest form that ``room`` cells hold."""
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
    """Return name, title, state, the state's colour and whether it is the current one, for each pane."""
    tabs = []
    for pane in panes:
        state, ink = pane.content.state()
        title = pane.TITLE
        if width < 100:
            title = SHORT.get(pane.NAME, title)
        tabs.append((pane.NAME, f"{pane.NUMBER} {title}", state, INK_COLORS.get(ink, ""), current == pane.NAME))
    return tuple(tabs)
