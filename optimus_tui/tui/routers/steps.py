"""The wizard's pages: each shows one question, and puts the answer into ``RouterAnswers``. None of them goes anywhere.

``problem()`` is one sentence that keeps the wizard from going on, or nothing.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, Static

from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers.answers import FieldAnswer, RouterAnswers, name_problem
from optimus_tui.tui.tools.form import FormChoice
from optimus_tui.tui.widgets.router_lists import Commands, Entries, FieldList, Pick, Picks, Task, Tasks
from optimus_tui.tui.widgets.typed import BoundedInput
from optimus_tui.wording.safe import safe_text

TYPES = (
    Pick("proxy", "proxy", "The AI Engine keeps everything; the gateway limits, caches and forwards."),
    Pick("direct", "direct", "A store of the gateway's own: a clean seam with an in-memory store to begin with."),
    Pick("hybrid", "hybrid", "That store first; the engine for what it does not hold, or when told."),
)
OPERATIONS = (
    Pick("list", "list", "GET /: a page of them, bounded"),
    Pick("create", "create", "POST /: a new one, 201"),
    Pick("get", "get", "GET /{id}: one of them, or 404"),
    Pick("update", "update", "PUT /{id}: another content"),
    Pick("delete", "delete", "DELETE /{id}: 204"),
)
FEATURES = (
    Pick("rate_limiting", "rate limiting", "Requests counted per tenant and operation; 429 with Retry-After above."),
    Pick("caching", "caching", "Reads with a TTL; writes invalidate them and publish the coherence event."),
)


class WizardPage(Vertical):
    """One step of the wizard."""

    BINDINGS: ClassVar[Any] = chosen("router.next")
    title = ""
    hint = "esc leaves"
    """The keys that the footer does not name."""
    enter = "next"
    """What Enter does here, in the footer; nothing where it does nothing."""

    class Changed(Message):
        """Something was typed or chosen."""

    class Onward(Message):
        """Enter: this page is done with."""

    def take(self, answers: RouterAnswers) -> None:
        """Put what stands here into the answers."""

    def problem(self, started: bool = True) -> str:
        """Return why the wizard cannot go on; empty if it can.

        Args:
            started: Judge what is missing, too. If False, only what was typed.
        """
        return ""

    def places(self) -> Sequence[Any]:
        """Return what can have the focus, from top to bottom."""
        return [one for one in self.query("*") if one.can_focus]

    def focus_page(self) -> None:
        """Focus the first place of the page."""
        for place in self.places():
            place.focus()
            return

    def step(self, by: int) -> bool:
        """Focus the next place; False where there is none."""
        places = self.places()
        at = next((i for i, place in enumerate(places) if place is self.screen.focused), -1) + by
        if not 0 <= at < len(places):
            return False
        self.screen.set_focus(places[at])  # at once: the next key may be here already
        return True

    def action_onward(self) -> None:
        """Say that this page is done with."""
        self.post_message(self.Onward())

    @on(Entries.Changed)
    @on(FormChoice.Turned)
    @on(Input.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.Changed())


class Answer(BoundedInput):
    """A line to type in; Enter is the page's."""

    BINDINGS: ClassVar[Any] = chosen("router.next")

    def action_onward(self) -> None:
        """Say that the page is done with."""
        self.post_message(WizardPage.Onward())


class NamePage(WizardPage):
    """How it is called, and where it goes."""

    title = "Name"

    def __init__(self, answers: RouterAnswers) -> None:
        super().__init__()
        self.answers = answers

    def compose(self) -> ComposeResult:
        """Return the fields for name and project."""
        yield Static(
            "The router's name: its file, its path /api/NAME and its operations carry it.", classes="page-about"
        )
        for title, key, value in (
            ("name", "router-name", self.answers.name),
            ("project", "router-project", self.answers.project),
        ):
            with Horizontal(classes="field"):
                yield Label(Content(f"{title:<9}"), classes="field-name")
                yield Answer(value, id=key, compact=True, max_length=4096, classes="field-value")
        yield Static("project: the gateway's folder, the one that holds src/backend", classes="page-about")

    def offer(self, project: str) -> None:
        """Fill the project in where nobody did."""
        line = self.query_one("#router-project", Input)
        if not line.value:
            line.value = project

    def take(self, answers: RouterAnswers) -> None:
        """Put name and project into the answers."""
        answers.name = self.query_one("#router-name", Input).value.strip()
        answers.project = self.query_one("#router-project", Input).value.strip()

    def problem(self, started: bool = True) -> str:
        """Return what is wrong with the name."""
        name = self.query_one("#router-name", Input).value.strip()
        return name_problem(name) if name or started else ""

    def on_key(self, event: events.Key) -> None:
        """Go to another field with up and down."""
        if event.key in ("up", "down"):
            event.stop()
            self.step(1 if event.key == "down" else -1)


