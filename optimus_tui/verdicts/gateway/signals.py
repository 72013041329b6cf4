"""The golden signals from the growth of the gateway's counters: all four are about the same requests and span. Pure.

The usage of language models (tokens and money a second) is added to them.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from optimus_tui.contract.percentiles import FEWEST, is_known
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Counted, Increase, Quantiles, Spread
from optimus_tui.contract.signals import SIGNALS, SPEND, TOKENS, GoldenSignals, Signal, Signals
from optimus_tui.verdicts.gateway.latency import estimate_ms, shown_ms
from optimus_tui.verdicts.gateway.performance import outcomes, refusals
from optimus_tui.wording.numbers import clause, plural

SAME_SPAN = 0.1
"""Spans that differ by a smaller share are the same one, seen by readings a moment apart."""
MOST_TENANTS = 50
"""Tenants whose signals are kept, those with most requests; the others are counted."""
NO_PAGE = "the gateway publishes no /metrics (it answered 404)"
NO_TENANTS = "the gateway does not count requests by tenant"
_NOT_TIMED = "only requests of its start so far, which are not counted"
_NONE_TIMED = Spread(count=0.0, mean=None, p50=None, p95=None, p99=None)


def unknown_signals(why: str) -> GoldenSignals:
    """Return four unknown signals with one reason."""
    whys: dict[Signal, str] = dict.fromkeys(SIGNALS, why)
    return GoldenSignals(total=Signals(why=whys), tenants_why=why, refused_by_why=why)


def golden_signals(
    requests: Increase, refused: Increase, times: Quantiles, times_by_tenant: Quantiles, most: int = MOST_TENANTS
) -> GoldenSignals:
    """Return the signals of all requests and of each tenant.

    Args:
        requests: The growth of the counter of requests.
        refused: The growth of the counter of refusals, over the same span.
        times: The gateway's own histogram over the same span, without the cold start of its processes.
        times_by_tenant: The same by tenant.
        most: The number of tenants that are kept.
    """
    if requests.covered_minutes <= 0:
        return unknown_signals(_reason(requests.fault, "requests were not counted lately"))
    declined = refusals(requests, refused).grown
    seconds = requests.covered_minutes * 60
    by_tenant = _by_tenant(requests.series)
    named = [name for name in by_tenant if name]
    named.sort(key=lambda name: (-sum(one.increase for one in by_tenant[name]), name))
    tenants = {}
    for name in named[:most]:
        tenants[name] = _signals(
            by_tenant[name], requests, _refused_of(name, declined), _spread_of(name, times_by_tenant)
        )
    refused_by, refused_by_why = _refused_by(declined)
    return GoldenSignals(
        total=_signals(requests.series, requests, declined, _spread_of("", times)),
        tenants=tenants,
        more_tenants=max(0, len(named) - most),
        tenants_why="" if named or not requests.series else NO_TENANTS,
        refused_by=refused_by,
        refused_by_why=refused_by_why,
        seconds=seconds,
        source=requests.source,
    )


def _signals(series: Sequence[Counted], requests: Increase, declined: Increase | str, spread: Spread | str) -> Signals:
    """Return one population's signals. A text in place of figures is the reason why there are none."""
    seconds, results = requests.covered_minutes * 60, outcomes(series)
    why: dict[Signal, str] = {}
    if results.failed is None:
        why["failing"] = results.why_failed
    elif results.failing_share is None:
        why["failing"] = "no request came"
    refused = share = None
    if isinstance(declined, str):
        why["refused"] = declined
    elif declined.covered_minutes <= 0:
        why["refused"] = _reason(declined.fault, "refusals were not counted lately")
    else:
        refused = declined.total / (declined.covered_minutes * 60)
        if declined.source == requests.source and results.requests > 0:
            share = min(1.0, declined.total / results.requests)
    p95_ms, p95_words, timed = None, "", None
    if isinstance(spread, str):
        why["p95"] = spread
    else:
        timed = spread.count
        if timed <= 0:
            why["p95"] = "no request was timed"
        elif not is_known(0.95, timed):
            why["p95"] = f"{plural(round(timed), 'request')} timed, {FEWEST} are needed"
        elif spread.p95 is None:
            why["p95"] = "the buckets of the gateway's histogram do not tell it"
        else:
            p95_ms, p95_words = estimate_ms(spread, "p95"), shown_ms(spread, "p95")
    return Signals(
        requests=results.requests,
        per_second=results.requests / seconds,
        failing_share=results.failing_share,
        refused_per_second=refused,
        refused_share=share,
        p95_ms=p95_ms,
        p95_words=p95_words,
        timed=timed,
        lower_bound=requests.lower_bound,
        why=why,
    )


