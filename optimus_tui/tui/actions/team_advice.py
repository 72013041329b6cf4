"""What the demo's playbook advises about a finding, and which of the demo's remedies that is."""

from typing import TYPE_CHECKING

from optimus_tui.tui.services import REMEDY_COMMAND, Demo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimus_tui.clock import Clock
    from optimus_tui.contract.findings import Finding
    from optimus_tui.contract.incident import KeptReceipt, Remedy, TeamAdvice


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
    from optimus_tui.workflow.team import is_for

    return {advice.command or "": advice for advice in team if is_for(advice, finding)}


def done_outside(remedy: "Remedy", clock: "Clock", pressed: float, at: float) -> "KeptReceipt":
    """Return the receipt of a remedy.

    Args:
        remedy: What was done.
        clock: The present time.
        pressed: When it was confirmed, in monotonic seconds: people count from that key.
        at: When it took effect, in monotonic seconds.
    """
    from optimus_tui.contract.incident import KeptReceipt

    started, ended = (clock.wall() - max(0.0, clock.mono() - moment) for moment in (pressed, at))
    return KeptReceipt(
        action_id=f"{REMEDY_COMMAND}{remedy.name}", kind="remedy", tenant="", words=remedy.label, started=started,
        ended=ended, outside=True, restarts=remedy.restarts,
    )  # fmt: skip
