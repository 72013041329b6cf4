"""The wizard's slow parts, off the event loop: plan, checks, write, and the checklist's questions. It draws nothing.

Checks run in a thread of their own that dies with the process: a test that hangs does not keep the wizard open.
"""

import asyncio
import contextlib
import hashlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from optimus_tui.wording.numbers import UNKNOWN
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.actions.drafts.draft_checks import DraftCheck
    from optimus_tui.actions.drafts.routers import RouterPlan
    from optimus_tui.context import Context
    from optimus_tui.contract.tools.common import Report
    from optimus_tui.tui.routers.answers import RouterAnswers


class Unplannable(Exception):
    """Why there is no plan, or why nothing was written, in one sentence."""


def make_plan(answers: "RouterAnswers") -> "tuple[RouterPlan, tuple[str, ...]]":
    """Return the plan, and what has to be known before it is written.

    Raises:
        Unplannable: There can be no plan; it says why.
    """
    from optimus_tui.actions.drafts.routers import plan_router
    from optimus_tui.actions.files.changes import recover
    from optimus_tui.actions.files.tree import WriteRefused
    from optimus_tui.scaffold.spec import SpecError
    from optimus_tui.tools.router import shared_names
    from optimus_tui.tui.routers.answers import sentence

    try:
        spec = answers.spec()
        root = Path(answers.project).expanduser()
        recovered = recover(root)
        plan = plan_router(root, spec, shared_names)
    except SpecError as error:
        raise Unplannable(sentence(error)) from None
    except (WriteRefused, OSError, ValueError) as error:
        raise Unplannable(reason(error)) from None
    _load_highlighter()
    return plan, (*recovered, *plan.warnings)


def write_plan(plan: "RouterPlan") -> None:
    """Write all files of a plan, or none.

    Raises:
        Unplannable: None was written; it says why.
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
    """Yield each check as it ends. If the caller stops reading, all checks are ended with what they started."""
    from optimus_tui.actions.drafts.draft_checks import run_checks
    from optimus_tui.actions.drafts.sandbox_runner import RunCancelled, SandboxRunner

    loop, arrived, runner = asyncio.get_running_loop(), asyncio.Queue[Any](), SandboxRunner()

    def hand_over(what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the screen's loop has ended
            loop.call_soon_threadsafe(arrived.put_nowait, what)

    def work() -> None:
        from optimus_tui.tools.patterns.files import judged

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


def checklist(answers: "RouterAnswers") -> list[tuple[str, str, dict[str, object]]]:
    """Return what to ask after a router was written: title, tool and arguments, each."""
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


async def ask(context: "Context", project: Path, tool: str, arguments: dict[str, object]) -> tuple[int, str]:
    """Run one tool by the road of all surfaces; its exit code and one sentence."""
    from optimus_tui.tools import answer as road
    from optimus_tui.tools.arguments import ToolFailure

    place = context
    if tool == "validate_enterprise_patterns":  # the wizard's project may be another than the environment's
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
    from optimus_tui.contract.tools.routers import RouterReport, ValidateReport

    if isinstance(report, ValidateReport):
        score, issues = UNKNOWN, report.issues_found
        if report.average_compliance_score is not None:
            score = f"{report.average_compliance_score:.2f}"
        words = f"{report.overall_compliance} ({score}), {len(issues)} findings"
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
    """The verdict in words; else the first line of the report's own sections that says something."""
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
