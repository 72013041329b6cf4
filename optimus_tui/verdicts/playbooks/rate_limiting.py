"""rate_limiting: compare one tenant's counters with its limits, and recommend repairs of this tenant's keys only. Pure.

Every command names keys that were seen, never a pattern. A counter without TTL gets one, which keeps its count and can
be repeated; deleting is the last recommendation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    LIMITS_RULES_UNMEASURED,
    LIMITS_TENANT_SHARE,
    LIMITS_UNMEASURED,
)
from optimus_tui.contract.findings import Finding, some_of
from optimus_tui.contract.keyspace import LimitRow, LimitRules, LimitsReport, TenantCount
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, Increase, ServerState
from optimus_tui.contract.tools.common import Recommendation, rounded, status_of
from optimus_tui.dialects.layout import key_of
from optimus_tui.settings.model import RedisTarget, Thresholds
from optimus_tui.verdicts.gateway.services import is_away, judge_gateway, judge_server
from optimus_tui.verdicts.limits.blocked import CommonLimit
from optimus_tui.verdicts.limits.findings import find
from optimus_tui.verdicts.limits.words import only_an_alias, operation_words, subject_of, tenant_words
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder, span_words
from optimus_tui.wording.numbers import age, part_of, percent, plural, span_ahead
from optimus_tui.wording.safe import redis_cli, safe_text

MAX_COMMANDS = 20
ASSUMED_WINDOW = 60
OF_THEIR_OWN = "their names or the profile"
_ADVISED = frozenset({LIMITS_IMMORTAL, LIMITS_OVER})


class LimitEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that rate_limiting needs.

    ``report`` has the rows of this tenant only, its ``total`` counts all tenants. ``found`` is how many counters of the
    tenant the scan saw; ``slope_seconds`` the time between the two reads behind the slopes, None if there was only one.
    ``refused`` is the gateway's count of 429 answers. ``common`` are operations whose limit nearly all tenants have
    used up.
    """

    tenant: bytes
    gateway: Reading[GatewayState]
    server: Reading[ServerState]
    report: LimitsReport
    found: int
    fault: Fault | None
    slope_seconds: float | None
    refused: Increase | Fault
    target: RedisTarget
    layout: Sequence[Finding] = ()
    """Keys of no known layout, where there is no counter of a known one."""
    common: Mapping[bytes, CommonLimit] = field(default_factory=dict)
    refusals: Sequence[Finding] = ()
    older: str = ""
    """Refusals that are known over more than the window only, in words."""
    chosen: str = ""
    """Why this tenant is examined where none was asked for."""
    writable: bool = True
    """False where the profile does not allow writing its keys: no command deletes a counter that ends by itself."""
    parts: Mapping[bytes, Sequence[bytes]] = field(default_factory=dict)
    """The other keys that hold a counter, by its own: they are deleted with it."""


def conclude(seen: LimitEvidence, thresholds: Thresholds) -> Conclusion:
    """Return the tenant's judged counters, with recommendations in the order to try them."""
    conclusion, name = ConclusionBuilder(), tenant_words(seen.tenant)
    if seen.chosen:
        conclusion.add_measured(seen.chosen)
    conclusion.add_findings(*judge_gateway(seen.gateway), *judge_server(seen.server))
    _examine_counters(conclusion, seen, name)
    report = replace(seen.report, tenants=(TenantCount(seen.tenant, seen.found),))
    conclusion.add_findings(*find(report, thresholds, seen.common), *seen.refusals, *seen.layout)
    _examine_limits(conclusion, seen)
    refused = _examine_refusals(conclusion, _refused(seen), name)
    if seen.older:
        conclusion.add_unknown("refused requests in the window", seen.older)
    _advise(conclusion, seen, thresholds, name)
    return conclusion.close(_details(seen, thresholds, refused), advised=_ADVISED)


