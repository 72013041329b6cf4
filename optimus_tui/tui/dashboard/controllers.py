"""The dashboard's own controllers: go to panes and open screens, carry out requests of panes, change settings."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from optimus_tui.contract.findings import worst_first
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dashboard.reports import (
    known_findings,
    known_tenants,
    limits_report,
    nobody_saw,
    seen_tenants,
    tenant_names,
)
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.services import CommandError, DashboardServices
from optimus_tui.tui.theme import THEMES
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.ranking import tenant_of

if TYPE_CHECKING:
    from optimus_tui.contract.findings import Finding
    from optimus_tui.settings.model import Settings
    from optimus_tui.tools.registry import ToolCall


INTERVALS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two refreshes that + and - step through, from the least to the most that can be set."""
BUDGETS = ("normal", "fast")
"""The paces of a scan that ``:scan`` takes."""


class Navigator:
    """Goes to panes and opens screens. The dashboard goes on sampling behind them."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def show_pane(self, name: str, text: str = "") -> None:
        """Go to a pane, filtered by a text if one is given.

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

    def go_to(self, name: str) -> None:
        """Go to a pane; say so if it has the focus already."""
        pane = self.dashboard.pane(name)
        if pane.has_focus:
            self.dashboard.say(f"you are in {pane.TITLE} already")
        self.dashboard.focus_on(name)

    def next_pane(self, by: int) -> None:
        """Move the focus by ``by`` panes, and from the last one to the first; a negative number goes back."""
        names = [pane.NAME for pane in self.dashboard.panes()]
        self.dashboard.focus_on(names[(names.index(self.dashboard.current) + by) % len(names)])

    # -- the screen on top

    def come_to_top(self) -> None:
        """Close the screens above the dashboard.

        Raises:
            CommandError: Closing one of them would lose text that was typed, or work that runs.
        """
        if self.dashboard.is_on_top():
            return
        stack = self.dashboard.app.screen_stack
        above = stack[next(at for at, one in enumerate(stack) if cast(object, one) is self.dashboard) + 1 :]
        for screen in above:
            if isinstance(screen, BaseScreen) and (why := screen.why_not_left()):
                raise CommandError(why)
        for screen in reversed(above):
            screen.dismiss(None)

    def help_here(self) -> None:
        """Show the keys that work on the screen on top."""
        self._on_top().action_help()

    def quit_here(self) -> None:
        """Leave the program; ask first if text that was typed or work that runs would be lost."""
        self.dashboard.optimus.leave()

    def _on_top(self) -> BaseScreen:
        return next(one for one in reversed(self.dashboard.app.screen_stack) if isinstance(one, BaseScreen))

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
        from optimus_tui.tools.pages.finding_tools import explain

        self.run_tool_call(explain(finding, limits_report(self.dashboard)))

    def _push_tools(self, tool_call: "ToolCall | None", run: bool) -> None:
        from optimus_tui.tui.tools.screen import ToolsScreen

        names = tenant_names(self.dashboard)
        self.dashboard.open_screen(ToolsScreen(self.dashboard.context, names, self.dashboard.findings, tool_call, run))

    def open_routine(self) -> None:
        """Show the daily routine, and run the tool that is chosen there."""
        from optimus_tui.tui.tools.lists import RoutineDialog

        self.dashboard.open_screen(RoutineDialog(), self._run_chosen)

    def _run_chosen(self, chosen: Any) -> None:
        self.run_tool_call(chosen)

    # -- other screens

    def open_router(self, name: str = "") -> None:
        """Open the wizard for a new router. Nothing is written until its last page."""
        from optimus_tui.tui.routers.wizard import RouterScreen

        self.dashboard.open_screen(RouterScreen(self.dashboard.context, name))

    def open_compliance(self, path: str = "") -> None:
        """Show which of the project's patterns routers do not follow.

        Args:
            path: A file or a folder, relative to the project; empty for all routers of the gateway.
        """
        from optimus_tui.tui.routers.compliance_screen import ComplianceScreen

        folder = None
        if path:
            folder = Path(os.path.abspath(os.path.expanduser(path)))
        self.dashboard.open_screen(ComplianceScreen(self.dashboard.context, folder))

    def open_settings(self) -> None:
        """Show the settings, to change one in the user's file."""
        from optimus_tui.tui.settings.screen import SettingsScreen

        self.dashboard.open_screen(SettingsScreen(self.dashboard))

    def open_dialect(self) -> None:
        """Open the wizard that finds out how the names of this Redis are read. It writes only on its last page."""
        from optimus_tui.tui.dialects.screen import DialectScreen

        self.dashboard.open_screen(DialectScreen(self.dashboard))

    def open_log(self) -> None:
        """Show what was sent to Redis and over HTTP."""
        from optimus_tui.tui.command_log.screen import CommandLogScreen

        self.dashboard.open_screen(CommandLogScreen(self.dashboard.context))

    def open_messages(self) -> None:
        """Show the messages of past toasts, the newest first."""
        from optimus_tui.tui.dialogs.help import messages_dialog

        self.dashboard.open_screen(messages_dialog(self.dashboard.optimus.messages_said))

    def open_tenant(self, tenant: bytes) -> None:
        """Show one tenant's counters, keys and events."""
        from optimus_tui.tui.tenant.screen import TenantScreen

        self.dashboard.open_screen(TenantScreen(self.dashboard, tenant))

    def tenants(self) -> list[str]:
        """Return the tenants that ``:tenant`` completes: those with findings, the worst first, then others by name."""
        signals = self.dashboard.health.signals if self.dashboard.health is not None else None
        counted = [] if signals is None else list(signals.tenants)
        found = worst_first(known_findings(self.dashboard.health))
        troubled = [name for one in found if (name := tenant_of(one)) is not None]
        names = [*troubled, *sorted([*tenant_names(self.dashboard), *counted], key=str.lower)]
        return list(dict.fromkeys(name for name in names if name and name == safe_text(name)))

    def open_tenant_named(self, name: str) -> None:
        """Show one tenant, by the name that the screen shows.

        Raises:
            CommandError: Nothing that was read names this tenant.
        """
        known = known_tenants(self.dashboard)
        if known and name not in known:
            raise CommandError(nobody_saw(name))
        self._show_named(name)

    def _show_named(self, name: str) -> None:
        seen = {safe_text(tenant): tenant for tenant in seen_tenants(self.dashboard)}
        self.open_tenant(seen.get(name, name.encode("utf-8", "surrogateescape")))

    def open_tenant_here(self) -> None:
        """Show the tenant of the row under the cursor; ask which one if the row is about none."""
        tenant = self.dashboard.pane(self.dashboard.current).content.tenant_here()
        if tenant is not None:
            self.open_tenant(tenant)
            return
        names = self.tenants()
        if not names:
            self.dashboard.say("No tenant is known yet: they appear with counters or requests.", "warning")
            return
        from optimus_tui.tui.dialogs.base import PickDialog

        self.dashboard.open_screen(
            PickDialog("Tenant", [(name, "") for name in names]),
            lambda at: self._show_named(names[at]) if at is not None else None,
        )


