"""What was done from here: which findings are its side effects, and for how long these are not an alarm. Pure."""

import math
from collections.abc import Iterable

from msgspec import Struct

from optimus_tui.contract.finding_causes import can_follow_from_act, effect_seconds
from optimus_tui.contract.finding_rules import SERVICES_FLAPPING
from optimus_tui.contract.findings import Finding

ACTS = "alerts.acts"
"""The document in the history's file that holds what was done, for every process that reads it."""
MOST_ACTS = 20
"""What is remembered of them: older ones are over."""


class OwnAct(Struct, frozen=True, kw_only=True):
    """An act from here that has side effects.

    Attributes:
        kind: ``RESTART``, or the ``ActionKind`` of an action.
        subject: The service, or the tenant of the action.
        began: Wall-clock seconds; it identifies the act.
        ended: Wall-clock seconds at which it took effect; its beginning until then.
        mono: The same in monotonic seconds.
        before: What was found in the minutes before it, as keys of alerts: those findings are not effects of it.
    """

    kind: str
    subject: str
    began: float
    ended: float
    mono: float
    before: frozenset[tuple[str, str]] = frozenset()


class SideEffect(Struct, frozen=True):
    """A finding that follows from an act. ``until``: wall-clock seconds from which on the act no longer explains it."""

    act: OwnAct
    until: float


def act_behind(finding: Finding, acts: Iterable[OwnAct], mono: float, since: float = math.inf) -> OwnAct | None:
    """Return the latest act that can explain a finding; None if there is none.

    Args:
        finding: A finding that was not announced yet, or is worse than announced.
        acts: What was done from here.
        mono: The present in monotonic seconds.
        since: Wall-clock seconds since which it has its present severity: a later act is not the reason.
    """
    recent = (one for one in acts if one.began < since and _can_explain(finding, one, mono - one.mono))
    return max(recent, key=lambda one: one.mono, default=None)


def effect_by_wall(finding: Finding, key: tuple[str, str], acts: Iterable[OwnAct], now: float) -> SideEffect | None:
    """Return the act that a finding is a side effect of, where only wall-clock times are known; None if there is none.

    Args:
        finding: A finding whose beginning is known.
        key: The key of its alert.
        acts: What was done, by any process.
        now: The present time, in wall-clock seconds.
    """
    since = finding.since
    if since is None:
        return None
    behind = [
        one
        for one in acts
        if one.ended <= now and _can_explain(finding, one, now - one.ended) and began_with(finding, key, one, since)
    ]
    last = max(behind, key=lambda one: one.ended, default=None)
    if last is None:
        return None
    return side_effect(finding, last, now - last.ended)


def _can_explain(finding: Finding, act: OwnAct, since_act: float) -> bool:
    """Return True if a finding can follow from an act that took effect that many seconds ago."""
    return since_act <= lasting_seconds(finding, since_act) and can_follow_from_act(act.kind, act.subject, finding)


def side_effect(finding: Finding, act: OwnAct, since_act: float) -> SideEffect:
    """Return a finding as the side effect of an act that explains it, which took effect that many seconds ago."""
    return SideEffect(act, act.ended + lasting_seconds(finding, since_act))


def lasting_seconds(finding: Finding, since_act: float) -> float:
    """Return for how many seconds an act that took effect ``since_act`` seconds ago can explain a finding."""
    return effect_seconds(finding.rule, finding.window_seconds, since_act)


def began_with(finding: Finding, key: tuple[str, str], act: OwnAct, since: float) -> bool:
    """Return True if a finding began after an act, or is what the restarted service does while it starts.

    What was found before the act, too, is not an effect of it: it only got worse, or came back. Failed checks are
    counted over minutes, so those of before count long after.

    Args:
        finding: The finding.
        key: The key of its alert.
        act: The act.
        since: Wall-clock seconds since which the finding holds.
    """
    if finding.subject == act.subject:
        return since > act.began or finding.rule != SERVICES_FLAPPING
    return since > act.began and key not in act.before
