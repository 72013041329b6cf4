"""Turn a tool's document into sections that a person reads: verdict, findings, what to do, scope, then the rest.

``sections(report)`` is pure and knows no tool by name: it uses the shape of the document and the keys that all
documents share, so a new tool needs no line here. The screen (``tui/render_report``) and the command line
(``cli/rendering``) both show these sections and choose only colours, widths and order. All text is safe to print. No
finding is left out, and keys that are data (a tenant, a route) are not renamed.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from optimus_tui.contract.finding_rules import title_of_rule
from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.tools.common import Report
from optimus_tui.contract.tools.compliance import unescaped
from optimus_tui.tools.pages.format_value import (
    QUIET,
    SILENT,
    cell,
    figure,
    in_plain_words,
    in_words,
    label,
    layout,
    measured,
    samples,
)
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SeverityStyle

SectionKind = Literal["facts", "findings", "advice"]

HEAD = ("schema_version", "tool", "timestamp")
VERDICT = ("overall_status", "severity_assessment", "overall_compliance", "pass_rate", "immediate_action_required")
"""Keys that answer the question: they stand first."""
IN_HEADLINE = ("overall_status", "severity_assessment", "overall_compliance")
"""Keys whose word a headline shows (``tools.pages.report_sections``)."""
_SENTENCES_OF_ADVICE = ("message", "issue", "action", "recommendation")
MAX_ROWS = 200
"""Rows or lines of one section on the screen; the rest is counted."""
KEYED_BY_DATA = frozenset({"breakers", "patterns", "refilled", "slopes"})
"""Objects whose keys are names of others, as those of ``by_tenant`` and its like are: they imply no unit."""
LONGEST = 4_000
DEEPEST = 6
SMALL = 4

SEVERITY_STYLES: dict[str, SeverityStyle] = {
    **dict.fromkeys(
        ("critical", "error", "disconnected", "unhealthy", "fail", "failed", "all_fail", "poor", "open"), "critical"
    ),
    **dict.fromkeys(
        ("needs_attention", "high", "medium", "warning", "partial", "partial_pass", "mostly_pass", "half_open", "over",
         "near", "immortal", "survived", "needs_improvement"), "warning",
    ),
    **dict.fromkeys(("healthy", "connected", "ok", "pass", "all_pass", "excellent", "good", "none", "closed"), "ok"),
    **dict.fromkeys(
        ("unknown", "not checked", "not configured", "not available", "skipped", "low", "info", "acceptable"), "quiet"
    ),
}  # fmt: skip
"""The severity style of each word of the contract's vocabulary."""

_LISTS: tuple[tuple[str, str, SeverityStyle], ...] = (
    ("examined", "Examined", ""),
    ("unknown", "Not known", "quiet"),
    ("notes", "Notes", ""),
)
"""Keys that hold sentences, with the title and the severity style of their section."""


class Fact(Struct, frozen=True):
    """A value as safe text, its label ("" for a sentence), and its severity style."""

    text: str
    label: str = ""
    severity_style: SeverityStyle = ""
    starts_item: bool = False
    """True for the first line of a finding or of a recommendation; ``label`` is its severity or priority then."""
    in_headline: bool = False
    """True for the verdict, which a surface that prints a headline has shown already."""
    finding: Finding | None = None
    """The finding that the line is about, as far as its document tells it: rule, subject, severity, sentence."""


class Section(Struct, frozen=True, kw_only=True):
    """A title over lines, over a table, or over both (the table first). ``rows`` have as many cells as ``columns``."""

    title: str
    kind: SectionKind = "facts"
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[Fact, ...] = ()
    urgent: bool = False
    """True where the section holds findings, or says why there is no result."""


def sections(report: Report, max_rows: int = MAX_ROWS) -> list[Section]:
    """Return the readable document.

    Args:
        report: the answer of a tool.
        max_rows: how many rows or lines one section may have; what is left out is counted in a last line.

    Returns:
        The sections in reading order. An ``ErrorReport`` is one section that says why there is no result.
    """
    document: dict[str, Any] = in_words(msgspec.json.decode(msgspec.json.encode(report)))
    rest = {name: _without_repeats(value, document) for name, value in document.items() if name not in HEAD}
    if isinstance(rest.get("error"), dict):
        return [_failure(rest["error"])]
    builder = _Builder(max_rows)
    made = [_verdict(rest)]
    if "diagnostics" in rest:
        made.append(builder.findings(rest.pop("diagnostics")))
    if "issues_found" in rest:
        made.append(builder.issues(rest.pop("issues_found")))
    if "recommendations" in rest:
        made.append(builder.advice(rest.pop("recommendations")))
    for name, title, severity_style in _LISTS:
        if entries := rest.pop(name, None):
            made.append(Section(title=title, lines=builder.sentences(entries, severity_style)))
    for group in _alike(rest):
        if len(group) > 1:
            made.append(builder.table("Overview", [(title_of(name), value) for name, value in group]))
        else:
            name, value = group[0]
            made += builder.described(title_of(name), value, 0, _is_keyed_by_data(name))
    return [section for section in made if section.lines or section.rows]


