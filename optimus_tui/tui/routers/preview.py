"""The wizard's preview: code, tests, tree and diff of a plan, highlighted. It reads a plan and nothing else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.syntax import Syntax
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from optimus_tui.tui.keys import MOVES, chosen
from optimus_tui.tui.routers.pages import WizardPage
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.routers import RouterPlan


class CodeView(VerticalScroll, can_focus=True):
    """Highlighted text that scrolls; left and right change what is shown."""

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
        """Draw the view that was turned to."""
        _, language, text = self.views[self.at]
        theme = "ansi_dark" if self.app.current_theme.dark else "ansi_light"
        numbers = language == "python"
        background = self.app.theme_variables.get("background", "default")
        self.query_one("#code-text", Static).update(
            Syntax(text, language, theme=theme, line_numbers=numbers, word_wrap=True, background_color=background)
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
        """Show the next view, or one before with a negative number."""
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


class PreviewPage(WizardPage):
    """Everything that would be written: the code, the tests, the tree, the diff."""

    title = "Preview"
    hint = "enter runs the project's code in a copy   ←→ view   esc leaves"
    enter = "check"

    def __init__(self, plan: "RouterPlan | None", warnings: Sequence[str], failure: str = "") -> None:
        super().__init__()
        self.plan, self.warnings, self.failure = plan, warnings, failure

    def compose(self) -> ComposeResult:
        """Return the views of the plan, or why there are none."""
        if self.plan is None:
            yield Static(Content(self.failure or "Rendering, and looking at the project …"), classes="page-about")
            return
        yield CodeView(views_of(self.plan, self.warnings))

    def problem(self, started: bool = True) -> str:
        """Return why there is no plan; empty if there is one, or if it is not waited for yet."""
        if self.plan is not None:
            return ""
        if self.failure or not started:
            return self.failure
        return "the plan is not ready yet"


def views_of(plan: "RouterPlan", warnings: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return title, language and text of each view. The project's texts are made safe line by line."""
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
