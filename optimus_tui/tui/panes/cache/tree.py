"""The cache tree's life: which rows there are, made again when data or wishes change, and which keys are in view.

It refuses to make the screen wait: rows are flattened in slices while the old ones stay. It draws nothing.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from textual import on
from textual.timer import Timer
from textual.worker import Worker, WorkerState

from optimus_tui.clock import Clock
from optimus_tui.contract.cache import CacheReport, GroupTotals, KeyDetail
from optimus_tui.settings.model import Settings
from optimus_tui.tui.messages import InterestChanged
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.cache.rows import (
    GroupId,
    KeyIndex,
    KeyLists,
    KeyRow,
    TreeRows,
    TreeView,
    build_tree,
    group_id,
)
from optimus_tui.wording.safe import safe_text

REMEMBERED = 4_096
"""Details of keys that were in view."""
REST_ROWS = 20_000
"""After a list of n rows was made, reports make no new one for n ÷ this many seconds."""
SETTLE_SECONDS = 0.15


class _NoIndex:
    """Stands where the live index will be."""

    def names(self, kind: bytes, tenant: bytes) -> list[bytes]:
        return []

    def expires_ms(self, kind: bytes, tenant: bytes, name: bytes) -> int:
        return -2


class CacheTree(Pane):
    """Rows, the wish behind them, and the live index they are read from."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        super().__init__(clock, settings)
        self.index: KeyIndex = _NoIndex()
        self.rows: TreeRows = TreeRows()
        self.view = TreeView()
        self.details: dict[bytes, KeyDetail] = {}
        self._lists = KeyLists()
        self._building = self._behind = False
        self._rest = 0
        self._bug = ""
        self._wanted: tuple[bytes, ...] = ()
        self._settling: Timer | None = None

    @property
    def report(self) -> CacheReport | None:
        """What is shown: the totals of the last reading that had any."""
        return self.shown.value if self.shown is not None else None

    # -- what comes from outside -----------------------------------------------------------------------------------

    def attach_index(self, index: KeyIndex) -> None:
        """The live index: names and expiries are looked up in it when rows are made and drawn."""
        self.index = index
        self._lists = KeyLists()
        self.refresh_rows()

    def put_details(self, details: tuple[KeyDetail, ...]) -> None:
        """Type, TTL and size of keys in view, as just read."""
        for detail in details:
            self.details.pop(detail.key, None)
            self.details[detail.key] = detail
        while len(self.details) > REMEMBERED:
            del self.details[next(iter(self.details))]
        if not self.paused:
            self.refresh_changed()

    # -- rows ------------------------------------------------------------------------------------------------------

    def refresh_rows(self) -> None:
        """New data: make a new list, unless one is being made or has just been; then ``tick`` comes back to it."""
        if self.filter is not self.view.filter:
            self.change_view(filter=self.filter, closed=frozenset())
        elif self._building or self._rest or not self.is_mounted:
            self._behind = True
        else:
            self._build()

    def change_view(self, **changes: Any) -> None:
        """The operator wants another view: a list being made for the old one is given up."""
        self.view = replace(self.view, **changes)
        self._build()

    def _build(self) -> None:
        report = self.report
        if report is None or not self.is_mounted:
            return
        self._building, self._behind = True, False
        view = replace(self.view, now_ms=int(self.moment() * 1000), details=self.details)
        work: Any = partial(self._rebuild, report, view)
        self.run_worker(work, group="cache-view", exclusive=True, exit_on_error=False)

    async def _rebuild(self, report: CacheReport, view: TreeView) -> None:
        rows = await build_tree(report, self.index, view, self._lists)
        self._rest = len(rows) // REST_ROWS
        self._place(rows)
        self._building, self._bug = False, ""
        self.draw_frame()

    def _place(self, rows: TreeRows) -> None:
        """Show the rows; the row under the cursor keeps its line on the screen."""
        first = int(self.scroll_offset.y)
        line = self.cursor - first
        self.set_rows(rows)
        if self.cursor and 0 <= line < self.page_size and self.cursor - first != line:
            self.scroll_to(y=self.cursor - line, animate=False, immediate=True, force=True)
        self._look_again()

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self._building = False
            self._bug = f"a bug stopped this list: {safe_text(event.worker.error, 120)}"
            self.log.error(self._bug)
            self.draw_frame()

    def tick(self) -> None:
        self._rest = max(0, self._rest - 1)
        if self._behind and not self._rest and not self._building and not self.paused:
            self._build()
        super().tick()
        self._tell_interest()

    def key_of(self, row: GroupTotals | KeyRow) -> GroupId | bytes:
        return row.name if isinstance(row, KeyRow) else group_id(row)

    def index_of(self, key: object) -> int | None:
        return self.rows.index_of(key)

    # -- which keys are in view ------------------------------------------------------------------------------------

    def keys_in_view(self) -> tuple[bytes, ...]:
        """Names of the key rows on the screen; none while the pane is hidden."""
        if not self.is_on_screen:
            return ()
        rows = (self.rows[index] for index in self.visible_range())
        return tuple(row.name for row in rows if isinstance(row, KeyRow))

    def _look_again(self) -> None:
        """Something moved: tell whom it concerns once it has stopped moving."""
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLE_SECONDS, self._tell_interest)

    def _tell_interest(self) -> None:
        wanted = self.keys_in_view()
        if wanted != self._wanted:
            self._wanted = wanted
            self.post_message(InterestChanged(wanted))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look_again()

    def on_show(self) -> None:
        self._look_again()

    def on_hide(self) -> None:
        self._tell_interest()

    def on_resize(self) -> None:
        super().on_resize()
        self._look_again()

    def on_mount(self) -> None:
        self.refresh_rows()
