"""The cache tree flattened to rows: which groups are open, which keys pass the filter, in which order.

Made in slices, so that a hundred thousand keys never block the screen. Keys are not copied into objects: a row is
composed when it is read.
"""

import asyncio
import heapq
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol, overload

from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KeyDetail
from optimus_tui.grammar.filter import EVERYTHING, Filter
from optimus_tui.tui.panes.base import RowFields
from optimus_tui.wording.safe import safe_text

FIELDS = ("text", "key", "kind", "tenant", "ttl", "size", "type", "expires")
LONGEST = 4_096
"""Characters of a name that a filter looks at."""
SLICE = 1_000
"""Keys looked at between two turns of the event loop: two to four milliseconds."""
GroupId = tuple[bytes, bytes | None]
"""A kind, or a tenant within a kind."""
RUN = 8_000
"""Names sorted at one go."""
NEVER_LAST, UNKNOWN_LAST = 1 << 62, 1 << 63
_LAST = {-1: NEVER_LAST}


class KeyFields(RowFields):
    """The fields of one key at a time: the key last passed to ``of``.

    ``ttl`` is in seconds, None for a key that never expires or whose TTL is unknown; ``size`` (bytes) and ``type`` are
    known once the key's details were read; ``expires`` is "never", "yes" or "unknown". One object serves all keys in
    turn, because creating one for each would be slow.
    """

    NAMES = FIELDS

    def __init__(
        self,
        kind: bytes,
        tenant: bytes,
        expires_ms: Callable[[bytes, bytes, bytes], int],
        details: Mapping[bytes, KeyDetail],
        now_ms: int,
    ) -> None:
        self._kind, self._tenant = kind, tenant
        self._words = {"kind": safe_text(kind), "tenant": safe_text(tenant)}
        self._expires_ms, self._details, self._now_ms = expires_ms, details, now_ms
        self._name = b""

    def of(self, name: bytes) -> "KeyFields":
        """Switch to this key."""
        self._name = name
        return self

    def get(self, key: str, default: Any = None) -> Any:
        """Return a field of the key."""
        if key in ("text", "key"):
            if self._name.isascii() and (text := self._name.decode("ascii")).isprintable():
                return text
            return safe_text(self._name, LONGEST)
        if key in self._words:
            return self._words[key]
        if key in ("ttl", "expires"):
            return self._expiry(key)
        if key in FIELDS:
            detail = self._details.get(self._name)
            if detail is None:
                return None
            return detail.bytes_used if key == "size" else detail.type
        return default

    def _expiry(self, key: str) -> str | float | None:
        at = self._expires_ms(self._kind, self._tenant, self._name)
        if key == "expires":
            if at >= 0:
                return "yes"
            return "never" if at == -1 else "unknown"
        return max(0.0, (at - self._now_ms) / 1000) if at >= 0 else None

    def __getitem__(self, key: str) -> str | float | None:
        if key not in FIELDS:
            raise KeyError(key)
        return self.get(key)  # type: ignore[no-any-return]


class KeyIndex(Protocol):
    """What the tree needs from the live index.

    Expiries are milliseconds of the monotonic clock, -1 never, -2 unknown.
    """

    def names(self, kind: bytes, tenant: bytes) -> list[bytes]:
        """Return the names of a tenant's keys of one kind."""

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        """Return when a key expires."""


class KeyRow(NamedTuple):
    """One key in an open group."""

    group: GroupTotals
    name: bytes


def group_id(totals: GroupTotals) -> GroupId:
    """Return the identity of a group, which is the same in all reports."""
    return totals.kind, totals.tenant


@dataclass(frozen=True)
class TreeOptions:
    """What the tree shows, and its order. ``closed`` are the groups that were closed by hand while a filter is set."""

    opened: frozenset[GroupId] = frozenset()
    closed: frozenset[GroupId] = frozenset()
    filter: Filter = EVERYTHING
    sort: str = "key"
    reverse: bool = False
    now_ms: int = 0
    details: Mapping[bytes, KeyDetail] = field(default_factory=dict)

    def is_open(self, group: GroupId) -> bool:
        """Return True if a group's members are shown."""
        if self.filter:
            return group not in self.closed
        return group in self.opened


class TreeRows(Sequence[GroupTotals | KeyRow]):
    """A sequence of rows, stored as runs: groups as objects, keys as bare names with their group's totals."""

    def __init__(self, options: TreeOptions | None = None) -> None:
        self.options = options or TreeOptions()
        """What they were made for."""
        self._starts: list[int] = []
        self._runs: list[tuple[GroupTotals | None, Sequence[GroupTotals] | Sequence[bytes]]] = []
        self._size = 0
        self.matched: dict[GroupId, int] = {}
        """Keys that pass the filter, by group; empty without a filter."""
        self.keys_matched: int | None = None

    def add(self, group: GroupTotals | None, run: Sequence[GroupTotals] | Sequence[bytes]) -> None:
        """Append a run: keys of ``group``, or groups when it is None."""
        if run:
            self._starts.append(self._size)
            self._runs.append((group, run))
            self._size += len(run)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> GroupTotals | KeyRow: ...

    @overload
    def __getitem__(self, index: slice) -> "list[GroupTotals | KeyRow]": ...

    def __getitem__(self, index: int | slice) -> "GroupTotals | KeyRow | list[GroupTotals | KeyRow]":
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._size))]
        if index < 0:
            index += self._size
        if not 0 <= index < self._size:
            raise IndexError(index)
        at = bisect_right(self._starts, index) - 1
        group, run = self._runs[at]
        item: Any = run[index - self._starts[at]]
        if group is None:
            return item  # type: ignore[no-any-return]
        return KeyRow(group, item)

    def index_of(self, key: object) -> int | None:
        """Return the index of a group (by its id) or a key (by its name); None if it is gone."""
        run: Sequence[Any]
        for start, (group, run) in zip(self._starts, self._runs, strict=True):
            if isinstance(key, bytes) and group is not None and key in run:
                return start + run.index(key)
            if isinstance(key, tuple) and group is None:
                for offset, totals in enumerate(run):
                    if isinstance(totals, GroupTotals) and group_id(totals) == key:
                        return start + offset
        return None

    def index_above(self, row: GroupTotals | KeyRow) -> int | None:
        """Return the index of the group that a key or a tenant belongs to; None for a kind."""
        if isinstance(row, KeyRow):
            return self.index_of(group_id(row.group))
        if row.tenant is None:
            return None
        return self.index_of((row.kind, None))


