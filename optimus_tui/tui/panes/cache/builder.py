"""Makes the rows of the cache tree in slices while the old ones stay, and tells how far it is."""

from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

from textual.worker import Worker

from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KeyDetail
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.cache.picking import Leaves
from optimus_tui.tui.panes.cache.rows import (
    GroupId,
    KeyIndex,
    KeyLists,
    TreeOptions,
    TreeRows,
    build_tree,
    group_id,
)
from optimus_tui.tui.widgets.line_view import put_cursor

REMEMBERED = 4_096
"""Details of keys that were in view."""
REST_ROWS = 200_000
"""After a list of n rows was made, reports make no new one for n ÷ this many seconds."""
SORTS = ("key", "ttl", "size")


class _NoIndex:
    """Stands where the live index will be."""

    def leaves(self, kind: bytes, tenant: bytes) -> Leaves:
        return ()

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        return -2


class TreeBuilder:
    """Makes the rows of the tree again whenever data or options change."""

    def __init__(self, pane: Pane, place: Callable[[TreeRows], None]) -> None:
        self.pane, self._place = pane, place
        self.index: KeyIndex = _NoIndex()
        """The live index: names and expiries are looked up in it when rows are made and drawn."""
        self.options = TreeOptions()
        self.details: dict[bytes, KeyDetail] = {}
        self._lists = KeyLists()
        self._worker: Worker[Any] | None = None
        self._behind = False
        self._rest = 0
        self._shown: TreeOptions | None = None
        self._wanted: Hashable = None
        """The key of the row that the cursor goes to once the list with it is made."""

    def attach_index(self, index: KeyIndex) -> None:
        """Read from another index."""
        self.index, self._lists = index, KeyLists()

    def put_details(self, details: tuple[KeyDetail, ...]) -> None:
        """Keep the type, TTL and size just read of the keys in view."""
        for detail in details:
            self.details.pop(detail.key, None)
            self.details[detail.key] = detail
        while len(self.details) > REMEMBERED:
            del self.details[next(iter(self.details))]

    def change(self, **changes: Any) -> None:
        """Make rows for other options; a list that is being made for the old ones is dropped."""
        self.options = replace(self.options, **changes)
        self._build()

    def toggle(self, group: GroupTotals, opened: bool) -> None:
        """Open or close a group. A filter opens all groups that match, except those closed by hand."""
        options, group_key = self.options, group_id(group)
        if options.is_open(group_key) == opened:
            return
        if options.filter:
            self.change(closed=options.closed ^ {group_key})
        else:
            self.change(opened=options.opened ^ {group_key})

    def reveal(self, key: Hashable, groups: tuple[GroupId, ...]) -> None:
        """Open groups, and put the cursor on one of their rows once the list is made."""
        self._wanted = key
        options, opened = self.options, frozenset(groups)
        if options.filter:
            self.change(closed=options.closed - opened)
        else:
            self.change(opened=options.opened | opened)

    def sort_by_next(self) -> None:
        """Sort the keys by the next of name, time left and size."""
        self.change(sort=SORTS[(SORTS.index(self.options.sort) + 1) % len(SORTS)], reverse=False)

    @property
    def _is_building(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    @property
    def work(self) -> str:
        """Return what is being done, and how far, while the rows do not show yet what was asked for; else ""."""
        if not self._is_building or self._shown is self.options or not self._lists.total:
            return ""
        doing = "filtering" if self.options.filter else "sorting"
        return f"{doing}, {min(99, 100 * self._lists.looked // self._lists.total)} %"

    def update(self) -> None:
        """Make a list of new data. If one is being made or was just made, ``tick`` makes it later."""
        if self._is_building or self._rest or not self.pane.is_mounted:
            self._behind = True
        else:
            self._build()

    def tick(self) -> None:
        """Count one second of waiting, and make the list if it is due."""
        self._rest = max(0, self._rest - 1)
        if self._behind and not self._rest and not self._is_building and not self.pane.paused:
            self._build()

    def _build(self) -> None:
        report: CacheReport | None = self.pane.shown.value if self.pane.shown is not None else None
        if report is None or not self.pane.is_mounted:
            return
        self._behind = False
        asked = self.options
        options = replace(asked, now_ms=int(self.pane.shown_mono() * 1000), details=self.details)
        work = partial(self._make, report, asked, options)
        self._worker = self.pane.run_worker(work, group="cache-view", exclusive=True, exit_on_error=False)

    async def _make(self, report: CacheReport, asked: TreeOptions, options: TreeOptions) -> None:
        rows = await build_tree(report, self.index, options, self._lists)
        self._shown, self._rest = asked, len(rows) // REST_ROWS
        self._place(rows)
        wanted, self._wanted = self._wanted, None
        if wanted is not None:
            put_cursor(self.pane, wanted)