def _examine_counters(conclusion: ConclusionBuilder, seen: LimitEvidence, name: str) -> None:
    coverage, rows = seen.report.coverage, seen.report.rows
    down = is_away(seen.server)
    if seen.fault is not None:
        conclusion.add_unknown("rate limits", seen.fault, rule=LIMITS_UNMEASURED, excused=down)
    if down and not rows:
        return
    scope = "all keys"
    if not coverage.complete:
        scope = f"{plural(coverage.scanned, 'key')}, not all"
    others = f"{plural(seen.report.total, 'counter')} of all tenants"
    conclusion.add_measured(f"{plural(seen.found, 'counter')} of {name} among {others} ({scope} scanned)")
    if sentence := _only_an_alias(seen):
        conclusion.add_unknown("counters", sentence)
    if seen.found > len(rows):
        gone = seen.found - len(rows)
        conclusion.add_measured(
            f"{plural(gone, 'counter')} of these not shown: expired meanwhile, or more than are read at once"
        )
    if rows:
        counts = {state: sum(row.state == state for row in rows) for state in ("immortal", "over", "near")}
        conclusion.add_measured("without TTL: {immortal}, limit used up: {over}, near it: {near}".format(**counts))
    if rows and seen.slope_seconds:
        conclusion.add_measured(f"slopes over {age(seen.slope_seconds)}: {_rising(rows)}")
    elif rows:
        conclusion.add_unknown("slopes", "the counters could be read only once")


def _only_an_alias(seen: LimitEvidence) -> str:
    return "" if seen.found else only_an_alias(seen.tenant.decode("utf-8", "surrogateescape"), seen.report.rules)


def _rising(rows: Sequence[LimitRow]) -> str:
    soon = [row for row in rows if row.refused_in]
    if not soon:
        return "no limit is expected to be reached in this window"
    first = min(soon, key=lambda row: row.refused_in or 0.0)
    when = span_ahead(first.refused_in, first.refused_latest)
    return f"at this pace {operation_words(first.counter.operation)} reaches its limit first, in {when}"


def _examine_limits(conclusion: ConclusionBuilder, seen: LimitEvidence) -> None:
    state, rules, rows = seen.gateway.value, seen.report.rules, seen.report.rows
    said = sum(row.counter.limit is not None for row in rows)
    if said:
        conclusion.add_measured(f"limits of {plural(said, 'counter')}, from {OF_THEIR_OWN}")
        if said == len(rows):
            return
    if rules is not None:
        conclusion.add_measured(f"limits per {rules.window_seconds} s, from {safe_text(rules.source, 60)}")
        unknown = [row for row in rows if row.limit is None]
        if unknown:
            conclusion.add_unknown("limits", f"none is known for {plural(len(unknown), 'operation')} of this tenant")
        return
    if state:
        fault = state.rules_fault
    else:
        fault = seen.gateway.fault
    why = fault or "the gateway publishes none and none are configured"
    conclusion.add_unknown("limits", why, rule=LIMITS_RULES_UNMEASURED, excused=bool(judge_gateway(seen.gateway)))


def _refused(seen: LimitEvidence) -> Increase | Fault:
    """Return the refusals; none of an alias prove nothing, because the metrics count the name behind it."""
    if isinstance(seen.refused, Fault) or seen.refused.total or not _only_an_alias(seen):
        return seen.refused
    return Fault("invalid", "the gateway's metrics have no tenant of this name")


def _examine_refusals(conclusion: ConclusionBuilder, refused: Increase | Fault, name: str) -> dict[str, Any]:
    if isinstance(refused, Fault) or not refused.covered_minutes:
        if isinstance(refused, Fault):
            fault: Fault | None = refused
        else:
            fault = refused.fault
        why = "neither the gateway nor the history has rate_limit_refused_total of this tenant"
        if fault:
            why = fault.message
        conclusion.add_unknown("refused requests", why)
        return {"status": "unknown", "requests": None, "error": why}
    conclusion.covered(refused.covered_minutes, refused.source)
    conclusion.add_measured(
        f"{refused.total:,.0f} requests of {name} answered 429 in {span_words(refused.covered_minutes)}"
    )
    by = {safe_text(operation, 80): round(count) for operation, count in refused.by("operation").items() if operation}
    return {
        "status": "ok",
        "requests": round(refused.total),
        "by_operation": by,
        "covered_minutes": round(refused.covered_minutes, 2),
        "source": refused.source,
    }


