"""Findings about rate limits: counters that refuse requests, values that cannot be used, unknown layouts. Pure."""

from collections.abc import Mapping, Sequence

from optimus_tui.contract.finding_rules import (
    LIMITS_BROKEN,
    LIMITS_KEPT,
    LIMITS_NEAR,
    LIMITS_NODE_AWAY,
    LIMITS_RULES,
    LIMITS_TENANT_SHARE,
    LIMITS_TOTAL,
    LIMITS_UNKNOWN_LAYOUT,
)
from optimus_tui.contract.findings import Finding, Severity, each_or_one, some_of, worst_first
from optimus_tui.contract.keyspace import ALL_TENANTS, LimitRow, LimitRules, LimitsReport, TenantCount, UnknownLayout
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.heads import presets_of
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.blocked import CommonLimit, immortals, long_ttls, used_up
from optimus_tui.verdicts.limits.words import subject_of, tenant_words, used_words
from optimus_tui.wording.numbers import agreeing, percent, plural

SHOWN = 3


def broken(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold no count at all."""
    if not rows:
        return []
    if len(rows) > 1:
        return [_several(rows, "several counters")]
    problem = rows[0].counter.problem or "not a count"
    return [_single(rows[0], problem)]


def foreign(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about keys that hold another limiter's numbers."""
    if not rows:
        return []
    texts = {"impact": phrase(LIMITS_BROKEN, "foreign_impact"), "remedy": phrase(LIMITS_BROKEN, "foreign_remedy")}
    if len(rows) > 1:
        sentence = phrase(LIMITS_BROKEN, "foreign_many", count=len(rows), names=_names(rows))
        return [_several(rows, "several counters of another limiter", message=sentence, **texts)]
    problem = (rows[0].counter.problem or "a number").partition(":")[0]
    sentence = phrase(LIMITS_BROKEN, "foreign", subject=subject_of(rows[0]), problem=problem)
    return [_single(rows[0], problem, message=sentence, **texts)]


def _single(row: LimitRow, problem: str, *, message: str = "", impact: str = "", remedy: str = "") -> Finding:
    return make_finding(
        rule=LIMITS_BROKEN,
        subject=subject_of(row),
        message=message,
        problem=problem,
        measured=problem,
        threshold="a whole number",
        samples=1,
        impact=impact,
        remedy=remedy,
    )


def _several(
    rows: Sequence[LimitRow], subject: str, *, message: str = "", impact: str = "", remedy: str = ""
) -> Finding:
    return make_finding(
        rule=LIMITS_BROKEN,
        subject=subject,
        many=True,
        message=message,
        count=len(rows),
        names=_names(rows),
        measured=float(len(rows)),
        threshold=0.0,
        unit="keys",
        samples=len(rows),
        impact=impact,
        remedy=remedy,
    )


def _names(rows: Sequence[LimitRow]) -> str:
    return some_of([subject_of(row) for row in rows])


def node_away(rows: Sequence[LimitRow], of: Sequence[LimitRow]) -> list[Finding]:
    """Return a finding about counters whose node is away, with how many of all tenants have such counters."""
    if not rows:
        return []
    tenants, total = ({row.counter.tenant for row in some} for some in (rows, of))
    return [
        make_finding(
            rule=LIMITS_NODE_AWAY,
            subject="counters of a node",
            count=len(rows),
            all=len(of),
            tenants=len(tenants),
            total=len(total),
            share=percent(len(tenants) / len(total)),
            names=_names(rows),
            measured=float(len(tenants)),
            threshold=0.0,
            unit="tenants",
            samples=len(rows),
        )
    ]


def kept(rows: Sequence[LimitRow]) -> list[Finding]:
    """Return the findings about sliding windows without a TTL, which block nobody."""
    if not rows:
        return []
    subject = "several windows"
    if len(rows) == 1:
        subject = subject_of(rows[0])
    return [
        make_finding(
            rule=LIMITS_KEPT,
            subject=subject,
            many=len(rows) > 1,
            names=_names(rows),
            measured="no TTL",
            threshold="a TTL",
            samples=len(rows),
        )
    ]


def unusable_rules(rules: LimitRules | None) -> list[Finding]:
    """Return a finding about published limits that make no sense."""
    if rules is None or not rules.problem:
        return []
    return [
        make_finding(
            rule=LIMITS_RULES,
            subject="published limits",
            problem=rules.problem,
            measured="unusable",
            threshold="whole numbers from 1",
            samples=1,
        )
    ]


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
    limit = thresholds.tenant_active_limits
    crowded = [one for one in report.tenants if one.counters > limit and one.tenant != ALL_TENANTS.encode()]
    findings = immortals(by_state.get("immortal", []))
    findings += used_up(report.rows, window, common)
    findings += long_ttls(report.rows)
    findings += each_or_one(
        crowded, lambda tenant: _crowded(tenant, thresholds), lambda tenants: _crowds(tenants, thresholds)
    )
    findings += _total(report, thresholds)
    unread = by_state.get("broken", [])
    findings += broken([row for row in unread if not row.counter.foreign])
    findings += node_away(by_state.get("unknown", []), report.rows)
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


def layout_words(unknown: UnknownLayout, *, known: int = 0, shown: int = SHOWN, wanted: str = "") -> str:
    """Return ``15 keys, none in a known layout: 9 × `LIMITS:LIMITER/…` ``; "" where every name is understood.

    Presets whose own beginnings are among the shapes are named. ``known`` is the number of keys in a known layout; if
    there are any, ``wanted`` names what is missing among them.
    """
    if not unknown.count:
        return ""
    shapes = ", ".join(f"{count:,} × `{text}`" for text, count in unknown.shapes[:shown])
    more = len(unknown.shapes) - shown
    if more > 0:
        shapes += f" and {plural(more, 'other shape')}"
    keys = plural(unknown.count, "key")
    if fitting := presets_of(text for text, _ in unknown.shapes):
        reads = agreeing(len(fitting), "preset", "presets")
        shapes += f"; the {reads} {' or '.join(fitting)} read{'s' * (len(fitting) == 1)} such names"
    if not known:
        return f"{keys}, none in a known layout: {shapes}"
    lead = ""
    if wanted:
        lead = f"no {wanted}, but "
    return f"{lead}{keys} in an unknown layout: {shapes}"


def counters_unknown(counters: int, unknown: UnknownLayout) -> bool:
    """Return True if no counter has a known layout and other names exist: the limits cannot be judged.

    If the profile has no rules for counters, they are unknown only if some names look like another limiter's.
    """
    if not unknown.reads_limits and not _like_counters(unknown):
        return False
    return counters == 0 and unknown.count > 0


def _like_counters(unknown: UnknownLayout) -> bool:
    return unknown.like_limiter or bool(presets_of(text for text, _ in unknown.shapes))


def find_unknown_layout(counters: int, unknown: UnknownLayout, coverage: Coverage, *, known: int = 0) -> list[Finding]:
    """Return a finding: medium if the names look like another limiter's, else low.

    None while not all keys were seen, or if there are counters in a known layout (``counters`` of them).
    """
    if not coverage.complete or not counters_unknown(counters, unknown):
        return []
    severity: Severity = "low"
    if _like_counters(unknown):
        severity = "medium"
    return [
        make_finding(
            rule=LIMITS_UNKNOWN_LAYOUT,
            severity=severity,
            subject="rate limits",
            layouts=layout_words(unknown, known=known, wanted="rate-limit counter"),
            measured=float(unknown.count),
            threshold=0.0,
            unit="keys",
            samples=unknown.count,
        )
    ]
