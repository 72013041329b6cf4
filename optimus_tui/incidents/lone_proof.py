"""Checks whether something done without an incident has ended the finding that it was for.

It needs, compares and says the same as an incident's proof. It compares the findings of the dashboard, so that the
proof never contradicts the screen.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import SERVICE_DOWN, rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ActionRecord, Check, Comparison, Figure, KeptReceipt, Outcome, Stamp
from optimus_tui.incidents.came import enough_at, what_came
from optimus_tui.incidents.pace import pace
from optimus_tui.incidents.proof import FILLS
from optimus_tui.incidents.since import figures_since, with_figures
from optimus_tui.tools.pages.report_sections import diagnostics
from optimus_tui.wording.numbers import clock
from optimus_tui.workflow.outcomes import compare
from optimus_tui.workflow.proof import (
    FOLLOW_SECONDS,
    SETTLE_SECONDS,
    TOO_EARLY,
    ProofNeed,
    ProofParts,
    acted_at,
    aimed_at,
    early_words,
    need_for,
    possible_words,
    proof_parts,
    repaired_words,
)

if TYPE_CHECKING:
    from optimus_tui.context import Context

LATE_SECONDS = 120.0
"""From then on it is said that the finding is not gone, where its figures still count a while before the act."""
SHOWN_SECONDS = 300.0
"""For so long a result stands in the status line."""
NO_READING = "no reading since"


class Found(NamedTuple):
    """The findings and figures of this moment.

    Attributes:
        findings: The findings on the dashboard.
        figures: The figures of former findings, named ``rule|subject``.
        read_at: Wall-clock seconds of the reading that the finding comes from; None where that is not known.
        fills: True if the counter is expected to be full again before its window ends.
    """

    findings: Sequence[Finding]
    figures: tuple[Figure, ...] = ()
    read_at: float | None = None
    fills: bool = False


def record_of(receipt: KeptReceipt, finding: Finding, at: Stamp) -> ActionRecord:
    """Return the record of something that was done for a finding, with the finding as it was before."""
    outcome = Outcome(verdict="", severity=finding.severity, headline=finding.message, findings=diagnostics([finding]))
    since = (at.wall if receipt.ended is None else min(receipt.ended, at.wall)) + SETTLE_SECONDS
    return ActionRecord(
        at=at, receipt=receipt, rules=(finding.rule,), checks=(Check(step="", before=outcome),), since=since
    )


class LoneProof:
    """Follows one action until its finding is gone. Each call of ``turn`` does what is due."""

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
        self._enough_at: float | None = None
        """When it will have come at the rate of that look, in wall-clock seconds; None where no rate is known."""
        self._said = ("", "", 0.0)
        """The result in a few words, its style, and when it was said; empty before one was said."""
        self.over = False
        """True once nothing more will be said."""

    @property
    def record(self) -> ActionRecord:
        """Return the record of the action; once its finding is proved gone, with the proof."""
        return self._record

    @property
    def aim(self) -> tuple[str, str]:
        """Return the rule and the subject of the finding that the action was for."""
        return next((one.rule, one.subject) for one in aimed_at(self._record))

    async def promise(self) -> str:
        """Return when a proof is possible, in words; empty if it is possible at once."""
        await self._needed()
        words = self.too_early().removeprefix(TOO_EARLY)
        if not words:
            return ""
        if not self._tells_at_once():
            return f"{words}; the check then runs automatically"
        if self._need == ProofNeed():  # no time can be promised for a reading
            words = f"the next reading after {clock(self._record.since)} proves it"
        return f"{words}; reported then"

    def _tells_at_once(self) -> bool:
        """Return True if the finding is about a state: what is read after the act shows whether it is fixed.

        Shares, latencies and rates still count a while before the act.
        """
        rule = self.aim[0]
        return rule in SERVICE_DOWN.values() or (rule.startswith("limits.") and rule_of(rule).from_redis)

    def status(self) -> tuple[str, str]:
        """Return how far the proof is, or how it came out, and the style of these words; empty for nothing to say.

        What follows ``; `` is the reason, for a line that has room.
        """
        words, style, at = self._said
        now = self._ctx.clock.wall()
        if words:
            if repaired := repaired_words(self._record, now):
                return repaired, "accent"
            if now < at + SHOWN_SECONDS:
                return words, style
            return "", ""
        if self._need is None or self.over:
            return "", ""
        due = self._record.since + self._need.seconds
        if now < due:
            return possible_words(replace(self._record, due=due)), "accent"
        if self._lacks == FILLS:
            return FILLS, "accent"
        if self._lacks:
            came = self._lacks.partition(",")[0]
            if self._enough_at is None:
                return f"{came}, a proof needs more", "accent"
            return f"{came}, proof possible at {clock(self._enough_at)}", "accent"
        if self._tells_at_once():
            return "not proved yet, waiting for the next reading", "accent"
        by = clock(self._late_at(self._need))
        return f"figures still include the time before, proof expected by {by}", "accent"

    def _late_at(self, need: ProofNeed) -> float:
        """Return the wall-clock seconds from which on it is said that the finding is not gone."""
        return acted_at(self._record) + max(LATE_SECONDS, need.seconds)

    def too_early(self) -> str:
        """Return why the present findings prove nothing yet: ``too early: proof possible at 19:13:20 …``; else ""."""
        if self._need is None or self.over:
            return ""
        due = self._record.since + self._need.seconds
        if self._ctx.clock.wall() < due:
            return early_words(replace(self._record, due=due, need=self._need.words()))
        if self._lacks:
            return f"too early: {self._lacks}"
        return ""

    async def _needed(self) -> ProofNeed:
        if self._need is None:
            self._record = replace(self._record, pace=await pace(self._ctx))
            self._need = need_for(self._record)
        return self._need

    async def turn(self) -> tuple[ProofParts, bool] | None:
        """Return a result and whether it is good news; None if there is nothing new. Each result is returned once."""
        need = await self._needed()
        now = self._ctx.clock.wall()
        self.over = now > acted_at(self._record) + FOLLOW_SECONDS
        if self.over or now < self._record.since + need.seconds:
            return None
        answered = self._answered(await self._change(need))
        parts = proof_parts(answered)
        if answered.verdict == "fixed":
            self.over = True
            self._record = replace(answered, proved=answered.checks[0].at)
            return self._result(parts, "b:success"), True
        at_once = self._tells_at_once() and answered.verdict != "unknown"
        if self._late or not (at_once or now >= self._late_at(need)):
            return None
        self._late = True
        return self._result(parts, "warning"), answered.verdict == "better"

    def _result(self, parts: ProofParts, style: str) -> ProofParts:
        self._said = parts.brief, style, self._ctx.clock.wall()
        return parts

    async def _change(self, need: ProofNeed) -> Comparison:
        if not self._enough:
            came = await what_came(self._ctx, need, self._record.since)
            lacking = [one for one in came if one.lacks and one.recorded]
            self._lacks = "; ".join(one.words for one in lacking)
            if lacking:
                self._enough_at = enough_at(lacking, self._record.since, self._ctx.clock.wall())
                return Comparison(verdict="unknown", words=f"too little was recorded since: {self._lacks}")
            self._enough = True
        found, before = self._look(), self._record.checks[0].before
        if found is None or before is None:
            return Comparison(verdict="unknown", words="the figures that showed the fault cannot be measured now")
        if found.read_at is not None and found.read_at < self._record.since + need.seconds:
            return Comparison(verdict="unknown", words=NO_READING)
        # one that is held is not there at present: it is shown because of the windows before
        there = [one for one in found.findings if (one.rule, one.subject) not in self._beside and not one.held]
        now = Outcome(verdict="", severity="", headline="", findings=diagnostics(there), figures=found.figures)
        now = with_figures(now, await figures_since(self._ctx, aimed_at(self._record), self._record.since))
        change = compare(before, now, self._record.rules, self._record.receipt.restarts)
        self._lacks, self._enough_at = FILLS if found.fills and change.verdict == "fixed" else "", None
        if self._lacks:
            return Comparison(verdict="unknown", words=FILLS)
        return change

    def _answered(self, change: Comparison) -> ActionRecord:
        (check,) = self._record.checks
        clock = self._ctx.clock
        check = replace(check, change=change, at=Stamp(wall=clock.wall(), mono=clock.mono()))
        return replace(self._record, checks=(check,), verdict=change.verdict)