def _advise(conclusion: ConclusionBuilder, seen: LimitEvidence, thresholds: Thresholds, name: str) -> None:
    rows = [row for row in seen.report.rows if not row.counter.doubt]
    _leave_out(conclusion, seen.report.rows)
    immortal = [row for row in rows if row.state == "immortal"]
    over = [row for row in rows if row.state == "over"]
    if immortal:
        conclusion.advise(_repair(immortal, seen), _find_writer())
        conclusion.advise_last(_delete(immortal, seen, f"Only if {name} must be served at once", LIMITS_IMMORTAL))
    for one in [seen.common[op] for op in dict.fromkeys(row.counter.operation for row in over) if op in seen.common]:
        conclusion.advise(_raise_limit(one))
    alone = [row for row in over if row.counter.operation not in seen.common]
    if alone:
        left = [row.counter.ends_ms for row in alone if row.counter.ends_ms is not None]
        wait = ""
        if left:
            wait = f"; all of them reset within {age(max(left) / 1000)}"
        conclusion.advise(
            Recommendation(
                action=f"See in the gateway's access log which client of {name} sends most (not measured here), or"
                f" raise this tenant's limit{wait}",
                priority="high",
                file="src/backend/utils/rate_limiter.py",
                reason=f"{plural(len(alone), 'limit')} used up",
                rule=LIMITS_OVER,
            )
        )
    if over and seen.writable:
        conclusion.advise_last(_delete(over, seen, "They reset by themselves; only if that is too late", LIMITS_OVER))
    if seen.found > thresholds.tenant_active_limits and seen.writable:
        rest = [row for row in rows if row.state not in ("immortal", "over")]
        when = f"Only after the client that makes up operations of {name} was stopped"
        conclusion.advise_last(_delete(rest, seen, when, LIMITS_TENANT_SHARE))


def _leave_out(conclusion: ConclusionBuilder, rows: Sequence[LimitRow]) -> None:
    """Say of which counters no command is recommended, and why."""
    doubtful = [row for row in rows if row.counter.doubt]
    if doubtful:
        conclusion.add_measured(
            f"no command for {some_of([subject_of(row) for row in doubtful])}: {doubtful[0].counter.doubt}, so that"
            " it is not certain whose counter it is"
        )


def _raise_limit(one: CommonLimit) -> Recommendation:
    name = operation_words(one.operation)
    return Recommendation(
        action=f"Raise the limit of {name} for all tenants, or check whether they share one counter",
        priority="high",
        file="src/backend/utils/rate_limiter.py",
        reason=f"{part_of(one.over, one.tenants, 'tenant')} have used it up: no single client is to blame",
        rule=LIMITS_OVER,
    )


def _repair(rows: Sequence[LimitRow], seen: LimitEvidence) -> Recommendation:
    """Return EXPIRE … NX, which keeps the count, ends with the window, and does nothing if there is a TTL already."""
    windows = [round(row.window_seconds or ASSUMED_WINDOW) for row in rows]
    window = f"{windows[0]} s" if len(set(windows)) == 1 else "one window each"
    words = []
    if _knows_nx(seen.server.value):
        words = ["NX"]
    notes = []
    if any(row.window_seconds is None for row in rows):
        notes = [f"the gateway's window is not known, {ASSUMED_WINDOW} s assumed"]
    if not words:
        notes.append("this server is older than EXPIRE … NX: make sure that TTL still answers -1")
    keys = [key_of(row.counter.key) for row in rows]
    command, more = _lines(
        seen.target, [["EXPIRE", key, str(seconds), *words] for key, seconds in zip(keys, windows, strict=True)], keys
    )
    return Recommendation(
        action=f"Give {plural(len(rows), 'counter')} without TTL a TTL of {window}: the count stays, and a full one "
        "refuses until that ends",
        priority="critical",
        command=command,
        reason="; ".join(["a counter that never resets blocks its tenant for ever", *notes, *more]),
        rule=LIMITS_IMMORTAL,
    )


