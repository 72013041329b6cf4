"""The words round the rate-limit rows: verdict and order above, tenants and totals below, one counter close up."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len

from optimus_tui.contract.finding_rules import (
    LIMITS_LONG_TTL,
    LIMITS_REFUSED,
    LIMITS_REFUSED_BELOW,
    LIMITS_TENANT_SHARE,
    LIMITS_TOTAL,
    LIMITS_UNKNOWN_LAYOUT,
)
from optimus_tui.contract.limits import Counter, LimitRow, LimitsReport
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.limits.rows import INKS, pace_words, refused_words, reset_words
from optimus_tui.tui.widgets.figures import as_many_as_fit, first_that_fits
from optimus_tui.tui.widgets.line_view import Piece
from optimus_tui.tui.widgets.spark import mark_of
from optimus_tui.tui.widgets.table import fit_cell, fit_name
from optimus_tui.verdicts.limits.words import tenant_words
from optimus_tui.wording.age import age
from optimus_tui.wording.numbers import UNKNOWN, percent, plural, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import curl, redis_cli
from optimus_tui.wording.truth import LIMIT_MARKS, coverage_words

Words = list[tuple[str, str]]

JUDGED = {
    LIMITS_REFUSED: "refused",
    LIMITS_REFUSED_BELOW: "refused",
    LIMITS_LONG_TTL: "TTL too long",
    LIMITS_UNKNOWN_LAYOUT: "unknown layout",
}
"""What the title says of findings that no row's state tells."""


def verdict_words(
    report: LimitsReport, states: Mapping[str, int], room: int, order: str, *, current: bool = True
) -> Words:
    """Return the answer, then the order, in at most ``room`` cells; the order is the last to go.

    Args:
        report: The counters as judged.
        states: How many counters are in each state.
        room: Cells.
        order: How the rows are sorted.
        current: The report is of now; an old one proves nothing good.
    """
    parts: Words = []
    if never := states.get("immortal", 0):
        parts.append((f"✖ {never:,} never reset{'s' * (never == 1)}", "crit"))
    if over := states.get("over", 0):
        parts.append((f"▲ {over:,} over", "warn"))
    if near := states.get("near", 0):
        parts.append((f"▲ {near:,} near", "warn"))
    if broken := states.get("broken", 0):
        parts.append((f"✖ {broken:,} broken", "quiet"))
    judged = {JUDGED.get(finding.rule) for finding in report.findings}
    parts += [(f"▲ {words}", "warn") for words in dict.fromkeys(JUDGED.values()) if words in judged]
    worrying = any(finding.severity != "low" for finding in report.findings)
    if (
        current
        and not parts
        and not worrying
        and states.get("ok") == report.total
        and report.coverage.complete
        and report.total
    ):
        parts.append(("● within limits", "good"))
    while parts and sum(len(text) + 2 for text, _ in parts) + len(order) > room:
        parts.pop()
    return [*parts, (order, "quiet")]


def count_forms(report: LimitsReport) -> tuple[str, str]:
    """Return how many counters were read and whether these are all: the long wording and the short one."""
    coverage = report.coverage
    if coverage.complete and any(finding.rule == LIMITS_UNKNOWN_LAYOUT for finding in report.findings):
        return "no counter of a known layout", "layout not known"
    if coverage.complete:
        return f"{plural(report.total, 'counter')}, complete", f"{report.total:,}, complete"
    words = coverage_words(coverage)
    return f"≥ {plural(report.total, 'counter')}, {words}", f"≥ {report.total:,}, {words}"


def tenants_line(report: LimitsReport, threshold: int, width: int) -> list[Piece]:
    """Return ``demo_dentist 18   clinic_a 6   +2        48 of 1,000``: who holds most, and all of them."""
    flagged = {finding.subject for finding in report.findings if finding.rule == LIMITS_TENANT_SHARE}
    total = total_pieces(report, threshold, width)
    room = width - sum(cell_len(text) for text, _ in total) - 2
    pieces: list[Piece] = []
    used = shown = 0
    for tenant in report.tenants:
        name = tenant_words(tenant.tenant)
        text = fit_name(name, min(24, cell_len(name)))
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
        used += len(more)
    return [*pieces, (" " * max(0, width - used - sum(cell_len(text) for text, _ in total)), ""), *total]


def total_pieces(report: LimitsReport, threshold: int, width: int) -> list[Piece]:
    """Return ``48 of 1,000`` and what could not be understood.

    ``≥`` stands before it while not everything was read, ``?`` in its place where keys are there and none has a known
    layout.
    """
    strange = any(finding.rule == LIMITS_UNKNOWN_LAYOUT for finding in report.findings)
    over = any(finding.rule == LIMITS_TOTAL for finding in report.findings)
    keys = report.total + report.unparsed.count - report.unparsed.shown
    text, ink = f"{keys:,}", ""
    if strange:
        text = UNKNOWN
    if not report.coverage.complete:
        text = f"≥ {text}"
    if over:
        text, ink = f"▲ {text}", "warn"
    pieces: list[Piece] = [(text, ink), (f" of {threshold:,}", "quiet")]
    if report.unparsed.count and width >= 50:
        pieces.insert(0, (f"{report.unparsed.count:,} unparsed   ", "warn"))
    return pieces


