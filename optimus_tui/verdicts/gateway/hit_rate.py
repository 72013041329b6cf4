"""The cache's hit rate: the gateway's own figure first, else Redis' look-up counters without our share. Pure.

Without look-ups there is no rate (it is not 0 %), and fewer than ``MIN_LOOKUPS`` are not judged. Counters since a start
show the present only by their growth between two of our own samples, so one sample alone gives no present rate. Known
limits: Redis counts everybody, so look-ups of a second observer on the same server (another Optimus, redis-cli) between
our samples count as the application's; and the figures of several worker processes that each publish their own counts
are mixed. Shares run from 0 to 1.
"""

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import CACHE_HIT_RATE, CACHE_HIT_RATE_CONFLICT, CACHE_HIT_RATE_UNKNOWN
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.services import COLD_SECONDS, MIN_LOOKUPS, CacheMetrics, GatewayState, HitRate, ServerState
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway.latency import as_past
from optimus_tui.verdicts.statistics import surely_less
from optimus_tui.wording.numbers import age, percent

FEW_LOOKUPS = 100
"""Fewer look-ups may mislead by chance; fewer than ``MIN_LOOKUPS`` say nothing."""
WINDOW_SECONDS = 600.0
EVERY_SECONDS = 10.0
RECENT_SECONDS, RECENT_LOOKUPS = 20.0, 100
"""What is called "now": a rate over minutes forgets a fault as slowly as it notices one. Samples lie ten seconds apart,
so "now" is the last twenty to thirty."""
INFO = "redis INFO without ours"
GATEWAY = "gateway"
"""Whose look-ups a rate is of; the time they were made in follows after a comma."""
FROM_GATEWAY = "gateway, over an unknown time"
FROM_GATEWAY_LIFE = "gateway, since its start"
"""Where the counts beside its figure make that figure: they run since its start, and tell little of now."""
CONFLICT = 0.1
"""Two sources that differ by less may both be right, each for its own time."""


class Lookups(Struct, frozen=True):
    """Look-up counters at one moment; ``own`` is how many of them were ours."""

    mono: float
    hits: int
    misses: int
    own_hits: int = 0
    own_misses: int = 0


class LookupTrack(Struct, frozen=True, kw_only=True):
    """The samples of one run of the counting process, oldest first, one every ten seconds."""

    run_id: str | None = None
    samples: tuple[Lookups, ...] = ()
    latest: Lookups | None = None


NO_LOOKUPS = LookupTrack()


def track_lookups(track: LookupTrack, server: ServerState, mono: float) -> LookupTrack:
    """Return the track with this sample of Redis added. A restarted server, or reset counters, begin a new track."""
    if server.keyspace_hits is None or server.keyspace_misses is None:
        return track
    now = Lookups(mono, server.keyspace_hits, server.keyspace_misses, server.own_hits, server.own_misses)
    return _add(track, now, server.run_id)


def track_gateway(track: LookupTrack, cache: CacheMetrics | None, mono: float) -> LookupTrack:
    """Return the track with this sample of the gateway's counts added. A restarted gateway begins a new track."""
    if cache is None or cache.hits is None or cache.misses is None:
        return track
    return _add(track, Lookups(mono, cache.hits, cache.misses), None)


def _add(track: LookupTrack, now: Lookups, run_id: str | None) -> LookupTrack:
    last = track.latest
    if last is not None and (run_id != track.run_id or now.hits < last.hits or now.misses < last.misses):
        return LookupTrack(run_id=run_id, samples=(now,), latest=now)
    samples = track.samples
    if not samples or now.mono - samples[-1].mono >= EVERY_SECONDS:
        samples = (*(s for s in samples if s.mono >= now.mono - WINDOW_SECONDS), now)
    return replace(track, run_id=run_id, samples=samples, latest=now)


def hit_rate(gateway: GatewayState | None, track: LookupTrack, published: LookupTrack = NO_LOOKUPS) -> HitRate | None:
    """Return the rate and its source, or None if it is not known.

    ``track`` is that of Redis, ``published`` the gateway's.
    """
    cache = None
    if gateway is not None:
        cache = gateway.cache
    total_keys = None
    if cache is not None:
        total_keys = cache.total_keys
    if cache is not None and cache.hit_rate is not None:
        if cache.hits is not None and cache.misses is not None:
            recent = _growth(published, GATEWAY, total_keys)
            if recent is not None:
                return recent
        return HitRate(cache.hit_rate, _span_of(cache), total_keys, _counted(cache))
    return _growth(track, INFO, total_keys)


def _span_of(cache: CacheMetrics) -> str:
    """Over what time the gateway's own figure is, as far as the counts beside it tell."""
    counted = _counted(cache)
    if not counted or cache.hits is None or cache.hit_rate is None:
        return FROM_GATEWAY
    if abs(cache.hits / counted - cache.hit_rate) < 0.02:
        return FROM_GATEWAY_LIFE
    return FROM_GATEWAY


def _counted(cache: CacheMetrics) -> int | None:
    if cache.hits is None or cache.misses is None:
        return None
    return cache.hits + cache.misses


def _growth(track: LookupTrack, whose: str, total_keys: int | None) -> HitRate | None:
    """Return the hit rate between the oldest and the newest reading, without our look-ups; None if they are too few."""
    last = track.latest
    if last is None or not track.samples:
        return None
    base = track.samples[0]
    hits = max(0, last.hits - base.hits - (last.own_hits - base.own_hits))
    misses = max(0, last.misses - base.misses - (last.own_misses - base.own_misses))
    if hits + misses < MIN_LOOKUPS:
        return None
    seconds = last.mono - base.mono
    return HitRate(hits / (hits + misses), f"{whose}, last {age(seconds)}", total_keys, hits + misses, seconds)


