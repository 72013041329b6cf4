"""The wizard's pages: each shows one question and puts the answer into ``RouterAnswers``. No page opens another.

``problem()`` returns a sentence that keeps the wizard from going to the next page, or an empty text.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Label, OptionList, Select, SelectionList, Static

from optimus_tui.tui.keys import chosen, label_of
from optimus_tui.tui.routers.draft import STEPS, FieldAnswer, RouterAnswers, RouterDraft, Task, name_problem
from optimus_tui.tui.routers.widgets import (
    CodeView,
    CopyList,
    FieldList,
    WizardChoice,
    WizardOptions,
    WizardTicks,
    choice_option,
    command_rows,
    task_rows,
)
from optimus_tui.tui.tools.form import FormChoice, step_focus
from optimus_tui.tui.widgets.fields import BoundedInput
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.routers import RouterPlan

TYPES = (
    WizardChoice("proxy", "proxy", "The AI Engine stores everything; the gateway limits, caches and forwards."),
    WizardChoice("direct sqlalchemy", "direct, table", "The gateway's own table, with SQLAlchemy and a migration."),
    WizardChoice("direct", "direct, memory", "The gateway's own store, lost when its process ends: no production use."),
    WizardChoice("hybrid", "hybrid", "The gateway's own store first; the AI Engine for what it does not hold."),
)
OPERATIONS = (
    WizardChoice("list", "list", "GET /: a page of items, bounded"),
    WizardChoice("create", "create", "POST /: creates an item, 201"),
    WizardChoice("get", "get", "GET /{id}: one item, or 404"),
    WizardChoice("update", "update", "PUT /{id}: replaces an item"),
    WizardChoice("patch", "patch", "PATCH /{id}: changes some fields"),
    WizardChoice("delete", "delete", "DELETE /{id}: 204"),
)
FEATURES = (
    WizardChoice("rate_limiting", "rate limiting", "per tenant and operation; 429 with Retry-After above"),
    WizardChoice("caching", "caching", "reads with a TTL; a write invalidates and publishes"),
)
PLACES = {
    "parent": "may be empty; orders makes it /orders/{order_id}/NAME",
    "package": "may be empty: then it is found; example: app.api.routes",
    "into": "may be empty: then it is found; example: app/main.py",
}
ABOUT_PLACE = (
    "project: the folder of a FastAPI application. package: where its routers are. into: the file that registers "
    "them, or FILE:NAME. What is named is remembered in the project's optimus.toml."
)
CHECKS_ABOUT = "Nothing is written yet. The tests run in a copy of the project."
CHECKLIST_ABOUT = "What to check after adding a feature. full_flow posts one recognisable test message to the gateway."


class WizardPage(Vertical):
    """One step of the wizard."""

    BINDINGS: ClassVar[Any] = [*chosen("router.next"), ("up", "step(-1)", ""), ("down", "step(1)", "")]
    hint = "esc leaves"
    """The keys that the footer does not name."""
    enter = label_of("router.next")
    """What Enter does here, in the footer; nothing where it does nothing."""

    class PageChanged(Message):
        """Posted when something was typed or chosen."""

    class PageDone(Message):
        """Posted when Enter is pressed: the page is filled in."""

    def take(self, answers: RouterAnswers) -> None:
        """Put the page's values into the answers."""

    def problem(self, started: bool = True) -> str:
        """Return a sentence that says what is wrong with the page; empty if nothing is.

        Args:
            started: True to also report empty fields, False to judge only what was typed.
        """
        return ""

    def places(self) -> Sequence[Any]:
        """Return the widgets that can have the focus, from top to bottom."""
        return [place for place in self.screen.focus_chain if self in place.ancestors]

    def focus_page(self) -> None:
        """Focus the first widget of the page."""
        for place in self.places():
            place.focus()
            return

    def step(self, by: int) -> bool:
        """Move the focus by ``by`` widgets; return False at either end."""
        return step_focus(self.screen, self.places(), by)

    def action_step(self, by: int) -> None:
        """Focus the next widget, or the previous one with a negative number."""
        self.step(by)

    def action_onward(self) -> None:
        """Tell the wizard that the page is filled in."""
        self.post_message(self.PageDone())

    @on(SelectionList.SelectedChanged)
    @on(Select.Changed)
    @on(Input.Changed)
    def _changed(self, event: Message) -> None:
        event.stop()
        self.post_message(self.PageChanged())


class AnswerInput(BoundedInput):
    """A text field in which Enter belongs to the page."""

    BINDINGS: ClassVar[Any] = chosen("router.next")

    def action_onward(self) -> None:
        """Tell the wizard that the page is filled in."""
        self.post_message(WizardPage.PageDone())


