"""The health pane, line by line for one width: the table of dependencies, Redis' memory, then the findings. Pure.

A line belongs to a group (a dependency, a finding); the cursor moves over groups. Blank lines belong to none.

The dependencies as lines of one table: a mark, a word, the latency now and over ten minutes. Pure.

Judges nothing: a service that answers is marked by the worst finding about it, one that does not by its fault.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any, TypeVar

from msgspec import Struct
from rich.cells import cell_len

from optimus_tui.contract.finding_rules import SERVER_REFUSES_WRITES, rule_of
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.reading import Fault, FaultKind, Reading
from optimus_tui.contract.services import HealthReport, Series, ServerState, ServiceState
from optimus_tui.settings.model import Settings
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, as_many_as_fit, first_that_fits, fit_cell, spark, wrap
from optimus_tui.wording.numbers import NOTHING, UNKNOWN, age, clock, compact, latency, percent, plural, size, until
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import (
    BRIEF_FAULTS,
    OVERALL_MARKS,
    SEVERITY_MARKS,
    STATUS_MARKS,
    STILL_TODAY_SECONDS,
    StateGlyph,
)

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


NAME_CELLS = 8
NOTE_AT = 2 + NAME_CELLS + 1
WIDEST_SPARK = 40


class HealthLine(Struct, frozen=True):
    """One drawn line. ``part`` counts within the group; ``finding`` is set on a finding's lines."""

    group: Hashable
    part: int
    pieces: list[Piece]
    finding: Finding | None = None


def table_of(lines: Sequence[ServiceLine]) -> Table[ServiceLine]:
    """Return the table of the dependencies; it is as wide as the words and versions of those that answer."""
    word = min(18, max([8, *(cell_len(line.word) for line in lines if line.answers)]))
    version = max([0, *(cell_len(line.version) for line in lines)])
    table = Table[ServiceLine](
        Column("mark", "", 1, lambda line, _: (line.mark.glyph, INKS[line.mark.tone])),
        Column("name", "", NAME_CELLS, lambda line, _: (line.name, "bright")),
        Column("word", "", word, lambda line, _: (line.word, _trouble_ink(line))),
        Column("now", "now", 7, lambda line, _: (line.now, _figure_ink(line.now)), "right"),
        Column("p50", "p50", 7, _p50_cell, "right", hide_below=word + 43),
        Column("p95", "p95", 7, _p95_cell, "right", hide_below=word + 35),
        Column("gap", "", 0, lambda line, _: ("", "")),
        Column("series", "10 min", 6, _series_cell, "right", grow=1, most=WIDEST_SPARK),
        Column("version", "version", max(7, version), lambda line, _: (line.version, "quiet"),
               hide_below=word + 52 + version),
    )  # fmt: skip
    if not version:
        return table.without("version")
    return table


def _trouble_ink(line: ServiceLine, otherwise: str = "") -> str:
    ink = INKS[line.mark.tone]
    if ink in ("warn", "crit"):
        return ink
    return otherwise


def _figure_ink(text: str) -> str:
    return {NOTHING: "quiet", UNKNOWN: "quiet"}.get(text, "")


def _p50_cell(line: ServiceLine, _cells: int) -> Cell:
    if line.name == "hit rate":
        return None  # its words need this room too
    return line.p50, "quiet"


def _p95_cell(line: ServiceLine, cells: int) -> Cell:
    if line.name == "hit rate":
        return first_that_fits([line.p95, ""], cells), "quiet"
    return line.p95, _figure_ink(line.p95)


def _series_cell(line: ServiceLine, cells: int) -> Cell:
    chart = spark(line.series.values, cells, top=line.top, combine=min if line.top else max)
    return chart, _trouble_ink(line, "quiet")


def head(report: HealthReport, settings: Settings, width: int) -> list[Piece]:
    """Return the titles of the table."""
    return table_of(list(service_lines(report, settings, 0.0))).head(width)


def build(
    report: HealthReport,
    settings: Settings,
    width: int,
    since_arrival: float,
    wall: float,
    muted: Mapping[Hashable, float | None] = MappingProxyType({}),
) -> list[HealthLine]:
    """Return all lines of the pane.

    Args:
        report: What was read and judged.
        settings: They name the addresses.
        width: Cells of a line.
        since_arrival: Seconds since the report came.
        wall: The time, in seconds since the epoch.
        muted: The end of each mute by (rule, subject); None where it ends when the finding clears.
    """
    services = list(service_lines(report, settings, since_arrival))
    table = table_of(services)
    lines: list[HealthLine] = []
    for service in services:
        if service.answers:
            lines.append(HealthLine(service.name, 0, table.row(service, width)))
        else:
            lines += _unanswered(service, width)
    lines += _memory(report, width, wall)
    if "version" not in table.widths(width):
        lines += _versions(services, width)
    lines.append(HealthLine(None, 0, []))
    if not report.findings:
        lines += _all_well(report, width)
    for finding in report.findings:
        lines += _finding(finding, width, wall, muted, _read_ago(finding, report, wall))
    return lines


def _unanswered(line: ServiceLine, width: int) -> Iterator[HealthLine]:
    ink = INKS[line.mark.tone]
    word = line.word
    if line.note:
        word += "  "
    room = width - NOTE_AT - cell_len(word)
    note = next((form for form in (line.note, *line.briefs) if cell_len(form) <= room), "")
    start: list[Piece] = [(f"{line.mark.glyph} ", ink), (fit_cell(line.name, NAME_CELLS), "bright"), (" ", "")]
    start.append((word, ink))
    if note or not line.note:
        yield HealthLine(line.name, 0, [*start, (note, "quiet")])
        return
    yield HealthLine(line.name, 0, start)
    for part, text in enumerate(wrap(line.note, width - NOTE_AT), 1):
        yield HealthLine(line.name, part, [(" " * NOTE_AT, ""), (text, "quiet")])


