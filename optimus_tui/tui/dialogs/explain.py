"""The explanation of findings: first what is wrong, what to do and what it means, then how it was judged."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

from rich.cells import cell_len
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from optimus_tui.contract.finding_rules import rule_of, title_of_rule
from optimus_tui.contract.findings import PAST, Finding
from optimus_tui.tools.pages.format_value import measured, measured_of
from optimus_tui.tui.actions.remedy_text import ACTS, whole_remedy
from optimus_tui.tui.dialogs.sheets import TextDialog, Wrapped, hanging
from optimus_tui.tui.widgets.cells import fit_name
from optimus_tui.wording.numbers import age, clock
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import FIXED, SETTLING, SEVERITY_MARKS, why_it_follows

Verb = Literal["row", "incident", "actions", "tool"]
LABEL = 10
"""Cells of a label, with the blank behind it."""
TITLE_CELLS, LEAST_SUBJECT = 60, 12
"""Cells of a title behind ``Explain`` at 80 columns, and the least of them for what it is about."""


class Choice(NamedTuple):
    """The operator's choice: what to do, and about which finding."""

    verb: Verb
    finding: Finding


class Newest(NamedTuple):
    """A finding as it is judged now, or None if it is over, with the time of the judged reading.

    ``proved`` says why nothing has to be done about it, such as a proof or an act whose side effect it is; else empty.
    """

    finding: Finding | None
    taken_at: float | None
    proved: str = ""


def as_given(finding: Finding) -> Newest:
    """Return the finding unchanged, for findings that are never judged again."""
    return Newest(finding, None)


def no_act(_: Finding) -> str:
    """Return no action, for places where none can be offered."""
    return ""


class _Shown(NamedTuple):
    """A finding as the dialog shows it.

    Attributes:
        finding: The finding as it is judged now, or as it was judged last.
        dated: When that was, in words; empty if unknown.
        proved: Why nothing has to be done about it; empty if something has.
        was_live: True once it was found while the dialog was open.
    """

    finding: Finding
    dated: str = ""
    proved: str = ""
    was_live: bool = False

    def judged(self, newest: Newest) -> "_Shown":
        """Return it after another judgement."""
        was_live = self.was_live or newest.finding is not None
        return _Shown(newest.finding or self.finding, _dated(newest, was_live), newest.proved, was_live)


