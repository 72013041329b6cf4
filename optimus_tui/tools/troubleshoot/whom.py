"""Choose the tenant to examine if none was asked for in another system than ours: the one in most trouble."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.contract.keyspace import LimitsReport
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import GatewayState
from optimus_tui.tools.keyspace_scan import Survey, counter_names, judge_limits, read_known
from optimus_tui.verdicts.limits.words import merge_rules, operation_words, published_rules, uncounted_words, used_words
from optimus_tui.wording.numbers import plural

if TYPE_CHECKING:
    from optimus_tui.context import Context

URGENT = ("immortal", "over", "near")
"""States of counters that refuse requests, or will soon."""


class Chosen(NamedTuple):
    """The tenant that is examined; ``why`` says why it is this one, "" where it was asked for."""

    tenant: bytes
    why: str = ""


async def choose_tenant(ctx: "Context", seen: Survey, gateway: Awaitable[Reading[GatewayState]]) -> Chosen:
    """Return the tenant whose limits are used up most, where none was asked for.

    Args:
        ctx: The process.
        seen: The scan of all names; it gets the tenant's counters.
        gateway: The reading with the limits that it publishes.
    """
    counters, fault = await read_known(ctx, seen)
    state = (await gateway).value
    rules = merge_rules(published_rules(state), ctx.settings.limits)
    report = judge_limits(ctx, seen, rules, seen.limits, total=seen.limits.total)
    among = f"{plural(len(counters), 'counter')} of {plural(len(report.tenants), 'tenant')} read"
    if fault is not None:
        among += f", not all: {fault.message}"
    chosen = _worst(report, among)
    seen.of_tenant = {name async for name, parsed in counter_names(seen) if parsed.tenant == chosen.tenant}
    return chosen


def _worst(report: LimitsReport, among: str) -> Chosen:
    """Return the tenant of the most urgent counter; without a known limit, the one with most counters."""
    row = next((one for one in report.rows if one.counter.tenant and not one.counter.doubt), None)
    if row is None:
        why = f"no counter names one ({among})" if report.total else "no counter was found"
        return Chosen(b"", f"no tenant was given, and {why}")
    if row.state not in URGENT and row.share is None:
        most = next((one.tenant for one in report.tenants if one.tenant), b"")
        words = f"no tenant was given: the one with most counters was examined, for no limit is known ({among})"
        return Chosen(most, words)
    operation = operation_words(row.counter.operation)
    used = uncounted_words(row) if row.counter.count is None else used_words(row)
    what = f"the one with the fullest counter was examined, {operation} with {used}"
    if row.state == "immortal":
        what = f"one with a counter that never resets was examined, {operation} with {used}"
    return Chosen(row.counter.tenant, f"no tenant was given: {what} ({among})")
