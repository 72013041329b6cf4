"""Counters that refuse requests now, for ever, or far longer than their window, and the likely cause. Pure.

No single client is blamed if nearly every tenant that uses an operation has used up its limit.
"""

from collections.abc import Mapping, Sequence
from functools import partial

from msgspec import Struct

from optimus_tui.contract.finding_rules import LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_OVER
from optimus_tui.contract.findings import Finding, Severity, each_or_one, some_of
from optimus_tui.contract.keyspace import LimitRow
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.verdicts.limits.words import (
    limit_subject,
    operation_words,
    subject_of,
    tenant_words,
    used_words,
)
from optimus_tui.wording.numbers import age, part_of, percent, plural

LONG_TTL_WINDOWS = 2
"""Two windows are allowed: some limiters keep the window before for a sliding average."""
COMMON_TENANTS, COMMON_SHARE = 3, 2 / 3
"""From so many tenants and such a share of all that use an operation, the limit is to blame and no single client."""


def immortals(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about counters that never reset."""
    return each_or_one(rows, _immortal, _immortals)


def _is_full(row: LimitRow) -> bool:
    """Return whether the counter has reached a known limit: its tenant is refused now."""
    return row.limit is not None and (row.counter.count or 0) >= row.limit


def _immortal(row: LimitRow) -> Finding:
    tenant = tenant_words(row.counter.tenant)
    impact = ""
    if _is_full(row):
        impact = phrase(LIMITS_IMMORTAL, "impact_full", tenant=tenant)
    elif row.limit is not None:
        left = plural(row.limit - (row.counter.count or 0), "more request")
        impact = phrase(LIMITS_IMMORTAL, "impact_left", tenant=tenant, left=left)
    return make_finding(
        rule=LIMITS_IMMORTAL,
        subject=subject_of(row),
        used=used_words(row),
        tenant=tenant,
        measured="no TTL",
        threshold="a TTL",
        samples=1,
        impact=impact,
    )


def _immortals(rows: Sequence[LimitRow]) -> Finding:
    return make_finding(
        rule=LIMITS_IMMORTAL,
        subject="several counters",
        many=True,
        count=len(rows),
        names=some_of([subject_of(row) for row in rows]),
        full=sum(_is_full(row) for row in rows),
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
    )


class CommonLimit(Struct, frozen=True):
    """An operation whose limit nearly every tenant that uses it has used up: ``over`` of ``tenants``."""

    operation: bytes
    over: int
    tenants: int


def common_limits(rows: Sequence[LimitRow]) -> dict[bytes, CommonLimit]:
    """Return the operations whose limit is too low for nearly all tenants, from the counters of all tenants."""
    users: dict[bytes, set[bytes]] = {}
    over: dict[bytes, set[bytes]] = {}
    for row in rows:
        if row.limit is not None and row.counter.count is not None:
            users.setdefault(row.counter.operation, set()).add(row.counter.tenant)
            if _is_full(row):
                over.setdefault(row.counter.operation, set()).add(row.counter.tenant)
    return {
        operation: CommonLimit(operation, len(tenants), len(users[operation]))
        for operation, tenants in over.items()
        if len(tenants) >= COMMON_TENANTS and len(tenants) >= COMMON_SHARE * len(users[operation])
    }


def used_up(
    rows: Sequence[LimitRow], window: float | None, common: Mapping[bytes, CommonLimit] | None = None
) -> list[Finding]:
    """Return the findings about used-up limits, of single tenants or of nearly all.

    ``common`` are the operations that nearly all have used up; None derives them from ``rows``.
    """
    if common is None:
        common = common_limits(rows)
    over = [row for row in rows if row.state == "over"]
    single = [row for row in over if row.counter.operation not in common]
    shared: dict[bytes, list[LimitRow]] = {}
    for row in over:
        if row.counter.operation in common:
            shared.setdefault(row.counter.operation, []).append(row)
    findings = [too_low(common[operation], found, window) for operation, found in shared.items()]
    return findings + each_or_one(single, lambda row: _over(row, window), lambda many: _overs(many, window))


def too_low(one: CommonLimit, over: Sequence[LimitRow], window: float | None) -> Finding:
    """Return the finding about a limit that nearly every tenant has used up. ``over`` are its used-up counters."""
    name = operation_words(one.operation)
    limits = sorted({row.limit for row in over if row.limit is not None})
    limit = phrase(LIMITS_OVER, "their_limits")
    if len(limits) == 1:
        limit = phrase(LIMITS_OVER, "the_limit", limit=limits[0] or 0)
    tenants = plural(one.over, "tenant is", "tenants are")
    return make_finding(
        rule=LIMITS_OVER,
        subject=limit_subject(one.operation),
        message=phrase(
            LIMITS_OVER,
            "shared",
            tenants=part_of(one.over, one.tenants, "tenant"),
            limit=limit,
            operation=name,
        ),
        measured=float(one.over),
        threshold=float(one.tenants),
        unit="tenants",
        samples=one.tenants,
        window_seconds=window,
        impact=phrase(LIMITS_OVER, "shared_impact", tenants=tenants, operation=name),
        remedy=phrase(LIMITS_OVER, "shared_remedy", operation=name),
    )


def _over(row: LimitRow, window: float | None) -> Finding:
    window = row.window_seconds or window
    if row.counter.count is None:
        return _uncounted(row, window)
    return make_finding(
        rule=LIMITS_OVER,
        subject=subject_of(row),
        message=_flagged(row) if row.counter.blocked else "",
        used=used_words(row),
        share=percent(row.share),
        measured=float(row.counter.count),
        threshold=float(row.limit or 0),
        unit="requests",
        samples=1,
        window_seconds=window,
    )


def _flagged(row: LimitRow) -> str:
    return phrase(LIMITS_OVER, "flagged", subject=subject_of(row))


def _uncounted(row: LimitRow, window: float | None) -> Finding:
    """Return the finding about a limiter that tells only that nothing is left, or that it refuses all requests."""
    told = partial(make_finding, rule=LIMITS_OVER, subject=subject_of(row), samples=1, window_seconds=window)
    if row.counter.blocked:
        return told(message=_flagged(row), measured="blocked", threshold="not blocked", unit="")
    nothing_left = phrase(LIMITS_OVER, "nothing_left", subject=subject_of(row))
    return told(message=nothing_left, measured=0.0, threshold=1.0, unit="requests left")


def _overs(rows: Sequence[LimitRow], window: float | None) -> Finding:
    tenants = len({row.counter.tenant for row in rows})
    return make_finding(
        rule=LIMITS_OVER,
        subject="several counters",
        many=True,
        count=len(rows),
        names=some_of([subject_of(row) for row in rows]),
        tenants=plural(tenants, "tenant is", "tenants are"),
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        window_seconds=window,
    )


def long_ttls(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about counters that live far longer than the window and keep their tenants blocked.

    If the window does not end with the TTL, a long TTL blocks nobody: some limiters keep several windows.
    """
    timed = [row for row in rows if row.counter.ttl_ms is not None and row.counter.ttl_is_reset]
    long = [row for row in timed if _lives_long(row)]
    everywhere = len(long) >= COMMON_TENANTS and len(long) == len(timed)
    return each_or_one(
        long,
        lambda row: _one_long_ttl(row, everywhere),
        lambda many: _many_long_ttls(many, everywhere),
    )


def _lives_long(row: LimitRow) -> bool:
    if row.window_seconds is None:
        return False
    return (row.counter.ttl_ms or 0) > LONG_TTL_WINDOWS * row.window_seconds * 1000 + 1000


def _one_long_ttl(row: LimitRow, everywhere: bool) -> Finding:
    seconds, window = (row.counter.ttl_ms or 0) / 1000, row.window_seconds or 0.0
    tenant, left, lasts = tenant_words(row.counter.tenant), age(seconds), age(window)
    impact = ""
    severity: Severity = "medium"
    if _is_full(row):
        impact = phrase(LIMITS_LONG_TTL, "impact_full", tenant=tenant, left=left, window=lasts)
        severity = "high"
    return make_finding(
        rule=LIMITS_LONG_TTL,
        severity=severity,
        subject=subject_of(row),
        used=used_words(row),
        tenant=tenant,
        left=left,
        window=lasts,
        measured=round(seconds),
        threshold=float(window),
        unit="s",
        samples=1,
        window_seconds=float(window),
        impact=impact,
        remedy=_long_remedy(everywhere),
    )


def _many_long_ttls(rows: Sequence[LimitRow], everywhere: bool) -> Finding:
    full = [row for row in rows if _is_full(row)]
    window = max(row.window_seconds or 0.0 for row in rows)
    left, lasts = age(max(row.counter.ttl_ms or 0 for row in rows) / 1000), age(window)
    names = some_of([subject_of(row) for row in full or rows])
    message = ""
    if everywhere:
        message = phrase(LIMITS_LONG_TTL, "all", window=lasts, left=left, names=names)
    severity: Severity = "medium"
    if full:
        severity = "high"
    return make_finding(
        rule=LIMITS_LONG_TTL,
        severity=severity,
        subject="several counters",
        many=True,
        message=message,
        count=len(rows),
        full=len(full),
        window=lasts,
        left=left,
        names=names,
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        window_seconds=float(window),
        remedy=_long_remedy(everywhere),
    )


def _long_remedy(everywhere: bool) -> str:
    if everywhere:
        return phrase(LIMITS_LONG_TTL, "remedy_all")
    return ""
