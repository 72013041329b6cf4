"""Read a counter's value: which commands it needs, and what the replies mean. Pure.

``read_value`` is a generator: it yields the commands of one round trip, is sent their replies, and returns a ``Value``.
So the caller can run many of them side by side, with one round trip for each step of all. If a counter's rule allows
one kind of value (``count``, ``bucket`` …), it is read as that kind at once; if it allows several, it is read as a
string first and, if that fails, by its type. Each kind is judged as its library does; the function that reads it names
the formula.
"""

import math
from collections.abc import Generator
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.keyspace import NO_WINDOW, LimitRules
from optimus_tui.dialects.formulas import (
    NEAR_NOW,
    NOT_A_NUMBER,
    NOT_READABLE,
    UNITS,
    Failed,
    Value,
    bucket_value,
    clock_of,
    count_value,
    gcra_value,
    json_value,
    lasting_pair,
    remaining_value,
    time_of,
    unit_of,
    weighted_pair,
)
from optimus_tui.dialects.layout import CounterName, key_of
from optimus_tui.dialects.windows import WindowFrame, frame_of, is_stamped, limit_of

ZSET, LIST = "a sorted set", "a list"
PROBES = 16
"""Elements of a list that are asked for in one step, so that 16, 256 and 4,096 entries take one, two and three."""
MOST_STEPS = 8
KINDS = {b"list": LIST, b"hash": "a hash", b"set": "a set", b"zset": ZSET, b"stream": "a stream", b"string": "a string"}

Command = tuple[str | bytes | int, ...]
Steps = Generator[list[Command], list[Any], Value]
"""A reader: it yields the commands of one round trip, is sent their replies (errors as ``Failed``), returns a value."""
TIME: Command = ("TIME",)


def read_value(key: bytes, name: CounterName, rules: LimitRules | None = None) -> Steps:
    """Return the steps that read one counter.

    Args:
        key: Its name.
        name: Its name as read.
        rules: The limits in force, for what the name does not say; None for none.
    """
    return _ValueReader(key, name, rules).steps()


