"""The audit of invalidations: which of their keys vanished, came back or were never removed. Pure.

A key is stale for certain only if the server says that it was not touched since before the event; a TTL alone makes it
suspect. A key came back for certain if it would have had more time to live at the event than any key of its kind ever
had. Everything else is unknown. Times are seconds unless named ``_ms``.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

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
from optimus_tui.contract.findings import Finding, some_of, worst_first
from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.tools.traffic import CoherenceAdvice
from optimus_tui.grammar.events import Target, named_targets
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.coherence.events import EventWindow, Logged, find_clock
from optimus_tui.verdicts.coherence.keys import Tracking
from optimus_tui.verdicts.coherence.keys import judge as judge_cache
from optimus_tui.wording.numbers import UNKNOWN, part_of, percent, plural
from optimus_tui.wording.numbers import age as duration
from optimus_tui.wording.safe import safe_text

MARGIN_SECONDS = 5.0
"""Servers count idle time in whole seconds, and senders stamp an event after their unlink, which may take a while."""
ENOUGH_KEYS = 20
"""With fewer keys of a kind nobody knows how long they live."""
MAX_EVENTS = 2_000
MAX_KEYS = 300
MAX_MATCHED = 200_000
"""Names compared with patterns in all."""

Outcome = Literal["vanished", "refilled", "survived_stale", "suspected_stale", "unknown"]
NamesOf = Callable[[bytes | None, str], Iterable[Sequence[bytes]]]
"""Names of one kind (None: of all) and tenant, group by group."""
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
    COHERENCE_UNHEARD: (
        "events",
        "{said}",
        "See whether anything should be subscribed to the channels of these tenants",
    ),
}
"""By rule: type, message and action."""


class Lifetime(Struct, frozen=True):
    """The lifetime of a kind's keys: the longest TTL seen, and the number of keys with one."""

    longest_ms: int
    keys: int

    @property
    def ceiling_ms(self) -> float:
        """Return the TTL in ms that no key of the kind exceeds, with 95 % confidence.

        It is estimated from the largest of n evenly distributed values. Infinite with too few keys.
        """
        if self.keys >= ENOUGH_KEYS:
            return self.longest_ms * (1 + 3 / self.keys)
        return math.inf


class AuditPlan(Struct, frozen=True, kw_only=True):
    """Keys to examine, each with the newest event that named it. ``absent`` are patterns and keys without any match."""

    keys: dict[bytes, Logged]
    absent: int
    strange: int
    naming: int
    """Events of the window that name keys."""
    left_out: int


class Audited(Struct, frozen=True, kw_only=True):
    """One key with its verdict. ``age`` is the age of the event; ``refill_ms`` is estimated from the TTL."""

    key: bytes
    outcome: Outcome
    event: Logged
    age: float
    evidence: str
    ttl_ms: int | None = None
    idle: int | None = None
    refill_ms: float | None = None


def plan(events: Sequence[Logged], names_of: NamesOf, *, complete: bool) -> AuditPlan:
    """Return which keys to examine, those of the newest events first.

    Args:
        events: the events of the window.
        names_of: gives the known names of a kind and a tenant.
        complete: True if all names are known, so that no match means no key.
    """
    keys: dict[bytes, Logged] = {}
    settled: set[tuple[str, Target]] = set()
    absent = strange = naming = left_out = matched = 0
    for logged in events[:MAX_EVENTS]:
        targets, odd = named_targets(logged.payload)
        strange += odd
        naming += bool(targets)
        for target in targets:
            if (logged.event.tenant, target) in settled:
                continue
            settled.add((logged.event.tenant, target))
            if target.key is not None:
                found = [target.key]
            elif matched >= MAX_MATCHED:
                left_out += 1
                continue
            else:
                found, looked = _matching(target, names_of(target.kind, logged.event.tenant))
                matched += looked
                absent += complete and not found
            for name in found:
                if name in keys:
                    continue
                if len(keys) < MAX_KEYS:
                    keys[name] = logged
                else:
                    left_out += 1
    return AuditPlan(keys=keys, absent=absent, strange=strange, naming=naming, left_out=left_out)


def _matching(target: Target, groups: Iterable[Sequence[bytes]]) -> tuple[list[bytes], int]:
    found: list[bytes] = []
    looked = 0
    for names in groups:
        looked += len(names)
        found += [name for name in names if target.matches(name)]
        if looked >= MAX_MATCHED:
            break
    return found, looked


