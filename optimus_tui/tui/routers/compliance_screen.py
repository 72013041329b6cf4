"""The compliance screen: the gateway's routers by score, and the findings of each, to be opened in an editor.

It judges nothing: it shows the document of ``validate_enterprise_patterns``, called as on every surface. The
differences between code and Redis are those of ``patterns.drift``; a failed comparison is never shown as one without
differences.
"""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from optimus_tui.assets import asset_dir
from optimus_tui.context import Context
from optimus_tui.contract.tools.compliance import (
    LiveComparison,
    PatternIssue,
    ValidateReport,
    unescaped,
)
from optimus_tui.tui.base_screen import BaseScreen
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers.compliance_lists import DriftList, FileList, IssueList
from optimus_tui.tui.terminal import open_in_editor
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.top_line import TopLine, name_part
from optimus_tui.wording.numbers import UNKNOWN, clock, plural, progress
from optimus_tui.wording.safe import safe_text, shell_word

TOOL = "validate_enterprise_patterns"
LEVELS = ("basic", "comprehensive", "production_ready")
NARROW = 110


class ComplianceScreen(BaseScreen):
    """Files by score, the worst first, and what each lacks. Enter edits the line; `:validate PATH` judges a folder."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "compliance.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "pane.refresh", "pane.copy_as",
        "router.editor", "router.level", "router.drift",
    )  # fmt: skip
    AUTO_FOCUS = "#files"

    def __init__(self, context: Context, folder: Path | None = None) -> None:
        """Show nothing yet.

        Args:
            context: What the tool asks with.
            folder: The folder or file that is judged, absolute; None for the gateway's routers.
        """
        super().__init__()
        self.context, self.folder = context, folder
        self.level: str | None = None
        """The level that was asked for; None for that of the project's ``optimus.toml``, else the usual one."""
        self.report: ValidateReport | None = None
        self.failure, self._progress = "", ""
        self.live: LiveComparison | None = None
        self.live_failure = ""
        if folder is not None:
            self.live_failure = "only the gateway's own routers are, which :validate shows without a path"
        self._live_at: float | None = None

    def compose(self) -> ComposeResult:
        """Return the top line, the result, the lists and the key line."""
        yield TopLine(lambda: [name_part("COMPLIANCE")])
        yield Static(id="compliance-breadcrumb")
        yield Static(id="compliance-profile")
        with Container(id="compliance-room"):
            yield FileList()
            yield IssueList()
            yield DriftList()
        yield KeyStrip()

    def on_mount(self) -> None:
        """Judge the routers."""
        self.lay_out()
        self._judge()
        self.compare()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new size."""
        self.lay_out()

    def lay_out(self) -> None:
        """Put the lists side by side if they fit, else one above the other."""
        self.set_class(self.size.width < NARROW, "-narrow")
        self._draw_breadcrumb()

    # -- asking ----------------------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Judge the routers again, and compare code and Redis again."""
        self.say(
            "judging the files again" if self.folder else "judging the routers again, and comparing them with Redis"
        )
        self._judge()
        self.compare()

    def _judge(self) -> None:
        self.failure, self._progress = "", "reading the files …"
        self._draw_breadcrumb()
        work: Any = self._ask
        self.run_worker(work, name="validate", group="validate", exclusive=True, exit_on_error=False)

    def action_next_level(self) -> None:
        """Judge at the next level."""
        present = self.level or (self.report.validation_level if self.report else LEVELS[1])
        self.level = LEVELS[(LEVELS.index(present) + 1) % len(LEVELS)]
        self._judge()

    @property
    def _arguments(self) -> dict[str, object]:
        """Return what is asked of the tool."""
        arguments: dict[str, object] = {"check_all_routers": True}
        if self.level is not None:
            arguments["validation_level"] = self.level
        return arguments

    async def _ask(self) -> None:
        from optimus_tui.tools.answer import ToolFailure

        road = await asyncio.to_thread(_load)
        try:
            if self.folder is None:
                report: Any = await road.answer(self.context, TOOL, self._arguments, self._note_progress)
            else:
                tool = await asyncio.to_thread(_load_validator)
                report = await tool.judged_folder(self.context, self.folder, self.level, self._note_progress)
        except ToolFailure as failure:
            self.report, self.failure = None, safe_text(failure.error.message, 400)
            if self.folder is None:
                self.failure += "; :validate PATH judges any folder"
        else:
            self.report = report
        self._progress = ""
        if self.is_running:
            self._show()

    def _note_progress(self, done: int, total: int | None, what: str) -> None:
        self._progress = progress(done, total, what)

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            place = self.optimus.keep_report(event.worker.error)
            stopped = f"stopped by a bug in this program. {place}"
            self.say_bug(event.worker.name, place)
            if event.worker.name == "drift":
                self.live_failed(stopped)
            else:
                self._progress, self.failure = "", stopped
                self._show()

    # -- showing ---------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        files = self.query_one(FileList)
        files.hint = self.failure or "There is no router to judge."
        profile = ""
        if self.report is not None:
            profile = "; ".join(_in_words(self.report))
        self.query_one("#compliance-profile", Static).update(Content(f" {profile}"))
        if self.folder is not None:
            self.draw_live()
        files.show(self.report)
        self._show_issues()
        self._draw_breadcrumb()
        self.query_one(KeyStrip).refresh()

    @on(FileList.FileHighlighted)
    def _show_issues(self) -> None:
        file, view, report = self.query_one(FileList).selected, self.query_one(IssueList), self.report
        issues: list[PatternIssue] = []
        view.hint, view.border_title = "", "Findings"
        if report is not None:
            view.hint = "Nothing is missing here at this level."
            if file is not None:
                issues = [issue for issue in report.issues_found if unescaped(issue.file) == file.file]
                name = file.file.rsplit("/", 1)[-1]
                view.border_title = Content(f"{name}: {plural(len(issues), 'finding')}")
                if file.reason:
                    view.hint = f"It was not judged: {file.reason}"
                elif file.score is None:
                    view.hint = "No pattern applies to it here, so it has no score, and nothing else was found."
        view.show(issues)

    def _draw_breadcrumb(self) -> None:
        report = self.report
        level = self.level or (report.validation_level if report else "")
        words = [(f" {level}  ", "bold")]
        if self.folder is not None:
            words.insert(0, (f" {_short(self.folder)} ", ""))
        if self._progress:
            words.append((self._progress, "dim"))
        elif self.failure:
            words.append(("nothing was judged", ""))  # why stands whole in the list
        elif report is not None:
            score = UNKNOWN
            if report.average_compliance_score is not None:
                score = f"{report.average_compliance_score:.2f}"
            parts = [
                f"{report.overall_compliance} {score}" if report.overall_compliance else "no score: no pattern applies",
                plural(report.files_validated, "file"),
                plural(len(report.issues_found), "finding"),
            ]
            if report.skipped:
                parts.append(f"{len(report.skipped)} skipped")
            if report.ignored:
                parts.append(f"{report.ignored} set aside")
            words.append((" · ".join(parts), ""))
        self.query_one("#compliance-breadcrumb", Static).update(Content.assemble(*words))

    # -- code and Redis --------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare with Redis once more; the old result stays until then. Only the watched project has keys there."""
        if self.folder is not None:
            return
        work: Any = self._compare
        self.run_worker(work, name="drift", group="drift", exclusive=True, exit_on_error=False)

    async def _compare(self) -> None:
        from optimus_tui.tools.answer import ToolFailure

        self.draw_live("comparing …")
        tool = await asyncio.to_thread(_load_validator)
        try:
            self.live, self.live_failure = await tool.compared(self.context), ""
        except ToolFailure as failure:
            self.live_failed(safe_text(failure.error.message, 400))
            return
        self._live_at = self.context.clock.wall()
        self.draw_live()

    def live_failed(self, sentence: str) -> None:
        """Show that code and Redis could not be compared, and why."""
        self.live, self.live_failure = None, sentence
        self.draw_live()

    def draw_live(self, state: str = "") -> None:
        """Draw the differences with their coverage and time, and their number below the findings.

        Args:
            state: What is being done, in words; empty to show the number of differences.
        """
        if not self.is_mounted:
            return
        view, live = self.query_one(DriftList), self.live
        if live is None:
            view.hint, view.border_subtitle = state, ""
            if self.live_failure:
                view.hint = f"Code and Redis were not compared: {self.live_failure}"
            view.show(())
            state = state or "not compared"
        else:
            view.hint, view.border_subtitle = _agreement(live), Content(_coverage(live, self._live_at))
            view.show(live.differences)
            if not state and live.differences:
                state = plural(len(live.differences), "difference")
            state = state or "no difference"
        view.border_title = Content(f"Code ↔ live: {state}")
        self.query_one(IssueList).border_subtitle = Content(f"c  code ↔ live: {state}")

    def action_turn_drift(self) -> None:
        """Show the differences between code and Redis in place of the findings, or the findings again."""
        had_focus = self._beside.has_focus
        self.toggle_class("-live")
        if had_focus or self.has_class("-live"):
            self._beside.focus()

    # -- going -----------------------------------------------------------------------------------------------------

    @property
    def _beside(self) -> IssueList | DriftList:
        """Return the list that is shown beside the files."""
        if self.has_class("-live"):
            return self.query_one(DriftList)
        return self.query_one(IssueList)

    def action_back(self) -> None:
        """Go back to the files, else hide the comparison, else leave the screen."""
        if self.focused is not self.query_one(FileList):
            self.set_focus(self.query_one(FileList))
        elif self.has_class("-live"):
            self.action_turn_drift()
        else:
            self.dismiss(None)

    def action_next_pane(self, by: int) -> None:
        """Move the focus from the files to the list beside them, or back."""
        place: FileList | IssueList | DriftList = self.query_one(FileList)
        if self.focused is place:
            place = self._beside
        self.set_focus(place)  # at once: the next key may be here already

    def action_read_issues(self) -> None:
        """Move the focus to the list beside the files."""
        self.set_focus(self._beside)

    def action_router_edit_file(self) -> None:
        """Open the file in the editor, at the finding's line."""
        root, file = self._root(), self.query_one(FileList).selected
        if root is None or file is None:
            self.say("there is no file to open", "warning")
            return
        issues, line = self.query_one(IssueList), 1
        if self.focused is issues and issues.selected is not None:
            line = issues.selected.line
        problem = open_in_editor(self.app, Path(root) / on_disk(Path(root), file.file), line)
        if problem:
            self.say(problem, "warning")
        else:
            self.action_refresh()

    def _root(self) -> Path | None:
        """Return the folder that the files are named from."""
        from optimus_tui.tools.validation.folders import root_of

        if self.folder is None:
            return self.context.settings.source_path
        return root_of(self.folder)

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the finding in words, and the tool call that this screen shows, for every other surface."""
        from optimus_tui.tools.registry import callings

        forms = callings(TOOL, self._arguments, self.context.settings, self.report)
        if self.folder is not None:
            level = f" --level {self.level}" if self.level else ""
            forms = [("on the command line", f"optimus-tui validate {shell_word(bytes(self.folder))}{level}")]
        if self.report is not None:
            forms.append(("the profile, and why", "\n".join(_in_words(self.report))))
        issue = self.query_one(IssueList).selected
        if issue is not None:
            where = f"{unescaped(issue.file)}:{issue.line}:{issue.column}"
            forms = [("finding", f"{where} {issue.priority} {issue.rule}: {issue.issue}. {issue.fix}"), *forms]
            forms.insert(1, ("set it aside, in the code", f"# optimus: ignore[{issue.rule}] the reason"))
        return forms


def _coverage(live: LiveComparison, at: float | None) -> str:
    parts = [live.covered, *(f"not compared: {one.partition(':')[0]}" for one in live.not_compared), clock(at)]
    return ", ".join(parts)


def _short(folder: Path) -> str:
    """Return a path's last parts, so that the score has room beside it."""
    text = safe_text(str(folder), 400)
    if len(text) <= 24:
        return text
    return f"…/{safe_text('/'.join(folder.parts[-2:]), 40)}"


