"""The cache's hit rate: the gateway's own figure first, else Redis' look-up counters without our share. Pure.

Refuses to call silence 0 %: without look-ups there is no rate. Shares run from 0 to 1.
"""

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import GatewayState, HitRate, ServerState
from optimus_tui.settings.model import Thresholds
from optimus_tui.wording.numbers import percent

MIN_LOOKUPS = 20
"""Fewer look-ups than this say nothing about a rate."""
WINDOW_SECONDS = 600.0
FROM_INFO = "redis INFO, ours left out"


class Lookups(Struct, frozen=True):
    """Redis' look-up counters at one moment; ``own`` is how many of them were ours."""

    mono: float
    hits: int
    misses: int
    own_hits: int
    own_misses: int


class LookupTrack(Struct, frozen=True, kw_only=True):
    """What is remembered between two looks: samples of one run of the server, oldest first, one every ten seconds."""

    run_id: str | None = None
    samples: tuple[Lookups, ...] = ()
    latest: Lookups | None = None
    since_start: bool = True
    """Whether our own look-ups since our start all fell on this run of the server."""


def track_lookups(track: LookupTrack, server: ServerState, mono: float) -> LookupTrack:
    """The track with this look added. Another run of the server, or counters set back, start it anew."""
    if server.keyspace_hits is None or server.keyspace_misses is None:
        return track
    now = Lookups(mono, server.keyspace_hits, server.keyspace_misses, server.own_hits, server.own_misses)
    last = track.latest
    if last is not None and (server.run_id != track.run_id or now.hits < last.hits or now.misses < last.misses):
        return LookupTrack(run_id=server.run_id, samples=(now,), latest=now, since_start=False)
    samples = track.samples
    if not samples or mono - samples[-1].mono >= 10:
        samples = (*(s for s in samples if s.mono >= mono - WINDOW_SECONDS), now)
    return replace(track, run_id=server.run_id, samples=samples, latest=now)


def hit_rate(gateway: GatewayState | None, track: LookupTrack) -> HitRate | None:
    """The rate and its source; None when nobody can say."""
    if gateway is not None and gateway.cache is not None and gateway.cache.hit_rate is not None:
        return HitRate(gateway.cache.hit_rate, "gateway", gateway.cache.total_keys)
    if track.latest is None:
        return None
    total_keys = gateway.cache.total_keys if gateway is not None and gateway.cache is not None else None
    first = track.samples[0] if track.samples else track.latest
    start = Lookups(first.mono, 0, 0, *((0, 0) if track.since_start else (first.own_hits, first.own_misses)))
    for base in (first, start):  # the last ten minutes where they hold enough, else since the server's start
        hits = max(0, track.latest.hits - base.hits - (track.latest.own_hits - base.own_hits))
        misses = max(0, track.latest.misses - base.misses - (track.latest.own_misses - base.own_misses))
        if hits + misses >= MIN_LOOKUPS:
            return HitRate(hits / (hits + misses), FROM_INFO, total_keys)
    return None


def find_hit_rate(rate: HitRate | None, server: ServerState | None, thresholds: Thresholds) -> list[Finding]:
    """Findings about the rate. Unknown is a finding only where the right to measure it is missing."""
    if rate is None:
        if server is None or server.info_fault is None:
            return []
        return [
            Finding(
                rule="cache.hit_rate_unknown",
                severity="medium",
                subject="hit rate",
                message=f"hit rate unknown: the gateway does not publish it, and {server.info_fault.message}",
                measured="unknown",
                threshold=thresholds.hit_rate_warn,
                unit="share",
                samples=0,
                impact="A cache that stopped working would not be noticed here.",
                remedy=server.info_fault.remedy or "Let the gateway serve /api/cache/metrics, or allow INFO.",
            )
        ]
    if rate.value >= thresholds.hit_rate_warn:
        return []
    low = rate.value < thresholds.hit_rate_low
    bar = thresholds.hit_rate_low if low else thresholds.hit_rate_warn
    return [
        Finding(
            rule="cache.hit_rate",
            severity="high" if low else "medium",
            subject="hit rate",
            message=f"hit rate {percent(rate.value)} is below {percent(bar)} ({rate.source})",
            measured=rate.value,
            threshold=bar,
            unit="share",
            impact="More requests than usual go to the AI Engine: slower answers, more load.",
            remedy="Raise the TTL of the kinds that expire soonest; see in the feed whether too much is invalidated."
            if low
            else "Watch it; compare with the feed: bulk invalidations and short TTLs show first there.",
        )
    ]
