"""The verdict of the whole pane, and the part of a report that counts after an action or a remedy. Pure."""

from collections.abc import Container, Hashable

from msgspec.structs import replace

from optimus_tui.contract.findings import ALARMING
from optimus_tui.contract.services import HealthReport
from optimus_tui.wording.truth import OVERALL_MARKS, SETTLING, WATCHING, StateGlyph, verdict_mark


def verdict_of(report: HealthReport | None, explained: Container[Hashable] = frozenset()) -> StateGlyph:
    """Return the mark of a report's verdict; UNKNOWN before the first report.

    Args:
        report: The report.
        explained: Rule and subject of findings that follow from an action done here, or whose figures are older than
            it. If nothing else needs attention, the system is settling.
    """
    if report is None:
        return OVERALL_MARKS["unknown"]
    signs = [(one.rule, one.subject) in explained for one in report.findings if one.first_signs]
    mark = verdict_mark(report.overall, [one.rule for one in report.findings], first_signs=bool(signs))
    if mark is WATCHING and all(signs):
        return SETTLING
    loud = [(one.rule, one.subject) in explained for one in report.findings if one.severity in ALARMING]
    if mark.severity_style in ("critical", "warning") and loud and all(loud):
        return SETTLING
    return mark


def unexplained(report: HealthReport, explained: Container[Hashable]) -> HealthReport:
    """Return a report without the findings that follow from an action done here: they do not judge the present."""
    return replace(report, findings=tuple(one for one in report.findings if (one.rule, one.subject) not in explained))
