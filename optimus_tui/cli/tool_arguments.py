"""The arguments of a tool from a command line: JSON as text, from stdin or from a file, and single values. Bounded."""

import os
import stat
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from optimus_tui.tools.answer import MAX_BYTES, decode, find, from_text, refuse
from optimus_tui.wording.safe import safe_text


def question(tool: str, text: str | None, sets: Sequence[str]) -> Mapping[str, Any] | bytes:
    """Return the arguments of a tool, from JSON and single values, which replace those of the JSON.

    Raises:
        ToolFailure: they cannot be read, in one sentence.
    """
    query = find(tool).query
    raw = b""
    if text is not None:
        raw = _checked(*_read(text))
    if not sets:
        return raw
    values = decode(raw)
    for one in sets:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise refuse(f"--set {safe_text(one, 80)!r} is not NAME=VALUE")
        _checked(os.fsencode(one), f"--set {safe_text(name, 80)}")
        values[name.strip()] = from_text(query, name.strip(), value)
    return values


def _read(text: str) -> tuple[bytes, str]:
    """The bytes and where they came from."""
    if text == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise refuse("the arguments should come from stdin (-), but it is closed")
        return sys.stdin.buffer.read(MAX_BYTES + 1), "stdin"
    if text.startswith("@"):
        return _read_file(text[1:]), f"the file {safe_text(os.fsencode(text[1:]), 200)}"
    return os.fsencode(text), "the JSON argument"


def _read_file(path: str) -> bytes:
    shown = safe_text(os.fsencode(path), 200)
    if not path:
        raise refuse("@ needs the name of a file, as in @arguments.json")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a FIFO without a writer would hang
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can have this name"
        raise refuse(f"the file {shown} cannot be read: {reason}") from None
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            word = "no plain file"
            if stat.S_ISDIR(kind):
                word = "a directory"
            raise refuse(f"{shown} is {word}; @ takes a plain file, - reads stdin")
        with open(handle, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refuse(f"the file {shown} cannot be read: {error.strerror}") from None
    finally:
        os.close(handle)


def _checked(raw: bytes, place: str) -> bytes:
    """``raw`` without a byte-order mark, if it is UTF-8 of an acceptable size."""
    if len(raw) > MAX_BYTES:
        raise refuse(f"{place} holds more than {MAX_BYTES // 1024} kB; at most that much is read")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = raw[error.start : error.start + 1]
        raise refuse(f"{place} is not UTF-8 (byte {safe_text(wrong)} at {error.start:,})") from None
    return raw.removeprefix(b"\xef\xbb\xbf")
