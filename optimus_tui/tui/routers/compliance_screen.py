"""The compliance screen: the gateway's routers by score, each one's findings with the line, and a way to that line.

It judges nothing: everything shown is the document of ``validate_enterprise_patterns``, asked as on every surface.
What Redis shows of the same routers is ``compliance_live``'s.
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
from optimus_tui.contract.tools.patterns import PatternIssue, ValidateReport, unescaped
from optimus_tui.tui.keys import chosen
from optimus_tui.tui.routers.compliance_live import LiveComparisonScreen
from optimus_tui.tui.terminal.editor import open_in_editor
from optimus_tui.tui.widgets.bars import KeyStrip
from optimus_tui.tui.widgets.compliance_lists import DriftList, FileList, IssueList
from optimus_tui.wording.numbers import UNKNOWN
from optimus_tui.wording.safe import safe_text

TOOL = "validate_enterprise_patterns"
LEVELS = ("basic", "comprehensive", "production_ready")
NARROW = 110


class ComplianceScreen(LiveComparisonScreen):
    """Routers by score, the worst first, and what each lacks: Enter opens the finding's line in your editor."""

    CSS_PATH: ClassVar[Any] = [asset_dir("styles") / "compliance.tcss"]
    BINDINGS: ClassVar[Any] = chosen(
        "app.help", "app.back", "app.next", "app.previous", "app.theme", "app.quit", "pane.refresh", "pane.copy_as",
        "router.editor", "router.level", "router.drift",
    )  # fmt: skip
    AUTO_FOCUS = "#files"

    level = "comprehensive"
    report: ValidateReport | None = None
    failure = ""
    _progress = ""

    def compose(self) -> ComposeResult:
        """Return the title, the lists and the key line."""
        yield Static(id="compliance-way")
        with Container(id="compliance-room"):
            yield FileList()
            yield IssueList()
            yield DriftList()
        yield KeyStrip()

    def on_mount(self) -> None:
        """Judge the routers."""
        self.lay_out()
        self.action_refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the new size."""
        self.lay_out()

    def lay_out(self) -> None:
        """Put the lists side by side if there is width, else one above the other."""
        self.set_class(self.size.width < NARROW, "-narrow")
        self._draw_way()

    # -- asking ----------------------------------------------------------------------------------------------------

    def action_refresh(self) -> None:
        """Judge the routers again, and compare code and Redis again."""
        self._judge()
        self.compare()

    def _judge(self) -> None:
        self.failure, self._progress = "", "reading the routers …"
        self._draw_way()
        self.run_worker(self._ask(), name="validate", group="validate", exclusive=True, exit_on_error=False)

    def action_next_level(self) -> None:
        """Judge at the next level."""
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        self._judge()

    async def _ask(self) -> None:
        from optimus_tui.tools.arguments import ToolFailure

        road = await asyncio.to_thread(_load)
        arguments = {"check_all_routers": True, "validation_level": self.level}
        try:
            report = await road.answer(self.context, TOOL, arguments, self._heard)
        except ToolFailure as failure:
            self.report, self.failure = None, safe_text(failure.error.message, 400)
        else:
            self.report = report
        self._progress = ""
        if self.is_mounted:
            self._show()

    def _heard(self, done: int, total: int | None, what: str) -> None:
        self._progress = f"{done:,}{f' of {total:,}' if total is not None else ''} {what}"

    @on(Worker.StateChanged)
    def _worker_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            place = self.optimus.keep_report(event.worker.error)
            stopped = f"stopped by a bug of ours; {place}"
            self.say_bug(event.worker.name, place)
            if event.worker.name == "drift":
                self.live_failed(stopped)
            else:
                self._progress, self.failure = "", stopped
                self._show()

    # -- showing ---------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        files, issues = self.query_one(FileList), self.query_one(IssueList)
        files.hint = self.failure or "There is no router to judge."
        files.show(self.report)
        issues.hint = "" if self.report is None else "Nothing is missing here at this level."
        self._show_issues()
        self._draw_way()
        self.query_one(KeyStrip).refresh()

    @on(FileList.Moved)
    def _show_issues(self) -> None:
        chosen_file = self.query_one(FileList).selected
        view = self.query_one(IssueList)
        found: list[PatternIssue] = []
        if self.report is not None and chosen_file is not None:
            found = [one for one in self.report.issues_found if unescaped(one.file) == chosen_file.file]
            if chosen_file.reason:
                view.hint = f"It was not judged: {chosen_file.reason}"
            else:
                view.hint = "Nothing is missing here at this level."
        view.show(found)
        name = "" if chosen_file is None else chosen_file.file.rsplit("/", 1)[-1]
        count = _counted(len(found), "finding")
        view.border_title = Content(f"{name}: {count}" if name else "Findings")

    def _draw_way(self) -> None:
        words = [(" Compliance ", "bold"), (f" {self.level} ", "bold underline"), ("  ", "")]
        report = self.report
        if self._progress:
            words.append((self._progress, "dim"))
        elif self.failure:
            words.append((self.failure, ""))
        elif report is not None:
            score = report.average_compliance_score
            worth = UNKNOWN if score is None else f"{score:.2f}"
            parts = [f"{report.overall_compliance} {worth}", _counted(report.files_validated, "file"),
                     _counted(len(report.issues_found), "finding")]  # fmt: skip
            parts += [f"{len(report.skipped)} skipped"] if report.skipped else []
            parts += [f"{report.ignored} set aside"] if report.ignored else []
            words.append((" · ".join(parts), ""))
        self.query_one("#compliance-way", Static).update(Content.assemble(*words))

    # -- going -----------------------------------------------------------------------------------------------------

    @property
    def _beside(self) -> IssueList | DriftList:
        """What stands beside the files."""
        return self.query_one(DriftList) if self.has_class("-live") else self.query_one(IssueList)

    def action_back(self) -> None:
        """Go back to the files, else leave the comparison, else leave the screen."""
        if self.focused is not self.query_one(FileList):
            self.set_focus(self.query_one(FileList))
        elif self.has_class("-live"):
            self.action_turn_drift()
        else:
            self.dismiss(None)

    def action_next_pane(self, by: int) -> None:
        """Go from the files to the list beside them, or back."""
        files = self.query_one(FileList)
        self.set_focus(self._beside if self.focused is files else files)  # at once: the next key may be here already

    def action_read_issues(self) -> None:
        """Go to the list beside the files."""
        self.set_focus(self._beside)

    def action_router_edit_file(self) -> None:
        """Open the file in the editor, at the finding's line."""
        root, one = self.context.settings.source_path, self.query_one(FileList).selected
        if root is None or one is None:
            self.say("there is no file to open", "warning")
            return
        issues = self.query_one(IssueList)
        issue = issues.selected if self.focused is issues else None
        place = Path(root) / on_disk(Path(root), one.file)
        problem = open_in_editor(self.app, place, issue.line if issue is not None else 1)
        if problem:
            self.say(problem, "warning")
        else:
            self.action_refresh()

    def copy_forms(self) -> list[tuple[str, str]]:
        """Return the finding in words, and this question for every other surface."""
        from optimus_tui.tools.invocations import callings

        arguments = {"check_all_routers": True, "validation_level": self.level}
        forms = callings(TOOL, arguments, self.context.settings, self.report)
        issue = self.query_one(IssueList).selected
        if issue is not None:
            where = f"{unescaped(issue.file)}:{issue.line}:{issue.column}"
            forms = [("finding", f"{where} {issue.priority} {issue.rule}: {issue.issue}. {issue.fix}"), *forms]
            forms.insert(1, ("set it aside, in the code", f"# optimus: ignore[{issue.rule}] the reason"))
        return forms


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def on_disk(root: Path, shown_name: str) -> str:
    """Return the file that is shown by this name; unprintable bytes of its real name are shown escaped."""
    from optimus_tui.probes.keys.sources import SourceTree
    from optimus_tui.tools.patterns.files import ROUTERS
    from optimus_tui.tools.patterns.report import shown

    if (root / shown_name).exists():
        return shown_name
    return next((one for one in SourceTree(root).below(ROUTERS) if unescaped(shown(one)) == shown_name), shown_name)


def _load() -> Any:
    """The tools' code; importing it takes a while the first time. Runs in a thread."""
    from optimus_tui.tools import answer, invocations, patterns  # noqa: F401

    return answer
