"""The explanation of findings: what is wrong, what to do and what it means first, then how it was judged."""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.tools.pages.format_value import measured
from optimus_tui.tui.dialogs.sheets import TextDialog, Wrapped, hanging
from optimus_tui.wording.numbers import age, clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS

Verb = Literal["row", "incident", "actions", "tool"]
LABEL = 10
"""Cells of a label, with the blank behind it."""


class Choice(NamedTuple):
    """What is to be done about which finding."""

    verb: Verb
    finding: Finding


class ExplainDialog(TextDialog):
    """One finding at a time; dismisses with a ``Choice``, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter", "choose('row')", "go to its row"),
        ("i", "choose('incident')", "open an incident"),
        ("a", "choose('actions')", "show what can be done"),
        ("t", "choose('tool')", "ask the tool that explains it"),
        ("right,l,n", "turn(1)", "next finding"),
        ("left,h,p", "turn(-1)", "finding before"),
    ]

    def __init__(self, subject: str, findings: Sequence[Finding]) -> None:
        super().__init__("", self._words, "enter its row   i incident   a actions   t tool   esc closes")
        self.subject, self.findings, self.at = subject, list(findings), 0
        self.dialog_title = self._title()

    def _title(self) -> str:
        if len(self.findings) < 2:
            return f"Explain · {self.subject}"
        return f"Explain · {self.subject} · {self.at + 1} of {len(self.findings)}, ← → turns"

    def _words(self, width: int) -> Content:
        return Content("\n").join(finding_lines(self.findings[self.at], width))

    def action_turn(self, by: int) -> None:
        """Show the next finding, or one before with a negative number; round and round."""
        if len(self.findings) < 2:
            self.app.notify("there is only this one finding to explain here")
            return
        self.at = (self.at + by) % len(self.findings)
        self.query_one("#card").border_title = Content(self._title())
        self.query_one(Wrapped).make_again()
        self.query_one("#body", VerticalScroll).scroll_home(animate=False)

    def action_choose(self, verb: Verb) -> None:
        """Close, and have this done about the finding that is shown."""
        self.dismiss(Choice(verb, self.findings[self.at]))


def explain_dialog(subject: str, findings: Sequence[Finding]) -> TextDialog:
    """Return the dialog that explains findings, the worst first; without any, one that says that nothing is wrong."""
    if not findings:
        return TextDialog(f"Explain · {subject}", Content(f"Nothing is found wrong with {_sentence_name(subject)}."))
    return ExplainDialog(subject, findings)


def _sentence_name(subject: str) -> str:
    return f"the {subject}" if subject in ("gateway", "engine", "hit rate", "memory") else subject


def finding_lines(finding: Finding, width: int) -> list[Content]:
    """Return a finding in lines of ``width`` cells: sentence, remedy and impact, then how it was judged."""
    mark = SEVERITY_MARKS[finding.severity].text
    lines = hanging("[bold]$label[/]  $text", mark, 2, safe_text(finding.message, 400), width)
    for name, value in (("remedy", remedy_words(finding)), ("impact", safe_text(finding.impact, 400))):
        if value:
            lines += hanging("[bold]$label[/] $text", f"{name:<{LABEL}}", 1, value, width)
    lines.append(Content(""))
    for name, value in _facts(finding):
        if value:
            lines += hanging("[$quiet]$label[/] $text", f"{name:<{LABEL}}", 1, value, width)
    return lines


def remedy_words(finding: Finding) -> str:
    """Return what to do about a finding; where that is not known, which tool looks for the cause."""
    if finding.remedy:
        return safe_text(finding.remedy, 400)
    return f"not known: t asks {rule_of(finding.rule).explained_by}"


def _facts(finding: Finding) -> list[tuple[str, str]]:
    def figure(value: float | str | None) -> str:
        return "" if value is None else measured(value, finding.unit)

    samples, window, since = "", "", ""
    if finding.samples is not None:
        samples = f"{finding.samples:,}"
    if finding.window_seconds:
        window = age(finding.window_seconds)
    if finding.since:
        since = f"{clock(finding.since, dated=True)} UTC"
    return [
        ("about", safe_text(finding.subject)),
        ("rule", finding.rule),
        ("threshold", figure(finding.threshold)),
        ("measured", finding.measured_words or figure(finding.measured)),
        ("samples", samples),
        ("window", window),
        ("since", since),
    ]