def lengthen(
    lifetimes: Mapping[bytes, Lifetime], looks: Iterable[tuple[bytes, int | None, int | None]]
) -> dict[bytes, Lifetime]:
    """Return lifetimes corrected by samples of keys: (kind, TTL in ms, idle seconds).

    A key lives at least as long as its remaining TTL plus the time it was idle. If nothing was written for a while, all
    TTLs are low, so the longest one is not the kind's maximum.
    """
    lived = dict(lifetimes)
    for kind, pttl_ms, idle in looks:
        known = lived.get(kind)
        if known is not None and pttl_ms is not None and pttl_ms >= 0 and idle is not None:
            least = pttl_ms + idle * 1000
            if least > known.longest_ms:
                lived[kind] = Lifetime(least, known.keys)
    return lived


def judge(
    key: bytes,
    logged: Logged,
    *,
    pttl_ms: int | None,
    idle: int | None,
    lifetime: Lifetime | None,
    wall: float,
    ahead: float = 0.0,
) -> Audited:
    """Return the verdict on one key at ``wall``. ``ahead``: how many seconds senders' clocks may run ahead of ours."""
    age, margin = max(0.0, wall - logged.at), MARGIN_SECONDS + ahead
    outcome, evidence, refill = _outcome(pttl_ms, idle, lifetime, age, margin)
    return Audited(
        key=key,
        outcome=outcome,
        event=logged,
        age=age,
        evidence=evidence,
        ttl_ms=pttl_ms if pttl_ms is not None and pttl_ms >= 0 else None,
        idle=idle,
        refill_ms=refill,
    )


def _outcome(
    pttl_ms: int | None, idle: int | None, lifetime: Lifetime | None, age: float, margin: float
) -> tuple[Outcome, str, float | None]:
    if pttl_ms == -2:
        return "vanished", "it does not exist", None
    if idle is not None and idle >= age + margin:
        return "survived_stale", f"untouched for {duration(idle)}, the event was {duration(age)} ago", None
    if pttl_ms is None:
        return "unknown", "its TTL could not be read", None
    if pttl_ms < 0:
        return "unknown", "it never expires, and was used since the event: when it was set is unknown", None
    if lifetime is None or lifetime.keys < ENOUGH_KEYS:
        return "unknown", f"fewer than {ENOUGH_KEYS} keys of its kind: how long these live is unknown", None
    then_ms = pttl_ms + age * 1000
    if then_ms - margin * 1000 > lifetime.ceiling_ms:
        text = f"if it had been set before the event, its TTL would have been {duration(then_ms / 1000)} then"
        return "refilled", f"{text}, more than any key of its kind", max(0.0, then_ms - lifetime.longest_ms)
    if then_ms + margin * 1000 < lifetime.longest_ms:
        text = f"its TTL is {duration(pttl_ms / 1000)}; if it had been set after the event, it would be"
        left = lifetime.longest_ms / 1000 - age
        return "suspected_stale", f"{text} {duration(left)} or more, as for others of its kind", None
    return "unknown", "its TTL fits a key set shortly before the event as well as one set after it", None


def count(audited: Iterable[Audited]) -> Mapping[Outcome, int]:
    """Return the number of keys for each outcome; every outcome is present."""
    counts: dict[Outcome, int] = dict.fromkeys(
        ("vanished", "refilled", "survived_stale", "suspected_stale", "unknown"), 0
    )
    for one in audited:
        counts[one.outcome] += 1
    return counts


class Facts(Struct, frozen=True, kw_only=True):
    """All measurements. None means not requested, or not known."""

    cache: CacheReport
    tracking: Tracking
    window: EventWindow | None = None
    audited: tuple[Audited, ...] | None = None
    unheard: tuple[str, ...] = ()
    """Tenants with events in the window whose channel nobody listens to."""


def find(facts: Facts, thresholds: Thresholds) -> tuple[Finding, ...]:
    """Return the findings of a coherence analysis, the worst first.

    Something unknown gets no recommendation (``advise``), only the finding that it is unknown.
    """
    found = [*judge_cache(facts.cache, thresholds).findings]
    audited = facts.audited or ()
    for rule, outcome in ((COHERENCE_STALE, "survived_stale"), (COHERENCE_SUSPECT, "suspected_stale")):
        keys = [one for one in audited if one.outcome == outcome]
        if keys:
            found.append(
                make_finding(
                    rule=rule,
                    subject="coherence",
                    keys=plural(len(keys), "cache key"),
                    names=_some(keys),
                    measured=float(len(keys)),
                    threshold=0.0,
                    unit="keys",
                    samples=len(audited),
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
            tracking = cache.coherence_keys or 0  # without any known, no finding speaks of them
            text = message.format(
                keys=cache.keys,
                tracking=tracking,
                share=percent(tracking / cache.keys) if cache.keys else UNKNOWN,
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


def _some(audited: Sequence[Audited]) -> str:
    return some_of([safe_text(one.key, 80) for one in audited])