class ExplainDialog(TextDialog):
    """Shows one finding at a time as it is judged now; dismisses with a ``Choice``, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("enter", "choose('row')", "go to its row"),
        ("i", "choose('incident')", "open an incident"),
        ("a", "choose('actions')", "show what can be done"),
        ("t", "choose('tool')", "ask the tool that explains it"),
        ("right,l,n", "turn(1)", "next finding"),
        ("left,h,p", "turn(-1)", "finding before"),
    ]

    def __init__(
        self,
        subject: str,
        findings: Sequence[Finding],
        newest: Callable[[Finding], Newest] = as_given,
        first_act: Callable[[Finding], str] = no_act,
        beside: Callable[[Finding], str] = no_act,
    ) -> None:
        super().__init__("", self._words, "enter goes to its row   i incident   a actions   t tool   esc closes")
        self.subject, self.at, self._newest, self._first_act = short_names(subject), 0, newest, first_act
        self._beside = beside
        self._shown = [_Shown(one) for one in findings]
        self.dialog_title = self._title()
        self.follow()

    @property
    def findings(self) -> list[Finding]:
        """Return the findings as they are shown."""
        return [one.finding for one in self._shown]

    def on_mount(self) -> None:
        """Update the findings once a second."""
        self.set_interval(1.0, self.follow)

    def follow(self) -> None:
        """Show each finding as it is judged now, or as it was judged last, with the time."""
        before, self._shown = self._shown, [one.judged(self._newest(one.finding)) for one in self._shown]
        if self.is_mounted and before != self._shown:
            self.query_one(Wrapped).make_again()

    def _title(self) -> str:
        turns = f" · {self.at + 1} of {len(self._shown)}, ← → turns" if len(self._shown) > 1 else ""
        room = max(LEAST_SUBJECT, TITLE_CELLS - cell_len(turns))
        subject = safe_text(self._shown[self.at].finding.subject) if self.at else self.subject
        return f"Explain · {fit_name(subject, min(room, cell_len(subject)))}{turns}"

    def _words(self, width: int) -> Content:
        return Content("\n").join(self._lines(width))

    def _lines(self, width: int) -> list[Content]:
        finding, dated, proved, _ = self._shown[self.at]
        return finding_lines(finding, width, dated, self._first_act(finding), proved, self._beside(finding))

    def action_turn(self, by: int) -> None:
        """Show the next finding, or the previous one with a negative number, cyclically."""
        if len(self._shown) < 2:
            self.app.notify("there is only this one finding to explain here")
            return
        self.at = (self.at + by) % len(self._shown)
        self.query_one("#card").border_title = Content(self._title())
        self.query_one(Wrapped).make_again()
        self.query_one("#body", VerticalScroll).scroll_home(animate=False)

    def action_choose(self, verb: Verb) -> None:
        """Close with this choice for the finding that is shown."""
        self.dismiss(Choice(verb, self._shown[self.at].finding))


def _dated(judged: Newest, was_live: bool) -> str:
    """Return when a finding was judged as it is shown, or since when it is none; empty where nobody knows."""
    if not judged.taken_at:
        return ""
    when = f"{clock(judged.taken_at, dated=True)} UTC"
    if judged.finding is not None:
        return when
    if was_live:
        return f"ended: it is not among the findings of {when}; its last figures are shown"
    return f"not among the dashboard's findings of {when}"


class NothingFound(TextDialog):
    """Says that nothing is wrong, and shows findings as soon as there are any."""

    def __init__(self, subject: str, here: Callable[[], Sequence[Finding]]) -> None:
        super().__init__(f"Explain · {subject}", self._words)
        self._name, self._here = _sentence_name(subject), here
        self._found: Finding | None = None

    def on_mount(self) -> None:
        """Check once a second whether there are findings."""
        self.set_interval(1.0, self.follow)

    def follow(self) -> None:
        """Show the present findings, the worst first."""
        found = next(iter(self._here()), None)
        if found != self._found:
            self._found = found
            self.query_one(Wrapped).make_again()

    def _words(self, width: int) -> Content:
        if self._found is None:
            return Content(f"Nothing is found wrong with {self._name}.")
        lines = [Content("Nothing was found wrong when this was opened. This is found now:"), Content("")]
        return Content("\n").join([*lines, *finding_lines(self._found, width)])


def explain_dialog(
    subject: str,
    findings: Sequence[Finding],
    newest: Callable[[Finding], Newest] = as_given,
    here: Callable[[], Sequence[Finding]] = tuple,
    first_act: Callable[[Finding], str] = no_act,
    beside: Callable[[Finding], str] = no_act,
) -> TextDialog:
    """Return the dialog that explains findings; without findings, one that says that nothing is wrong.

    Args:
        subject: What they are about, as safe text.
        findings: The findings, the worst first.
        newest: Returns a finding as it is judged now.
        here: Returns the present findings about the subject.
        first_act: Returns the first action that ``a`` offers for a finding (safe text); empty for none.
        beside: Returns figures to compare a finding with (safe text); empty for none.
    """
    if not findings:
        return NothingFound(subject, here)
    return ExplainDialog(subject, findings, newest, first_act, beside)


def _sentence_name(subject: str) -> str:
    if subject in ("gateway", "engine", "hit rate", "memory"):
        return f"the {subject}"
    return subject


def finding_lines(
    finding: Finding, width: int, dated: str = "", first_act: str = "", proved: str = "", beside: str = ""
) -> list[Content]:
    """Return a finding in lines of ``width`` cells: sentence, remedy and impact, then how and when it was judged.

    Args:
        finding: The finding.
        width: Cells of a line.
        dated: The time of the judged reading (safe text); empty if unknown.
        first_act: The first action that ``a`` offers for it (safe text); empty for none.
        proved: Why nothing has to be done about it; empty if something has.
        beside: Figures to compare it with (safe text); empty for none.
    """
    mark = SEVERITY_MARKS[finding.severity].text
    if proved:
        mark = "✓ fixed" if proved.startswith(FIXED) else f"{SETTLING.glyph} {SETTLING.word.lower()}"
    lines = hanging("", (mark, "bold"), "  ", safe_text(finding.message, 400), width)
    impact = safe_text(finding.impact, 400)
    if impact and (finding.message.startswith(PAST) or proved.startswith(FIXED)):
        impact = f"while it held: {impact}"
    for name, value in [*_to_do(finding, first_act, proved), ("beside it", beside), ("impact", impact)]:
        if value:
            lines += hanging("", (f"{name:<{LABEL}}", "bold"), " ", value, width)
    lines.append(Content(""))
    for name, value in [*_facts(finding), ("as of", dated)]:
        if value:
            lines += hanging("", (f"{name:<{LABEL}}", "$quiet"), " ", value, width)
    return lines


def _to_do(finding: Finding, first_act: str, proved: str) -> list[tuple[str, str]]:
    """Return what to do about a finding: first what ``a`` does, as the finding's row says it."""
    if proved:
        why = why_it_follows(finding.rule, proved)
        return [("remedy", f"nothing has to be done: {proved}"), ("why", why), ("key a", first_act)]
    if first_act:
        return [("remedy", f"{first_act}{ACTS}"), ("or", whole_remedy(finding))]
    return [("remedy", whole_remedy(finding))]


def _facts(finding: Finding) -> list[tuple[str, str]]:
    def figure(value: float | str | None) -> str:
        if value is None:
            return ""
        return measured(value, finding.unit)

    samples, window, since = "", "", ""
    told = rule_of(finding.rule).measures
    # A single reading is its own sample, and a figure that says what it measures names its samples already.
    if finding.samples is not None and finding.samples > 1 and not told:
        samples = f"{finding.samples:,}"
    if finding.window_seconds:
        window = age(finding.window_seconds)
    if finding.since:
        since = f"{clock(finding.since, dated=True)} UTC"
    return [
        ("about", safe_text(finding.subject)),
        ("rule", title_of_rule(finding.rule)),
        ("threshold", figure(finding.threshold)),
        ("measured", measured_of(finding)),
        ("samples", samples),
        ("window", window),
        ("since", since),
    ]
