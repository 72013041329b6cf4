"""Bytes from outside as lines to read: laid out if they are JSON, else the text as it came.

Pure and bounded. Every line is safe text; a last line says what was cut.
"""

import json

import msgspec

from optimus_tui.tui.dialogs.sheet import Fact
from optimus_tui.wording.safe import safe_text

MAX_BYTES = 64 * 1024
LONGEST_LINE = 2_000
MAX_LINES = 3_000


def body_facts(raw: bytes) -> list[Fact]:
    """Return bytes as lines: JSON is laid out with its numbers and names unchanged, anything else is escaped."""
    text = _pretty(raw[:MAX_BYTES])
    if text is None:
        text = raw[:MAX_BYTES].decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    facts: list[Fact] = [("", _safe_line(line), "") for line in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES or len(raw) > MAX_BYTES:
        facts.append(("", f"… cut after {min(len(lines), MAX_LINES):,} lines", "quiet"))
    return facts


def _pretty(raw: bytes) -> str | None:
    """Return bytes laid out as JSON; None if they are no JSON, or if a name in it occurs twice."""
    try:
        value = msgspec.json.decode(raw)
        if not isinstance(value, (dict, list)) or _repeats(raw, value):
            return None
        return json.dumps(value, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError, OverflowError):
        return None


def _repeats(raw: bytes, value: object) -> bool:
    """Return True if a name occurs twice: laid out, the first would vanish."""
    try:
        counted = _count(json.loads(raw, object_pairs_hook=list))
    except (ValueError, RecursionError):
        return True
    return counted != _count(value)


def _count(value: object) -> int:
    """Return how many values are inside. Pairs, as read with ``object_pairs_hook=list``, count as a dict does."""
    if isinstance(value, dict):
        return sum(2 + _count(inner) for inner in value.values())
    if isinstance(value, list):
        return sum(1 + _count(inner) for inner in value)
    if isinstance(value, tuple):
        return 1 + _count(value[1])
    return 0


def _safe_line(line: str) -> str:
    indent = len(line) - len(line.lstrip(" "))
    return " " * min(indent, 40) + safe_text(line[indent:], LONGEST_LINE)
