"""Which findings are muted now. A mute is for one (rule, subject) and ends by itself. Pure.

A mute does not hide that a finding became critical. It does not hold while the clock shows a time before it began: a
clock that was set back must not prolong it.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from optimus_tui.contract.alerts import Mute
from optimus_tui.contract.findings import Finding

Mutes = Mapping[tuple[str, str], Mute]
"""By rule and subject."""
NO_MUTES: Mutes = MappingProxyType({})

STEP_SECONDS = 60.0
"""Clocks of two machines, or one that is being corrected, may differ by this much."""


def holds(mute: Mute, now: float) -> bool:
    """Return True if the mute is in force at ``now`` (wall-clock seconds)."""
    return mute.at - STEP_SECONDS <= now and (mute.until is None or now < mute.until)


def in_force(mutes: Iterable[Mute], now: float) -> dict[tuple[str, str], Mute]:
    """Return the mutes in force by rule and subject; of two for the same finding the later one."""
    return {(one.rule, one.subject): one for one in sorted(mutes, key=lambda one: one.at) if holds(one, now)}


def silences(mutes: Mutes, finding: Finding, now: float) -> bool:
    """Return True if a mute covers this finding. A critical one is covered only if it was critical then."""
    mute = mutes.get((finding.rule, finding.subject))
    if mute is None or not holds(mute, now):
        return False
    return finding.severity != "critical" or mute.severity == "critical"
