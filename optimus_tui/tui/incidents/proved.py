"""What proofs of earlier actions say about a finding: too early to tell, or proved fixed already."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from optimus_tui.contract.finding_causes import can_follow_from, can_follow_from_restart
from optimus_tui.contract.finding_rules import CATALOGUE, LIMITS_IMMORTAL, LIMITS_OVER, LIMITS_REFUSED, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.tui.actions.remedies import with_causes
from optimus_tui.tui.dashboard.reports import known_findings
from optimus_tui.tui.services import DashboardServices
from optimus_tui.verdicts.hysteresis import plain_message
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.wording.numbers import clock
from optimus_tui.wording.truth import FIXED, OLD_FIGURES, REPAIRED
from optimus_tui.workflow.proof import (
    REPAIRED_WORD,
    WINDOW_SECONDS,
    aimed_at,
    confirmed_at,
    early_words,
    fixed_by,
    is_superseded,
    refused_after,
    waiting,
)
from optimus_tui.workflow.settled import Sight
from optimus_tui.workflow.standing import proof_status
from optimus_tui.workflow.visibility import is_of

if TYPE_CHECKING:
    from optimus_tui.contract.incident import ActionRecord, IncidentState
    from optimus_tui.contract.services import HealthReport


def keys_of(dashboard: DashboardServices, finding: Finding) -> set[tuple[str, str]]:
    """Return rule and subject of a finding, and of the findings that caused it.

    Another rule of the same alert counts, too: an engine that was slow in five checks soon is slow in its p95.
    """
    chain = with_causes(finding, known_findings(dashboard.health))
    groups = {(rule_of(one.rule).alert_group, one.subject) for one in chain}
    alike = {
        (rule.id, subject) for rule in CATALOGUE.values() for group, subject in groups if rule.alert_group == group
    }
    return alike | {(one.rule, one.subject) for one in chain}


def early_in(dashboard: DashboardServices, state: "IncidentState", finding: Finding) -> str:
    """Return why a finding does not yet show whether an action for it in an incident helped; empty if it does."""
    keys = keys_of(dashboard, finding)
    for record in waiting(state):
        if any((one.rule, one.subject) in keys for one in aimed_at(record)):
            return early_words(record, dashboard.context.clock.wall())
    return ""


class SettledFindings:
    """Findings that a proof has settled: they need nothing done until they come again.

    It was proved that they are gone, or what they followed from, and what is shown is of before; or a limit refuses
    only because a counter that never reset kept its count when it got a TTL.
    """

    def __init__(self, dashboard: DashboardServices) -> None:
        """Remember nothing yet.

        Args:
            dashboard: Whose readings tell what has come again.
        """
        self.dashboard = dashboard
        self._seen: HealthReport | None = None
        self._looked = 0.0
        """Wall-clock seconds of the last look at a report."""
        self._sights: dict[tuple[str, str, str], Sight] = {}
        self._was: dict[tuple[str, str, str], tuple[float, str]] = {}
        """What each settled finding was, with the time of the proof: it stays as it was when the remedy was done."""

    def words(self, records: "Sequence[ActionRecord]", finding: Finding) -> str:
        """Return why a finding that still stands needs nothing done; empty where it does.

        Args:
            records: What was done, the oldest first.
            finding: A finding as it is shown.
        """
        if self._seen is not self.dashboard.health and self.dashboard.health is not None:
            self._seen = self.dashboard.health
            self._look(records, self._seen.findings)
        now = self.dashboard.context.clock.wall()
        if left := left_over(records, finding, now, _begin(finding, now)):
            return left
        record = self._settled(records, finding, now)
        if record is None or record.proved is None:
            return ""
        sight = self._sights.get(_key(finding))
        if sight is not None and sight.proved == record.proved.wall and sight.again:
            return ""
        is_new = (finding.since or 0.0) > record.proved.wall
        is_target = any(is_of(finding, aim) for aim in aimed_at(record))
        if not is_target and (is_new or not finding.held):  # of an effect nothing was proved; held, it is over
            return f"{OLD_FIGURES}you acted at {clock(confirmed_at(record))}"
        self._note_was(finding, record, record.proved.wall)
        return f"{FIXED}{clock(record.proved.wall)}, being watched"

    def was(self, finding: Finding) -> str:
        """Return what a finding that a proof has settled was before, in the words of the proof's own finding."""
        return self._was.get(_key(finding), (0.0, finding.message))[1]

    def _note_was(self, finding: Finding, record: "ActionRecord", proved: float) -> None:
        known = self._was.get(_key(finding))
        if known is None or known[0] != proved:
            aims = (
                one.message for one in aimed_at(record) if (one.rule, one.subject) == (finding.rule, finding.subject)
            )
            self._was[_key(finding)] = (proved, next(aims, plain_message(finding)))

    def _look(self, records: "Sequence[ActionRecord]", findings: Sequence[Finding]) -> None:
        """Note which findings about what was proved fixed are quiet now, and which have come again."""
        now, here = self.dashboard.context.clock.wall(), {_key(one) for one in findings}
        self._sights = {key: one if key in here else one.without() for key, one in self._sights.items()}
        for finding in findings:
            record = fixed_by(records, self._is_of(finding), 0.0, 0.0)
            if record is None or record.proved is None:
                continue
            sight = self._sights.get(_key(finding))
            if sight is None or sight.proved != record.proved.wall:
                sight = Sight(proved=record.proved.wall, quiet=self._looked > record.proved.wall)
            is_after = rule_of(finding.rule).from_redis or self._settled(records, finding, now) is None
            is_target = any(is_of(finding, aim) for aim in aimed_at(record))
            self._sights[_key(finding)] = sight.with_finding(finding, is_after, is_target)
        self._looked = now

    def _settled(self, records: "Sequence[ActionRecord]", finding: Finding, now: float) -> "ActionRecord | None":
        """Return the remedy whose proof settles the finding, as far as the time of its figures tells."""
        since, begin = finding.since or now, _begin(finding, now)
        if finding.window_seconds is not None and not rule_of(finding.rule).from_redis:
            since = min(since, begin)  # it may come and go while its window holds figures of before the remedy
        if finding.held:  # it is not there now: it is shown because of windows before the present one
            begin = 0.0
        ended = [one for one in records if not refused_after(one) or (one.receipt.until or now) < now]
        return fixed_by(ended, self._is_of(finding), since, begin)

    def _is_of(self, finding: Finding) -> "Callable[[ActionRecord, Diagnostic], bool]":
        known = known_findings(self.dashboard.health)
        chain = with_causes(finding, known)

        def is_settled_by(record: "ActionRecord", aim: Diagnostic) -> bool:
            if any(is_of(one, aim) for one in chain) or can_follow_from(aim.rule, aim.subject, finding):
                return True
            restarted = record.receipt.restarts
            return finding.held and bool(restarted) and can_follow_from_restart(restarted, finding)

        return is_settled_by


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.subject, finding.unit


