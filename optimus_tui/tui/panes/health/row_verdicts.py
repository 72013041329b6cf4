"""The verdict of a line of the health pane: its worst finding decides its mark and its word. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.findings import Finding, rank
from optimus_tui.tui.dashboard.finding_places import place_of
from optimus_tui.wording.truth import SEVERITY_MARKS, StateGlyph

WELL = ("healthy", "connected")
"""Words that must not stand beside the mark of a finding."""
UNITS = ("ms", "share")
"""What the figures of the lines are in."""


def concerns(finding: Finding, name: str) -> bool:
    """Return True if a finding is about this line of the table."""
    return finding.subject == {"memory": "redis", "cluster": "redis", "sentinel": "redis"}.get(name, name)


def is_row_of(finding: Finding, name: str) -> bool:
    """Return True if Enter on a finding without a row of its own leads to this line of the table."""
    place = place_of(finding, None, None)
    return not isinstance(place, str) and (place.pane, place.key) == ("health", (name, 0))


def worst(findings: Sequence[Finding], name: str) -> Finding | None:
    """Return the worst finding about a line, notes excluded; None without one."""
    about = [finding for finding in findings if concerns(finding, name) and finding.severity != "low"]
    return max(about, key=rank, default=None)


def judged(
    name: str, mark: StateGlyph, word: str, now: float | None, findings: Sequence[Finding]
) -> tuple[StateGlyph, str]:
    """Return the mark and the word of a line that answers, by its worst finding.

    If the mark is about a window and the present figure beside it is good, the word says that it was slow. A note with
    a present figure that is bad takes the good mark away; only first signs, with which the whole is "watching", say
    that it is slow now.
    """
    finding = worst(findings, name)
    if finding is None:
        notes = (one for one in findings if concerns(one, name) and one.rule.startswith("latency."))
        slow = [one for one in notes if is_over(now, one)]
        if any(one.first_signs for one in slow):
            word = "slow now"
        return (SEVERITY_MARKS["low"] if slow else mark), word
    mark = SEVERITY_MARKS[finding.severity]
    if finding.rule.startswith("latency."):
        words = {"redis": f"slow {word}"}.get(name, "slow")
        return mark, words if is_over(now, finding) is not False else "was slow"
    return mark, "answers" if word in WELL else word


def is_over(figure: float | None, finding: Finding) -> bool | None:
    """Return True if a figure is over a finding's threshold; None where either is unknown."""
    if figure is None or finding.unit not in UNITS or not isinstance(finding.threshold, float | int):
        return None
    return figure > finding.threshold
