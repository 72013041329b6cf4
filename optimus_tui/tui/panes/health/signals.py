"""The lines of the golden signals and of the tenants, by the gateway's own counters, with trends. Pure.

An unknown figure says so and why; too few requests have no percentile.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from optimus_tui.contract.services import HealthReport
from optimus_tui.contract.signals import SIGNALS, GoldenSignals, Signal, Signals
from optimus_tui.grammar.filter import EVERYTHING, Filter
from optimus_tui.tui.panes.health.lines import NAME_CELLS, NOTE_AT, HealthLine
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import (
    Cell,
    Column,
    Table,
    first_that_fits,
    fit_cell,
    fit_name,
    fit_words,
    name_pieces,
    spark,
    wrap,
)
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.verdicts.limits.words import aliases_in, published_rules
from optimus_tui.wording.numbers import UNKNOWN, age, compact, percent, rate
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import shown_tenant

UNKNOWN_WORD = "unknown"
STALE_SECONDS = 30.0
"""Signals that are older say so: the page is read every ten seconds."""
FIRST_TENANTS = 8
BRIEF_CELLS = 11
"""Cells of a figure on the short lines, so that the chart behind it stands still: ``3.1/s 1.5 %``."""
CLEARLY_BUSIER = 1.2
"""A tenant changes places with the one above it from so many times its requests on."""


class SignalLine(NamedTuple):
    """One signal in words. ``note`` says what the value is based on, or why it is unknown."""

    name: Signal
    value: str
    note: str
    trend: Sequence[float]

    @property
    def is_unknown(self) -> bool:
        """Return True if there is no figure; ``note`` says why."""
        return self.value == UNKNOWN_WORD

    @property
    def style(self) -> str:
        """Return the text style of the value."""
        if self.is_unknown:
            return "quiet"
        return "bright"


def signal_words(signals: Signals) -> list[SignalLine]:
    """Return the four signals of all requests, or of one tenant's, in words."""
    at_least = "≥ " * signals.lower_bound
    asked = f"of {at_least}{compact(round(signals.requests or 0))} requests"
    values = {
        "requests": (f"{at_least}{rate(signals.per_second)}", ""),
        "failing": (percent(signals.failing_share), asked),
        "refused": (rate(signals.refused_per_second), _refused_note(signals)),
        "p95": (signals.p95_words, f"of {compact(round(signals.timed or 0))} timed"),
    }
    lines = []
    for name in SIGNALS:
        value, note = values[name]
        if name in signals.why:
            value, note = UNKNOWN_WORD, safe_text(signals.why[name], 200)
        lines.append(SignalLine(name, value, note, signals.trends.get(name, ())))
    return lines


def usage_words(signals: Signals) -> str:
    """Return what requests use of language models, as ``1,240 tokens/min, spend 3.20/h``; empty if it is unknown."""
    words = []
    if signals.tokens_per_second is not None:
        words.append(f"{compact(round(signals.tokens_per_second * 60))} tokens/min")
    if signals.spend_per_second is not None:
        words.append(f"spend {signals.spend_per_second * 3600:,.2f}/h")
    return ", ".join(words)


def _refused_note(signals: Signals) -> str:
    if signals.refused_share is None:
        if signals.requests:
            return "share unknown"
        return ""
    return f"{percent(signals.refused_share)} of requests"


def span_words(signals: GoldenSignals, wall: float) -> str:
    """Return the span of the signals and the source of their counters, with the age if they are old."""
    return span_forms(signals, wall)[0]


def span_forms(signals: GoldenSignals, wall: float) -> list[str]:
    """Return the wordings of ``span_words``, the longest first. Each has the span, and the age if they are old."""
    source = "Prometheus" if signals.source == "prometheus" else "/metrics"
    old = wall - signals.taken_at
    aged = f", {age(old)} old" if old > STALE_SECONDS else ""
    of = f"requests of {age(signals.seconds)}"
    return [f"the gateway's {of}, by {source}{aged}", f"{of}, by {source}{aged}", f"{of}{aged}"]


def _value_cell(line: SignalLine, _: int) -> Cell:
    return line.value, line.style


def _trend_cell(line: SignalLine, cells: int) -> Cell:
    return spark(line.trend, cells), "quiet"


TABLE = Table[SignalLine](
    Column("mark", "", 1, lambda _line, _: ("", "")),
    Column("name", "", NAME_CELLS, lambda line, _: (line.name, "")),
    Column("value", "", 9, _value_cell, "right"),
    Column("note", "", 8, lambda line, cells: [(fit_words(f" {line.note}", cells), "quiet")],
           grow=1, most=60, measured=True),
    Column("trend", "10 min", 8, _trend_cell, "right", grow=2, most=60),
)  # fmt: skip


