"""From a tool's document to sections a person reads: verdict, findings, what to do, what was looked at, then the rest.

``sections(report)`` is pure and knows no tool by name: it goes by the shape of the document and by the keys that all
documents share, so a new tool is readable without a line here. Every surface that shows a document to people uses it
(the screen's ``tui/render_report``, the command line's Rich rendering): they choose colours and widths, not contents.
All text has passed the first gate (``wording.safe``); JSON stays the whole truth, this is its readable part. It refuses
to judge, to leave a finding out, and to rename keys that may be somebody's data (a tenant, a route).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from optimus_tui.contract.tools.common import Report
from optimus_tui.tools.format_value import SILENT, figure, is_documented, label, measured, samples
from optimus_tui.tools.records import cell, in_words, layout
from optimus_tui.wording.safe import safe_text

Tone = Literal["critical", "warning", "ok", "quiet", ""]

HEAD = ("schema_version", "tool", "timestamp")
VERDICT = ("overall_status", "severity_assessment", "overall_compliance", "pass_rate", "immediate_action_required")
"""Keys that answer the question: they stand first."""
SHOWN = 200
"""Rows or lines of one section; what is more is counted."""
LONGEST = 4_000
DEEPEST = 6
SMALL = 4

TONES: dict[str, Tone] = {
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
"""What a word from the contract's vocabulary means for the eye."""


class Line(Struct, frozen=True):
    """Safe text, what it is called ("" for a sentence), and its tone."""

    text: str
    label: str = ""
    tone: Tone = ""


class Section(Struct, frozen=True, kw_only=True):
    """A title over lines, over a table, or over both (the table first). ``rows`` have as many cells as ``columns``."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[Line, ...] = ()
    urgent: bool = False
    """Holds findings: worth the first look."""


def sections(report: Report) -> list[Section]:
    """The readable document. An ``ErrorReport`` is one section that says why there is no result."""
    document: dict[str, Any] = in_words(msgspec.json.decode(msgspec.json.encode(report)))
    rest = {name: _without_repeats(value, document) for name, value in document.items() if name not in HEAD}
    if isinstance(rest.get("error"), dict):
        return [_failure(rest["error"])]
    made = [_verdict(rest)]
    if "diagnostics" in rest:
        made.append(_findings(rest.pop("diagnostics")))
    if "recommendations" in rest:
        made.append(_advice(rest.pop("recommendations")))
    for name, title in (("examined", "Looked at"), ("unknown", "Not known"), ("notes", "Notes")):
        if entries := rest.pop(name, None):
            made.append(Section(title=title, lines=_sentences(entries, "quiet" if name == "unknown" else "")))
    for group in _alike(rest):
        made += _together(group) if len(group) > 1 else _described(title_of(group[0][0]), group[0][1], 0)
    return [section for section in made if section.lines or section.rows]


def _without_repeats(value: Any, document: Mapping[str, Any]) -> Any:
    """An analysis without the list of unknowns that the document's own level repeats."""
    if isinstance(value, dict) and value.get("unknown") and value["unknown"] == document.get("unknown"):
        return {name: one for name, one in value.items() if name != "unknown"}
    return value


def tone_of(value: object) -> Tone:
    """The tone of a contract word; none for anything else."""
    return TONES.get(value, "") if isinstance(value, str) else ""


def title_of(key: str) -> str:
    """A documented key as a title: ``ai_engine_connectivity`` is ``AI engine connectivity``."""
    words = {"ai": "AI", "ttl": "TTL", "redis": "Redis", "postgres": "Postgres", "pubsub": "Pub/sub", "json": "JSON"}
    text = " ".join(words.get(word, word) for word in safe_text(key, 80).split("_"))
    return text[:1].upper() + text[1:]


# -- the parts that all documents share --------------------------------------------------------------------------------


def _failure(error: Mapping[str, Any]) -> Section:
    lines = [Line(safe_text(error.get("message") or "", LONGEST), tone="critical")]
    lines += [Line(figure(name, error[name]), name) for name in ("code", "argument", "allowed") if error.get(name)]
    return Section(title="No result", lines=tuple(lines), urgent=True)


