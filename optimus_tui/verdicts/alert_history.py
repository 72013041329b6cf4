"""The history of alerts: merge the records of several processes about the same problem into one episode. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import SEVERITIES, AlertEpisode
from optimus_tui.verdicts.alerts import Key, key_of

MAX_EPISODES = 500
SAME_SECONDS = 15.0
"""Two watchers read at different moments: episodes this close in time are one. Less than the shortest hold."""


def merge(*histories: Iterable[AlertEpisode]) -> tuple[AlertEpisode, ...]:
    """Return the episodes of all histories, newest first; those about the same problem and time are merged."""
    by_key: dict[Key, list[AlertEpisode]] = {}
    for episode in sorted((one for history in histories for one in history), key=lambda one: one.since):
        mine = by_key.setdefault(key_of(episode.finding), [])
        if mine and episode.since <= _end(mine[-1]) + SAME_SECONDS:
            mine[-1] = _joined(mine[-1], episode)
        else:
            mine.append(episode)
    merged = [episode for mine in by_key.values() for episode in mine]
    merged.sort(key=lambda one: (one.since, SEVERITIES.index(one.finding.severity), one.seen), reverse=True)
    return tuple(merged[:MAX_EPISODES])


def _end(one: AlertEpisode) -> float:
    """Return until when what another watcher saw is the same episode: where it is one moment, that moment alone."""
    if rule_of(one.finding.rule).is_moment:
        return one.since
    return max(one.since, one.seen)


def _joined(one: AlertEpisode, other: AlertEpisode) -> AlertEpisode:
    """Return two states of one episode as one; ``one`` began first.

    The watcher that saw it last knows best how it ended. Two states of one watcher's episode begin at the same moment:
    the later one lasted longer, also if the clock was set back meanwhile.
    """
    same = one.since == other.since
    last = max(one, other, key=lambda episode: (episode.lasted if same else episode.seen, bool(episode.end)))
    worst = max(one, other, key=lambda episode: SEVERITIES.index(episode.finding.severity))
    return replace(
        last,
        finding=worst.finding,
        since=one.since,
        lasted=max(one.lasted, other.lasted),
        back=max(one.back, other.back),
    )
