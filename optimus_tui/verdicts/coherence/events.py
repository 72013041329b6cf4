"""Judge the coherence events of the log, whether their timestamps can be true, and the feed's link. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    EVENTS_CLOCK,
    EVENTS_FLOOD,
    FEED_BROKEN,
    FEED_DENIED,
    FEED_DOWN,
    FEED_DROPPED,
    FEED_SILENT,
)
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.keyspace import RATE_SECONDS, ClockOffset, EventSource, FeedStatus, ParsedEvent
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.grammar.events import parse_event
from optimus_tui.settings.model import Thresholds
from optimus_tui.wording.numbers import age, clause, latency, part_of, percent, plural
from optimus_tui.wording.safe import safe_text

SKEW_SECONDS = 60.0
"""Clocks may differ by so much, and an event may be under way for so long."""
GRAVE_SECONDS = 300.0
ENOUGH_EVENTS = 3
_ZONE, _NEAR = 900.0, 300.0
"""Time zones lie a multiple of a quarter of an hour apart; an offset this near to one is taken for it."""
_NEWEST = 9
FUTURE_SECONDS = SKEW_SECONDS
"""A sender's clock may be ahead by so much; what claims a later time is counted apart."""
MAX_NAMES = 50
MOST_BUSIEST = 3
FLOOD_EVENTS = 100
SILENT_SECONDS = 600.0
PATIENCE_SECONDS = 10.0
"""Without a live link for so long, a feed that is answered with nonsense is broken."""
STALE_SECONDS = 3.0
_USUAL = Thresholds()


def by_arrival(offsets: Collection[float], enough: int = ENOUGH_EVENTS) -> ClockOffset | None:
    """Return the clock offset, from claimed minus actual arrival times; None if too few are off."""
    off = [one for one in offsets if abs(one) > SKEW_SECONDS]
    if len(off) < enough:
        return None
    ahead = [one for one in off if one > 0]
    if 2 * len(ahead) >= len(off):
        side = ahead
    else:
        side = [one for one in off if one < 0]
    return ClockOffset(seconds=_median(side), events=len(side), of=len(offsets))


def by_future(ahead: Sequence[float], of: int) -> ClockOffset | None:
    """Return how far the publisher's clock is ahead of ours; None if no event is ahead.

    Args:
        ahead: For each event whose time lies in the future: by how many seconds.
        of: How many events have a time at all.
    """
    if not ahead:
        return None
    return ClockOffset(seconds=_median(sorted(ahead)[-_NEWEST:]), events=len(ahead), of=of)


def find_clock(offset: ClockOffset | None) -> list[Finding]:
    """Return the finding about a publisher's wrong clock: medium if most events are off by minutes, else low.

    Empty if ``offset`` is None.
    """
    if offset is None:
        return []
    grave = abs(offset.seconds) >= GRAVE_SECONDS and 2 * offset.events >= offset.of and offset.events >= ENOUGH_EVENTS
    severity: Severity = "low"
    if grave:
        severity = "medium"
    events, ahead = part_of(offset.events, offset.of, "event"), clock_words(offset)
    message = ""
    if offset.seconds <= 0:
        message = phrase(EVENTS_CLOCK, "late", events=events, offset=ahead)
    return [
        make_finding(
            rule=EVENTS_CLOCK,
            severity=severity,
            subject="coherence events",
            message=message,
            events=events,
            offset=ahead,
            measured=offset.seconds,
            threshold=SKEW_SECONDS,
            unit="s",
            samples=offset.of,
        )
    ]


def clock_words(offset: ClockOffset) -> str:
    """Return ``timestamps run 2 h ahead``."""
    seconds = abs(offset.seconds)
    zone = round(seconds / _ZONE) * _ZONE
    if zone and abs(seconds - zone) <= _NEAR:
        seconds = zone
    side = "behind"
    if offset.seconds > 0:
        side = "ahead"
    return f"timestamps run {age(seconds)} {side}"


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


class Logged(Struct, frozen=True):
    """One well-formed event with its time."""

    at: float
    event: ParsedEvent
    payload: bytes


class EventWindow(Struct, frozen=True, kw_only=True):
    """The window's events, the newest first, and counts of the others.

    ``ahead`` is how many seconds the newest claim runs ahead of our clock; ``oldest`` is the oldest time that any
    well-formed event claims; ``clock``: how far the claims that lie in the future are off.
    """

    events: tuple[Logged, ...] = ()
    read: int = 0
    older: int = 0
    malformed: int = 0
    undated: int = 0
    in_future: int = 0
    clock: ClockOffset | None = None
    ahead: float = 0.0
    oldest: float | None = None


