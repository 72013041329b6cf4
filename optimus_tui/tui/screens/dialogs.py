"""What the dashboard opens over its panes, and what leaves it: help, explanations, previews, copies, exports."""

from textual import on, work

from optimus_tui.tui import clipboard, messages
from optimus_tui.tui.panes.cache import CachePane
from optimus_tui.tui.screens.base import DashboardBase


class Dialogs(DashboardBase):
    """Answers the panes' requests for something outside their frame."""

    def action_help(self) -> None:
        from optimus_tui.tui.modals.text import help_dialog

        pane = self.pane(self.current)
        about = " ".join((type(pane).__doc__ or "").split())
        self.app.push_screen(help_dialog(pane.TITLE, about, self.active_bindings.values()))

    def action_explain(self) -> None:
        from optimus_tui.tui.modals.text import explain_dialog

        pane = self.pane(self.current)
        self.app.push_screen(explain_dialog(pane.explain_subject(), pane.findings_here()))

    @work(exclusive=True, group="copy", exit_on_error=False)
    async def action_copy_as(self) -> None:
        from optimus_tui.tui.modals.choose import ChooseDialog

        forms = self.pane(self.current).copy_forms()
        if not forms:
            self.say("nothing to copy here: put the cursor on a row first", "warning")
            return
        text = await self.app.push_screen_wait(ChooseDialog("Copy as", forms))
        if text:
            self.say(f"copied {clipboard.copy(self.optimus, text)}")

    @on(messages.CopyRequested)
    def _copy(self, event: messages.CopyRequested) -> None:
        event.stop()
        self.say(f"{event.what} copied {clipboard.copy(self.optimus, event.text)}")

    @on(messages.ExportRequested)
    def _export(self, event: messages.ExportRequested) -> None:
        event.stop()
        try:
            path = clipboard.write_export(event.pane, self.context.clock.wall(), event.lines)
        except OSError as error:
            self.say(f"could not write the export: {error.strerror}", "error")
        else:
            self.say(f"{len(event.lines):,} lines written to", path=path)

    @on(messages.PreviewRequested)
    def _preview(self, event: messages.PreviewRequested) -> None:
        event.stop()
        self.show_preview(event.key)

    @work(exclusive=True, group="preview", exit_on_error=False)
    async def show_preview(self, key: bytes) -> None:
        """Read at most 64 kB of one value, because somebody asked for it."""
        from optimus_tui.probes.cache import read_preview
        from optimus_tui.probes.round_trips import attributed_to

        with attributed_to("value"):
            reading = await read_preview(self.context.redis, key)
        self.query_one(CachePane).show_preview(reading)
