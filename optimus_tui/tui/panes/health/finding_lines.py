"""The health pane's lines of the findings: each below its cause, with why it is no alarm where that is so. Pure."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.finding_causes import can_follow_from
from optimus_tui.contract.finding_rules import CACHE_HIT_RATE, ERRORS_RATE, rule_of
from optimus_tui.contract.findings import ALARMING, Finding, causes_of
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.tui.panes.health.verdict import verdict_of
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.cells import as_many_as_fit, first_that_fits, wrap
from optimus_tui.verdicts.hysteresis import plain_message
from optimus_tui.wording.numbers import age, clause, clock, latency, percent, plural
from optimus_tui.wording.truth import FIXED, OLD_FIGURES, SETTLING, SEVERITY_MARKS, STILL_TODAY_SECONDS

if TYPE_CHECKING:
    from optimus_tui.tui.actions.remedy_text import RowRemedy

NO_BREAK = "\N{NO-BREAK SPACE}"
NO_REMEDIES: "Mapping[Hashable, RowRemedy]" = MappingProxyType({})
FIXED_START = "✓ fixed  "
SETTLING_START = f"{SETTLING.glyph} {SETTLING.word.lower()}  "


class QuietReason(NamedTuple):
    """Why a finding is no alarm now.

    Attributes:
        words: The reason.
        kind: ``fixed`` if a proof has settled it, and it is only watched whether it comes again; ``settling`` if it
            follows from what was done here, or has figures of before that.
        was: What a fixed finding was; empty for its present sentence.
    """

    words: str
    kind: Literal["quiet", "fixed", "settling"] = "quiet"
    was: str = ""


def reason_of(words: str, finding: Finding, report: HealthReport, was: str = "") -> QuietReason:
    """Return why nothing has to be done about a finding, as its row shows it.

    Nothing is called fixed whose present figure is still bad, and a remark is no alarm that settles.

    Args:
        words: Why nothing has to be done.
        finding: The finding.
        report: The report that has it.
        was: What it was before it was proved fixed; empty for its present sentence.
    """
    if not words.startswith(FIXED):
        return QuietReason(words, "settling" if finding.severity in ALARMING else "quiet")
    share, bar = _present(finding, report), finding.threshold
    if share is not None and isinstance(bar, int | float) and share != bar and (share < bar) == _is_low(finding):
        return QuietReason(f"{OLD_FIGURES}you acted; proved fixed at {words.removeprefix(FIXED)}", "settling")
    return QuietReason(words, "fixed", was)


def _present(finding: Finding, report: HealthReport) -> float | None:
    """Return the present share of what a finding is about: hits, or failed requests; None where it is not known."""
    if _is_low(finding):
        if report.hit_rate is not None:
            return report.hit_rate.value
        return None
    if finding.rule == ERRORS_RATE and report.signals is not None:
        return report.signals.total.failing_share
    return None


def _is_low(finding: Finding) -> bool:
    return finding.rule == CACHE_HIT_RATE


def finding_lines(
    report: HealthReport,
    width: int,
    wall: float,
    quiet: Mapping[Hashable, QuietReason],
    remedies: "Mapping[Hashable, RowRemedy]" = NO_REMEDIES,
    is_whole: bool = True,
    is_roomy: bool = True,
) -> list[HealthLine]:
    """Return the lines of the findings, or a line that says that there are none.

    A remedy stands below the first finding that it is for.

    Args:
        report: The health report.
        width: Cells of a line.
        wall: The present time, in seconds since the epoch.
        quiet: Why findings are no alarm now, by (rule, subject): a mute, or a restart that was done from here.
        remedies: What to do about the others, by (rule, subject).
        is_whole: True if no finding is filtered out, so that each stands below its cause, which is not named again.
        is_roomy: False leaves out remedies that need a further line, except the first one. A later remedy never has
            more than one line.
    """
    lines: list[HealthLine] = []
    if not report.findings:
        lines += _all_well(report, width)
    told: set[RowRemedy] = set()
    for finding in _live_first(report.findings, quiet):
        causes = causes_of(finding, report.findings, lambda one: (one.rule, one.subject), lambda one: one.caused_by)
        level = len(causes) if is_whole else min(1, len(causes))
        read_ago, now = _read_ago(finding, report, wall), now_words(finding, report)
        today = finding.since is not None and wall - finding.since <= STILL_TODAY_SECONDS
        key = finding.rule, finding.subject
        reason, remedy = quiet.get(key), remedies.get(key)
        if reason is not None or read_ago or (remedy in told and is_whole):
            remedy = None
        lines += _finding(finding, width, today, reason, read_ago, now, is_whole, level, remedy, is_roomy, not told)
        if remedy is not None:
            told.add(remedy)
    return lines


def _live_first(findings: Sequence[Finding], quiet: Mapping[Hashable, QuietReason]) -> list[Finding]:
    """Return the findings with those last that a proof has settled, of which those come first that explain others."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        *_, first = one, *causes_of(one, findings, lambda each: (each.rule, each.subject), lambda each: each.caused_by)
        groups.setdefault((first.rule, first.subject), []).append(one)

    def is_fixed(one: Finding) -> bool:
        reason = quiet.get((one.rule, one.subject))
        return reason is not None and reason.kind == "fixed"

    fixed = [one for one in findings if is_fixed(one)]

    def place(group: Sequence[Finding]) -> tuple[bool, int]:
        if not all(is_fixed(one) for one in group):
            return False, 0
        return True, -sum(can_follow_from(group[0].rule, group[0].subject, one) for one in fixed)

    return [one for group in sorted(groups.values(), key=place) for one in group]


