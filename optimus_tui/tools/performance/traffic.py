"""Throughput, error rate and latency over a window and now, each measured or reported as not available."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET, Struct, UnsetType

from optimus_tui.contract.finding_rules import METRICS_UNMEASURED, SERVER_UNREACHABLE, SERVICES_ENGINE, SERVICES_GATEWAY
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import (
    DURATIONS,
    REQUESTS,
    UPSTREAM_DURATIONS,
    GatewayState,
    Increase,
    Quantiles,
    Series,
    ServerState,
    ServiceState,
    Window,
)
from optimus_tui.contract.tools.common import WindowSource, rounded
from optimus_tui.contract.tools.traffic import PerformanceQuery
from optimus_tui.tools.figures.metric_windows import NEAREST_MINUTES, Counters
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.tools.parts import part
from optimus_tui.tools.troubleshoot.evidence import kept_series, live_series, why_untimed
from optimus_tui.verdicts.gateway import latency as bars
from optimus_tui.verdicts.gateway import latency as percentiles
from optimus_tui.verdicts.gateway import performance as verdicts
from optimus_tui.verdicts.gateway.failures import GATEWAY, find_errors
from optimus_tui.verdicts.gateway.latency import MIN_SAMPLES, WINDOW_SECONDS
from optimus_tui.verdicts.gateway.performance import assess, beside_counters, shown
from optimus_tui.verdicts.gateway.routes import judge_routes
from optimus_tui.verdicts.gateway.services import STARVED, find_restarts, restarts_words, service_of, unheard
from optimus_tui.verdicts.health import unmeasured
from optimus_tui.verdicts.statistics import Figures, figures

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.probes.http.health_body import ReportedHealth
    from optimus_tui.probes.http.integration import Timed


class Result(Struct, frozen=True, kw_only=True):
    """The result of one metric. ``results`` is never empty."""

    results: dict[str, Any]
    covered_minutes: float = 0.0
    source: WindowSource = "live"
    findings: tuple[Finding, ...] = ()
    aliases: dict[str, str] | UnsetType = UNSET


REMEDY = "Let the gateway serve /metrics, or map its names under [metrics] in the settings."


def not_available(subject: str, reason: str, *, remedy: str = REMEDY) -> Result:
    """Return the result for a metric that cannot be measured, with the finding about it."""
    return Result(
        results={"status": "not available", "reason": reason},
        findings=(unmeasured(subject, reason, rule=METRICS_UNMEASURED, remedy=remedy),),
    )


def reason_of(fault: Fault | None, otherwise: str) -> str:
    """Return a fault as one sentence, or ``otherwise`` for no fault."""
    return sentence(fault) or otherwise


STATUS_REMEDY = "Let the counter carry a label status (or status_code, code) with the answer's HTTP status."
OTHERS = "other"
"""The label under which a gateway sums tenants beyond its bound."""


async def throughput(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure requests by route, tenant, method and status."""
    grown = await Counters(ctx, query.time_window_minutes).increase(REQUESTS)
    if grown.covered_minutes <= 0:
        return uncounted("throughput", grown)
    own = verdicts.of_tenant(grown, query.tenant_filter)
    return Result(
        results={"status": "ok", **verdicts.throughput(own), **verdicts.beside_counters(grown), **_notes(grown, query)},
        covered_minutes=grown.covered_minutes,
        source=grown.source,
        findings=tuple(find_restarts(grown)),
    )


