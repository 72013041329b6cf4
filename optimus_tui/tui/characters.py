"""Which characters the terminal can show, by its locale, and a filter that draws the screen in ASCII if necessary.

Python hides a locale without UTF-8: it switches itself to UTF-8 and changes ``LC_CTYPE`` in its own environment. So the
environment that the process was started with is examined, not ``os.environ``.
"""

import os
import re
import sys
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

REMEDY = "export LC_ALL=C.UTF-8 draws it whole, if the terminal shows UTF-8"
_COERCED = frozenset({"C.UTF-8", "C.utf8", "UTF-8"})
"""What Python sets ``LC_CTYPE`` to by itself."""
_STAND_INS = str.maketrans(
    {
        **dict.fromkeys("─━═—–", "-"),
        **dict.fromkeys("│┃║▏▎▍▌▐▕", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼┏┓┗┛╔╗╚╝", "+"),
        **dict.fromkeys("●◉✓", "*"),
        "·": ".",
        **dict.fromkeys("▲△↑▴⇧", "^"),
        **dict.fromkeys("▼▾↓", "v"),
        **dict.fromkeys("▸▶→›≥", ">"),
        **dict.fromkeys("◀←‹≤", "<"),
        **dict.fromkeys("✖✗×", "x"),
        **dict.fromkeys("≈…", "~"),
        **dict.fromkeys("▁▂▔", "_"),
        **dict.fromkeys("▃▄", "-"),
        **dict.fromkeys("▅▆", "="),
        **dict.fromkeys("▇█", "#"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("‘’", "'"),
        "○": "o", "∞": "8", "÷": "/", "≠": "!", "↔": "-", "␣": "_", "ä": "a", "ö": "o", "ü": "u", "\xa0": " ",
    }
)  # fmt: skip
_FOREIGN = re.compile("[^\x00-\x7f]")


def start_environment(path: str = "/proc/self/environ") -> Mapping[str, str]:
    """Return the variables that this process was started with; Python's ``os.environ`` if the system does not tell."""
    try:
        with open(path, "rb") as file:
            pairs = file.read().split(b"\0")
    except OSError:
        kept = dict(os.environ)
        if sys.flags.utf8_mode and not kept.get("LC_ALL") and kept.get("LC_CTYPE") in _COERCED:
            del kept["LC_CTYPE"]  # Python's own
        return kept
    return dict(pair.decode("utf-8", "replace").split("=", 1) for pair in pairs if b"=" in pair)


def ascii_only(environment: Mapping[str, str]) -> str:
    """Return the sentence that says why the screen is drawn in ASCII; empty where the locale has UTF-8.

    Args:
        environment: The variables that the process was started with. The first of ``LC_ALL``, ``LC_CTYPE`` and ``LANG``
            that is not empty decides, as in every program. A locale that is not installed is judged by its name as
            well, because the name says what the terminal shows.
    """
    name = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "")
    value = environment.get(name, "")
    if not name:
        return f"drawn in ASCII, because no locale is set (LANG is empty): {REMEDY}"
    charmap = re.sub(r"[^a-z0-9]", "", value.partition("@")[0].rpartition(".")[2].lower())
    if charmap.startswith("utf8"):
        return ""
    shown = "".join(char for char in value[:40] if char.isascii() and char.isprintable())
    return f"drawn in ASCII, because {name}={shown} has no UTF-8: {REMEDY}"


def in_ascii(text: str) -> str:
    """Return the text with a replacement of the same width for each character beyond ASCII; ``?`` if there is none."""
    if text.isascii():
        return text
    drawn = text.translate(_STAND_INS)
    return _FOREIGN.sub(lambda found: "?" * cell_len(found[0]), drawn)


class AsciiFilter(LineFilter):
    """A line filter that draws every line in ASCII. Keep one instance: Textual caches strips by filter."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments with characters beyond ASCII replaced, cell for cell."""
        if all(text.isascii() for text, _style, _control in segments):
            return segments
        return [
            Segment(text if control is not None else in_ascii(text), style, control)
            for text, style, control in segments
        ]
