"""What is wrong with the rate limits, as sentences with the rule and the figures behind them. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitsReport, TenantCount
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.order import each_or_one, some_of, worst_first
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text


def find(report: LimitsReport, thresholds: Thresholds) -> tuple[Finding, ...]:
    """All findings of the subject, the worst first. ``report`` has its rows in order and no findings yet."""
    by_state: dict[str, list[LimitRow]] = {}
    for row in report.rows:
        by_state.setdefault(row.state, []).append(row)
    window = float(report.rules.window_seconds) if report.rules else None
    crowded = [tenant for tenant in report.tenants if tenant.counters > thresholds.tenant_active_limits]
    findings = each_or_one(by_state.get("immortal", []), _immortal, _immortals)
    findings += each_or_one(by_state.get("over", []), lambda row: _over(row, window), lambda rows: _overs(rows, window))
    findings += each_or_one(
        crowded, lambda tenant: _crowded(tenant, thresholds), lambda tenants: _crowds(tenants, thresholds)
    )
    findings += _total(report, thresholds)
    findings += _broken(by_state.get("broken", []))
    near = thresholds.near_limit
    findings += each_or_one(by_state.get("near", []), lambda row: _near(row, near), lambda rows: _nears(rows, near))
    return worst_first(findings)


def subject_of(row: LimitRow) -> str:
    """``tenant / operation`` as safe text."""
    return f"{safe_text(row.counter.tenant, 60)} / {safe_text(row.counter.operation, 40)}"


def _used(row: LimitRow) -> str:
    count = "?" if row.counter.count is None else f"{row.counter.count:,}"
    return f"{count} of {'an unknown limit' if row.limit is None else f'{row.limit:,}'}"


def _immortal(row: LimitRow) -> Finding:
    name, tenant = subject_of(row), safe_text(row.counter.tenant, 60)
    if row.limit is not None and (row.counter.count or 0) >= row.limit:
        impact = f"{tenant} is refused (429) on every such request, for ever: no window will end it."
    elif row.limit is not None:
        left = row.limit - (row.counter.count or 0)
        impact = f"The count only grows: after {plural(left, 'more request')} {tenant} is refused for ever."
    else:
        impact = f"The count only grows: once it reaches its limit, {tenant} is refused for ever."
    return Finding(
        rule="limits.immortal",
        severity="critical",
        subject=name,
        message=f"{name} never resets: its counter has no TTL ({_used(row)})",
        measured="no TTL",
        threshold="a TTL",
        samples=1,
        impact=impact,
        remedy="Give this one counter a TTL (keeps its count) or reset it; then find what wrote it without one.",
    )


def _immortals(rows: Sequence[LimitRow]) -> Finding:
    blocked = sum(1 for row in rows if row.limit is not None and (row.counter.count or 0) >= row.limit)
    return Finding(
        rule="limits.immortal",
        severity="critical",
        subject="several counters",
        message=f"{len(rows):,} counters never reset (no TTL): {some_of([subject_of(row) for row in rows])}",
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        impact=f"{blocked:,} of them are full: those tenants are refused (429) for ever. The others will follow.",
        remedy="So many at once point to the writer: look at how the gateway sets the window, then repair each tenant.",
    )


def _over(row: LimitRow, window: float | None) -> Finding:
    name = subject_of(row)
    return Finding(
        rule="limits.over",
        severity="high",
        subject=name,
        message=f"{name} has used up its limit: {_used(row)} ({percent(row.share)})",
        measured=float(row.counter.count or 0),
        threshold=float(row.limit or 0),
        unit="requests",
        samples=1,
        window_seconds=window,
        impact="The next such request is answered 429 until the window ends.",
        remedy="Wait for the reset, look for a client that loops, or raise this tenant's limit.",
    )


def _overs(rows: Sequence[LimitRow], window: float | None) -> Finding:
    tenants = len({row.counter.tenant for row in rows})
    return Finding(
        rule="limits.over",
        severity="high",
        subject="several counters",
        message=f"{len(rows):,} counters have used up their limit: {some_of([subject_of(row) for row in rows])}",
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        window_seconds=window,
        impact=f"{plural(tenants, 'tenant is', 'tenants are')} answered 429 on these operations until the windows end.",
        remedy="So many at once: check whether the limits fit the traffic, and what the tenants have in common.",
    )


def _crowded(tenant: TenantCount, thresholds: Thresholds) -> Finding:
    name = safe_text(tenant.tenant, 60)
    return Finding(
        rule="limits.tenant_share",
        severity="high",
        subject=name,
        message=f"{name} holds {tenant.counters:,} active limits, more than {thresholds.tenant_active_limits:,}",
        measured=float(tenant.counters),
        threshold=float(thresholds.tenant_active_limits),
        unit="counters",
        samples=tenant.counters,
        impact="One tenant is busy on unusually many operations at once: a runaway client, or names made up by one.",
        remedy="Look at this tenant's operations: unknown names point to a client that invents them.",
    )


def _crowds(tenants: Sequence[TenantCount], thresholds: Thresholds) -> Finding:
    bar = thresholds.tenant_active_limits
    return Finding(
        rule="limits.tenant_share",
        severity="high",
        subject="several tenants",
        message=f"{len(tenants):,} tenants hold more than {bar:,} active limits each: "
        + some_of([f"{safe_text(t.tenant, 60)} {t.counters:,}" for t in tenants]),
        measured=float(len(tenants)),
        threshold=0.0,
        unit="tenants",
        samples=len(tenants),
        impact="Many tenants are busy on unusually many operations at once.",
        remedy="Check whether a release added operations, or whether names are being made up.",
    )


def _total(report: LimitsReport, thresholds: Thresholds) -> list[Finding]:
    keys = report.total + report.unparsed
    if keys <= thresholds.limit_keys:
        return []
    at_least = "" if report.coverage.complete else "at least "
    return [
        Finding(
            rule="limits.total",
            severity="medium",
            subject="rate limits",
            message=f"{at_least}{keys:,} rate-limit keys, more than {thresholds.limit_keys:,}",
            measured=float(keys),
            threshold=float(thresholds.limit_keys),
            unit="keys",
            samples=keys,
            impact="Redis carries more windows than expected: many active tenants, or keys that pile up.",
            remedy="See which tenants hold the most, and whether their counters have TTLs.",
        )
    ]


def _broken(rows: Sequence[LimitRow]) -> list[Finding]:
    if not rows:
        return []
    first = rows[0].counter
    problem = first.problem or "not a count"
    if len(rows) == 1:
        subject, message = subject_of(rows[0]), f"{subject_of(rows[0])} cannot be read as a counter: {problem}"
    else:
        subject = "several counters"
        names = some_of([subject_of(row) for row in rows])
        message = f"{len(rows):,} keys under rate_limit: cannot be read as counters: {names}"
    return [
        Finding(
            rule="limits.broken",
            severity="medium",
            subject=subject,
            message=message,
            measured=problem if len(rows) == 1 else float(len(rows)),
            threshold="a whole number" if len(rows) == 1 else 0.0,
            unit="" if len(rows) == 1 else "keys",
            samples=len(rows),
            impact="How much of these limits is used is unknown, and the gateway's own increments may fail on them.",
            remedy="Find what wrote another type or text under this name.",
        )
    ]


def _near(row: LimitRow, near: float) -> Finding:
    name = subject_of(row)
    return Finding(
        rule="limits.near",
        severity="low",
        subject=name,
        message=f"{name} is near its limit: {_used(row)} ({percent(row.share)})",
        measured=row.share,
        threshold=near,
        unit="share",
        samples=1,
        impact="It will be answered 429 before its window ends if it goes on like this.",
        remedy="Nothing yet; watch its slope.",
    )


def _nears(rows: Sequence[LimitRow], near: float) -> Finding:
    return Finding(
        rule="limits.near",
        severity="low",
        subject="several counters",
        message=f"{len(rows):,} counters are near their limits: {some_of([subject_of(row) for row in rows])}",
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
        impact=f"Each has used {percent(near)} or more of its window.",
        remedy="Nothing yet; watch their slopes.",
    )
