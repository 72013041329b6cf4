"""How rate-limit counters are sorted and filtered, and the texts around them. Pure.

No threshold is here: what is over or near its limit was judged elsewhere. An unknown value is ``?`` or ``–``, never 0.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len

from optimus_tui.contract.finding_rules import (
    LIMITS_KEPT,
    LIMITS_LONG_TTL,
    LIMITS_OVER,
    LIMITS_REFUSED,
    LIMITS_REFUSED_BELOW,
    LIMITS_TENANT_SHARE,
    LIMITS_TOTAL,
    LIMITS_UNKNOWN_LAYOUT,
    rule_of,
)
from optimus_tui.contract.findings import PAST, Finding
from optimus_tui.contract.keyspace import Counter, LimitRow, LimitRules, LimitsReport
from optimus_tui.dialects.layout import key_of
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.tui.panes.base import RowFields, Words
from optimus_tui.tui.panes.limits.table import (
    SLIDING,
    STATE_STYLES,
    LimitNow,
    expected_words,
    pace_words,
    past_words,
    reset_words,
)
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Table, as_many_as_fit, first_that_fits, fit_name, fit_words, mark_of
from optimus_tui.verdicts.limits.words import limit_subject, subject_of, tenant_words, uncounted_words
from optimus_tui.wording.numbers import UNKNOWN, age, percent, plural, rate, thousands
from optimus_tui.wording.safe import curl, redis_cli, safe_text
from optimus_tui.wording.short_hash import short_hash, short_names
from optimus_tui.wording.truth import FIND_OUT, coverage_words, limit_mark, no_match_lines

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect

JUDGED = {
    LIMITS_REFUSED: "refused",
    LIMITS_REFUSED_BELOW: "refused",
    LIMITS_LONG_TTL: "TTL too long",
    LIMITS_UNKNOWN_LAYOUT: "unknown layout",
}
"""What the title says of findings that no row's state tells."""
EXPLAIN_MANY = (LIMITS_LONG_TTL, LIMITS_KEPT)
"""Rules about something that is not a state of its own."""


UNIT_FROM = 66
"""Cells from which the line of totals says what it counts."""


@dataclass(frozen=True)
class Order:
    """A way to sort. ``key`` None keeps the report's order."""

    column: str
    words: str
    reversed_words: str
    key: Callable[[LimitsReport, LimitRow], float | int | bytes | None] | None = None
    descending: bool = False


ORDERS: tuple[Order, ...] = (
    Order("", "hottest first", "coolest first"),
    Order("tenant", "by tenant", "by tenant, z to a", lambda _, row: row.counter.tenant),
    Order("operation", "by operation", "by operation, z to a", lambda _, row: row.counter.operation),
    Order("used", "most used first", "least used first", lambda _, row: row.counter.count, True),
    Order("share", "highest % first", "lowest % first", lambda _, row: row.share, True),
    Order("slope", "steepest first", "flattest first", lambda _, row: row.slope, True),
    Order(
        "refused", "most refused first", "least refused first", lambda report, row: report.refused(row.counter), True
    ),
    Order("expected", "soonest 429 first", "latest 429 first", lambda _, row: row.refused_in),
    Order("resets", "soonest reset first", "latest reset first", lambda _, row: row.resets_mono),
)


def sorting_column(table: Table[LimitNow], x: int, width: int) -> str:
    """Return the id of the column whose title is at this cell, if rows can be sorted by it; else empty."""
    column = table.column_at(x, width)
    return {"limit": "used", "mark": "", "state": "", "past": ""}.get(column, column)


class LimitFields(RowFields):
    """The fields of a counter that a filter can name.

    tenant, operation, state, text; count, limit, percent (0 to 100), share (0 to 1), ttl (seconds, infinite when it
    never ends), slope (requests a second), refused (requests refused a second).
    """

    _SHARES: ClassVar[dict[str, int]] = {"share": 1, "percent": 100}
    NAMES = ("text", "tenant", "operation", "state", "count", "limit", "percent", "share", "ttl", "slope", "refused")

    def __init__(self, row: LimitRow, mono: float, report: LimitsReport | None = None) -> None:
        self._row, self._mono, self._report = row, mono, report

    def __getitem__(self, name: str) -> str | float | None:
        row = self._row
        match name:
            case "tenant":
                return " ".join(filter(None, (safe_text(row.counter.tenant, 400), safe_text(row.alias, 400))))
            case "operation":
                return safe_text(row.counter.operation, 400)
            case "text":
                return f"{self['tenant']} {self['operation']} {row.state} {row.counter.problem or ''}"
            case "state":
                return f"{row.state} {limit_mark(row).word}"
            case "count":
                return row.counter.count
            case "limit":
                return row.limit
            case "share" | "percent":
                if row.share is None:
                    return None
                return row.share * self._SHARES[name]
            case "slope":
                return row.slope
            case "refused":
                if self._report is None:
                    return None
                return self._report.refused(row.counter)
            case "ttl":
                if row.counter.immortal:
                    return math.inf
                if row.resets_mono is None:
                    return None
                return max(0.0, row.resets_mono - self._mono)
        raise KeyError(name)


