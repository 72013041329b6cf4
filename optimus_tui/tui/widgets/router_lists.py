"""The wizard's lists: things to pick, fields, checks, commands, a checklist. Lines; none of them runs anything."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual.message import Message

from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.widgets.columns import fit_cell, fit_name
from optimus_tui.tui.widgets.figures import wrap
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.wrapping import WrappingView

Lines = list[list[Piece]]
PICK_MARKS = {(True, True): "[x] ", (True, False): "[ ] ", (False, True): "(•) ", (False, False): "( ) "}
"""By whether several may be picked, and whether this one is."""
WITHOUT_ENTER = tuple(one for one in MOVES if one != "pane.open")


class Entries(WrappingView):
    """Rows of several lines; what Enter does is the page's."""

    BINDINGS: ClassVar[Any] = chosen(*WITHOUT_ENTER)
    head_lines = 0
    wrapped = True

    class Changed(Message):
        """Another row, or another choice."""

    def key_of(self, row: Any) -> int:
        return id(row)

    def watch_cursor(self) -> None:
        super().watch_cursor()
        if self.is_mounted:
            self.post_message(self.Changed())

    def row(self, index: int, width: int) -> list[Piece]:
        return self.row_lines(index, width)[0]

    def _measure(self) -> None:
        """Without a scroll bar where everything fits: these lists are short."""
        width, room = self.scrollable_content_region.width, self.page_size
        lines = sum(len(self.row_lines(index, max(20, width))) for index in range(min(len(self.rows), room + 1)))
        if lines <= room and len(self.rows) <= room:
            self._set_height(min(room, len(self.rows)) + self.head_lines)
        else:
            super()._measure()

    def redraw(self) -> None:
        """Its rows changed without being others."""
        self._laid_for = ()
        self._measure()
        self.refresh()


@dataclass(frozen=True)
class Pick:
    """Something that can be chosen, and what it means."""

    value: str
    title: str
    about: str


class Picks(Entries):
    """One of a few (the row under the cursor), or any of them (space)."""

    BINDINGS: ClassVar[Any] = chosen(*WITHOUT_ENTER, "router.toggle")

    def __init__(self, rows: Sequence[Pick], picked: Collection[str], many: bool) -> None:
        super().__init__(classes="picks")
        self.many, self.picked = many, [row.value for row in rows if row.value in picked]
        self.set_rows(list(rows))
        if not many and self.picked:
            self.set_reactive(Picks.cursor, next(i for i, row in enumerate(rows) if row.value == self.picked[0]))

    @property
    def chosen_values(self) -> list[str]:
        """In the order of the list."""
        if not self.many:
            return [self.selected.value] if self.selected is not None else []
        return [row.value for row in self.rows if row.value in self.picked]

    def row_lines(self, index: int, width: int) -> Lines:
        row = self.rows[index]
        on = row.value in self.picked if self.many else index == self.cursor
        mark = PICK_MARKS[self.many, on]
        lines: Lines = [
            [(mark, "accent" if on else "quiet"), (fit_cell(row.title, max(1, width - 4)), "bright" if on else "")]
        ]
        lines += [[("    " + part, "quiet")] for part in wrap(row.about, max(8, width - 5))]
        return lines

    def watch_cursor(self) -> None:
        super().watch_cursor()
        self.redraw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.many or action != "pick"

    def action_open(self) -> None:
        """A click."""
        self.action_pick()

    def action_pick(self) -> None:
        if not self.many or self.selected is None:
            return
        value = self.selected.value
        self.picked = [one for one in self.picked if one != value] if value in self.picked else [*self.picked, value]
        self.redraw()
        self.post_message(self.Changed())


class FieldList(Entries):
    """The model's fields. ``a`` adds, Enter on a field edits it, delete removes it; what it does is the screen's."""

    BINDINGS: ClassVar[Any] = chosen(*WITHOUT_ENTER, "router.add", "router.edit", "router.remove")
    head_lines = 1

    class Asked(Message):
        """Something is to be done with the field under the cursor."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def head(self, line: int, width: int) -> list[Piece]:
        return [(fit_cell("field", 26) + fit_cell("type", 10) + fit_cell("optional", 10) + "default", "quiet")]

    def empty_lines(self) -> list[str]:
        return ["No field of your own: name and an optional description stand in.", "a adds one."]

    def row_lines(self, index: int, width: int) -> Lines:
        from optimus_tui.wording.safe import safe_text

        one = self.rows[index]
        optional = "yes" if one.optional else "no"
        return [
            [
                (fit_name(safe_text(one.name, 60), 24) + "  ", "bright"),
                (fit_cell(one.type, 10), "accent"),
                (fit_cell(optional, 10), ""),
                (
                    fit_cell(safe_text(one.default, 60) if one.default else "–", max(1, width - 46)),
                    "" if one.default else "quiet",
                ),
            ]
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self.rows) or action not in ("edit", "remove_field")

    def action_open(self) -> None:
        """A click on the field under the cursor."""
        self.action_edit()

    def action_add(self) -> None:
        self.post_message(self.Asked("add"))

    def action_edit(self) -> None:
        self.post_message(self.Asked("edit"))

    def action_remove_field(self) -> None:
        self.post_message(self.Asked("remove"))


@dataclass
class Task:
    """Something that is done and then has a result. ``state``: waiting, running, passed, failed, not run."""

    title: str
    about: str = ""
    state: str = "waiting"
    detail: str = ""
    output: Sequence[str] = field(default_factory=list)


MARKS = {
    "waiting": ("·", "quiet"),
    "running": ("…", "accent"),
    "passed": ("●", "good"),
    "found": ("▲", "warn"),
    "failed": ("✖", "crit"),
    "not run": ("○", "warn"),
}
"""Glyph and ink; the word stands beside it."""


class Tasks(Entries):
    """Tasks with their results; a failed one shows what it printed."""

    BINDINGS: ClassVar[Any] = chosen(*WITHOUT_ENTER, "pane.copy")
    label = 19

    def row_lines(self, index: int, width: int) -> Lines:
        task = self.rows[index]
        glyph, ink = MARKS[task.state]
        told = task.detail.removeprefix("not run: ") if task.state == "not run" else task.detail or task.about
        indent = self.label + 12
        parts = wrap(told, max(8, width - indent)) if told else [""]
        word = "" if task.state == "waiting" else task.state
        lines: Lines = [
            [
                (glyph + " ", ink),
                (fit_cell(task.title, self.label - 2), "bright"),
                (fit_cell(word, 10), ink),
                ("  " + parts[0], "" if task.detail else "quiet"),
            ]
        ]
        lines += [[(" " * indent + part, "")] for part in parts[1:]]
        return lines + [[("  " + part, "quiet")] for line in task.output for part in wrap(line, max(8, width - 2))]

    def action_copy(self) -> None:
        if self.selected is not None:
            task = self.selected
            words = "\n".join([f"{task.title}: {task.state} {task.detail}", *task.output])
            self.post_message(CopyRequested(words, task.title))


class Commands(Entries):
    """What to do next, one command a row; ``y`` copies it."""

    BINDINGS: ClassVar[Any] = chosen(*WITHOUT_ENTER, "pane.copy")

    def row_lines(self, index: int, width: int) -> Lines:
        why, command = self.rows[index]
        lines: Lines = [[(why, "quiet")]]
        return lines + [
            [("  " + command[at : at + width - 2], "bright")] for at in range(0, len(command), max(8, width - 2))
        ]

    def action_copy(self) -> None:
        if self.selected is not None:
            self.post_message(CopyRequested(self.selected[1], "command"))
