"""The dependencies as lines of one table: a mark, a word, the latency now and over ten minutes. Pure.

Judges nothing: a service that answers is marked by the worst finding about it, one that does not by its fault.
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from optimus_tui.contract.finding_rules import SERVER_REFUSES_WRITES
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.reading import Fault, FaultKind, Reading
from optimus_tui.contract.services import HealthReport, Series, ServerState, ServiceState
from optimus_tui.settings.model import Settings
from optimus_tui.wording.numbers import NOTHING, compact, latency, percent, until
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import BRIEF_FAULTS, SEVERITY_MARKS, STATUS_MARKS, StateGlyph

Value = TypeVar("Value")
INKS = {"critical": "crit", "warning": "warn", "ok": "good", "quiet": "quiet"}
REDIS_WORDS: dict[FaultKind, str] = {
    "loading": "loading",
    "busy": "busy",
    "auth": "login refused",
    "denied": "not allowed",
    "role": "wrong role",
    "invalid": "error",
    "tls": "TLS error",
    "bug": "error",
}
"""What a fault of Redis is called in a word; it is disconnected by any other."""


class ServiceLine(Struct, frozen=True, kw_only=True):
    """One line. ``note`` takes the place of the figures: why there are none, safe and in full."""

    name: str
    mark: StateGlyph
    word: str
    now: str = NOTHING
    p50: str = ""
    p95: str = ""
    series: Series = Series()
    top: float | None = None
    version: str = ""
    note: str = ""
    briefs: tuple[str, ...] = ()
    """Shorter forms of the note, set where a finding below says the rest."""
    answers: bool = True


def service_lines(report: HealthReport, settings: Settings, since_arrival: float) -> Iterator[ServiceLine]:
    """Return gateway, engine, Redis, Postgres and hit rate. ``since_arrival``: seconds since the report came."""
    gateway, service = _value(report.gateway), None
    if gateway is not None:
        service = gateway.service
    yield _service("gateway", report.gateway, service, report, settings, since_arrival)
    yield _service("engine", report.engine, _value(report.engine), report, settings, since_arrival)
    yield _redis(report, settings, since_arrival)
    yield _service("postgres", report.postgres, _value(report.postgres), report, settings, since_arrival)
    yield _hit_rate(report)


def _value(reading: Reading[Value] | None) -> Value | None:
    """Return what was read; None before the first look and where nothing was ever read."""
    if reading is None:
        return None
    return reading.value


def concerns(finding: Finding, name: str) -> bool:
    """Return True if a finding is about this line of the table."""
    if name == "memory":
        name = "redis"
    return finding.subject == name


def worst(findings: Sequence[Finding], name: str) -> Finding | None:
    """Return the worst finding about a line, notes aside; None without one."""
    about = [finding for finding in findings if concerns(finding, name) and finding.severity != "low"]
    return max(about, key=lambda finding: SEVERITIES.index(finding.severity), default=None)


def _service(
    name: str,
    reading: Reading[Any] | None,
    state: ServiceState | None,
    report: HealthReport,
    settings: Settings,
    since_arrival: float,
) -> ServiceLine:
    if reading is None:
        if name == "postgres" and not settings.names_postgres:
            return ServiceLine(name=name, mark=STATUS_MARKS["not configured"], word="not configured", answers=False)
        return _connecting(name, {"gateway": settings.gateway_url, "engine": settings.engine_url}.get(name, ""))
    mark, fault, code = STATUS_MARKS["unknown"], reading.fault, None
    if state is not None:
        mark, fault, code = STATUS_MARKS[state.status], fault or state.fault, state.status_code
    if fault is not None or state is None or mark.tone in ("critical", "quiet"):
        if reading.fault is not None and mark.tone != "critical":
            # The value is the last good one: what it said then is not what is so now.
            mark = STATUS_MARKS["disconnected"]
            if name == "gateway" or reading.fault.kind == "invalid":
                mark = STATUS_MARKS["error"]
        word, why = mark.word, ""
        if state is not None and state.sickness == "degraded":
            mark, word, why = SEVERITY_MARKS["medium"], "degraded", "says so itself"
        note = _why(fault, reading, since_arrival)
        if not note and code is not None:
            note = f"it answered {code}"
        briefs = _briefs(fault, name, report, _retry(reading, since_arrival), why)
        return ServiceLine(name=name, mark=mark, word=word, note=note, briefs=briefs, answers=False)
    return _answering(name, mark, mark.word, state.latency_ms, state.version, report)


def _redis(report: HealthReport, settings: Settings, since_arrival: float) -> ServiceLine:
    reading = report.server
    if reading is None:
        return _connecting("redis", settings.redis.label)
    state: ServerState | None = reading.value
    if reading.fault is not None or state is None:
        word, mark = "unknown", STATUS_MARKS["unknown"]
        if reading.fault is not None:
            word, mark = REDIS_WORDS.get(reading.fault.kind, "disconnected"), STATUS_MARKS["disconnected"]
        if state is not None and state.loading_percent is not None and word == "loading":
            word = f"loading {percent(state.loading_percent / 100)}"
        note = _why(reading.fault, reading, since_arrival)
        briefs = _briefs(reading.fault, "redis", report, _retry(reading, since_arrival))
        return ServiceLine(name="redis", mark=mark, word=word, note=note, briefs=briefs, answers=False)
    word = safe_text(state.role or "connected", 16)
    if state.role == "replica" and state.link_to_master not in (None, "up"):
        word = {"syncing": "replica, copying"}.get(state.link_to_master or "", "replica, cut off")
    if any(finding.rule == SERVER_REFUSES_WRITES for finding in report.findings):
        word = "refuses writes"
    return _answering("redis", STATUS_MARKS["connected"], word, state.latency_ms, state.version, report)


def _answering(
    name: str, mark: StateGlyph, word: str, now: float | None, version: str | None, report: HealthReport
) -> ServiceLine:
    finding = worst(report.findings, name)
    if finding is not None:
        mark = SEVERITY_MARKS[finding.severity]
        if finding.rule.startswith("latency."):
            word = {"redis": f"slow {word}"}.get(name, "slow")
    series = report.latency.get(name, Series())
    return ServiceLine(
        name=name,
        mark=mark,
        word=word,
        now=latency(now),
        p50=latency(series.p50),
        p95=latency(series.p95),
        series=series,
        version=safe_text(version or "", 20),
    )


def _hit_rate(report: HealthReport) -> ServiceLine:
    rate, mark = report.hit_rate, STATUS_MARKS["connected"]
    finding = worst(report.findings, "hit rate")
    if finding is not None:
        mark = SEVERITY_MARKS[finding.severity]
    if rate is None:
        note = _no_rate(report)
        if finding is None:
            mark = STATUS_MARKS["unknown"]
        else:
            note = finding.message
        return ServiceLine(name="hit rate", mark=mark, word="unknown", note=note, answers=False)
    source, _, more = safe_text(rate.source, 60).partition(", ")
    keys = ""
    if rate.total_keys is not None:
        keys = f"{compact(rate.total_keys)} keys"
    if source.startswith("redis") and report.server is not None and report.server.fault is not None:
        mark, keys = STATUS_MARKS["unknown"], "read before"  # of before the outage: no proof that all is well now
    return ServiceLine(
        name="hit rate",
        mark=mark,
        word=source,
        now=percent(rate.value),
        p95=keys or more,
        series=report.hit_rate_history,
        top=1.0,
    )


def _no_rate(report: HealthReport) -> str:
    gateway = _value(report.gateway)
    if gateway is not None and gateway.cache_fault is not None:
        return gateway.cache_fault.message
    if report.gateway is None or report.server is None:
        return ""
    return "not published; too few look-ups"


def _connecting(name: str, place: str) -> ServiceLine:
    note = f"{safe_text(place, 80)} …".lstrip()
    return ServiceLine(name=name, mark=STATUS_MARKS["unknown"], word="connecting", note=note, answers=False)


def _why(fault: Fault | None, reading: Reading[Any], since_arrival: float) -> str:
    parts = [_retry(reading, since_arrival)]
    if fault is not None:
        parts.insert(0, fault.message)
    return " · ".join(filter(None, parts))


def _briefs(fault: Fault | None, name: str, report: HealthReport, retry: str, why: str = "") -> tuple[str, ...]:
    """Only where a finding says the rest: two words on why, and when it is tried again."""
    if fault is None or worst(report.findings, name) is None:
        return ()
    why = why or BRIEF_FAULTS[fault.kind]
    return tuple(form for form in (" · ".join(part for part in (why, retry) if part), retry, why) if form)


def _retry(reading: Reading[Any], since_arrival: float) -> str:
    if reading.retry_in is None:
        return ""
    left = reading.retry_in - since_arrival
    if left <= 0:
        return "retrying"
    return f"retry in {until(left)}"