def _without_repeats(value: Any, document: Mapping[str, Any]) -> Any:
    """Return an analysis without the list of unknowns that the document's own level repeats."""
    if isinstance(value, dict) and value.get("unknown") and value["unknown"] == document.get("unknown"):
        return {name: inner for name, inner in value.items() if name != "unknown"}
    return value


def severity_style_of(value: object) -> SeverityStyle:
    """Return the severity style of a word of the contract, and "" for anything else."""
    if isinstance(value, str):
        return SEVERITY_STYLES.get(value) or SEVERITY_STYLES.get(value.replace(" ", "_"), "")
    return ""


def title_of(key: str) -> str:
    """Return a documented key as a title: ``ai_engine_connectivity`` is ``AI engine``."""
    text = label(key)
    return text[:1].upper() + text[1:]


# -- the parts that all documents share --------------------------------------------------------------------------------


def _failure(error: Mapping[str, Any]) -> Section:
    lines = [Fact(safe_text(error.get("message") or "", LONGEST), severity_style="critical")]
    lines += [Fact(figure(name, error[name]), name) for name in ("code", "argument", "allowed") if error.get(name)]
    return Section(title="No result", lines=tuple(lines), urgent=True)


def _verdict(rest: dict[str, Any]) -> Section:
    """Return all bare values of the document's first level, the verdict first, and remove them from ``rest``."""
    for name in [name for name in rest if name in SILENT and rest[name] is None]:
        del rest[name]
    bare = [name for name, value in rest.items() if not isinstance(value, (dict, list))]
    ordered = [*(name for name in VERDICT if name in bare), *(name for name in bare if name not in VERDICT)]
    lines, soon = [], rest.get("severity_assessment") == "medium"
    for name in ordered:
        value = rest.pop(name)
        if name == "immediate_action_required" and value is False and soon:
            value = "no, but soon"  # what is medium has a remedy that the same screen offers
        severity_style: SeverityStyle = ""
        if name in VERDICT:
            severity_style = severity_style_of(value)
        lines.append(Fact(figure(name, value), label(name), severity_style, in_headline=name in IN_HEADLINE))
    title = "Asked"
    if ordered and ordered[0] in VERDICT:
        title = "Verdict"
    return Section(title=title, lines=tuple(lines))


def _finding(diagnostic: Mapping[str, Any], message: str) -> Finding | None:
    """Return the finding that a diagnostic of a document was made from; None if it names no rule."""
    rule, severity = diagnostic.get("rule"), diagnostic.get("level")
    if not rule or severity not in SEVERITIES:
        return None
    subject = safe_text(diagnostic.get("subject") or "", 200)
    return Finding(
        rule=safe_text(rule, 80),
        severity=severity,
        subject=subject,
        message=message,
        impact=safe_text(diagnostic.get("impact") or "", LONGEST),
        measured=diagnostic.get("measured"),
        measured_words=safe_text(diagnostic.get("measured_words") or "", 80),
        threshold=diagnostic.get("threshold"),
        unit=safe_text(diagnostic.get("unit") or "", 40),
        samples=diagnostic.get("samples"),
        window_seconds=diagnostic.get("window_seconds"),
    )


def _measured(finding: Mapping[str, Any]) -> str:
    """Return ``A counter is over its limit · measured 153 requests · threshold 150 · 1 sample``."""
    parts = [safe_text(title_of_rule(str(finding.get("rule") or "")), 80)]
    for name in ("measured", "threshold"):
        if finding.get(name) is not None:
            parts.append(f"{name} {measured(finding[name], finding.get('unit') or '')}")
    if finding.get("samples") is not None:
        parts.append(samples(finding["samples"]))
    return " · ".join(part for part in parts if part)


def _recommendation(entry: Mapping[str, Any]) -> list[Fact]:
    """Return the sentences of one recommendation, its priority on the first, then its command, file and reason."""
    priority = safe_text(entry.get("priority") or entry.get("type") or "", 40)
    texts = [entry[name] for name in _SENTENCES_OF_ADVICE if entry.get(name)]
    lines = [Fact(safe_text(text, LONGEST)) for text in texts]
    if lines:
        lines[0] = Fact(lines[0].text, priority, severity_style_of(priority), starts_item=True)
    used = {"rule", "priority", *_SENTENCES_OF_ADVICE}
    if entry.get("type"):
        used.add("type")
    for name, value in entry.items():
        if name not in used and value not in (None, "", [], {}) and value not in texts:
            severity_style: SeverityStyle = "quiet"
            if name == "command":
                severity_style = ""
            lines.append(Fact(figure(name, value), label(name), severity_style))
    return lines


