"""Restarts that were done from here: which findings are their effects, and for how long these are no alarm. Pure."""

import math
from collections.abc import Iterable

from msgspec import Struct

from optimus_tui.contract.finding_causes import can_follow_from_restart
from optimus_tui.contract.findings import Finding

RESTART_SECONDS = 30.0
"""How long a service may take to serve again. Effects may last longer by the time that their figures reach back."""
MOST_RESTARTS = 20
"""What is remembered of them: older ones are over."""


class OwnRestart(Struct, frozen=True):
    """A restart of a service that was done from here.

    ``began`` is wall-clock time and identifies it; ``mono`` is when it was last known to be in progress.
    """

    service: str
    began: float
    mono: float


def restart_behind(
    finding: Finding, restarts: Iterable[OwnRestart], mono: float, since: float = math.inf
) -> OwnRestart | None:
    """Return the latest restart that can explain a finding; None if there is none.

    Args:
        finding: A finding that was not announced yet, or is worse than announced.
        restarts: The restarts that were done from here.
        mono: The present in monotonic seconds.
        since: Wall-clock seconds since which it has its present severity: a later restart is not the reason.
    """
    lasting = RESTART_SECONDS + (finding.window_seconds or 0.0)
    recent = (
        one
        for one in restarts
        if one.began < since and mono - one.mono <= lasting and can_follow_from_restart(one.service, finding)
    )
    return max(recent, key=lambda one: one.mono, default=None)


def began_with(finding: Finding, restart: OwnRestart, since: float) -> bool:
    """Return True if a finding began after a restart, or is about the restarted service; else it only got worse."""
    return since > restart.began or finding.subject == restart.service
