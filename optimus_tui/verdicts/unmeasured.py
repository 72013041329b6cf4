"""Findings for what could not be measured although the server answered: a missing right, too little time. Pure."""

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault

REFUSED = ("denied", "invalid", "bug")


def find_unmeasured(subject: str, fault: Fault | None, *, rule: str, answers: bool = False) -> list[Finding]:
    """Medium where the server's ACL denies it, and (``answers``: the server itself is well) where it took too long.

    Nothing for an outage, which is a finding of its own.
    """
    if fault is None or (fault.kind not in REFUSED and not answers):
        return []
    return [unmeasured(subject, fault.message, rule=rule, remedy=fault.remedy or "See the reason above.")]


def unmeasured(subject: str, reason: str, *, rule: str, remedy: str) -> Finding:
    """Medium: it could not be measured, for this reason."""
    return Finding(
        rule=rule,
        severity="medium",
        subject=subject,
        message=f"{subject} cannot be measured: {reason}",
        measured="unknown",
        threshold="measured",
        samples=0,
        impact=f"Trouble with {subject} would not be noticed here.",
        remedy=remedy,
    )


def find_broken(source: str, error: str) -> Finding:
    """Medium: what reads a source ended by an error of its own, and what is shown of it is old."""
    return Finding(
        rule="source.broken",
        severity="medium",
        subject=source,
        message=f"{source}: this source is broken ({error}); what is shown of it is old",
        measured="unknown",
        threshold="measured",
        samples=0,
        impact=f"Trouble that only {source} shows would not be noticed here.",
        remedy="It starts again by itself; please report it with the crash report that was kept.",
    )


def find_partial(subject: str, fault: Fault, *, rule: str) -> list[Finding]:
    """Only a part was measured: medium where a right is missing, low where there was not enough time for the rest."""
    if fault.kind in REFUSED:
        return find_unmeasured(subject, fault, rule=rule.replace(".partial", ".unmeasured"))
    return [
        Finding(
            rule=rule,
            severity="low",
            subject=subject,
            message=f"{subject} were measured in part: {fault.message}",
            measured="partial",
            threshold="measured",
            impact=f"Trouble in the rest of the {subject} would not be noticed here.",
            remedy=fault.remedy or "Ask again, or leave the dashboard open: it reads them in turns.",
        )
    ]
