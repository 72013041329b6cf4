"""What the cache pane says around its rows: copies, the sheet of a value, the sheet of a key. Pure."""

from typing import TYPE_CHECKING, Any

from optimus_tui.contract.cache import CacheReport, GroupTotals, KeyDetail, KeyPreview
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.grammar.keys import escape_glob
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.panes.cache.lines import Left, fact_lines, group_prefix
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.verdicts.limits.layouts import layout_words
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.numbers import compact, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import redis_cli
from optimus_tui.wording.truth import coverage_words, outage_forms, truth_line

if TYPE_CHECKING:
    from optimus_tui.tui.dialogs.sheet import Fact, SheetDialog

READERS: dict[str, tuple[str, ...]] = {
    "string": ("GET",),
    "hash": ("HSCAN", "0", "COUNT", "100"),
    "list": ("LRANGE", "0", "99"),
    "set": ("SSCAN", "0", "COUNT", "100"),
    "zset": ("ZRANGE", "0", "99", "WITHSCORES"),
    "stream": ("XRANGE", "-", "+", "COUNT", "100"),
}
"""How a person looks into a value of each type without asking for all of it: the key is the first argument."""


def key_forms(target: RedisTarget, key: bytes, detail: KeyDetail | None) -> list[tuple[str, str]]:
    """redis-cli lines for exactly this key. A name with a NUL byte cannot stand in a shell word: its bytes instead."""
    if b"\0" in key:
        return [("the name's bytes in hex (no shell word can hold a NUL)", key.hex())]
    forms = [("time to live", redis_cli(target, ["PTTL", key])), ("type", redis_cli(target, ["TYPE", key]))]
    command, *rest = READERS.get((detail and detail.type) or "", ("",))
    if command:
        name = {"GET": "value"}.get(command, "value, the first of it")
        forms.append((name, redis_cli(target, [command, key, *rest])))
    return [*forms, ("memory", redis_cli(target, ["MEMORY", "USAGE", key]))]


def group_forms(target: RedisTarget, group: GroupTotals) -> list[tuple[str, str]]:
    """A redis-cli line that lists a group's names without blocking the server; glob characters stand for themselves."""
    prefix = group_prefix(group)
    if b"\0" in prefix or not group.kind:
        return []
    what = "names of this kind"
    if group.tenant is not None:
        what = "names that begin so (also of tenants that do)"
    return [(what, redis_cli(target, ["--scan", "--pattern", escape_glob(prefix) + b"*"]))]


def preview_sheet(answer: Reading[KeyPreview] | KeyPreview | str, wall: float) -> "SheetDialog":
    """Return a dialog with the value that was asked for, or with the reason why it cannot be shown."""
    from optimus_tui.tui.dialogs.sheet import SheetDialog

    facts, title = preview_facts(answer, wall)
    return SheetDialog(title, facts)


def key_sheet(row: KeyRow, left: Left, detail: KeyDetail | None) -> "SheetDialog":
    """Return a dialog with what is known about a key."""
    from optimus_tui.tui.dialogs.sheet import SheetDialog

    facts = [(name, value, "") for name, value in fact_lines(row, left, detail)]
    return SheetDialog("Cache key", facts, "esc closes   v in the pane shows the value")


def preview_facts(answer: Reading[KeyPreview] | KeyPreview | str, wall: float) -> "tuple[list[Fact], str]":
    """The sheet for what came back when somebody asked for a value, and its title."""
    from optimus_tui.tui.dialogs.bodies import body_facts

    if isinstance(answer, Reading):
        if answer.value is None:
            lines = ["no answer"]
            if answer.fault is not None:
                lines = [answer.fault.message, answer.fault.remedy or ""]
            return [("", line, "warn") for line in lines if line], "Value"
        wall = answer.taken_at
        answer = answer.value
    if isinstance(answer, str):
        return [("", safe_text(answer, 600), "warn")], "Value"
    title = f"Value · {safe_text(answer.key, 60)}"
    if answer.type == "none":
        return [("", "The key is gone.", "warn")], title
    facts: list[Fact] = [("type", safe_text(answer.type), ""), ("length", _length(answer), "")]
    note = "this look counts as a hit on the server and makes the key recently used; it was not written anywhere"
    facts += [("read", f"{clock(wall)} UTC; {note}", "quiet"), ("", "", "")]
    for part in answer.parts:
        facts += body_facts(part)
    if not answer.parts:
        facts.append(
            ("", f"Values of this type are not shown. Y offers a redis-cli line for a {answer.type}.", "quiet")
        )
    elif answer.truncated:
        facts.append(("", "… the server holds more than is shown", "warn"))
    return facts, title


def _length(preview: KeyPreview) -> str:
    shown = sum(len(part) for part in preview.parts)
    if preview.length is None:
        return f"not known; {shown:,} bytes shown"
    unit = {"string": "bytes"}.get(preview.type, "members")
    words = f"{thousands(preview.length)} {unit}"
    if preview.truncated and shown:
        words += f", the first {shown:,} bytes shown"
    return words


def truth_forms(reading: Reading[Any], mono: float, where: str) -> list[str]:
    """The truth line, the fullest wording first. What stands in the way is the last to be shortened."""
    report: CacheReport | None = reading.value
    scanned, strange, old = "", "", "no data yet"
    if report is not None:
        scanned, old = scanned_words(report.coverage), f"{age(mono - reading.taken_mono)} old"
        if report.unknown.count:
            strange = f"{compact(report.unknown.count)} of no known layout"
    counted = " · ".join(part for part in (scanned, strange) if part)
    whole = truth_line(reading, mono, source="redis", counted=counted)
    if reading.fault is None:
        brief = truth_line(reading, mono, source="redis", counted=strange or scanned)
        return [form for line in (whole, brief) for form in (line, line.removesuffix(" · redis ok"))]
    return [whole, *outage_forms(old, reading.fault, "redis", where, reading.retry_in)]


def empty_words(report: CacheReport) -> list[str]:
    """Why there is no cache key."""
    known = report.coverage.scanned - report.unknown.count
    strange = layout_words(report.unknown, known=known, shown=len(report.unknown.shapes), wanted="cache:* key")
    if not report.coverage.complete:
        some = layout_words(report.unknown, known=1, shown=len(report.unknown.shapes))
        words = f"No cache:* keys so far: {coverage_words(report.coverage)}"
        return [f"{'; '.join(filter(None, (words, some)))}."]
    if strange:
        return [f"{strange[:1].upper()}{strange[1:]}."]
    return ["No cache:* keys. They appear with the first answer that the gateway caches."]


def scanned_words(coverage: Coverage) -> str:
    """``scanned 1,247 of 1,247``; an incomplete sweep keeps its reason."""
    if coverage.complete and coverage.total is not None:
        most = max(coverage.total, coverage.scanned)
        if most < 100_000:
            return f"scanned {thousands(coverage.scanned)} of {thousands(most)}"
        return f"scanned {compact(coverage.scanned)} of {compact(most)}"
    return coverage_words(coverage)