def is_told(finding: Finding) -> bool:
    """Return True if title and tab show a finding. They leave out past ones, and notes that have no word there."""
    return finding.severity != "low" or (finding.rule in JUDGED and not finding.message.startswith(PAST))


def verdict_words(
    report: LimitsReport,
    states: Mapping[str, int],
    room: int,
    order: str,
    *,
    current: bool = True,
    held: Sequence[Finding] = (),
) -> Words:
    """Return the verdict on the limits, then the order, in at most ``room`` cells; the order is dropped last.

    Args:
        report: The counters as judged.
        states: The number of counters for each word of state.
        room: Cells.
        order: How the rows are sorted.
        current: True for a present report; an old one proves nothing good.
        held: Findings about counters that were over their limit in earlier windows, and may be again.
    """
    parts: Words = []
    if never := states.get("immortal", 0):
        parts.append((f"✖ {never:,} never reset{'s' * (never == 1)}", "crit"))
    for state, glyph, style in USED_WORDS:
        if count := states.get(state, 0):
            parts.append((f"{glyph} {count:,} {state}", style))
    if not states.get("over", 0) and any(one.rule == LIMITS_OVER for one in held):
        parts.append(("▲ over in earlier windows", "warn"))
    judged = {JUDGED.get(finding.rule) for finding in report.findings if is_told(finding)}
    ended = report.refused_by is not None and not any(report.refused_by.values())
    told = {"refused": "refused, now 0/s" if ended else "refused"}
    parts += [(f"▲ {told.get(words, words)}", "warn") for words in dict.fromkeys(JUDGED.values()) if words in judged]
    all_ok = report.total and states.get("ok") == report.total and report.coverage.complete
    if current and all_ok and not parts and not any(map(is_told, report.findings)):
        parts.append(("● within limits", "good"))
    while parts and sum(len(text) + 2 for text, _ in parts) + len(order) > room:
        parts.pop()
    return [*parts, (order, "quiet")]


def count_forms(report: LimitsReport, *, looked_for: bool = True) -> tuple[str, str]:
    """Return how many counters were read and whether these are all: the long wording and the short one.

    Args:
        report: the last one.
        looked_for: whether the profile has rules for counters; without rules, none are searched.
    """
    coverage = report.coverage
    if not looked_for and not report.total:
        return "counters are not looked for", "not looked for"
    if coverage.complete and any(finding.rule == LIMITS_UNKNOWN_LAYOUT for finding in report.findings):
        return "no counter of a known layout", "layout not known"
    if coverage.complete:
        return f"{plural(report.total, 'counter')}, complete", f"{report.total:,}, complete"
    words = coverage_words(coverage)
    return f"≥ {plural(report.total, 'counter')}, {words}", f"≥ {report.total:,}, {words}"


USED_WORDS = (
    ("over", "▲", "warn"),
    ("full", "▲", "warn"),
    ("blocked", "▲", "warn"),
    ("near", "▲", "warn"),
    ("broken", "✖", "quiet"),
    ("unknown", "?", "quiet"),
)
"""Words of rows that are counted in the title, with mark and style."""
NO_TTL_WORDS = {
    "heals": "no TTL: its limiter repairs that with the next request",
    "dated": "no TTL: the window is in its name",
    "normal": "no TTL, as its limiter intends",
}
"""What it means that a counter's key has no TTL, where the counter is not stuck for that."""
LABELLED = 50
"""Cells from which on the tenants of the foot are preceded by what their figures count."""
SPAN_FROM = 70
"""Cells from which on the foot has room for the span of the refusals."""


