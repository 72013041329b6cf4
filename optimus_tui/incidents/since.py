"""Measure what findings are about over the time since a remedy: the figures that its proof sets against those before.

A figure says of how many measurements or requests it is. What nothing was read of has no figure, never a good one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import counting_from
from optimus_tui.contract.finding_rules import (
    CACHE_BULK,
    CACHE_HIT_RATE,
    CACHE_HIT_RATE_CONFLICT,
    ERRORS_RATE,
    EVENTS_FLOOD,
    LATENCY_HALF,
    LATENCY_NOW,
    LATENCY_P95,
    LIMITS_OVER,
    LIMITS_REFUSED,
    SERVICES_FLAPPING,
)
from optimus_tui.contract.incident import ActionRecord, Figure, Outcome
from optimus_tui.contract.keyspace import ALL_TENANTS
from optimus_tui.contract.percentiles import is_known
from optimus_tui.contract.services import BULK_EVENTS, EVENTS, HITS, MISSES, REFUSED, REQUESTS
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.contract.tools.state import LimitSection
from optimus_tui.incidents.came import HISTORY_SECONDS, MINUTES, spread_of_route, what_came
from optimus_tui.tools.pages.format_value import measured_of
from optimus_tui.verdicts.gateway.latency import Percentile, shown_ms
from optimus_tui.verdicts.gateway.performance import outcomes, refusals, shown
from optimus_tui.verdicts.limits.words import LONGEST_TENANT
from optimus_tui.verdicts.statistics import figures as spread_of
from optimus_tui.wording.numbers import age, clause, latency, percent, plural, thousands
from optimus_tui.wording.numbers import figure as quantity
from optimus_tui.wording.safe import safe_text
from optimus_tui.workflow.deciding import figure_name, figure_words, measured_words, measures
from optimus_tui.workflow.proof import MEASURED, aimed_at, need_for
from optimus_tui.workflow.ranking import level, rank, tenant_of
from optimus_tui.workflow.visibility import group_of

if TYPE_CHECKING:
    from optimus_tui.context import Context

MOST_FIGURES = 3
"""Findings whose figures are shown while their proof is awaited, the worst first."""
NOTHING_FOUND = Outcome(verdict="", severity="none", headline="")
NOT_READ = "unknown (nothing read since)"
NO_COUNTER = "no counter any more: it counts from 0"
Read = Callable[["Context", Diagnostic], Awaitable[Figure | None]]


async def figures_since(ctx: "Context", aims: Iterable[Diagnostic], since: float) -> tuple[Figure, ...]:
    """Return what the history has of each finding's figure since ``since``; nothing for one that it does not know.

    Args:
        ctx: Whose history is read.
        aims: The findings that something was done about.
        since: Wall-clock seconds from which on it counts.
    """
    wanted = {(one.rule, one.subject): one for one in aims}
    with counting_from(since):
        work = [read(ctx, one) for one in wanted.values() if (read := _reader(one)) is not None]
        try:
            async with asyncio.timeout(HISTORY_SECONDS):
                found = await asyncio.gather(*work)
        except TimeoutError:
            return ()
    return tuple(one for one in found if one is not None)


def with_figures(outcome: Outcome, figures: Iterable[Figure]) -> Outcome:
    """Return a check's outcome with figures of its own findings, in place of those that it had under their names."""
    own = {one.name: one for one in figures}
    return replace(outcome, figures=(*own.values(), *(one for one in outcome.figures if one.name not in own)))


def counters_in(document: Mapping[str, Any], aims: Iterable[Diagnostic]) -> Iterator[Figure]:
    """Yield what a tool's document says of the counters that findings are about.

    Args:
        document: A document of ``diagnose_gateway_health`` or ``troubleshoot_production_issue``, as builtins.
        aims: The findings.
    """
    part = document.get("rate_limiting")
    status: object = "ok"
    tenant, rows = document.get("tenant_id"), document.get("rate_limiting_analysis")
    if isinstance(part, Mapping):
        tenant, status, rows = part.get("tenant_id"), part.get("status"), part.get("rate_limits")
    if not isinstance(rows, Mapping):
        return
    for aim in aims:
        whose, _, operation = aim.subject.partition(" / ")
        if whose != tenant:
            continue
        row = None
        if operation in rows:
            row = msgspec.convert(rows[operation], LimitSection)
        found = counter_figure(aim, row, is_complete=status == "ok")
        if found is not None:
            yield found


def tenant_acted_on(aims: Iterable[Diagnostic]) -> str:
    """Return the tenant of the first finding that is about a counter; empty where none is, or its name is not certain.

    A name that is not plain is only how it is shown.
    """
    named = (tenant_of(one) or "" for one in aims if one.rule.startswith("limits."))
    return next((name for name in named if name.isascii() and "\\" not in name), "")