class PickPage(WizardPage):
    """One list to pick from."""

    def __init__(self, title: str, rows: Sequence[Pick], picked: Sequence[str], many: bool, least: str = "") -> None:
        super().__init__()
        self.title, self.least = title, least
        self.list = Picks(rows, picked, many)

    def compose(self) -> ComposeResult:
        """Return the list."""
        yield self.list

    def take(self, answers: RouterAnswers) -> None:
        """Put what is chosen into the answers."""
        values = self.list.chosen_values
        if self.title == "Type":
            answers.type = values[0]
        elif self.title == "Operations":
            answers.operations = values
        else:
            answers.features = values

    def problem(self, started: bool = True) -> str:
        """Return that something must be chosen, if nothing is."""
        return "" if self.list.chosen_values else self.least


class FieldsPage(WizardPage):
    """The model's own fields."""

    title = "Fields"

    def __init__(self, fields: Sequence[FieldAnswer]) -> None:
        super().__init__()
        self.list = FieldList()
        self.fields = list(fields)
        self.list.set_rows(self.fields)

    def compose(self) -> ComposeResult:
        """Return the list."""
        yield self.list

    def take(self, answers: RouterAnswers) -> None:
        """Put the fields into the answers."""
        answers.fields = list(self.fields)

    def put(self, answer: FieldAnswer, at: int | None) -> None:
        """Keep a field: in place of one, or behind the last."""
        if at is None:
            self.fields.append(answer)
        else:
            self.fields[at] = answer
        self.list.set_rows(list(self.fields))
        self.list.move_to(len(self.fields) - 1 if at is None else at)
        self.list.redraw()

    def take_away(self) -> None:
        """Take the one under the cursor away."""
        if self.fields and 0 <= self.list.cursor < len(self.fields):
            del self.fields[self.list.cursor]
            self.list.set_rows(list(self.fields))
            self.list.redraw()


class TasksPage(WizardPage):
    """Checks or the checklist, with a result each."""

    hint = "y copies   esc leaves"

    def __init__(self, title: str, tasks: Sequence[Task], about: str) -> None:
        super().__init__()
        self.title, self.about = title, about
        self.list = Tasks()
        self.list.set_rows(list(tasks))

    def compose(self) -> ComposeResult:
        """Return the explanation and the tasks."""
        yield Static(Content(self.about), classes="page-about")
        yield self.list


class WritePage(WizardPage):
    """The last questions; all of them are no until somebody turns them."""

    title = "Write"
    hint = "→ turns to yes   ↓ next question   esc leaves"

    def __init__(self, questions: Sequence[str], refusal: str) -> None:
        super().__init__()
        self.questions, self.refusal = list(questions), refusal
        self.choices = [FormChoice((False, True), False, classes="field-value") for _ in questions]
        self.enter = "" if refusal else "write"

    def compose(self) -> ComposeResult:
        """Return the questions, or why nothing can be written."""
        if self.refusal:
            yield Static(Content(self.refusal), classes="page-about")
            return
        for question, choice in zip(self.questions, self.choices, strict=True):
            yield Static(Content(safe_text(question, 400)), classes="question")
            yield choice

    def problem(self, started: bool = True) -> str:
        """Return why nothing can be written, or the question that is not answered with yes."""
        if self.refusal:
            return self.refusal if started else ""
        missing = next((q for q, c in zip(self.questions, self.choices, strict=True) if not c.value), "")
        return f"to write, answer yes to: {safe_text(missing, 300)}" if missing and started else ""

    def on_key(self, event: events.Key) -> None:
        """Go to another question with up and down."""
        if event.key in ("up", "down"):
            event.stop()
            self.step(1 if event.key == "down" else -1)


class NextPage(WizardPage):
    """What to do with what was written."""

    title = "Next steps"
    hint = "y copies   esc closes"
    enter = "checklist"

    def __init__(self, steps: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.list = Commands()
        self.list.set_rows(list(steps))

    def compose(self) -> ComposeResult:
        """Return the commands."""
        yield self.list
