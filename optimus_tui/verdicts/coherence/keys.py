"""Judge the cache keys, and the tracking keys that should stand for them. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    CACHE_LARGE,
    CACHE_NO_TTL,
    CACHE_UNKNOWN_LAYOUT,
    COHERENCE_HIGH_OVERHEAD,
    COHERENCE_LOW_COVERAGE,
)
from optimus_tui.contract.findings import Finding, some_of, worst_first
from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.tools.common import if_known
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.shapes import LIMITER_WORDS
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.findings import layout_words
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text

MIN_KEYS = 100
"""Of fewer cache keys the coherence ratio says nothing: tracking is per tenant and kind, so a young or small cache has
nearly as many tracking keys as answers."""
BULK = b"bulk"


def judge(report: CacheReport, thresholds: Thresholds) -> CacheReport:
    """Return the report with its findings, the worst first."""
    findings = [*_ratio(report, thresholds), *_large(report, thresholds), *_without_ttl(report), *_unknown(report)]
    return replace(report, findings=worst_first(findings))


def _large(report: CacheReport, thresholds: Thresholds) -> list[Finding]:
    if report.keys <= thresholds.cache_keys_large:
        return []
    at_least = "at least "
    if report.coverage.complete:
        at_least = ""
    return [
        make_finding(
            rule=CACHE_LARGE,
            subject="cache keys",
            count=f"{at_least}{report.keys:,}",
            limit=thresholds.cache_keys_large,
            measured=float(report.keys),
            threshold=float(thresholds.cache_keys_large),
            unit="keys",
            samples=report.coverage.scanned,
        )
    ]


def _without_ttl(report: CacheReport) -> list[Finding]:
    kinds = [(kind.totals.kind, kind.totals.without_ttl) for kind in report.kinds if kind.totals.without_ttl]
    count = sum(number for _, number in kinds)
    if not count:
        return []
    kinds.sort(key=lambda item: -item[1])
    return [
        make_finding(
            rule=CACHE_NO_TTL,
            subject="cache keys",
            keys=plural(count, "cache key"),
            kinds=some_of([f"{safe_text(kind, 40)} {number:,}" for kind, number in kinds]),
            measured=float(count),
            threshold=0.0,
            unit="keys",
            samples=report.keys,
        )
    ]


def _unknown(report: CacheReport) -> list[Finding]:
    """Return the finding that only names of no known layout were found: whether anything is cached is unknown.

    Nothing is found missing where the profile names no cache keys.
    """
    if not report.unknown.reads_cache:
        return []
    known = sum(kind.totals.keys for kind in report.kinds if kind.totals.kind)
    if known or not report.unknown.count or not report.coverage.complete:
        return []
    if report.unknown.shapes and all(LIMITER_WORDS.search(text) for text, _ in report.unknown.shapes):
        return []  # all of them are counters, which limits.unknown_layout says
    return [
        make_finding(
            rule=CACHE_UNKNOWN_LAYOUT,
            subject="cache keys",
            layouts=layout_words(
                report.unknown, known=report.coverage.scanned - report.unknown.count, wanted="cache key"
            ),
            measured=float(report.unknown.count),
            threshold=0.0,
            unit="keys",
            samples=report.coverage.scanned,
        )
    ]


def _ratio(report: CacheReport, thresholds: Thresholds) -> list[Finding]:
    if report.coherence_keys is None or not report.coverage.complete or report.keys < MIN_KEYS:
        return []
    ratio = report.coherence_keys / report.keys
    low, high = thresholds.coherence_ratio_low, thresholds.coherence_ratio_high
    if low <= ratio <= high:
        return []
    rule, threshold = COHERENCE_HIGH_OVERHEAD, high
    if ratio < low:
        rule, threshold = COHERENCE_LOW_COVERAGE, low
    return [
        make_finding(
            rule=rule,
            subject="coherence",
            tracking=plural(report.coherence_keys, "tracking key"),
            keys=plural(report.keys, "cache key"),
            ratio=percent(ratio),
            limit=percent(threshold),
            measured=ratio,
            threshold=threshold,
            unit="ratio",
            samples=report.keys,
        )
    ]


NO_TRACKING = "the profile names no tracking keys"
Group = tuple[bytes, bytes]
"""Kind and tenant."""
OwnerOf = Callable[[bytes], Group | None]
"""The group that a cache key is in; None where there is no such key."""


class Tracking(Struct, frozen=True, kw_only=True):
    """``orphans`` are tracking keys without a cache key, ``untracked`` cache keys without a tracking key.

    None if unknown, with the reason in ``unknown``.
    """

    orphans: int | None
    untracked: int | None
    not_understood: int | None = 0
    immortal_orphans: int = 0
    examples: tuple[bytes, ...] = ()
    unknown: str | None = None


class _Seen:
    """The keys that were found to be tracked."""

    def __init__(self) -> None:
        self.groups: set[Group] = set()
        self.tenants: set[bytes] = set()
        self.names: dict[bytes, Group] = {}


def match(
    tracking: Iterable[tuple[bytes, bool]],
    groups: Mapping[Group, int],
    tenants: Collection[bytes],
    owner_of: OwnerOf,
    *,
    layout: KeyLayout,
    complete: bool,
) -> Tracking:
    """Match tracking keys with cache keys.

    Args:
        tracking: names of tracking keys, each with True if it never expires.
        groups: the number of cache keys by kind and tenant.
        tenants: further tenants, in addition to those of ``groups``.
        owner_of: returns the group of a cache key.
        layout: the layout that names them; if it names no tracking keys, the result is unknown.
        complete: whether the whole keyspace was read; if not, the result is unknown.
    """
    if not layout.names_tracking:
        return Tracking(orphans=None, untracked=None, not_understood=None, unknown=NO_TRACKING)
    if not complete:
        return Tracking(orphans=None, untracked=None, unknown="the keyspace was not read completely")
    kinds = {kind for kind, _ in groups}
    owners = {tenant for _, tenant in groups} | set(tenants)
    seen, orphans, understood, strange, immortal = _Seen(), [], 0, 0, 0
    for name, never in tracking:
        names = _names_tracked(layout, name)
        verdict = _stands_for(names, groups, kinds, owners, owner_of, seen)
        if verdict is None:
            strange += 1
            continue
        understood += 1
        if not verdict:
            orphans.append(name)
            immortal += never
    if strange and not understood:
        reason = "no tracking key's name says which cache keys it stands for"
        return Tracking(orphans=None, untracked=None, not_understood=strange, unknown=reason)
    return Tracking(
        orphans=len(orphans),
        untracked=_untracked(groups, seen),
        not_understood=strange,
        immortal_orphans=immortal,
        examples=tuple(sorted(orphans)[:5]),
    )


def _names_tracked(layout: KeyLayout, name: bytes) -> tuple[bytes, ...]:
    """Return what a tracking key's name says of cache keys: ``tenant:kind``, or the same as the name of one key."""
    parsed = layout.parse(name)
    rest = parsed.rest
    if parsed.tenant:
        rest = parsed.tenant + b":" + (BULK if rest == name else rest)
    return rest, *(head + rest for head in layout.cache_heads if head and not rest.startswith(head))


