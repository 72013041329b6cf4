"""Findings and recommendations of a coherence analysis, in the words of its document. Pure.

What is unknown gets no recommendation, only the finding that it is unknown.
"""

from collections.abc import Sequence

from msgspec import Struct

from optimus_tui.contract.cache import CacheReport
from optimus_tui.contract.finding_rules import (
    CACHE_LARGE,
    CACHE_NO_TTL,
    COHERENCE_HIGH_OVERHEAD,
    COHERENCE_LOW_COVERAGE,
    COHERENCE_MALFORMED,
    COHERENCE_STALE,
    COHERENCE_SUSPECT,
    COHERENCE_UNHEARD,
    EVENTS_CLOCK,
)
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.tools.traffic import CoherenceAdvice
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence.audit import Audited
from optimus_tui.verdicts.coherence.events import EventWindow, find_clock
from optimus_tui.verdicts.coherence.keys import Tracking
from optimus_tui.verdicts.coherence.keys import judge as judge_cache
from optimus_tui.verdicts.sorting import some_of, worst_first
from optimus_tui.wording.numbers import UNKNOWN, part_of, percent, plural
from optimus_tui.wording.safe import safe_text


class Facts(Struct, frozen=True, kw_only=True):
    """All that was measured. None means not asked for, or not known."""

    cache: CacheReport
    tracking: Tracking
    window: EventWindow | None = None
    audited: tuple[Audited, ...] | None = None
    unheard: tuple[str, ...] = ()
    """Tenants with events in the window whose channel nobody listens to."""


def find(facts: Facts, thresholds: Thresholds) -> tuple[Finding, ...]:
    """Return the findings of a coherence analysis, the worst first."""
    found = [*judge_cache(facts.cache, thresholds).findings]
    stale = [one for one in facts.audited or () if one.outcome == "survived_stale"]
    if stale:
        found.append(
            make_finding(
                rule=COHERENCE_STALE,
                subject="coherence",
                keys=plural(len(stale), "cache key"),
                names=_some(stale),
                measured=float(len(stale)),
                threshold=0.0,
                unit="keys",
                samples=len(facts.audited or ()),
            )
        )
    suspects = [one for one in facts.audited or () if one.outcome == "suspected_stale"]
    if suspects:
        found.append(
            make_finding(
                rule=COHERENCE_SUSPECT,
                subject="coherence",
                keys=plural(len(suspects), "cache key"),
                names=_some(suspects),
                measured=float(len(suspects)),
                threshold=0.0,
                unit="keys",
                samples=len(facts.audited or ()),
            )
        )
    return worst_first([*found, *_of_events(facts)])


def _of_events(facts: Facts) -> list[Finding]:
    window = facts.window
    found = []
    if window is not None:
        found = find_clock(window.clock)
    if window is not None and window.malformed:
        found.append(
            make_finding(
                rule=COHERENCE_MALFORMED,
                subject="event log",
                many=window.malformed != 1,
                events=part_of(window.malformed, window.read, "event"),
                measured=float(window.malformed),
                threshold=0.0,
                unit="events",
                samples=window.read,
            )
        )
    if facts.unheard:
        found.append(
            make_finding(
                rule=COHERENCE_UNHEARD,
                subject="channels",
                tenants=some_of(list(facts.unheard)),
                measured=float(len(facts.unheard)),
                threshold=0.0,
                unit="channels",
            )
        )
    return found


def advise(facts: Facts, findings: Sequence[Finding], thresholds: Thresholds) -> tuple[CoherenceAdvice, ...]:
    """Return one recommendation for each kind of finding, the most urgent first, and one for orphans without a TTL."""
    cache, advice = facts.cache, []
    for finding in findings:
        kind, message, action = _WORDS.get(finding.rule, ("", "", ""))
        if kind:
            text = message.format(
                keys=cache.keys,
                tracking=cache.coherence_keys,
                share=percent(cache.coherence_keys / cache.keys) if cache.keys else UNKNOWN,
                said=finding.message,
            )
            priority = {"low": "low", "medium": "medium"}.get(finding.severity, "high")
            if finding.rule != CACHE_LARGE:
                text = text[:1].upper() + text[1:]
            advice.append(CoherenceAdvice(type=kind, message=text, action=action, priority=priority, rule=finding.rule))
    if facts.tracking.immortal_orphans:
        number = facts.tracking.immortal_orphans
        names = some_of([safe_text(name, 60) for name in facts.tracking.examples])
        advice.append(
            CoherenceAdvice(
                type="memory",
                message=f"{plural(number, 'tracking key')} without TTL and without a cache key, for example {names}",
                action="Give tracking keys a TTL: the cache keys they track are gone",
                priority="low",
            )
        )
    return tuple(advice)


_WORDS = {
    CACHE_LARGE: (
        "performance",
        "Large number of cache keys: {keys}",
        "Consider implementing cache eviction policies",
    ),
    CACHE_NO_TTL: ("memory", "{said}", "Give every cache key a TTL where it is written"),
    COHERENCE_LOW_COVERAGE: (
        "coverage",
        "Low coherence coverage: {tracking} tracking keys for {keys} cache keys ({share})",
        "Check that what writes the cache also registers it for coherence",
    ),
    COHERENCE_HIGH_OVERHEAD: (
        "overhead",
        "High coherence overhead: {tracking} tracking keys for {keys} cache keys ({share})",
        "See whether tracking keys outlive the cache keys they belong to; shorten their TTL",
    ),
    COHERENCE_STALE: (
        "consistency",
        "{said}",
        "Find the code that sets these keys or does not invalidate them; auditor.stale_keys has the evidence for each",
    ),
    COHERENCE_SUSPECT: (
        "consistency",
        "{said}",
        "Compare these keys with their source; see auditor.suspected_keys",
    ),
    EVENTS_CLOCK: ("events", "{said}", "Set the publisher's clock, and let it write times in UTC"),
    COHERENCE_MALFORMED: ("events", "{said}", "Send events as JSON with type, tenant_id and timestamp"),
    COHERENCE_UNHEARD: ("events", "{said}", "See whether anything should be subscribed to cache_coherence:*"),
}
"""By rule: type, message and action."""


def _some(audited: Sequence[Audited]) -> str:
    return some_of([safe_text(one.key, 80) for one in audited])
