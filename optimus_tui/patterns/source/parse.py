"""Parse bytes into a syntax tree, or into one sentence that says why not. Every error of the parser becomes a result.

Nothing that is read is compiled, imported or run.
"""

import ast
import re
import sys
from dataclasses import dataclass
from typing import NamedTuple

from optimus_tui.wording.safe import safe_text

MOST_BYTES = 1_000_000
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_NEWLINE = re.compile(r"\r\n|\r|\n")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")


class ParseFailure(NamedTuple):
    """Why a file cannot be parsed as Python, with the place of the error."""

    reason: str
    line: int = 1
    column: int = 1


def parse(data: bytes) -> ast.Module | ParseFailure:
    """Return the tree, or why there is none.

    The parser itself decodes, so byte-order marks and PEP 263 cookies mean what they mean to Python.
    """
    if len(data) > MOST_BYTES:
        return ParseFailure(f"it is longer than the {MOST_BYTES:,} bytes that are read")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        return ParseFailure("a NUL byte stands in the source", line)
    if not data.isascii() and (stray := _stray_byte(data)) is not None:
        line = data.count(b"\n", 0, stray) + 1
        return ParseFailure(f"the byte 0x{data[stray]:02x} is not UTF-8, and no encoding is declared", line)
    try:
        return ast.parse(data)
    except SyntaxError as error:
        reason = f"{safe_text(error.msg.partition(';')[0], 160)} (read as Python {_VERSION})"
        return ParseFailure(reason, max(1, error.lineno or 1), max(1, error.offset or 1))
    except RecursionError:
        return ParseFailure("it is nested too deeply")
    except MemoryError:
        return ParseFailure("it is nested too deeply for the parser")
    except (ValueError, LookupError, OverflowError) as error:  # UnicodeError is a ValueError
        return ParseFailure(safe_text(error, 160))


def _stray_byte(data: bytes) -> int | None:
    """Return where a file without a declared encoding is no UTF-8, which an import rejects, even in a comment."""
    if any(_COOKIE.match(line) for line in data.split(b"\n", 2)[:2]):
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return None


@dataclass
class Lines:
    """The source's lines as people see them, decoded on first use."""

    data: bytes
    _lines: list[str] | None = None

    def all(self) -> list[str]:
        """Return every line without its ending."""
        if self._lines is None:
            text = _decoded(self.data)
            self._lines = _NEWLINE.split(text) if "\r" in text else text.split("\n")
        return self._lines

    def text(self, line: int) -> str:
        """Return one line, counted from 1; empty where there is none."""
        lines = self.all()
        if 0 < line <= len(lines):
            return lines[line - 1]
        return ""

    def column(self, line: int, offset: int) -> int:
        """Return a column counted from 1 in characters; ``offset`` is the parser's, in bytes of UTF-8."""
        if self.data.isascii():
            return offset + 1
        head = self.text(line).encode("utf-8", "surrogatepass")[:offset]
        return len(head.decode("utf-8", "replace")) + 1


def _decoded(data: bytes) -> str:
    """Return the text as Python would decode it; bad bytes become visible escapes."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    codec = "utf-8"
    for line in body.split(b"\n", 2)[:2]:
        cookie = _COOKIE.match(line)
        if cookie:
            codec = cookie.group(1).decode("ascii", "replace")
            break
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    try:
        return body.decode(codec, "backslashreplace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "backslashreplace")
