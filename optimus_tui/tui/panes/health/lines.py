"""The health pane, line by line for one width: the table of dependencies, Redis' memory, then the findings. Pure.

A line belongs to a group (a dependency, a finding); the cursor moves over groups. Blank lines belong to none.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from types import MappingProxyType

from msgspec import Struct
from rich.cells import cell_len

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport, ServerState
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.health.services import INKS, ServiceLine, service_lines
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.figures import as_many_as_fit, first_that_fits, wrap
from optimus_tui.tui.widgets.spark import spark
from optimus_tui.tui.widgets.table import Cell, Column, Table, fit_cell
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.numbers import NOTHING, UNKNOWN, compact, plural, size
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import OVERALL_MARKS, SEVERITY_MARKS, STILL_TODAY_SECONDS

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