def signal_lines(signals: GoldenSignals, width: int, wall: float, tables: "SteadyTables") -> list[HealthLine]:
    """Return a title and a line for each signal; ``tables`` keep the columns where they were."""
    if (why := _all_unknown(signals.total)) is not None:
        return unknown_lines(why, width)
    lines = [HealthLine("signals", 0, _title(signals, width, wall))]
    shown = list(signal_words(signals.total))
    tables.signals.measure([line for line in shown if not line.is_unknown])
    table = tables.signals.table
    for line in shown:
        if line.is_unknown:
            lines += _unknown_lines(("signal", line.name), line.name, line.note, width)
        else:
            lines.append(HealthLine(("signal", line.name), 0, table.row(line, width)))
    if usage := usage_words(signals.total):
        start: list[Piece] = [("  ", ""), (fit_cell("usage", NAME_CELLS), ""), (" ", "")]
        lines.append(HealthLine("usage", 0, [*start, (fit_words(usage, width - NOTE_AT), "bright")]))
    return lines


def _title(signals: GoldenSignals, width: int, wall: float) -> list[Piece]:
    end = "10 min"
    room = width - 2 - len(end) - 2
    words = first_that_fits(span_forms(signals, wall), room)
    return [("  ", ""), (fit_words(words, room), "quiet"), ("  ", ""), (end, "quiet")]


def _unknown_lines(group: Hashable, name: Signal, why: str, width: int) -> list[HealthLine]:
    """Return ``p95  unknown: 12 requests timed, 20 are needed``, on as many lines as it needs."""
    first, *rest = wrap(f"{UNKNOWN_WORD}: {why}", width - NOTE_AT)
    start: list[Piece] = [("  ", ""), (fit_cell(name, NAME_CELLS), ""), (" ", ""), (first, "quiet")]
    below = [HealthLine(group, part, [(" " * NOTE_AT, ""), (text, "quiet")]) for part, text in enumerate(rest, 1)]
    return [HealthLine(group, 0, start), *below]


def _all_unknown(signals: Signals) -> str | None:
    """Return the one reason why all four are unknown; None where any is known."""
    reasons = {signals.why.get(name, "") for name in SIGNALS}
    if len(reasons) == 1 and "" not in reasons:
        return reasons.pop()
    return None


def unknown_lines(why: str, width: int) -> list[HealthLine]:
    """Return that the signals are unknown, and the one reason for all of them."""
    return _unknown_lines("signals", "requests", safe_text(why, 200), width)


def brief_lines(signals: GoldenSignals, width: int, wall: float) -> list[HealthLine]:
    """Return the four signals on two lines, each with a short chart, and a line with their span and source."""
    if (why := _all_unknown(signals.total)) is not None:
        return unknown_lines(why, width)
    words = signal_words(signals.total)
    half = (width - 2 - 2) // 2
    lines = []
    for part, (left, right) in enumerate((words[:2], words[2:])):
        pieces: list[Piece] = [("  ", ""), *_brief(left, half), ("  ", ""), *_brief(right, half)]
        lines.append(HealthLine("signals", part, pieces))
    whys = (f"{one.name} {one.value}: {one.note.partition(': ')[0]}" for one in words if one.is_unknown)
    parts = [part for part in (usage_words(signals.total), span_words(signals, wall), *whys) if part]
    for part, text in enumerate(wrap(" · ".join(parts), width - 2), 2):
        lines.append(HealthLine("signals", part, [("  ", ""), (text, "quiet")]))
    return lines


def _brief(line: SignalLine, cells: int) -> list[Piece]:
    value = line.value
    if line.name == "refused" and "%" in line.note:
        value = first_that_fits([f"{value} {line.note.removesuffix(' of requests')}", value], cells - NAME_CELLS - 7)
    value = value.ljust(BRIEF_CELLS)
    room = cells - NAME_CELLS - 1 - cell_len(value) - 1
    chart = spark(line.trend, max(0, min(room, 30)))
    start: list[Piece] = [(fit_cell(line.name, NAME_CELLS), ""), (" ", ""), (value, line.style), (" ", "")]
    return [*start, (chart.rjust(max(0, room)), "quiet")]


# -- the tenants


class TenantLine(NamedTuple):
    """One tenant's signals."""

    name: str
    signals: Signals
    alias: str = ""


def _tenant_cell(line: TenantLine, cells: int) -> Cell:
    if (called := shown_tenant(line.name, line.alias)) != line.name:
        return fit_name(called, cells), ""
    return name_pieces(line.name.encode("utf-8", "surrogateescape"), cells)


def _rate_cell(line: TenantLine, _: int) -> Cell:
    return rate(line.signals.per_second), ""


def _failing_cell(line: TenantLine, _: int) -> Cell:
    share = line.signals.failing_share
    return percent(share), "" if share else "quiet"


def _refused_cell(line: TenantLine, _: int) -> Cell:
    refused = line.signals.refused_per_second
    return rate(refused), "" if refused else "quiet"


