"""The dashboard: lays the four panes out, hands each its readings and routes keys. Panes own what they show.

It holds no verdict and asks nobody anything: reports come from ``feeds/bridge``, answers go to panes.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from optimus_tui.contract.cache import KeyDetail
from optimus_tui.contract.feed import FeedBatch
from optimus_tui.contract.health import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui import messages
from optimus_tui.tui.actions.controller import ActionsController
from optimus_tui.tui.actions.interrupted import InterruptedActions
from optimus_tui.tui.alerts.controller import AlertsController
from optimus_tui.tui.crash import parted
from optimus_tui.tui.dashboard.navigation import Navigator
from optimus_tui.tui.dashboard.pane_requests import PaneRequests
from optimus_tui.tui.dashboard.settings_commands import SettingsCommands
from optimus_tui.tui.feeds.bridge import Bridge
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.cache import CachePane
from optimus_tui.tui.panes.feed import FeedPane
from optimus_tui.tui.panes.health import HealthPane
from optimus_tui.tui.panes.limits import LimitsPane
from optimus_tui.tui.screens.prompting import Prompting
from optimus_tui.tui.screens.status import status_words, tab_words
from optimus_tui.tui.widgets.bars import KeyStrip, StatusBar, TabStrip
from optimus_tui.tui.widgets.prompt import PromptBar
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import Demo

WIDE = (120, 35)
"""Columns and rows from which the panes stand 2×2."""
LEAST = (60, 16)
"""Columns and rows below which only a sentence is shown."""

RESTART_SECONDS = 5.0
"""Until a loop that a bug ended starts again."""


class Dashboard(Prompting):
    """Four panes, a status line, a tab strip, a prompt and the key line."""

    BINDINGS = bindings("app")
    AUTO_FOCUS = "#health"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.zoomed = False
        self._waiting: dict[str, object] = {}
        self.navigate = Navigator(self)
        self.requests = PaneRequests(self)
        self.settings_commands = SettingsCommands(self)
        self.alerts = AlertsController(self)
        self.actions = ActionsController(self)
        self.interrupted = InterruptedActions(self, self.actions)

    def compose(self) -> ComposeResult:
        clock = self.context.clock
        yield StatusBar()
        yield TabStrip()
        with Container(id="panes"):
            yield HealthPane(clock, self.settings)
            yield LimitsPane(clock, self.settings)
            yield CachePane(clock, self.settings)
            yield FeedPane(clock, self.settings)
        yield Static(id="too-small")
        yield PromptBar()
        yield KeyStrip()

    # -- life ------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.lay_out()
        self.tick()
        self.set_interval(1.0, self.tick)
        self.call_after_refresh(self.start_sampling)

    @work(group="start", exit_on_error=False)
    async def start_sampling(self) -> None:
        """After the first frame: nothing on it waits for a network answer. A demo's services are let come up first."""
        if self.optimus.demo is not None:
            await self.wait_for_demo(self.optimus.demo)
        self.bridge = Bridge(self, self.context)
        sampler = await self.bridge.start()
        self.alerts.open_book()
        self.query_one(CachePane).attach_index(sampler.cache_index)
        self.pace_sources()
        self.interrupted.offer()
        self.offer_incident()

    async def wait_for_demo(self, demo: "Demo") -> None:
        """Start it, now that the first frame is out, and follow it until its services can answer."""
        try:
            demo.start()
        except OSError as error:
            self.say(f"the demo cannot start: {error.strerror}", "error")
            return
        while demo.starting:
            self.draw_status()
            await asyncio.sleep(0.1)
        if demo.notice:
            self.say(demo.notice, "warning")
        self.begin_asked_drill(demo)

    async def stop_sampling(self) -> None:
        """End the loops and close the connections; what was armed is disarmed."""
        await self.leave_incident()
        self.actions.close_service()
        await self.alerts.close_book()
        if self.bridge is not None:
            await self.bridge.stop()
            self.bridge = None

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.CANCELLED and event.worker.group == "arming":
            self.draw_status()
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        name, (words, path) = event.worker.name, parted(self.optimus.keep_report(event.worker.error))
        if name.startswith("source:"):
            again = f"{name} stopped because of a bug; it starts again in {RESTART_SECONDS:g} s."
            self.say(f"{again} {words}", "error", path)
            self.set_timer(RESTART_SECONDS, lambda: self.restart_source(name.removeprefix("source:")))
        else:
            self.say(f"{name} stopped because of a bug. {words}", "error", path)

    def restart_source(self, name: str) -> None:
        """Start a loop that a bug ended."""
        if self.bridge is not None:
            self.bridge.restart(name)

    # -- readings --------------------------------------------------------------------------------------------------

    @on(messages.ReportArrived)
    def _report(self, event: messages.ReportArrived) -> None:
        event.stop()
        if event.subject == "details":
            self.query_one(CachePane).put_details(cast("tuple[KeyDetail, ...]", event.report))
            return
        if isinstance(event.report, HealthReport):
            self.alerts.announce(event.report)
        urgent = isinstance(event.report, FeedBatch) and event.report.items
        if urgent or self.pane(event.subject).reading is None:
            self._waiting.pop(event.subject, None)
            self.take(event.subject, event.report)
        else:
            self._waiting[event.subject] = event.report

    def take(self, subject: str, report: object) -> None:
        """Give a pane its report."""
        self.pane(subject).reading = report
        if isinstance(report, HealthReport):
            self.health = report
            self.see_drill(report)
            self.draw_status()

    def tick(self) -> None:
        """Once a second: what arrived meanwhile, the clock, the ages, the countdowns: one paint for all of them."""
        while self._waiting:
            self.take(*self._waiting.popitem())
        for pane in self.panes():
            pane.tick()
        self.alerts.warn_if_not_kept()
        self.draw_status()

    @on(messages.StateChanged)
    def _state_changed(self, event: messages.StateChanged) -> None:
        event.stop()
        self.draw_tabs()

    @on(messages.InterestChanged)
    def _interest(self, event: messages.InterestChanged) -> None:
        event.stop()
        if self.bridge and self.bridge.sampler:
            self.bridge.sampler.watch_keys(event.keys)

    @on(messages.RefreshRequested)
    def _refresh_requested(self, event: messages.RefreshRequested) -> None:
        event.stop()
        self.refresh_now()

    @on(messages.ToolRequested)
    def _tool_requested(self, event: messages.ToolRequested) -> None:
        event.stop()
        self.navigate.explain_with_tool(event.finding)

    @on(messages.TenantRequested)
    def _tenant_requested(self, event: messages.TenantRequested) -> None:
        event.stop()
        self.navigate.open_tenant(event.tenant)

    @on(messages.PreviewRequested)
    def _preview_requested(self, event: messages.PreviewRequested) -> None:
        event.stop()
        self.requests.preview(event.key)

    @on(messages.ExportRequested)
    def _export_requested(self, event: messages.ExportRequested) -> None:
        event.stop()
        self.requests.export(event.pane, event.lines)

    # -- what stands around the panes ------------------------------------------------------------------------------

    def draw_status(self) -> None:
        """The line above the panes."""
        demo = self.optimus.demo
        note = None
        if demo is not None:
            drill = self.drill_words()
            note = (
                (drill or demo.scenario, bool(drill))
                if demo.ready
                else (safe_text(demo.failed or demo.progress, 100), True)
            )
        overall = self.health.overall if self.health else "unknown"
        self.query_one(StatusBar).facts = status_words(
            self.settings,
            note,
            overall if self.has_class("-single") else None,
            self.context.own.rate(self.context.clock.mono()),
            self.context.clock.wall(),
            self.size.width,
            self.actions.mode_words(),
            self.alerts.mark_muted(),
        )

    def draw_tabs(self) -> None:
        """Number, title and state of each pane."""
        self.query_one(TabStrip).tabs = tab_words(self.panes(), self.current, self.size.width)

    def lay_out(self) -> None:
        """2×2 where there is room, else one pane; one sentence where not even that fits."""
        width, height = self.size
        tiny = width < LEAST[0] or height < LEAST[1]
        single = not tiny and (self.zoomed or width < WIDE[0] or height < WIDE[1])
        self.set_class(tiny, "-tiny")
        self.set_class(single, "-single")
        self.set_class(not tiny and not single, "-wide")
        for pane in self.panes():
            pane.set_class(self.current == pane.NAME, "-current")
        if tiny:
            self.query_one("#too-small", Static).update(
                Content(f"Optimus TUI needs {LEAST[0]}×{LEAST[1]}; this is {width}×{height}.")
            )
        self.draw_tabs()
        self.draw_status()
        self.pace_sources()

    def pace_sources(self) -> None:
        """A hidden pane stops asking; what its tab shows goes on, more slowly."""
        if self.bridge is None or self.bridge.sampler is None:
            return
        single = self.has_class("-single")
        for name, source in (("cache", "details"), ("cache", "keys"), ("limits", "limits")):
            hidden = single and self.current != name
            self.bridge.sampler.pace(source, (0.0 if source == "details" else 2.0) if hidden else 1.0)

    def on_resize(self, event: events.Resize) -> None:
        self.lay_out()

    # -- getting about ---------------------------------------------------------------------------------------------

    def focus_on(self, name: str) -> None:
        """Make a pane current and give it the focus."""
        self.current = name
        self.lay_out()
        self.pane(name).focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Pane) and self.current != event.widget.NAME:
            self.current = event.widget.NAME
            self.lay_out()

    @on(TabStrip.Picked)
    def _picked(self, event: TabStrip.Picked) -> None:
        self.focus_on(event.name)

    def action_focus_pane(self, name: str) -> None:
        self.focus_on(name)

    def action_next_pane(self, by: int) -> None:
        self.navigate.next_pane(by)

    def action_zoom(self) -> None:
        self.zoomed = not self.zoomed
        self.lay_out()

    def help_subject(self) -> tuple[str, str]:
        """Return the current pane's title and its docstring."""
        pane = self.pane(self.current)
        return pane.TITLE, " ".join((type(pane).__doc__ or "").split())

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the forms in which the current pane's row can be copied."""
        return self.pane(self.current).copy_forms()

    def action_actions(self) -> None:
        """Show what can be done about the row under the cursor."""
        self.actions.choose_for_row()

    def action_explain(self) -> None:
        """Explain the current pane's findings."""
        self.requests.explain()

    def action_interval(self, by: int) -> None:
        """Read less often, or more often with a negative number."""
        self.settings_commands.step_interval(by)

    def action_tools(self) -> None:
        """Open the tools."""
        self.navigate.open_tools()

    def action_routine(self) -> None:
        """Show the day's routine."""
        self.navigate.open_routine()

    def action_router(self) -> None:
        """Open the wizard for a new router."""
        self.navigate.open_router()

    def action_log(self) -> None:
        """Show what was sent to Redis and over HTTP."""
        self.navigate.open_log()

    def action_back(self) -> None:
        pane = self.pane(self.current)
        if pane.filter.text or pane.filter_error:
            pane.set_filter("")
        elif self.zoomed:
            self.action_zoom()
