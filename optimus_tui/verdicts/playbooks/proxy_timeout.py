"""proxy_timeout: whether requests to the engine exceed the proxy's timeout, and where their time is spent. Pure.

Our own requests ask the engine for ``/health`` only; the times of real requests are in the gateway's histograms.
Without them that part is unknown. Without the proxy's timeout in the settings, nothing is compared with a guess.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import PROXY_P99, PROXY_UNMEASURED
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.percentiles import FEWEST, is_known
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, Increase, Quantiles, Series, ServiceState, Spread
from optimus_tui.contract.tools.common import status_of
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.gateway import latency as latencies
from optimus_tui.verdicts.gateway.performance import MIN_REQUESTS
from optimus_tui.verdicts.gateway.services import judge_engine, judge_gateway
from optimus_tui.verdicts.playbooks.conclusion import Conclusion, ConclusionBuilder, examine_errors
from optimus_tui.wording.numbers import age, latency, percent
from optimus_tui.wording.safe import safe_text

NEAR = 0.8
"""Of the timeout: a p99 above it leaves no room."""


class DependencyLatencies(Struct, frozen=True, kw_only=True):
    """Our own measurements of one dependency's latency, in ms; ``source`` says whether now or over the window.

    ``lacking`` says why there are none.
    """

    series: Series
    source: str
    covered_minutes: float = 0.0
    lacking: str = ""


class ProxyEvidence(Struct, frozen=True, kw_only=True):
    """The measurements that proxy_timeout needs.

    ``upstream`` (by service) and ``served`` (all routes) are the gateway's histograms, in seconds.
    """

    gateway: Reading[GatewayState]
    engine: Reading[ServiceState]
    direct: Mapping[str, DependencyLatencies]
    upstream: Quantiles | Fault
    served: Quantiles | Fault
    requests: Increase | Fault
    recent: Increase | Fault | None = None
    """Of the last minute or so."""


def conclude(seen: ProxyEvidence, thresholds: Thresholds) -> Conclusion:
    """Return the direct latency, the gateway's view, and how many requests timed out."""
    conclusion = ConclusionBuilder()
    away = judge_gateway(seen.gateway)
    conclusion.add_findings(*away, *judge_engine(seen.engine))
    direct = examine_direct(conclusion, seen.direct, thresholds)
    upstream = _examine_upstream(conclusion, seen, thresholds, down=bool(away))
    timeouts = examine_errors(conclusion, seen.requests, thresholds, recent=seen.recent, only="504", excused=bool(away))
    if thresholds.proxy_timeout_ms is None:
        conclusion.add_unknown(
            "the proxy's timeout", "not configured; set thresholds.proxy_timeout_ms to compare with it"
        )
    return conclusion.close(
        {
            "status": status_of(upstream, "unknown"),
            "direct_ms": direct,
            "proxied_ms": upstream,
            "proxy_timeout_ms": thresholds.proxy_timeout_ms,
            "lost_between": _lost(seen),
            "timeouts": timeouts,
        }
    )


def examine_direct(
    conclusion: ConclusionBuilder, direct: Mapping[str, DependencyLatencies], thresholds: Thresholds
) -> dict[str, Any]:
    """Return the section about our own timings, and add findings of the latency rules."""
    section: dict[str, Any] = {}
    for name, timed in direct.items():
        series = timed.series
        if not series.samples:
            conclusion.add_unknown(f"latency of {name}", timed.lacking or "no request was answered")
            continue
        conclusion.covered(timed.covered_minutes, timed.source)
        figures = f"p50 {latency(series.p50)}"
        if series.p95 is not None:
            figures += f", p95 {latency(series.p95)}"
        elif series.few:
            figures += f", slowest {latency(series.few[-1])}"
        conclusion.add_measured(f"{name}: {figures} of {series.samples:,} checks ({timed.source})")
        section[name] = {
            "p50_ms": _round(series.p50),
            "p95_ms": _round(series.p95),
            "samples": series.samples,
            "source": timed.source,
            "covered_minutes": round(timed.covered_minutes, 1),
        }
        if not is_known(0.95, series.samples):
            conclusion.add_unknown(f"p95 of {name}", f"{series.samples} samples are too few, it takes {FEWEST}")
    conclusion.add_findings(*latencies.judge({name: timed.series for name, timed in direct.items()}, thresholds))
    return section