def _begin(finding: Finding, now: float) -> float:
    """Return the wall-clock seconds at which the figures of a finding begin."""
    return now - (finding.window_seconds or WINDOW_SECONDS)


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
        until, subjects = record.receipt.until, [*refused_after(record), *_repaired(record)]
        tenants = {one.partition(" / ")[0] for one in subjects}
        is_left = finding.subject in {LIMITS_OVER: set(subjects), LIMITS_REFUSED: tenants}.get(finding.rule, set())
        if not is_left or until is None:
            continue
        if now < until:
            return f"{REPAIRED}refused until {clock(until)} (its window)"
        if now < until + READ_AGAIN_SECONDS or (begin < until and finding.rule == LIMITS_REFUSED):
            return f"{REPAIRED}was refused until {clock(until)} (its window)"
    return ""


def served_words(dashboard: DashboardServices, record: "ActionRecord") -> str:
    """Return whether the counters that a repair left full refuse: until when, no more, or still; "" for no repair.

    After the end of their window only a reading of after it tells.

    Args:
        dashboard: The dashboard with the last readings.
        record: What was done.
    """
    until, full = record.receipt.until, set(refused_after(record))
    if record.verdict != "fixed" or until is None or not full:
        return ""
    if dashboard.context.clock.wall() < until:
        return f"{REPAIRED_WORD}, refused until {clock(until)}"
    reading = dashboard.pane("limits").reading
    if reading is None or reading.value is None or reading.taken_at < until:
        return f"{REPAIRED_WORD}; its window ended at {clock(until)}, not read since"
    if any(row.refuses and subject_of(row) in full for row in reading.value.rows):
        return f"{REPAIRED_WORD}, but refused again after {clock(until)}"
    if not reading.value.coverage.complete:
        return f"{REPAIRED_WORD}; its window ended at {clock(until)}, not all counters read since"
    return f"{REPAIRED_WORD}, served again since {clock(until)}"


def proof_now(dashboard: DashboardServices, state: "IncidentState") -> str:
    """Return how far the proof of an incident's last action is, and whether a counter that it left full refuses now.

    Args:
        dashboard: The dashboard with the last readings.
        state: The incident.
    """
    status = proof_status(state, dashboard.context.clock.wall())
    if not status.startswith(f"{REPAIRED_WORD}, "):
        return status
    told = (served_words(dashboard, one) for one in reversed(state.action_records) if not is_superseded(state, one))
    return next((words for words in told if words), status)


def _repaired(record: "ActionRecord") -> list[str]:
    """Return the counters that a repair was for and has given a TTL: before its proof these are known, too."""
    if record.receipt.kind != "repair_counter" or not record.receipt.counts.get("done"):
        return []
    return [one.subject for one in aimed_at(record) if one.rule == LIMITS_IMMORTAL]
