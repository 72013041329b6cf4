"""Since when a finding holds: one episode per (rule, subject), however often it is judged again. Pure reducer."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding

HOLD_SECONDS = 30.0
"""A finding that comes back within this time is still the same episode: flapping is one trouble, not many."""

Subject = tuple[str, str]


class Episode(Struct, frozen=True):
    """``since`` is wall-clock (shown to people), ``seen`` monotonic (so that setting the clock ends no episode)."""

    since: float
    seen: float


Episodes = Mapping[Subject, Episode]
NO_EPISODES: Episodes = MappingProxyType({})


def track(
    previous: Episodes, findings: Iterable[Finding], now: float, mono: float
) -> tuple[Episodes, tuple[Finding, ...]]:
    """Return the episodes after this judgement, and the findings with ``since`` (wall-clock seconds) filled in.

    ``now`` is the wall clock, ``mono`` the monotonic one. A finding that already has ``since`` keeps it.
    """
    state = {subject: episode for subject, episode in previous.items() if mono - episode.seen <= HOLD_SECONDS}
    dated = []
    for finding in findings:
        subject = (finding.rule, finding.subject)
        known = state.get(subject)
        if known:
            since = known.since
        elif finding.since is not None:
            since = finding.since
        else:
            since = now
        state[subject] = Episode(since, mono)
        dated.append(finding if finding.since == since else replace(finding, since=since))
    return state, tuple(dated)
