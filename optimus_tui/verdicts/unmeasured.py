"""Findings for what could not be measured although the server answered: a missing right, too little time. Pure."""

from optimus_tui.contract.finding_rules import LIMITS_PARTIAL, LIMITS_UNMEASURED, SOURCE_BROKEN
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault

REFUSED = ("denied", "invalid", "bug")


def find_unmeasured(subject: str, fault: Fault | None, *, rule: str, answers: bool = False) -> list[Finding]:
    """Return a medium finding where the server's ACL denies it, or (with ``answers``) where it took too long.

    ``answers`` is True if the server itself is well. An outage gives none: it is a finding of its own.
    """
    if fault is None or (fault.kind not in REFUSED and not answers):
        return []
    return [unmeasured(subject, fault.message, rule=rule, remedy=fault.remedy or phrase(rule, "see_reason"))]


def unmeasured(subject: str, reason: str, *, rule: str, remedy: str) -> Finding:
    """Return the medium finding for what could not be measured."""
    return make_finding(
        rule=rule,
        subject=subject,
        reason=reason,
        measured="unknown",
        threshold="measured",
        samples=0,
        remedy=remedy,
    )


def find_broken(source: str, error: str) -> Finding:
    """Return a medium finding: the reader of a source ended by an error, and what is shown of it is old."""
    return make_finding(
        rule=SOURCE_BROKEN,
        subject=source,
        error=error,
        measured="unknown",
        threshold="measured",
        samples=0,
    )


def find_partial(subject: str, fault: Fault) -> list[Finding]:
    """Return the finding for counters that were read in part.

    It is medium where a right is missing, and low where there was not enough time for the rest.
    """
    if fault.kind in REFUSED:
        return find_unmeasured(subject, fault, rule=LIMITS_UNMEASURED)
    return [
        make_finding(
            rule=LIMITS_PARTIAL,
            subject=subject,
            reason=fault.message,
            measured="partial",
            threshold="measured",
            remedy=fault.remedy or "",
        )
    ]
