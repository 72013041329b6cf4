"""The wizard's work that takes time, in its workers: the plan, the checks, the write and the checklist.

Checks run in a daemon thread, so a test that hangs does not keep the wizard open.
"""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import structs

from optimus_tui.tui.routers.draft import (
    CHECK_WORDS,
    CHECKLIST,
    CHECKS,
    NEXT,
    PREVIEW,
    RouterAnswers,
    RouterDraft,
    Task,
    error_sentence,
    remember_project,
)
from optimus_tui.tui.routers.pages import PreviewPage, WizardPage
from optimus_tui.wording.numbers import UNKNOWN, age
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.draft_checks import DraftCheck
    from optimus_tui.actions.drafts.routers import RouterPlan
    from optimus_tui.context import Context
    from optimus_tui.contract.tools.common import Report


class Unplannable(Exception):
    """There is no plan, or nothing was written; one sentence says why."""


def make_plan(answers: RouterAnswers) -> "tuple[RouterPlan, tuple[str, ...]]":
    """Return the plan, and notes to read before it is written.

    Raises:
        Unplannable: No plan can be made; the message says why.
    """
    from optimus_tui.actions.drafts.routers import plan_router
    from optimus_tui.actions.files.changes import recover
    from optimus_tui.actions.files.tree import WriteRefused
    from optimus_tui.scaffold.fields import SpecError
    from optimus_tui.tools.router import shared_names

    try:
        spec = answers.spec()
        root = Path(answers.project).expanduser()
        recovered = recover(root)
        plan = plan_router(root, spec, shared_names, answers.named)
    except SpecError as error:
        raise Unplannable(error_sentence(error)) from None
    except (WriteRefused, OSError, ValueError) as error:
        raise Unplannable(reason(error)) from None
    _load_highlighter()
    return plan, (*recovered, *plan.warnings)


def write_plan(plan: "RouterPlan") -> None:
    """Write all files of a plan, or none.

    Raises:
        Unplannable: No file was written; the message says why.
    """
    from optimus_tui.actions.drafts.routers import write_router
    from optimus_tui.actions.files.tree import WriteRefused

    try:
        write_router(plan)
    except (WriteRefused, OSError) as error:
        raise Unplannable(reason(error)) from None


def reason(error: Exception) -> str:
    """Return an error's sentence, safe to show."""
    if isinstance(error, OSError) and error.strerror:
        return safe_text(f"nothing was written: {error.filename or 'the disk'}: {error.strerror}", 400)
    return safe_text(str(error), 400)


def _load_highlighter() -> None:
    """Imported here, in the plan's thread, so that the preview does not wait for it."""
    from importlib import import_module

    for module in ("pygments.lexers.diff", "pygments.lexers.python", "rich.syntax"):
        import_module(module)


