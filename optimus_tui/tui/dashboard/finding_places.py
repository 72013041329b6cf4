"""Find the row that a finding is about: its pane, and the key of the row there. Pure.

A finding names its subject as safe text, not as the bytes in Redis, so its row is looked up in the last readings. If
the subject has no row of its own, the closest row is used, and ``note`` says so.
"""

import re
from collections.abc import Callable, Hashable
from typing import NamedTuple

from optimus_tui.contract.finding_rules import CACHE_BULK, CACHE_NO_TTL, rule_of
from optimus_tui.contract.findings import MANY_COUNTERS, Finding
from optimus_tui.contract.keyspace import CacheReport, LimitRow, LimitsReport
from optimus_tui.verdicts.limits.words import limit_subject, subject_of, tenant_words

SERVICES = ("gateway", "engine", "redis", "postgres", "hit rate")
"""Subjects that are lines of the health pane's table by the same name."""
_PANES = ("health", "limits", "cache", "feed")
_MEMORY = ("server.memory", "memory.growth", "memory.client_buffers", "memory.output_buffer")
_LINES = {
    "breaker": "gateway",
    "errors": "gateway",
    "gateway": "gateway",
    "integration": "engine",
    "latency": "gateway",
    "memory": "memory",
    "metrics": "gateway",
    "proxy": "gateway",
    "redis": "redis",
    "server": "redis",
}
"""The line of the health pane that stands for what has none of its own, by the family of the rule."""
_WHOLE = {"cache": "cache", "coherence": "cache", "compare": "cache", "events": "feed", "feed": "feed"}
"""The pane that a finding of this family is about as a whole."""

_OF_ONE_TENANT = re.compile(r" of ([\w.-]+) in the last ")


class Place(NamedTuple):
    """A row of a pane; ``key`` is None if the finding is about the pane as a whole."""

    pane: str
    key: Hashable = None
    filter: str = ""
    """What the pane is narrowed down to."""
    opened: tuple[tuple[bytes, bytes | None], ...] = ()
    """Groups of the cache pane that have to be open for the row to be there."""
    note: str = ""
    """Why it is this row, where the finding's subject has none; empty otherwise."""


def place_of(finding: Finding, limits: LimitsReport | None, cache: CacheReport | None) -> Place | str:
    """Return the place of a finding's row, or one sentence that says why there is none.

    Args:
        finding: The finding.
        limits: The counters as last read; None before the first reading.
        cache: The cache keys as last read; None before the first reading.
    """
    subject, rule = finding.subject, rule_of(finding.rule)
    if subject in SERVICES:
        return Place("health", ("memory" if finding.rule in _MEMORY else subject, 0))
    counter = _counter(finding, limits)
    if counter is not None:
        return counter
    if rule.family == "limits":
        return _without_counter(finding, limits)
    if finding.rule == CACHE_NO_TTL:
        return _without_ttl(cache)
    if finding.rule == CACHE_BULK:
        return _bulk_events(finding)
    if rule.family == "source" and subject in _PANES:
        return Place(subject, note=f"all of {subject}: it is not read any more")
    if rule.family in _WHOLE:
        return Place(_WHOLE[rule.family], note="this finding is about all of them, not about one row")
    if rule.family in _LINES:
        line = _LINES[rule.family]
        if "gateway" in subject or subject.startswith("route "):
            line = "gateway"
        return Place("health", (line, 0), note=f"{subject} has no row of its own: this is the row of {line}")
    return f"no pane has a row for {subject}"


def _counter(finding: Finding, limits: LimitsReport | None) -> Place | None:
    """Return the most urgent counter that the subject names; None where it names none that was read."""
    if limits is None:
        return None
    subject, state = finding.subject, rule_of(finding.rule).limit_state
    tests: list[Callable[[LimitRow], bool]] = [
        lambda row: subject_of(row) == subject,
        lambda row: tenant_words(row.counter.tenant) == subject,
        lambda row: limit_subject(row.counter.operation) == subject,
    ]
    if subject in MANY_COUNTERS:
        tests = [lambda row: state in (None, row.state)]
    for test in tests:
        row = next((row for row in limits.rows if test(row)), None)
        if row is not None:
            note = ""
            if subject in MANY_COUNTERS:
                note = f"the most urgent of {subject}"
            return Place("limits", row.counter.key, note=note)
    return None


def _without_counter(finding: Finding, limits: LimitsReport | None) -> Place | str:
    if finding.subject in ("rate limits", "published limits"):
        return Place("limits", note="this finding is about all of them, not about one row")
    if limits is None:
        return "the rate limits have not been read yet: try again in a moment"
    if finding.subject in MANY_COUNTERS:
        return "none of these counters is there any more: they expired or were reset"
    if not limits.coverage.complete:
        return f"{finding.subject} is not among the counters read so far"
    return f"the counter of {finding.subject} is gone: it expired or was reset"


def _bulk_events(finding: Finding) -> Place:
    """Return the feed narrowed down to bulk invalidations; if one tenant has most of them, to those of this tenant."""
    words, note = "type:bulk", "the bulk invalidations in the feed"
    tenant = _OF_ONE_TENANT.search(finding.message)
    if tenant is not None:
        words, note = f"{words} tenant:={tenant[1]}", f"the bulk invalidations of {tenant[1]} in the feed"
    return Place("feed", filter=words, note=note)


def _without_ttl(cache: CacheReport | None) -> Place | str:
    """Return the tenant with the most keys that never expire, in the kind that has the most of them."""
    if cache is None:
        return "the cache keys have not been read yet: try again in a moment"
    kinds = [kind for kind in cache.kinds if kind.totals.without_ttl]
    if not kinds:
        return "no cache key without a TTL is there any more"
    kind = max(kinds, key=lambda one: one.totals.without_ttl)
    whole = (kind.totals.kind, None)
    tenants = [group for group in kind.tenants if group.without_ttl]
    if not tenants:
        return Place("cache", whole)
    worst = max(tenants, key=lambda one: one.without_ttl)
    return Place("cache", (worst.kind, worst.tenant), opened=(whole,))