class NamePage(WizardPage):
    """The router's name, the project that it is written to, and where it belongs there."""

    def __init__(self, answers: RouterAnswers) -> None:
        super().__init__()
        self.answers = answers

    def compose(self) -> ComposeResult:
        """Return the fields for the name and the place."""
        yield Static("The router's name: used for its file, its path and its operations.", classes="page-about")
        for title in ("name", "parent", "project", "package", "into"):
            with Horizontal(classes="field"):
                yield Label(Content(f"{title:<9}"), classes="field-name")
                yield AnswerInput(
                    getattr(self.answers, title),
                    id=f"router-{title}",
                    placeholder=PLACES.get(title, ""),
                    compact=True,
                    max_length=4096,
                    classes="field-value",
                )
        yield Static(ABOUT_PLACE, classes="page-about")

    def offer(self, project: str) -> None:
        """Fill in the project, unless one was typed."""
        line = self.query_one("#router-project", Input)
        if not line.value:
            line.value = project

    def take(self, answers: RouterAnswers) -> None:
        """Put the name and the place into the answers."""
        for title in ("name", "parent", "project", "package", "into"):
            setattr(answers, title, self.query_one(f"#router-{title}", Input).value.strip())

    def problem(self, started: bool = True) -> str:
        """Return what is wrong with the name, or with the parent's name."""
        name, parent = (self.query_one(f"#router-{title}", Input).value.strip() for title in ("name", "parent"))
        return name_problem(name, parent) if name or started else ""


class TypePage(WizardPage):
    """The page for the router's type and storage: the highlighted option is chosen."""

    hint = "↑↓ chooses   esc leaves"

    def __init__(self, answers: RouterAnswers) -> None:
        super().__init__()
        chosen_type = answers.type if answers.storage == "memory" else f"{answers.type} {answers.storage}"
        self.list = WizardOptions(*[choice_option(choice) for choice in TYPES])
        self.list.highlighted = [choice.value for choice in TYPES].index(chosen_type)

    def compose(self) -> ComposeResult:
        """Return the list."""
        yield self.list

    def take(self, answers: RouterAnswers) -> None:
        """Put the type and the storage into the answers."""
        answers.type, _, storage = TYPES[self.list.highlighted or 0].value.partition(" ")
        answers.storage = storage or "memory"


class TicksPage(WizardPage):
    """A page with a list of which any number may be ticked."""

    def __init__(
        self, title: str, choices: Sequence[WizardChoice], ticked: Sequence[str], missing: str = "", about: str = ""
    ) -> None:
        """Make the list.

        Args:
            title: ``Operations`` or ``Features``.
            choices: What can be chosen.
            ticked: The values that are chosen at first.
            missing: The sentence for a list of which nothing is chosen; empty if that is allowed.
            about: What has to be known to choose, above the list; empty for nothing.
        """
        super().__init__()
        self.title, self.choices, self.missing, self.about = title, choices, missing, about
        self.list = WizardTicks(choices, ticked)

    def compose(self) -> ComposeResult:
        """Return the explanation and the list."""
        if self.about:
            yield Static(Content(self.about), classes="page-about")
        yield self.list

    def take(self, answers: RouterAnswers) -> None:
        """Put the ticked ones into the answers, in the order of the list."""
        values = [choice.value for choice in self.choices if choice.value in self.list.selected]
        if self.title == "Operations":
            answers.operations = values
        else:
            answers.features = values

    def problem(self, started: bool = True) -> str:
        """Return that something must be chosen, if nothing is."""
        if self.list.selected:
            return ""
        return self.missing


class FieldsPage(WizardPage):
    """The page of the model's own fields."""

    def __init__(self, fields: Sequence[FieldAnswer], has_list: bool) -> None:
        super().__init__()
        self.list = FieldList()
        self.fields, self.has_list = list(fields), has_list

    def compose(self) -> ComposeResult:
        """Return the columns' titles and the list."""
        yield Static(classes="fields-head")
        yield self.list

    def on_mount(self) -> None:
        """Show the fields."""
        self._draw()

    def on_resize(self) -> None:
        """Show the fields for the new width."""
        self._draw(self.list.highlighted or 0)

    def _draw(self, at: int = 0) -> None:
        self.list.show(self.fields, at)
        self.query_one(".fields-head", Static).update(Content(self.list.head))

    def take(self, answers: RouterAnswers) -> None:
        """Put the fields into the answers."""
        answers.fields = list(self.fields)

    def put(self, answer: FieldAnswer, at: int) -> None:
        """Keep a field.

        Args:
            answer: The field.
            at: The index of the field that it replaces; the number of fields to append it.
        """
        self.fields[at : at + 1] = [answer]
        self._draw(at)

    def take_away(self, at: int) -> None:
        """Remove the field at an index."""
        del self.fields[at]
        self._draw(at)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.list.action_edit()


class PreviewPage(WizardPage):
    """The page that shows everything that would be written: the code, the tests, the tree, the diff."""

    hint = "enter runs the project's code in a copy   ←→ view   esc leaves"
    enter = "check"

    def __init__(self, plan: "RouterPlan | None", warnings: Sequence[str], failure: str = "") -> None:
        super().__init__()
        self.plan, self.warnings, self.failure = plan, warnings, failure
        if plan is None:
            self.hint = "esc leaves"

    def compose(self) -> ComposeResult:
        """Return the views of the plan, or why there are none."""
        if self.plan is None:
            yield Static(Content(self.failure or "Rendering, and reading the project …"), classes="page-about")
            return
        yield CodeView(views_of(self.plan, self.warnings))

    def problem(self, started: bool = True) -> str:
        """Return why there is no plan; empty if there is one, or if it is not expected yet."""
        if self.plan is not None:
            return ""
        if self.failure or not started:
            return self.failure
        return "the plan is not ready yet"