def tenants_line(report: LimitsReport, threshold: int, width: int) -> list[Piece]:
    """Return ``demo_dentist 18   clinic_a 6   +2      48 of 1,000``: the tenants with most counters, and the total."""
    flagged = {finding.subject for finding in report.findings if finding.rule == LIMITS_TENANT_SHARE}
    total = total_pieces(report, threshold, width)
    if width >= SPAN_FROM and any((report.refused_by or {}).values()):
        total.insert(0, (f"refused: of {age(report.refused_seconds)}   ", "quiet"))
    room = width - sum(cell_len(text) for text, _ in total) - 2
    pieces: list[Piece] = []
    if room > LABELLED:
        pieces, room = [("counters: ", "quiet")], room - len("counters: ")
    aliases = {row.counter.tenant: safe_text(row.alias, 60) for row in report.rows if row.alias}
    used = shown = 0
    for tenant in report.tenants:
        name = tenant_words(tenant.tenant)
        shown_name = aliases.get(tenant.tenant, "") or short_hash(tenant.tenant) or name
        text = fit_name(shown_name, min(24, cell_len(shown_name)))
        count: Piece = (f" {tenant.counters:,}", "quiet")
        if name in flagged:
            count = (f" ▲ {tenant.counters:,}", "warn")
        need = cell_len(text) + len(count[0])
        rest = len(report.tenants) - shown - 1
        if rest:
            need += len(f"   +{rest:,}")
        if used + need > room:
            break
        pieces += [(text, "bright"), count, ("   ", "")]
        used, shown = used + cell_len(text) + len(count[0]) + 3, shown + 1
    if rest := len(report.tenants) - shown:
        more = f"+{rest:,}"
        if not shown:
            more = first_that_fits([plural(rest, "tenant"), ""], room)
        pieces.append((more, "quiet"))
    return [*pieces, (" " * max(0, width - sum(cell_len(text) for text, _ in (*pieces, *total))), ""), *total]


def total_pieces(report: LimitsReport, threshold: int, width: int) -> list[Piece]:
    """Return ``48 of 1,000`` and the number of unparsed keys.

    ``≥`` marks an incomplete count, ``?`` unknown layouts.
    """
    strange = any(finding.rule == LIMITS_UNKNOWN_LAYOUT for finding in report.findings)
    over = any(finding.rule == LIMITS_TOTAL for finding in report.findings)
    keys = report.total + report.unparsed.count - report.unparsed.shown
    text, style = f"{keys:,}", ""
    if strange:
        text = UNKNOWN
    if not report.coverage.complete:
        text = f"≥ {text}"
    if over:
        text, style = f"▲ {text}", "warn"
    unit = " counters" * (width >= UNIT_FROM)
    pieces: list[Piece] = [(text, style), (f" of {threshold:,}{unit}", "quiet")]
    if report.unparsed.count and width >= 50:
        pieces.insert(0, (f"{report.unparsed.count:,} unparsed   ", "warn"))
    return pieces


def rules_note(report: LimitsReport | None, width: int, profile: "Dialect | None" = None) -> list[Piece]:
    """Return why limits are shown as ``?``, and what to do; nothing if all limits are known.

    Args:
        report: the last one.
        width: cells.
        profile: how another system's gateway is read.
    """
    if report is None or report.rules is not None:
        return []
    unknown = sum(row.limit is None for row in report.rows)
    if report.rows and not unknown:
        return []
    what = "No limit is known"
    if unknown < len(report.rows):
        what = f"The limit of {plural(unknown, 'counter')} is not known"
    path = "/api/rate-limits" if profile is None else safe_text(profile.gateway.limits, 60)
    why = [f"the gateway publishes none at {path}", "the gateway publishes none"]
    if not path:
        why = ["no address that publishes limits is configured"]
    forms = [f"○ {what}: {one}. Set [limits] in optimus.toml." for one in why]
    forms.append(f"○ {what}; set [limits] in optimus.toml.")
    return [(first_that_fits(forms, width), "warn")]


