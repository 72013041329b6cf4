"""The formulas of limiters: what a counter's value in Redis means to the limiter that wrote it. Pure.

Each function names the libraries whose formula it is. A value that cannot be read has a ``problem``, and is never 0.
"""

import math
import re
from enum import Enum
from typing import Any, Literal

import msgspec
from msgspec import Struct

from optimus_tui.dialects.model import Bucket

NOT_A_NUMBER = "not a number"
NOT_READABLE = "not readable"
FOREIGN_NUMBER = "another limiter's number, not ours: ours counts up from 0 in whole numbers"
LONGEST_NUMBER = 40
UNITS = (1, 10**3, 10**6, 10**9)
"""Units a second of a time: limiters write times in s, ms, us or ns."""
NEAR_NOW = 3.0
"""A number within this factor of the present in some unit is a time in that unit."""
_FARTHEST_SECONDS = 10 * 366 * 86_400
_HIGHEST = 2**63 - 1
"""Redis counts in 64 bits, so a higher value was not counted by INCR: it is text that looks like a number."""
_NUMBER = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_DEEPEST = 100
"""A bucket that lends tokens (Traefik's, while requests wait) is never below empty by so many times its size."""
_ROUNDING = 1e-9


class Failed(Enum):
    """An error reply, by its kind; it stands where the reply would be."""

    WRONG_TYPE = "wrong type"
    DENIED = "denied"
    OTHER = "other"


class Value(Struct, frozen=True, kw_only=True):
    """The meaning of a counter's replies. The fields have the names of those of ``contract.keyspace.Counter``.

    ``gone``: the key does not exist. ``over``: its window has ended, so it is not shown. ``ttl_ms`` is the reply to
    PTTL: -1 without a TTL, None if it could not be read.
    """

    count: int | None = None
    left: int | None = None
    left_least: bool = False
    lacks: Literal["", "window", "limit"] = ""
    problem: str | None = None
    foreign: bool = False
    sliding: bool = False
    blocked: bool = False
    gone: bool = False
    over: bool = False
    ttl_ms: int | None = None
    resets_ms: int | None = None
    ttl_is_reset: bool = True
    limit: int | None = None
    window_seconds: float | None = None
    starts: float | None = None
    stops: bool = False
    """Its limiter keeps no more than the limit, so refused requests are not counted."""


def count_value(reply: object) -> Value:
    """Return the count of a counter that begins at 0, from a text or from the reply to SCARD."""
    if isinstance(reply, Failed):
        return Value(problem=NOT_READABLE)
    if isinstance(reply, int) and reply >= 0:
        return Value(count=reply)
    if not isinstance(reply, bytes):
        return Value(problem=NOT_A_NUMBER)
    if len(reply) <= 19 and reply.isdigit() and (number := int(reply)) <= _HIGHEST:
        return Value(count=number)
    if len(reply) <= LONGEST_NUMBER and _NUMBER.fullmatch(reply):
        shown = reply.decode("ascii")
        return Value(problem=f"{shown if len(shown) <= 9 else shown[:8] + '…'}: {FOREIGN_NUMBER}", foreign=True)
    return Value(problem=NOT_A_NUMBER)


def remaining_value(text: bytes, limit: int | None) -> Value:
    """Return the remaining requests of a counter that counts down (older APISIX).

    It is below 0 if refusals are counted.
    """
    negative = text[:1] == b"-"
    found = count_value(text[negative:])
    if found.count is None:
        return found
    left = -found.count if negative else found.count
    if limit is None:
        return Value(left=max(0, left), lacks="limit")
    return Value(count=max(0, limit - left), left=max(0, left))


def json_value(text: bytes, path: tuple[str, ...]) -> Value:
    """Return the number at ``path`` inside a JSON document (LiteLLM's legacy limiter)."""
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return Value(problem="not JSON")
    for part in path:
        found = found.get(part) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= _HIGHEST or found % 1:
        return Value(problem=f"JSON without a whole number in {'/'.join(path)}")
    return Value(count=int(found))


def bucket_value(
    bucket: Bucket, level: object, at: object, *, limit: int | None, window: float | None, now: float | None
) -> Value:
    """Return the tokens left in a bucket: min(limit, level + elapsed × limit ÷ window).

    Used by throttled-py, Spring, Traefik and many home-made limiters. A bucket whose level is what was used
    (throttled-py's leaking bucket) is emptied at the same pace. The time since the last refill is counted in the units
    in which it is kept, as the libraries do: in whole seconds where these are seconds. Without limit, window or clock
    the level is that of the last request.

    Args:
        bucket: Where the figures are, and what they mean.
        level: The tokens, as Redis answered.
        at: When they were refilled, as Redis answered.
        limit: How many tokens it can hold; None is unknown.
        window: In how many seconds it fills up; None is unknown.
        now: The server's time in epoch seconds; None is unknown.
    """
    tokens, refilled = decimal(level), decimal(at)
    if isinstance(level, Failed) or tokens is None:
        return Value(problem=NOT_READABLE if isinstance(level, Failed) else "a bucket without a number of tokens")
    if abs(tokens) > _HIGHEST or (limit is not None and tokens < -_DEEPEST * max(1, limit)):
        return Value(problem="a bucket with a number of tokens that no limiter writes")
    if limit is None or window is None or refilled is None or now is None:
        return _as_of_then(tokens, limit, used=bucket.used)
    rate = limit / window
    passed = max(0.0, math.floor(now * bucket.unit) / bucket.unit - refilled / bucket.unit)
    here = (limit - tokens if bucket.used else tokens) + passed * rate
    here = min(float(limit), here)
    left = max(0, math.floor(here + _ROUNDING))
    resets = round((limit - here) / rate * 1000) or None if rate else None
    return Value(count=limit - left, left=left, sliding=True, resets_ms=resets, ttl_is_reset=False)