def pick_window(payloads: Iterable[bytes], wall: float, minutes: float) -> EventWindow:
    """Return the events of the last ``minutes``. One without a readable time counts as malformed."""
    start = wall - minutes * 60
    inside: list[Logged] = []
    future: list[float] = []
    read = older = malformed = undated = 0
    ahead, oldest = 0.0, None
    for payload in payloads:
        read += 1
        event = parse_event(payload)
        at = event.claimed_at
        if event.problem is not None or at is None:
            malformed += 1
            undated += event.problem is None
            continue
        if at > wall + FUTURE_SECONDS:
            future.append(at - wall)
            continue
        ahead = max(ahead, at - wall)
        if oldest is None:
            oldest = at
        else:
            oldest = min(oldest, at)
        if at < start:
            older += 1
        else:
            inside.append(Logged(at, event, payload))
    inside.sort(key=lambda one: -one.at)
    return EventWindow(
        events=tuple(inside),
        read=read,
        older=older,
        malformed=malformed,
        undated=undated,
        in_future=len(future),
        clock=by_future(future, len(inside) + older + len(future)),
        ahead=ahead,
        oldest=oldest,
    )


def pick_heard(heard: Iterable[tuple[float, bytes]], wall: float, minutes: float, began: float) -> EventWindow:
    """Return the events of the last ``minutes`` that were heard, by when they came: what they claim is not needed.

    Args:
        heard: when each event came, and its payload.
        wall: now.
        minutes: the window.
        began: since when events are heard without a gap: what is covered. Those of before a gap count, too.
    """
    start = wall - minutes * 60
    inside: list[Logged] = []
    read = malformed = older = 0
    for at, payload in heard:
        read += 1
        event = parse_event(payload)
        if event.problem is not None:
            malformed += 1
        elif at < start:
            older += 1
        else:
            inside.append(Logged(at, event, payload))
    inside.sort(key=lambda one: -one.at)
    return EventWindow(events=tuple(inside), read=read, older=older, malformed=malformed, oldest=began)


def covered_minutes(seen: EventWindow, wall: float, minutes: float) -> float:
    """Return how many minutes of the window the log covers; 0 if it has no event with a time."""
    if seen.oldest is None:
        return 0.0
    return max(0.0, min(float(minutes), (wall - seen.oldest) / 60))


def per_minute(events: int, minutes: float) -> float | None:
    """Return events per minute; None for a single event, or if no time is covered."""
    if minutes > 0 and events != 1:
        return round(events / minutes, 2)
    return None


class EventRate(NamedTuple):
    """Events per second, and the number of seconds up to now that the rate covers."""

    per_second: float
    seconds: float


def events_per_second(seen: EventWindow, wall: float) -> EventRate | None:
    """Return the rate over the last ``RATE_SECONDS``, or since the oldest event if the log covers less.

    None if there are too few events for a rate. A quiet time up to now counts, so events of a single moment give no
    rate.
    """
    newest = [one.at for one in seen.events if one.at >= wall - RATE_SECONDS]
    if len(newest) < FLOOD_EVENTS:
        return None
    seconds = RATE_SECONDS
    if len(newest) == len(seen.events) and not seen.older:
        seconds = max(max(*newest, wall) - min(newest), 0.001)
    return EventRate(len(newest) / seconds, seconds)


def newest_source(seen: EventWindow, wall: float) -> EventSource:
    """Return what most events of the last ``RATE_SECONDS`` have in common. The log does not name channels."""
    newest = [one.event for one in seen.events if one.at >= wall - RATE_SECONDS]
    return common_source([(one.type, one.tenant, "") for one in newest])


def tally(names: Iterable[str]) -> dict[str, int]:
    """Return how often each name occurs, the most frequent first; names after the fiftieth are combined."""
    return bounded(Counter(safe_text(name, 80) for name in names))


