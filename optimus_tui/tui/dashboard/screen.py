"""The dashboard: lays the four panes out, gives each its readings, and hands keys and messages to its controllers.

It judges nothing and reads nothing: reports come from ``sampling_bridge``, and panes draw what they are given. Each
``action_*`` method calls the controller that does the work of its key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from optimus_tui.context import Context
from optimus_tui.contract.finding_causes import RESTART
from optimus_tui.contract.services import HealthReport
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.tui import messages
from optimus_tui.tui.actions.controller import ActionsController, InterruptedActions
from optimus_tui.tui.alerts.controller import AlertsController
from optimus_tui.tui.base_screen import BaseScreen, docstring_of
from optimus_tui.tui.dashboard.controllers import Navigator, PaneRequests, SettingsCommands
from optimus_tui.tui.dashboard.findings import FindingsController
from optimus_tui.tui.dashboard.reports import ReportQueue
from optimus_tui.tui.dashboard.sampling_bridge import SamplingBridge
from optimus_tui.tui.dashboard.saved_views import SavedViews
from optimus_tui.tui.dashboard.status_line import PRODUCT, PaneLayout
from optimus_tui.tui.dashboard.top_line import StatusLine
from optimus_tui.tui.drills import DrillController
from optimus_tui.tui.incidents.controller import IncidentController
from optimus_tui.tui.key_gate import will_ask
from optimus_tui.tui.keys import bindings
from optimus_tui.tui.leaving import armed_actions, running_step
from optimus_tui.tui.panes.base import Pane
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.panes.feed.pane import FeedPane
from optimus_tui.tui.panes.health.pane import HealthPane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.widgets.bars import KeyStrip, StatusBar, TabStrip
from optimus_tui.tui.widgets.row_marks import clear_marks

PANES = (HealthPane, LimitsPane, CachePane, FeedPane)
RESTART_SECONDS = 5.0
"""Seconds until a sampling loop that ended because of a bug starts again."""


class Dashboard(BaseScreen):
    """Four panes, a status line, a tab strip, a prompt and the key line."""

    BINDINGS = bindings("app")
    AUTO_FOCUS = "#health"

    def __init__(self, settings: Settings, tuning: Tuning = TUNING) -> None:
        super().__init__()
        self.settings = settings
        self.context = Context(settings, tuning=tuning)
        self.bridge = SamplingBridge(self, self.context)
        self.health: HealthReport | None = None
        self.current = "health"
        self._panes: list[Pane] = [kind(self.context.clock, settings) for kind in PANES]
        self.pane_layout = PaneLayout(self, self)
        self.navigate = Navigator(self)
        self.requests = PaneRequests(self)
        self.settings_commands = SettingsCommands(self)
        self.actions = ActionsController(self)
        self.alerts = AlertsController(self, self.actions)
        self.interrupted = InterruptedActions(self, self.actions)
        self.incidents = IncidentController(self, self.actions, self.interrupted, self.alerts.side_effect)
        self.findings = FindingsController(self, self.navigate, self.actions, self.incidents)
        self.saved = SavedViews(self, self.findings)
        self.drills = DrillController(self, self.incidents)
        self.drills.expect_restart = partial(self.alerts.expect, RESTART)
        self.status_line = StatusLine(self, self.actions, self.alerts, self.incidents, self.drills).words
        self.reports = ReportQueue(self, self.alerts.announce, self.drills.watch_report)

    def compose(self) -> ComposeResult:
        """Return the bars, the panes and the prompt."""
        yield StatusBar()
        yield TabStrip()
        with Container(id="panes"):
            yield from self.pane_layout.prepared(self._panes)
        yield Static(id="too-small")
        yield KeyStrip()

    # -- what controllers may ask (DashboardServices)

    def pane(self, name: str) -> Pane:
        """Return the pane of this name: health, limits, cache or feed."""
        return next(pane for pane in self._panes if name == pane.NAME)

    def panes(self) -> Sequence[Pane]:
        """Return all four panes, in the order of their numbers."""
        return self._panes

    def is_on_top(self) -> bool:
        """Return True if no dialog or screen stands above the dashboard."""
        return self.app.screen is self

    def open_screen(self, screen: Screen[Any], on_answer: Callable[[Any], None] | None = None) -> None:
        """Show a screen above the dashboard; ``on_answer`` gets its result."""
        self.app.push_screen(screen, on_answer)

    async def ask(self, dialog: Screen[Any]) -> Any:
        """Show a dialog and wait for its answer. None if it was closed without one."""
        return await self.app.push_screen_wait(dialog)

    def run_in_background(
        self,
        group: str,
        work: Callable[..., Awaitable[Any]],
        *arguments: Any,
        name: str = "",
        exclusive: bool = True,
        asks: bool = False,
    ) -> Worker[Any]:
        """Run ``work(*arguments)`` in a worker that ends with the dashboard; a bug in it is shown as a toast.

        Args:
            group: The group that the worker belongs to.
            work: A coroutine function.
            arguments: What it is called with.
            name: What a toast about a bug calls it; the group's name if empty.
            exclusive: Cancel the other workers of the group first.
            asks: It opens a dialog before it does anything slow; keys typed ahead wait for the dialog.
        """
        whole = partial(work, *arguments)
        return will_ask(self.run_worker(whole, name or group, group, exit_on_error=False, exclusive=exclusive), asks)

    def cancel_group(self, group: str) -> None:
        """Cancel the workers of a group."""
        self.workers.cancel_group(self, group)

    def refresh_now(self) -> None:
        """Make every sampling loop read again now."""
        self.bridge.refresh()

    def focus_on(self, name: str) -> None:
        """Make a pane current and focus it."""
        self.current = name
        self.pane_layout.apply()
        self.set_focus(self.pane(name))  # at once: what was typed right after is for this pane

    # -- start and end

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Do not style the widgets again before the first frame: each of them was styled when it was mounted."""
        event.refresh_styles = self.stack_updates > 0

    def on_mount(self) -> None:
        """Draw the first frame, then start sampling."""
        self.pane_layout.apply()
        self.tick()
        self.set_interval(1.0, self.tick)
        self.call_after_refresh(self.start_sampling)

    def start_sampling(self) -> None:
        """Start the sampling loops. This is done after the first frame, so that no server can delay it."""
        self.run_in_background("start", self._start_sampling, name="start_sampling", exclusive=False)

    async def _start_sampling(self) -> None:
        await asyncio.to_thread(self.optimus.prompt_history.load)
        await self.saved.load()
        await self.drills.start_demo()
        self.query_one(CachePane).attach_index((await self.bridge.start()).cache_index)
        self.alerts.open_book()
        self.pane_layout.pace_sources()
        self.interrupted.offer()
        self.incidents.offer()

    async def stop_sampling(self) -> None:
        """Before the program ends: release the incident, disarm, end the loops and close the connections."""
        self.cancel_group("start")  # it may not have come to its end: nothing must begin any more
        self.findings.forget_ways()
        await self.incidents.leave()
        self.actions.close_service()
        await self.alerts.close_book()
        await self.bridge.stop()

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.CANCELLED and event.worker.group == "arming":
            self.draw_status()
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        name, place = event.worker.name, self.optimus.keep_report(event.worker.error)
        if name.startswith("source:"):
            self.say_bug(name, place, f"it starts again in {RESTART_SECONDS:g} s")
            self.set_timer(RESTART_SECONDS, lambda: self.bridge.restart(name.removeprefix("source:")))
        else:
            self.say_bug(name, place)

    @on(messages.ReportArrived)
    def _report(self, event: messages.ReportArrived) -> None:
        event.stop()
        self.reports.put(event.subject, event.report)

    def tick(self) -> None:
        """Draw once a second, in one paint: the reports that came since, the clock, ages and countdowns."""
        drawn = self.reports.draw_waiting()
        for pane in self.panes():
            pane.tick(is_drawn=pane.NAME in drawn)
        self.alerts.warn_if_not_kept()
        self.draw_status()

    # -- messages of the panes and bars

    @on(messages.StateChanged)
    def _state_changed(self, event: messages.StateChanged) -> None:
        event.stop()
        self.pane_layout.draw_tabs()

    @on(messages.InterestChanged)
    def _interest(self, event: messages.InterestChanged) -> None:
        event.stop()
        self.bridge.watch_keys(event.keys)

    @on(messages.RefreshRequested)
    def _refresh_requested(self, event: messages.RefreshRequested) -> None:
        event.stop()
        self.requests.look_again()

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

    @on(TabStrip.TabPicked)
    def _picked(self, event: TabStrip.TabPicked) -> None:
        self.focus_on(event.name)

    # -- layout, and what stands around the panes

    def draw_status(self) -> None:
        """Draw the line above the panes, and the tabs, with one verdict: the line judges, the panes show that."""
        self.query_one(StatusBar).facts = self.status_line(PRODUCT, self.size.width)
        self.pane_layout.draw_tabs()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new size."""
        self.pane_layout.apply()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Make the pane that got the focus the current one."""
        if isinstance(event.widget, Pane) and self.current != event.widget.NAME:
            self.current = event.widget.NAME
            self.pane_layout.apply()

    # -- keys

    @property
    def way_back(self) -> str:  # type: ignore[override]
        """Return the word for what ``esc`` does now; empty if it does nothing."""
        return "back" if self.findings.has_way_back() else self.pane_layout.way_back()

    def help_subject(self) -> tuple[str, str]:
        """Return the current pane's title and its docstring."""
        return self.pane(self.current).TITLE, docstring_of(self.pane(self.current))

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the forms in which the current pane's row can be copied."""
        return self.pane(self.current).content.copy_forms()

    def action_filter(self) -> None:
        """Filter the current pane."""
        self.prompt.open_filter(self.pane(self.current), self.pane(self.current).content.names_shown())

    def action_explain(self) -> None:
        """Explain the current pane's findings."""
        content = self.pane(self.current).content
        self.findings.explain(content.explain_subject(), content.findings_here(), content.findings_here)

    def action_actions(self) -> None:
        """Show the actions for the row under the cursor."""
        self.actions.choose_for_row()

    def action_incident(self) -> None:
        """Open, resume or show an incident."""
        self.incidents.open()

    def action_pin(self) -> None:
        """Keep the row under the cursor in the open incident."""
        self.incidents.pin_row()

    def action_bookmark(self) -> None:
        """Bookmark the row under the cursor, or remove the bookmark."""
        self.saved.toggle_bookmark()

    def action_bookmarks(self) -> None:
        """Go to a bookmarked row."""
        self.saved.pick_bookmark()

    def action_interval(self, by: int) -> None:
        """Lengthen the refresh interval, or shorten it with a negative number."""
        self.settings_commands.step_interval(by)

    def action_tools(self) -> None:
        """Open the tools."""
        self.navigate.open_tools()

    def action_routine(self) -> None:
        """Show the daily routine."""
        self.navigate.open_routine()

    def action_router(self) -> None:
        """Open the wizard for a new router."""
        self.navigate.open_router()

    def action_tenant(self) -> None:
        """Show the tenant under the cursor, or ask which one."""
        self.navigate.open_tenant_here()

    def action_log(self) -> None:
        """Show what was sent to Redis and over HTTP."""
        self.navigate.open_log()

    def action_focus_pane(self, name: str) -> None:
        """Go to a pane."""
        self.navigate.go_to(name)

    def action_next_pane(self, by: int) -> None:
        """Go to the next pane, or back with a negative number."""
        self.navigate.next_pane(by)

    def action_quit(self) -> None:
        """Leave the program."""
        self.optimus.leave()

    def would_lose(self) -> str:
        """Return what leaving would end: a running step of the incident, and armed actions."""
        return "\n  ".join(filter(None, (running_step(self.incidents.service), armed_actions(self.actions.service))))

    def action_zoom(self) -> None:
        """Show the current pane alone, or all of them again."""
        self.pane_layout.toggle_zoom()
        self.refresh_bindings()

    def action_back(self) -> None:
        """Go one level back: to the place that the operator came from, else end marks, filter and zoom in turn."""
        pane = self.pane(self.current)
        if self.findings.go_back() or clear_marks(pane, pane.row_marks) or self.pane_layout.close_detail():
            return
        if pane.filter.text or pane.filter_error:
            pane.set_filter("")
            self.refresh_bindings()
        elif self.pane_layout.zoomed:
            self.action_zoom()
        else:
            self.say("there is nothing to go back from: q leaves the program")
