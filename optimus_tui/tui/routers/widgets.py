"""The wizard's widgets: lists with the keys of every other list, the dialog of one field, and highlighted code.

No list handles Enter, which belongs to the page. In lists of results each printed line is an option, so that long
output can be read with the arrows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.syntax import Syntax
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widget import Widget
from textual.widgets import Input, Label, Select, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from optimus_tui.tui.dialogs.base import DROPS, Dialog, typed_in
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.routers.draft import FieldAnswer, Task
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.widgets.cells import Cell, Column, Table, fit_cell, fit_name, wrap
from optimus_tui.tui.widgets.fields import BoundedInput, ReversedChoice, TickList
from optimus_tui.tui.widgets.row_table import fitted_to
from optimus_tui.wording.safe import safe_text

OPTION_ACTIONS = {
    "pane.up": "cursor_up",
    "pane.down": "cursor_down",
    "pane.page_up": "page_up",
    "pane.page_down": "page_down",
    "pane.first": "first",
    "pane.last": "last",
}
"""The keys that move in a list, and what Textual's option lists call their actions."""
OPTION_KEYS = [
    replace(key, action=OPTION_ACTIONS[key.id])
    for key in chosen(*OPTION_ACTIONS)
    if isinstance(key, Binding) and key.id is not None
]
LEAST_LINE = 40
"""Cells of a field's line before the list has a size."""
STATE_MARKS = {
    "waiting": ("·", "$quiet"),
    "running": ("…", "$primary"),
    "passed": ("●", "$success"),
    "found": ("▲", "$warning"),
    "failed": ("✖", "bold $error"),
    "not run": ("○", "$warning"),
}
"""The glyph and the style of a task's state, which is also written out."""
TITLE_CELLS = 17
STATE_CELLS = 10
MAX_NAME, MAX_LENGTH = 60, 200
"""Cells of a name in the list of fields, and characters that can be typed into a field's line."""


@dataclass(frozen=True)
class WizardChoice:
    """A choice, and what it means."""

    value: str
    title: str
    about: str


class WizardOptions(ReversedChoice, inherit_bindings=False):
    """A list of options; the highlighted one is chosen."""

    BINDINGS: ClassVar[Any] = OPTION_KEYS


class WizardTicks(TickList, inherit_bindings=False):
    """A list of options that can be ticked with space."""

    BINDINGS: ClassVar[Any] = [*OPTION_KEYS, *chosen("router.toggle")]

    def __init__(self, choices: Sequence[WizardChoice], ticked: Sequence[str]) -> None:
        """Make an option of each choice.

        Args:
            choices: What can be ticked.
            ticked: The values that are ticked at first.
        """
        draw, widest = "[$bright]$title[/][$quiet]$about[/]", max(len(choice.title) for choice in choices) + 2
        options = []
        for choice in choices:
            text = Content.from_markup(draw, title=f"{choice.title:<{widest}}", about=choice.about)
            options.append(Selection(text, choice.value, choice.value in ticked))
        super().__init__(*options)

    def action_pick(self) -> None:
        """Tick or untick the highlighted option, at once, because the next key may have arrived already."""
        if self.highlighted is not None:
            self.toggle(self.get_option_at_index(self.highlighted))


def _name_cell(answer: FieldAnswer, cells: int) -> Cell:
    return [(fit_name(safe_text(answer.name, MAX_NAME), cells), "bright")]


def _type_cell(answer: FieldAnswer, cells: int) -> Cell:
    return [(fit_name(safe_text(answer.type, MAX_NAME), cells), "primary")]


def _optional_cell(answer: FieldAnswer, _: int) -> Cell:
    return "yes" if answer.optional else "no", "foreground"


def _default_cell(answer: FieldAnswer, cells: int) -> Cell:
    return [(fit_name(safe_text(answer.default, MAX_NAME) or "–", cells), "quiet")]


FIELDS = Table[FieldAnswer](
    Column("field", "field", 12, _name_cell, grow=2, most=MAX_NAME, measured=True),
    Column("type", "type", 10, _type_cell, grow=1, most=MAX_NAME, measured=True),
    Column("optional", "optional", 8, _optional_cell, measured=True),
    Column("filter", "filter", 6, lambda answer, _: ("yes" if answer.filtered else "no", "foreground"), measured=True),
    Column("default", "default", 8, _default_cell, grow=1, most=MAX_NAME, measured=True),
    gap=2,
)


