"""What is wrong with the rate limits, as sentences with the rule and the figures behind them. Pure."""

from collections.abc import Mapping, Sequence

from optimus_tui.contract.finding_rules import LIMITS_NEAR, LIMITS_TENANT_SHARE, LIMITS_TOTAL
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.limits import LimitRow, LimitsReport, TenantCount
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.blocked import CommonLimit, immortals, long_ttls, used_up
from optimus_tui.verdicts.limits.unusable import broken, foreign, kept, unusable_rules
from optimus_tui.verdicts.limits.words import subject_of, tenant_words, used_words
from optimus_tui.verdicts.sorting import each_or_one, some_of, worst_first
from optimus_tui.wording.numbers import percent


def find(
    report: LimitsReport, thresholds: Thresholds, common: Mapping[bytes, CommonLimit] | None = None
) -> tuple[Finding, ...]:
    """Return all findings about rate limits, the worst first.

    ``report`` has its rows in order and no findings yet. ``common`` are operations whose limit nearly all tenants have
    used up; None derives them from the report's rows.
    """
    by_state: dict[str, list[LimitRow]] = {}
    for row in report.rows:
        by_state.setdefault(row.state, []).append(row)
    window = None
    if report.rules:
        window = float(report.rules.window_seconds)
    crowded = [tenant for tenant in report.tenants if tenant.counters > thresholds.tenant_active_limits]
    findings = immortals(by_state.get("immortal", []))
    findings += used_up(report.rows, window, common)
    findings += long_ttls(report.rows, report.rules)
    findings += each_or_one(
        crowded, lambda tenant: _crowded(tenant, thresholds), lambda tenants: _crowds(tenants, thresholds)
    )
    findings += _total(report, thresholds)
    unread = by_state.get("broken", [])
    findings += broken([row for row in unread if not row.counter.foreign])
    findings += foreign([row for row in unread if row.counter.foreign])
    findings += kept([row for row in report.rows if row.counter.immortal and row.counter.sliding])
    findings += unusable_rules(report.rules)
    near = thresholds.near_limit
    findings += each_or_one(by_state.get("near", []), lambda row: _near(row, near), lambda rows: _nears(rows, near))
    return worst_first(findings)


def _crowded(tenant: TenantCount, thresholds: Thresholds) -> Finding:
    return make_finding(
        rule=LIMITS_TENANT_SHARE,
        subject=tenant_words(tenant.tenant),
        count=tenant.counters,
        limit=thresholds.tenant_active_limits,
        measured=float(tenant.counters),
        threshold=float(thresholds.tenant_active_limits),
        unit="counters",
        samples=tenant.counters,
    )


def _crowds(tenants: Sequence[TenantCount], thresholds: Thresholds) -> Finding:
    return make_finding(
        rule=LIMITS_TENANT_SHARE,
        subject="several tenants",
        many=True,
        count=len(tenants),
        limit=thresholds.tenant_active_limits,
        names=some_of([f"{tenant_words(t.tenant)} {t.counters:,}" for t in tenants]),
        measured=float(len(tenants)),
        threshold=0.0,
        unit="tenants",
        samples=len(tenants),
    )


def _total(report: LimitsReport, thresholds: Thresholds) -> list[Finding]:
    keys = report.total + report.unparsed.count - report.unparsed.shown
    if keys <= thresholds.limit_keys:
        return []
    at_least = "at least "
    if report.coverage.complete:
        at_least = ""
    return [
        make_finding(
            rule=LIMITS_TOTAL,
            subject="rate limits",
            count=f"{at_least}{keys:,}",
            limit=thresholds.limit_keys,
            measured=float(keys),
            threshold=float(thresholds.limit_keys),
            unit="keys",
            samples=keys,
        )
    ]


def _near(row: LimitRow, near: float) -> Finding:
    return make_finding(
        rule=LIMITS_NEAR,
        subject=subject_of(row),
        used=used_words(row),
        share=percent(row.share),
        measured=row.share,
        threshold=near,
        unit="share",
        samples=1,
    )


def _nears(rows: Sequence[LimitRow], near: float) -> Finding:
    return make_finding(
        rule=LIMITS_NEAR,
        subject="several counters",
        many=True,
        count=len(rows),
        names=some_of([subject_of(row) for row in rows]),
        share=percent(near),
        measured=float(len(rows)),
        threshold=0.0,
        unit="counters",
        samples=len(rows),
    )
