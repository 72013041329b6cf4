"""The cache tree flattened to rows: which groups are open, which keys pass the filter, in which order.

Made in slices, so that a hundred thousand keys never block the screen. Keys are not copied into objects: a row is
composed when it is read.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, overload

from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KeyDetail
from optimus_tui.grammar.filter import EVERYTHING, Filter
from optimus_tui.tui.panes.cache.picking import FIELDS, KeyRun, Leaves, Picker, order_rows

__all__ = ["FIELDS"]

TURN_KEYS = 16_384
"""Keys looked at, many at once, between two turns of the event loop."""
GROUPS_A_TURN = 64
GroupId = tuple[bytes, bytes | None]
"""A kind, or a tenant within a kind."""


class KeyIndex(Protocol):
    """The part of the live index that the tree needs.

    Expiries are milliseconds of the monotonic clock, -1 never, -2 unknown.
    """

    def leaves(self, kind: bytes, tenant: bytes) -> Leaves:
        """Return the names of a tenant's keys of one kind, in parts with the expiries beside them."""

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
    """The options of the tree. ``closed`` are the groups that were closed by hand while a filter is set."""

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
    """Ordered, filtered keys by group, kept as long as they must be the same."""

    def __init__(self) -> None:
        self._made_for: tuple[object, ...] = ()
        self._report: CacheReport | None = None
        self._lists: dict[GroupId, KeyRun] = {}
        self._since_turn = 0
        self.looked = self.total = 0
        """Keys looked at so far to make the present lists, and how many there are in all."""

    def begin(self, report: CacheReport, options: TreeOptions) -> None:
        """Forget lists that may have changed: always if sorted by TTL or size or filtered, else if names changed."""
        made_for = (report.version, options.sort, options.reverse, options.filter.text)
        moving = report is not self._report and (options.sort != "key" or bool(options.filter))
        if made_for != self._made_for or moving:
            self._made_for, self._lists = made_for, {}
        self._report = report
        self.looked, self.total = 0, report.keys

    async def of(self, group: GroupTotals, index: KeyIndex, options: TreeOptions) -> KeyRun:
        """Return one tenant's keys as they are shown: filtered and sorted."""
        known = self._lists.get(group_id(group))
        if known is None:
            known = await self._made(group, index, options)
            self._lists[group_id(group)] = known
        return known

    async def _made(self, group: GroupTotals, index: KeyIndex, options: TreeOptions) -> KeyRun:
        tenant = group.tenant or b""
        picker = Picker(group.kind, tenant, options.filter, options.details, options.now_ms)
        if picker.none:
            self.looked += group.keys
            await self._turn(GROUPS_A_TURN)
            return KeyRun(())
        run = await picker.pick(index.leaves(group.kind, tenant), self._turn)
        return await order_rows(run, options.sort, options.reverse, options.details, self._turn)

    async def _turn(self, keys: int) -> None:
        """Let others run once enough keys were looked at; 0 stands for a slice that took its time."""
        self.looked += keys
        self._since_turn += keys or TURN_KEYS
        if self._since_turn >= TURN_KEYS:
            self._since_turn = 0
            await asyncio.sleep(0)


async def build_tree(report: CacheReport, index: KeyIndex, options: TreeOptions, lists: KeyLists) -> TreeRows:
    """Return all rows. With a filter, groups without a matching key are left out and the others are open."""
    lists.begin(report, options)
    rows = TreeRows(options)
    for kind in report.kinds:
        matching: list[GroupTotals] = []
        for tenant in kind.tenants if options.filter else ():
            if count := len(await lists.of(tenant, index, options)):
                rows.matched[group_id(tenant)] = count
                matching.append(tenant)
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
