"""What panes ask for outside of their frame: an explanation, the preview of a value, an export to a file."""

from typing import TYPE_CHECKING, cast

from optimus_tui.tui.services import DashboardServices
from optimus_tui.tui.terminal import clipboard

if TYPE_CHECKING:
    from optimus_tui.tui.panes.cache.pane import CachePane


class PaneRequests:
    """Carries out what panes ask for."""

    def __init__(self, dashboard: DashboardServices) -> None:
        self.dashboard = dashboard

    def explain(self) -> None:
        """Explain the findings of the current pane."""
        from optimus_tui.tui.dialogs.text import explain_dialog

        content = self.dashboard.pane(self.dashboard.current).content
        self.dashboard.open_screen(explain_dialog(content.explain_subject(), content.findings_here()))

    def export(self, pane: str, lines: list[str]) -> None:
        """Write a pane's lines to a private file, and say where it is."""
        try:
            path = clipboard.write_export(pane, self.dashboard.context.clock.wall(), lines)
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