def _memory(report: HealthReport, width: int, wall: float) -> Iterator[HealthLine]:
    if report.server is None or report.server.value is None:
        return
    state: ServerState = report.server.value
    old = report.server.fault is not None
    name: list[Piece] = [("  ", ""), (fit_cell("memory", NAME_CELLS), "bright"), (" ", "")]
    if state.info_fault is not None:
        yield HealthLine("memory", 0, [*name, ("? ", ""), *[(state.info_fault.message, "warn")]])
        for part, text in enumerate(wrap(state.info_fault.remedy or "", width - NOTE_AT), 1):
            yield HealthLine("memory", part, [(" " * NOTE_AT, ""), (text, "quiet")])
        return
    room = width - NOTE_AT
    parts = list(_memory_parts(state))
    if old:  # figures of before the outage: they say so first, and none of them is bright
        parts = [[(f"{age(wall - report.server.taken_at)} ago:", "")], *parts]
    for at, words_of in enumerate(parts):
        gap: list[Piece] = []
        if at:
            gap = [("   " if at > 1 or not old else " ", "")]
        pieces = [(words, "quiet" if old else ink) for words, ink in gap + words_of]
        room -= sum(cell_len(words) for words, _ in pieces)
        if room < 0:
            break
        name += pieces
    yield HealthLine("memory", 0, name)


def _memory_parts(state: ServerState) -> Iterator[list[Piece]]:
    used: list[Piece] = [(size(state.memory_used), "")]
    if state.memory_max:
        used.append((f" of {size(state.memory_max)}", "quiet"))
    yield used
    yield [("evicted ", "quiet"), (compact(state.evicted_keys), "")]
    yield [("clients ", "quiet"), (compact(state.clients), "")]
    if state.commands_per_second is not None:
        yield [(compact(round(state.commands_per_second)), ""), (" commands/s", "quiet")]
    if state.keys is not None:
        yield [(compact(state.keys), ""), (f" keys in db {state.db}", "quiet")]
    if state.uptime_seconds is not None:
        yield [("up ", "quiet"), (age(float(state.uptime_seconds)), "")]
    if state.memory_policy:
        yield [(safe_text(state.memory_policy, 30), "quiet")]


def _versions(services: Sequence[ServiceLine], width: int) -> Iterator[HealthLine]:
    pieces: list[Piece] = [("  ", ""), (fit_cell("version", NAME_CELLS), "bright"), (" ", "")]
    room = width - NOTE_AT
    for line in sorted(services, key=lambda line: line.name != "redis"):
        need = len(line.name) + cell_len(line.version) + 1
        if line.version and need <= room:
            pieces += [(f"{line.name} ", "quiet"), (line.version, ""), ("  ", "")]
            room -= need + 2
    if len(pieces) > 3:
        yield HealthLine("version", 0, pieces)


def _all_well(report: HealthReport, width: int) -> Iterator[HealthLine]:
    mark = OVERALL_MARKS[report.overall]
    words = {
        "healthy": "Everything answers, and nothing is over its threshold.",
        "unknown": "Not everything has been looked at yet.",
    }.get(report.overall, "")
    glyphs = chain([f"{mark.glyph} "], repeat("  "))
    for part, (glyph, text) in enumerate(zip(glyphs, wrap(words, width - 2), strict=False)):
        yield HealthLine("all", part, [(glyph, INKS[mark.tone]), (text, "quiet")])


def _read_ago(finding: Finding, report: HealthReport, wall: float) -> str:
    """How long ago Redis was read for this finding while it cannot be read; empty where the finding is current."""
    server = report.server
    if server is None or server.fault is None or not rule_of(finding.rule).from_redis:
        return ""
    if server.value is None:
        return "read before"
    return f"read {age(wall - server.taken_at)} ago"


def _finding(
    finding: Finding, width: int, wall: float, muted: Mapping[Hashable, float | None], read_ago: str = ""
) -> Iterator[HealthLine]:
    mark = SEVERITY_MARKS[finding.severity]
    group = (finding.rule, finding.subject)
    ink, text_ink = INKS[mark.tone], "bright"
    if group in muted or read_ago:
        ink, text_ink = "quiet", ""
    start = f"{mark.glyph} {mark.word}  "
    indent = " " * cell_len(start)
    first, *rest = wrap(finding.message, max(20, width - len(indent)))
    yield HealthLine(group, 0, [(start, ink), (first, text_ink)], finding)
    for part, text in enumerate(rest, 1):
        yield HealthLine(group, part, [(indent, ""), (text, text_ink)], finding)
    known = [words for words in (_mute_words(group, muted), read_ago) if words]
    if finding.since is not None:
        known.append(f"since {_since(finding.since, wall)}")
    if finding.samples and finding.samples > 1:
        known.append(plural(finding.samples, "sample"))
    if known:
        detail = as_many_as_fit([*known, "e explains"], width - len(indent))
        yield HealthLine(group, len(rest) + 1, [(indent, ""), (detail, "quiet")], finding)


def _mute_words(group: Hashable, muted: Mapping[Hashable, float | None]) -> str:
    """Return ``muted``, with the time of day at which it ends where it does; empty where nobody muted the group."""
    if group not in muted:
        return ""
    until = muted[group]
    if until is None:
        return "muted"
    return f"muted until {clock(until)[:5]}"


def _since(since: float, wall: float) -> str:
    if wall - since > STILL_TODAY_SECONDS:
        return clock(since, dated=True)[:16]
    return clock(since)[:5]
