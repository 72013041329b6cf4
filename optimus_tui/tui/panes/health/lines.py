"""The health pane's lines for one width: the table of dependencies, Redis' memory, then the findings. Pure.

Each line belongs to a group (a dependency, a finding), blank lines to none; the cursor moves from group to group.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.finding_rules import SERVER_REFUSES_WRITES
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault, FaultKind, Reading
from optimus_tui.contract.services import MIN_LOOKUPS, GatewayState, HealthReport, Series, ServerState, ServiceState
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.health.instances import instance_pieces
from optimus_tui.tui.panes.health.row_verdicts import WELL, concerns, is_over, judged, worst
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES, Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, first_that_fits, fit_cell, spark, wrap
from optimus_tui.wording.numbers import NOTHING, UNKNOWN, compact, latency, percent, until
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import (
    BRIEF_FAULTS,
    SETTLING,
    SEVERITY_MARKS,
    STATUS_MARKS,
    StateGlyph,
    rate_span,
)

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
UNPROVEN = "unproven"
"""Of a Redis that answers while its sentinels do not say that it is the primary."""
READ_BEFORE = "read before"
NAME_CELLS = 8
NOTE_AT = 2 + NAME_CELLS + 1
WIDEST_SPARK = 40
INSTANCES_FROM = 100
"""The part of a dependency's first address; its other lines are fewer."""


class ServiceLine(Struct, frozen=True, kw_only=True):
    """A dependency's line. ``note`` says (safe text) why there are no figures, and takes their place."""

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
    """Return the lines of gateway, engine, Redis, Postgres and hit rate.

    ``since_arrival``: seconds since the report came.
    """
    yield _service("gateway", report.gateway, report, settings, since_arrival)
    yield _service("engine", report.engine, report, settings, since_arrival)
    yield _redis(report, settings, since_arrival)
    yield _service("postgres", report.postgres, report, settings, since_arrival)
    yield _hit_rate(report, settings.thresholds.hit_rate_warn)


def _service(
    name: str,
    reading: Reading[GatewayState] | Reading[ServiceState] | None,
    report: HealthReport,
    settings: Settings,
    since_arrival: float,
) -> ServiceLine:
    if reading is None:
        if name == "postgres" and not settings.names_postgres:
            return ServiceLine(name=name, mark=STATUS_MARKS["not configured"], word="not configured", answers=False)
        return _connecting(name, {"gateway": settings.gateway_url, "engine": settings.engine_url}.get(name, ""))
    state = reading.value.service if isinstance(reading.value, GatewayState) else reading.value
    mark, fault, code = STATUS_MARKS["unknown"], reading.fault, None
    if state is not None:
        mark, fault, code = STATUS_MARKS[state.status], fault or state.fault, state.status_code
    known = state is None or state.status != "unknown"
    if fault is not None or state is None or mark.severity_style in ("critical", "quiet"):
        if known and reading.fault is not None and mark.severity_style != "critical":
            # The value is the last good one: what it said then is not what is so now.
            mark = STATUS_MARKS["disconnected"]
            if name == "gateway" or reading.fault.kind == "invalid":
                mark = STATUS_MARKS["error"]
        word, why = mark.word, "not asked" * (name != "postgres" and fault is not None and fault.kind == "denied")
        if state is not None and state.sickness == "degraded":
            mark, word, why = SEVERITY_MARKS["medium"], "degraded", "says so itself"
        note, briefs = _notes(name, fault, reading, report, since_arrival, why)
        if not note and code is not None:
            note = f"it answered {code}"
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
        if state is not None and state.sentinels is not None and state.sentinels.may_serve:
            word = UNPROVEN
        if state is not None and state.loading_percent is not None and word == "loading":
            word = f"loading {percent(state.loading_percent / 100)}"
        note, briefs = _notes("redis", reading.fault, reading, report, since_arrival)
        return ServiceLine(name="redis", mark=mark, word=word, note=note, briefs=briefs, answers=False)
    word = "cluster" if state.cluster is not None else safe_text(state.role or "connected", 16)
    if state.role == "replica" and state.link_to_master not in (None, "up"):
        word = {"syncing": "replica, copying"}.get(state.link_to_master or "", "replica, cut off")
    if any(finding.rule == SERVER_REFUSES_WRITES for finding in report.findings):
        word = "refuses writes"
    return _answering("redis", STATUS_MARKS["connected"], word, state.latency_ms, state.version, report)


def _answering(
    name: str, mark: StateGlyph, word: str, now: float | None, version: str | None, report: HealthReport
) -> ServiceLine:
    mark, word = judged(name, mark, word, now, report.findings)
    if now is None and mark.severity_style == "ok":  # it answered, and nothing was measured that would be good
        mark = STATUS_MARKS["unknown"]
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


