"""A name that somebody else chose, in exactly so many cells: escaped, its middle elided, marked when it may deceive.

Two names that look alike are told apart by the mark and by the bytes in the detail. The text made here is for eyes:
identity stays with the bytes.
"""

from rich.cells import cell_len

from optimus_tui.tui.widgets.columns import fit_cell, fit_name
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.wording.safe import is_plain, safe_text

ROOM_FOR_WORDS = 24
"""Cells from which the mark is written out."""


def mark_of(raw: bytes) -> tuple[str, str]:
    """Why a name may not be what it looks like, in full and short; two empty texts for a plain name."""
    if any(byte < 0x20 or byte == 0x7F for byte in raw):
        return "control", "ctl"
    if not is_plain(raw):
        return "non-ASCII", "≠A"
    if raw != raw.strip() or b"  " in raw:
        return "blanks", "␣"
    return "", ""


def name_pieces(raw: bytes, width: int, ink: str = "bright") -> list[Piece]:
    """The name and its mark, ``width`` cells in all."""
    text = safe_text(raw)
    word, short = mark_of(raw)
    if not word or width < 8:
        return [(fit_name(text, width), ink)]
    mark = word if width >= ROOM_FOR_WORDS else short
    room = width - cell_len(mark) - 1
    shown = fit_name(text, min(room, cell_len(text)))
    return [(shown, ink), (fit_cell(f" {mark}", width - cell_len(shown)), "warn")]