def _by_tenant(series: Sequence[Counted]) -> Mapping[str, list[Counted]]:
    groups: dict[str, list[Counted]] = {}
    for one in series:
        groups.setdefault(one.labels.get("tenant", ""), []).append(one)
    return groups


def _refused_of(tenant: str, declined: Increase) -> Increase | str:
    """Return a tenant's refusals, or why they are unknown."""
    by_name = any("tenant" in one.labels for one in declined.series)
    if declined.covered_minutes > 0 and declined.total > 0 and not by_name:
        return "refusals are not counted by tenant"
    own = tuple(one for one in declined.series if one.labels.get("tenant") == tenant)
    return Increase(
        name=declined.name,
        series=own,
        covered_minutes=declined.covered_minutes,
        source=declined.source,
        fault=declined.fault,
    )


def _spread_of(tenant: str, times: Quantiles) -> Spread | str:
    """Return a tenant's latencies ("" for all together), or why they are unknown."""
    if times.covered_minutes <= 0:
        return _reason(times.fault, _NOT_TIMED)
    if not tenant:
        return times.groups.get("", _NONE_TIMED)
    if times.groups and not any(times.groups.keys()):
        return "the gateway does not time requests by tenant"
    return times.groups.get(tenant, _NONE_TIMED)


def _refused_by(declined: Increase) -> tuple[dict[tuple[str, str], float] | None, str]:
    """Return refusals a second by tenant and operation, or None with the reason."""
    if declined.covered_minutes <= 0:
        return None, _reason(declined.fault, "refusals were not counted lately")
    found: dict[tuple[str, str], float] = {}
    for one in declined.series:
        if one.increase <= 0:
            continue
        if "tenant" not in one.labels or "operation" not in one.labels:
            return None, "the gateway does not count refusals by tenant and operation"
        key = one.labels["tenant"], one.labels["operation"]
        found[key] = found.get(key, 0.0) + one.increase / (declined.covered_minutes * 60)
    return found, ""


def _reason(fault: Fault | None, otherwise: str) -> str:
    if fault is None:
        return otherwise
    return f"{fault.message}{clause(fault.remedy, '; ')}"


def with_usage(signals: GoldenSignals, grown: Iterable[Increase]) -> GoldenSignals:
    """Add the usage to the signals of all requests and of each tenant.

    Args:
        signals: What is known of requests.
        grown: The growth of ``TOKENS`` and ``SPEND``, over several spans; the span of the signals is taken, and
            usage that is not known over it stays None.
    """
    known = {one.name: one for one in grown if _is_of(one, signals)}
    total = _with(signals.total, {name: _per_second(one, one.total) for name, one in known.items()})
    tenants = {}
    shares = {name: one.by("tenant") for name, one in known.items() if any("tenant" in s.labels for s in one.series)}
    for tenant, one in signals.tenants.items():
        own = {name: _per_second(known[name], share.get(tenant, 0.0)) for name, share in shares.items()}
        tenants[tenant] = _with(one, own)
    return replace(signals, total=total, tenants=tenants)


def _is_of(grown: Increase, signals: GoldenSignals) -> bool:
    """Return whether a growth was counted over the span of the signals, by the same source."""
    apart = abs(grown.covered_minutes * 60 - signals.seconds)
    return grown.source == signals.source and grown.covered_minutes > 0 and apart <= SAME_SPAN * signals.seconds


def _per_second(grown: Increase, amount: float) -> float:
    return amount / (grown.covered_minutes * 60)


def _with(signals: Signals, rates: Mapping[str, float]) -> Signals:
    return replace(signals, tokens_per_second=rates.get(TOKENS), spend_per_second=rates.get(SPEND))
