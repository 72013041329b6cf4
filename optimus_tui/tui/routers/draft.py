"""The wizard's pages and what it knows on them: answers, plan, checks, checklist, and the page for each step.

Nothing is started or written here.
"""

from typing import TYPE_CHECKING

from optimus_tui.tui.routers.answers import RouterAnswers
from optimus_tui.tui.routers.lists import Task
from optimus_tui.tui.routers.pages import (
    FEATURES,
    OPERATIONS,
    FieldsPage,
    NamePage,
    NextPage,
    TasksPage,
    TicksPage,
    TypePage,
    WizardPage,
    WritePage,
)
from optimus_tui.tui.routers.preview import PreviewPage
from optimus_tui.wording.safe import safe_text, shell_word

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.routers import RouterPlan

STEPS = ("Name", "Type", "Operations", "Features", "Fields", "Preview", "Checks", "Write", "Next steps", "Checklist")
PREVIEW, CHECKS, WRITE, NEXT, CHECKLIST = range(5, 10)
CHECK_WORDS = {
    "parse": "both files are read as Python",
    "compile": "both files are compiled",
    "lint": "ruff on both files",
    "validate": "the enterprise patterns, for production",
    "tests": "the router's own tests and the project's code, in a copy of it",
}


class RouterDraft:
    """A router while it is written: what was answered, planned, checked and written so far."""

    def __init__(self, name: str = "") -> None:
        self.answers = RouterAnswers(name=name)
        self.at = 0
        """The place of the present page in ``STEPS``."""
        self.plan: RouterPlan | None = None
        """What would be written; None before it is made, and after it went out of date."""
        self.warnings: tuple[str, ...] = ()
        """What has to be known before the plan is written."""
        self.planned_for: dict[str, object] | None = None
        """The answers that the plan was made for."""
        self.checks: list[Task] = []
        self.checked = False
        """Whether the checks of this plan were started."""
        self.written = False
        self.flow: list[Task] = []
        """The development checklist's tasks; empty before its page."""

    @property
    def first_page(self) -> int:
        """Return the first page that one can go back to."""
        if self.written:
            return NEXT
        return 0

    @property
    def all_checked(self) -> bool:
        """Return True if every check has ended."""
        return bool(self.checks) and all(task.state not in ("waiting", "running") for task in self.checks)

    def enter_word(self, page: WizardPage) -> str:
        """Return what Enter does on a page, for the footer; empty if it does nothing now."""
        if self.at == CHECKS and not self.all_checked:
            return ""
        if self.at != CHECKLIST:
            return page.enter
        states = {task.state for task in self.flow}
        if "running" in states:
            return ""
        if states and "waiting" not in states:
            return "close"
        return "run it"

    def breadcrumb(self, width: int) -> list[tuple[str, str]]:
        """Return the line above the page, each part with its style.

        Args:
            width: Columns; where they do not hold every step, only this one and the next are named.
        """
        at = self.at
        if width < 110:
            name = safe_text(self.answers.name, 40)
            words = [(f" New router {name}  ", "bold"), (f"step {at + 1} of {len(STEPS)}", "")]
            if at + 1 < len(STEPS):
                words.append((f"   then {STEPS[at + 1]}", "dim"))
            return words
        words = [(" New router  ", "bold")]
        styles = [""] * at + ["bold underline"] + ["dim"] * len(STEPS)
        for step, style in zip(STEPS, styles, strict=False):
            words += [(step, style), ("  ", "")]
        return words

    def verdict(self) -> str:
        """Return what the checks say, in a sentence."""
        failed = [check.title for check in self.checks if check.state == "failed"]
        silent = [check.title for check in self.checks if check.state == "not run"]
        if failed:
            return f"{', '.join(failed)} failed: this cannot be written; go back with alt+←"
        if silent:
            return f"{', '.join(silent)} did not run: writing will ask once more"
        return f"all {len(self.checks)} passed; enter continues"

    def refusal(self) -> str:
        """Return why nothing can be written; empty if it can."""
        failed = [check.title for check in self.checks if check.state == "failed"]
        if failed:
            return f"Nothing can be written: {', '.join(failed)} failed."
        if self.all_checked:
            return ""
        return "Nothing can be written: the checks were not run to their end."

    def questions(self) -> list[str]:
        """Return what has to be confirmed before the files are written."""
        plan = self.plan
        if plan is None:
            return []
        needed = [f"{path} exists with other content. Replace it?" for path in plan.replaced]
        needed += [
            f"{check.title}: {check.detail}. Write without this check?"
            for check in self.checks
            if check.state == "not run"
        ]
        if not plan.changes:
            return [*needed, "The project has exactly these files already: nothing to write. Continue?"]
        changed = ", ".join(change.path for change in plan.changes)
        return [*needed, f"Write {len(plan.changes)} files to {plan.root}?  {changed}"]

    def next_steps(self, gateway_url: str) -> list[tuple[str, str]]:
        """Return what to do with a written router: a purpose and a shell command, each."""
        from optimus_tui.scaffold.render import next_steps

        assert self.plan is not None
        root = shell_word(str(self.plan.root))
        tests, start, ask = next_steps(self.plan.draft.spec, gateway_url)[-3:]
        python = ""
        if (self.plan.root / ".venv/bin/python").exists():
            python = ".venv/bin/python -m "
        shown = [
            ("Run its tests", f"cd {root} && {python}{tests}"),
            ("Start the gateway", f"cd {root} && {python}{start}"),
            ("Ask it", ask),
            ("Judge all routers", f"cd {root} && optimus-tui validate --level production_ready"),
            ("Take it back", f"optimus-tui scaffold undo --project {root}"),
        ]
        return [(why, safe_text(command, 600)) for why, command in shown]

    def make_page(self, gateway_url: str) -> WizardPage:
        """Return the present page.

        Args:
            gateway_url: The gateway that the next steps name.
        """
        answers = self.answers
        if self.at == 0:
            return NamePage(answers)
        if self.at == 1:
            return TypePage(answers.type)
        if self.at == 2:
            return TicksPage("Operations", OPERATIONS, answers.operations, "a router needs one operation or more")
        if self.at == 3:
            return TicksPage("Features", FEATURES, answers.features)
        if self.at == 4:
            return FieldsPage(answers.fields)
        return self._later_page(gateway_url)

    def _later_page(self, gateway_url: str) -> WizardPage:
        if self.at == PREVIEW:
            return PreviewPage(self.plan, self.warnings)
        if self.at == CHECKS:
            about = "Nothing is written yet. The tests run in a copy of the project."
            return TasksPage("Checks", self.checks, about)
        if self.at == WRITE:
            return WritePage(self.questions(), self.refusal())
        if self.at == NEXT:
            return NextPage(self.next_steps(gateway_url))
        about = "What to check after adding a feature. full_flow posts one recognisable test message to the gateway."
        return TasksPage("Checklist", self.flow, about)