def counter_figure(aim: Diagnostic, row: LimitSection | None, *, is_complete: bool) -> Figure | None:
    """Return what a reading of the counters says of the one that a finding is about; None where it says nothing.

    Args:
        aim: The finding.
        row: Its counter; None where the reading has none.
        is_complete: True if all counters were read, so that what is not there is gone.
    """
    if not aim.rule.startswith("limits.") or " / " not in aim.subject:
        return None
    if row is not None:
        words = _counter_words(row)
        if aim.rule == LIMITS_OVER:  # its label says "used" already
            words = words.replace(" used", "", 1)
        return _figure(aim, None, words)
    if is_complete:
        return _figure(aim, 0.0, NO_COUNTER)
    return None


def _counter_words(row: LimitSection) -> str:
    used = "count unknown"
    if row.current_count is not None:
        used = f"{row.current_count:,}{clause(thousands(row.limit) * (row.limit is not None), ' of ')} used"
    if row.immortal:
        return f"no TTL, {used}"
    if row.ttl_seconds is None:
        return used
    return f"{used}, resets in {age(row.ttl_seconds)}"


class Moved(Struct, frozen=True):
    """One figure of a finding before a remedy and since, in words; ``limit`` is empty where it has none."""

    label: str
    before: str
    now: str
    limit: str

    @property
    def words(self) -> str:
        """Return ``before 618 ms, p50 of 5 checks → now 8.9 ms, p50 of 9 checks · limit 500 ms``."""
        return f"before {self.before} → now {self.now}{clause(self.limit, ' · limit ')}"


class ProofProgress(Struct, frozen=True):
    """What came in since an action whose proof is awaited: its figures, and how much of what a proof needs."""

    action_id: str
    figures: tuple[Moved, ...]
    came: str


async def proof_progress(ctx: "Context", record: ActionRecord, counters: Sequence[Figure] = ()) -> ProofProgress:
    """Return what came in since an action.

    Args:
        ctx: Whose clock and history are read.
        record: The action.
        counters: What was read since of the counters that it was for.
    """
    aims: dict[tuple[str, str], Diagnostic] = {}
    for one in sorted(aimed_at(record), key=lambda one: -rank(level(one))):
        aims.setdefault((group_of(one.rule), one.subject), one)  # two rules may show one fault
    need, passed = need_for(record), max(0.0, ctx.clock.wall() - record.since)
    came = [one.brief or one.words for one in await what_came(ctx, need, record.since)]
    if not came:
        came = [f"{age(min(passed, need.seconds))} of {age(need.seconds)} have passed"]
    now = with_figures(NOTHING_FOUND, [*await figures_since(ctx, aims.values(), record.since), *counters])
    moved = {_moved(one, now): None for one in aims.values()}
    return ProofProgress(record.receipt.action_id, tuple(moved)[:MOST_FIGURES], "; ".join(came))


def _moved(aim: Diagnostic, now: Outcome) -> Moved:
    limit, before = "", measured_of(aim)
    if aim.rule == LIMITS_OVER:
        before = measured_words(aim)  # which says the limit
    elif isinstance(aim.threshold, (int, float)) and aim.threshold:
        limit = quantity(aim.threshold, aim.unit)
    return Moved(measures(aim), before or measured_words(aim), figure_words(aim, now) or NOT_READ, limit)


def _reader(aim: Diagnostic) -> Read | None:
    if aim.rule.startswith("latency.") and aim.subject in MEASURED:
        return _of_service
    if aim.rule.startswith("latency."):
        return _of_route
    if aim.rule.startswith("services."):
        return _of_answers
    return _READERS.get(aim.rule)


def _figure(aim: Diagnostic, value: float | None, words: str) -> Figure:
    return Figure(name=figure_name(aim), value=value, unit=aim.unit, label=aim.subject, words=words)


async def _values(ctx: "Context", series: str) -> list[float]:
    return [value for _, value in (await ctx.windows.series(series, MINUTES)).samples]


async def _of_service(ctx: "Context", aim: Diagnostic) -> Figure | None:
    """Return the figure that the finding measures: p50 or p95 of the checks; the slowest where they are too few."""
    values = await _values(ctx, f"latency.{aim.subject}")
    states = await _values(ctx, f"state.{aim.subject}")
    if states and states[-1] < 1:
        return _figure(aim, None, _silent(states))
    if not values:
        return None
    of, which = spread_of(values), "slowest"
    value = of.highest
    if aim.rule in (LATENCY_NOW, LATENCY_HALF):
        value, which = of.p50, "p50"
    elif aim.rule == LATENCY_P95 and is_known(0.95, len(values)):
        value, which = of.p95, "p95"
    return _figure(aim, value, f"{latency(value)}, {which} of {plural(len(values), 'check')}")