def spread_section(spread: Spread) -> dict[str, float | str | None]:
    """Return a histogram's figures in ms; a percentile that is only a bound is None, with the bound in words."""
    return {**latencies.section(spread), "samples": round(spread.count)}


def _examine_upstream(
    conclusion: ConclusionBuilder, seen: ProxyEvidence, thresholds: Thresholds, *, down: bool
) -> dict[str, dict[str, float | str | None]]:
    what = "engine latency as the gateway sees it"
    if isinstance(seen.upstream, Fault):
        conclusion.add_unknown(what, seen.upstream, rule=PROXY_UNMEASURED, excused=down)
        return {}
    if not seen.upstream.groups:
        covered = seen.upstream.covered_minutes
        fault = seen.upstream.fault
        why = "no upstream_request_duration_seconds is published, or nothing was proxied"
        if fault:
            why = fault.message
        conclusion.add_unknown(what, f"{why}{f' in {age(covered * 60)}' if covered >= 1 else ''}")
        return {}
    conclusion.covered(seen.upstream.covered_minutes, seen.upstream.source)
    sections = {}
    for label, spread in seen.upstream.groups.items():
        name = safe_text(label or "upstream", 60)
        via = f"{name} through the gateway"
        sections[name] = spread_section(spread)
        if spread.count < MIN_REQUESTS:
            conclusion.add_unknown(
                f"percentiles of {name}", f"{spread.count:.0f} proxied requests, {MIN_REQUESTS} are needed"
            )
            conclusion.add_findings(*latencies.judge_half(via, spread, thresholds))
            continue
        p95, p99 = latencies.shown_ms(spread, "p95"), latencies.shown_ms(spread, "p99")
        conclusion.add_measured(f"{via}: p95 {p95}, p99 {p99} of {spread.count:,.0f}")
        conclusion.add_findings(*latencies.judge_spread(via, spread, thresholds))
        conclusion.add_findings(*_judge_timeout(name, spread, thresholds))
    return sections


def _judge_timeout(name: str, spread: Spread, thresholds: Thresholds) -> list[Finding]:
    timeout = thresholds.proxy_timeout_ms
    if timeout is None:
        return []
    p99 = latencies.certain_ms(spread, "p99", NEAR * timeout - 1e-6, timeout - 1e-6)
    if p99 is None or p99 < NEAR * timeout:
        return []
    shown = latencies.shown_ms(spread, "p99", timeout)
    severity: Severity = "medium"
    message, threshold = "", NEAR * timeout
    if p99 >= timeout:
        severity = "high"
        message = phrase(PROXY_P99, "reached", subject=name, p99=shown, timeout=latency(timeout))
        threshold = timeout
    return [
        make_finding(
            rule=PROXY_P99,
            severity=severity,
            subject=name,
            message=message,
            p99=shown,
            timeout=latency(timeout),
            measured=p99,
            measured_words=shown,
            threshold=threshold,
            unit="ms",
            samples=round(spread.count),
        )
    ]


def _lost(seen: ProxyEvidence) -> dict[str, Any]:
    """Return the part of the gateway's response time that was not spent waiting for an upstream."""
    if isinstance(seen.upstream, Fault) or isinstance(seen.served, Fault):
        return {"status": "unknown", "share": None}
    waited = sum((one.mean or 0.0) * one.count for one in seen.upstream.groups.values())
    whole = sum((one.mean or 0.0) * one.count for one in seen.served.groups.values())
    if waited <= 0 or whole <= 0:
        return {"status": "unknown", "share": None}
    share = max(0.0, 1 - waited / whole)
    return {
        "status": "ok",
        "share": round(share, 4),
        "words": f"{percent(share)} of the time of all answers is spent in the gateway itself",
    }


def _round(value: float | None) -> float | None:
    if value is None:
        return None
    return round(value, 2)
