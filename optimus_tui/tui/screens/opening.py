"""The dashboard's ways to the screens that stand above it: tools, the day's routine, one tenant.

Nothing of them is imported before somebody goes there: the first frame of the dashboard does not pay for them.
"""

from typing import TYPE_CHECKING

from textual import on

from optimus_tui.contract.limits import LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.tui import messages
from optimus_tui.tui.commands import CommandError
from optimus_tui.tui.screens.base import DashboardBase

if TYPE_CHECKING:
    from optimus_tui.tools.tool_call import ToolCall


class Opening(DashboardBase):
    """Opens screens; the dashboard keeps sampling behind them."""

    def tools(self) -> list[str]:
        """Names that ``:run`` takes."""
        from optimus_tui.tools.registry import TOOLS

        return list(TOOLS)

    def action_tools(self) -> None:
        self.open_tools()

    def open_tools(self, name: str = "") -> None:
        """The tools screen, on one tool if named; nothing runs yet."""
        from optimus_tui.tools.tool_call import ToolCall

        if name and name not in self.tools():
            raise CommandError(f"no tool {name!r}; there are {', '.join(self.tools())}")
        self._push_tools(ToolCall(name) if name else None, run=False)

    def run_tool_call(self, tool_call: "ToolCall | None") -> None:
        """The tools screen, and at once the answer."""
        if tool_call is not None:
            self._push_tools(tool_call, run=True)

    def _push_tools(self, tool_call: "ToolCall | None", run: bool) -> None:
        from optimus_tui.tui.screens.tools import ToolsScreen

        self.app.push_screen(ToolsScreen(self.context, self.tenant_names(), tool_call, run))

    def limits_report(self) -> LimitsReport | None:
        """The counters as last read."""
        reading: Reading[LimitsReport] | None = self.pane("limits").reading
        return reading.value if reading is not None else None

    def seen_tenants(self) -> list[bytes]:
        """Tenants with counters now, by their bytes."""
        report = self.limits_report()
        return [one.tenant for one in report.tenants if one.tenant] if report else []

    def tenant_names(self) -> list[str]:
        """Tenants that a tool can be asked about: those of the configuration, then those with counters."""
        report = self.limits_report()
        seen = [one.tenant.decode("utf-8", "replace") for one in report.tenants] if report else []
        return list(dict.fromkeys([*self.settings.tenants, *(name for name in seen if name and "\ufffd" not in name)]))

    def action_routine(self) -> None:
        from optimus_tui.tui.modals.routine import RoutineDialog

        self.app.push_screen(RoutineDialog(), self.run_tool_call)

    def action_router(self) -> None:
        self.open_router()

    def open_router(self, name: str = "") -> None:
        """The wizard for a new router; nothing is written before its last page."""
        from optimus_tui.tui.screens.router_wizard import RouterScreen

        self.app.push_screen(RouterScreen(self.context, name))

    def open_compliance(self) -> None:
        """The gateway's routers against the enterprise patterns."""
        from optimus_tui.tui.screens.compliance import ComplianceScreen

        self.app.push_screen(ComplianceScreen(self.context))

    def action_log(self) -> None:
        self.open_log()

    def open_log(self) -> None:
        """What was sent to Redis and over HTTP."""
        from optimus_tui.tui.screens.log import CommandLogScreen

        self.app.push_screen(CommandLogScreen(self.context))

    @on(messages.ToolRequested)
    def _tool_requested(self, event: messages.ToolRequested) -> None:
        from optimus_tui.tools.finding_tools import explain

        event.stop()
        self.run_tool_call(explain(event.finding, self.limits_report()))

    @on(messages.TenantRequested)
    def _tenant_requested(self, event: messages.TenantRequested) -> None:
        from optimus_tui.tui.screens.tenant import TenantScreen

        event.stop()
        self.app.push_screen(TenantScreen(self, event.tenant))