def bounded(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the fifty largest counts, and one entry for all others."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ordered[:MAX_NAMES])
    if len(ordered) > MAX_NAMES:
        kept[f"({len(ordered) - MAX_NAMES:,} others)"] = sum(count for _, count in ordered[MAX_NAMES:])
    return kept


def judge(status: FeedStatus | None, *, mono: float, thresholds: Thresholds = _USUAL) -> list[Finding]:
    """Return the findings about the feed at ``mono`` (seconds); empty before the first attempt, or without a feed."""
    if status is None or status.state in ("connecting", "none"):
        return []
    if status.state == "denied":
        return [_denied(status)]
    if status.state == "broken":
        return [_broken(status)]
    findings = []
    since = None
    if status.verified_mono is not None:
        since = mono - status.verified_mono
    if status.state == "down" or (since is not None and since > STALE_SECONDS):
        findings.append(_down(status, since))
    elif status.last_event_mono is not None and mono - status.last_event_mono > SILENT_SECONDS:
        findings.append(_silent(mono - status.last_event_mono, since))
    if status.state == "live":
        findings += find_flood(EventRate(status.rate, RATE_SECONDS), thresholds, status.source)
        findings += find_clock(status.clock)
    if status.dropped:
        findings.append(_dropped(status))
    return findings


def common_source(events: Sequence[tuple[str, str, str]]) -> EventSource:
    """Return what at least half of the events have in common, each given as (type, tenant, channel)."""
    most = [Counter(names).most_common(1) for names in zip(*events, strict=True)]
    named = [safe_text(top[0][0], 60) if 2 * top[0][1] >= len(events) else "" for top in most]
    if not named:
        return EventSource()
    busiest = "" if named[1] else _busiest([tenant for _, tenant, _ in events if tenant])
    return EventSource(type=named[0], tenant=named[1], channel=named[2], busiest=busiest)


def _busiest(tenants: Sequence[str]) -> str:
    """Return ``12 % of acme, 11 % of beta, 10 % of gamma``, and how many tenants more; empty for none."""
    counts = Counter(tenants).most_common()
    named = [f"{percent(count / len(tenants))} of {safe_text(name, 40)}" for name, count in counts[:MOST_BUSIEST]]
    more = f" and {plural(len(counts) - MOST_BUSIEST, 'tenant')} more" * (len(counts) > MOST_BUSIEST)
    return ", ".join(named) + more


def _source_words(source: EventSource) -> str:
    """Return ``bulk_invalidation of clinic_b on cache_coherence:clinic_b``; empty where nothing is in common."""
    tenant = source.tenant
    words = (source.type, clause(tenant, "of "), clause(source.channel, "on "))
    return " ".join(filter(None, words))


def find_flood(rate: EventRate | None, thresholds: Thresholds, source: EventSource | None = None) -> list[Finding]:
    """Return a finding for more events a second than normal work causes.

    Args:
        rate: The rate with its span; None if it is not known.
        thresholds: The thresholds, which have the highest rate of normal work.
        source: What most of the events have in common; None if that is not known.
    """
    if rate is None or rate.per_second <= thresholds.events_per_second:
        return []
    mostly = remedy = ""
    if source is not None and (words := _source_words(source)):
        mostly, busiest = phrase(EVENTS_FLOOD, "mostly", what=words), clause(source.busiest, " (busiest: ", ")")
        remedy = phrase(EVENTS_FLOOD, "stop", what=words, busiest=busiest)
    return [
        make_finding(
            rule=EVENTS_FLOOD,
            subject="coherence feed",
            rate=rate.per_second,
            span=_span_words(rate.seconds),
            limit=thresholds.events_per_second,
            mostly=mostly,
            remedy=remedy,
            measured=rate.per_second,
            threshold=thresholds.events_per_second,
            unit="events/s",
            window_seconds=rate.seconds,
        )
    ]


def _span_words(seconds: float) -> str:
    if seconds < 1.0:
        return latency(seconds * 1000)
    return age(seconds)


def _reason(status: FeedStatus) -> str:
    """Return the fault as the end of a sentence; empty without one."""
    if status.fault:
        return f": {status.fault.message}"
    return ""


def _remedy(status: FeedStatus) -> str:
    """Return the fault's own remedy; "" where the catalogue's remedy holds."""
    if status.fault is None:
        return ""
    return status.fault.remedy or ""


def _denied(status: FeedStatus) -> Finding:
    reason = phrase(FEED_DENIED, "reason")
    if status.fault:
        reason = status.fault.message
    return make_finding(
        rule=FEED_DENIED,
        subject="coherence feed",
        reason=reason,
        measured="denied",
        threshold="subscribed",
        remedy=_remedy(status),
    )


def settled(status: FeedStatus, seconds: float) -> FeedStatus:
    """Return the feed's status after a number of seconds without a link.

    It is "broken" if the answer is not the Redis protocol.
    """
    odd = status.fault is not None and status.fault.kind in ("invalid", "bug")
    if odd and status.state == "down" and seconds >= PATIENCE_SECONDS:
        return replace(status, state="broken")
    return status


def _broken(status: FeedStatus) -> Finding:
    return make_finding(
        rule=FEED_BROKEN,
        subject="coherence feed",
        reason=_reason(status),
        measured="broken",
        threshold="live",
        remedy=_remedy(status),
    )


def _down(status: FeedStatus, since: float | None) -> Finding:
    return make_finding(
        rule=FEED_DOWN,
        subject="coherence feed",
        reason=_reason(status),
        measured=since,
        threshold=STALE_SECONDS,
        unit="s",
        remedy=_remedy(status),
    )


def _silent(quiet: float, since: float | None) -> Finding:
    link = phrase(FEED_SILENT, "unverified")
    if since is not None:
        link = phrase(FEED_SILENT, "verified", ago=age(since))
    return make_finding(
        rule=FEED_SILENT,
        subject="coherence feed",
        ago=age(quiet),
        link=link,
        measured=quiet,
        threshold=SILENT_SECONDS,
        unit="s",
        window_seconds=SILENT_SECONDS,
    )


def _dropped(status: FeedStatus) -> Finding:
    return make_finding(
        rule=FEED_DROPPED,
        subject="coherence feed",
        events=plural(status.dropped, "event"),
        measured=float(status.dropped),
        threshold=0.0,
        unit="events",
        samples=status.received,
    )
