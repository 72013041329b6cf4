"""The state of a router in the wizard: answers, plan, checks and checklist. Nothing is started or drawn here.

The rules for names and values, and their error sentences, are those of ``scaffold``. Only the target project is
remembered between two runs, in a file of the user's state directory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from optimus_tui.scaffold.target import GATEWAY, RouterTarget
from optimus_tui.storage.private_file import read_plain, state_dir
from optimus_tui.tui.widgets.bars import Part
from optimus_tui.wording.safe import safe_text, shell_word

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.routers import RouterPlan
    from optimus_tui.scaffold.spec import RouterSpec

STEPS = ("Name", "Type", "Operations", "Features", "Fields", "Preview", "Checks", "Write", "Next steps", "Checklist")
"""The pages in their order, which is changed here; ``make_page`` of ``pages`` knows them by these names."""
PREVIEW, CHECKS, WRITE, NEXT, CHECKLIST = map(STEPS.index, ("Preview", "Checks", "Write", "Next steps", "Checklist"))
CHECK_WORDS = {
    "parse": "both files are read as Python",
    "compile": "both files are compiled",
    "lint": "ruff on both files",
    "validate": "the enterprise patterns, for production",
    "tests": "the router's own tests and the project's code, in a copy of it",
}
REMEMBERED = "wizard.json"
LONGEST_MEMORY = 8192


@dataclass
class FieldAnswer:
    """One field of the model as it was typed; an empty ``default`` means no default."""

    name: str = ""
    type: str = "str"
    optional: bool = False
    default: str = ""
    filtered: bool = False
    """Whether the list can be filtered and sorted by it."""

    @property
    def text(self) -> str:
        """Return the field as ``scaffold.spec`` reads it.

        Raises:
            SpecError: Its name has characters that would change its meaning.
        """
        from optimus_tui.scaffold.field_text import make_field
        from optimus_tui.scaffold.fields import check_field_name

        check_field_name(self.name)
        make_field(self.name, self.type, self.optional, self.default or None)
        text = f"{self.name}:{self.type}"
        if self.optional:
            text += "?"
        if self.default:
            text += f"={self.default}"
        return text

    def turn_filter(self, has_list: bool) -> str:
        """Add this field to the filters of the list, or remove it from them.

        Args:
            has_list: Whether the router has a list.

        Returns:
            A sentence that says why that is not possible; empty if it was done.
        """
        from optimus_tui.scaffold.field_text import parse_field
        from optimus_tui.scaffold.fields import SpecError
        from optimus_tui.scaffold.options.filter_names import check_filters

        if not self.filtered:
            if not has_list:
                return "no list to filter: the router has no operation list"
            try:
                check_filters([self.name], (parse_field(self.text),))
            except SpecError as error:
                return error_sentence(error)
        self.filtered = not self.filtered
        return ""

    def problem(self, others: "list[FieldAnswer]") -> str:
        """Return a sentence about what is wrong with the field, by itself or with the others; empty if nothing is."""
        from optimus_tui.scaffold.fields import SpecError

        try:
            checked = self.text.partition(":")[0]
        except SpecError as error:
            return error_sentence(error)
        if any(other.name == checked for other in others):
            return f"the field {checked} is defined already"
        return ""


@dataclass
class RouterAnswers:
    """All answers of the wizard."""

    name: str = ""
    parent: str = ""
    """What the router is below, as it was typed; empty for nothing."""
    project: str = ""
    package: str = ""
    """The package of the routers as it was typed; empty to find it."""
    into: str = ""
    """The file that registers them as it was typed; empty to find it."""
    target: RouterTarget = field(default=GATEWAY, compare=False)
    """Where the router belongs, as it was found."""
    has_helpers: bool = field(default=True, compare=False)
    """Whether the project has the modules that the router imports."""
    type: str = "proxy"
    storage: str = "memory"
    """Where a direct router keeps things."""
    operations: list[str] = field(default_factory=lambda: ["list", "create", "get", "update"])
    features: list[str] = field(default_factory=lambda: ["rate_limiting", "caching"])
    fields: list[FieldAnswer] = field(
        default_factory=lambda: [FieldAnswer("name", "str"), FieldAnswer("description", "str", True)]
    )

    def spec(self) -> "RouterSpec":
        """Return the checked specification.

        Raises:
            SpecError: An answer is wrong; it says which.
        """
        from optimus_tui.scaffold.spec import make_spec

        return make_spec(
            self.name,
            self.type,
            self.operations,
            storage=self.storage,
            rate_limiting="rate_limiting" in self.features,
            caching="caching" in self.features,
            fields=[row.text for row in self.fields],
            parent=self.parent,
            filters=self.filters,
            target=self.target,
        )

    @property
    def filters(self) -> list[str]:
        """Return the names of the fields that the list can be filtered by."""
        return [row.name for row in self.fields if row.filtered]

    @property
    def named(self) -> dict[str, str]:
        """Return the typed package and file."""
        return {key: value for key, value in (("package", self.package), ("into", self.into)) if value}

    @property
    def about_features(self) -> str:
        """Return where limiter and cache come from in a project that is not a gateway; empty for a gateway."""
        if self.target.is_gateway:
            return ""
        folder = f"{self.target.helper_folder}/"
        if self.has_helpers:
            return f"{folder} is there: what is ticked is taken from it, and added to it where it has none."
        return (
            "This project has no limiter and no cache of a gateway. "
            f"Ticked: ours is added ({folder}, six files at most). Not ticked: left out."
        )

    def arguments(self) -> dict[str, object]:
        """Return the answers as arguments of the tool ``generate_enterprise_router``."""
        return {
            "router_name": self.name,
            "router_type": self.type,
            "storage": self.storage,
            "operations": list(self.operations),
            "include_rate_limiting": "rate_limiting" in self.features,
            "include_caching": "caching" in self.features,
            "fields": [row.text for row in self.fields],
            **{name: text for name, text in (("parent", self.parent), ("filters", self.filters)) if text},
            **self.named,
        }


@dataclass
class Task:
    """A check or a tool call with its result. ``state``: waiting, running, passed, found, failed, not run."""

    title: str
    about: str = ""
    state: str = "waiting"
    detail: str = ""
    output: Sequence[str] = field(default_factory=list)

    @property
    def words(self) -> str:
        """Return the result, or the task's description before there is one."""
        return self.detail.removeprefix("not run: ") or self.about

    @property
    def text(self) -> str:
        """Return the task with its result and everything it printed, to be copied."""
        return "\n".join([f"{self.title}: {self.state} {self.detail}", *self.output])