class PaneRequests:
    """Carries out the requests of panes."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def look_again(self) -> None:
        """Make every sampling loop read again now, and say so in a toast."""
        self.dashboard.refresh_now()
        self.dashboard.say("looking again now")

    def export(self, pane: str, lines: list[str]) -> None:
        """Ask whether to write a pane's lines to a private file; then say where it is."""
        from optimus_tui.tui.dialogs.export import Export, ask_to_write

        asked = Export.of_lines(pane, self.dashboard.context.clock.wall(), lines)
        ask_to_write(self.dashboard.open_screen, self.dashboard.say, asked)

    def preview(self, key: bytes) -> None:
        """Read at most 64 kB of a key's value and show it in the cache pane."""
        self.dashboard.run_in_background("preview", self._preview, key, asks=True)

    async def _preview(self, key: bytes) -> None:
        from optimus_tui.probes.cache_keys import read_preview
        from optimus_tui.probes.round_trips import attributed_to

        with attributed_to("value"):
            reading = await read_preview(self.dashboard.context.redis, key)
        cast(CachePane, self.dashboard.pane("cache")).show_preview(reading)


class SettingsCommands:
    """Changes settings while the dashboard runs."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def step_interval(self, by: int) -> None:
        """Change the refresh interval to another one of ``INTERVALS``.

        Args:
            by: How many places further in that list than the value nearest to the present interval; negative: back.
        """
        now = self.dashboard.settings.refresh_seconds
        nearest = min(range(len(INTERVALS)), key=lambda i: abs(INTERVALS[i] - now))
        self._refresh_every(INTERVALS[max(0, min(len(INTERVALS) - 1, nearest + by))])

    def set_interval(self, text: str) -> None:
        """Set the seconds between two refreshes (``:interval``).

        Raises:
            CommandError: ``text`` is not a number within the range of ``INTERVALS``.
        """
        least, most = INTERVALS[0], INTERVALS[-1]
        try:
            seconds = float(text.removesuffix("s"))
        except ValueError:
            seconds = 0.0
        if not least <= seconds <= most:
            raise CommandError(f":interval takes seconds from {least:g} to {most:g}, not {safe_text(text, 40)!r}")
        self._refresh_every(seconds)

    def _refresh_every(self, seconds: float) -> None:
        self._use(msgspec.structs.replace(self.dashboard.settings, refresh_seconds=seconds))
        self.dashboard.refresh_now()
        self.dashboard.say(f"refreshing every {seconds:g} s")

    def _use(self, settings: "Settings") -> None:
        """Go on with other settings; they are written nowhere."""
        dashboard = self.dashboard
        dashboard.settings = dashboard.context.settings = settings
        for pane in dashboard.panes():
            pane.settings = settings

    def scan(self, budget: str = "") -> None:
        """Scan all keys again, with TTLs; with ``normal`` or ``fast``, at that pace from now on (``:scan``).

        Raises:
            CommandError: ``budget`` is neither of them.
        """
        if budget not in ("", *BUDGETS):
            raise CommandError(f":scan takes {' or '.join(BUDGETS)}, or nothing, not {safe_text(budget, 40)!r}")
        scan = self.dashboard.settings.scan
        if budget:
            scan = msgspec.structs.replace(scan, budget=budget)
            self._use(msgspec.structs.replace(self.dashboard.settings, scan=scan))
        self.dashboard.bridge.scan_again()
        self.dashboard.say(f"scanning all keys again, {scan.budget}")

    def environments(self) -> list[str]:
        """Return the names that ``:env`` takes."""
        return self.dashboard.optimus.environments

    def switch_environment(self, name: str) -> None:
        """Close this environment and open the dashboard on another."""
        from optimus_tui.settings.table import SettingsError

        try:
            begun = self.dashboard.optimus.open_environment(name)
        except SettingsError as error:
            self.dashboard.say(str(error), "error")
            return
        if not begun:
            self.dashboard.say("there are no other environments here", "warning")

    def themes(self) -> list[str]:
        """Return the names that ``:theme`` takes, ours first."""
        ours = [theme.name for theme in THEMES]
        return ours + sorted(set(self.dashboard.app.available_themes) - set(ours))

    def set_theme(self, name: str) -> None:
        """Change the colours.

        Raises:
            CommandError: There is no theme of this name; the nearest one is named.
        """
        app = self.dashboard.app
        if name not in app.available_themes:
            known = self.themes()
            near = get_close_matches(name, known, 1, 0.0)[0]
            raise CommandError(f"no theme {name!r}; the nearest of {len(known)} is {near}")
        app.theme = name
        self.dashboard.say(f"theme: {name}")