def _stands_for(
    names: tuple[bytes, ...],
    groups: Mapping[Group, int],
    kinds: Collection[bytes],
    owners: Collection[bytes],
    owner_of: OwnerOf,
    seen: _Seen,
) -> bool | None:
    """Return whether the name stands for a cache key; None if the name does not tell."""
    for whole in names:
        owner = owner_of(whole)
        if owner is not None:
            seen.names[whole] = owner
            return True
    rest = names[0]
    tenant, _, kind = rest.rpartition(b":")
    first, _, last = rest.partition(b":")
    if tenant and kind == BULK:
        seen.tenants.add(tenant)
        return tenant in {owner for _, owner in groups} or (if_known(not (tenant not in owners), False))
    for group in ((kind, tenant), (first, last)):
        if group in groups:
            seen.groups.add(group)
            return True
    named = (tenant in owners and kind) or (kind in kinds and tenant) or (first in kinds and last)
    if named:
        return False
    return None


def _untracked(groups: Mapping[Group, int], seen: _Seen) -> int:
    """Cache keys that neither their group, nor their tenant, nor their own name tracks."""
    covered = {group for group in groups if group in seen.groups or group[1] in seen.tenants}
    alone = sum(owner not in covered for owner in seen.names.values())
    return sum(keys for group, keys in groups.items() if group not in covered) - alone
