"""The only place that prints. Everything passes the first gate, so no control code reaches the terminal.

It refuses to colour and to wrap inside a word that somebody may want to copy.
"""

import shutil
import sys
import textwrap

from optimus_tui.wording.safe import safe_text

LONGEST = 2000
"""Characters of one sentence; the middle of a longer one is elided."""


def prepare() -> None:
    """Let no character that the terminal's encoding lacks end the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """One line on stdout."""
    print(safe_text(text, LONGEST))


def complain(sentence: object) -> None:
    """One sentence on stderr."""
    print(f"optimus-tui: {safe_text(sentence, LONGEST)}", file=sys.stderr)


def report(text: str) -> None:
    """Several lines on stderr: what is kept of a crash."""
    for line in text.splitlines():
        print(safe_text(line, LONGEST), file=sys.stderr)


def hang(lead: str, text: str) -> None:
    """``lead`` and then ``text``, wrapped under itself at the terminal's width (60 to 100 columns)."""
    width = max(60, min(100, shutil.get_terminal_size((80, 24)).columns))
    shown = safe_text(text, LONGEST)
    lines = textwrap.wrap(shown, max(20, width - len(lead)), break_long_words=False, break_on_hyphens=False) or [""]
    say(f"{lead}{lines[0]}".rstrip())
    for line in lines[1:]:
        say(" " * len(lead) + line)