def recent_growth(track: LookupTrack) -> HitRate | None:
    """Return the rate of the last 20 to 30 s by the gateway's counts; None with fewer samples or too few look-ups."""
    last = track.latest
    base = [one for one in track.samples if last is not None and one.mono <= last.mono - RECENT_SECONDS]
    if last is None or not base:
        return None
    rate = _growth(replace(track, samples=base[-1:]), GATEWAY, None)
    if rate is not None and (rate.samples or 0) >= RECENT_LOOKUPS:
        return rate
    return None


def judged_rate(rate: HitRate | None, recent: HitRate | None) -> HitRate | None:
    """Return the rate that ``find_rates`` judges, which is also the one to show: the present one if it is known."""
    if recent is None:
        return rate
    if rate is None or recent.total_keys is not None:
        return recent
    return replace(recent, total_keys=rate.total_keys)


def find_rates(
    rate: HitRate | None, recent: HitRate | None, server: ServerState | None, thresholds: Thresholds
) -> list[Finding]:
    """Return the findings about a rate over minutes and the present rate, which decides if it is known.

    A rate that was low and is good again is a low finding. A rate of the seconds after a start of Redis is not judged,
    because its cache is still filling.
    """
    found = _find_rates(rate, recent, server, thresholds)
    uptime = None
    if server is not None:
        uptime = server.uptime_seconds
    if uptime is not None and uptime < COLD_SECONDS:
        found = [one for one in found if one.rule != CACHE_HIT_RATE or (one.window_seconds or 0.0) > COLD_SECONDS]
    return found


def _find_rates(
    rate: HitRate | None, recent: HitRate | None, server: ServerState | None, thresholds: Thresholds
) -> list[Finding]:
    over_minutes = find_hit_rate(rate, server, thresholds)
    if recent is None:
        return over_minutes
    conflict = find_conflict(rate, recent, thresholds)
    words = phrase(CACHE_HIT_RATE, "now", rate=percent(recent.value), source=recent.source)
    found = find_hit_rate(recent, server, thresholds) or [as_past(one, words) for one in over_minutes]
    return [*found, *conflict]


def find_conflict(published: HitRate | None, present: HitRate | None, thresholds: Thresholds) -> list[Finding]:
    """Return a medium finding if the gateway publishes a good rate while its own counters show a bad one now.

    A low published rate beside a good present one has recovered, which is not a conflict.
    """
    if published is None or present is None or published.source not in (FROM_GATEWAY, FROM_GATEWAY_LIFE):
        return []
    bar = thresholds.hit_rate_warn
    if not (published.value >= bar > present.value) or published.value - present.value < CONFLICT:
        return []
    return [
        make_finding(
            rule=CACHE_HIT_RATE_CONFLICT,
            subject="hit rate",
            published=percent(published.value),
            published_by=published.source,
            present=percent(present.value, bar),
            present_by=present.source,
            measured=present.value,
            threshold=published.value,
            unit="share",
            samples=present.samples,
            window_seconds=present.window_seconds,
        )
    ]


def find_hit_rate(rate: HitRate | None, server: ServerState | None, thresholds: Thresholds) -> list[Finding]:
    """Return the findings about a rate. An unknown rate is a finding only if the right to measure it is missing.

    A rate of fewer look-ups than ``MIN_LOOKUPS`` is not judged, but one without a count is. A rate of few look-ups that
    chance can explain is low.
    """
    if rate is None:
        if server is None or server.info_fault is None:
            return []
        return [
            make_finding(
                rule=CACHE_HIT_RATE_UNKNOWN,
                subject="hit rate",
                reason=server.info_fault.message,
                measured="unknown",
                threshold=thresholds.hit_rate_warn,
                unit="share",
                samples=0,
                remedy=server.info_fault.remedy or "",
            )
        ]
    if rate.value >= thresholds.hit_rate_warn or (rate.samples is not None and rate.samples < MIN_LOOKUPS):
        return []
    severity: Severity = "medium"
    bar, remedy, few = thresholds.hit_rate_warn, "", ""
    if rate.value < thresholds.hit_rate_low:
        severity = "high"
        bar, remedy = thresholds.hit_rate_low, phrase(CACHE_HIT_RATE, "remedy_low")
    if rate.samples is not None and _may_be_good(rate.value, rate.samples, thresholds):
        severity = "low"
        few = phrase(CACHE_HIT_RATE, "few", count=rate.samples)
    return [
        make_finding(
            rule=CACHE_HIT_RATE,
            severity=severity,
            subject="hit rate",
            rate=percent(rate.value, bar),
            limit=percent(bar),
            source=rate.source,
            few=few,
            measured=rate.value,
            threshold=bar,
            unit="share",
            samples=rate.samples,
            window_seconds=rate.window_seconds,
            remedy=remedy,
        )
    ]


def _may_be_good(rate: float, lookups: int, thresholds: Thresholds) -> bool:
    """Return whether the look-ups are too few to tell this rate from one above every threshold."""
    return lookups < FEW_LOOKUPS and not surely_less(rate * lookups, lookups, thresholds.hit_rate_warn)
