"""What the demo's playbook advises about a finding, and which of the demo's remedies that is."""

from typing import TYPE_CHECKING

from optimus_tui.tui.services import REMEDY_COMMAND, Demo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.incident import Remedy, TeamAdvice


def team_advice() -> "Sequence[TeamAdvice]":
    """Return the advice in the demo's playbook; empty if it cannot be read. Reads files."""
    from optimus_tui.incidents.open import playbook
    from optimus_tui.workflow.recommendations import PlaybookError

    try:
        return playbook("demo").team
    except PlaybookError:
        return ()


def for_finding(demo: Demo, finding: "Finding", team: "Sequence[TeamAdvice]") -> "list[Remedy]":
    """Return the remedies that the team advises for a finding."""
    commands = advice_for(finding, team)
    return [remedy for remedy in demo.remedies if f"{REMEDY_COMMAND}{remedy.name}" in commands]


def advice_for(finding: "Finding", team: "Sequence[TeamAdvice]") -> "dict[str, TeamAdvice]":
    """Return the team's advice about a finding, by the command of each."""
    from optimus_tui.workflow.recommendations import is_for

    return {advice.command or "": advice for advice in team if is_for(advice, finding)}