async def _of_route(ctx: "Context", aim: Diagnostic) -> Figure | None:
    spread, _ = await spread_of_route(ctx, aim.subject.removeprefix("route "))
    if spread is None or not spread.count:
        return None
    which: Percentile = "p50"
    if aim.rule != LATENCY_HALF and is_known(0.95, round(spread.count)):
        which = "p95"
    return _figure(aim, None, f"{shown_ms(spread, which)}, {which} of {plural(round(spread.count), 'request')}")


async def _of_answers(ctx: "Context", aim: Diagnostic) -> Figure | None:
    """Return whether a service answers now, and how many of its checks did."""
    states = await _values(ctx, f"state.{aim.subject}")
    times = await _values(ctx, f"latency.{aim.subject}")
    if not states:
        return None
    good = sum(value >= 1 for value in states)
    if aim.rule == SERVICES_FLAPPING:
        failed = 1 - good / len(states)
        return _figure(aim, failed, f"{percent(failed)}, {_answered(states)}")
    if states[-1] < 1:
        return _figure(aim, None, _silent(states))
    took = "".join(f" in {latency(value)}" for value in times[-1:])
    return _figure(aim, None, f"answers{took}, {_answered(states)}")


def _answered(states: Sequence[float]) -> str:
    return f"{sum(value >= 1 for value in states):,} of {plural(len(states), 'check')} answered"


def _silent(states: Sequence[float]) -> str:
    return f"no good answer in the last check, {_answered(states)}"


async def _failing(ctx: "Context", aim: Diagnostic) -> Figure | None:
    grown = await ctx.windows.increase(REQUESTS, MINUTES)
    series = grown.series
    for label in ("route", "tenant"):
        if (name := aim.subject.rpartition(f"{label} ")[2]) != aim.subject:
            series = tuple(one for one in series if shown(one.labels.get(label, "")) == name)
    share = outcomes(series).failing_share
    if grown.covered_minutes <= 0 or share is None:
        return None
    return _figure(aim, share, f"{percent(share)} of {plural(round(outcomes(series).requests), 'request')}")


async def _refused(ctx: "Context", aim: Diagnostic) -> Figure | None:
    requests, refused = await asyncio.gather(
        ctx.windows.increase(REQUESTS, MINUTES), ctx.windows.increase(REFUSED, MINUTES)
    )
    grown = refusals(requests, refused).grown
    if grown.covered_minutes <= 0:
        return None
    count, of = grown.total, requests.total
    if aim.subject != ALL_TENANTS and not aim.subject.startswith("several "):
        count, of = (
            sum(number for name, number in one.by("tenant").items() if safe_text(name, LONGEST_TENANT) == aim.subject)
            for one in (grown, requests)
        )
    if of < count or of <= 0:
        return _figure(aim, count, plural(round(count), "refusal"))
    value = count
    if aim.unit == "share":
        value = count / of
    return _figure(aim, value, f"{percent(count / of)} of {plural(round(of), 'request')}")


async def _hit_rate(ctx: "Context", aim: Diagnostic) -> Figure | None:
    hits, misses = await asyncio.gather(ctx.windows.increase(HITS, MINUTES), ctx.windows.increase(MISSES, MINUTES))
    lookups = hits.total + misses.total
    if lookups <= 0 or min(hits.covered_minutes, misses.covered_minutes) <= 0 or hits.source != misses.source:
        return None
    return _figure(aim, hits.total / lookups, f"{percent(hits.total / lookups)} of {plural(round(lookups), 'look-up')}")


async def _event_rate(ctx: "Context", aim: Diagnostic) -> Figure | None:
    grown = await ctx.windows.increase(EVENTS, MINUTES)
    seconds = grown.covered_minutes * 60
    if seconds <= 0:
        return None
    return _figure(aim, grown.total / seconds, f"{quantity(grown.total / seconds, aim.unit)} over {age(seconds)}")


async def _dropped(ctx: "Context", aim: Diagnostic) -> Figure | None:
    """Return how many bulk invalidations came over the feed."""
    grown = await ctx.windows.increase(BULK_EVENTS, MINUTES)
    if grown.covered_minutes <= 0:
        return None
    return _figure(
        aim, round(grown.total), f"{plural(round(grown.total), 'event')} in {age(grown.covered_minutes * 60)}"
    )


_READERS: dict[str, Read] = {
    CACHE_BULK: _dropped,
    ERRORS_RATE: _failing,
    LIMITS_REFUSED: _refused,
    CACHE_HIT_RATE: _hit_rate,
    CACHE_HIT_RATE_CONFLICT: _hit_rate,
    EVENTS_FLOOD: _event_rate,
}