def _verdict(rest: dict[str, Any]) -> Section:
    """All bare values of the document's first level, the verdict first; they leave ``rest``."""
    for name in [name for name in rest if name in SILENT and rest[name] is None]:
        del rest[name]
    bare = {name: value for name, value in rest.items() if not isinstance(value, (dict, list))}
    ordered = [*(name for name in VERDICT if name in bare), *(name for name in bare if name not in VERDICT)]
    lines = tuple(
        Line(
            figure(name, rest.pop(name)), title_of(label(name)).lower(), tone_of(bare[name]) if name in VERDICT else ""
        )
        for name in ordered
    )
    return Section(title="Verdict" if ordered and ordered[0] in VERDICT else "Asked", lines=lines)


def _findings(found: Sequence[Mapping[str, Any]]) -> Section:
    if not found:
        return Section(title="Findings", lines=(Line("Nothing was found wrong in what was looked at.", tone="ok"),))
    lines: list[Line] = []
    for one in found[:SHOWN]:
        severity = safe_text(one.get("level") or one.get("severity", ""), 40)
        lines.append(Line(safe_text(one.get("message", ""), LONGEST), severity, tone_of(severity)))
        if impact := one.get("impact"):
            lines.append(Line(safe_text(impact, LONGEST), tone="quiet"))
        if facts := _measured(one):
            lines.append(Line(facts, tone="quiet"))
    return Section(title=f"Findings ({len(found):,})", lines=(*lines, *_more(len(found))), urgent=True)


def _measured(one: Mapping[str, Any]) -> str:
    """``limits.over · measured 153 requests · threshold 150 · 1 sample``."""
    parts = [safe_text(one.get("rule") or "", 80)]
    parts += [
        f"{name} {measured(one[name], one.get('unit') or '')}"
        for name in ("measured", "threshold")
        if one.get(name) is not None
    ]
    parts += [samples(one["samples"])] if one.get("samples") is not None else []
    return " · ".join(part for part in parts if part)


def _advice(entries: Sequence[Any]) -> Section:
    lines: list[Line] = []
    for one in entries[:SHOWN]:
        if not isinstance(one, dict):
            lines += _sentences([one], "")
            continue
        priority = safe_text(one.get("priority") or one.get("type") or "", 40)
        texts = [one.get(name) for name in ("message", "issue", "action", "recommendation") if one.get(name)]
        lines += [
            Line(safe_text(text, LONGEST), "" if at else priority, "" if at else tone_of(priority))
            for at, text in enumerate(texts)
        ]
        said = {"rule", "priority", "message", "issue", "action", "recommendation"}
        said |= {"type"} if one.get("type") else set()
        for name, value in one.items():
            if name not in said and value not in (None, "", [], {}) and value not in texts:
                lines.append(Line(figure(name, value), name, "" if name == "command" else "quiet"))
    return Section(title=f"To do ({len(entries):,})" if entries else "To do", lines=(*lines, *_more(len(entries))))


def _sentences(entries: Any, tone: Tone) -> tuple[Line, ...]:
    many = list(entries) if isinstance(entries, (list, tuple)) else [entries]
    return (*(Line(safe_text(text, LONGEST), tone=tone) for text in many[:SHOWN]), *_more(len(many)))


def _more(count: int) -> tuple[Line, ...]:
    return (Line(f"… and {count - SHOWN:,} more: see the JSON", tone="quiet"),) if count > SHOWN else ()


# -- everything else, by its shape -------------------------------------------------------------------------------------


def _alike(rest: Mapping[str, Any]) -> list[list[tuple[str, Any]]]:
    """Neighbours that hold the same bare fields, or some more, belong into one table."""
    groups: list[list[tuple[str, Any]]] = []
    for name, value in rest.items():
        before: Any = groups[-1][0][1] if groups else None
        same = _flat(before) and _flat(value) and bool(before) and bool(value)
        if same and (before.keys() <= value.keys() or value.keys() <= before.keys()):
            groups[-1].append((name, value))
        else:
            groups.append([(name, value)])
    return groups


