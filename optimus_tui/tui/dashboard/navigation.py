"""The ways from the dashboard to a pane and to the screens above it, and what panes ask for outside of their frame."""

from typing import TYPE_CHECKING, Any, cast

from optimus_tui.tui.dashboard.last_reports import limits_report, tenant_names
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.tui.terminal import user_programs

if TYPE_CHECKING:
    from optimus_tui.contract.findings import Finding
    from optimus_tui.tools.registry import ToolCall
    from optimus_tui.tui.panes.cache.pane import CachePane


class Navigator:
    """Goes to panes and opens screens. The dashboard goes on sampling behind them."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def show_pane(self, name: str, text: str = "") -> None:
        """Go to a pane, narrowed down to a text if one is given.

        Args:
            name: health, limits, cache or feed.
            text: A tenant in limits, a key's prefix in cache, a filter elsewhere.
        """
        self.dashboard.focus_on(name)
        if not text:
            return
        pane = self.dashboard.pane(name)
        if isinstance(pane, LimitsPane):
            pane.show_tenant(text)
        elif isinstance(pane, CachePane):
            pane.show_prefix(text)
        else:
            pane.set_filter(text)

    def next_pane(self, by: int) -> None:
        """Go ``by`` panes on, round and round; a negative number goes back."""
        names = [pane.NAME for pane in self.dashboard.panes()]
        self.dashboard.focus_on(names[(names.index(self.dashboard.current) + by) % len(names)])

    # -- tools

    def tools(self) -> list[str]:
        """Return the names that ``:run`` takes."""
        from optimus_tui.tools.registry import TOOLS

        return list(TOOLS)

    def open_tools(self, name: str = "") -> None:
        """Open the tools screen, on one tool if named. Nothing runs yet.

        Raises:
            CommandError: There is no tool of this name.
        """
        from optimus_tui.tools.registry import ToolCall

        if name and name not in self.tools():
            raise CommandError(f"no tool {name!r}; there are {', '.join(self.tools())}")
        self._push_tools(ToolCall(name) if name else None, run=False)

    def run_tool_call(self, tool_call: "ToolCall | None") -> None:
        """Open the tools screen and run a tool at once. None opens nothing."""
        if tool_call is not None:
            self._push_tools(tool_call, run=True)

    def explain_with_tool(self, finding: "Finding") -> None:
        """Run the tool that explains a finding."""
        from optimus_tui.tools.pages.sections import explain

        self.run_tool_call(explain(finding, limits_report(self.dashboard)))

    def _push_tools(self, tool_call: "ToolCall | None", run: bool) -> None:
        from optimus_tui.tui.tools.screen import ToolsScreen

        names = tenant_names(self.dashboard)
        self.dashboard.open_screen(ToolsScreen(self.dashboard.context, names, tool_call, run))

    def open_routine(self) -> None:
        """Show the day's routine, and run the tool that is chosen there."""
        from optimus_tui.tui.tools.routine_dialog import RoutineDialog

        self.dashboard.open_screen(RoutineDialog(), self._run_chosen)

    def _run_chosen(self, chosen: Any) -> None:
        self.run_tool_call(chosen)

    # -- other screens

    def open_router(self, name: str = "") -> None:
        """Open the wizard for a new router. Nothing is written before its last page."""
        from optimus_tui.tui.routers.wizard import RouterScreen

        self.dashboard.open_screen(RouterScreen(self.dashboard.context, name))

    def open_compliance(self) -> None:
        """Show how the gateway's routers follow the enterprise patterns."""
        from optimus_tui.tui.routers.compliance_screen import ComplianceScreen

        self.dashboard.open_screen(ComplianceScreen(self.dashboard.context))

    def open_log(self) -> None:
        """Show what was sent to Redis and over HTTP."""
        from optimus_tui.tui.command_log.screen import CommandLogScreen

        self.dashboard.open_screen(CommandLogScreen(self.dashboard.context))

    def open_tenant(self, tenant: bytes) -> None:
        """Show one tenant's counters, keys and events."""
        from optimus_tui.tui.tenant import TenantScreen

        self.dashboard.open_screen(TenantScreen(self.dashboard, tenant))


class PaneRequests:
    """Carries out what panes ask for."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def explain(self) -> None:
        """Explain the findings of the current pane."""
        from optimus_tui.tui.dialogs.sheets import explain_dialog

        content = self.dashboard.pane(self.dashboard.current).content
        self.dashboard.open_screen(explain_dialog(content.explain_subject(), content.findings_here()))

    def export(self, pane: str, lines: list[str]) -> None:
        """Write a pane's lines to a private file, and say where it is."""
        try:
            path = user_programs.write_export(pane, self.dashboard.context.clock.wall(), lines)
        except OSError as error:
            self.dashboard.say(f"could not write the export: {error.strerror}", "error")
        else:
            self.dashboard.say(f"{len(lines):,} lines written to", path=path)

    def preview(self, key: bytes) -> None:
        """Read at most 64 kB of a key's value and show it in the cache pane."""
        self.dashboard.run_in_background("preview", self._preview, key)

    async def _preview(self, key: bytes) -> None:
        from optimus_tui.probes.keys.cache import read_preview
        from optimus_tui.probes.round_trips import attributed_to

        with attributed_to("value"):
            reading = await read_preview(self.dashboard.context.redis, key)
        cast("CachePane", self.dashboard.pane("cache")).show_preview(reading)