def _agreement(live: LiveComparison) -> str:
    if not live.operations and not live.kinds:
        return "There is nothing to compare: no router declares an operation or a cache kind, and Redis shows none."
    compared = [plural(live.operations, "operation"), plural(live.kinds, "cache kind")]
    compared += [plural(count, one) for count, one in ((live.limits, "limit"), (live.routes, "route")) if count]
    agreed = f"Code and Redis agree: {', '.join(compared[:-1])} and {compared[-1]} compared, {live.covered}."
    return "\n".join([agreed, *(f"Not compared: {reason}." for reason in live.not_compared)])


def on_disk(root: Path, shown_name: str) -> str:
    """Return the path of the file with this shown name, in which unprintable bytes are escaped."""
    from optimus_tui.tools.router_files import SourceTree
    from optimus_tui.tools.validate import shown

    if (root / shown_name).exists():
        return shown_name
    return next((name for name in SourceTree(root).below("") if unescaped(shown(name)) == shown_name), shown_name)


def _load() -> Any:
    """Import the tools' code, which takes a while the first time. Runs in a thread."""
    from optimus_tui.tools import answer

    return answer


def _load_validator() -> Any:
    """Import the validator's code, which takes a while the first time. Runs in a thread."""
    from optimus_tui.tools import validate

    return validate


def _in_words(report: ValidateReport) -> list[str]:
    """Return the profile of each project with its reasons, and what no verdict is about."""
    from optimus_tui.tools.validate import in_words, left_unjudged

    return [*map(in_words, report.profiles), *left_unjudged(report)]
