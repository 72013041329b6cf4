"""The screen of settings: the values in force, their sources, and the dialog to change one."""

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from optimus_tui.settings.table import SettingsError
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.dialogs.base import AskDialog, Dialog, about_lines, typed_in
from optimus_tui.tui.key_gate import asking
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.settings.controller import Proposal, changed, propose, put_in_force, write
from optimus_tui.tui.settings.rows import SettingRow, setting_rows
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_name
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import DashboardServices


class SettingDialog(Dialog):
    """Asks for a value and shows while it is typed what is wrong with it. Dismisses with the proposal, or None."""

    dialog_keys = "enter shows what would be written   esc leaves"

    def __init__(self, dashboard: "DashboardServices", row: SettingRow) -> None:
        super().__init__()
        self.dashboard, self.row = dashboard, row
        self.dialog_title = row.name

    def body(self) -> list[Widget]:
        """Return the setting's meaning and allowed values, the field, and the line for errors."""
        row = self.row
        about = [row.help] if row.help else []
        about.append(f"{row.allowed}; the default is {row.written(row.default) or 'none'} (what an empty field means)")
        field = Input(row.written(row.value), id="setting-value", select_on_focus=True, max_length=200, compact=True)
        return [*about_lines("\n".join(about)), field.add_class("ask-field"), Static(id="ask-wrong")]

    def on_mount(self) -> None:
        """Focus the field."""
        self.query_one(Input).focus()

    def would_lose(self) -> str:
        """Return the sentence that another value was typed; empty if none was."""
        changed_value = self.query_one(Input).value.strip() != self.row.written(self.row.value)
        if changed_value:
            return typed_in(self.dialog_title)
        return ""

    def _proposal(self, text: str) -> Proposal | str:
        """Return the change, or the sentence that says why it cannot be."""
        try:
            proposal = propose(self.dashboard.settings, self.row, text.strip())
            self.dashboard.optimus.check_settings(changed(self.dashboard.settings, proposal))
        except SettingsError as error:
            return safe_text(str(error), 300)
        if proposal.change.before == proposal.change.after:
            return "nothing would change"
        return proposal

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        found = self._proposal(event.value)
        wrong = found if isinstance(found, str) else ""
        self.query_one("#ask-wrong", Static).update(Content(wrong))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        found = self._proposal(event.value)
        if isinstance(found, str):
            self.query_one("#ask-wrong", Static).update(Content(f"✗ {found}"))
            return
        self.dismiss(found)


def _cell(value: str, cells: int, style: str = "") -> Cell:
    return [(fit_name(safe_text(value or "none", 200), cells), style)]


TABLE = Table[SettingRow](
    Column("setting", "setting", 16, lambda row, cells: _cell(row.name, cells, "bright"),
           grow=2, most=60, measured=True, fair=32),
    Column("value", "value", 8, lambda row, cells: _cell(row.written(row.value), cells),
           grow=2, most=60, measured=True, fair=14),
    Column("from", "from", 8, lambda row, cells: _cell(row.source, cells, "quiet"),
           grow=1, most=30, measured=True, fair=10),
    Column("default", "default", 8, lambda row, cells: _cell(row.written(row.default), cells, "quiet"),
           grow=1, most=40, measured=True, fair=12, rank=1),
    Column("allowed", "allowed", 12, lambda row, cells: _cell(row.allowed, cells, "quiet"),
           grow=2, most=80, measured=True, fair=28, rank=2),
    gap=2,
)  # fmt: skip


class SettingsList(LineView):
    """The list of settings, one per line."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES)
    moved, opens = "screen.describe", "screen.change"
    table = TABLE

    def key_of(self, row: SettingRow) -> str:
        """Identify a setting by its name."""
        return row.name


class SettingsScreen(BaseScreen):
    """Refresh, theme, bell, mouse, thresholds and keys. Enter changes one; nothing is written before you confirm."""

    DEFAULT_CSS = """
    SettingsList { height: 1fr; padding: 0 1; }
    #settings-about, #settings-below { height: auto; padding: 0 1; color: $quiet; background: $background; }
    """
    BINDINGS: ClassVar[Any] = chosen("app.help", "app.back", "app.theme", "app.quit", "pane.copy_as")
    AUTO_FOCUS = "SettingsList"

    def __init__(self, dashboard: "DashboardServices") -> None:
        super().__init__()
        self.dashboard = dashboard
        self.rows: list[SettingRow] = []

    def compose(self) -> ComposeResult:
        """Return the top line, the table and the key line."""
        yield TopLine(lambda: [name_part("SETTINGS")])
        yield Static(id="settings-about")
        yield SettingsList(id="settings-list")
        yield Static(id="settings-below")
        yield KeyStrip()

    def on_mount(self) -> None:
        """Fill the list."""
        self.draw()

    def draw(self) -> None:
        """Show the values in force now; the cursor stays on its row."""
        self.rows = setting_rows(self.dashboard.settings)
        self.query_one(SettingsList).set_rows(self.rows)
        place = self.dashboard.settings.user_file
        about = "what is in force; this run has no settings file in which it could be changed"
        if place is not None:
            about = f"enter changes a setting; it asks before it writes to {safe_text(str(place), 200)}"
        self.query_one("#settings-about", Static).update(Content(about))
        self.action_describe()

    def action_describe(self) -> None:
        """Show below the list the meaning and allowed values of the setting under the cursor."""
        row: SettingRow | None = self.query_one(SettingsList).selected
        if row is not None:
            default = row.written(row.default) or "none"
            source = f"default {default}"
            if row.source != "default":
                source += f", in force from {row.source}"
            parts = [row.help, f"allowed: {row.allowed}", source]
            self.query_one("#settings-below", Static).update(Content(safe_text(" · ".join(filter(None, parts)), 400)))

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the row under the cursor as a line of the file."""
        from optimus_tui.settings.editing import with_value

        if not self.rows:
            return []
        row = self.rows[self.query_one(SettingsList).cursor]
        return [("as a line of the file", with_value("", row.path, row.value) if row.value is not None else row.name)]

    def action_back(self) -> None:
        """Go back to the dashboard."""
        self.dismiss(None)

    def action_change(self) -> None:
        """Change the setting under the cursor."""
        if self.rows:
            self._change(self.rows[self.query_one(SettingsList).cursor])

    @asking("setting")
    async def _change(self, row: SettingRow) -> None:
        """Ask for a value, show the diff, write the file once confirmed, and use what can be used at once."""
        proposal: Proposal | None = await self.app.push_screen_wait(SettingDialog(self.dashboard, row))
        if proposal is None:
            return
        question = "\n".join(proposal.change.diff)
        if proposal.overridden:
            question += f"\n\n{safe_text(proposal.overridden, 80)} overrides the file: the value in force stays."
        if not await self.app.push_screen_wait(AskDialog(proposal.change.title, question)):
            self.say("nothing was written", "warning")
            return
        try:
            await asyncio.to_thread(write, proposal.change)
        except SettingsError as error:
            self.say(str(error), "error")
            return
        self._put_in_force(proposal)

    def _put_in_force(self, proposal: Proposal) -> None:
        name = proposal.row.name
        if proposal.overridden:
            self.say(f"{name} is written; {proposal.overridden} overrides it here", "warning")
            return
        put_in_force(self.dashboard, changed(self.dashboard.settings, proposal), proposal.row.path)
        self.draw()
        self.say(f"{name} is written and in force")
