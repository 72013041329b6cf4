"""The lines that were typed after ``:`` and ``/``, kept for each environment in a private file."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from optimus_tui.storage.private_file import PrivateFile, put_in_place, read_plain, state_dir
from optimus_tui.wording.safe import redact

MOST_LINES = 200
"""Lines of each kind that are kept."""
LONGEST_LINE = 300
"""Characters of a line; a longer one is not kept."""
MAX_BYTES = 256_000
"""A file that is longer is written again with the lines that are kept."""


class PromptLine(msgspec.Struct, frozen=True):
    """One record of the file."""

    sigil: str
    text: str


def history_path(environment: str) -> Path:
    """Return the file of an environment."""
    return state_dir() / "prompt" / f"{environment}.jsonl"


class PromptHistory:
    """Remembers lines, the newest last, each once.

    It also works without a file; lines that cannot be written are not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[PromptLine] = []

    def lines(self, sigil: str) -> Sequence[str]:
        """Return the lines typed after a sigil, the oldest first."""
        return [line.text for line in self._lines if line.sigil == sigil]

    def load(self) -> None:
        """Read what earlier sessions kept, before the lines of this one. It reads the disk: call it in a thread."""
        with contextlib.suppress(OSError):
            raw, _ = read_plain(self.path, 4 * MAX_BYTES)
            earlier = [line for row in raw.split(b"\n") if (line := _parsed(row)) is not None]
            self._lines = _bounded([*earlier, *self._lines])

    def add(self, sigil: str, text: str) -> PromptLine | None:
        """Remember a line. Return it if it must be written to the file, else None.

        A line that holds a password, a token or an address with a user in it is forgotten at once.
        """
        text = text.strip()
        if not text or len(text) > LONGEST_LINE or not text.isprintable() or redact(text) != text:
            return None
        line = PromptLine(sigil, text)
        self._lines = _bounded([*self._lines, line])
        return line

    def keep(self, line: PromptLine) -> None:
        """Append a line to the file, after those of other sessions. Call it in a thread."""
        with contextlib.suppress(OSError):  # a state directory that cannot be written forgets, and that is all
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with PrivateFile.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as file:
                file.make_private()
                os.write(file.handle, msgspec.json.encode(line) + b"\n")
                size = file.size
            if size > MAX_BYTES:
                kept = PromptHistory(self.path)
                kept.load()
                put_in_place(self.path, b"".join(msgspec.json.encode(line) + b"\n" for line in kept._lines))


def _parsed(row: bytes) -> PromptLine | None:
    """Return a record; None for a damaged one, and for one that could not have been typed."""
    try:
        line = msgspec.json.decode(row, type=PromptLine)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if line.sigil not in (":", "/") or not 0 < len(line.text) <= LONGEST_LINE or not line.text.isprintable():
        return None
    return line


def _bounded(lines: Sequence[PromptLine]) -> list[PromptLine]:
    """Return the newest lines of each kind, each once, in their order."""
    kept: dict[PromptLine, None] = {}
    counted = dict.fromkeys((":", "/"), 0)
    for line in reversed(lines):
        if line not in kept and counted[line.sigil] < MOST_LINES:
            kept[line] = None
            counted[line.sigil] += 1
    return list(reversed(kept))
