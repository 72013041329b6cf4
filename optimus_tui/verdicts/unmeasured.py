"""A finding for what could not be measured although the server answered: a missing right is said. Pure."""

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault


def find_unmeasured(subject: str, fault: Fault | None, *, rule: str) -> list[Finding]:
    """Medium where the server's ACL denies it; nothing for an outage, which is a finding of its own."""
    if fault is None or fault.kind not in ("denied", "invalid", "bug"):
        return []
    return [
        Finding(
            rule=rule,
            severity="medium",
            subject=subject,
            message=f"{subject} cannot be measured: {fault.message}",
            measured="unknown",
            threshold="measured",
            samples=0,
            impact=f"Trouble with {subject} would not be noticed here.",
            remedy=fault.remedy or "See the reason above.",
        )
    ]