def _p95_cell(line: TenantLine, _: int) -> Cell:
    return line.signals.p95_words or UNKNOWN, "" if line.signals.p95_words else "quiet"


def _requests_cell(line: TenantLine, cells: int) -> Cell:
    return spark(line.signals.trends.get("requests", ()), cells), "quiet"


TENANTS = Table[TenantLine](
    Column("mark", "", 1, lambda _line, _: ("", "")),
    Column("tenant", "tenant", 12, _tenant_cell, grow=1, most=60, measured=True, fair=20),
    Column("rate", "requests", 8, _rate_cell, "right", measured=True),
    Column("failing", "failing", 7, _failing_cell, "right", measured=True),
    Column("refused", "refused", 7, _refused_cell, "right", measured=True),
    Column("p95", "p95", 8, _p95_cell, "right", measured=True, rank=1),
    Column("trend", "10 min", 8, _requests_cell, "right", grow=1, most=60, rank=2),
)


class SteadyTables:
    """The tables of one pane: from one look to the next, columns only grow and tenants change places only for a reason.

    What moves with every refresh cannot be read.
    """

    def __init__(self) -> None:
        self.signals = RowTable(TABLE)
        self.tenants = RowTable(TENANTS.without("p95"))
        self._has_p95 = False
        self._order: list[str] = []

    def fit_tenants(self, rows: Sequence[TenantLine], has_p95: bool) -> Table[TenantLine]:
        """Return the tenants' table, wide enough for these rows; once there was a p95, its column stays."""
        if has_p95 and not self._has_p95:
            self._has_p95, self.tenants = True, RowTable(TENANTS)
        self.tenants.measure(rows)
        return self.tenants.table

    def ordered(self, found: Mapping[str, Signals]) -> dict[str, Signals]:
        """Return the tenants, the busiest first; among about equally busy ones, as they stood before."""
        order = [name for name in self._order if name in found]
        order += [name for name in found if name not in set(order)]
        for at, name in enumerate(order[1:], 1):
            place = at
            while place and _rate(found[name]) > CLEARLY_BUSIER * _rate(found[order[place - 1]]):
                place -= 1
            order.insert(place, order.pop(at))
        self._order = order
        return {name: found[name] for name in order}


def _rate(signals: Signals) -> float:
    return signals.per_second or 0.0


def _searched(name: str, aliases: Mapping[str, str]) -> dict[str, str]:
    return {"text": f"{name} {aliases.get(name, '')}", "subject": name}


def tenant_lines(
    report: HealthReport, width: int, most: int, tables: SteadyTables, wanted: Filter = EVERYTHING
) -> list[HealthLine]:
    """Return a title, a line for each of the busiest tenants, and how many are left out, or why none is known.

    Args:
        report: The report with the signals of all tenants, the busiest first.
        width: Cells of a line.
        most: The most lines for tenants, if more than ``FIRST_TENANTS``.
        tables: They keep columns and tenants in place.
        wanted: The filter that they must pass.
    """
    signals = report.signals
    if signals is None:
        return []
    gateway = report.gateway.value if report.gateway is not None else None
    aliases = aliases_in(published_rules(gateway))
    if not signals.tenants:
        if not signals.tenants_why or _all_unknown(signals.total) is not None:
            return []
        return [HealthLine(None, 0, [(f"  tenants {UNKNOWN_WORD}: {safe_text(signals.tenants_why, 120)}", "quiet")])]
    ordered = tables.ordered(signals.tenants)
    passed = {name: one for name, one in ordered.items() if wanted.matches(_searched(name, aliases))}
    if wanted and not passed:
        return [HealthLine(None, 0, [(f"  tenants: 0 of {len(signals.tenants):,} match", "quiet")])]
    shown = list(passed.items())[: max(FIRST_TENANTS, most)]
    note, has_p95 = "", any(one.p95_words for one in signals.tenants.values())
    if not has_p95:
        why = next(iter(signals.tenants.values())).why.get("p95", "")
        if why != signals.total.why.get("p95"):
            note = f"p95 {UNKNOWN_WORD}: {why}"
    rows = [TenantLine(name, one, aliases.get(name, "")) for name, one in shown]
    table = tables.fit_tenants(rows, has_p95)
    lines = [HealthLine(None, 0, table.head(width))]
    lines += [HealthLine(("tenant", row.name), 0, table.row(row, width)) for row in rows]
    left = len(passed) - len(shown) + (0 if wanted else signals.more_tenants)
    more = f"+{left:,} more with fewer requests" if left else ""
    matched = f"{len(passed):,} of {len(signals.tenants):,} tenants match" if wanted else ""
    notes = [part for part in (matched, more, safe_text(note, 120)) if part]
    lines += [HealthLine(None, 0, [(f"  {text}", "quiet")]) for text in wrap(" · ".join(notes), width - 2) if text]
    return lines