class RouterDraft:
    """A router in the wizard: what was answered, planned, checked and written so far."""

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
        """Return the earliest page that going back may reach."""
        if self.written:
            return NEXT
        return 0

    @property
    def all_checked(self) -> bool:
        """Return True if every check has ended."""
        return bool(self.checks) and all(task.state not in ("waiting", "running") for task in self.checks)

    def enter_word(self, usual: str) -> str:
        """Return in a word what Enter does here, for the footer; empty if it does nothing now.

        Args:
            usual: The page's own word for Enter.
        """
        if self.at == CHECKS and not self.all_checked:
            return ""
        if self.at != CHECKLIST:
            return usual
        states = {task.state for task in self.flow}
        if "running" in states:
            return ""
        if states and "waiting" not in states:
            return "close"
        return "run it"

    def way(self) -> Part:
        """Return which page of the wizard this is, for the top line; with the names of all pages if there is room."""
        at = self.at
        here = Part(0, [(f"  step {at + 1} of {len(STEPS)}", "b:bright")])
        if at + 1 < len(STEPS):
            here = Part(5, [*here.words, (f", then {STEPS[at + 1]}", "quiet")], here)
        styles = [""] * at + ["b:accent"] + ["quiet"] * len(STEPS)
        return Part(9, [(f"  {step}", style) for step, style in zip(STEPS, styles, strict=False)], here)

    def verdict(self) -> str:
        """Return the result of all checks in a sentence."""
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
        """Return the questions that must be confirmed before the files are written."""
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
        return [*needed, f"Write {len(plan.changes)} files to {plan.root}: {changed}?"]

    def next_steps(self, gateway_url: str) -> list[tuple[str, str]]:
        """Return what to do with a written router, each as a purpose and a shell command."""
        from optimus_tui.scaffold.render import commands

        assert self.plan is not None
        root = shell_word(str(self.plan.root))
        spec = self.plan.draft.spec
        known = commands(spec, gateway_url)
        title, judge, python, tests = "Judge all routers", "", "", known.test
        if (self.plan.root / ".venv/bin/python").exists():
            python = ".venv/bin/python -m "
        if not spec.target.is_gateway:
            title, judge = "Judge it", f" {shell_word(self.plan.draft.router.path)}"
            tests = tests.replace("python -m ", python or "python -m ")
        elif python:
            tests = f"{python}{tests}"
        shown = [("Add what it imports", f"cd {root} && {known.packages}")] if known.packages else []
        shown += [(why, line if why.startswith("In ") else f"cd {root} && {line}") for why, line in known.migration]
        shown += [
            ("Run its tests", f"cd {root} && {tests}"),
            ("Start the gateway", f"cd {root} && {python}{known.start}"),
            ("Send it a request", known.ask),
            (title, f"cd {root} && optimus-tui validate{judge} --level production_ready"),
            ("Take it back", f"optimus-tui scaffold undo --project {root}"),
        ]
        return [(why, safe_text(command, 600)) for why, command in shown]


