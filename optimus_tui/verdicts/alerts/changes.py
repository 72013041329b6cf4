"""Decide when to notify: once for each finding that appears, worsens or clears. Pure reducer.

What is found at the first check is announced together, after ``SETTLE_SECONDS``. What clears and comes back within its
hold time is not announced, and low findings are only kept in the history. A source that cannot be read clears nothing.
All decisions use the monotonic clock: setting the wall clock begins, ends and repeats nothing.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.alerts import AlertEpisode, Mute, Notice, NoticeKind
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.verdicts.alerts.episodes import HOLD_SECONDS
from optimus_tui.verdicts.alerts.groups import Key, Unjudged, key_of, keys_of, sums_up
from optimus_tui.verdicts.alerts.mutes import NO_MUTES, Mutes, holds, silences

SETTLE_SECONDS = 5.0
"""After the first report: until then the sources report one by one."""
LONGEST_WINDOW_HOLD = 120.0
"""A full counter is free again when its window ends, and full again in the next: that is one episode."""
LOUD = SEVERITIES.index("medium")
MAX_ENDED = 500


class OpenEpisode(Struct, frozen=True, kw_only=True):
    """An alert that is open. ``told`` is the highest severity that was announced, as an index; -1 for none."""

    episode: AlertEpisode
    finding: Finding
    """As last seen."""
    began_mono: float
    seen_mono: float
    told: int = -1
    muted: bool = False
    present: bool = True


class Alerts(Struct, frozen=True, kw_only=True):
    """``ended`` has the newest first."""

    first_mono: float | None = None
    settled: bool = False
    held: Mapping[Key, OpenEpisode] = MappingProxyType({})
    ended: tuple[AlertEpisode, ...] = ()


def step(
    state: Alerts,
    findings: Iterable[Finding],
    *,
    now: float,
    mono: float,
    unjudged: Unjudged = lambda _: False,
    mutes: Mutes = NO_MUTES,
) -> tuple[Alerts, tuple[Notice, ...]]:
    """The state after a report, and what is to be said, the worst first. ``findings`` are those of all sources.

    ``now`` is the wall clock, ``mono`` the monotonic one; ``unjudged`` tells what a missing finding means.
    """
    if state.first_mono is None:
        first = mono
    else:
        first = state.first_mono
    settled = state.settled or mono - first >= SETTLE_SECONDS
    there = _by_key(findings)
    held, notices = dict[Key, OpenEpisode](), list[Notice]()
    gone = {key: one for key, one in state.held.items() if key not in there}
    for key, finding in there.items():
        old = state.held.get(key)
        if old:
            one = _seen(old, finding, now, mono)
        else:
            one = _begun(finding, gone.values(), now, mono)
        muted = silences(mutes, finding, now)
        kind = None
        if not (muted or not settled):
            kind = _kind(one, old, _is_mute(mutes, finding, now), not state.settled)
        held[key] = _told(one, kind, muted)
        if kind is not None:
            rings = kind != "worsened" or one.told < LOUD or finding.severity == "critical"
            notices.append(Notice(kind=kind, finding=finding, severity=finding.severity, rings=rings))
    left = {key: _absent(one, there, mono, blind=unjudged(one.finding)) for key, one in gone.items()}
    held |= {key: one for key, one in left.items() if not one.episode.end}
    over = [one for one in left.values() if one.episode.end]
    notices.sort(key=lambda notice: -SEVERITIES.index(notice.severity))
    ended = (*(one.episode for one in over), *state.ended)[:MAX_ENDED]
    after = Alerts(first_mono=first, settled=settled, held=held, ended=ended)
    return after, (*notices, *_cleared(over))


def forget_mute(state: Alerts, mute: Mute) -> Alerts:
    """Return the state after a mute was lifted by hand.

    The finding is not announced again: whoever lifted it knows it.
    """
    held = dict(state.held)
    for key in held.keys() & set(keys_of(mute.rule, mute.subject)):
        held[key] = replace(held[key], muted=False, told=max(held[key].told, _level(held[key].finding)))
    return replace(state, held=held)


def outlived(state: Alerts, mutes: Mutes, mono: float) -> tuple[Mute, ...]:
    """Return the mutes "until it clears" whose finding has cleared; none until a new start has had time to see it."""
    if state.first_mono is None or mono - state.first_mono < SETTLE_SECONDS + HOLD_SECONDS:
        return ()
    ending = (mute for mute in mutes.values() if mute.until is None)
    return tuple(mute for mute in ending if state.held.keys().isdisjoint(keys_of(mute.rule, mute.subject)))


# -- one episode


def _by_key(findings: Iterable[Finding]) -> dict[Key, Finding]:
    there: dict[Key, Finding] = {}
    for finding in findings:
        key = key_of(finding)
        if key not in there or _level(finding) > _level(there[key]):
            there[key] = finding
    return there


def _level(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


def _begun(finding: Finding, gone: Iterable[OpenEpisode], now: float, mono: float) -> OpenEpisode:
    """A new episode. Where it only sums up, or splits, what was told already, that counts as told."""
    told = max((one.told for one in gone if _goes_on(one.finding, finding)), default=-1)
    since = now
    if finding.since is not None:
        since = finding.since
    episode = AlertEpisode(finding=finding, severity=finding.severity, since=since, seen=now)
    return OpenEpisode(episode=episode, finding=finding, began_mono=mono, seen_mono=mono, told=told)


def _seen(old: OpenEpisode, finding: Finding, now: float, mono: float) -> OpenEpisode:
    before = old.episode
    episode = replace(
        before,
        finding=_worse(before.finding, finding),
        severity=finding.severity,
        seen=now,
        lasted=mono - old.began_mono,
        back=before.back + (not old.present and not before.blind),
        blind=False,
    )
    return replace(old, episode=episode, finding=finding, seen_mono=mono, present=True)


def _absent(one: OpenEpisode, there: Mapping[Key, Finding], mono: float, blind: bool) -> OpenEpisode:
    if any(_goes_on(one.finding, finding) for finding in there.values()):
        return replace(one, episode=replace(one.episode, end="continued", blind=False))
    if blind:
        return replace(one, episode=replace(one.episode, blind=True), present=False, seen_mono=mono)
    if mono - one.seen_mono <= _hold(one.finding):
        return replace(one, episode=replace(one.episode, blind=False), present=False)
    return replace(one, episode=replace(one.episode, end="cleared", blind=False))


def _goes_on(one: Finding, other: Finding) -> bool:
    """Many findings of a rule became one that sums them up, or the other way round."""
    return one.rule == other.rule and sums_up(one) != sums_up(other)


def _hold(finding: Finding) -> float:
    """Seconds that a finding may be gone before it has cleared."""
    return HOLD_SECONDS + min(finding.window_seconds or 0.0, LONGEST_WINDOW_HOLD)


def _worse(one: Finding, other: Finding) -> Finding:
    """Of two sights of the same trouble the worse one, the later one where they are equal."""
    if _level(one) != _level(other):
        if _level(one) > _level(other):
            return one
        return other
    values = (one.measured, other.measured, other.threshold)
    if one.rule != other.rule or not all(isinstance(value, (int, float)) for value in values):
        return other
    first, second, bar = (float(value or 0) for value in values)
    if first > second if second >= bar else first < second:
        return one
    return other


# -- what is said


def _is_mute(mutes: Mutes, finding: Finding, now: float) -> bool:
    mute = mutes.get((finding.rule, finding.subject))
    return mute is not None and holds(mute, now)


def _kind(one: OpenEpisode, old: OpenEpisode | None, under_mute: bool, first_look: bool) -> NoticeKind | None:
    """What to say about a finding that no mute silences; ``under_mute``: there is one, and this is past it."""
    level = _level(one.finding)
    if level < LOUD or (level <= one.told and (under_mute or not one.muted)):
        return None
    if one.told >= LOUD and level > one.told:
        return "worsened"
    if first_look:
        return "standing"
    if old is not None and level > SEVERITIES.index(old.episode.severity):
        return "worsened"
    if one.muted:
        return "still"
    return "appeared"


def _cleared(over: Iterable[OpenEpisode]) -> list[Notice]:
    """Of what was said to be wrong, that it no longer is."""
    gone = [one for one in over if one.episode.end == "cleared" and one.told >= LOUD and not one.muted]
    gone.sort(key=lambda one: -_level(one.episode.finding))
    return [Notice(kind="cleared", finding=one.finding, severity=one.episode.finding.severity) for one in gone]


def _told(one: OpenEpisode, kind: NoticeKind | None, muted: bool) -> OpenEpisode:
    if kind is not None:
        return replace(one, told=max(one.told, _level(one.finding)), muted=False)
    return replace(one, muted=muted or (one.muted and _level(one.finding) < LOUD))