def _hit_rate(report: HealthReport, bar: float) -> ServiceLine:
    rate, mark = report.hit_rate, STATUS_MARKS["connected"]
    finding = worst(report.findings, "hit rate")
    if finding is not None:
        mark = SEVERITY_MARKS[finding.severity]
    if rate is None:
        note = finding.message if finding is not None else _no_rate(report)
        if finding is None:
            mark = STATUS_MARKS["unknown"]
        return ServiceLine(name="hit rate", mark=mark, word="unknown", note=note, answers=False)
    keys = ""
    if rate.total_keys is not None:
        keys = f"{compact(rate.total_keys)} keys"
    is_of_few = rate.samples is not None and rate.samples < MIN_LOOKUPS
    if finding is None and (is_of_few or rate.value < bar):
        mark = STATUS_MARKS["unknown"]  # not judged, such as while the cache fills after a start
        if not is_of_few and any(concerns(one, "hit rate") for one in report.findings):
            mark = SEVERITY_MARKS["low"]
    if finding is not None and (finding.held or is_over(rate.value, finding)):
        keys = "was low"  # the mark is of a window, the figure of now
    if rate.source.startswith("redis") and report.server is not None and report.server.fault is not None:
        mark, keys = STATUS_MARKS["unknown"], READ_BEFORE  # of before the outage: no proof that all is well now
    return ServiceLine(
        name="hit rate",
        mark=mark,
        word=_source_words(rate.source),
        now=percent(rate.value),
        p95=keys,
        series=report.hit_rate_history,
        top=1.0,
    )


def _source_words(source: str) -> str:
    """Return whose look-ups a hit rate is of, and over what time, in 18 cells: ``gateway, 21 s``."""
    whose = safe_text(source, 60).partition(", ")[0].removesuffix(" without ours")
    return ", ".join(filter(None, (whose, rate_span(source))))


def _no_rate(report: HealthReport) -> str:
    gateway = report.gateway
    if gateway is not None and gateway.value is not None and gateway.value.cache_fault is not None:
        return gateway.value.cache_fault.message
    if gateway is None or report.server is None:
        return ""
    return "not published; too few look-ups"


def _connecting(name: str, place: str) -> ServiceLine:
    note = f"{safe_text(place, 80)} …".lstrip()
    return ServiceLine(name=name, mark=STATUS_MARKS["unknown"], word="connecting", note=note, answers=False)


def _notes(
    name: str, fault: Fault | None, reading: Reading[Any], report: HealthReport, since_arrival: float, why: str = ""
) -> tuple[str, tuple[str, ...]]:
    """Return why there are no figures, and shorter forms of that if a finding below says the rest."""
    retry = ""
    if reading.retry_in is not None:
        left = reading.retry_in - since_arrival
        retry = f"retry in {until(left)}" if left > 0 else "retrying"
    if fault is None:
        return retry, ()
    note = " · ".join(filter(None, (fault.message, retry)))
    if worst(report.findings, name) is None:
        return note, ()
    why = why or BRIEF_FAULTS[fault.kind]
    return note, tuple(filter(None, (" · ".join(filter(None, (why, retry))), retry, why)))


class HealthLine(Struct, frozen=True):
    """One drawn line. ``part`` counts within the group; ``finding`` is set on a finding's lines."""

    group: Hashable
    part: int
    pieces: list[Piece]
    finding: Finding | None = None


def table_of(lines: Sequence[ServiceLine]) -> Table[ServiceLine]:
    """Return the table of the dependencies, its columns as wide as the words and versions of those that answer."""
    word = min(18, max([8, *(cell_len(line.word) for line in lines if line.answers)]))
    version = max([0, *(cell_len(line.version) for line in lines)])
    table = Table[ServiceLine](
        Column("mark", "", 1, lambda line, _: (line.mark.glyph, SEVERITY_TEXT_STYLES[line.mark.severity_style])),
        Column("name", "", NAME_CELLS, lambda line, _: (line.name, "bright")),
        Column("word", "", word, lambda line, _: (line.word, _trouble_style(line))),
        Column("now", "now", 7, lambda line, _: (line.now, _figure_style(line.now)), "right"),
        Column("p50", "p50", 7, _p50_cell, "right", hide_below=word + 43),
        Column("p95", "p95", 7, _p95_cell, "right", hide_below=word + 35),
        Column("gap", "", 0, lambda line, _: ("", "")),
        Column("series", "10 min", 6, _series_cell, "right", grow=1, most=WIDEST_SPARK),
        Column("apart", "", 0, lambda line, _: ("", ""), hide_below=word + 53 + version),
        Column("version", "version", max(7, version) + 1, lambda line, _: (line.version, "quiet"),
               hide_below=word + 53 + version),  # a blank cell before the frame
    )  # fmt: skip
    if not version:
        return table.without("version")
    return table


def _trouble_style(line: ServiceLine, otherwise: str = "") -> str:
    style = SEVERITY_TEXT_STYLES[line.mark.severity_style]
    if style in ("warn", "crit"):
        return style
    return otherwise


