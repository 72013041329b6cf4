"""Alerts: since when a finding holds, when to notify (once for each change), and which are muted. Pure."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    CACHE_HIT_RATE,
    CACHE_UNMEASURED,
    FEED_BROKEN,
    FEED_DENIED,
    FEED_DOWN,
    LIMITS_PARTIAL,
    LIMITS_UNMEASURED,
    METRICS_SEVERAL_PROCESSES,
    SERVER_INFO_SENSELESS,
    SERVER_INFO_UNKNOWN,
    SERVER_LOGIN,
    SERVER_UNKNOWN,
    SERVER_UNPROVEN,
    SERVER_UNREACHABLE,
    rule_of,
)
from optimus_tui.contract.findings import MANY_COUNTERS, SEVERITIES, AlertEpisode, Finding, Mute, Notice, NoticeKind
from optimus_tui.contract.services import MIN_LOOKUPS, HealthReport
from optimus_tui.verdicts.causes import may_follow_from
from optimus_tui.verdicts.gateway.services import answered
from optimus_tui.verdicts.own_acts import OwnAct, act_behind, began_with, lasting_seconds
from optimus_tui.wording.truth import act_words

HOLD_SECONDS = 30.0
"""A finding that comes back within this time is still the same episode: flapping is one trouble, not many."""

EPISODES = "alerts.episodes"
"""The document in the history's file that holds what was alarmed, for every process that reads it."""
Key = tuple[str, str]
"""What identifies an alert: the group of its rule, and its subject."""
_NO_ANSWER = frozenset({SERVER_LOGIN, SERVER_UNPROVEN, SERVER_UNREACHABLE, SERVER_UNKNOWN, SERVER_INFO_UNKNOWN})
"""Rules of what Redis does not answer: they have cleared as soon as they are not found any more."""
STEP_SECONDS = 60.0
"""Clocks of two machines, or one that is being corrected, may differ by this much."""
SETTLE_SECONDS = 5.0
"""After the first report: until then the sources report one by one."""
LONGEST_WINDOW_HOLD = 120.0
"""A full counter is free again when its window ends, and full again in the next: that is one episode."""
LOUD = SEVERITIES.index("medium")
MAX_ENDED = 500


Unjudged = Callable[[Finding], bool]


def key_of(finding: Finding) -> Key:
    """Return the pair that identifies the alert of a finding: its group and its subject."""
    rule = finding.rule
    if sums_up(finding):
        return rule, finding.subject
    return _trouble_of(rule), finding.subject


def is_later(finding: Finding, since: float) -> bool:
    """Return True if a finding tells of a later moment than that at which an episode of its rule began."""
    return rule_of(finding.rule).is_moment and finding.since is not None and finding.since > since


def keys_of(rule: str, subject: str) -> tuple[Key, Key]:
    """Return the keys of the alerts to which a mute of this rule and subject can apply."""
    return (rule, subject), (_trouble_of(rule), subject)


def _trouble_of(rule: str) -> str:
    return rule_of(rule).alert_group


def sums_up(finding: Finding) -> bool:
    """Return True for a finding that stands for many subjects.

    Its threshold of 0 distinguishes it from a finding about a tenant of that name.
    """
    return finding.subject in MANY_COUNTERS and finding.threshold == 0.0


