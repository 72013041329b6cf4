"""A healthy system as the playbooks see it, to be made ill one part at a time."""

from collections.abc import Iterable

from optimus_tui.contract.keyspace import CacheReport
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import (
    CacheMetrics,
    Counted,
    GatewayState,
    Increase,
    Quantiles,
    Series,
    ServerState,
    ServiceState,
    Spread,
    Window,
)
from optimus_tui.contract.tools.common import Recommendation
from optimus_tui.settings.model import Thresholds
from optimus_tui.verdicts.playbooks.conclusion import Conclusion
from optimus_tui.verdicts.playbooks.proxy_timeout import DependencyLatencies

T = Thresholds()
GONE = Fault("refused", "nobody answers at localhost:8020")
DENIED = Fault("denied", "SLOWLOG GET is not allowed for user observer", "ACL SETUSER observer +slowlog|get")
BROKEN = Fault("invalid", "/metrics answered 500")
MB = float(1 << 20)


def reading(value: object, fault: Fault | None = None) -> Reading:  # type: ignore[type-arg]
    return Reading(value=value, taken_at=0.0, taken_mono=0.0, fault=fault)


def gateway(fault: Fault | None = None, hit_rate: float | None = 0.85) -> Reading[GatewayState]:
    if fault is not None:
        return reading(GatewayState(service=ServiceState(status="error", fault=fault)), fault)
    service = ServiceState(status="healthy", latency_ms=4.0, status_code=200)
    return reading(GatewayState(service=service, cache=CacheMetrics(hit_rate, 1247)))


def engine(status: str = "connected", code: int | None = 200) -> Reading[ServiceState]:
    return reading(ServiceState(status=status, latency_ms=12.0, status_code=code))  # type: ignore[arg-type]


def server(fault: Fault | None = None, **fields: object) -> Reading[ServerState]:
    known: dict[str, object] = {"version": "7.4.1", "product": "redis", "evicted_keys": 0, **fields}
    return reading(None if fault else ServerState(latency_ms=0.3, **known), fault)  # type: ignore[arg-type]


def increase(by: dict[str, float], minutes: float = 30.0, label: str = "status") -> Increase:
    series = tuple(Counted(labels={label: name}, increase=number) for name, number in by.items())
    return Increase(name="x", series=series, covered_minutes=minutes, source="history" if minutes else "live")


def quantiles(p95: float = 0.09, count: float = 500, name: str = "ai_engine", p99: float | None = None) -> Quantiles:
    spread = Spread(count=count, mean=p95 / 3, p50=p95 / 3, p95=p95, p99=p99 or p95 * 1.5)
    return Quantiles(name="x", groups={name: spread}, covered_minutes=30.0, source="history")


NO_HISTORY = Quantiles(name="x")


def window(values: Iterable[float], step: float = 10.0, name: str = "x") -> Window:
    samples = tuple((1000.0 + number * step, value) for number, value in enumerate(values))
    return Window(name=name, samples=samples, covered_minutes=len(samples) * step / 60, source="history")


def timed(p95: float = 20.0, samples: int = 100) -> DependencyLatencies:
    return DependencyLatencies(
        series=Series(p50=p95 / 2, p95=p95, samples=samples), source="history", covered_minutes=30.0
    )


def cache(**more: object) -> CacheReport:
    fields = {"kinds": (), "keys": 0, "coherence_keys": 0, "coverage": Coverage(10, 10, True), "version": 1, **more}
    return CacheReport(**fields)  # type: ignore[arg-type]


def found(told: Conclusion) -> dict[str, str]:
    """Rule to severity; every finding is checked for what the contract wants in it."""
    for one in told.findings:
        assert one.rule and one.measured is not None and one.threshold is not None, one
    return {one.rule: one.severity for one in told.findings}


def commands(told: Conclusion) -> list[str]:
    return [line for one in told.recommendations for line in (one.command or "").split("\n") if line]


def actions(told: Conclusion) -> list[Recommendation]:
    return list(told.recommendations)
