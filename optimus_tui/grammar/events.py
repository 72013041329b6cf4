"""Parse the payload of a coherence event, and read which cache keys it invalidates, by name or by Redis' patterns."""

import json
import math
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from optimus_tui.contract.keyspace import ParsedEvent, TranslatedEvent
from optimus_tui.grammar.keys import CACHE_PREFIX

MAX_NAME = 256
"""Characters of a type or a tenant: more is not a name."""
MAX_DETAIL = 120

_COUNTS = ("keys_invalidated", "invalidated", "keys_deleted", "deleted", "count")
_VERBS = ("operation", "action", "op")
_OBJECTS = ("key", "cache_key", "resource_id", "conversation_id", "id", "pattern", "keys", "patterns")
_CLAIMS = frozenset(("type", "tenant_id", "timestamp"))
_KINDS = {list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
_decode = msgspec.json.Decoder().decode
MAX_TARGETS = 32
MAX_KEY_NAME = 1_024
MAX_STARS = 4
_KEYS = ("key", "cache_key", "keys", "cache_keys", "keys_deleted", "invalidated_keys")
_PATTERNS = ("pattern", "patterns")


def parse_event(payload: bytes, length: int | None = None) -> ParsedEvent:
    """Parse one payload; ``length`` is its full size in bytes where ``payload`` was cut. Never raises.

    An event is a JSON object whose ``type`` and ``tenant_id`` are non-empty strings and whose names occur once. An
    unreadable ``timestamp`` only leaves ``claimed_at`` at None: nothing depends on it. A translated event may have no
    ``tenant_id``: its tenant is "", which is unknown.
    """
    found = _read(payload, length)
    if isinstance(found, str):
        return ParsedEvent(problem=found)
    return ParsedEvent(
        type=str(found["type"]),
        tenant=str(found.get("tenant_id", "")),
        claimed_at=claimed_time(found.get("timestamp")),
        detail=_detail(found),
    )


def is_event(payload: bytes, length: int | None = None) -> bool:
    """Return whether ``parse_event`` would find no problem; about 1 us for a payload of 150 bytes."""
    return not isinstance(_read(payload, length), str)


def claimed_time(value: object) -> float | None:
    """Return the seconds since the epoch of an ISO text (without offset: UTC) or an epoch number in s, ms, us or ns."""
    if isinstance(value, str) and len(value) <= 40:
        if value.isascii() and value.replace(".", "", 1).isdigit() and len(value) >= 9:
            return _epoch(float(value))
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _epoch(value)
    return None


def _epoch(number: float) -> float | None:
    if not 0 <= number < 1e20 or not math.isfinite(number):
        return None
    for limit, scale in ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6)):
        if number < limit:
            return number / scale
    return number / 1e9


def _read(payload: bytes, length: int | None) -> dict[str, object] | str:
    """Return the decoded object with checked names, or a text that says what is wrong with it."""
    foreign = isinstance(payload, TranslatedEvent)
    if isinstance(payload, TranslatedEvent) and payload.problem:
        return payload.problem
    if not foreign and length is not None and length > len(payload):
        return f"too long to read: {length:,} bytes"
    try:
        found = _decode(payload)
    except RecursionError:
        return "nested too deeply"
    except (msgspec.MsgspecError, ValueError, OverflowError):
        if not payload.strip():
            return "empty"
        if _is_text(payload):
            return "not JSON"
        return "not UTF-8"
    if not isinstance(found, dict):
        return f"{_KINDS.get(type(found), 'null')}, not an object"
    for name in ("type", "tenant_id"):
        value = found.get(name)
        if not isinstance(value, str):
            if name not in found and foreign:
                continue
            if name not in found:
                return f"{name} is missing"
            return f"{name} is not a string"
        if not value:
            return f"{name} is empty"
        if len(value) > MAX_NAME:
            return f"{name} is too long: {len(value):,} characters"
    if _repeats(payload, found):
        return "a name occurs twice"
    return found


def _is_text(payload: bytes) -> bool:
    """Return True if the bytes are UTF-8: of what is not, releases of msgspec raise different errors."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _repeats(payload: bytes, found: dict[str, object]) -> bool:
    """Return whether a top-level name occurs twice. Decoders keep the last one, so readers may disagree."""
    if b"\\" not in payload and all(payload.count(f'"{name}"'.encode()) == 1 for name in found):
        return False
    try:
        pairs = json.loads(payload, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return True
    return len(pairs) != len(found)


def _detail(event: dict[str, object]) -> str:
    """Return a short phrase from the other fields of the event: a verb, an object, a number of keys."""
    parts = [next((v for n in _VERBS if isinstance(v := event.get(n), str) and v), "")]
    parts.append(next((text for n in _OBJECTS if (text := _object(event.get(n)))), ""))
    parts.append(next((_keys(v) for n in _COUNTS if (v := event.get(n)) is not None and _keys(v)), ""))
    phrase = " ".join(part for part in parts if part)
    if not phrase:
        others = ((n, _object(v)) for n, v in event.items() if n not in _CLAIMS and n not in _COUNTS)
        phrase = " ".join(f"{name[:40]}={text}" for name, text in list(others)[:3] if text)
    if len(phrase) <= MAX_DETAIL:
        return phrase
    return phrase[: MAX_DETAIL - 1] + "…"


def _object(value: object) -> str:
    if isinstance(value, str):
        return value[:MAX_DETAIL]
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], str):
            return _object(value[0])
        return _keys(value)
    if isinstance(value, bool):
        if value:
            return "true"
        return "false"
    if isinstance(value, int):
        if abs(value) < 10**30:
            return str(value)
        return "a huge number"
    if isinstance(value, float):
        return f"{value:g}"
    return ""


def _keys(value: object) -> str:
    number = len(value) if isinstance(value, list) else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 10**15:
        return ""
    if number == 1:
        return "1 key"
    return f"{number:,} keys"


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
    """Return the cache keys that an event's payload names, and how many names are unsupported or are not keys."""
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
                target = _target(text, is_pattern, isinstance(payload, TranslatedEvent))
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


def _target(text: str, is_pattern: bool, foreign: bool) -> Target | None:
    """Return the target; of a translated event, the profile has told already that its keys are cache keys."""
    if len(text) > MAX_KEY_NAME:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    pieces = split_glob(raw) if is_pattern else (raw,)
    if pieces and (foreign or pieces[0].startswith(CACHE_PREFIX)):
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