def _figure_style(text: str) -> str:
    return {NOTHING: "quiet", UNKNOWN: "quiet"}.get(text, "")


def _p50_cell(line: ServiceLine, _cells: int) -> Cell:
    if line.name == "hit rate":
        return None  # its words need this room too
    return line.p50, "quiet"


def _p95_cell(line: ServiceLine, cells: int) -> Cell:
    if line.name == "hit rate":
        return first_that_fits([line.p95, ""], cells), "quiet"
    return line.p95, _figure_style(line.p95)


def _series_cell(line: ServiceLine, cells: int) -> Cell:
    chart = spark(line.series.values, cells, top=line.top, combine=min if line.top else max)
    return chart, _trouble_style(line, "quiet")


def head(report: HealthReport, settings: Settings, width: int) -> list[Piece]:
    """Return the titles of the table."""
    return table_of(list(service_lines(report, settings, 0.0))).head(width)


class Titles:
    """The titles of the table, made once for each report: a line is asked for again and again."""

    def __init__(self) -> None:
        self._about: tuple[HealthReport, Settings, int] | None = None
        self._titles: list[Piece] = []

    def of(self, report: HealthReport, settings: Settings, width: int) -> list[Piece]:
        """Return the titles."""
        about = self._about
        if about is None or about[0] is not report or about[1] is not settings or about[2] != width:
            self._about, self._titles = (report, settings, width), head(report, settings, width)
        return self._titles


def dependency_lines(
    report: HealthReport, settings: Settings, width: int, since_arrival: float, settling: Sequence[Finding] = ()
) -> list[HealthLine]:
    """Return the lines of the dependencies.

    Args:
        report: The health report.
        settings: The settings, which name the addresses.
        width: Cells of a line.
        since_arrival: Seconds since the report came.
        settling: Findings that are no alarm, but not good either: no line about one is green.
    """
    services = [_settled(one, settling) for one in service_lines(report, settings, since_arrival)]
    table = table_of(services)
    lines: list[HealthLine] = []
    for service in services:
        if service.answers:
            lines.append(HealthLine(service.name, 0, table.row(service, width)))
        else:
            lines += _unanswered(service, width)
        for number, pieces in enumerate(instance_pieces(report, service.name, width), INSTANCES_FROM):
            lines.append(HealthLine(service.name, number, pieces))
    if "version" not in table.widths(width):
        lines += _versions(services, width)
    return lines


def _settled(line: ServiceLine, settling: Sequence[Finding]) -> ServiceLine:
    """Return a line that would be green, or only low, with the mark of a system that settles, if a finding does."""
    is_quiet = line.mark.severity_style == "ok" or line.mark == SEVERITY_MARKS["low"]
    is_unjudged = line.answers and line.mark == STATUS_MARKS["unknown"] and line.p95 != READ_BEFORE
    is_quiet = is_quiet or (line.name == "hit rate" and is_unjudged)
    if not is_quiet or not any(concerns(one, line.name) for one in settling):
        return line
    settles = SETTLING.word.lower()
    if line.name == "hit rate":
        return replace(line, mark=SETTLING, p95=settles)
    return replace(line, mark=SETTLING, word=settles if line.word in WELL else line.word)


def _unanswered(line: ServiceLine, width: int) -> Iterator[HealthLine]:
    style = SEVERITY_TEXT_STYLES[line.mark.severity_style]
    word = line.word
    if line.note:
        word += "  "
    room = width - NOTE_AT - cell_len(word)
    note = next((form for form in (line.note, *line.briefs) if cell_len(form) <= room), "")
    start = [*name_pieces(line.name, line.mark.glyph, style), (word, style)]
    if note or not line.note:
        yield HealthLine(line.name, 0, [*start, (note, "quiet")])
        return
    yield HealthLine(line.name, 0, start)
    yield from note_below(line.name, line.note, width)


def name_pieces(name: str, glyph: str = " ", style: str = "") -> list[Piece]:
    """Return the beginning of a line of the table: mark and name, then a blank."""
    return [(f"{glyph} ", style), (fit_cell(name, NAME_CELLS), "bright"), (" ", "")]


def note_below(group: Hashable, note: str, width: int) -> Iterator[HealthLine]:
    """Yield a note on lines of its own, indented to the table's words."""
    for part, text in enumerate(wrap(note, width - NOTE_AT), 1):
        yield HealthLine(group, part, [(" " * NOTE_AT, ""), (text, "quiet")])


def _versions(services: Sequence[ServiceLine], width: int) -> Iterator[HealthLine]:
    pieces = name_pieces("version")
    room = width - NOTE_AT
    for line in sorted(services, key=lambda line: line.name != "redis"):
        need = len(line.name) + cell_len(line.version) + 1
        if line.version and need <= room:
            pieces += [(f"{line.name} ", "quiet"), (line.version, ""), ("  ", "")]
            room -= need + 2
    if len(pieces) > 3:
        yield HealthLine("version", 0, pieces)
