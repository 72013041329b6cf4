"""The dependencies as lines of one table: a mark, a word, the latency now and over ten minutes. Pure.

Judges nothing: a service that answers is marked by the worst finding about it, one that does not by its fault.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from optimus_tui.contract.finding_rules import SERVER_REFUSES_WRITES
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.health import HealthReport, Series
from optimus_tui.contract.reading import Fault, FaultKind, Reading
from optimus_tui.contract.services import ServerState, ServiceState
from optimus_tui.settings.model import Settings
from optimus_tui.wording.glyphs import SEVERITY_MARKS, STATUS_MARKS, StateGlyph
from optimus_tui.wording.numbers import NOTHING, compact, latency, percent
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import BRIEF_FAULTS
from optimus_tui.wording.ttl import until

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
    """Gateway, engine, Redis, Postgres and the hit rate. ``since_arrival``: seconds since the report came."""
    gateway = report.gateway.value.service if report.gateway and report.gateway.value else None
    engine = report.engine.value if report.engine else None
    postgres = report.postgres.value if report.postgres else None
    yield _service("gateway", report.gateway, gateway, report, settings, since_arrival)
    yield _service("engine", report.engine, engine, report, settings, since_arrival)
    yield _redis(report, settings, since_arrival)
    yield _service("postgres", report.postgres, postgres, report, settings, since_arrival)
    yield _hit_rate(report)


def concerns(finding: Finding, name: str) -> bool:
    """Whether a finding is about this line of the table."""
    if name == "memory":
        name = "redis"
    return finding.subject == name


def worst(findings: Sequence[Finding], name: str) -> Finding | None:
    """The worst finding about a line, notes aside; None without one."""
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
    mark = STATUS_MARKS[state.status if state else "unknown"]
    fault = reading.fault or (state.fault if state else None)
    if fault is not None or state is None or mark.tone in ("critical", "quiet"):
        if reading.fault is not None and mark.tone != "critical":
            # The value is the last good one: what it said then is not what is so now.
            mark = STATUS_MARKS["error" if name == "gateway" or reading.fault.kind == "invalid" else "disconnected"]
        word = mark.word
        if state is not None and state.sickness == "degraded":
            mark, word = SEVERITY_MARKS["medium"], "degraded"
        code = state.status_code if state else None
        note = _why(fault, reading, since_arrival) or (f"it answered {code}" if code is not None else "")
        owned = word == "degraded"  # its own word: nothing is odd about the answer
        briefs = _briefs(fault, name, report, _retry(reading, since_arrival), "says so itself" if owned else "")
        return ServiceLine(name=name, mark=mark, word=word, note=note, briefs=briefs, answers=False)
    return _answering(name, mark, mark.word, state.latency_ms, state.version, report)


def _redis(report: HealthReport, settings: Settings, since_arrival: float) -> ServiceLine:
    reading = report.server
    if reading is None:
        return _connecting("redis", settings.redis.label)
    state: ServerState | None = reading.value
    if reading.fault is not None or state is None:
        word = REDIS_WORDS.get(reading.fault.kind, "disconnected") if reading.fault else "unknown"
        if state is not None and state.loading_percent is not None and word == "loading":
            word = f"loading {percent(state.loading_percent / 100)}"
        mark = STATUS_MARKS["disconnected"] if reading.fault else STATUS_MARKS["unknown"]
        note = _why(reading.fault, reading, since_arrival)
        briefs = _briefs(reading.fault, "redis", report, _retry(reading, since_arrival))
        return ServiceLine(name="redis", mark=mark, word=word, note=note, briefs=briefs, answers=False)
    word = safe_text(state.role, 16) if state.role else "connected"
    if state.role == "replica" and state.link_to_master not in (None, "up"):
        word = "replica, copying" if state.link_to_master == "syncing" else "replica, cut off"
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
            word = f"slow {word}" if name == "redis" else "slow"
    series = report.latency.get(name, Series())
    return ServiceLine(
        name=name,
        mark=mark,
        word=word,
        now=latency(now),
        p50=latency(series.p50),
        p95=latency(series.p95),
        series=series,
        version=safe_text(version, 20) if version else "",
    )


def _hit_rate(report: HealthReport) -> ServiceLine:
    rate, mark = report.hit_rate, STATUS_MARKS["connected"]
    finding = worst(report.findings, "hit rate")
    if finding is not None:
        mark = SEVERITY_MARKS[finding.severity]
    if rate is None:
        note = finding.message if finding is not None else _no_rate(report)
        quiet = mark if finding is not None else STATUS_MARKS["unknown"]
        return ServiceLine(name="hit rate", mark=quiet, word="unknown", note=note, answers=False)
    source, _, more = safe_text(rate.source, 60).partition(", ")
    keys = "" if rate.total_keys is None else f"{compact(rate.total_keys)} keys"
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
    gateway = report.gateway.value if report.gateway else None
    if gateway is not None and gateway.cache_fault is not None:
        return gateway.cache_fault.message
    if report.gateway is None or report.server is None:
        return ""
    return "not published; too few look-ups"


def _connecting(name: str, place: str) -> ServiceLine:
    note = f"{safe_text(place, 80)} …" if place else "…"
    return ServiceLine(name=name, mark=STATUS_MARKS["unknown"], word="connecting", note=note, answers=False)


def _why(fault: Fault | None, reading: Reading[Any], since_arrival: float) -> str:
    return " · ".join(part for part in (fault.message if fault else "", _retry(reading, since_arrival)) if part)


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
    return "retrying" if left <= 0 else f"retry in {until(left)}"
