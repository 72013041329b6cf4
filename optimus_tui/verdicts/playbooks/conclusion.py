"""Collect what a playbook examined, could not measure, found and recommends. Pure.

What could not be measured goes into ``unknown``, and into the findings only where the contract wants it there (a
metric that should exist and cannot be measured).
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.metrics import WindowOrigin
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.verdicts.sorting import worst_first
from optimus_tui.verdicts.unmeasured import unmeasured

AWAY = frozenset({"refused", "timeout", "tls", "loading", "busy"})


class Conclusion(Struct, frozen=True, kw_only=True):
    """The result of a playbook. ``covered_minutes`` and ``source`` are those of the history that was used."""

    analysis: dict[str, Any]
    findings: tuple[Finding, ...]
    recommendations: tuple[Recommendation, ...]
    examined: tuple[str, ...]
    unknown: tuple[str, ...]
    covered_minutes: float = 0.0
    source: WindowOrigin = "live"


class ConclusionBuilder:
    """Collects what a playbook finds, and closes into its conclusion."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._advice: list[Recommendation] = []
        self._last: list[Recommendation] = []
        self._examined: list[str] = []
        self._unknown: list[str] = []
        self._covered, self._source = 0.0, "live"

    def add_measured(self, what: str) -> None:
        """Add a sentence about something that was measured."""
        self._examined.append(what)

    def add_findings(self, *findings: Finding) -> None:
        """Add findings. The remedy of each becomes a recommendation when the conclusion is closed."""
        self._findings += findings

    def add_unknown(self, what: str, why: Fault | str, *, rule: str = "", excused: bool = False) -> None:
        """Add something that could not be measured.

        Args:
            what: what could not be measured.
            why: the fault, or words where it is not configured or there is too little of it yet.
            rule: the rule of the medium finding that a fault becomes.
            excused: True if what is behind it is known to be down; then there is no finding.
        """
        self._unknown.append(f"{what}: {why.message if isinstance(why, Fault) else why}")
        if isinstance(why, str) or not rule or (excused and why.kind in AWAY):
            return
        self._findings.append(unmeasured(what, why.message, rule=rule, remedy=why.remedy or ""))

    def advise(self, *advice: Recommendation) -> None:
        """Add recommendations, in order."""
        self._advice += advice

    def advise_last(self, *advice: Recommendation) -> None:
        """Add recommendations that come after all others."""
        self._last += advice

    def covered(self, minutes: float, source: str) -> None:
        """Add history that was used; the conclusion reports the longest."""
        if source != "live" and minutes >= self._covered:
            self._covered, self._source = minutes, source

    def close(self, analysis: dict[str, Any], *, advised: Iterable[str] = ()) -> Conclusion:
        """Return the conclusion. ``advised`` are rules whose findings already have advice of their own."""
        findings = worst_first(self._findings)
        covered = {*advised}
        remedies = [
            Recommendation(
                action=f"{one.subject}: {one.remedy}", priority=one.severity, reason=one.message, rule=one.rule
            )
            for one in findings
            if one.remedy and one.rule not in covered
        ]
        return Conclusion(
            analysis={**analysis, "unknown": list(self._unknown)},
            findings=findings,
            recommendations=_once([*self._advice, *remedies, *self._last]),
            examined=tuple(self._examined),
            unknown=tuple(self._unknown),
            covered_minutes=self._covered,
            source=self._source,  # type: ignore[arg-type]
        )


def _once(advice: list[Recommendation]) -> tuple[Recommendation, ...]:
    """Without repetitions: five findings with one remedy are one thing to do."""
    seen: dict[tuple[str, str | None], Recommendation] = {}
    for one in advice:
        seen.setdefault((one.action, one.command), one)
    return tuple(seen.values())