def rules_note(report: LimitsReport | None, width: int) -> list[Piece]:
    """Return why every limit reads ``?``, and what to do; nothing where limits are known."""
    if report is None or report.rules is not None or not report.rows:
        return []
    forms = [
        "○ No limit is known: the gateway publishes none at /api/rate-limits. Set them under [limits] in optimus.toml.",
        "○ No limit is known: the gateway publishes none. Set [limits] in optimus.toml.",
        "○ No limit is known; set [limits] in optimus.toml.",
    ]
    return [(first_that_fits(forms, width), "warn")]


def detail_lines(row: LimitRow, report: LimitsReport, width: int, moment: float) -> list[list[Piece]]:
    """Return one counter closely: its whole key, its figures with their source, its bytes where the name deceives."""
    counter, mark = row.counter, LIMIT_MARKS[row.state]
    limit = "of an unknown limit"
    if row.limit is not None and report.rules is not None:
        window, source = report.rules.window_seconds, safe_text(report.rules.source, 40)
        limit = f"of {thousands(row.limit)} per {window} s (limit: {source})"
    used = counter.problem or f"{thousands(counter.count)} {limit}"
    if counter.sliding and counter.count is not None:
        used = f"{used}, inside its sliding window"
    figures = []
    if row.share is not None:
        figures.append(f"{percent(row.share)} used")
    if counter.immortal:
        figures.append("never resets (no TTL)")
    else:
        figures.append(f"resets in {reset_words(row, moment)}")
    if row.slope is not None:
        figures.append(f"slope {pace_words(row)}/s")
    if row.refused_in:
        figures.append(f"429 in {refused_words(row, moment)}")
    figures.append(f"read {age(moment - counter.taken_mono)} ago")
    badge = mark_of(counter.tenant)[0] or mark_of(counter.operation)[0]
    tenant = _hex(counter.tenant, max(4, (width - 42) // 3))
    return [
        [(fit_name(safe_text(counter.key, 1000), width), "bright")],
        [(f"{mark.text.strip()}: {used}", INKS[mark.tone])],
        [(as_many_as_fit(figures, width), "")],
        [(_about_name(counter, badge, tenant, width), "warn")],
    ]


def _about_name(counter: Counter, badge: str, tenant: str, width: int) -> str:
    """Return what may deceive in the name, or keeps it out of actions."""
    if counter.doubt:
        return fit_cell(f"no action here: {counter.doubt}", width).rstrip()
    if badge:
        return f"{badge} in the name; tenant is {tenant}"
    return ""


def _hex(raw: bytes, most: int) -> str:
    """Return the first bytes as ``61 c3 a9``: names that look alike differ here."""
    shown = raw[:most].hex(" ")
    if len(raw) > most:
        shown += f" … {len(raw):,} bytes"
    return shown


def copy_forms(row: LimitRow, settings: Settings) -> list[tuple[str, str]]:
    """Return lines for a shell about exactly this key; where none can be written, why."""
    forms = []
    first = ("GET",)
    if row.counter.problem:
        first = ("TYPE",)
    for words in (first, ("PTTL",), ("MEMORY", "USAGE")):
        name = f"redis-cli {' '.join(words)}"
        try:
            forms.append((name, redis_cli(settings.redis, [*words, row.counter.key])))
        except ValueError as error:
            forms.append((name, f"# {error}"))
    return [*forms, ("curl: the limits in force", curl(f"{settings.gateway_url}/api/rate-limits"))]


def empty_words(report: LimitsReport | None, filter_text: str) -> Sequence[str]:
    """Return why there is no row, and what to do."""
    if report is None:
        return ()
    if filter_text and report.rows:
        return (f"None of {plural(len(report.rows), 'counter')} matches / {safe_text(filter_text)}", "esc clears it.")
    lines = []
    if report.unparsed.count:
        shapes = ", ".join(f"{shape.count:,} × `{shape.shape}`" for shape in report.unparsed.shapes[:3])
        names = plural(report.unparsed.count, "rate_limit:* key")
        sentence = f"{names}, none of the form rate_limit:tenant:operation: {shapes}"
        if not report.coverage.complete:
            sentence += f" ({coverage_words(report.coverage)})"
        lines.append(f"{sentence}.")
    strange = [finding.message for finding in report.findings if finding.rule == LIMITS_UNKNOWN_LAYOUT]
    lines += [f"{words[:1].upper()}{words[1:]}." for words in strange]
    if lines:
        return lines
    if not report.coverage.complete:
        return [f"No rate_limit:* keys so far: {coverage_words(report.coverage)}."]
    return ["No rate_limit:* keys. Counters appear with the first request."]