def unjudged(report: HealthReport) -> Unjudged:
    """Return a function that returns True if a finding missing from ``report`` could not be judged at all."""
    rules = {finding.rule for finding in report.findings}
    no_redis = report.server is None or report.server.fault is not None
    rate = report.hit_rate
    no_rate = rate is None or (rate.samples is not None and rate.samples < MIN_LOOKUPS)
    gateway = None
    if report.gateway and report.gateway.value:
        gateway = report.gateway.value.service
    silent = {
        "gateway": not answered(gateway),
        "engine": not answered(report.engine.value if report.engine else None),
        "postgres": not answered(report.postgres.value if report.postgres else None),
        "redis": no_redis,
    }

    def tell(finding: Finding) -> bool:
        family = finding.rule.partition(".")[0]
        if finding.rule == CACHE_HIT_RATE:
            return no_rate
        if family == "latency":
            return silent.get(finding.subject, False)
        if family in ("feed", "events"):
            return bool(rules & {FEED_BROKEN, FEED_DOWN, FEED_DENIED})
        if family in ("errors", "breaker", "gateway", "metrics"):
            return silent["gateway"] or (family in ("errors", "gateway") and METRICS_SEVERAL_PROCESSES in rules)
        if family == "server":
            hidden = bool(rules & {SERVER_INFO_UNKNOWN, SERVER_INFO_SENSELESS} - {finding.rule})
            return finding.rule not in _NO_ANSWER and (no_redis or hidden)
        if family == "limits":
            return no_redis or bool(rules & {LIMITS_UNMEASURED, LIMITS_PARTIAL})
        if family in ("cache", "coherence"):
            return no_redis or CACHE_UNMEASURED in rules
        return False

    return tell


Mutes = Mapping[tuple[str, str], Mute]
"""By rule and subject."""
NO_MUTES: Mutes = MappingProxyType({})


def holds(mute: Mute, now: float) -> bool:
    """Return True if the mute is in force at ``now`` (wall-clock seconds)."""
    return mute.at - STEP_SECONDS <= now and (mute.until is None or now < mute.until)


def in_force(mutes: Iterable[Mute], now: float) -> dict[tuple[str, str], Mute]:
    """Return the mutes in force by rule and subject; of two mutes of the same finding, the later one."""
    return {(one.rule, one.subject): one for one in sorted(mutes, key=lambda one: one.at) if holds(one, now)}


def silences(mutes: Mutes, finding: Finding, now: float) -> bool:
    """Return True if a mute covers this finding. A critical one is covered only if it was critical then."""
    mute = mutes.get((finding.rule, finding.subject))
    if mute is None or not holds(mute, now):
        return False
    return finding.severity != "critical" or mute.severity == "critical"


class OpenEpisode(Struct, frozen=True, kw_only=True):
    """An alert that is open.

    ``announced`` is the highest severity at which it was announced, as an index; -1 for none. ``covered`` is the
    highest at which its cause was announced instead of it, ``covered_mono`` the last time of that.
    """

    episode: AlertEpisode
    finding: Finding
    """As last seen."""
    began_mono: float
    seen_mono: float
    announced: int = -1
    covered: int = -1
    covered_mono: float = 0.0
    act: float = 0.0
    """``began`` of what was done from here that it was said to follow from; 0 for none."""
    muted: bool = False
    present: bool = True