def settling(report: HealthReport, quiet: Mapping[Hashable, QuietReason]) -> list[Finding]:
    """Return the findings of a report whose figures are no alarm, but not good either."""
    reasons = ((one, quiet.get((one.rule, one.subject))) for one in report.findings)
    return [one for one, reason in reasons if reason is not None and reason.kind == "settling"]


def finding_keys(width: int) -> HealthLine:
    """Return the line above the findings, with the keys that work on them."""
    words = as_many_as_fit(["findings: e explains", "a acts", "enter on one goes to its row"], width - 2)
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


def now_words(finding: Finding, report: HealthReport) -> str:
    """Return the present figure of what a finding is about: ``connected, 8 ms``, ``89 %``; empty where it has none."""
    share = _present(finding, report)
    if share is not None:
        return f"{percent(share)}{' failing' * (finding.rule == ERRORS_RATE)}"
    gateway = report.gateway.value.service if report.gateway is not None and report.gateway.value is not None else None
    engine = report.engine.value if report.engine is not None else None
    service = {"gateway": gateway, "engine": engine}.get(finding.subject)
    if service is None or finding.rule.partition(".")[0] not in ("services", "latency"):
        return ""
    return f"{service.status}{clause(latency(service.latency_ms) if service.latency_ms is not None else '', ', ')}"


@lru_cache(maxsize=200)
def _finding(
    finding: Finding,
    width: int,
    today: bool,
    reason: QuietReason | None,
    read_ago: str,
    now: str,
    is_whole: bool,
    level: int,
    remedy: "RowRemedy | None",
    is_roomy: bool,
    is_first: bool,
) -> tuple[HealthLine, ...]:
    mark = SEVERITY_MARKS[finding.severity]
    group = (finding.rule, finding.subject)
    style, text_style = SEVERITY_TEXT_STYLES[mark.severity_style], "bright"
    if reason is not None or read_ago:
        style, text_style = "quiet", ""
    start = f"{mark.glyph} {mark.word}  "
    message = finding.message
    if finding.caused_by is not None and is_whole and finding.below_cause:
        message = finding.below_cause
    if reason is not None and reason.kind == "fixed":
        was = reason.was or plain_message(replace(finding, message=message))
        start, message = FIXED_START, f"was: {was}{clause(now, ' → now ')}"
    elif reason is not None and reason.kind == "settling":
        start = SETTLING_START
    if finding.caused_by is not None:
        start = f"{'  ' * (level - 1)}└ {start}"  # below its own cause, not below what that has caused as well
    indent = " " * cell_len(start)
    first, *rest = wrap(message, max(20, width - len(indent)))
    drawn = [HealthLine(group, 0, [(start, style), (first, text_style)], finding)]
    for part, text in enumerate(rest, 1):
        drawn.append(HealthLine(group, part, [(indent, ""), (text, text_style)], finding))
    known: list[str] = []
    if reason is not None:
        known.append(reason.words.removeprefix("fixed ") if reason.kind == "fixed" else reason.words)
    if read_ago:
        known.append(read_ago)
    if finding.since is not None and (reason is None or reason.kind != "fixed"):
        since = clock(finding.since, dated=True)[:16]
        if today:
            since = since[-5:]
        known.append(f"since {since}")
    if finding.samples and finding.samples > 1:
        known.append(plural(finding.samples, "sample"))
    room, whole = width - len(indent), " · ".join(known)
    detail, last = as_many_as_fit(known or [""], room), drawn[-1]
    fits_behind = cell_len(whole) <= width - sum(cell_len(text) for text, _ in last.pieces) - 3
    advice = _remedy_pieces(remedy, known, room)
    if advice and (is_first or ((is_roomy or not fits_behind) and len(advice) == 1)):
        for pieces in advice:
            drawn.append(HealthLine(group, len(drawn), [(indent, ""), *pieces], finding))
    elif known and fits_behind:
        drawn[-1] = HealthLine(group, last.part, [*last.pieces, (f" · {detail}", "quiet")], finding)
    elif known:
        for text in wrap(detail, room):  # a reason that is longer than a line is not cut
            drawn.append(HealthLine(group, len(drawn), [(indent, ""), (text, "quiet")], finding))
    return tuple(drawn)


def _remedy_pieces(remedy: "RowRemedy | None", known: Sequence[str], room: int) -> list[list[Piece]]:
    """Return the lines of a remedy in ``room`` cells, with as much behind it as fits of what else is known."""
    if remedy is None:
        return []
    label = remedy.label
    words = first_that_fits(remedy.forms, room - cell_len(label))
    shown = as_many_as_fit([f"{label}{words}", *known], room).removeprefix(label).replace(" (", f"{NO_BREAK}(")
    first, *rest = (one.replace(NO_BREAK, " ") for one in wrap(shown, room - cell_len(label)))  # no key stands alone
    end = max(len(words), len(first) * bool(rest))
    below: list[list[Piece]] = [[(" " * cell_len(label), ""), (text, "bright")] for text in rest]
    return [[(label, "accent"), (first[:end], "bright"), (first[end:], "quiet")], *below]
