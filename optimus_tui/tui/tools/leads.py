"""The texts around a tool's answer, and what can be done with it: explain findings, open an incident, act, copy."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.findings import Finding, worst_first
from optimus_tui.settings.model import Settings
from optimus_tui.tui.tools.lists import ReportView, ToolRun
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import FindingServices


def edge_words(run: ToolRun | None, is_read: bool, mono: float, deadline: float) -> tuple[str, str]:
    """Return the texts on the upper and the lower edge of an answer: tool and way back, outcome and arguments."""
    if run is None:
        return "Answer", ""
    arguments = (f"{name}={safe_text(value, 40)}" for name, value in run.arguments.items())
    title = f"{run.mark[0]} {run.tool}"
    if is_read and not run.running:
        title += " · esc: back to its fields"
    return title, f"{run.words(mono, deadline)}   {'  '.join(arguments)}".rstrip()


def copied_forms(tool: str, typed: Mapping[str, Any], run: ToolRun | None, settings: Settings) -> list[tuple[str, str]]:
    """Return the commands that a run recommends, and its tool call for every other surface; else the form's call."""
    from optimus_tui.tools.registry import callings

    if run is None:
        return callings(tool, typed, settings, None)
    return callings(tool, run.arguments, settings, run.report)


class AnswerLeads:
    """Acts on the finding under the cursor of an answer, else on all findings of the answer, the worst first."""

    def __init__(self, findings: "FindingServices", say: Callable[[str], None]) -> None:
        self.findings, self.say = findings, say

    def _found(self, run: ToolRun | None, view: ReportView) -> list[Finding]:
        from optimus_tui.tools.pages.sections import sections

        if view.has_focus and view.finding is not None:
            return [view.finding]
        if run is None or run.report is None:
            return []
        shown = [line.finding for section in sections(run.report) for line in section.lines]
        return list(worst_first(dict.fromkeys(one for one in shown if one is not None)))

    def explain(self, run: ToolRun | None, view: ReportView) -> None:
        """Explain the findings; say so if there is no answer, or no finding in it."""
        found = self._found(run, view)
        if run is None or run.report is None:
            self.say("there is no answer yet to explain; enter runs the tool")
        elif found:
            self.findings.explain(run.tool, found)
        else:
            self.say("this answer has no finding to explain")

    def open_incident(self, run: ToolRun | None, view: ReportView) -> None:
        """Show the open incident, else ask for a new one about the first finding."""
        self.findings.open_incident(next(iter(self._found(run, view)), None))

    def act(self, run: ToolRun | None, view: ReportView) -> None:
        """Show the actions for the first finding; say so if there is none."""
        found = self._found(run, view)
        if found:
            self.findings.act_on(found[0])
        else:
            self.say("actions need a finding, and this answer has none")
