"""Judge gateway, engine, Postgres and Redis: whether each answers as it should, and how often it restarted. Pure."""

import math

from optimus_tui.contract.finding_rules import (
    GATEWAY_RESTARTS,
    METRICS_SEVERAL_PROCESSES,
    SERVER_LOGIN,
    SERVER_UNKNOWN,
    SERVER_UNREACHABLE,
    SERVICE_DOWN,
    SERVICES_ENGINE_SAYS,
    SERVICES_ENGINE_UNKNOWN,
    SERVICES_GATEWAY_SAYS,
    SERVICES_GATEWAY_UNKNOWN,
    SERVICES_POSTGRES_SAYS,
    SERVICES_POSTGRES_UNKNOWN,
)
from optimus_tui.contract.findings import NO_ANSWER, Finding, Severity
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, Grown, Remark, ServerState, ServiceState, Sickness, Status
from optimus_tui.verdicts.cluster import judge_cluster, judge_failovers, judge_unproven, judge_watched
from optimus_tui.verdicts.server import judge_condition
from optimus_tui.wording.numbers import age, plural

OURS = frozenset({"auth", "denied"})
"""Faults of our own login: the server answers, we may not look."""
STARVED = "starved"
"""The fault of a check that this machine's lack of CPU spoilt: it says nothing about the service."""

_UNKNOWN = {
    "gateway": SERVICES_GATEWAY_UNKNOWN,
    "engine": SERVICES_ENGINE_UNKNOWN,
    "postgres": SERVICES_POSTGRES_UNKNOWN,
    "redis": SERVER_UNKNOWN,
}
_SAYS = {"gateway": SERVICES_GATEWAY_SAYS, "engine": SERVICES_ENGINE_SAYS, "postgres": SERVICES_POSTGRES_SAYS}
HIGH, MEDIUM = 3, 2


def service_of(gateway: GatewayState | None) -> ServiceState | None:
    """Return how the gateway itself answers; None if it was not read."""
    if gateway is None:
        return None
    return gateway.service


def judge_gateway(reading: Reading[GatewayState] | None) -> list[Finding]:
    """Return a critical finding unless the gateway answered 200 with a JSON object."""
    if reading is None:
        return []
    return _service("gateway", service_of(reading.value), reading.fault, "healthy", "critical")


def judge_engine(reading: Reading[ServiceState] | None) -> list[Finding]:
    """Return a critical finding unless the engine is connected."""
    if reading is None:
        return []
    return _service("engine", reading.value, reading.fault, "connected", "critical")


def judge_postgres(reading: Reading[ServiceState] | None) -> list[Finding]:
    """Return a high finding unless Postgres is connected or not configured; medium if it could not be checked."""
    if reading is None:
        return []
    return _service("postgres", reading.value, reading.fault, "connected", "high")


def judge_server(reading: Reading[ServerState] | None) -> list[Finding]:
    """Return what is wrong with Redis.

    Critical if it does not serve, high if only our login fails, medium if the check failed on our side; else the
    findings about its INFO.
    """
    if reading is None:
        return []
    if (fault := reading.fault) is None:
        if reading.value is None:
            return []
        if reading.value.cluster is not None:
            return judge_cluster(reading.value, reading.taken_at)
        return [
            *judge_condition(reading.value),
            *judge_watched(reading.value),
            *judge_failovers(reading.value.failovers, reading.taken_at),
        ]
    if fault.kind == STARVED:
        return [unheard("redis", fault)]
    if fault.kind in OURS:
        return [
            make_finding(
                rule=SERVER_LOGIN,
                subject="redis",
                reason=fault.message,
                measured=fault.kind,
                threshold="connected",
                remedy=fault.remedy or "",
            )
        ]
    return judge_unproven(reading.value, fault) or [
        make_finding(
            rule=SERVER_UNREACHABLE,
            subject="redis",
            reason=fault.message,
            measured=fault.kind,
            threshold="connected",
            remedy=fault.remedy or "",
        )
    ]


def is_away(reading: Reading[ServerState] | None) -> bool:
    """Return True if the latest check of Redis failed, so that missing figures need no further reason."""
    return reading is not None and reading.fault is not None


def answered(state: ServiceState | None) -> bool:
    """Return True if an answer came, right or wrong."""
    return state is not None and (
        state.status_code is not None or state.status in ("healthy", "unhealthy", "connected")
    )


