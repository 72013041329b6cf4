"""Which keys of a group pass a filter, and in which order they stand, as row numbers: no key is copied.

What can be decided for a whole group, or by searching the names as one text, is; only the rest looks at key after key.
"""

import operator
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, overload

from optimus_tui.contract.keyspace import KeyDetail
from optimus_tui.grammar.filter import Filter, FilterTerm
from optimus_tui.index.name_table import NameTable, rows_with
from optimus_tui.tui.panes.base import RowFields
from optimus_tui.wording.safe import safe_text

FIELDS = ("text", "key", "kind", "tenant", "ttl", "size", "type", "expires")
LONGEST = 4_096
"""Characters of a name that a filter looks at."""
SLICE = 1_000
"""Keys looked at one by one between two turns of the event loop: two to four milliseconds."""
BUCKET = 8_192
"""Keys sorted at one go."""
NEVER_LAST, UNKNOWN_LAST = 1 << 61, 1 << 62
_LAST = {-1: NEVER_LAST}
_EXPIRES = {-1: "never", -2: "unknown"}
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "=": operator.eq,
}  # fmt: skip
_ALONE = re.compile(r"\\[ABZ]|\(\?")
"""What may mean something else in many names on lines of one text than in each name alone."""
TRIED, MANY = 32, 8
"""If MANY of TRIED names match, each name is searched by itself: one search of all is faster only where few match."""
Leaves = Sequence[tuple[NameTable, "array[int]"]]