async def error_rate(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure the shares of failed (5xx), refused (429) and wrong (other 4xx) requests."""
    grown = await Counters(ctx, query.time_window_minutes).increase(REQUESTS)
    if grown.covered_minutes <= 0:
        return uncounted("error rate", grown)
    own = verdicts.of_tenant(grown, query.tenant_filter)
    figures = verdicts.error_rate(own)
    if query.tenant_filter is None:
        subject = GATEWAY
    else:
        subject = verdicts.shown(query.tenant_filter)
    findings = [*find_errors(own, subject, ctx.settings.thresholds), *find_restarts(grown)]
    status = "no requests"
    if figures["requests"]:
        status = "ok"
    if why := figures.get("failures_unknown"):
        status = "not available"
        figures["reason"] = why
        findings += not_available("error rate", why, remedy=STATUS_REMEDY).findings
    return Result(
        results={"status": status, **figures, **verdicts.beside_counters(grown), **_notes(grown, query)},
        covered_minutes=grown.covered_minutes,
        source=grown.source,
        findings=tuple(findings),
    )


def uncounted(subject: str, grown: Increase) -> Result:
    """Return the result for an unknown figure, with the reason, and the processes or targets concerned."""
    missing = not_available(subject, reason_of(grown.fault, "requests were not counted in this window"))
    known = {name: value for name, value in verdicts.beside_counters(grown).items() if value}
    return Result(results={**missing.results, **known}, findings=missing.findings)


def _notes(grown: Increase, query: PerformanceQuery) -> dict[str, Any]:
    """Return what limits the counter's meaning: tenants are summed, or a better source did not answer."""
    notes = []
    if any(one.labels.get("tenant") == OTHERS and one.increase for one in grown.series):
        notes.append('the gateway counts tenants beyond its maximum as "other": a tenant may be among them')
    if query.tenant_filter is not None and not any("tenant" in one.labels for one in grown.series) and grown.series:
        notes.append("the gateway does not count by tenant: which requests are this tenant's is unknown")
    if grown.lower_bound:
        lost = "not every process was seen often enough"
        if grown.restarts:
            lost = "what processes counted after they were last read is lost"
        notes.append(f"the figures are lower bounds: {restarts_words(grown)}{lost}")
    if grown.fault is not None:
        notes.append(sentence(grown.fault) or "")
    if notes:
        return {"notes": notes}
    return {}


LOOKS = 5
SERVICES = {"gateway": "backend_orchestrator", "engine": "ai_engine", "redis": "redis"}
"""Our name for each, and the document's."""
_RULES = {"gateway": SERVICES_GATEWAY, "engine": SERVICES_ENGINE, "redis": SERVER_UNREACHABLE}


async def latency(ctx: "Context", query: PerformanceQuery) -> Result:
    """Measure latency now (``latency_tests``) and over the window (``services``, ``routes``, ``upstreams``).

    The summary's ``assessment`` is never better than the worst finding of the document. The average is over the two
    services that speak HTTP: Redis is a hundred times faster and would only improve it.
    """
    counters = Counters(ctx, query.time_window_minutes)
    looks, windows, (routes, upstreams), nearest, lately = await asyncio.gather(
        _look(ctx),
        _windows(ctx, query.time_window_minutes),
        _histograms(counters),
        Counters(ctx, NEAREST_MINUTES, live=False).quantiles(DURATIONS, "route"),
        Counters(ctx, ctx.tuning.lately_minutes, live=False).quantiles(DURATIONS, "route"),
    )
    services = {name: _service(looks[name], windows[name]) for name in SERVICES}
    best = max(windows.values(), key=lambda window: window.covered_minutes)
    kept = best.covered_minutes > 0
    findings = (
        *_down(looks),
        *bars.judge(_series(looks, windows, ctx.clock.wall()), ctx.settings.thresholds),
        *judge_routes(routes.groups, ctx.settings.thresholds, nearest, lately),
    )
    results: dict[str, Any] = {
        "latency_tests": [_test(name, looks[name]) for name in ("gateway", "engine")],
        "latency_summary": _summary(ctx, looks, findings),
        "services": services,
        "routes": _groups(routes, "route"),
        "upstreams": _groups(upstreams, "service"),
    }
    if query.tenant_filter is not None:
        results["notes"] = ["latency is measured for all tenants together: the gateway has no latency by tenant"]
    covered: Window | Quantiles = routes
    if kept:
        covered = best
    return Result(results=results, covered_minutes=covered.covered_minutes, source=covered.source, findings=findings)


async def _look(ctx: "Context") -> dict[str, list["Timed"]]:
    from optimus_tui.probes.http.integration import time_pings, time_service
    from optimus_tui.probes.http.services import health_url

    settings, http, clock, profile = ctx.settings, ctx.http, ctx.clock, ctx.settings.profile
    gateway, engine, redis = await asyncio.gather(
        time_service(http, clock, health_url(settings.gateway_url, profile.gateway), LOOKS, profile.gateway),
        time_service(http, clock, health_url(settings.engine_url, profile.engine), LOOKS, profile.engine),
        time_pings(ctx.redis, clock, LOOKS),
    )
    return {"gateway": gateway, "engine": engine, "redis": redis}


async def _windows(ctx: "Context", minutes: float) -> dict[str, Window]:
    found = await asyncio.gather(*(ctx.windows.series(f"latency.{name}", minutes) for name in SERVICES))
    return dict(zip(SERVICES, found, strict=True))


async def _histograms(counters: Counters) -> tuple[Quantiles, Quantiles]:
    routes, upstreams = await asyncio.gather(
        counters.quantiles(DURATIONS, "route"),
        counters.quantiles(UPSTREAM_DURATIONS, "service"),
    )
    return routes, upstreams


def _times(looks: list["Timed"]) -> list[float]:
    return [one.ms for one in looks if one.counts and one.ms is not None]


def _test(name: str, looks: list["Timed"]) -> dict[str, Any]:
    """Return one service as the document shows it: its average, or why it has none."""
    of = figures(_times(looks))
    failed = [one for one in looks if one.failed]
    if failed:
        last = failed[-1]
    else:
        last = looks[-1]
    error = sentence(last.fault)
    if not error and not of.samples:
        error = why_untimed(looks) or None
    return {
        "service": SERVICES[name],
        "latency_ms": rounded(of.average),
        "status_code": last.status_code,
        "samples": of.samples,
        "failed": len(failed),
        "max_latency_ms": rounded(of.highest),
        "error": error,
    }


def _summary(ctx: "Context", looks: dict[str, list["Timed"]], findings: Sequence[Finding]) -> dict[str, Any]:
    both = [looks["gateway"], looks["engine"]]
    means = figures([of.average for of in (figures(_times(one)) for one in both) if of.average is not None])
    every = figures([ms for one in both for ms in _times(one)])
    counts = [(len(one), sum(look.failed for look in one)) for one in both]
    return {
        "average_latency_ms": rounded(means.average),
        "max_latency_ms": rounded(every.highest),
        "min_latency_ms": rounded(every.lowest),
        "p50_latency_ms": rounded(every.p50),
        "p95_latency_ms": rounded(every.p95),
        "p99_latency_ms": rounded(every.p99),
        "samples": every.samples,
        "failed": sum(failed for _, failed in counts),
        "assessment": assess(means.average, counts, ctx.settings.thresholds, findings),
    }


def _service(looks: list["Timed"], window: Window) -> dict[str, Any]:
    """Return a service over the window; over the latest samples where the window holds too little for a percentile."""
    times, minutes, source = _times(looks), 0.0, "live"
    if _is_kept(window):
        times = [value for _, value in window.samples]
        minutes, source = round(window.covered_minutes, 2), window.source
    return {
        **_shown(figures(times)),
        "failed": sum(one.failed for one in looks),
        "covered_minutes": minutes,
        "source": source,
        "error": next((sentence(one.fault) for one in looks if one.fault), None),
    }


def _shown(of: Figures) -> dict[str, Any]:
    return {
        "samples": of.samples,
        "average_ms": rounded(of.average, 2),
        "p50_ms": rounded(of.p50, 2),
        "p95_ms": rounded(of.p95, 2),
        "p99_ms": rounded(of.p99, 2),
        "max_ms": rounded(of.highest, 2),
    }


def _groups(found: Quantiles, label: str) -> dict[str, Any]:
    """Return the gateway's own histogram, the most used first. A percentile that is only a bound is null."""
    if found.covered_minutes <= 0:
        return {
            "status": "not available",
            "reason": sentence(found.fault) or "this histogram was not recorded",
            "rows": [],
        }

    def row(name: str) -> dict[str, Any]:
        of = found.groups[name]
        timed = percentiles.section(of)
        return {label: shown(name), "requests": round(of.count), "average_ms": timed.pop("mean_ms"), **timed}

    return {
        "status": "ok",
        "rows": [row(name) for name in found.groups],
        "covered_minutes": round(found.covered_minutes, 3),
        "source": found.source,
        **beside_counters(found),
    }


def _series(looks: dict[str, list["Timed"]], windows: dict[str, Window], wall: float) -> dict[str, Series]:
    found = {}
    for name, window in windows.items():
        if _is_kept(window):
            found[name] = kept_series(window, wall)
        else:
            found[name] = live_series(_times(looks[name]))
    return found


def _is_kept(window: Window) -> bool:
    return len(window.samples) >= bars.MIN_SAMPLES


def _down(looks: dict[str, list["Timed"]]) -> list[Finding]:
    found = []
    for name, of in looks.items():
        failed = [one for one in of if one.failed]
        spoilt = [one.fault for one in failed if one.fault and one.fault.kind == STARVED]
        if spoilt and len(spoilt) == len(failed):
            found.append(unheard(name, spoilt[-1]))
            continue
        if not failed:
            found += _degraded(name, of[-1].reported)
            continue
        why = sentence(failed[-1].fault) or phrase(_RULES[name], "no_reason")
        all_of = len(failed) == len(of)
        severity: Severity = "high"
        if all_of:
            severity = "critical"
        found.append(
            make_finding(
                rule=_RULES[name],
                severity=severity,
                subject=name,
                message=phrase(
                    _RULES[name], "checks_failed", subject=name, failed=len(failed), count=len(of), reason=why
                ),
                measured=float(len(failed)),
                threshold=0.0,
                unit="checks",
                samples=len(of),
                impact=phrase(_RULES[name], "checks_failed_impact"),
                remedy=phrase(_RULES[name], "see_health"),
            )
        )
    return found


def _degraded(name: str, reported: "ReportedHealth") -> list[Finding]:
    """Return the finding about a service that answers in time and calls itself degraded; None otherwise."""
    if reported.sickness is None:
        return []
    return [
        make_finding(
            rule=_RULES[name],
            severity="medium",
            subject=name,
            message=phrase(_RULES[name], "degraded", subject=name, words=reported.words),
            measured="degraded",
            threshold="healthy",
            impact=phrase(_RULES[name], "degraded_impact"),
            remedy=phrase(_RULES[name], "see_health"),
        )
    ]


KEPT_SECONDS = 0.9


async def latencies(
    ctx: "Context", gateway: Reading[GatewayState], engine: Reading[ServiceState], server: Reading[ServerState]
) -> dict[str, Series]:
    """Return the latencies by service (gateway, engine, redis); an empty series without a good answer."""
    firsts = {
        "gateway": _time_of(service_of(gateway.value)),
        "engine": _time_of(engine.value),
        "redis": server.value.latency_ms if server.value and server.fault is None else None,
    }
    found = await asyncio.gather(*(_series_now(ctx, name, first) for name, first in firsts.items()))
    return dict(zip(firsts, found, strict=True))


def _time_of(state: ServiceState | None) -> float | None:
    from optimus_tui.probes.load_meter import disturbed

    if state is None or state.latency_ms is None or state.fault is not None:
        return None
    if disturbed(state.latency_ms, state.own_ms):
        return None
    return state.latency_ms


async def _series_now(ctx: "Context", name: str, first: float | None) -> Series:
    window = await part(ctx, ctx.windows.series(f"latency.{name}", WINDOW_SECONDS / 60), "history", KEPT_SECONDS)
    if isinstance(window, Window) and len(window.samples) >= MIN_SAMPLES:
        return kept_series(window, ctx.clock.wall())
    if first is None:
        return Series()
    if first <= ctx.settings.thresholds.latency_good_ms:
        return live_series([first])
    second = await _again(ctx, name)
    return live_series([first] if second is None else [first, second])


async def _again(ctx: "Context", name: str) -> float | None:
    from optimus_tui.probes.http.integration import time_pings
    from optimus_tui.probes.http.services import health_url, look_at_health

    if name == "redis":
        pings = await part(ctx, time_pings(ctx.redis, ctx.clock, 1), name)
        if not isinstance(pings, Fault) and pings and pings[0].counts:
            return pings[0].ms
        return None
    if name == "gateway":
        base, profile = ctx.settings.gateway_url, ctx.settings.profile.gateway
    else:
        base, profile = ctx.settings.engine_url, ctx.settings.profile.engine
    seen = await part(ctx, look_at_health(ctx.http, health_url(base, profile), profile=profile), name)
    if isinstance(seen, Fault) or seen.answer is None or seen.fault is not None:
        return None
    return seen.answer.took_ms
