"""Judge the coherence feed's link (denied, lost, silent, losing events) and a flood of events. Pure.

Silence is not health: "no event" stands together with when the link was last verified.
"""

from msgspec.structs import replace

from optimus_tui.contract.feed import FeedStatus
from optimus_tui.contract.finding_rules import (
    EVENTS_FLOOD,
    FEED_BROKEN,
    FEED_DENIED,
    FEED_DOWN,
    FEED_DROPPED,
    FEED_SILENT,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence.event_clock import find_clock
from optimus_tui.wording.age import age
from optimus_tui.wording.numbers import plural

SILENT_SECONDS = 600.0
PATIENCE_SECONDS = 10.0
"""Without a live link for so long, a feed that is answered with nonsense is broken."""
STALE_SECONDS = 3.0
_USUAL = Thresholds()


def judge(status: FeedStatus | None, *, mono: float, thresholds: Thresholds = _USUAL) -> list[Finding]:
    """Return the findings about the feed at ``mono`` (seconds); none before the first connection was tried."""
    if status is None or status.state == "connecting":
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
        findings += [*find_flood(status.rate, thresholds), *find_clock(status.clock)]
    if status.dropped:
        findings.append(_dropped(status))
    return findings


def find_flood(per_second: float | None, thresholds: Thresholds) -> list[Finding]:
    """Return a finding for more events a second than normal work causes; None is no known rate."""
    if per_second is None or per_second <= thresholds.events_per_second:
        return []
    return [
        make_finding(
            rule=EVENTS_FLOOD,
            subject="coherence feed",
            rate=per_second,
            limit=thresholds.events_per_second,
            measured=per_second,
            threshold=thresholds.events_per_second,
            unit="events/s",
        )
    ]


def _reason(status: FeedStatus) -> str:
    """The fault as the end of a sentence; empty without one."""
    if status.fault:
        return f": {status.fault.message}"
    return ""


def _remedy(status: FeedStatus) -> str:
    """What the fault says would help; "" where the catalogue's remedy holds."""
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
    """Return the status after so many seconds without a link.

    It is "broken" where what answers is no Redis protocol.
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
