"""Since when a finding holds, and how bad it was at its worst, which is what is shown once it is past. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import PAST, Finding, extent_of
from optimus_tui.verdicts.alerts import HOLD_SECONDS, LOUD, Key, is_later, key_of, level_of
from optimus_tui.verdicts.gateway.latency import as_past
from optimus_tui.wording.numbers import age


class Episode(Struct, frozen=True):
    """An episode. ``since`` is wall-clock time, for people; ``seen`` monotonic, so that setting the clock ends none.

    Attributes:
        loud_seen: When it was last more than a note; None for never.
        worst: The finding at its worst; None before it was more than a note.
        is_past: It was shown as past, and has not come again since.
    """

    since: float
    seen: float
    loud_seen: float | None
    worst: Finding | None = None
    is_past: bool = False


Episodes = Mapping[Key, Episode]
NO_EPISODES: Episodes = MappingProxyType({})


def track(
    previous: Episodes, findings: Iterable[Finding], now: float, mono: float
) -> tuple[Episodes, tuple[Finding, ...]]:
    """Return the episodes after this judgement, and the findings with ``since`` (wall-clock seconds) filled in.

    ``now`` is the wall clock, ``mono`` the monotonic one. A finding that already has ``since`` keeps it. A finding
    about one moment, such as a failover, begins a new episode with each later moment. If a note becomes an alarm,
    the alarm begins then, unless it was an alarm within the last ``HOLD_SECONDS``. Rules of one group count as one
    problem: a change from one to the other begins no new episode. A finding that is shown as past has the figures
    of its worst, because those of a sliding window fall as if there had been less. It stays past until it comes
    again.
    """
    state = {key: episode for key, episode in previous.items() if mono - episode.seen <= HOLD_SECONDS}
    dated = []
    for finding in findings:
        key = key_of(finding)
        known = state.get(key)
        finding = _still_past(finding, known)
        loud = level_of(finding) >= LOUD
        last = known.loud_seen if known else None
        if known and is_later(finding, known.since):
            known = last = None
        if known and (not loud or (last is not None and mono - last <= HOLD_SECONDS)):
            since = known.since
        elif finding.since is not None:
            since = finding.since
        else:
            since = now
        worst = known.worst if known and since == known.since else None
        if loud and not finding.held:
            worst = _worse(worst, finding)
        state[key] = Episode(since, mono, mono if loud else last, worst, bool(finding.ended))
        told = _as_at_worst(finding, worst)
        dated.append(told if told.since == since else replace(told, since=since))
    return state, tuple(dated)


def _still_past(finding: Finding, known: Episode | None) -> Finding:
    """Return a finding as past if it was told so before, and nothing new came since."""
    seconds = finding.proved_seconds
    if known is None or not known.is_past or finding.ended or not seconds or level_of(finding) < LOUD:
        return finding
    return as_past(finding, f"not again in the last {age(seconds)}", seconds)


def _worse(before: Finding | None, now: Finding) -> Finding:
    """Return the worse of two judgements of one trouble; the newer one where they cannot be compared."""
    if before is None or (before.rule, before.unit) != (now.rule, now.unit):
        return now
    if level_of(before) != level_of(now):
        return max(before, now, key=level_of)
    old, new = extent_of(before), extent_of(now)
    if old is not None and new is not None and old.now > new.now:
        return before
    return now


def _as_at_worst(finding: Finding, worst: Finding | None) -> Finding:
    if worst is None or not finding.ended or worst.rule != finding.rule:
        return finding
    return replace(finding, message=f"{PAST}{worst.message}; {finding.ended}")