class _ValueReader:
    """One counter being read."""

    def __init__(self, key: bytes, name: CounterName, rules: LimitRules | None) -> None:
        self.key, self.name, self.rule, self.rules = key_of(key), name, name.rule, rules
        self.kinds = self.rule.values
        self.sole = self.kinds[0] if len(self.kinds) == 1 else ""
        self.limit = limit_of(name, rules)
        self.now: float | None = None
        self.pttl: int | None = None
        self.frame = WindowFrame()

    def steps(self) -> Steps:
        first = self._first()
        clock = [TIME] * (is_stamped(self.name) or self.sole in ("log", "bucket", "gcra"))
        flag: list[Command] = [("PTTL", self.name.companion(self.rule.blocked, self.key))] if self.rule.blocked else []
        replies = yield [*first, ("PTTL", self.key), *flag, *clock]
        self.pttl = replies[len(first)] if isinstance(replies[len(first)], int) else None
        if clock:
            self.now = clock_of(replies[-1])
        self.frame = frame_of(self.name, self.rules, self.now)
        if self.pttl == -2 or (first and first[0][0] == "GET" and replies[0] is None):
            return Value(gone=True)
        if self.frame.over and self.sole != "pair":
            return Value(over=True)
        value = yield from self._read(replies[: len(first)])
        blocked_ms = replies[len(first) + 1] if flag else -2
        return self._whole(value, blocked_ms if isinstance(blocked_ms, int) else -2)

    def _first(self) -> list[Command]:
        """Return the commands that fit the only kind; for several kinds, the one for a string."""
        bucket = self.rule.bucket
        if self.sole == "bucket" and bucket.level_field:
            fields = [one.encode() for one in (bucket.level_field, bucket.at_field) if one]
            return [("HMGET", self.key, *fields), *self._refilled_at()]
        if self.sole == "bucket":
            return [("GET", self.key), *self._refilled_at()]
        if self.sole == "pair":
            before = self.name.window_before(self.key)
            return [("GET", self.key), ("GET", before), ("PTTL", before)]
        if self.sole in ("log", "card", "blocked"):
            return {"log": [("TYPE", self.key)], "card": [("SCARD", self.key)], "blocked": []}[self.sole]  # type: ignore[return-value]
        return [("GET", self.key)]

    def _refilled_at(self) -> list[Command]:
        template = self.rule.bucket.at_key
        if template is not None:
            return [("GET", template.fill(self.name.parts))]
        return []

    def _read(self, replies: list[Any]) -> Steps:
        if self.sole == "blocked":
            return Value(blocked=True)
        first = replies[0]
        if self.sole == "log" and isinstance(first, bytes):
            return (yield from self._by_type(first))
        if first is Failed.WRONG_TYPE:
            (kind,) = yield [("TYPE", self.key)]
            return (yield from self._by_type(kind if isinstance(kind, bytes) else b"?"))
        if isinstance(first, Failed):
            return Value(problem=NOT_READABLE)
        if self.sole == "card":
            return count_value(first)
        if self.sole == "bucket":
            return self._bucket(replies)
        if self.sole == "pair":
            return (yield from self._pair(replies))
        if not isinstance(first, bytes):
            return Value(problem=NOT_A_NUMBER)
        return (yield from self._string(first))

    def _string(self, text: bytes) -> Steps:
        """Read a string by the first kind that is one; a rule that has none expects another type."""
        kind = next((one for one in self.kinds if one not in ("log", "card", "blocked")), "")
        if kind == "remaining":
            return remaining_value(text, self.limit)
        if kind == "gcra":
            if self.now is None:
                self.now = clock_of((yield [TIME])[0])
            return gcra_value(text, epoch=self.rule.epoch, limit=self.limit, window=self.frame.seconds, now=self.now)
        if kind == "json":
            return json_value(text, self.rule.json_path)
        if kind == "pair" and "count" in self.kinds and not self._outlasts():
            return count_value(text)
        if kind == "pair":
            before = self.name.window_before(self.key)
            replies = yield [("GET", before), ("PTTL", before)]
            return replace((yield from self._pair([text, *replies])), stops=True)
        if kind == "bucket":
            at = yield [*self._refilled_at(), TIME]
            self.now = clock_of(at.pop())
            return self._bucket([text, *at])
        if kind:
            return count_value(text)
        return Value(problem=KINDS[b"string"])

    def _outlasts(self) -> bool:
        """Return whether the key lives longer than one window: it is kept to be weighed in the next one."""
        return self.frame.seconds is not None and (self.pttl or 0) > self.frame.seconds * 1000

    def _by_type(self, kind: bytes) -> Steps:
        """Read what is not a string. A sorted set always counts as a window's log: no other limiter writes one."""
        if kind == b"none":
            return Value(gone=True)
        if kind == b"zset" and "card" in self.kinds:
            return count_value((yield [("ZCARD", self.key)])[0])
        if kind == b"set" and "card" in self.kinds:
            return count_value((yield [("SCARD", self.key)])[0])
        if kind == b"zset" or (kind == b"list" and "log" in self.kinds):
            return (yield from self._log(kind))
        if kind == b"hash" and "bucket" in self.kinds and self.rule.bucket.level_field:
            bucket = self.rule.bucket
            fields = [one.encode() for one in (bucket.level_field, bucket.at_field) if one]
            *replies, time = yield [("HMGET", self.key, *fields), *self._refilled_at(), TIME]
            self.now = clock_of(time)
            return self._bucket(replies)
        if kind == b"string" and self.sole == "log":
            return Value(problem=KINDS[kind])
        return Value(problem=KINDS.get(kind, "another type"))

    # -- a log of times ----------------------------------------------------------------------------------------------

    def _log(self, kind: bytes) -> Steps:
        """Read the entries inside the window: (now - window, now], by the server's clock."""
        window, what = self.frame.seconds, ZSET if kind == b"zset" else LIST
        if window is None:
            return Value(problem=NO_WINDOW.replace(ZSET, what), lacks="window", sliding=True)
        if self.now is None:
            self.now = clock_of((yield [TIME])[0])
        if self.now is None:
            return Value(problem=f"{what}: TIME is not allowed", sliding=True)
        if kind == b"zset":
            return (yield from self._sorted_set(window, self.now))
        return (yield from self._list(window, self.now))

    def _sorted_set(self, window: float, now: float) -> Steps:
        """Count as ZCOUNT does (pyrate-limiter, cashews, Tyk, home-made). No member is ever read.

        The unit of the scores is found out: present times in s, ms, us and ns differ by a factor of a thousand, so each
        unit has a range of its own.
        """
        units = UNITS if self.rule.score is None else (self.rule.score,)
        commands: list[Command] = [("ZCARD", self.key)]
        for unit in units:
            commands += [
                ("ZCOUNT", self.key, f"({(now - window) * unit:.6f}", f"{now * unit * NEAR_NOW:.6f}"),
                ("ZCOUNT", self.key, f"{now * unit / NEAR_NOW:.6f}", f"{now * unit * NEAR_NOW:.6f}"),
            ]
        replies = yield commands
        if not all(isinstance(reply, int) for reply in replies):
            denied = Failed.DENIED in replies
            return Value(problem=f"{ZSET}: ZCOUNT is not allowed" if denied else f"{ZSET}, not readable", sliding=True)
        size, inside, times = replies[0], sum(replies[1::2]), sum(replies[2::2])
        if size and not times:
            return Value(problem=f"{ZSET}: its scores are not times", sliding=True)
        return Value(count=inside, sliding=True)

    def _list(self, window: float, now: float) -> Steps:
        """Count the entries of a list of times, newest first, by halving it (limits: moving window).

        limits: entries at or after now - window, and the window resets when the oldest of these leaves it. The list
        never has more entries than the limit.
        """
        size, oldest = yield [("LLEN", self.key), ("LINDEX", self.key, -1)]
        if not isinstance(size, int) or isinstance(oldest, Failed):
            return Value(problem=f"{LIST}: LLEN and LINDEX are not allowed", sliding=True)
        unit = self.rule.score or unit_of(oldest, now)
        inside, last, low, high = 0, math.inf, 0, size - 1
        if unit is None:
            return Value(problem=f"{LIST}: its entries are not times", sliding=True)
        since = now - window
        if (at := time_of(oldest, unit)) is not None and at >= since:
            inside, last, low = size, at, size
        for _ in range(MOST_STEPS):
            if low > high:
                break
            step = max(1, -(-(high - low + 1) // PROBES))
            places = range(low, high + 1, step)
            for place, entry in zip(places, (yield [("LINDEX", self.key, place) for place in places]), strict=True):
                at = time_of(entry, unit)
                if at is None and entry is not None:
                    return Value(problem=f"{LIST}: its entries are not times", sliding=True)
                if at is None or at < since:
                    high = place - 1
                    break
                inside, last, low = place + 1, at, place + 1
        resets = max(0, round((last + window - now) * 1000)) if inside else 0
        return Value(count=inside, sliding=True, resets_ms=resets, stops=True)

    # -- two windows -------------------------------------------------------------------------------------------------

    def _pair(self, replies: list[Any]) -> Steps:
        current, before = count_value(replies[0]), count_value(replies[1] or b"0")
        window = self.frame.seconds
        if current.count is None:
            return current
        if before.count is None:
            return Value(problem=f"the window before: {before.problem}")
        if window is None:
            if self.frame.over:
                return Value(over=True)
            return Value(problem="a pair of windows: their length is not known", lacks="window", sliding=True)
        if self.rule.previous == "index-1":
            return (yield from self._weighted(current.count, before.count, window))
        ttl = -1 if self.pttl is None else self.pttl
        before_ttl = replies[2] if isinstance(replies[2], int) else 0
        return lasting_pair(current.count, before.count, ttl=ttl, before_ttl=before_ttl, window=window)

    def _weighted(self, current: int, before: int, window: float) -> Steps:
        """Weigh two windows. One that has ended still weighs while the next one has no request."""
        ends_in = self.frame.ends_in or 0.0
        if not self.frame.over:
            return Value(count=weighted_pair(current, before, 1 - ends_in / window), sliding=True)
        if ends_in + window <= 0:
            return Value(over=True)
        (after,) = yield [("GET", self.name.window_beside(self.key, 1))]
        if after is not None:
            return Value(over=True)
        resets = round((ends_in + window) * 1000)
        return Value(count=weighted_pair(0, current, -ends_in / window), sliding=True, resets_ms=resets)

    def _bucket(self, replies: list[Any]) -> Value:
        fields = [item for reply in replies for item in (reply if isinstance(reply, list) else [reply])]
        level, at = [*fields, None, None][:2]
        return bucket_value(self.rule.bucket, level, at, limit=self.limit, window=self.frame.seconds, now=self.now)

    # -- all kinds ---------------------------------------------------------------------------------------------------

    def _whole(self, value: Value, blocked_ms: int) -> Value:
        """Return the value with what does not depend on its kind."""
        if value.gone or value.over:
            return value
        frame, ttl, blocked = self.frame, self.pttl, value.blocked or blocked_ms != -2
        resets, by_ttl = value.resets_ms, value.ttl_is_reset
        if resets is None and by_ttl and (frame.stamped or self.rule.resets == "window"):
            resets, by_ttl = frame.ends_in_ms, False
        elif resets is None and by_ttl and self.rule.resets == "ttl-window":
            resets, by_ttl = _less_window(ttl, frame.seconds), False
        if blocked_ms >= 0:
            resets = blocked_ms
        by_ttl = by_ttl and resets is None
        own = self.name.window_seconds if not frame.stamped else frame.seconds
        return replace(
            value,
            blocked=blocked,
            ttl_ms=ttl,
            resets_ms=resets,
            ttl_is_reset=by_ttl,
            limit=self.name.limit,
            window_seconds=own,
            starts=frame.starts,
        )


def _less_window(ttl: int | None, seconds: float | None) -> int | None:
    """Return the TTL less one window: limits keeps a key for two."""
    if ttl is None or ttl < 0 or seconds is None:
        return None
    if ttl >= seconds * 1000:
        return int(ttl - seconds * 1000)
    return ttl