def detail_lines(row: LimitRow, report: LimitsReport, width: int, mono: float) -> list[list[Piece]]:
    """Return one counter in detail: its key, its figures with their sources, its bytes if the name may mislead."""
    counter, mark = row.counter, limit_mark(row)
    used = uncounted_words(row)
    if counter.count is not None:
        used = f"{thousands(counter.count)} {_limit_words(row, report.rules)}"
    if counter.sliding and counter.count is not None:
        used = f"{used}, inside its sliding window"
    figures = [f"tenant {safe_text(row.alias, 60)}"] if row.alias else []
    if row.share is not None:
        figures.append(f"{percent(row.share)} used")
    figures.append(_reset_figure(row, mono))
    if row.slope is not None:
        figures.append(f"slope {pace_words(row)}/s")
    if row.refused_in:
        figures.append(f"429 in {expected_words(row, mono)}")
    refused = report.refused(counter)
    if refused is not None:
        figures.append(f"refused {rate(refused)} (of {age(report.refused_seconds)})")
    if past := past_words(report.past_windows.get(counter.key, ())):
        figures.append(past)
    figures.append(f"read {age(mono - counter.taken_mono)} ago")
    badge = mark_of(counter.tenant)[0] or mark_of(counter.operation)[0]
    most = max(4, (width - 42) // 3)
    tenant = counter.tenant[:most].hex(" ")  # as bytes: names that look alike differ here
    if len(counter.tenant) > most:
        tenant += f" … {len(counter.tenant):,} bytes"
    return [
        [(fit_name(safe_text(key_of(counter.key), 1000), width), "bright")],
        [(f"{mark.text.strip()}: {used}", STATE_STYLES[mark.severity_style])],
        [(as_many_as_fit(figures, width), "")],
        [(_about_name(counter, badge, tenant, width), "warn")],
    ]


def _limit_words(row: LimitRow, rules: LimitRules | None) -> str:
    """Return ``of 150 per 60 s (limit: gateway)``, with the source of the limit."""
    if row.limit is None:
        return "of an unknown limit"
    source = "its own name or rule"
    if row.counter.limit is None:
        source = safe_text(rules.source, 40) if rules else ""
    window = f" per {row.window_seconds:g} s" if row.window_seconds else ""
    return f"of {thousands(row.limit)}{window} (limit: {source})"


def _reset_figure(row: LimitRow, mono: float) -> str:
    """Return when its window ends, or what it means that its key has no TTL."""
    counter = row.counter
    if counter.immortal:
        return "never resets (no TTL)"
    if counter.no_ttl and row.resets_mono is None:
        return NO_TTL_WORDS[counter.no_ttl]
    words = reset_words(row, mono)
    if words == SLIDING:
        return "a sliding window"
    return f"resets in {words}"


def _about_name(counter: Counter, badge: str, tenant: str, width: int) -> str:
    """Return what is misleading in the name, or why no action is offered for it."""
    if counter.doubt:
        return fit_words(f"no action here: {counter.doubt}", width).rstrip()
    return f"{badge} in the name; the tenant's bytes are {tenant}" * bool(badge)


def copy_forms(row: LimitRow, settings: Settings) -> list[tuple[str, str]]:
    """Return shell lines that read exactly this key."""
    first = "GET"
    if row.counter.problem or row.counter.sliding:
        first = "TYPE"
    return [
        *redis_forms(settings.redis, key_of(row.counter.key), (first, "PTTL", "MEMORY USAGE")),
        ("curl: the limits in force", curl(f"{settings.gateway_url}/api/rate-limits")),
    ]


def redis_forms(target: RedisTarget, key: bytes, commands: Iterable[str]) -> list[tuple[str, str]]:
    """Return a redis-cli line for each command about a key, or the reason if none can be written."""
    forms = []
    for command in commands:
        try:
            line = redis_cli(target, [*command.split(), key])
        except ValueError as error:
            line = f"# {error}"
        forms.append((f"redis-cli {command}", line))
    return forms


def empty_words(report: LimitsReport | None, filter_text: str, profile: "Dialect") -> Sequence[str]:
    """Return why there is no row, and what to do.

    Args:
        report: the last one, None before the first.
        filter_text: what the rows are filtered by.
        profile: how the watched system's keys are read.
    """
    from optimus_tui.verdicts.limits.words import form_words, names_words

    if report is None:
        return ()
    if filter_text and report.rows:
        return no_match_lines(plural(len(report.rows), "counter"), filter_text)
    lines = []
    if report.unparsed.count:
        shapes = ", ".join(f"{shape.count:,} × `{shape.shape}`" for shape in report.unparsed.shapes[:3])
        names = plural(report.unparsed.count, f"{names_words(profile.limits)}key")
        sentence = f"{names}, none of {form_words(profile.limits)}: {shapes}"
        if not report.coverage.complete:
            sentence += f" ({coverage_words(report.coverage)})"
        lines.append(f"{sentence}.")
    for finding in report.findings:
        if finding.rule == LIMITS_UNKNOWN_LAYOUT:
            lines += [f"{finding.message[:1].upper()}{finding.message[1:]}.", f"{finding.remedy} {FIND_OUT}"]
    if lines:
        return lines
    if not profile.limits:
        return [f"The profile {safe_text(profile.name, 60)} names no counters: limits are not looked for.", FIND_OUT]
    if report.over:
        keys = plural(report.over, f"{names_words(profile.limits)}key")
        return [f"{keys} of past windows, and none of a present one. Counters appear with the next request."]
    wanted = f"No {names_words(profile.limits)}keys"
    if not report.coverage.complete:
        return [f"{wanted} so far: {coverage_words(report.coverage)}."]
    return [f"{wanted}. Counters appear with the first request."]


def findings_about(row: LimitRow, findings: Iterable[Finding]) -> list[Finding]:
    """Return those of the findings that are about a counter, its tenant or its limit."""
    tenant = tenant_words(row.counter.tenant)
    return [
        finding
        for finding in findings
        if finding.subject in (subject_of(row), tenant, limit_subject(row.counter.operation))
        or (finding.subject.startswith("several ") and _explains(finding, row))
        or (finding.subject == "several tenants" and short_names(tenant) in finding.message)
    ]


def _explains(finding: Finding, row: LimitRow) -> bool:
    """Return True if a finding that stands for many counters is about the state of this one."""
    return finding.rule in EXPLAIN_MANY or rule_of(finding.rule).limit_state == row.state