def _as_of_then(tokens: float, limit: int | None, *, used: bool) -> Value:
    """Return a bucket's level at its last request: by now more is left."""
    left: int | None = max(0, math.floor(tokens))
    if used:
        left = None if limit is None else max(0, limit - math.ceil(tokens))
    if left is None:
        why = "a bucket that counts what is used, at an unknown rate of emptying"
        return Value(problem=why, lacks="limit", sliding=True, ttl_is_reset=False)
    count = None if limit is None else max(0, limit - left)
    return Value(count=count, left=left, left_least=True, lacks="limit", sliding=True, ttl_is_reset=False)


def gcra_value(text: bytes, *, epoch: float, limit: int | None, window: float | None, now: float | None) -> Value:
    """Return the remaining requests: floor(limit - (TAT - now) ÷ interval), with interval = window ÷ limit.

    Used by throttled-py. TAT is the theoretical arrival time, in seconds since ``epoch``. If it has passed, nothing is
    used.
    """
    at = decimal(text)
    if at is None or now is None:
        return Value(problem=NOT_A_NUMBER if at is None else "a time of GCRA: TIME is not allowed", sliding=True)
    ahead = max(0.0, at + epoch - now)
    if ahead > _FARTHEST_SECONDS:
        return Value(problem="a number that cannot be a time of GCRA", sliding=True)
    resets = round(ahead * 1000)
    if not ahead:
        return Value(count=0, left=limit, sliding=True, ttl_is_reset=False)
    if not limit or window is None:
        why = "a time of GCRA: its limit is not known"
        return Value(problem=why, lacks="limit", sliding=True, resets_ms=resets, ttl_is_reset=False)
    left = max(0, limit + math.floor(-ahead / (window / limit)))
    return Value(count=limit - left, left=left, sliding=True, resets_ms=resets, ttl_is_reset=False)


def lasting_pair(current: int, before: int, *, ttl: int, before_ttl: int, window: float) -> Value:
    """Return current + floor(previous × its TTL ÷ window), the sliding window counter of the library limits.

    The present window ends one window before its key's TTL does. If a key has at most one window left to live, limits
    moves it to the place of the previous window with the next request: it is read as if that were done. A key without a
    TTL is never moved, so it is stuck. Times are in milliseconds, ``window`` in seconds.
    """
    length = round(window * 1000)
    if ttl < 0:
        return Value(count=current + before * max(0, before_ttl) // length)
    if ttl < length:
        return Value(count=current * ttl // length, sliding=True, resets_ms=ttl)
    return Value(count=current + before * max(0, before_ttl) // length, sliding=True, resets_ms=ttl - length)


def weighted_pair(current: int, before: int, elapsed: float) -> int:
    """Return current + floor((1 - elapsed) × previous) (throttled-py, @upstash/ratelimit: sliding window).

    ``elapsed`` is the part of the present window that has passed, from 0 to 1.
    """
    return current + math.floor((1 - min(1.0, max(0.0, elapsed))) * before)


def clock_of(reply: object) -> float | None:
    """Return the server's time in epoch seconds from its reply to TIME; None where it gave none."""
    if not isinstance(reply, list) or len(reply) != 2:
        return None
    seconds, micros = (decimal(one) for one in reply)
    if seconds is None or micros is None:
        return None
    return seconds + micros / 1e6


def decimal(reply: object) -> float | None:
    """Return the number that a reply of at most 40 bytes holds; None for anything else."""
    if isinstance(reply, int):
        return float(reply)
    if not isinstance(reply, bytes) or len(reply) > LONGEST_NUMBER or not _NUMBER.fullmatch(reply):
        return None
    number = float(reply)
    if math.isfinite(number):
        return number
    return None


def unit_of(reply: object, now: float) -> int | None:
    """Return how many units a second has, if the number is a time near ``now`` (epoch seconds); else None."""
    number = decimal(reply)
    if number is None:
        return None
    return next((unit for unit in UNITS if now * unit / NEAR_NOW <= number <= now * unit * NEAR_NOW), None)


def time_of(reply: object, unit: int) -> float | None:
    """Return a time in epoch seconds, from a reply with ``unit`` units a second; None if it is not a number."""
    number = decimal(reply)
    if number is None:
        return None
    return number / unit
