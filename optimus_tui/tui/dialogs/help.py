"""Help: the keys that work right here, the ``:`` commands and the glossary, with a search; and past messages."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from optimus_tui.tui.dialogs.base import Dialog
from optimus_tui.tui.dialogs.sheets import Fact, SheetDialog, Wrapped, hanging
from optimus_tui.tui.keys import KEYS, Key, from_to, in_runs, written
from optimus_tui.tui.widgets.cells import wrap
from optimus_tui.wording.glossary import GLOSSARY

if TYPE_CHECKING:
    from optimus_tui.tui.toasts.queue import Said

Row = tuple[str, str]
"""What is explained, and its explanation."""
LABEL = 14
"""Cells of what is explained; a longer one has a line of its own, so that all texts begin below each other."""


class HelpDialog(Dialog):
    """The help with a search field: typed text filters the rows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_or_close", show=False, priority=True),
        Binding("f1", "dismiss(None)", show=False, priority=True),
        Binding("up", "scroll(-1)", show=False, priority=True),
        Binding("down", "scroll(1)", show=False, priority=True),
        Binding("pageup", "scroll(-10)", show=False, priority=True),
        Binding("pagedown,ctrl+f", "scroll(10)", show=False, priority=True),
    ]
    dialog_keys = "type to search   ↑↓ scroll   esc clears, then closes"

    def __init__(self, subject: str, about: str, sections: Sequence[tuple[str, Sequence[Row]]]) -> None:
        """Show help.

        Args:
            subject: What it is about.
            about: A sentence above the rows; empty for none.
            sections: Headings with their rows.
        """
        super().__init__()
        self.dialog_title = f"Help · {subject}"
        self.about, self.sections = about.replace("`", ""), sections
        self.search = ""

    def body(self) -> list[Widget]:
        """Return the field of the search, and the rows."""
        field = Input(id="help-search", placeholder="search keys, commands and words", max_length=60, compact=True)
        body = VerticalScroll(Wrapped(self.content), id="body")
        body.can_focus = False  # what is typed goes to the search
        return [field.add_class("ask-field"), body]

    def on_mount(self) -> None:
        """Focus the search field."""
        self.query_one(Input).focus()

    def content(self, width: int) -> Content:
        """Return the rows that contain the searched text, wrapped to a width."""
        lines: list[Content] = []
        if self.about and not self.search:
            lines += [*(Content(part) for part in wrap(self.about, max(8, width))), Content("")]
        for heading, rows in self.sections:
            found = [row for row in rows if self.search.lower() in f"{row[0]} {row[1]}".lower()]
            if found:
                lines.append(Content.styled(heading, "bold"))
                for label, text in found:
                    if cell_len(label) > LABEL:
                        lines += [Content.styled(f"  {part}", "$primary") for part in wrap(label, max(8, width - 2))]
                        label = ""
                    lines += hanging("  ", (f"{label:<{LABEL}}", "$primary"), " ", text, width)
                lines.append(Content(""))
        if not lines:
            return Content(f"Nothing here has “{self.search}” in it; esc shows all.")
        return Content("\n").join(lines[:-1])

    @on(Input.Changed)
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        if "?" in event.value:  # the key that opened it closes it
            self.dismiss(None)
            return
        self.search = event.value.strip().removeprefix("/")  # the key that searches elsewhere begins the search
        self.query_one(Wrapped).make_again()
        self.query_one("#body").scroll_home(animate=False)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.app.notify("what is typed searches at once: ↑↓ scroll, esc clears, then closes")

    def action_clear_or_close(self) -> None:
        """Clear the search, else close."""
        field = self.query_one(Input)
        if field.value:
            field.value = ""
        else:
            self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Scroll by a number of lines."""
        self.query_one("#body").scroll_relative(y=lines, animate=False)


def help_dialog(
    pane_title: str, about: str, active: Iterable[ActiveBinding], commands: Sequence[Row] = ()
) -> HelpDialog:
    """Return the help, made from the bindings that work right here, including remapped keys.

    Args:
        pane_title: What the help is about.
        about: A sentence above the keys; empty for none.
        active: The bindings.
        commands: The ``:`` commands with what they do.
    """
    live: dict[str, list[str]] = {}
    for entry in active:
        if entry.binding.id and entry.enabled:
            live.setdefault(entry.binding.id, []).append(entry.binding.key)
    sections: list[tuple[str, Sequence[Row]]] = []
    for everywhere, heading in ((False, "Here"), (True, "Everywhere")):
        rows = [key for key in KEYS if (key.scope == "app") is everywhere and key.id in live]
        rows.sort(key=lambda key: (not key.footer, key.footer))  # as the footer ranks them
        sections.append((heading, [(_keys_of(run, live), run[0].help) for run in in_runs(rows)]))
    sections.append(("Commands", commands))
    if commands:
        sections.append(("What the words mean", [(term.word, term.meaning) for term in GLOSSARY]))
    return HelpDialog(pane_title, about, sections)


def _keys_of(run: Sequence[Key], live: Mapping[str, list[str]]) -> str:
    """Return the keys that do the same: ``1-9``; each by itself where the user chose another."""
    names = [written(",".join(_in_order(live[key.id], key.keys))) for key in run]
    if names != [written(key.keys) for key in run]:
        return " ".join(names)
    return from_to(names, "-")


def _in_order(pressed: list[str], table: str) -> list[str]:
    """Return keys in the order of the table, as docs/keys.md has them; those that the user chose come after."""
    known = table.split(",")
    return sorted(pressed, key=lambda key: known.index(key) if key in known else len(known))


STYLES = {"error": "crit", "warning": "warn", "information": ""}


def messages_dialog(said: Sequence["Said"]) -> SheetDialog:
    """Return the dialog with the messages of past toasts, the newest first."""
    facts: list[Fact] = []
    for one in reversed(said):
        label = time.strftime("%H:%M:%S", time.gmtime(one.wall))
        for number, line in enumerate(one.text.splitlines()):
            facts.append((" " if number else label, line, STYLES[one.severity]))
    return SheetDialog("Messages, UTC", facts or [("", "No message yet.", "")])
