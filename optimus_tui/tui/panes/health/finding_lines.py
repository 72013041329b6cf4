"""The health pane's lines of the findings: each below its cause, with why it is no alarm where that is so. Pure."""

from collections.abc import Hashable, Iterator, Mapping
from typing import NamedTuple

from rich.cells import cell_len

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import PAST, Finding, causes_of
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.panes.health.verdict import verdict_of
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES
from optimus_tui.tui.widgets.cells import as_many_as_fit, wrap
from optimus_tui.verdicts.hysteresis import without_windows
from optimus_tui.wording.numbers import age, clock, plural
from optimus_tui.wording.truth import SEVERITY_MARKS, STILL_TODAY_SECONDS

FIXED_START = "✓ fixed  "


class QuietReason(NamedTuple):
    """Why a finding is no alarm now.

    Attributes:
        words: The reason.
        is_fixed: True if a proof has settled it, and it is only watched whether it comes again.
    """

    words: str
    is_fixed: bool = False


def finding_lines(
    report: HealthReport, width: int, wall: float, quiet: Mapping[Hashable, QuietReason], is_whole: bool = True
) -> list[HealthLine]:
    """Return the lines of the findings, or a line that says that there are none.

    Args:
        report: The health report.
        width: Cells of a line.
        wall: The present time, in seconds since the epoch.
        quiet: Why findings are no alarm now, by (rule, subject): a mute, or a restart that was done from here.
        is_whole: True if no finding is filtered out, so that each stands below its cause, which is not named again.
    """
    lines: list[HealthLine] = []
    if not report.findings:
        lines += _all_well(report, width)
    for finding in report.findings:
        causes = causes_of(finding, report.findings, lambda one: (one.rule, one.subject), lambda one: one.caused_by)
        level = len(causes) if is_whole else min(1, len(causes))
        lines += _finding(finding, width, wall, quiet, _read_ago(finding, report, wall), is_whole, level)
    return lines


def finding_keys(width: int) -> HealthLine:
    """Return the line above the findings, with the keys that work on them."""
    words = as_many_as_fit(["findings: e explains", "a acts", "enter goes to its row"], width - 2)
    return HealthLine(None, 0, [(f"  {words}", "quiet")])


def finding_count(passed: int, total: int) -> HealthLine:
    """Return the line above filtered findings: how many pass the filter."""
    return HealthLine(None, 0, [(f"  findings: {passed:,} of {total:,} match", "quiet")])


def _all_well(report: HealthReport, width: int) -> Iterator[HealthLine]:
    mark = verdict_of(report)
    words = ""
    if report.overall == "healthy":
        words = "Everything answers, and nothing that could be judged is over its threshold."
    elif report.overall == "unknown":
        words = "Not everything has been looked at yet."
    glyph = mark.glyph
    for part, text in enumerate(wrap(words, width - 2)):
        yield HealthLine("all", part, [(f"{glyph} ", SEVERITY_TEXT_STYLES[mark.severity_style]), (text, "quiet")])
        glyph = " "


def _read_ago(finding: Finding, report: HealthReport, wall: float) -> str:
    """Return how long ago Redis was read for a finding; empty while Redis can be read."""
    server = report.server
    if server is None or server.fault is None or not rule_of(finding.rule).from_redis:
        return ""
    if server.value is None:
        return "read before"
    return f"read {age(wall - server.taken_at)} ago"


def _finding(
    finding: Finding,
    width: int,
    wall: float,
    quiet: Mapping[Hashable, QuietReason],
    read_ago: str,
    is_whole: bool,
    level: int,
) -> list[HealthLine]:
    mark = SEVERITY_MARKS[finding.severity]
    group = (finding.rule, finding.subject)
    style, text_style = SEVERITY_TEXT_STYLES[mark.severity_style], "bright"
    if group in quiet or read_ago:
        style, text_style = "quiet", ""
    start = f"{mark.glyph} {mark.word}  "
    message = finding.message
    if finding.caused_by is not None and is_whole and finding.below_cause:
        message = finding.below_cause
    if group in quiet and quiet[group].is_fixed:
        start, message = FIXED_START, without_windows(message).removeprefix(PAST)
    if finding.caused_by is not None:
        start = f"{'  ' * (level - 1)}└ {start}"  # below its own cause, not below what that has caused as well
    indent = " " * cell_len(start)
    first, *rest = wrap(message, max(20, width - len(indent)))
    drawn = [HealthLine(group, 0, [(start, style), (first, text_style)], finding)]
    for part, text in enumerate(rest, 1):
        drawn.append(HealthLine(group, part, [(indent, ""), (text, text_style)], finding))
    known: list[str] = []
    if group in quiet:
        reason = quiet[group]
        known.append(reason.words.removeprefix("fixed ") if reason.is_fixed else reason.words)
    if read_ago:
        known.append(read_ago)
    if finding.since is not None:
        since = clock(finding.since, dated=True)[:16]
        if wall - finding.since <= STILL_TODAY_SECONDS:
            since = since[-5:]
        known.append(f"since {since}")
    if finding.samples and finding.samples > 1:
        known.append(plural(finding.samples, "sample"))
    if not known:
        return drawn
    detail, last = as_many_as_fit(known, width - len(indent)), drawn[-1]
    room = width - sum(cell_len(text) for text, _ in last.pieces) - 3
    if cell_len(" · ".join(known)) <= room:
        drawn[-1] = HealthLine(group, last.part, [*last.pieces, (f" · {detail}", "quiet")], finding)
    else:
        for text in wrap(detail, width - len(indent)):  # a reason that is longer than a line is not cut
            drawn.append(HealthLine(group, len(drawn), [(indent, ""), (text, "quiet")], finding))
    return drawn