class KeyFields(RowFields):
    """The fields of one key at a time: the key last passed to ``of``.

    ``ttl`` is in seconds, None for a key that never expires or whose TTL is unknown; ``size`` (bytes) and ``type`` are
    known once the key's details were read; ``expires`` is "never", "yes" or "unknown". One object serves all keys in
    turn, because creating one for each would be slow.
    """

    NAMES = FIELDS

    def __init__(self, kind: bytes, tenant: bytes, details: Mapping[bytes, KeyDetail], now_ms: int) -> None:
        self._words = {"kind": safe_text(kind), "tenant": safe_text(tenant)}
        self._details, self._now_ms = details, now_ms
        self._name, self._at = b"", -2

    def of(self, name: bytes, at: int) -> "KeyFields":
        """Look at this key from now on; ``at`` is its expiry."""
        self._name, self._at = name, at
        return self

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field of the key."""
        if key in ("text", "key"):
            if self._name.isascii() and (text := self._name.decode("ascii")).isprintable():
                return text
            return safe_text(self._name, LONGEST)
        if key in self._words:
            return self._words[key]
        if key == "expires":
            return _EXPIRES.get(self._at, "yes")
        if key == "ttl":
            if self._at >= 0:
                return max(0.0, (self._at - self._now_ms) / 1000)
            return None
        if key in FIELDS:
            detail = self._details.get(self._name)
            if detail is None:
                return None
            if key == "size":
                return detail.bytes_used
            return detail.type
        return default

    def __getitem__(self, key: str) -> str | float | None:
        if key not in FIELDS:
            raise KeyError(key)
        return self.get(key)  # type: ignore[no-any-return]


class KeyRun(Sequence[bytes]):
    """The names of one group as they are shown: those at ``rows``, counted through all leaves; None for all."""

    def __init__(self, leaves: Leaves, rows: Sequence[int] | None = None, in_order: bool = True) -> None:
        self.leaves, self.rows, self._in_order = leaves, rows, in_order
        self._starts: list[int] = []
        self.total = 0
        """Names in all leaves."""
        for names, _ in leaves:
            self._starts.append(self.total)
            self.total += len(names)

    def __len__(self) -> int:
        if self.rows is None:
            return self.total
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        row = range(self.total)[index] if self.rows is None else self.rows[index]
        at = bisect_right(self._starts, row) - 1
        return self.leaves[at][0][row - self._starts[at]]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, bytes) and self._find(name) >= 0

    def index(self, name: bytes, start: int = 0, stop: int | None = None) -> int:
        """Return where a name stands.

        Raises:
            ValueError: it is not there.
        """
        at = self._find(name)
        if at < 0:
            raise ValueError("no such name")
        return at

    def _find(self, name: bytes) -> int:
        for start, (names, _) in zip(self._starts, self.leaves, strict=True):
            row = names.find(name)
            if row >= 0:
                return self._place(start + row)
        return -1

    def _place(self, row: int) -> int:
        if self.rows is None:
            return row
        if self._in_order:
            at = bisect_left(self.rows, row)
            if at < len(self.rows) and self.rows[at] == row:
                return at
            return -1
        if row in self.rows:
            return self.rows.index(row)
        return -1


class Picker:
    """Picks the keys of one group that pass a filter."""

    def __init__(
        self, kind: bytes, tenant: bytes, wanted: Filter, details: Mapping[bytes, KeyDetail], now_ms: int
    ) -> None:
        self._fields = KeyFields(kind, tenant, details, now_ms)
        self._now_ms = now_ms
        about_group = [term for term in wanted.terms if term.field in ("kind", "tenant")]
        self.none = not all(term(self._fields) for term in about_group)
        """Whether the group as a whole does not pass."""
        self.terms = sorted((term for term in wanted.terms if term not in about_group), key=self._cost)

    def _cost(self, term: FilterTerm) -> int:
        """Return how dear a term is: those that look at the fewest keys come first."""
        if self._rule(term) is not None:
            return 0
        return 1

    def _rule(self, term: FilterTerm) -> Callable[[NameTable, "array[int]", FilterTerm], Iterable[int]] | None:
        inner = term.negated or term
        if inner.field == "ttl" and inner.comparison is not None:
            return self._by_ttl
        if inner.field == "expires" and inner.comparison is None:
            return self._by_expiry
        if inner.field in ("text", "key") and inner.needle is not None:
            return _by_text
        if inner.regex is not None:
            if _ALONE.search(inner.regex.pattern):
                return _by_lines
            return _by_regex
        return None

    async def pick(self, leaves: Leaves, turn: Callable[[int], Any]) -> KeyRun:
        """Return the keys that pass; ``turn`` is awaited after each part with the number of keys looked at."""
        if not self.terms:
            return KeyRun(leaves)
        found, start = array("Q"), 0
        for names, expiries in leaves:
            rows: Sequence[int] = range(len(names))
            for term in self.terms:
                if not rows:
                    break
                rule = self._rule(term)
                if rule is not None and (names.plain or rule not in (_by_text, _by_lines, _by_regex)):
                    rows = _meet(rows, rule(names, expiries, term.negated or term), bool(term.negated))
                else:
                    rows = [row async for row in self._one_by_one(names, expiries, rows, term, turn)]
            found.extend([start + row for row in rows] if start else rows)
            start += len(names)
            await turn(len(names))
        return KeyRun(leaves, found)

    async def _one_by_one(
        self,
        names: NameTable,
        expiries: "array[int]",
        rows: Sequence[int],
        term: FilterTerm,
        turn: Callable[[int], Any],
    ) -> AsyncIterator[int]:
        of = self._fields.of
        for start in range(0, len(rows), SLICE):
            for row in rows[start : start + SLICE]:
                if term(of(names[row], expiries[row])):
                    yield row
            await turn(0)

    def _by_ttl(self, names: NameTable, expiries: "array[int]", term: FilterTerm) -> Iterable[int]:
        sign, seconds = term.comparison or ("=", 0.0)
        holds, now = _OPERATORS[sign], self._now_ms
        bound = now + seconds * 1000
        return [row for row, at in enumerate(expiries) if at >= 0 and holds(at if at > now else now, bound)]

    def _by_expiry(self, names: NameTable, expiries: "array[int]", term: FilterTerm) -> Iterable[int]:
        holds = {at: term(self._fields.of(b"", at)) for at in (-1, -2, 0)}
        return [row for row, at in enumerate(expiries) if holds[at if at < 0 else 0]]


def _meet(rows: Sequence[int], found: Iterable[int], negated: bool) -> Sequence[int]:
    """Return those of ``rows`` that were found, or the others."""
    if not negated and isinstance(rows, range):
        return list(found)
    hits = set(found)
    return [row for row in rows if (row in hits) != negated]


def _by_text(names: NameTable, expiries: "array[int]", term: FilterTerm) -> Iterable[int]:
    needle = (term.needle or "").encode("utf-8", "surrogateescape")
    if needle in names.shared.lower():
        return range(len(names))
    return rows_with(names.lines().lower(), needle)


def _by_lines(names: NameTable, expiries: "array[int]", term: FilterTerm) -> Iterable[int]:
    assert term.regex is not None
    search = term.regex.search
    return [row for row, line in enumerate(names.lines().decode("ascii").split("\n")) if search(line)]


def _by_regex(names: NameTable, expiries: "array[int]", term: FilterTerm) -> Iterable[int]:
    assert term.regex is not None
    alone = term.regex.search
    if sum(alone(name.decode("ascii")) is not None for name in names[:: len(names) // TRIED + 1]) >= MANY:
        yield from _by_lines(names, expiries, term)
        return
    search, text = re.compile(term.regex.pattern, term.regex.flags | re.MULTILINE).search, names.lines().decode("ascii")
    row = begin = 0
    while hit := search(text, begin):
        first = text.rfind("\n", begin, hit.start()) + 1 or begin
        row += text.count("\n", begin, first)
        end = text.find("\n", first)
        if end < 0:
            end = len(text)
        if alone(text[first:end]):  # the hit may go on over the end of its line
            yield row
        row, begin = row + 1, end + 1
        if begin > len(text):
            return


async def order_rows(
    run: KeyRun, sort: str, reverse: bool, details: Mapping[bytes, KeyDetail], turn: Callable[[int], Any]
) -> KeyRun:
    """Return the keys of ``run`` in another order: by name, by the time left, or by size."""
    rows: Sequence[int] = range(run.total) if run.rows is None else run.rows
    if sort == "key":
        if reverse:
            return KeyRun(run.leaves, rows[::-1], in_order=False)
        return run
    ranks: list[int] = []
    for names, expiries in run.leaves:
        if sort != "ttl":
            ranks += _by_size(names, details)
        elif min(expiries, default=0) >= 0:
            ranks += expiries
        else:
            ranks += [at if at >= 0 else _LAST.get(at, UNKNOWN_LAST) for at in expiries]
        await turn(0)
    return KeyRun(run.leaves, await _sorted(rows, ranks, reverse, turn), in_order=False)


def _by_size(names: NameTable, details: Mapping[bytes, KeyDetail]) -> list[int]:
    """Return minus the size of each key, 0 where it is unknown."""
    ranks = [0] * len(names)
    for name, detail in details.items():
        row = names.find(name) if detail.bytes_used and name.startswith(names.shared) else -1
        if row >= 0:
            ranks[row] = -(detail.bytes_used or 0)
    return ranks


async def _sorted(
    rows: Sequence[int], ranks: Sequence[int], reverse: bool, turn: Callable[[int], Any]
) -> Sequence[int]:
    """Return ``rows`` by their ranks: spread over buckets that are in order, each too small to be noticed."""
    rank = ranks.__getitem__
    if len(rows) <= BUCKET:
        return array("Q", sorted(rows, key=rank, reverse=reverse))
    step = len(rows) // (4 * (len(rows) // BUCKET + 1))
    bounds = sorted(map(rank, rows[::step]))[::4]
    buckets: list[list[int]] = [[] for _ in range(len(bounds) + 1)]
    for start in range(0, len(rows), BUCKET):
        for row in rows[start : start + BUCKET]:
            buckets[bisect_right(bounds, ranks[row])].append(row)
        await turn(0)
    ordered = array("Q")
    for bucket in reversed(buckets) if reverse else buckets:
        bucket.sort(key=rank, reverse=reverse)
        ordered.extend(bucket)
        await turn(0)
    return ordered