class Alerts(Struct, frozen=True, kw_only=True):
    """All alerts. ``ended`` has the newest first."""

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
    acts: Iterable[OwnAct] = (),
) -> tuple[Alerts, tuple[Notice, ...]]:
    """Return the state after a report, and the notices to show, the worst first. ``findings`` are those of all sources.

    ``now`` is the wall clock, ``mono`` the monotonic one; ``unjudged`` returns whether a missing finding could not be
    judged. ``acts`` are what was done from here.
    """
    first = mono if state.first_mono is None else state.first_mono
    settled = state.settled or mono - first >= SETTLE_SECONDS
    findings = tuple(findings)
    there, explained = _by_key(findings), _explained(findings, mutes, now)
    held, notices = dict[Key, OpenEpisode](), list[Notice]()
    after_act: set[tuple[str, str] | None] = {None}
    gone = {key: one for key, one in state.held.items() if key not in there}
    earlier = {key: one for key, one in state.held.items() if key in there and is_later(there[key], one.episode.since)}
    for key, finding in there.items():
        old = None if key in earlier else state.held.get(key)
        if old:
            one = _seen(old, finding, now, mono)
        else:
            one = _begun(finding, gone.values(), now, mono)
        muted = silences(mutes, finding, now)
        has_cause = (finding.rule, finding.subject) in explained or _is_left_over(finding, gone.values())
        kind: NoticeKind | None = None
        act = None
        if level_of(finding) > max(one.announced, LOUD - 1) and finding.caused_by in after_act:
            is_more = one.act or (old and level_of(finding) > level_of(old.finding))
            since = now if is_more else one.episode.since
            act = act_behind(finding, acts, mono, since)
        if act is not None and one.act != act.began and settled and not (muted or has_cause):
            kind = "expected" if began_with(finding, key, act, one.episode.since) else None
        if has_cause:
            one = _cover(one, finding, mono)
        if act is not None:
            after_act.add((finding.rule, finding.subject))
            one = replace(_cover(one, finding, act.mono), act=act.began)
        if settled and not muted and not _is_covered(one, mono):
            kind = _kind(one, old, _is_mute(mutes, finding, now), not state.settled)
        held[key] = _announced(one, kind, muted)
        if kind is not None:
            notices.append(_notice(kind, finding, act, one.announced < LOUD))
    left = {key: _absent(one, there, mono, blind=unjudged(one.finding)) for key, one in gone.items()}
    held |= {key: one for key, one in left.items() if not one.episode.end}
    over = [one for one in left.values() if one.episode.end]
    notices.sort(key=lambda notice: -SEVERITIES.index(notice.severity))
    passed = [replace(one.episode, end="continued") for one in earlier.values()]
    ended = (*passed, *(one.episode for one in over), *state.ended)[:MAX_ENDED]
    after = Alerts(first_mono=first, settled=settled, held=held, ended=ended)
    return after, (*notices, *_cleared(over))


def forget_mute(state: Alerts, mute: Mute) -> Alerts:
    """Return the state after a mute was lifted by hand.

    The finding is not announced again, because whoever lifted the mute knows it.
    """
    held = dict(state.held)
    for key in held.keys() & set(keys_of(mute.rule, mute.subject)):
        held[key] = replace(held[key], muted=False, announced=max(held[key].announced, level_of(held[key].finding)))
    return replace(state, held=held)


def outlived(state: Alerts, mutes: Mutes, mono: float) -> tuple[Mute, ...]:
    """Return the mutes "until it clears" whose finding has cleared; none shortly after a start."""
    if state.first_mono is None or mono - state.first_mono < SETTLE_SECONDS + HOLD_SECONDS:
        return ()
    ending = (mute for mute in mutes.values() if mute.until is None)
    return tuple(mute for mute in ending if state.held.keys().isdisjoint(keys_of(mute.rule, mute.subject)))


def _explained(findings: Iterable[Finding], mutes: Mutes, now: float) -> set[tuple[str, str]]:
    """Rule and subject of the findings whose cause is announced in their place: it is there, and not muted."""
    loud = {(one.rule, one.subject) for one in findings if not silences(mutes, one, now)}
    return {(one.rule, one.subject) for one in findings if one.caused_by in loud}


def _is_left_over(finding: Finding, gone: Iterable[OpenEpisode]) -> bool:
    """Return True if a cause that was announced, and has just gone, explains the finding."""
    return any(
        not one.muted
        and max(one.announced, one.covered) >= level_of(finding)
        and may_follow_from(replace(one.finding, since=one.episode.since), finding)
        for one in gone
    )


def _cover(one: OpenEpisode, finding: Finding, mono: float) -> OpenEpisode:
    """Return the episode with its cause, or an act from here, announced at ``mono`` in its place."""
    return replace(one, covered=max(one.covered, level_of(finding)), covered_mono=max(one.covered_mono, mono))


