"""The words of the status line and the tab strip. Pure: facts in, words with their colours out."""

import time
from collections.abc import Iterable

from optimus_tui.contract.findings import Overall
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.widgets.bars import Words
from optimus_tui.wording.glyphs import OVERALL_MARKS
from optimus_tui.wording.safe import safe_text

TONES = {"critical": "b:error", "warning": "b:warning", "ok": "success", "quiet": "quiet"}
INK_COLORS = {"crit": "b:error", "warn": "warning", "good": "success", "quiet": "quiet", "accent": "primary"}
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
    """Product, environment, mode, a note (and whether it is urgent), mutes left; verdict, own load, UTC clock right.

    ``overall`` None leaves the verdict out: where a pane already shows it.
    """
    color = settings.color or ("error" if settings.environment.startswith("prod") else "accent")
    gap = "   " if width >= 100 else "  "
    left: Words = [
        (" OPTIMUS", "b:bright"),
        (gap + safe_text(settings.environment, 24), f"b:{color}"),
        (gap + mode[0], mode[1]),
    ]
    if settings.overridden:
        by = f" by {', '.join(settings.overridden)}" if width >= 100 else ""
        left.insert(2, (safe_text(f" overridden{by}", 60), "b:warning"))
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


def tab_words(panes: Iterable[Pane], current: str, width: int) -> tuple[tuple[str, str, str, str, bool], ...]:
    """Name, title, state, the state's colour and whether it is the current one, for each pane."""
    tabs = []
    for pane in panes:
        state, ink = pane.state()
        title = SHORT.get(pane.NAME, pane.TITLE) if width < 100 else pane.TITLE
        tabs.append((pane.NAME, f"{pane.NUMBER} {title}", state, INK_COLORS.get(ink, ""), current == pane.NAME))
    return tuple(tabs)
