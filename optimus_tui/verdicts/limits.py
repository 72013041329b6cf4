"""Rate-limit counters against the limits in force: rows in order of urgency. Pure: counters in, a report out.

Refuses to guess: a counter without a known limit has no share, one that is not a number is never 0. Limits and counts
are requests, times are seconds.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from optimus_tui.contract.limits import Counter, LimitRow, LimitRules, LimitsReport, LimitState, TenantCount
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limit_findings import find

_URGENCY: dict[LimitState, int] = {"immortal": 0, "over": 1, "broken": 2, "near": 3, "ok": 4, "unknown limit": 5}


def judge(
    counters: Iterable[Counter],
    *,
    slopes: Mapping[bytes, float | None],
    rules: LimitRules | None,
    thresholds: Thresholds,
    coverage: Coverage,
    unparsed: int = 0,
    total: int | None = None,
) -> LimitsReport:
    """The report. ``slopes`` are requests per second by key, ``total`` the known counters if not all were given."""
    rows = sorted((judge_row(one, slopes.get(one.key), rules, thresholds) for one in counters), key=_urgency)
    tally = Tally(row.counter.tenant for row in rows)
    tenants = tuple(TenantCount(t, n) for t, n in sorted(tally.items(), key=lambda item: (-item[1], item[0])))
    report = LimitsReport(
        rows=tuple(rows),
        tenants=tenants,
        total=max(len(rows), total or 0),
        unparsed=unparsed,
        coverage=coverage,
        rules=rules,
    )
    return replace(report, findings=find(report, thresholds))


def judge_row(counter: Counter, slope: float | None, rules: LimitRules | None, thresholds: Thresholds) -> LimitRow:
    """One counter. ``refused_in`` counts from the counter's ``taken_mono``, as its TTL does."""
    limit = _limit_for(counter, rules)
    resets = None if counter.ttl_ms is None else counter.taken_mono + counter.ttl_ms / 1000
    if counter.count is None or counter.count < 0:
        return LimitRow(counter=counter, state="broken", limit=limit, resets_mono=resets)
    share = None if limit is None else counter.count / limit if limit else float(max(1, counter.count))
    state: LimitState
    if counter.immortal:
        state = "immortal"
    elif limit is None or share is None:
        state = "unknown limit"
    elif counter.count >= limit:
        state = "over"
    else:
        state = "near" if share >= thresholds.near_limit else "ok"
    return LimitRow(
        counter=counter,
        state=state,
        limit=limit,
        share=share,
        slope=slope,
        refused_in=_refused_in(counter, limit, slope, rules),
        resets_mono=resets,
    )


def _limit_for(counter: Counter, rules: LimitRules | None) -> int | None:
    if rules is None:
        return None
    # surrogateescape keeps two different byte names different: a broken name never borrows another tenant's override
    tenant = counter.tenant.decode("utf-8", "surrogateescape")
    limit = rules.limit_for(tenant, counter.operation.decode("utf-8", "surrogateescape"))
    return limit if limit is None or limit >= 0 else None


def _refused_in(counter: Counter, limit: int | None, slope: float | None, rules: LimitRules | None) -> float | None:
    if limit is None or counter.count is None:
        return None
    if counter.count >= limit:
        return 0.0
    if slope is None or slope <= 0:
        return None
    seconds = (limit - counter.count) / slope
    if counter.immortal:
        return seconds
    left = counter.ttl_ms / 1000 if counter.ttl_ms is not None else rules.window_seconds if rules else None
    return seconds if left is not None and seconds < left else None


def _urgency(row: LimitRow) -> tuple[int, float, int, bytes]:
    return _URGENCY[row.state], -(row.share or 0.0), -(row.counter.count or 0), row.counter.key