# -- everything else, by its shape -------------------------------------------------------------------------------------


def _alike(rest: Mapping[str, Any]) -> list[list[tuple[str, Any]]]:
    """Return the values in groups: neighbours that hold the same bare fields, or some more, fit into one table."""
    groups: list[list[tuple[str, Any]]] = []
    for name, value in rest.items():
        before: Any = None
        if groups:
            before = groups[-1][0][1]
        same = _flat(before) and _flat(value) and bool(before) and bool(value)
        if same and (before.keys() <= value.keys() or value.keys() <= before.keys()):
            groups[-1].append((name, value))
        else:
            groups.append([(name, value)])
    return groups


def _flat(value: object) -> bool:
    return isinstance(value, dict) and not any(_nested(inner) for inner in value.values())


def _nested(value: object) -> bool:
    """Return True for what holds more than fits into one cell."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value))


def _is_keyed_by_data(key: str) -> bool:
    """Return True if the keys of the object under ``key`` are somebody's names: tenants, routes, kinds, statuses."""
    return key.startswith("by_") or "_by_" in key or key in KEYED_BY_DATA


def _is_small(value: object) -> bool:
    """Return True for a few bare values without a sentence among them: one line holds them."""
    return isinstance(value, dict) and len(value) <= SMALL and "error" not in value and _flat(value)


def _inline(value: Mapping[str, Any], by_data: bool) -> str:
    return " · ".join(f"{_name(name, by_data)} {_value(value, name, by_data)}" for name in value) or "none"


def _name(key: str, by_data: bool, value: object = None) -> str:
    """Return how a key is written: in words, or as it is where it is somebody's name.

    A list shows bare numbers, so its key keeps the unit.
    """
    if by_data:
        return safe_text(key, 80)
    if isinstance(value, list):
        return in_plain_words(key)
    return label(key)


def _value(values: Mapping[str, Any], key: str, by_data: bool) -> str:
    """Return the figure under a key, whose unit the key tells unless it is somebody's name."""
    if by_data:
        return figure("", values[key])
    return cell(values, key)


def _severity_style(name: str, value: object) -> SeverityStyle:
    """Return the severity style of a fact. A section's ``status: ok`` says that it was read, which is not a verdict."""
    if name == "error":
        return "warning"
    if name == "status" and value == "ok":
        return ""
    return severity_style_of(value)


