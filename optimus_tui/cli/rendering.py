"""A tool's document as a page: the verdict, the findings, the figures in aligned tables, then what to do.

Built from the document alone, so that a new key shows up without a change here. Every text passes the first gate and
is never read as markup. It refuses to judge and to hide: what it cuts, it says.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from optimus_tui.cli.fitted_table import FittedTable
from optimus_tui.cli.value_format import phrase, title, worth_showing
from optimus_tui.contract.tools.patterns import unescaped
from optimus_tui.tools.format_value import measured, samples
from optimus_tui.tools.records import cell, in_words, layout
from optimus_tui.wording.glyphs import OVERALL_MARKS, SEVERITY_MARKS, Mark
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.contract.tools.common import Report

WIDEST = 120
ROWS = 20
LONGEST_COMMAND = 4000
_STYLES = {"critical": "bold red", "warning": "yellow", "ok": "green", "quiet": "dim"}
_WORDS: dict[str, Mark] = {"warning": SEVERITY_MARKS["medium"], "info": SEVERITY_MARKS["low"]}
_WORDS.update(SEVERITY_MARKS.items())
_OVERALL: dict[str, Mark] = dict(OVERALL_MARKS.items())
_HEAD = ("schema_version", "tool", "timestamp", "overall_status", "severity_assessment",
         "overall_compliance", "average_compliance_score")  # fmt: skip
_LAST = ("diagnostics", "recommendations")


def render(report: "Report", console: Console | None = None) -> None:
    """Print the page; at most 120 columns wide."""
    console = console or Console(highlight=False, markup=False, emoji=False)
    console.width = min(WIDEST, console.width)
    document: dict[str, Any] = in_words(msgspec.to_builtins(report))
    console.print(_headline(document))
    for finding in document.get("diagnostics", ()):
        console.print(*_finding(finding), sep="\n")
    if "issues_found" in document:
        _issues(console, document.pop("issues_found"))
        if document.get("live") is None:
            document.pop("live", None)  # Redis was not asked
    for part in _sections(document):
        console.print()
        console.print(part)
    _recommend(console, document.get("recommendations", ()))


def _headline(document: Mapping[str, Any]) -> Text:
    line = Text(safe_text(document["tool"]), style="bold")
    line.append(f"  {safe_text(document['timestamp'])}", style="dim")
    verdict = document.get("overall_status") or document.get("severity_assessment")
    compliance = document.get("overall_compliance")
    if compliance is not None:
        mark = _compliance_mark(document, str(compliance))
        line = Text(f"{mark.glyph} {mark.word}  ", style=_STYLES[mark.tone]).append_text(line)
    elif verdict is not None:
        mark = _verdict_mark(str(verdict))
        line = Text(f"{mark.glyph} {mark.word}  ", style=_STYLES[mark.tone]).append_text(line)
    return line


def _verdict_mark(verdict: str) -> Mark:
    word = safe_text(verdict.replace("_", " "), 40)
    if verdict in _OVERALL:
        return _OVERALL[verdict]
    if verdict in _WORDS:
        return Mark(_WORDS[verdict].glyph, word.upper(), _WORDS[verdict].tone)
    good = verdict in ("all_pass", "none")
    return Mark("●" if good else "▲", word.upper(), "ok" if good else "warning")


def _compliance_mark(document: Mapping[str, Any], compliance: str) -> Mark:
    """The average's word and figure, and the worst file beside them: an average alone hides a broken router."""
    scores = [float(one["compliance_score"]) for one in document.get("files", ())]
    average = document.get("average_compliance_score")
    grave = any(one.get("priority") in ("high", "medium") for one in document.get("issues_found", ()))
    if not scores or average is None:
        return Mark("▲", "NOTHING WAS JUDGED", "warning")
    word = safe_text(compliance.replace("_", " "), 40).upper()
    figure = f"{word} {average:.2f}" + (f", worst file {min(scores):.2f}" if min(scores) < average else "")
    bad = compliance == "needs_improvement" or min(scores) == 0
    return Mark("✖" if bad else "▲" if grave else "●", figure, "critical" if bad else "warning" if grave else "ok")


def _finding(finding: Mapping[str, Any]) -> Iterator[RenderableType]:
    mark = _WORDS.get(str(finding.get("level") or finding.get("severity")), SEVERITY_MARKS["low"])
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=6, no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(mark.text, style=_STYLES[mark.tone]), Text(safe_text(finding.get("message", ""), 600)))
    facts = [safe_text(finding.get("rule", ""), 80)]
    unit = finding.get("unit", "")
    for name in ("measured", "threshold"):
        if finding.get(name) is not None:
            facts.append(f"{name} {measured(finding[name], unit)}")
    if finding.get("samples"):
        facts.append(samples(finding["samples"]))
    row.add_row("", Text(" · ".join(filter(None, facts)), style="dim"))
    if finding.get("impact"):
        row.add_row("", Text(safe_text(finding["impact"], 400), style="dim"))
    yield row


def _issues(console: Console, issues: Sequence[Mapping[str, Any]]) -> None:
    """A finding a line with its place, and the remedy below: eleven columns would hold three letters each."""
    for one in issues[:ROWS]:
        mark = _WORDS.get(str(one["priority"]), SEVERITY_MARKS["low"])
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=6, no_wrap=True)
        row.add_column(overflow="fold")
        place = safe_text(f"{unescaped(one['file'])}:{one['line']}", 200)
        row.add_row(Text(mark.text, style=_STYLES[mark.tone]), Text(f"{place}  {safe_text(one['issue'], 400)}"))
        row.add_row("", Text(f"{safe_text(one['rule'], 80)}: {safe_text(one['fix'], 400)}", style="dim"))
        console.print(row)
    for line in _rest(len(issues)):
        console.print(line)