async def follow_checks(plan: "RouterPlan") -> "AsyncIterator[DraftCheck]":
    """Yield each check as it ends.

    If the caller stops iterating, all checks are ended with every process that they started.
    """
    from optimus_tui.actions.drafts.draft_checks import RunCancelled, SandboxRunner, run_checks

    loop, arrived, runner = asyncio.get_running_loop(), asyncio.Queue[Any](), SandboxRunner()

    def hand_over(what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the screen's loop has ended
            loop.call_soon_threadsafe(arrived.put_nowait, what)

    def work() -> None:
        from optimus_tui.tools.router_files import judged

        try:
            for check in run_checks(plan.draft, plan.root, None, judged, runner):
                hand_over(check)
            hand_over(None)
        except RunCancelled:
            return
        except BaseException as error:
            hand_over(error)

    threading.Thread(target=work, name="router-checks", daemon=True).start()
    try:
        while (got := await arrived.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            yield got
    finally:
        runner.cut()


# -- the development checklist -----------------------------------------------------------------------------------------


def checklist(answers: RouterAnswers) -> list[tuple[str, str, dict[str, object]]]:
    """Return the tool calls after a router was written, each with title, tool and arguments."""
    return [
        ("Generate", "generate_enterprise_router", answers.arguments()),
        (
            "Validate",
            "validate_enterprise_patterns",
            {"router_path": f"{answers.name}.py", "validation_level": "production_ready"},
        ),
        ("Test integration", "test_ai_engine_integration", {"test_type": "full_flow"}),
        ("Baseline", "analyze_performance_metrics", {"metric_type": "latency"}),
    ]


_OF_PROJECT = ("generate_enterprise_router", "validate_enterprise_patterns")


async def judge_draft(plan: "RouterPlan") -> tuple[int, str]:
    """Validate the written router in a project that is not a gateway; return the exit code and a sentence."""
    from optimus_tui.tools.router_files import judged

    good, words = await asyncio.to_thread(judged, plan.root, plan.draft.router.path)
    return int(not good), words


async def ask(context: "Context", project: Path, tool: str, arguments: dict[str, object]) -> tuple[int, str]:
    """Run one tool as all surfaces do; return its exit code and one sentence."""
    from optimus_tui.tools import answer as road
    from optimus_tui.tools.answer import ToolFailure

    place = context
    if tool in _OF_PROJECT:  # the wizard's project may be another than the environment's
        from optimus_tui.context import Context

        place = Context(structs.replace(context.settings, source_path=project), context.clock)
    try:
        report = await road.answer(place, tool, arguments)
    except ToolFailure as failure:
        return failure.exit_code, safe_text(failure.error.message, 400)
    of_draft = await asyncio.to_thread(_draft_result, report, project)
    if of_draft is not None:
        return of_draft
    return road.exit_code(report), _first_words(report)


def _draft_result(report: "Report", project: Path) -> tuple[int, str] | None:
    """Return the exit code and a sentence for a report that is about the draft itself; None for any other."""
    from optimus_tui.contract.tools.compliance import ValidateReport
    from optimus_tui.contract.tools.traffic import RouterReport

    if isinstance(report, ValidateReport):
        score, issues = UNKNOWN, report.issues_found
        if report.average_compliance_score is not None:
            score = f"{report.average_compliance_score:.2f}"
        words = f"{report.overall_compliance or 'no pattern applies'} ({score}), {len(issues)} findings"
        if issues:
            words += f": line {issues[0].line}, {issues[0].issue}"
        return int(any(issue.priority in ("high", "medium") for issue in issues)), words
    if not isinstance(report, RouterReport):
        return None
    other = []
    for file in report.files:
        try:
            same = hashlib.sha256((project / file.path).read_bytes()).hexdigest() == file.sha256
        except OSError:
            same = False
        if not same:
            other.append(file.path)
    if other:
        return 1, f"{' and '.join(other)} on the disk is not the draft any more"
    return 0, f"{len(report.files)} files on the disk, exactly as drafted"


def _first_words(report: "Report") -> str:
    """Return the verdict in words; else the first line of the report's own sections that says something."""
    from optimus_tui.contract.tools.state import IntegrationReport
    from optimus_tui.contract.tools.traffic import PerformanceReport
    from optimus_tui.tools.pages.sections import sections

    if isinstance(report, IntegrationReport):
        failed = [str(item.get("test", "?")) for item in report.tests_performed if item.get("status") == "fail"]
        words = f"{report.overall_status}, {report.pass_rate}"
        if failed:
            words += f"; failed: {', '.join(failed)}"
        return safe_text(words, 300)
    if isinstance(report, PerformanceReport):
        covered = f"{report.window_covered_minutes:.0f} of {report.window_requested_minutes} min covered"
        words = f"{report.metric_type}, {covered} ({report.source})"
        if report.diagnostics:
            words += f"; {report.diagnostics[0].message}"
        return safe_text(words, 300)
    for section in sections(report):
        for line in section.lines:
            if line.text:
                return safe_text(": ".join(part for part in (line.label, line.text) if part), 300)
    return "done"


class WizardView(Protocol):
    """The interface of the wizard's screen that the tasks use."""

    @property
    def is_mounted(self) -> bool:
        """Return True while the screen is open."""

    def note(self, words: str, wrong: bool = True) -> None:
        """Show a sentence below the page."""

    def refresh_tasks(self, tasks: list[Task]) -> None:
        """Draw the page's list of tasks."""

    async def replace_page(self, page: WizardPage) -> None:
        """Replace the present page by a new version of it."""

    async def show(self, at: int) -> None:
        """Show a page."""

    def start(self, name: str, work: Callable[[], Awaitable[None]], group: str = "wizard") -> None:
        """Run work in a worker, which replaces a running one of its group."""

    def is_at_work(self, name: str) -> bool:
        """Return True if a worker of this name is running."""

    def close(self) -> None:
        """Close the wizard."""


class WizardTasks:
    """Runs the tasks that a page waits for."""

    def __init__(self, view: WizardView, context: "Context", draft: RouterDraft) -> None:
        """Do nothing yet.

        Args:
            view: The screen that shows what comes of it.
            context: What the checklist's tools ask with.
            draft: Where the results are kept.
        """
        self.view, self.context, self.draft = view, context, draft
        self._began = 0.0

    def begin(self) -> None:
        """Start the tasks that the present page waits for, unless they were started already."""
        draft = self.draft
        if draft.at == PREVIEW:
            question = {**draft.answers.arguments(), "project": draft.answers.project}
            if question != draft.planned_for or draft.plan is None:
                draft.plan, draft.planned_for, draft.checked = None, question, False
                self.view.start("plan", self._make_plan)
        elif draft.at == CHECKS and not draft.checked:
            draft.checked = True
            draft.checks = [Task(name, about) for name, about in CHECK_WORDS.items()]
            self.view.start("checks", self._check)
        elif draft.at == CHECKLIST and not draft.flow:
            draft.flow = [Task(title, tool) for title, tool, _ in checklist(draft.answers)]
            self.view.refresh_tasks(draft.flow)

    async def _make_plan(self) -> None:
        draft, failure = self.draft, ""
        try:
            plan, draft.warnings = await asyncio.to_thread(make_plan, draft.answers)
        except Unplannable as error:
            failure = str(error)
        else:
            draft.plan = plan
            await asyncio.to_thread(remember_project, plan.root)
        if draft.at == PREVIEW and self.view.is_mounted:
            await self.view.replace_page(PreviewPage(draft.plan, draft.warnings, failure))
            note, warnings = failure, draft.warnings
            if warnings and not failure:
                note = f"to know first: {warnings[0]}"
                if len(warnings) > 1:
                    note += f" (and {len(warnings) - 1} more, in the tree)"
            self.view.note(note, wrong=bool(note))

    # -- checks

    async def _check(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        plan, self._began = draft.plan, self.context.clock.mono()
        names = list(CHECK_WORDS)
        draft.checks[0].state = "running"
        self.view.refresh_tasks(draft.checks)
        async for check in follow_checks(plan):
            task = draft.checks[names.index(check.name)]
            task.state, task.detail = check.status, safe_text(check.detail, 400)
            task.output = [safe_text(line, 300) for line in check.output.splitlines()]
            waiting = next((item for item in draft.checks if item.state == "waiting"), None)
            if waiting is not None:
                waiting.state = "running"
            self.view.refresh_tasks(draft.checks)
        if draft.at == CHECKS:
            self.view.note(draft.verdict(), wrong=any(item.state != "passed" for item in draft.checks))

    def draw_elapsed(self) -> None:
        """Show the progress of the checks and the elapsed time; nothing if none is running."""
        draft = self.draft
        if draft.at == CHECKS and draft.checked and not draft.all_checked:
            took = self.context.clock.mono() - self._began
            running = next((item.title for item in draft.checks if item.state == "running"), "")
            done = sum(item.state not in ("waiting", "running") for item in draft.checks)
            self.view.note(f"{done} of {len(draft.checks)} done   {running} …   {age(took)}", wrong=False)

    # -- write

    def write(self) -> None:
        """Write the plan's files, once."""
        if self.view.is_at_work("write"):
            return  # Enter again while it is written
        if self.draft.plan is None:
            self.view.note("the project changed after the plan was made: go back to the preview (alt+←) for a new plan")
            return
        self.view.start("write", self._write, "write")

    async def _write(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        try:
            if draft.plan.changes:
                await asyncio.to_thread(write_plan, draft.plan)
        except Unplannable as error:
            draft.plan = None
            self.view.note(f"{error}; go back to the preview")
            return
        draft.written = True
        await self.view.show(NEXT)
        self.view.note("written; optimus-tui scaffold undo takes it back", wrong=False)

    # -- checklist

    def run_checklist(self) -> None:
        """Run the checklist; if it has been run already, close the wizard."""
        states = {task.state for task in self.draft.flow}
        if "running" in states:
            self.view.note("the checklist is still running", wrong=False)
        elif "waiting" in states:
            self.view.start("checklist", self._ask_all)
        else:
            self.view.close()

    async def _ask_all(self) -> None:
        draft = self.draft
        assert draft.plan is not None
        for task, (_, tool, arguments) in zip(draft.flow, checklist(draft.answers), strict=True):
            task.state = "running"
            self.view.refresh_tasks(draft.flow)
            if tool == "validate_enterprise_patterns" and not draft.answers.target.is_gateway:
                code, words = await judge_draft(draft.plan)
            else:
                code, words = await ask(self.context, draft.plan.root, tool, arguments)
            task.state = {0: "passed", 1: "found"}.get(code, "not run")
            task.detail = words
            self.view.refresh_tasks(draft.flow)
        self.view.note("the checklist is done; enter closes the wizard", wrong=False)

    def fail_running(self, place: str) -> None:
        """Mark the running tasks as failed by a bug, and draw them.

        Args:
            place: The sentence that says where the crash report is.
        """
        for task in [*self.draft.checks, *self.draft.flow]:
            if task.state == "running":
                task.state, task.detail = "failed", f"stopped by a bug in this program. {place}"
        self.view.refresh_tasks(self.draft.flow or self.draft.checks)