class TasksPage(WizardPage):
    """The page of the checks or of the checklist, with a result each."""

    hint = "y copies   esc leaves"

    def __init__(self, tasks: Sequence[Task], about: str) -> None:
        super().__init__()
        self.about, self.tasks = about, tasks
        self.list = CopyList()

    def compose(self) -> ComposeResult:
        """Return the explanation and the tasks."""
        yield Static(Content(self.about), classes="page-about")
        yield self.list

    def on_resize(self) -> None:
        """Wrap the results to the new width."""
        self.show(self.tasks)

    def show(self, tasks: Sequence[Task]) -> None:
        """Show tasks and their results."""
        self.tasks = tasks
        self.list.show(task_rows(tasks, self.size.width - 1))


class WritePage(WizardPage):
    """The page of the last questions. Each answer is no until it is changed."""

    enter = "write"

    def __init__(self, questions: Sequence[str], refusal: str) -> None:
        super().__init__()
        self.questions, self.refusal = list(questions), refusal
        self.hint = f"→ answers yes{'   ↓ next question' * (len(questions) > 1)}   esc leaves"
        self.choices = [FormChoice((False, True), False, classes="field-value") for _ in questions]
        if refusal:
            self.enter = ""

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
        if not started:
            return ""
        if self.refusal:
            return self.refusal
        for question, choice in zip(self.questions, self.choices, strict=True):
            if not choice.value:
                return f"to write, answer yes to: {safe_text(question, 300)}"
        return ""


class NextPage(WizardPage):
    """The page with shell commands for the written router."""

    hint = "y copies   esc closes"
    enter = "checklist"

    def __init__(self, steps: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.list, self.steps = CopyList(), steps

    def compose(self) -> ComposeResult:
        """Return the commands."""
        yield self.list

    def on_resize(self) -> None:
        """Show the commands, broken at the new width."""
        self.list.show(command_rows(self.steps, self.size.width - 1))


def make_page(draft: RouterDraft, gateway_url: str) -> WizardPage:
    """Return the wizard's present page.

    Args:
        draft: The router so far.
        gateway_url: The gateway for the commands of the last page.
    """
    answers = draft.answers
    makers: dict[str, Callable[[], WizardPage]] = {
        "Name": lambda: NamePage(answers),
        "Type": lambda: TypePage(answers),
        "Operations": lambda: TicksPage(
            "Operations", OPERATIONS, answers.operations, "a router needs one operation or more"
        ),
        "Features": lambda: TicksPage("Features", FEATURES, answers.features, about=answers.about_features),
        "Fields": lambda: FieldsPage(answers.fields, "list" in answers.operations),
        "Preview": lambda: PreviewPage(draft.plan, draft.warnings),
        "Checks": lambda: TasksPage(draft.checks, CHECKS_ABOUT),
        "Write": lambda: WritePage(draft.questions(), draft.refusal()),
        "Next steps": lambda: NextPage(draft.next_steps(gateway_url)),
        "Checklist": lambda: TasksPage(draft.flow, CHECKLIST_ABOUT),
    }
    return makers[STEPS[draft.at]]()


def views_of(plan: "RouterPlan", warnings: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return title, language and text of each view. The project's texts are escaped line by line."""
    from optimus_tui.actions.drafts.routers import show_diff

    diff = "\n".join(safe_text(line, 400) for line in show_diff(plan)) or "nothing would change"
    return [
        ("router", "python", plan.draft.router.content),
        ("tests", "python", plan.draft.test.content),
        ("tree", "text", "\n".join(tree_of(plan, warnings))),
        ("diff", "diff", diff),
    ]


def tree_of(plan: "RouterPlan", warnings: Sequence[str]) -> list[str]:
    """Return the project's tree with the files that would change."""
    lines, seen = [f"{safe_text(str(plan.root), 200)}/"], list[str]()
    for change in sorted(plan.changes, key=lambda change: change.path):
        *folders, name = change.path.split("/")
        for depth, folder in enumerate(folders):
            here = "/".join(folders[: depth + 1])
            if here not in seen:
                seen.append(here)
                lines.append(f"{'    ' * (depth + 1)}{folder}/")
        now = (change.after or b"").count(b"\n")
        state = f"new, {now} lines"
        if change.before is not None:
            before = change.before.count(b"\n")
            state = f"{before} lines become {now}"
        if change.path in plan.replaced:
            state += "   REPLACED"
        lines.append(f"{'    ' * (len(folders) + 1)}{name}   {state}")
    if not plan.changes:
        lines.append("    nothing would change: it is there already, exactly like this")
    if warnings:
        lines += ["", "To know first:", *(f"- {safe_text(warning, 400)}" for warning in warnings)]
    return lines
