"""Watch what was done without an incident, and say once whether it fixed the finding that it was for."""

import asyncio
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

from optimus_tui.contract.finding_rules import LIMITS_OVER, rule_of, rules_cured_by
from optimus_tui.contract.findings import ALARMING, Finding, worst_first
from optimus_tui.contract.keyspace import LimitRow, LimitsReport
from optimus_tui.tui.dashboard.reports import known_findings, limits_report
from optimus_tui.tui.services import DashboardServices
from optimus_tui.verdicts.limits.words import subject_of, used_words
from optimus_tui.wording.numbers import clause

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel as Severity

    from optimus_tui.contract.incident import ActionRecord, KeptReceipt
    from optimus_tui.incidents.lone_proof import Found, LoneProof
    from optimus_tui.workflow.proof import ProofParts

GROUP = "lone-proof"
TURN_SECONDS = 1.0


def worst_cured_by(kind: str, tenant: str, findings: Sequence[Finding]) -> Finding | None:
    """Return the worst of the findings that an action of this kind on this tenant's keys cures; None without one."""
    cured = rules_cured_by(kind)
    loud = [one for one in findings if one.rule in cured and one.severity in ALARMING]
    own = [one for one in loud if one.subject.partition(" / ")[0] == tenant or one.subject.startswith("several ")]
    return next(iter(worst_first(own or loud)), None)


class LoneProofs:
    """The actions that were done without an incident and are watched."""

    def __init__(self, dashboard: DashboardServices) -> None:
        """Watch nothing yet.

        Args:
            dashboard: Whose readings tell.
        """
        self.dashboard = dashboard
        self._watched: dict[str, LoneProof] = {}

    def follow(self, receipt: "KeptReceipt", finding: Finding, before: Sequence[Finding] | None = None) -> None:
        """Watch the finding in the background, and say the result.

        A later action for the same finding is watched instead.

        Args:
            receipt: What was done.
            finding: What it was for, as it was before.
            before: What was found before it; None for what is found now. What a repair leaves is found at once.
        """
        if before is None:
            before = known_findings(self.dashboard.health)
        group = f"{GROUP}-{finding.rule}-{finding.subject}"
        self.dashboard.run_in_background(group, self._follow, group, receipt, finding, before, name="proof of a remedy")

    def too_early(self, keys: Container[tuple[str, str]]) -> str:
        """Return why findings of these rules and subjects do not show yet whether an action helped; else empty."""
        return next((words for one in self._watched.values() if one.aim in keys and (words := one.too_early())), "")

    def records(self) -> "tuple[ActionRecord, ...]":
        """Return what was done, the oldest first, each with its proof once there is one."""
        return tuple(one.record for one in self._watched.values())

    def proof_of(self, action_id: str) -> str:
        """Return how far the proof of an action is, or its result, in words; empty where none is awaited."""
        return next(
            (one.status()[0] for one in self._watched.values() if one.record.receipt.action_id == action_id), ""
        )

    @property
    def awaited(self) -> bool:
        """Return True while the result of an action is still awaited."""
        return any(not one.over for one in self._watched.values())

    def status_words(self) -> tuple[str, str]:
        """Return how far the proof of the last action is, or its result, and the name of the style of these words."""
        from optimus_tui.tui.incidents.proved import served_words
        from optimus_tui.workflow.proof import REPAIRED_WORD

        for one in reversed(self._watched.values()):
            words, style = one.status()
            if words.startswith(REPAIRED_WORD):
                words = served_words(self.dashboard, one.record) or words
            if words:
                return words, style
        return "", ""

    async def _follow(self, group: str, receipt: "KeptReceipt", finding: Finding, before: Sequence[Finding]) -> None:
        await asyncio.to_thread(_load)
        from optimus_tui.contract.incident import Stamp
        from optimus_tui.incidents.lone_proof import LoneProof, record_of

        dashboard, clock = self.dashboard, self.dashboard.context.clock
        record = record_of(receipt, finding, Stamp(wall=clock.wall(), mono=clock.mono()))
        proof = LoneProof(dashboard.context, record, lambda: _found(dashboard, finding), before)
        self._watched.pop(group, None)  # what was done last stands at the end
        self._watched[group] = proof
        if words := await proof.promise():
            dashboard.say(words, lasting=True)
        while not proof.over:
            await asyncio.sleep(TURN_SECONDS)
            if (said := await proof.turn()) is not None:
                say_result(dashboard, *said)


def say_result(dashboard: DashboardServices, parts: "ProofParts", good: bool, done: str = "") -> None:
    """Say whether an action helped. A fault that is new beside a good result is a warning of its own.

    Args:
        dashboard: Shows the toasts.
        parts: The result.
        good: True if it helped.
        done: What was done; empty to leave it out.
    """
    severity: Severity = "warning"
    if good:
        severity = "information"
    dashboard.say(f"{clause(done, '', ': ')}{parts._replace(new='').words}", severity, lasting=True)
    if parts.new:
        dashboard.say(f"new since you acted: {parts.new}", "warning")


def _found(dashboard: DashboardServices, finding: Finding) -> "Found | None":
    """Return the current findings, with the count of a counter that is no longer a finding."""
    from optimus_tui.contract.incident import Figure
    from optimus_tui.incidents.lone_proof import Found

    health, limits = dashboard.health, limits_report(dashboard)
    if health is None:
        return None
    rows = _rows_of(limits, finding.subject)
    figures = tuple(
        Figure(name=f"{finding.rule}|{finding.subject}", value=float(row.counter.count), words=used_words(row))
        for row in rows[:1]
        if finding.rule == LIMITS_OVER and row.counter.count is not None
    )
    fills = _fills(rows) and finding.rule == LIMITS_OVER
    return Found(health.findings, figures, _read_at(dashboard, finding.rule), fills)


def fills_again(dashboard: DashboardServices, subject: str) -> bool:
    """Return True if a counter is expected to be full before its window ends, and is not full yet.

    Args:
        dashboard: Its last readings are used.
        subject: The tenant and the operation, as findings name them.
    """
    health, limits = dashboard.health, limits_report(dashboard)
    if health is None:
        return False
    over = any(one.rule == LIMITS_OVER and one.subject == subject and not one.held for one in health.findings)
    return not over and _fills(_rows_of(limits, subject))


def _rows_of(limits: LimitsReport | None, subject: str) -> list[LimitRow]:
    """Return the counters that a finding is about; none before the limits were read."""
    if limits is not None:
        return [row for row in limits.rows if subject_of(row) == subject]
    return []


def _fills(rows: Sequence[LimitRow]) -> bool:
    return any(row.refused_in is not None for row in rows)


def _read_at(dashboard: DashboardServices, rule: str) -> float | None:
    """Return when what the rule judges was last read, in wall-clock seconds; None where that is not known.

    The findings of a reading arrive with it or before it.
    """
    if not rule.startswith("limits.") or not rule_of(rule).from_redis:
        return None
    reading = dashboard.pane("limits").reading
    return reading.taken_at if reading is not None else 0.0


def _load() -> None:
    """Import what proves it, in a thread, so that the screen goes on painting."""
    import optimus_tui.incidents.lone_proof  # noqa: F401
