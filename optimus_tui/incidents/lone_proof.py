"""Proves what was done without an incident: whether the finding that it was for is gone.

The needs, the comparison and the words are those of an incident's proof. What is compared are the findings of the
dashboard, so that the proof never contradicts what it shows.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import LIMITS_OVER
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ActionRecord, Check, Comparison, Figure, KeptReceipt, Outcome, Stamp
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.incidents.pace import pace
from optimus_tui.incidents.proof import what_came
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.wording.numbers import clock
from optimus_tui.workflow.outcomes import compare
from optimus_tui.workflow.proof import (
    FOLLOW_SECONDS,
    PROOF_WORDS,
    SETTLE_SECONDS,
    ProofNeed,
    acted_at,
    aimed_at,
    early_words,
    need_for,
    possible_words,
    proof_words,
)

if TYPE_CHECKING:
    from optimus_tui.context import Context

LATE_SECONDS = 120.0
"""From then on it is said that the finding is not gone."""
NOT_FIXED = "not fixed"
Found = tuple[Sequence[Finding], tuple[Figure, ...]]
"""The findings now, and figures named ``rule|subject`` of what is no finding any more."""


def record_of(receipt: KeptReceipt, finding: Finding, at: Stamp) -> ActionRecord:
    """Return the record of something that was done for a finding, with the finding as it was before."""
    outcome = Outcome(verdict="", severity=finding.severity, headline=finding.message, findings=_with_limits([finding]))
    since = (at.wall if receipt.ended is None else min(receipt.ended, at.wall)) + SETTLE_SECONDS
    return ActionRecord(
        at=at, receipt=receipt, rules=(finding.rule,), checks=(Check(step="", before=outcome),), since=since
    )


def _with_limits(findings: Iterable[Finding]) -> tuple[Diagnostic, ...]:
    """Return findings as an incident compares them; what is used of a limit is written with the limit."""
    return tuple(
        replace(one, measured_words=f"{one.measured:,.0f} of {one.threshold:,.0f}")
        if one.rule == LIMITS_OVER and one.unit == "requests"
        else one
        for one in diagnostics(findings)
    )


class LoneProof:
    """Follows one act until its finding is gone. ``turn`` does what is due now."""

    def __init__(
        self, ctx: "Context", record: ActionRecord, look: Callable[[], Found | None], before: Iterable[Finding] = ()
    ) -> None:
        """Follow an act.

        Args:
            ctx: Whose clock and history count.
            record: The act, from ``record_of``.
            look: Returns what is found now; None where it is not known.
            before: What was found before it. What of that it was not for is not told as new.
        """
        targets = {(one.rule, one.subject) for one in aimed_at(record)}
        self._beside = {(one.rule, one.subject) for one in before} - targets
        self._ctx, self._record, self._look = ctx, record, look
        self._need: ProofNeed | None = None
        self._enough = self._late = False
        self._lacks = ""
        """What had not come yet at the last look, in words."""
        self.over = False
        """True once nothing more will be said."""

    @property
    def aim(self) -> tuple[str, str]:
        """Return the rule and the subject of the finding that it was for."""
        return next((one.rule, one.subject) for one in aimed_at(self._record))

    async def promise(self) -> str:
        """Return when a proof is possible, and until when the result is said; empty where it is possible at once."""
        need = await self._needed()
        words = self.too_early()
        return f"{words}; said once it is fixed, at {clock(self._late_at(need))} at the latest" if words else ""

    def status(self) -> str:
        """Return how far the proof is, in a few words; empty once its result was said, or that it is not fixed."""
        if self._need is None or self.over or self._late:
            return ""
        due = self._record.since + self._need.seconds
        if self._ctx.clock.wall() < due:
            return possible_words(replace(self._record, due=due))
        lacks = self._lacks.partition(";")[0].partition(", ")[0]
        return f"not proved yet, {lacks or f'watched until {clock(self._late_at(self._need))}'}"

    def _late_at(self, need: ProofNeed) -> float:
        """Return the wall-clock seconds from which on it is said that the finding is not gone."""
        return acted_at(self._record) + max(LATE_SECONDS, need.seconds)

    def too_early(self) -> str:
        """Return why what is found now proves nothing yet: ``too early: proof possible at 19:13:20 …``; else ""."""
        if self._need is None or self.over:
            return ""
        due = self._record.since + self._need.seconds
        if self._ctx.clock.wall() < due:
            return early_words(replace(self._record, due=due, need=self._need.words()))
        return f"too early: {self._lacks}" if self._lacks else ""

    async def _needed(self) -> ProofNeed:
        if self._need is None:
            self._record = replace(self._record, pace=await pace(self._ctx))
            self._need = need_for(self._record)
        return self._need

    async def turn(self) -> tuple[str, bool] | None:
        """Return what is to be said now, and whether it is good; None for nothing. Each result is said once."""
        need = await self._needed()
        now = self._ctx.clock.wall()
        self.over = now > acted_at(self._record) + FOLLOW_SECONDS
        if self.over or now < self._record.since + need.seconds:
            return None
        answered = self._answered(await self._change(need))
        if answered.verdict == "fixed":
            self.over = True
            return proof_words(answered), True
        if self._late or now < self._late_at(need):
            return None
        self._late = True
        words = proof_words(answered)
        if answered.verdict == "same":
            words = words.replace(PROOF_WORDS["same"], NOT_FIXED, 1)
        return words, answered.verdict == "better"

    async def _change(self, need: ProofNeed) -> Comparison:
        if not self._enough:
            came = await what_came(self._ctx, need, self._record.since)
            self._lacks = "; ".join(one.words for one in came if one.lacks and one.recorded)
            if self._lacks:
                return Comparison(verdict="unknown", words=f"too little came since: {self._lacks}")
            self._enough = True
        found, before = self._look(), self._record.checks[0].before
        if found is None or before is None:
            return Comparison(verdict="unknown", words="the figures that showed the fault cannot be measured now")
        there = [one for one in found[0] if (one.rule, one.subject) not in self._beside]
        now = Outcome(verdict="", severity="", headline="", findings=_with_limits(there), figures=found[1])
        return compare(before, now, self._record.rules)

    def _answered(self, change: Comparison) -> ActionRecord:
        (check,) = self._record.checks
        clock = self._ctx.clock
        check = replace(check, change=change, at=Stamp(wall=clock.wall(), mono=clock.mono()))
        return replace(self._record, checks=(check,), verdict=change.verdict)