def error_sentence(error: Exception) -> str:
    """Return the sentence of a SpecError, with the allowed values."""
    allowed = getattr(error, "allowed", None)
    if allowed:
        return safe_text(f"{error}; allowed: {', '.join(allowed)}", 400)
    return safe_text(str(error), 400)


def name_problem(name: str, parent: str = "") -> str:
    """Return a sentence that says what is wrong with the name of a router or its parent; empty if nothing is."""
    from optimus_tui.scaffold.fields import SpecError
    from optimus_tui.scaffold.spec import make_spec

    try:
        make_spec(name, parent=parent)
    except SpecError as error:
        return error_sentence(error)
    return ""


def find_place(answers: RouterAnswers) -> tuple[str, str]:
    """Find where the router belongs, and store it in the answers. Reads the disk: call it in a thread.

    Returns:
        A sentence that says why there is no place (empty if there is one), and the answer to change: ``project``,
        ``package`` or ``into``.
    """
    from optimus_tui.scaffold.layout import LayoutError, find_target

    if not answers.project.strip():
        return "the project is missing: the folder of a FastAPI application", "project"
    try:
        root = Path(answers.project).expanduser()
        answers.target = find_target(root, answers.package, answers.into)
        answers.has_helpers = (root / answers.target.helper_folder / "__init__.py").is_file()
    except LayoutError as error:
        return safe_text(str(error).replace("--into", "into"), 400), error.argument
    except (OSError, ValueError, RuntimeError):
        return f"{safe_text(answers.project, 120)!r} is not a path", "project"
    return "", "project"


def remembered_project() -> str:
    """Return the project of the last router; empty if none is known. Reads the disk."""
    try:
        raw, _ = read_plain(state_dir() / REMEMBERED, LONGEST_MEMORY)
        return str(msgspec.json.decode(raw, type=dict[str, str]).get("project", ""))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""


def offered_project(watched: Path | None) -> str:
    """Return the project of the last router, else the watched one, else that of the current folder. Reads the disk."""
    from optimus_tui.scaffold.layout import project_of

    return remembered_project() or str(watched or project_of(Path.cwd()) or "")


def remember_project(project: Path) -> None:
    """Store the project for the next time. A state directory that cannot be written is ignored."""
    import contextlib

    from optimus_tui.tui.terminal import write_private

    text = str(project)
    with contextlib.suppress(OSError, UnicodeEncodeError):
        write_private(REMEMBERED, msgspec.json.encode({"project": text}).decode())
