"""Counters that refuse requests, now, for ever or far longer than their window, and the likely cause. Pure.

No single client is blamed where nearly every tenant that uses an operation has used up its limit.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from optimus_tui.contract.finding_rules import LIMITS_IMMORTAL, LIMITS_LONG_TTL, LIMITS_OVER
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.limits import LimitRow, LimitRules
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.verdicts.limits.words import (
    duration_words,
    limit_subject,
    operation_words,
    subject_of,
    tenant_words,
    used_words,
)
from optimus_tui.verdicts.sorting import each_or_one, some_of
from optimus_tui.wording.numbers import part_of, percent, plural

LONG_TTL_WINDOWS = 2
"""Two windows are allowed: some limiters keep the window before for a sliding average."""
COMMON_TENANTS, COMMON_SHARE = 3, 2 / 3
"""From so many tenants and such a share of all that use an operation, the limit is to blame and no single client."""


def immortals(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about counters that never reset."""
    return each_or_one(rows, _immortal, _immortals)


def _is_full(row: LimitRow) -> bool:
    """Whether the counter has reached a known limit: its tenant is refused now."""
    return row.limit is not None and (row.counter.count or 0) >= row.limit


def _immortal(row: LimitRow) -> Finding:
    name, tenant = subject_of(row), tenant_words(row.counter.tenant)
    if _is_full(row):
        impact = f"{tenant} is refused (429) on every such request, for ever: no window will end it."
    elif row.limit is not None:
        left = row.limit - (row.counter.count or 0)
        impact = f"The count only grows: after {plural(left, 'more request')} {tenant} is refused for ever."
    else:
        impact = f"The count only grows: once it reaches its limit, {tenant} is refused for ever."
    return make_finding(
        rule=LIMITS_IMMORTAL,
        subject=name,
        message=f"{name} never resets: its counter has no TTL ({used_words(row)})",
        measured="no TTL",
        threshold="a TTL",
        samples=1,
        impact=impact,
    )


def _immortals(rows: Sequence[LimitRow]) -> Finding:
    blocked = sum(_is_full(row) for row in rows)
    return make_finding(
        rule=LIMITS_IMMORTAL,
        subject="several counters",
        many=True,
        message=f"{len(rows):,} counters never reset (no TTL): {some_of([subject_of(row) for row in rows])}",
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        impact=f"{blocked:,} of them are full: those tenants are refused (429) for ever. The others will follow.",
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
    """Return the findings about used-up limits: of single tenants, or of nearly all.

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
    """Return the finding about a limit that nearly every tenant has used up. ``over`` are counters of it."""
    name = operation_words(one.operation)
    limits = sorted({row.limit for row in over if row.limit is not None})
    what = "their limits"
    if len(limits) == 1:
        what = f"the limit of {limits[0]:,}"
    return make_finding(
        rule=LIMITS_OVER,
        subject=limit_subject(one.operation),
        message=f"{part_of(one.over, one.tenants, 'tenant')} have used up {what} for {name}: "
        "the limit is too low for this traffic, or one limit is shared by all",
        measured=float(one.over),
        threshold=float(one.tenants),
        unit="tenants",
        samples=one.tenants,
        window_seconds=window,
        impact=f"{plural(one.over, 'tenant is', 'tenants are')} answered 429 on {name} until the windows end.",
        remedy=f"Raise the limit of {name}, or check whether the gateway counts all tenants together (one address or"
        " one key behind a proxy); no single client is to blame.",
    )


def _over(row: LimitRow, window: float | None) -> Finding:
    name = subject_of(row)
    return make_finding(
        rule=LIMITS_OVER,
        subject=name,
        message=f"{name} has used up its limit: {used_words(row)} ({percent(row.share)})",
        measured=float(row.counter.count or 0),
        threshold=float(row.limit or 0),
        unit="requests",
        samples=1,
        window_seconds=window,
    )


def _overs(rows: Sequence[LimitRow], window: float | None) -> Finding:
    tenants = len({row.counter.tenant for row in rows})
    return make_finding(
        rule=LIMITS_OVER,
        subject="several counters",
        many=True,
        message=f"{len(rows):,} counters have used up their limit: {some_of([subject_of(row) for row in rows])}",
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        window_seconds=window,
        impact=f"{plural(tenants, 'tenant is', 'tenants are')} answered 429 on these operations until the windows end.",
    )


def long_ttls(rows: Sequence[LimitRow], rules: LimitRules | None) -> list[Finding]:
    """Return the findings about counters that live far longer than the window and keep their tenants blocked."""
    if rules is None:
        return []
    most = LONG_TTL_WINDOWS * rules.window_seconds * 1000 + 1000
    timed = [row for row in rows if row.counter.ttl_ms is not None]
    long = [row for row in timed if (row.counter.ttl_ms or 0) > most]
    everywhere = len(long) >= COMMON_TENANTS and len(long) == len(timed)
    return each_or_one(
        long,
        lambda row: _long_ttl(row, rules.window_seconds, everywhere),
        lambda many: _long_ttls(many, rules.window_seconds, everywhere),
    )


def _long_ttl(row: LimitRow, window: int, everywhere: bool) -> Finding:
    left = (row.counter.ttl_ms or 0) / 1000
    full = _is_full(row)
    tenant = tenant_words(row.counter.tenant)
    blocked = f"{tenant} is answered 429 for {duration_words(left)}, not for {duration_words(window)}."
    severity: Severity = "medium"
    if full:
        impact = blocked
        severity = "high"
    else:
        impact = f"It counts on long after its window: once it is full, {blocked}"
    return make_finding(
        rule=LIMITS_LONG_TTL,
        severity=severity,
        subject=subject_of(row),
        message=f"{subject_of(row)} lives for {duration_words(left)} more in a window of {duration_words(window)}"
        f" ({used_words(row)})",
        measured=round(left),
        threshold=float(window),
        unit="s",
        samples=1,
        window_seconds=float(window),
        impact=impact,
        remedy=_long_remedy(everywhere),
    )


def _long_ttls(rows: Sequence[LimitRow], window: int, everywhere: bool) -> Finding:
    full = [row for row in rows if _is_full(row)]
    longest = max(row.counter.ttl_ms or 0 for row in rows) / 1000
    which = "all counters live"
    if not everywhere:
        which = f"{len(rows):,} counters live"
    severity: Severity = "medium"
    if full:
        severity = "high"
    return make_finding(
        rule=LIMITS_LONG_TTL,
        severity=severity,
        subject="several counters",
        message=f"{which} far longer than the window of {duration_words(window)}, up to {duration_words(longest)}: "
        + some_of([subject_of(row) for row in full or rows]),
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        window_seconds=float(window),
        impact=f"{len(full):,} of them are full: those tenants are refused (429) until the TTL ends.",
        remedy=_long_remedy(everywhere),
    )


def _long_remedy(everywhere: bool) -> str:
    if everywhere:
        return (
            "All counters live so long: the published window_seconds is not the one in force, or the writer's TTL is."
        )
    return "Find what sets this TTL (a unit mixed up, a TTL set anew) and make it one window."