class _Builder:
    """Makes sections of at most ``max_rows`` rows or lines."""

    def __init__(self, max_rows: int) -> None:
        self.max_rows = max_rows

    def findings(self, found: Sequence[Mapping[str, Any]]) -> Section:
        """Return the judged facts, each with its impact and what it was judged by."""
        items = []
        for finding in found[: self.max_rows]:
            severity = safe_text(finding.get("level") or finding.get("severity", ""), 40)
            message = safe_text(finding.get("message", ""), LONGEST)
            about = _finding(finding, message)
            items.append(Fact(message, severity, severity_style_of(severity), starts_item=True, finding=about))
            for text in (safe_text(finding.get("impact") or "", LONGEST), _measured(finding)):
                if text:
                    items.append(Fact(text, severity_style="quiet", finding=about))
        return self._found(items, len(found))

    def issues(self, found: Sequence[Mapping[str, Any]]) -> Section:
        """Return what is wrong in source files: place and fault, then the rule and its remedy."""
        items = []
        for issue in found[: self.max_rows]:
            priority = safe_text(issue["priority"], 40)
            place = safe_text(f"{unescaped(issue['file'])}:{issue['line']}", 200)
            text = f"{place}  {safe_text(issue['issue'], LONGEST)}"
            items.append(Fact(text, priority, severity_style_of(priority), starts_item=True))
            items.append(
                Fact(f"{safe_text(issue['rule'], 80)}: {safe_text(issue['fix'], LONGEST)}", severity_style="quiet")
            )
        return self._found(items, len(found))

    def _found(self, items: Sequence[Fact], count: int) -> Section:
        if not count:
            none = Fact("Nothing wrong was found in what was examined.", severity_style="ok")
            return Section(title="Findings", kind="findings", lines=(none,))
        lines = (*items, *self._more(count))
        return Section(title=f"Findings ({count:,})", kind="findings", lines=lines, urgent=True)

    def advice(self, entries: Sequence[Any]) -> Section:
        """Return what to do, with the exact commands."""
        lines: list[Fact] = []
        for entry in entries[: self.max_rows]:
            if isinstance(entry, dict):
                lines += _recommendation(entry)
            else:
                lines.append(Fact(safe_text(entry, LONGEST), starts_item=True))
        title = "To do"
        if entries:
            title = f"To do ({len(entries):,})"
        return Section(title=title, kind="advice", lines=(*lines, *self._more(len(entries))))

    def sentences(self, entries: Any, severity_style: SeverityStyle) -> tuple[Fact, ...]:
        """Return a line for each entry of a list, or for a single text."""
        if not isinstance(entries, (list, tuple)):
            entries = [entries]
        shown = (Fact(safe_text(text, LONGEST), severity_style=severity_style) for text in entries[: self.max_rows])
        return (*shown, *self._more(len(entries)))

    def _more(self, count: int) -> tuple[Fact, ...]:
        if count <= self.max_rows:
            return ()
        return (Fact(f"… and {count - self.max_rows:,} more: see the JSON", severity_style="quiet"),)

    def described(self, title: str, value: Any, depth: int, by_data: bool) -> list[Section]:
        """Return a value of any shape as sections.

        Args:
            title: what the section is called.
            value: anything that JSON can hold.
            depth: how deep in the document it stands; below ``DEEPEST`` nothing is shown.
            by_data: True if the keys of ``value`` are somebody's names.
        """
        if isinstance(value, list):
            return [self._list(title, value)]
        if not isinstance(value, dict):
            return [Section(title=title, lines=(Fact(figure("", value)),))]
        if len(value) > 1 and all(_flat(inner) and inner for inner in value.values()):
            return [self.table(title, [(safe_text(name, 200), inner) for name, inner in value.items()])]
        small = {name: _inline(inner, _is_keyed_by_data(name)) for name, inner in value.items() if _is_small(inner)}
        bare = {name: small.get(name, inner) for name, inner in value.items() if name in small or not _nested(inner)}
        made = []
        if bare:
            made.append(Section(title=title, lines=self._facts(bare, by_data)))
        for name, inner in value.items():
            if name not in bare and depth < DEEPEST:
                inner_title = f"{title} · {_name(name, by_data)}"
                made += self.described(inner_title, inner, depth + 1, _is_keyed_by_data(name))
        return made or [Section(title=title, lines=(Fact("none", severity_style="quiet"),))]

    def _list(self, title: str, values: Sequence[Any]) -> Section:
        if values and all(isinstance(inner, dict) for inner in values):
            return self.table(title, [("", inner) for inner in values])
        texts = []
        for inner in values:
            if _nested(inner):
                texts.append(msgspec.json.encode(inner).decode())
            else:
                texts.append(figure("", inner))
        return Section(title=title, lines=self.sentences(texts or ["none"], ""))

    def _facts(self, bare: Mapping[str, Any], by_data: bool) -> tuple[Fact, ...]:
        """Return what is known, a line each; a null is shown only where everything is null."""
        known = {name: value for name, value in bare.items() if not (value is None or value == [])}
        known = known or dict(bare)
        for name in QUIET:
            if known.get(name) is False or "ttl_seconds" in bare:
                known.pop(name, None)
        lines = [
            Fact(_value(bare, name, by_data), _name(name, by_data, value), _severity_style(name, value))
            for name, value in list(known.items())[: self.max_rows]
        ]
        return (*lines, *self._more(len(known)))

    def table(self, title: str, records: Sequence[tuple[str, Mapping[str, Any]]]) -> Section:
        """Return a row for each record; errors, and keys that few records have, stand in lines below the table.

        Args:
            title: what the section is called.
            records: each with its head, which is "" where the records have no names.
        """
        shown = records[: self.max_rows]
        made = layout([record for _, record in shown])
        columns = [name for name in made.columns if name != "error"]
        heads = [label(name) for name in columns]
        rows = [tuple(cell(record, name) for name in columns) for _, record in shown]
        if any(head for head, _ in records):
            heads = ["", *heads]
            rows = [(head, *row) for (head, _), row in zip(shown, rows, strict=True)]
        lines: list[Fact] = []
        for (head, record), row, own in zip(shown, rows, made.own, strict=True):
            name = head
            if not head and row:
                name = row[0]
            if record.get("error"):
                lines.append(Fact(safe_text(record["error"], LONGEST), name, "warning"))
            if few := [key for key in own if key != "error"]:
                lines.append(Fact(" · ".join(f"{label(key)} {cell(record, key)}" for key in few), name))
        lines += [Fact("has many lines: see the JSON", label(name), "quiet") for name in made.many_lines]
        return Section(title=title, columns=tuple(heads), rows=tuple(rows), lines=(*lines, *self._more(len(records))))
