"""The pages of the wizard for profiles: the names that are there, a question about some, the panes, what is written."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Label, Select, SelectionList, Static

from optimus_tui.tools.dialects.draft import ProfileDraft
from optimus_tui.tools.dialects.finding_out import other_words, read_words
from optimus_tui.tools.dialects.questions import Question, QuestionRow, open_row, problem_of, reading_of
from optimus_tui.tui.dialects.preview import Line, sentence
from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.routers.pages import WizardPage
from optimus_tui.tui.routers.widgets import CodeView, WizardChoice, WizardTicks
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.widgets.line_view import LineView
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text


class TextLines(LineView):
    """Lines to read and to scroll."""

    BINDINGS: ClassVar[Any] = chosen(*MOVES[:-1])
    head_lines = 0

    def key_of(self, row: Line) -> tuple[Any, ...]:
        """Identify a line by what it says."""
        return tuple(row)


class LinesPage(WizardPage):
    """A page of text: a note while something is read, why nothing can be asked, or what the panes would show."""

    hint = "↑↓ scrolls   esc leaves"

    def __init__(self, make: Callable[[int], Sequence[Line]], enter: str) -> None:
        """Show lines.

        Args:
            make: Returns the lines for so many cells.
            enter: What Enter does here, in the footer.
        """
        super().__init__()
        self.make, self.enter = make, enter
        self.view = TextLines()
        self.waits = ""
        """What is awaited, for who presses Enter before; empty for nothing."""

    def compose(self) -> ComposeResult:
        """Return the lines."""
        yield self.view

    def on_resize(self) -> None:
        """Wrap the lines for the new width."""
        self.draw()

    def draw(self) -> None:
        """Show the lines."""
        self.view.set_rows(self.make(max(40, self.size.width - 2)))

    def problem(self, started: bool = True) -> str:
        """Return what has to be waited for; empty if nothing."""
        if started:
            return self.waits
        return ""


def wrapped_lines(*sentences: str) -> Callable[[int], Sequence[Line]]:
    """Return a function that wraps these sentences to a width; empty ones are left out."""
    return lambda width: [line for one in sentences if one for line in sentence(one, width)]


class NamesPage(WizardPage):
    """The presets that fit, and the shapes of the other names: the ticked ones are asked about, and then read."""

    hint = "space ticks   ↑↓ line   esc leaves"

    def __init__(self, draft: ProfileDraft) -> None:
        super().__init__()
        self.draft = draft
        fits, shapes = draft.found.found.fits, draft.found.found.shapes
        choices = [
            WizardChoice(str(at), " or ".join(fit.presets), f"{plural(fit.count, 'name')} of its own")
            for at, fit in enumerate(fits)
        ]
        for at, shape in enumerate(shapes, len(fits)):
            what = {"limits": "counters?", "cache": "cache keys?"}.get(shape.family, "")
            choices.append(WizardChoice(str(at), safe_text(shape.text, 44), f"{plural(shape.count, 'name')}  {what}"))
        self.list = WizardTicks(choices, [str(at) for at in draft.chosen])

    def compose(self) -> ComposeResult:
        """Return what is read now, the list, and what is left out of it."""
        found = self.draft.found
        about = [f"{read_words(found)}. What is ticked is read by the new profile; where names do not tell whose they"]
        about[0] += " are, you are asked."
        about += [f"{one.preset} fits the gateway, too: {one.words}." for one in found.answers]
        if found.fault:
            about.append(f"▲ {found.fault.message}")
        yield Static(Content("\n".join(about)), classes="page-about")
        yield self.list
        if found.found.others:
            yield Static(Content(other_words(found)), classes="page-about")

    @on(SelectionList.SelectedChanged)
    def _ticked(self) -> None:
        """Put what is ticked into the draft."""
        self.draft.chosen = sorted(int(value) for value in self.list.selected)


class QuestionPage(WizardPage):
    """One question, a line for each part of it; what is not known begins without an answer."""

    hint = "←→ chooses   ↑↓ line   esc leaves"

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.form = Vertical(classes="tool-form")
        self.reads = Static(classes="page-about")
        self._shown: Sequence[QuestionRow] = ()

    def compose(self) -> ComposeResult:
        """Return what it is about, its lines, and how a name is read by the answers."""
        yield Static(Content(self.question.about), classes="page-about")
        yield self.form
        yield self.reads

    async def on_mount(self) -> None:
        """Show the lines."""
        await self._show()

    async def _show(self) -> None:
        """Show the lines that the answers leave to ask; the focus stays on its line."""
        self.reads.update(Content(f"→ {reading_of(self.question)}"))
        rows = list(self.question.rows())
        if rows == self._shown:
            return
        at = next((place.name for place in self.form.query(FormChoice) if place.has_focus), None)
        self._shown = rows
        wide = max(len(row.label) for row in rows) + 2
        async with self.batch():
            await self.form.remove_children()
            await self.form.mount_all(self._line(row, wide) for row in rows)
        for place in self.form.query(FormChoice):
            if place.name == (at or rows[0].name):
                self.screen.set_focus(place)

    def _line(self, row: QuestionRow, wide: int) -> Horizontal:
        answer = row.choices.get(self.question.answers.get(row.name, ""))
        field = FormChoice(list(row.choices.values()), answer, name=row.name, classes="field-value")
        return Horizontal(Label(Content(row.label.ljust(wide)), classes="field-name"), field, classes="field")

    @on(Select.Changed)
    async def _answered(self) -> None:
        for field in self.form.query(FormChoice):
            row = next((one for one in self._shown if one.name == field.name), None)
            answer = next((key for key, words in row.choices.items() if words == field.value), "") if row else ""
            if row is not None and answer:
                self.question.answers[row.name] = answer
        await self._show()

    def problem(self, started: bool = True) -> str:
        """Return what is missing or wrong."""
        if started or open_row(self.question) is None:
            return problem_of(self.question)
        return ""


class SavePage(WizardPage):
    """The last page: the profile as TOML, and the change of the file."""

    hint = "←→ view   y copies the TOML   esc leaves"
    enter = "save"
    BINDINGS: ClassVar[Any] = chosen("pane.copy")

    def __init__(self, toml: str, about: str, diff: str) -> None:
        super().__init__()
        self.toml, self.about = toml, about
        self.view = CodeView([("TOML", "toml", toml or "# no rule is added"), ("diff", "diff", diff)])

    def compose(self) -> ComposeResult:
        """Return where it goes, and the views."""
        yield Static(Content(self.about), classes="page-about")
        yield self.view

    def action_copy(self) -> None:
        """Copy the TOML."""
        self.post_message(CopyRequested(self.toml, "TOML"))
