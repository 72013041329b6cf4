"""Judge rate-limit counters by the limits in force. Pure.

A counter without a known limit has no share, and one that is not a number is never 0. Limits and counts are in
requests, times in (monotonic) seconds, paces in requests per second.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from optimus_tui.contract.cluster import NODE_AWAY
from optimus_tui.contract.keyspace import (
    Counter,
    LimitRow,
    LimitRules,
    LimitsReport,
    LimitState,
    TenantCount,
    Track,
    UnparsedNames,
)
from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import key_of
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.limits.blocked import CommonLimit
from optimus_tui.verdicts.limits.findings import find
from optimus_tui.verdicts.limits.forecast import forecast
from optimus_tui.verdicts.limits.words import aliases_in, named

_WORST_FIRST: tuple[LimitState, ...] = ("immortal", "over", "broken", "near", "unknown", "ok", "unknown limit")
"""What could not be read stands above what is fine: a list that ends before all are shown must not lose it first."""
_URGENCY = {state: place for place, state in enumerate(_WORST_FIRST)}
NO_NAMES = UnparsedNames()


def judge(
    counters: Iterable[Counter],
    *,
    tracks: Mapping[bytes, Track],
    rules: LimitRules | None,
    thresholds: Thresholds,
    coverage: Coverage,
    unparsed: UnparsedNames = NO_NAMES,
    total: int | None = None,
    common: Mapping[bytes, CommonLimit] | None = None,
) -> LimitsReport:
    """Return the report about all counters.

    ``tracks`` are the samples of each key, ``total`` the known number of counters if not all were given. ``common`` are
    operations whose limit nearly all tenants have used up; None derives them from these counters.
    """
    rows = sorted((judge_row(one, tracks.get(one.key), rules, thresholds) for one in counters), key=_urgency)
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
    return replace(report, findings=named(find(report, thresholds, common), aliases_in(rules)))


def judge_row(counter: Counter, track: Track | None, rules: LimitRules | None, thresholds: Thresholds) -> LimitRow:
    """Return one judged counter. ``refused_in`` is in seconds from the counter's ``taken_mono``, as its TTL is."""
    limit, window = limit_for(counter, rules), window_for(counter, rules)
    if counter.count is None and counter.left is not None and limit is not None:
        counter = replace(counter, count=max(0, limit - counter.left), lacks="" if not counter.left_least else "limit")
    if counter.count is None or counter.count < 0:
        return replace(_uncounted(counter, limit, window), alias=_alias_of(counter, rules))
    share = None
    if limit is not None:
        share = _share(counter.count, limit)
    pace = forecast(counter, track, limit, window)
    state = _state(counter, limit, share, thresholds)
    full = state == "over" or (state == "immortal" and limit is not None and counter.count >= limit)
    return LimitRow(
        counter=counter,
        state=state,
        limit=limit,
        share=share,
        slope=pace.per_second,
        rough=pace.rough,
        refused_in=0.0 if full else pace.earliest,
        refused_latest=0.0 if full else pace.latest,
        resets_mono=counter.resets_mono,
        window_seconds=window,
        alias=_alias_of(counter, rules),
    )


def _alias_of(counter: Counter, rules: LimitRules | None) -> str:
    """Return what people call the counter's tenant; "" where the gateway publishes no other name."""
    if rules is None or not rules.aliases:
        return ""
    return rules.aliases.get(counter.tenant.decode("utf-8", "surrogateescape"), "")


def _uncounted(counter: Counter, limit: int | None, window: float | None) -> LimitRow:
    """Return the row of a counter that tells no count: blocked, used up, or not known."""
    state: LimitState = "unknown" if counter.problem == NODE_AWAY else "broken"
    if counter.blocked or (counter.left == 0 and not counter.left_least):
        state = "over"
    elif counter.lacks or counter.left is not None:
        state = "unknown limit"
    refused = 0.0 if state == "over" else None
    return LimitRow(
        counter=counter,
        state=state,
        limit=limit,
        refused_in=refused,
        refused_latest=refused,
        resets_mono=counter.resets_mono,
        window_seconds=window,
    )


def _share(count: int, limit: int) -> float:
    """Return the used share of the limit; a limit of 0 is full from the beginning."""
    if limit:
        return count / limit
    return float(max(1, count))


def _state(counter: Counter, limit: int | None, share: float | None, thresholds: Thresholds) -> LimitState:
    """Return the state of a counter. A sorted set without a TTL is not stuck: what left its window does not count."""
    if counter.blocked:
        return "over"
    if counter.immortal and not counter.sliding:
        return "immortal"
    if limit is None or share is None:
        return "unknown limit"
    if not _holds(counter):
        return "ok"
    if counter.count is not None and counter.count >= limit:
        return "over"
    if share >= thresholds.near_limit:
        return "near"
    return "ok"


def _holds(counter: Counter) -> bool:
    """Return whether the count still refuses requests: not where the limiter begins again with the next one.

    A bucket whose pace is not known refuses nothing for certain either: its level is that of the last request.
    """
    if counter.left_least:
        return False
    if counter.sliding or not counter.no_ttl:
        return True
    return counter.no_ttl == "normal" or (counter.no_ttl == "dated" and counter.resets_ms is not None)


def window_for(counter: Counter, rules: LimitRules | None) -> float | None:
    """Return the length of the counter's window in seconds, by its name or by the limits in force; None if unknown."""
    if counter.window_seconds is not None or rules is None:
        return counter.window_seconds
    if rules.keys and not (rules.limits or rules.tenants or rules.default):
        return None
    return float(rules.window_for(counter.operation.decode("utf-8", "surrogateescape")))


def limit_for(counter: Counter, rules: LimitRules | None) -> int | None:
    """Return the requests per window that the counter's tenant may make, or None if no limit is known.

    A limit in the counter's name or its rule overrides the limits in force.
    """
    if counter.limit is not None or rules is None:
        return counter.limit
    # surrogateescape keeps two different byte names different: a broken name never borrows another tenant's override
    tenant = counter.tenant.decode("utf-8", "surrogateescape")
    limit = rules.keys.get(key_of(counter.key).decode("utf-8", "surrogateescape"))
    if limit is None:
        limit = rules.limit_for(tenant, counter.operation.decode("utf-8", "surrogateescape"))
    if limit is None or limit >= 0:
        return limit
    return None


def _urgency(row: LimitRow) -> tuple[int, float, int, bytes]:
    return _URGENCY[row.state], -(row.share or 0.0), -(row.counter.count or 0), row.counter.key