def _service(
    name: str, state: ServiceState | None, fault: Fault | None, good: Status, severity: Severity
) -> list[Finding]:
    """Return the findings about a service by its state; its fault only says why, unless there is no state."""
    if state is not None and state.status == "not configured":
        return []
    if state is not None and state.status == good and fault is None:
        if state.remark is not None:
            return [_remarked(name, state.remark)]
        return []
    if state is not None and state.status == good:
        state = None  # good as of an earlier look: the fault is what holds now
    why = fault
    if state is not None and state.fault is not None:
        why = state.fault
    if (state is not None and state.status == "unknown") or (why is not None and why.kind == STARVED):
        return [_unknown(name, why)]
    status: str = NO_ANSWER
    code = sickness = None
    if state is not None:
        status, code, sickness = state.status, state.status_code, state.sickness
    if sickness == "degraded":
        severity = "medium"
    reason = ""
    if why is not None and why.message:
        reason = _reason(name, why)
    elif why is None and code is not None:
        reason = phrase(SERVICE_DOWN[name], "code", code=code)
    measured: float | str = status
    if code is not None:
        measured = float(code)
    return [
        make_finding(
            rule=SERVICE_DOWN[name],
            severity=severity,
            subject=name,
            state=_state(name, status, sickness),
            reason=reason,
            measured=measured,
            threshold=good,
            samples=1,
            remedy=_remedy(why),
        )
    ]


def _remarked(name: str, remark: Remark) -> Finding:
    """Return a low finding for a healthy service with a remark on its health page."""
    message = impact = ""
    measured = str(remark.kind)
    if remark.kind == "part":
        message = phrase(_SAYS[name], "part", subject=name, words=remark.words)
        impact = phrase(_SAYS[name], "part_impact")
        measured = "sick part"
    return make_finding(
        rule=_SAYS[name],
        subject=name,
        message=message,
        words=remark.words,
        measured=measured,
        threshold="healthy",
        samples=1,
        impact=impact,
    )


def _state(name: str, status: str, sickness: Sickness | None) -> str:
    """Return what an unhealthy service does."""
    rule = SERVICE_DOWN[name]
    if status in ("no answer", "disconnected") or (name == "gateway" and status == "error"):
        return phrase(rule, "down")
    if sickness == "degraded":
        return phrase(rule, "is_degraded")
    if sickness or status == "unhealthy":
        return phrase(rule, "sick")
    return phrase(rule, "wrong")


def unheard(name: str, why: Fault) -> Finding:
    """Return the finding for a check that was held up on our side, which says nothing about the service."""
    return _unknown(name, why)


def _remedy(why: Fault | None) -> str:
    """Return what the fault advises, or "" for what the catalogue advises."""
    if why is None:
        return ""
    return why.remedy or ""


def _reason(name: str, why: Fault) -> str:
    """Return what the fault says, after a colon, without the name that the finding's sentence begins with."""
    what, _, rest = why.message.partition(": ")
    if rest and what.lower().removeprefix("the ").removeprefix("ai ") == name:
        return f": {rest}"
    return f": {why.message}"


def _unknown(name: str, why: Fault | None) -> Finding:
    reason = ""
    if why is not None:
        reason = _reason(name, why).replace(": not measured: ", ": ", 1)  # the sentence says so itself
    return make_finding(
        rule=_UNKNOWN[name],
        subject=name,
        reason=reason,
        measured="unknown",
        threshold="connected",
        samples=0,
        remedy=_remedy(why),
    )


def find_restarts(grown: Grown) -> list[Finding]:
    """Return a finding about restarts of a process: three are high, two medium, one low."""
    if not grown.restarts:
        return []
    hours = max(1.0, grown.covered_minutes / 60)
    each = math.ceil(grown.restarts / max(1, grown.together) / hours)
    severity: Severity = "low"
    if each >= MEDIUM:
        severity = "medium"
        if each >= HIGH:
            severity = "high"
    return [
        make_finding(
            rule=GATEWAY_RESTARTS,
            severity=severity,
            subject="gateway",
            times=plural(grown.restarts, "time"),
            span=age(grown.covered_minutes * 60),
            processes=plural(grown.processes, "process", "processes"),
            measured=float(grown.restarts),
            threshold=float(MEDIUM),
            unit="restarts",
            samples=grown.processes,
            window_seconds=grown.covered_minutes * 60,
        )
    ]


def find_several(grown: Grown) -> list[Finding]:
    """Return a low finding if several processes answer that cannot be distinguished."""
    if not grown.several:
        return []
    reason = phrase(METRICS_SEVERAL_PROCESSES, "reason")
    if grown.fault:
        reason = grown.fault.message
    return [
        make_finding(
            rule=METRICS_SEVERAL_PROCESSES,
            subject="gateway",
            reason=reason,
            measured="unknown",
            threshold="one process, or start times that differ",
            samples=grown.processes,
        )
    ]


def restarts_words(grown: Grown) -> str:
    """Return ``at least 3 restarts, ``; "" without one."""
    if grown.restarts:
        return f"at least {plural(grown.restarts, 'restart')}, "
    return ""


def processes_section(grown: Grown) -> dict[str, int] | None:
    """Return ``{seen, restarts}`` for documents, or None if no process was seen."""
    if grown.processes:
        return {"seen": grown.processes, "restarts": grown.restarts}
    return None