def _together(group: list[tuple[str, Any]]) -> list[Section]:
    return [_table("Overview", [(title_of(name), value) for name, value in group])]


def _flat(value: object) -> bool:
    return isinstance(value, dict) and not any(_nested(inner) for inner in value.values())


def _nested(value: object) -> bool:
    """Holds more than can stand in one cell."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value))


def _described(title: str, value: Any, depth: int) -> list[Section]:
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            return [_table(title, [("", one) for one in value])]
        texts = [msgspec.json.encode(one).decode() if _nested(one) else figure("", one) for one in value] or ["none"]
        return [Section(title=title, lines=_sentences(texts, ""))]
    if not isinstance(value, dict):
        return [Section(title=title, lines=(Line(figure("", value)),))]
    if len(value) > 1 and all(_flat(one) and one for one in value.values()):
        return [_table(title, [(safe_text(name, 200), one) for name, one in value.items()])]
    small = {name: _inline(one) for name, one in value.items() if _is_small(one)}
    bare = {name: small.get(name, one) for name, one in value.items() if name in small or not _nested(one)}
    made = [Section(title=title, lines=_facts(bare))] if bare else []
    for name, one in value.items():
        if name not in bare and depth < DEEPEST:
            part = safe_text(name, 80)
            made += _described(f"{title} · {part.replace('_', ' ') if is_documented(name) else part}", one, depth + 1)
    return made or [Section(title=title, lines=(Line("none", tone="quiet"),))]


def _is_small(value: object) -> bool:
    """A handful of bare values without a sentence among them: one line holds it."""
    return isinstance(value, dict) and len(value) <= SMALL and "error" not in value and _flat(value)


def _inline(value: Mapping[str, Any]) -> str:
    return " · ".join(f"{_label(name, value[name])} {cell(value, name)}" for name in value) or "none"


def _label(name: str, value: object) -> str:
    """The key of a bare value; without its unit where the figure says it."""
    return label(name) if value is None or isinstance(value, (int, float)) else safe_text(name, 80)


def _facts(bare: Mapping[str, Any]) -> tuple[Line, ...]:
    """What is known; a null says nothing unless everything is null."""
    known = {name: one for name, one in bare.items() if one is not None and one != []} or dict(bare)
    lines = [
        Line(cell(bare, name), _label(name, one), "warning" if name == "error" else _tone(name, one))
        for name, one in list(known.items())[:SHOWN]
    ]
    return (*lines, *_more(len(known)))


def _tone(name: str, value: object) -> Tone:
    """The tone of a fact. A section's ``status: ok`` says that it was read: no verdict, so no colour."""
    return "" if name == "status" and value == "ok" else tone_of(value)


def _table(title: str, records: Sequence[tuple[str, Mapping[str, Any]]]) -> Section:
    """One row a record; columns where at least one knows something. Errors and what few know stand below."""
    shown = records[:SHOWN]
    made = layout([one for _, one in shown])
    columns = [name for name in made.columns if name != "error"]
    headed = any(head for head, _ in records)
    rows = tuple((*((head,) if headed else ()), *(cell(one, name) for name in columns)) for head, one in shown)
    lines: list[Line] = []
    for (head, one), row, own in zip(shown, rows, made.own, strict=True):
        name = head or (row[0] if row else "")
        if one.get("error"):
            lines.append(Line(safe_text(one["error"], LONGEST), name, "warning"))
        if few := [key for key in own if key != "error"]:
            lines.append(Line(" · ".join(f"{label(key)} {cell(one, key)}" for key in few), name))
    lines += [Line("has many lines: see the JSON", label(name), "quiet") for name in made.many_lines]
    heads: Iterable[str] = (*(("",) if headed else ()), *(label(name) for name in columns))
    return Section(title=title, columns=tuple(heads), rows=rows, lines=(*lines, *_more(len(records))))
