"""Read which cache keys an event invalidates: keys by name, or patterns as Redis understands them.

Events are written by tenants. Nothing here raises, and no pattern can be slow: ``*`` is the only wildcard that is
supported. A pattern with ``?`` or ``[`` is counted as not understood and matches nothing.
"""

import msgspec
from msgspec import Struct

from optimus_tui.grammar.keys import CACHE_PREFIX

MAX_TARGETS = 32
MAX_NAME = 1_024
MAX_STARS = 4

_KEYS = ("key", "cache_key", "keys", "cache_keys", "keys_deleted", "invalidated_keys")
_PATTERNS = ("pattern", "patterns")
_decode = msgspec.json.Decoder().decode


class Target(Struct, frozen=True):
    """One key (a single piece), or all keys that consist of these pieces with anything between them."""

    pieces: tuple[bytes, ...]

    @property
    def key(self) -> bytes | None:
        """Return the key's name; None for a pattern."""
        if len(self.pieces) == 1:
            return self.pieces[0]
        return None

    @property
    def kind(self) -> bytes | None:
        """Return the cache kind that the pattern covers; None where it covers several."""
        parts = self.pieces[0].split(b":")
        if len(parts) > 2 and parts[1]:
            return parts[1]
        return None

    def matches(self, name: bytes) -> bool:
        """Return whether ``name`` is covered, in time linear in its length."""
        first, last = self.pieces[0], self.pieces[-1]
        if len(self.pieces) == 1:
            return name == first
        if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
            return False
        place, end = len(first), len(name) - len(last)
        for piece in self.pieces[1:-1]:
            found = name.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True


def named_targets(payload: bytes) -> tuple[tuple[Target, ...], int]:
    """Return the targets that an event's payload names, and how many others are not supported or no cache keys."""
    try:
        event = _decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
        return (), 0
    if not isinstance(event, dict):
        return (), 0
    found: dict[Target, None] = {}
    strange = 0
    for names, is_pattern in ((_KEYS, False), (_PATTERNS, True)):
        for name in names:
            for text in _texts(event.get(name)):
                target = _target(text, is_pattern)
                if target is None:
                    strange += 1
                elif len(found) < MAX_TARGETS:
                    found[target] = None
    return tuple(found), strange


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [one for one in value[: 2 * MAX_TARGETS] if isinstance(one, str)]
    return []


def _target(text: str, is_pattern: bool) -> Target | None:
    if len(text) > MAX_NAME:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    pieces = split_glob(raw) if is_pattern else (raw,)
    if pieces and pieces[0].startswith(CACHE_PREFIX):
        return Target(pieces)
    return None


def split_glob(pattern: bytes) -> tuple[bytes, ...] | None:
    """Return the literal pieces between the stars of a pattern; None where it uses another wildcard."""
    pieces, now, place = [], bytearray(), 0
    while place < len(pattern):
        char = pattern[place : place + 1]
        if char == b"\\" and place + 1 < len(pattern):
            place += 1
            now += pattern[place : place + 1]
        elif char == b"*":
            pieces.append(bytes(now))
            now = bytearray()
        elif char in (b"?", b"["):
            return None
        else:
            now += char
        place += 1
    pieces.append(bytes(now))
    if len(pieces) <= MAX_STARS + 1:
        return tuple(pieces)
    return None
