"""Keeps the rows of the cache tree up to date, and tells which keys are in view.

It refuses to make the screen wait: rows are flattened in slices while the old ones stay. It draws nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from textual.timer import Timer
from textual.widget import Widget
from textual.worker import Worker

from optimus_tui.contract.cache import CacheReport, GroupTotals, KeyDetail
from optimus_tui.tui.messages import InterestChanged
from optimus_tui.tui.panes.cache.rows import KeyIndex, KeyLists, TreeRows, TreeView, build_tree, group_id

REMEMBERED = 4_096
"""Details of keys that were in view."""
REST_ROWS = 20_000
"""After a list of n rows was made, reports make no new one for n ÷ this many seconds."""
SETTLE_SECONDS = 0.15
SORTS = ("key", "ttl", "size")


class _NoIndex:
    """Stands where the live index will be."""

    def names(self, kind: bytes, tenant: bytes) -> list[bytes]:
        return []

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        return -2


class TreeOwner(Protocol):
    """What the builder needs of the pane."""

    paused: Any
    shown: Any
    """The reading that the rows are made from; None before the first."""

    @property
    def is_mounted(self) -> bool:
        """Return True once the pane can be drawn."""

    def moment(self) -> float:
        """Return the monotonic second that countdowns are drawn for."""

    def place(self, rows: TreeRows) -> None:
        """Show rows that are ready."""

    @property
    def run_worker(self) -> Callable[..., Worker[Any]]:
        """Run work beside the screen."""


class TreeBuilder:
    """Makes the rows for a view of the tree, again when data or view change."""

    def __init__(self, pane: TreeOwner) -> None:
        self.pane = pane
        self.index: KeyIndex = _NoIndex()
        """The live index: names and expiries are looked up in it when rows are made and drawn."""
        self.view = TreeView()
        self.details: dict[bytes, KeyDetail] = {}
        self._lists = KeyLists()
        self._worker: Worker[Any] | None = None
        self._behind = False
        self._rest = 0

    def attach_index(self, index: KeyIndex) -> None:
        """Read from another index."""
        self.index, self._lists = index, KeyLists()

    def put_details(self, details: tuple[KeyDetail, ...]) -> None:
        """Keep type, TTL and size of keys in view, as just read."""
        for detail in details:
            self.details.pop(detail.key, None)
            self.details[detail.key] = detail
        while len(self.details) > REMEMBERED:
            del self.details[next(iter(self.details))]

    def change_view(self, **changes: Any) -> None:
        """Make rows for another view; a list being made for the old one is given up."""
        self.view = replace(self.view, **changes)
        self._build()

    def toggle(self, group: GroupTotals, opened: bool) -> None:
        """Open or close a group. While a filter opens all that match, those that were closed by hand are kept."""
        view, group_key = self.view, group_id(group)
        if view.is_open(group_key) == opened:
            return
        if view.filter:
            self.change_view(closed=view.closed ^ {group_key})
        else:
            self.change_view(opened=view.opened ^ {group_key})

    def sort_by_next(self) -> None:
        """Order the keys by the next of name, time left and size."""
        self.change_view(sort=SORTS[(SORTS.index(self.view.sort) + 1) % len(SORTS)], reverse=False)

    @property
    def _is_building(self) -> bool:
        return self._worker is not None and not self._worker.is_finished

    def update(self) -> None:
        """Make a new list of new data, unless one is being made or has just been; then ``tick`` comes back to it."""
        if self._is_building or self._rest or not self.pane.is_mounted:
            self._behind = True
        else:
            self._build()

    def tick(self) -> None:
        """Count a second of rest, and make the list that waited for it."""
        self._rest = max(0, self._rest - 1)
        if self._behind and not self._rest and not self._is_building and not self.pane.paused:
            self._build()

    def _build(self) -> None:
        report: CacheReport | None = self.pane.shown.value if self.pane.shown is not None else None
        if report is None or not self.pane.is_mounted:
            return
        self._behind = False
        view = replace(self.view, now_ms=int(self.pane.moment() * 1000), details=self.details)
        work = partial(self._make, report, view)
        self._worker = self.pane.run_worker(work, group="cache-view", exclusive=True, exit_on_error=False)

    async def _make(self, report: CacheReport, view: TreeView) -> None:
        rows = await build_tree(report, self.index, view, self._lists)
        self._rest = len(rows) // REST_ROWS
        self.pane.place(rows)


class InterestWatch:
    """Posts which keys are in view, once scrolling has come to rest."""

    def __init__(self, pane: Widget, keys_in_view: Callable[[], tuple[bytes, ...]]) -> None:
        """Post nothing yet.

        Args:
            pane: Who posts ``InterestChanged``.
            keys_in_view: Returns the names of the keys in view.
        """
        self.pane, self.keys_in_view = pane, keys_in_view
        self._posted: tuple[bytes, ...] = ()
        self._settling: Timer | None = None

    def look_soon(self) -> None:
        """Look again once nothing has moved for a moment."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.pane.set_timer(SETTLE_SECONDS, self.look)

    def look(self) -> None:
        """Post the keys in view if they are others than before."""
        keys = self.keys_in_view()
        if keys != self._posted:
            self._posted = keys
            self.pane.post_message(InterestChanged(keys))