def _sections(document: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Single values first, sections of one shape as one table, then the others one by one."""
    left = {key: value for key, value in document.items() if key not in (*_HEAD, *_LAST)}
    plain = {key: value for key, value in left.items() if not isinstance(value, (Mapping, list, tuple))}
    services = {key: value for key, value in left.items() if _is_service(value)}
    if plain:
        yield _pairs(plain)
    if services:
        yield _named("services", _rows_table(services))
    for key, value in left.items():
        if key not in plain and key not in services:
            yield from _section(title(key), value, 0)


def _is_service(value: object) -> bool:
    return isinstance(value, Mapping) and {"status", "latency_ms"} <= value.keys()


def _section(name: str, value: Any, depth: int) -> Iterator[RenderableType]:
    if isinstance(value, Mapping):
        yield from _mapping(name, value, depth)
    elif value and all(isinstance(one, Mapping) for one in value):
        yield _named(name, _list_table(value))
    elif value:
        lines = [Text(f"· {phrase('', one, 300)}") for one in value[:ROWS]]
        yield _named(name, *lines, *_rest(len(value)))
    elif name not in ("notes", "unknown"):
        yield _named(name, Text("none", style="dim"))


def _mapping(name: str, value: Mapping[str, Any], depth: int) -> Iterator[RenderableType]:
    inner = {key: one for key, one in value.items() if isinstance(one, (Mapping, list, tuple))}
    plain = {key: one for key, one in value.items() if key not in inner}
    if inner and not plain and all(isinstance(one, Mapping) and _flat(one) for one in inner.values()):
        yield _named(name, _rows_table({key: dict(one) for key, one in inner.items()}), *_rest(len(inner)))
        return
    if plain or not inner:
        literal = "by " in name  # these keys are tenants' names and the like, not words of ours
        yield _named(name, _pairs(plain, literal) if plain else Text("none", style="dim"))
    for key, one in inner.items():
        if depth >= 3:
            yield Text(f"{name}: {title(key)}: {phrase('', one, 300)}")
        elif one:
            yield from _section(f"{name}: {title(key)}", one, depth + 1)


def _flat(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(one, Mapping) for one in value.values())


def _named(name: str, *parts: RenderableType) -> RenderableType:
    grid = Table.grid()
    grid.add_row(Text(name, style="bold"))
    for part in parts:
        grid.add_row(Padding(part, (0, 0, 0, 2)))
    return grid


def _rest(count: int) -> list[Text]:
    return [Text(f"… {count - ROWS:,} more; --json shows all", style="dim")] if count > ROWS else []


def _pairs(values: Mapping[str, Any], literal: bool = False) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for key in worth_showing(values):
        if literal:
            grid.add_row(Text(safe_text(key, 80)), Text(phrase("", values[key], 400)))
        else:
            grid.add_row(Text(title(key)), Text(safe_text(cell(values, key), 400)))
    return grid


def _rows_table(rows: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """Sections of one shape: a row each, with its name in front."""
    return _list_table([{"": key, **row} for key, row in rows.items()], named=True)


def _list_table(rows: Sequence[Mapping[str, Any]], named: bool = False) -> RenderableType:
    shown = rows[:ROWS]
    made = layout(shown)
    cells = [[_cell(key, row, named) for key in made.columns] for row in shown]
    below = [
        Text(
            f"{line[0] if line else number}: " + " · ".join(f"{title(key)} {phrase(key, row[key], 400)}" for key in own)
        )
        for number, (line, row, own) in enumerate(zip(cells, shown, made.own, strict=True), 1)
        if own
    ]
    below += [Text(f"{title(key)} has many lines; --json shows it", style="dim") for key in made.many_lines]
    return FittedTable([title(key) for key in made.columns], cells, [*below, *([] if named else _rest(len(rows)))])


def _cell(key: str, row: Mapping[str, Any], named: bool) -> str:
    if key not in row:
        return ""
    if named and key == "":
        return title(row[""]) if row[""].replace("_", "").isalnum() and _is_service(row) else safe_text(row[""], 80)
    return safe_text(cell(row, key), 160)


def _recommend(console: Console, items: Sequence[Mapping[str, Any]]) -> None:
    """What to do; a command stands on a line of its own, never wrapped, so that it can be copied."""
    if not items:
        return
    console.print()
    console.print(Text("recommendations", style="bold"))
    for number, item in enumerate(items[:ROWS], 1):
        grid = Table.grid(padding=(0, 1, 0, 0))
        grid.add_column(width=4, justify="right")
        grid.add_column(overflow="fold")
        said = ": ".join(
            safe_text(item[key], 400) for key in ("message", "issue", "action", "recommendation") if item.get(key)
        )
        urgency = f"  [{safe_text(item['priority'], 20)}]" if item.get("priority") else ""
        grid.add_row(f"{number}.", Text(said).append(urgency, style="dim"))
        if item.get("reason"):
            grid.add_row("", Text(safe_text(item["reason"], 400), style="dim"))
        console.print(grid)
        for key in ("command", "file"):
            if item.get(key):
                console.print(Text(f"     {safe_text(item[key], LONGEST_COMMAND)}"), soft_wrap=True)