def _is_covered(one: OpenEpisode, mono: float) -> bool:
    """Return True while it is not news beside its cause, or after it.

    An effect outlives its cause as long as its figures reach back to the time of the cause. One that is graver, or
    that is still there when they no longer do, is a trouble of its own.
    """
    ago, lasting = mono - one.covered_mono, HOLD_SECONDS + (one.finding.window_seconds or 0.0)
    if one.act:
        lasting = lasting_seconds(one.finding, ago)
    return level_of(one.finding) <= one.covered and ago <= lasting


# -- one episode


def _by_key(findings: Iterable[Finding]) -> dict[Key, Finding]:
    there: dict[Key, Finding] = {}
    for finding in findings:
        key = key_of(finding)
        if key not in there or level_of(finding) > level_of(there[key]):
            there[key] = finding
    return there


def level_of(finding: Finding) -> int:
    """Return the severity as an index of ``SEVERITIES``."""
    return SEVERITIES.index(finding.severity)


def _begun(finding: Finding, gone: Iterable[OpenEpisode], now: float, mono: float) -> OpenEpisode:
    """Return a new episode. If it only sums up, or splits, what was announced, that counts as announced."""
    earlier = [one for one in gone if _goes_on(one.finding, finding)]
    since = now
    if finding.since is not None:
        since = finding.since
    episode = AlertEpisode(finding=finding, severity=finding.severity, since=since, seen=now)
    return OpenEpisode(
        episode=episode,
        finding=finding,
        began_mono=mono,
        seen_mono=mono,
        announced=max((one.announced for one in earlier), default=-1),
        covered=max((one.covered for one in earlier), default=-1),
        covered_mono=max((one.covered_mono for one in earlier), default=0.0),
    )


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
    """Return whether many findings of a rule became one that sums them up, or the other way round."""
    return one.rule == other.rule and sums_up(one) != sums_up(other)


def _hold(finding: Finding) -> float:
    """Return for how many seconds a finding must be gone before it has cleared."""
    return HOLD_SECONDS + min(finding.window_seconds or 0.0, LONGEST_WINDOW_HOLD)


def _worse(one: Finding, other: Finding) -> Finding:
    """Return the worse of two observations of one problem; the later one if they are equal."""
    if level_of(one) != level_of(other):
        if level_of(one) > level_of(other):
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
    """Return what is reported about a finding. ``under_mute``: a mute covers it, and it has become worse than that."""
    level = level_of(one.finding)
    if level < LOUD or (level <= one.announced and (under_mute or not one.muted)):
        return None
    if one.announced >= LOUD and level > one.announced:
        return "worsened"
    if first_look:
        return "standing"
    known = one.muted or one.covered >= LOUD
    if known and old is not None and level > SEVERITIES.index(old.episode.severity):
        return "worsened"
    if one.muted:
        return "still"
    if level <= one.covered:
        return "overdue" if one.act else "outlasted"
    return "appeared"


def _notice(kind: NoticeKind, finding: Finding, act: OwnAct | None, unheard: bool) -> Notice:
    rings = kind != "expected" and (kind != "worsened" or unheard or finding.severity == "critical")
    words = ""
    if act is not None:
        words = act_words(act.kind, act.subject)
    return Notice(kind=kind, finding=finding, severity=finding.severity, rings=rings, act=words)


def _cleared(over: Iterable[OpenEpisode]) -> list[Notice]:
    """Return the notices that what was reported before is no longer wrong."""
    gone = [one for one in over if one.episode.end == "cleared" and one.announced >= LOUD and not one.muted]
    gone.sort(key=lambda one: -level_of(one.episode.finding))
    return [Notice(kind="cleared", finding=one.finding, severity=one.episode.finding.severity) for one in gone]


def _announced(one: OpenEpisode, kind: NoticeKind | None, muted: bool) -> OpenEpisode:
    if kind is not None and kind != "expected":
        return replace(one, act=0.0, announced=max(one.announced, level_of(one.finding)), muted=False)
    return replace(one, muted=muted or (one.muted and level_of(one.finding) < LOUD))