class FieldList(WizardOptions):
    """The list of the model's fields: ``a`` adds, ``e`` edits, ``f`` filters by, delete removes, all by the screen."""

    BINDINGS: ClassVar[Any] = chosen("router.add", "router.edit", "router.filter", "router.remove")

    head = ""
    """The titles of the columns, as wide as these are."""

    class FieldRequested(Message):
        """A request about the highlighted field: ``add``, ``edit``, ``filter`` or ``remove``."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def show(self, fields: Sequence[FieldAnswer], at: int = 0) -> None:
        """Show these fields.

        Args:
            fields: The model's fields.
            at: The index of the field to highlight.
        """
        width = max(LEAST_LINE, self.size.width - 2)
        table = fitted_to(FIELDS, fields)
        self.head = plain_text(table.head(width))
        if fields:
            lines = [table.row(answer, width) for answer in fields]
            self.set_options([Content.assemble(*((text, f"${style}") for text, style in line)) for line in lines])
            self.highlighted = at
        else:
            about = "No field of your own: the model gets a name and an optional description.\na adds one."
            self.set_options([Option(Content.styled(about, "$quiet"), disabled=True)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return False for actions on a field while the list is empty."""
        return self.highlighted is not None or action not in ("edit", "filter", "remove_field")

    def action_add(self) -> None:
        """Request a new field."""
        self.post_message(self.FieldRequested("add"))

    def action_edit(self) -> None:
        """Request a change of the highlighted field."""
        self.post_message(self.FieldRequested("edit"))

    def action_filter(self) -> None:
        """Request that the highlighted field becomes a filter of the list, or is one no longer."""
        self.post_message(self.FieldRequested("filter"))

    def action_remove_field(self) -> None:
        """Request the removal of the highlighted field."""
        self.post_message(self.FieldRequested("remove"))


class CopyList(WizardOptions):
    """A list of lines to read; ``y`` copies the text that belongs to the highlighted one."""

    BINDINGS: ClassVar[Any] = chosen("pane.copy")

    def __init__(self) -> None:
        super().__init__()
        self._copies: list[tuple[str, str]] = []

    def show(self, rows: Sequence[tuple[Content, str, str]]) -> None:
        """Show these lines; the highlight keeps its index.

        Args:
            rows: For each line the drawn text, the text to copy, and the name of the copy.
        """
        at = self.highlighted or 0
        self._copies = [(text, name) for _, text, name in rows]
        self.set_options([content for content, _, _ in rows])
        self.highlighted = at

    def action_copy(self) -> None:
        """Copy the text that belongs to the highlighted line."""
        if self.highlighted is not None:
            self.post_message(CopyRequested(*self._copies[self.highlighted]))


def choice_option(choice: WizardChoice) -> Content:
    """Return a choice with what it means below it."""
    return Content.from_markup("[$bright]$title[/]\n[$quiet]  $about[/]", title=choice.title, about=choice.about)


def command_rows(steps: Sequence[tuple[str, str]], width: int) -> list[tuple[Content, str, str]]:
    """Return a line for each purpose with its command, which keeps its indent where ``width`` cells break it."""
    draw = "[$quiet]$why[/]\n[$bright]$shown[/]"
    shown = ["\n".join(f"  {line}" for line in wrap(command, max(8, width - 2))) for _, command in steps]
    rows = zip(steps, shown, strict=True)
    return [(Content.from_markup(draw, why=why, shown=text), command, "command") for (why, command), text in rows]


def task_rows(tasks: Sequence[Task], width: int) -> list[tuple[Content, str, str]]:
    """Return the lines of tasks and their results: one for each task, and one for each line that it printed.

    Args:
        tasks: The tasks.
        width: Cells of a line; wrapped lines keep their indent.
    """
    rows: list[tuple[Content, str, str]] = []
    indent = 2 + TITLE_CELLS + STATE_CELLS + 2
    for task in tasks:
        glyph, style = STATE_MARKS[task.state]
        state = task.state.replace("waiting", "")
        first, *rest = wrap(task.words, max(8, width - indent))
        lines = [
            Content.assemble(
                (f"{glyph} ", style),
                (fit_cell(task.title, TITLE_CELLS), "$bright"),
                (fit_cell(state, STATE_CELLS), style),
                "  ",
                (first, "" if task.detail else "$quiet"),
            ),
            *(Content(" " * indent + part) for part in rest),
        ]
        rows.append((Content("\n").join(lines), task.text, task.title))
        for line in task.output:
            printed = Content("\n").join(
                Content.styled("  " + part, "$quiet") for part in wrap(line, max(8, width - 2))
            )
            rows.append((printed, task.text, task.title))
    return rows


