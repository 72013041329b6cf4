"""One tenant, live: its counters, its cache keys and its events.

Tenants are compared by the bytes of their names, never by how they look.

It sends nothing to Redis: it shows what the sampling loops read and the events that the feed pane keeps.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from optimus_tui.assets import asset_dir
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import CacheReport, FeedBatch, FeedStatus, LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport
from optimus_tui.grammar.filter import value_filter, words_filter
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dashboard.reports import tenant_names
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.panes.limits import lines as limit_lines
from optimus_tui.tui.tenant.lists import CounterList, EventList, KeyList, TenantList
from optimus_tui.tui.tenant.summary import SummaryList, reading_parts
from optimus_tui.tui.widgets.bars import KeyStrip, Part
from optimus_tui.tui.widgets.cells import mark_of
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import counted_down
from optimus_tui.wording.wrapping import elided

if TYPE_CHECKING:
    from optimus_tui.tui.services import DashboardServices

BESIDE_COLUMNS = 120
"""Columns from which the lists of keys and of events stand side by side."""
FILTER_CELLS = 20
"""Cells of the filter to which ``esc`` goes back, in the footer."""
COUNTER_EXTRAS, FEWEST_LINES = 3, 8
"""Of the list of counters: lines of its frame and its titles; lines that it has at least."""


class TenantScreen(BaseScreen):
    """Signals, findings, counters, cache keys and events of one tenant, as the dashboard behind this screen reads them.

    Nothing more is read from Redis. e explains the finding under the cursor, else all findings about this tenant; i
    opens an incident about this tenant; a shows what can be done about the row. Tab goes from list to list; z shows one
    alone; t opens the tools for this tenant; 2, 3 and 4 go to the dashboard's pane, filtered to it.
    """

    CSS_PATH = asset_dir("styles") / "tenant.tcss"
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "app.tools",
        "app.health", "app.limits", "app.cache", "app.feed", "pane.copy_as", "pane.zoom",
        "pane.explain", "pane.actions", "app.incident",
    )  # fmt: skip
    UNUSED: ClassVar[Mapping[str, str]] = {
        "app.tenant": "this is the tenant's screen already; :tenant NAME shows another one",
        "pane.filter": "these lists are not filtered; 2, 3 and 4 go to the panes, filtered to this tenant",
    }
    AUTO_FOCUS = "#tenant-counters"

    def __init__(self, dashboard: "DashboardServices", tenant: bytes) -> None:
        super().__init__()
        self.dashboard, self.tenant = dashboard, tenant
        self.zoomed = False

    @property
    def way_back(self) -> str:  # type: ignore[override]
        """Return what ``esc`` does now: it names the filter of the pane that it goes back to."""
        if self.zoomed:
            return "all lists"
        kept = self.dashboard.pane(self.dashboard.current).filter.text
        if kept:
            return f"back to / {elided(safe_text(kept, 200), FILTER_CELLS, cell_len)}"
        return "back"

    def compose(self) -> ComposeResult:
        """Return the top line, the lists and the key line."""
        clock = self.dashboard.context.clock
        yield TopLine(self._top_parts)
        with Vertical(id="tenant-room"):
            yield SummaryList(self.tenant, clock)
            yield CounterList(self.tenant, clock)
            yield KeyList(self.tenant, clock)
            yield EventList(self.tenant, clock)
        yield KeyStrip()

    def lists(self) -> list[TenantList]:
        """Return the lists, from the top."""
        return list(self.query(TenantList))

    def on_mount(self) -> None:
        """Show the readings now and once a second, and follow the events."""
        self.look()
        self.set_interval(1.0, self.look)
        work: Any = self._follow_events
        self.run_worker(work, name="events", group="events", exit_on_error=False)

    def on_resize(self, event: events.Resize) -> None:
        """Show keys and events side by side if they fit."""
        self.set_class(event.size.width >= BESIDE_COLUMNS, "-beside")
        self.call_after_refresh(self._fit_rows)

    def look(self) -> None:
        """Pass the dashboard's latest readings to the lists."""
        limits: Reading[LimitsReport] | None = self.dashboard.pane("limits").reading
        cache: Reading[CacheReport] | None = self.dashboard.pane("cache").reading
        feed: FeedBatch | None = self.dashboard.pane("feed").reading
        where = safe_text(self.dashboard.settings.redis.label)
        for view in self.lists():
            view.where = where
        health: HealthReport | None = self.dashboard.pane("health").reading
        self.query_one(SummaryList).look(health)
        signals = health.signals if health is not None else None
        self.query_one(CounterList).look(limits, self._retry_in("limits", limits), signals)
        self.query_one(KeyList).look(cache, self.dashboard.bridge.cache_index, self._retry_in("cache", cache))
        self.query_one(EventList).tell(feed, self._retry_in("feed", feed.status if feed is not None else None))
        name, mark = safe_text(self.tenant, 72) or "(empty)", mark_of(self.tenant)[0]
        if mark:
            name = f"{name} ({mark}: {self.tenant[:24].hex(' ')})"
        for view in self.lists():
            view.draw_frame(name)
        self._fit_rows()

    def _top_parts(self) -> list[Part]:
        """Return whose screen it is, and as of when and how completely counters and keys were read."""
        limits, cache, feed = (self.dashboard.pane(name).reading for name in ("limits", "cache", "feed"))
        return [
            name_part("TENANT", self.tenant or "(empty)"),
            *reading_parts(limits, cache, feed, self.dashboard.context.clock.wall()),
        ]

    def _fit_rows(self) -> None:
        """Give the counters the lines that they need, at most half; keys and events beside each other get the rest."""
        room, counters = self.query_one("#tenant-room"), self.query_one(CounterList)
        rest = room.size.height - self.query_one(SummaryList).outer_size.height
        if rest > 0:
            needed = max(FEWEST_LINES, len(counters.rows) + COUNTER_EXTRAS)
            room.styles.grid_rows = f"auto {min(needed, rest // 2)} 1fr"

    def _retry_in(self, name: str, look: "Reading[Any] | FeedStatus | None") -> float | None:
        """Return the seconds until a pane's source is tried again; None if it answers."""
        passed = self.dashboard.context.clock.mono() - self.dashboard.pane(name).newest_mono
        if look is not None:
            return counted_down(look.retry_in, passed)
        return None

    async def _follow_events(self) -> None:
        """Read the events that the feed pane keeps, a slice at a time, then those that come."""
        import asyncio

        from optimus_tui.tui.panes.feed.pane import FeedPane

        pane = cast(FeedPane, self.dashboard.pane("feed"))
        view = self.query_one(EventList)
        while True:
            for chunk in view.unread(pane.store.items):
                view.take(chunk)
                view.place()  # rows and counts say the same, also while a storm is still being read
                await asyncio.sleep(0)
            view.read_all = True
            await asyncio.sleep(0.5)

    # -- moving from list to list

    def current(self) -> TenantList:
        """Return the list with the focus, else the first."""
        return next((view for view in self.lists() if view.has_focus), self.lists()[0])

    def action_next_pane(self, by: int) -> None:
        """Go to the next list, or back with a negative number."""
        lists = self.lists()
        lists[(lists.index(self.current()) + by) % len(lists)].focus()

    def on_descendant_focus(self) -> None:
        """Mark the list with the focus."""
        for view in self.lists():
            view.set_class(view.has_focus, "-current")
        self.query_one(KeyStrip).refresh()

    def action_zoom(self) -> None:
        """Show one list alone, or all again."""
        self.zoomed = not self.zoomed
        self.set_class(self.zoomed, "-zoomed")
        self.query_one(KeyStrip).refresh()

    def action_focus_pane(self, name: str) -> None:
        """Go to a pane of the dashboard, filtered to this tenant; esc comes back and restores the filter before."""
        from optimus_tui.tui.dashboard.finding_places import Place

        text, pane = safe_text(self.tenant), self.dashboard.pane(name)
        if name == "health" or not text:
            words = text
        elif name == "cache":
            words = words_filter("tenant", text)
        else:
            words = value_filter("tenant", text)
        note = f"{pane.TITLE}, filtered: / {words}"
        if pane.filter.text not in ("", words):
            note += f" instead of / {safe_text(pane.filter.text, 40)}"
        self.dashboard.findings.go_to(Place(name, filter=words, note=note), text)

    def action_back(self) -> None:
        """End the zoom, else go back to the dashboard."""
        if self.zoomed:
            self.action_zoom()
        else:
            self.dismiss(None)

    def action_tools(self) -> None:
        """Open the playbook for this tenant's limits, filled in, without running it."""
        from optimus_tui.contract.finding_rules import TROUBLE
        from optimus_tui.tools.registry import ToolCall
        from optimus_tui.tui.tools.screen import ToolsScreen

        asked: dict[str, Any] = {"issue_type": "rate_limiting"}
        try:
            asked["tenant_id"] = self.tenant.decode("utf-8")
        except UnicodeDecodeError:
            self.say("this tenant's name is not UTF-8: a tool cannot be asked about it", "warning")
            return
        names = tenant_names(self.dashboard)
        call = ToolCall(TROUBLE, asked)
        self.app.push_screen(ToolsScreen(self.dashboard.context, names, self.dashboard.findings, call))

    # -- from a finding on

    def findings(self) -> tuple[Finding, ...]:
        """Return the finding under the cursor, else those that name this tenant, the worst first."""
        here = self.current().findings_here()
        return here or self.query_one(SummaryList).findings

    def action_explain(self) -> None:
        """Explain the finding under the cursor, else all findings about this tenant."""
        self.dashboard.findings.explain(safe_text(self.tenant, 60), self.findings())

    def action_incident(self) -> None:
        """Show the open incident, else ask for a new one about this tenant and its worst finding."""
        finding = next(iter(self.findings()), None)
        self.dashboard.findings.open_incident(finding, self.tenant.decode("utf-8", "ignore"))

    def action_actions(self) -> None:
        """Show what can be done about the row under the cursor."""
        self.dashboard.findings.act_on(self.current().acted_on())

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return redis-cli lines that read the key under the cursor."""
        key = self.current().key_under_cursor()
        if key is None:
            return []
        commands = ["TYPE", "PTTL", "MEMORY USAGE"]
        if isinstance(self.current(), CounterList):
            commands.insert(0, "GET")
        return limit_lines.redis_forms(self.dashboard.settings.redis, key, commands)

    def action_copy(self) -> None:
        """Copy the name of the key under the cursor."""
        if key := self.current().key_under_cursor():
            self.post_message(CopyRequested(safe_text(key, 4_096), "name"))
        else:
            self.say("this line names no key that could be copied")