class KeyLists:
    """A cache of sorted, filtered names by group, valid as long as they cannot have changed."""

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._report: CacheReport | None = None
        self._lists: dict[GroupId, list[bytes]] = {}

    def begin(self, report: CacheReport, options: TreeOptions) -> None:
        """Forget lists that may have changed: always if sorted by TTL or size or filtered, else if names changed."""
        made_for = (report.version, options.sort, options.reverse, options.filter.text)
        moving = report is not self._report and (options.sort != "key" or bool(options.filter))
        if made_for != self._made_for or moving:
            self._made_for, self._lists = made_for, {}
        self._report = report

    async def of(self, group: GroupTotals, index: KeyIndex, options: TreeOptions) -> list[bytes]:
        """Return the names of one tenant's keys, filtered and sorted."""
        known = self._lists.get(group_id(group))
        if known is None:
            tenant = group.tenant or b""
            names = index.names(group.kind, tenant)
            if options.filter:
                names = await pick(names, group, index, options)
            order = await order_for(names, group, index, options)
            known = await sort_names(names, order, options.reverse)
            self._lists[group_id(group)] = known
        return known


async def pick(names: list[bytes], group: GroupTotals, index: KeyIndex, options: TreeOptions) -> list[bytes]:
    """Return the names that pass the filter."""
    fields = KeyFields(group.kind, group.tenant or b"", index.expires_ms, options.details, options.now_ms)
    matches, of = options.filter.matches, fields.of
    found: list[bytes] = []
    for start in range(0, len(names), SLICE):
        found += [name for name in names[start : start + SLICE] if matches(of(name))]
        await asyncio.sleep(0)
    return found


async def order_for(
    names: list[bytes], group: GroupTotals, index: KeyIndex, options: TreeOptions
) -> Callable[[bytes], int] | None:
    """Return the function that gives a name's sort key; None to sort by the name itself."""
    if options.sort == "key":
        return None
    expires, tenant, details = index.expires_ms, group.tenant or b"", options.details
    order: dict[bytes, int] = {}
    for start in range(0, len(names), SLICE):
        for name in names[start : start + SLICE]:
            if options.sort == "size":
                detail = details.get(name)
                order[name] = -(detail.bytes_used or 0) if detail else 0
            else:
                at = expires(group.kind, tenant, name)
                order[name] = at if at >= 0 else _LAST.get(at, UNKNOWN_LAST)
        await asyncio.sleep(0)
    return order.__getitem__


async def sort_names(names: list[bytes], order: Callable[[bytes], int] | None, reverse: bool) -> list[bytes]:
    """Return ``names`` sorted: short runs by ``list.sort``, merged in slices, so that the screen is not blocked."""
    runs: list[list[bytes]] = []
    key: Any = order
    for start in range(0, len(names), RUN):
        run = names[start : start + RUN]
        run.sort(key=key, reverse=reverse)
        runs.append(run)
        await asyncio.sleep(0)
    if not runs:
        return []
    if len(runs) == 1:
        return runs[0]
    merged = heapq.merge(*runs, key=key, reverse=reverse)
    found: list[bytes] = []
    while part := list(islice(merged, SLICE)):
        found += part
        await asyncio.sleep(0)
    return found


async def build_tree(report: CacheReport, index: KeyIndex, options: TreeOptions, lists: KeyLists) -> TreeRows:
    """Return all rows. With a filter, groups without a matching key are left out and the others are open."""
    lists.begin(report, options)
    rows = TreeRows(options)
    seen = 0
    for kind in report.kinds:
        matching: list[GroupTotals] = []
        for tenant in kind.tenants if options.filter else ():
            seen += 1
            if count := len(await lists.of(tenant, index, options)):
                rows.matched[group_id(tenant)] = count
                matching.append(tenant)
            if seen % SLICE == 0:
                await asyncio.sleep(0)
        if options.filter:
            if not matching:
                continue
            rows.matched[group_id(kind.totals)] = sum(rows.matched[group_id(t)] for t in matching)
        rows.add(None, (kind.totals,))
        if options.is_open(group_id(kind.totals)):
            await _add_tenants(rows, matching if options.filter else kind.tenants, index, options, lists)
    if options.filter:
        rows.keys_matched = sum(rows.matched.get(group_id(kind.totals), 0) for kind in report.kinds)
    return rows


async def _add_tenants(
    rows: TreeRows, tenants: Sequence[GroupTotals], index: KeyIndex, options: TreeOptions, lists: KeyLists
) -> None:
    """Add the tenants of a kind: closed ones stay one run; an open one ends it and adds its keys."""
    start = 0
    for at, tenant in enumerate(tenants):
        if options.is_open(group_id(tenant)):
            rows.add(None, tenants[start : at + 1])
            rows.add(tenant, await lists.of(tenant, index, options))
            start = at + 1
    rows.add(None, tenants[start:])