def _find_writer() -> Recommendation:
    return Recommendation(
        action="Find the code that runs INCR without EXPIRE in the same step",
        priority="high",
        file="src/backend/utils/rate_limiter.py",
        reason="until that is fixed, counters without TTL come back",
        rule=LIMITS_IMMORTAL,
    )


def _delete(rows: Sequence[LimitRow], seen: LimitEvidence, when: str, rule: str) -> Recommendation:
    counters = [row.counter.key for row in rows]
    keys = list(dict.fromkeys(key for one in counters for key in (key_of(one), *seen.parts.get(one, ()))))
    command, more = _lines(seen.target, [["UNLINK", key] for key in keys], keys)
    return Recommendation(
        action=f"{when}: reset {plural(len(rows), 'counter')} of this tenant, key by key",
        priority="low",
        command=command,
        reason="; ".join(["the count is lost: the tenant starts at 0", *more]),
        rule=rule,
    )


def _lines(
    target: RedisTarget, commands: Sequence[Sequence[bytes | str]], keys: Sequence[bytes]
) -> tuple[str | None, list[str]]:
    """Return one line per key, at most ``MAX_COMMANDS``, and notes about the others."""
    writable = [words for words, key in zip(commands, keys, strict=True) if b"\0" not in key]
    more = []
    if len(writable) < len(commands):
        nul = plural(len(commands) - len(writable), "name")
        more.append(f"{nul} with a NUL byte cannot be written in a shell: use a client library for those")
    if len(writable) > MAX_COMMANDS:
        more.append(f"the first {MAX_COMMANDS} of {len(writable):,}: ask again when these are done")
    lines = [redis_cli(target, words) for words in writable[:MAX_COMMANDS]]
    return "\n".join(lines) or None, more


def _knows_nx(server: ServerState | None) -> bool:
    """Return True if EXPIRE takes NX (since Redis 7.0); for an unknown version the safe form is recommended."""
    major = ""
    if server:
        major = (server.version or "").partition(".")[0]
    return not (major.isdigit() and int(major) < 7 and (server is None or server.product in (None, "redis")))


def _details(seen: LimitEvidence, thresholds: Thresholds, refused: dict[str, Any]) -> dict[str, Any]:
    report = seen.report
    share = seen.found / thresholds.tenant_active_limits
    incomplete = "unknown"
    if report.rows:
        incomplete = "partial"
    return {
        "status": status_of(seen.fault is None, incomplete),
        "active_limits": seen.found if report.coverage.scanned or seen.found else None,
        "active_limits_allowed": thresholds.tenant_active_limits,
        "active_limits_share": percent(share),
        "total_limit_keys": report.total if report.coverage.scanned else None,
        "window_seconds": report.rules.window_seconds if report.rules else None,
        "limits_from": _limits_from(report.rows, report.rules),
        "slope_seconds": rounded(seen.slope_seconds, 2),
        "operations": _operations(report.rows, report.rules),
        "refused": refused,
        "coverage": {
            "scanned": report.coverage.scanned,
            "total": report.coverage.total,
            "complete": report.coverage.complete,
        },
    }


def _limits_from(rows: Sequence[LimitRow], rules: LimitRules | None) -> str | None:
    found = [OF_THEIR_OWN] * any(row.counter.limit is not None for row in rows)
    if rules is not None and not (rows and all(row.counter.limit is not None for row in rows)):
        found.append(safe_text(rules.source, 60))
    return "; ".join(found) or None


def _operations(rows: Sequence[LimitRow], rules: LimitRules | None) -> list[dict[str, Any]]:
    """Return the most urgent operations with their state, their pace and the time until they are refused."""
    return [
        {
            "operation": operation_words(row.counter.operation, 80),
            "state": row.word,
            "share": rounded(row.share, 4),
            "requests_per_second": rounded(row.slope, 2),
            "rough": row.rough,
            "seconds_to_429": rounded(row.refused_in, 1),
            "seconds_to_429_latest": rounded(row.refused_latest, 1),
            "left_out_of_actions": row.counter.doubt or None,
        }
        for row in rows[:50]
    ]