class FieldDialog(Dialog):
    """The dialog of one field: Enter saves it, Escape leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "close"),
        ("up", "step(-1)", ""),
        ("down", "step(1)", ""),
        ("enter", "keep", ""),
    ]
    dialog_keys = "enter keeps it   ↑↓ next line   ←→ choose   esc leaves"

    def __init__(self, answer: FieldAnswer, others: list[FieldAnswer]) -> None:
        super().__init__()
        self.answer, self.others = answer, others
        self.dialog_title = f"Field {answer.name}"
        if not answer.name:
            self.dialog_title = "New field"
        self.lines: list[Input | FormChoice] = []
        self._leaving = False
        """Escape was pressed, and answered with the warning; the next one leaves."""

    def body(self) -> list[Widget]:
        """Return the field's lines and the note below them."""
        from optimus_tui.scaffold.field_text import LONGEST_FIELD
        from optimus_tui.scaffold.fields import TYPES

        field = self.answer
        known = SuggestFromList([*TYPES, *(f"list[{name}]" for name in TYPES), "enum[", "{"])
        self.lines = [
            BoundedInput(field.name, id="field-name", compact=True, max_length=MAX_LENGTH, classes="field-value"),
            BoundedInput(
                field.type,
                id="field-type",
                compact=True,
                max_length=LONGEST_FIELD,
                suggester=known,
                classes="field-value",
            ),
            FormChoice((False, True), field.optional, id="field-optional", classes="field-value"),
            BoundedInput(field.default, id="field-default", compact=True, max_length=MAX_LENGTH, classes="field-value"),
        ]
        titles = ("name", "type", "optional", "default")
        rows = [
            Horizontal(Label(Content(f"{title:<10}"), classes="field-name"), line, classes="field")
            for title, line in zip(titles, self.lines, strict=True)
        ]
        return [Vertical(*rows, Static(" ", id="field-note"), id="body")]

    def on_mount(self) -> None:
        """Focus the name."""
        self.lines[0].focus()
        self._note(self.answer.name != "")

    @property
    def typed(self) -> FieldAnswer:
        """Return the field as it is typed now."""
        name, kind, optional, default = self.lines
        return FieldAnswer(str(name.value).strip(), str(kind.value).strip(), bool(optional.value), str(default.value))

    def _note(self, judge: bool = True) -> str:
        problem = self.typed.problem(self.others)
        self._leaving = False
        note, wrong = self.query_one("#field-note", Static), judge and bool(problem)
        words = "str(max_length=80)  int(ge=1)  enum[a,b]  list[str]  {street:str}; an empty default is none"
        if wrong:
            words = problem
        note.set_class(wrong, "-wrong")
        note.update(Content(words))
        return problem

    @on(BoundedInput.TooLong)
    def _too_long(self, event: BoundedInput.TooLong) -> None:
        event.stop()
        note = self.query_one("#field-note", Static)
        note.add_class("-wrong")
        note.update(Content(event.sentence))

    @on(Input.Changed)
    @on(Select.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self._note(bool(self.typed.name))

    @on(Input.Submitted)
    def action_keep(self) -> None:
        """Close with the field, if nothing is wrong with it."""
        if not self._note():
            self.dismiss(self.typed)

    def would_lose(self) -> str:
        """Return that the field was changed."""
        if self.typed != self.answer:
            return typed_in(self.dialog_title)
        return ""

    def action_leave(self) -> None:
        """Leave the field as it was. If something was changed, the first time only warns."""
        if self._leaving or self.typed == self.answer:
            self.dismiss(None)
            return
        self._leaving = True
        note = self.query_one("#field-note", Static)
        note.add_class("-wrong")
        note.update(Content(DROPS))

    def action_step(self, by: int) -> None:
        """Focus the next line, or the previous one with a negative number, cyclically."""
        at = next((i for i, line in enumerate(self.lines) if line is self.focused), 0)
        self.set_focus(self.lines[(at + by) % len(self.lines)])  # at once: the next key may be here already


class Highlighted(Syntax):
    """Code that is highlighted once for each width, because Textual renders it for the height and for each paint."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the segments for this width."""
        made: dict[int, list[Any]] = self.__dict__.setdefault("made", {})
        if options.max_width not in made:
            made[options.max_width] = list(super().__rich_console__(console, options))
        yield from made[options.max_width]


class CodeView(VerticalScroll, can_focus=True):
    """Highlighted text that scrolls; left and right switch between views."""

    BINDINGS: ClassVar[Any] = [
        *chosen(*MOVES[:-1]),
        ("left,h", "turn(-1)", ""),
        ("right,l", "turn(1)", ""),
    ]

    def __init__(self, views: Sequence[tuple[str, str, str]]) -> None:
        super().__init__(id="code")
        self.views, self.at = list(views), 0

    def compose(self) -> ComposeResult:
        """Return the text."""
        yield Static(id="code-text")

    def on_mount(self) -> None:
        """Show the first view."""
        self.show()

    def show(self) -> None:
        """Draw the present view."""
        _, language, text = self.views[self.at]
        theme = "ansi_dark" if self.app.current_theme.dark else "ansi_light"
        numbers = language == "python"
        background = self.app.theme_variables.get("background", "default")
        self.query_one("#code-text", Static).update(
            Highlighted(text, language, theme=theme, line_numbers=numbers, word_wrap=True, background_color=background)
        )
        self.border_title = Content.assemble(
            " ",
            *[
                part
                for i, (name, _, _) in enumerate(self.views)
                for part in ((name, "bold" if i == self.at else "dim"), ("   ", ""))
            ],
        )
        self.scroll_to(y=0, animate=False)

    def action_turn(self, by: int) -> None:
        """Show the next view, or the previous one with a negative number."""
        self.at = (self.at + by) % len(self.views)
        self.show()

    def action_move(self, by: int) -> None:
        """Scroll by a number of lines."""
        self.scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """Scroll by a number of pages."""
        self.scroll_relative(y=by * max(1, self.size.height - 1), animate=False)

    def action_first(self) -> None:
        """Scroll to the first line."""
        self.scroll_to(y=0, animate=False)

    def action_last(self) -> None:
        """Scroll to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False)
