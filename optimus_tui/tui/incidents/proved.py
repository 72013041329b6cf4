"""What proofs of earlier actions say about a finding: too early to tell, or proved fixed already."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from optimus_tui.contract.finding_causes import can_follow_from
from optimus_tui.contract.finding_rules import LIMITS_OVER, LIMITS_REFUSED, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.tui.actions.remedies import with_causes
from optimus_tui.tui.services import DashboardServices
from optimus_tui.wording.numbers import clause, clock
from optimus_tui.workflow.proof import WINDOW_SECONDS, aimed_at, early_words, fixed_words, refused_after, waiting

if TYPE_CHECKING:
    from optimus_tui.contract.incident import ActionRecord, IncidentState


def keys_of(dashboard: DashboardServices, finding: Finding) -> set[tuple[str, str]]:
    """Return rule and subject of a finding, and of the findings that caused it."""
    known = dashboard.health.findings if dashboard.health is not None else ()
    return {(one.rule, one.subject) for one in with_causes(finding, known)}


def early_in(dashboard: DashboardServices, state: "IncidentState", finding: Finding) -> str:
    """Return why a finding does not yet show whether an action for it in an incident helped; empty if it does."""
    keys = keys_of(dashboard, finding)
    for record in waiting(state):
        if any((one.rule, one.subject) in keys for one in aimed_at(record)):
            return early_words(record)
    return ""


def proved_by(dashboard: DashboardServices, records: "Sequence[ActionRecord]", finding: Finding) -> str:
    """Return why nothing has to be done about a finding that is still shown; empty if something has.

    There are two reasons. Either it was proved that it or its cause is gone, and its figures still hold time from
    before. Or its counter, which never reset, was given a TTL: its limit stays used up until that TTL has run out.

    Args:
        dashboard: Its last readings tell which findings cause which.
        records: What was done, the oldest first.
        finding: A finding as it is shown.
    """
    now, keys = dashboard.context.clock.wall(), keys_of(dashboard, finding)
    begin = now - (finding.window_seconds or WINDOW_SECONDS)
    if left := left_over(records, finding, now, begin):
        return left
    since = finding.since or now
    if finding.held:  # it is shown because of windows before the present one
        begin = min(since, begin)
    elif finding.window_seconds is not None and not rule_of(finding.rule).from_redis:
        since = begin  # it may come and go while its window holds figures of before the remedy

    def is_of(aim: Diagnostic) -> bool:
        return (aim.rule, aim.subject) in keys or can_follow_from(aim.rule, aim.subject, finding)

    ended = [one for one in records if not refused_after(one) or (one.receipt.until or now) < now]
    return clause(fixed_words(ended, is_of, since, begin), "", "; its figures reach back to before")


READ_AGAIN_SECONDS = 5.0
"""How long after a window has ended its counter may not have been read again."""


def left_over(records: "Sequence[ActionRecord]", finding: Finding, now: float, begin: float) -> str:
    """Return until when a limit refuses only because its counter kept its count when an action gave it a TTL.

    Args:
        records: What was done, the oldest first.
        finding: A finding as it is shown.
        now: The present time, in wall-clock seconds.
        begin: The wall-clock time from which on the finding's figures count: earlier refusals are not in them.

    Returns:
        The sentence; empty if the finding has another reason.
    """
    for record in reversed(records):
        until, subjects = record.receipt.until, refused_after(record)
        tenants = {one.partition(" / ")[0] for one in subjects}
        is_left = finding.subject in {LIMITS_OVER: set(subjects), LIMITS_REFUSED: tenants}.get(finding.rule, set())
        if not is_left or until is None:
            continue
        if now < until + READ_AGAIN_SECONDS:
            return f"refuses until {clock(until)}: its counter got a TTL and kept its count"
        if begin < until and finding.rule == LIMITS_REFUSED:
            return f"refused until {clock(until)}: its counter got a TTL and kept its count"
    return ""
