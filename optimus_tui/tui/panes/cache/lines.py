"""The cache tree's lines and the texts around them: columns, dialogs and copies. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from optimus_tui.contract.finding_rules import CACHE_UNKNOWN_LAYOUT, CATALOGUE
from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KeyDetail, KeyPreview
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.dialects.template import escape_glob
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.tui.theme import Piece
from optimus_tui.tui.widgets.cells import Cell, Column, Table, first_that_fits, fit_cell, fit_count, name_pieces
from optimus_tui.tui.widgets.row_table import RowTable
from optimus_tui.verdicts.limits.findings import layout_words
from optimus_tui.wording.numbers import UNKNOWN, age, clock, compact, size, thousands, ttl
from optimus_tui.wording.safe import redis_cli, safe_text
from optimus_tui.wording.short_hash import short_hash
from optimus_tui.wording.truth import FIND_OUT, coverage_words, outage_forms, truth_line

if TYPE_CHECKING:
    from optimus_tui.dialects.model import Dialect
    from optimus_tui.tui.dialogs.sheets import Fact, SheetDialog


BLOCKS = "▁▂▃▄▅▆▇"
DETAIL_SECONDS = 15.0
"""For so long what was read of one key is fresher than what the last sweep knew of it."""
PREFIX = b"cache:"
NO_TENANT = "(no tenant)"
"""The tenant of cached answers where neither their names nor their rule says one."""


class GroupLine(NamedTuple):
    """A kind or a tenant as it is drawn.

    ``matched`` is the number of its keys that pass the filter; None without one.
    """

    group: GroupTotals
    opened: bool
    matched: int | None
    partial: bool
    """Not all keys were read: counts are lower bounds."""


class KeyLine(NamedTuple):
    """A key as it is drawn."""

    row: KeyRow
    time_left: "TimeLeft"
    detail: KeyDetail | None


def _name_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return None  # its name may use the empty column of counts
    group = line.group
    raw, indent, style = group.kind, "", ""
    if group.tenant is not None:
        raw, indent, style = group.tenant, "  ", "bright"
    room = cells - len(indent) - 2
    mark, name = (f"{indent}▸ ", "quiet"), [(fit_cell(_nameless(group), room), "quiet")]
    if line.opened:
        mark = (f"{indent}▾ ", "accent")
    if short := short_hash(group.tenant or b""):
        name = [(fit_cell(short, room), style)]
    elif raw:
        name = name_pieces(raw, room, style)
    return [mark, *name]


def _nameless(group: GroupTotals) -> str:
    """Return what stands for a group without a name: a kind has none where its keys' names have too few parts."""
    if group.kind:
        return NO_TENANT
    return "(unparsed)"


def _keys_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return [("      ", ""), *name_pieces(short_name(line.row), cells - 6, line.time_left.name_style)]
    return _keys(line.group, line.matched, line.partial, cells), ""


def _ttl_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    if isinstance(line, KeyLine):
        return line.time_left.words, line.time_left.style
    return spread(line.group), "quiet"


def _size_cell(line: GroupLine | KeyLine, _: int) -> Cell:
    if isinstance(line, KeyLine):
        return _size_words(line.detail, ""), "quiet"
    if line.group.bytes_used is None:
        return UNKNOWN, "quiet"
    return size(line.group.bytes_used, estimate=not line.group.bytes_exact), "quiet"


def _tail_cell(line: GroupLine | KeyLine, cells: int) -> Cell:
    if isinstance(line, KeyLine):
        return _type_words(line.detail, ""), "quiet"
    return fit_count(line.group.without_ttl, cells), "quiet" * (line.group.without_ttl == 0)


def _size_words(detail: KeyDetail | None, unknown: str) -> str:
    if detail is None or detail.bytes_used is None:
        return unknown
    return size(detail.bytes_used)


def _type_words(detail: KeyDetail | None, unknown: str) -> str:
    if detail is None:
        return unknown
    return detail.type or unknown


def _table(keys_width: int) -> Table[GroupLine | KeyLine]:
    return Table(
        Column("name", "", 8, _name_cell, grow=1, most=72, measured=True),
        Column("keys", "keys", keys_width, _keys_cell, "right", measured=True, least=6),
        Column("ttl", "TTL", 8, _ttl_cell, "right", measured=True, least=7),
        Column("size", "size", 8, _size_cell, "right", measured=True, least=7),
        Column("tail", "no TTL", 7, _tail_cell, "right"),
    )


TABLE, FILTERED = _table(7), _table(13)
"""The second while a filter is on, where there is room for ``12 of 1,247``."""


class CacheColumns:
    """The columns as wide as the lines drawn so far need."""

    def __init__(self) -> None:
        self._usual, self._filtered = RowTable(TABLE), RowTable(FILTERED)

    @property
    def tables(self) -> tuple[Table[GroupLine | KeyLine], Table[GroupLine | KeyLine]]:
        """Return the tables as they are fitted now."""
        return self._usual.table, self._filtered.table

    def row_table(self, width: int, filtered: bool) -> RowTable[GroupLine | KeyLine]:
        """Return the table for a width in cells."""
        if filtered and width >= 60:
            return self._filtered
        return self._usual


def head_pieces(table: Table[GroupLine | KeyLine], width: int, sort: str, reverse: bool) -> list[Piece]:
    """Return the titles, with an arrow at the column that the keys are sorted by."""
    titles = {column.id: column.title for column in table.columns}
    forms = ("  kind ▸ tenant ▸ key  ", "  kind ▸ key  ", "  key  ")
    titles["name"] = first_that_fits(forms, table.widths(width)["name"])
    place = {"key": "name"}.get(sort, sort)
    arrow = "↑↓"[reverse != (sort == "size")]
    titles[place] = f"{titles[place].rstrip()} {arrow}"
    return table.head(width, titles=titles)


def _keys(group: GroupTotals, matched: int | None, partial: bool, width: int) -> str:
    keys, mark = group.keys, "≈" * group.sampled
    if partial:
        mark = "≥"
    if matched is None:
        return mark + fit_count(keys, width - len(mark))
    return first_that_fits(
        (f"{matched:,} of {mark}{keys:,}", f"{compact(matched)} of {mark}{compact(keys)}", compact(matched)), width
    )


def spread(group: GroupTotals) -> str:
    """Return seven bars, scaled to the largest bin; a bin with any key has a visible bar. Empty if no key has a TTL."""
    most = max(group.histogram, default=0)
    if not most:
        return ""
    steps = len(BLOCKS) - 1
    heights = [max(n > 0, round(n / most * steps)) for n in group.histogram]
    return "".join(BLOCKS[height] for height in heights)


def short_name(row: KeyRow) -> bytes:
    """Return the rest of a key's name after its kind and tenant."""
    prefix = group_prefix(row.group)
    if prefix == PREFIX:
        return row.name
    return row.name.removeprefix(prefix)


def group_prefix(group: GroupTotals) -> bytes:
    """Return the common beginning of the key names in a group."""
    parts = [part for part in (group.kind, group.tenant) if part]
    return PREFIX + b"".join(part + b":" for part in parts)


class TimeLeft:
    """The time that a key has left, in words: from its details if they are fresh, else from the last scan."""

    __slots__ = ("gone", "name_style", "seconds", "style", "words")

    def __init__(self, expires_ms: int, detail: KeyDetail | None, mono: float) -> None:
        self.gone, self.style, self.name_style = False, "quiet", "bright"
        self.seconds: float | None = None
        if expires_ms >= 0:
            self.seconds = expires_ms / 1000 - mono
        never = expires_ms == -1
        if detail is not None and mono - detail.taken_mono <= DETAIL_SECONDS:
            never = detail.immortal
            if detail.ttl_ms is not None:
                self.seconds = detail.taken_mono + detail.ttl_ms / 1000 - mono
            self.gone = detail.gone
        if self.gone:
            self.words, self.name_style = "gone", "quiet"
        elif never:
            self.seconds, self.words, self.style = None, "∞ none", ""
        else:
            self.words = ttl(self.seconds)


def fact_lines(row: KeyRow, time_left: TimeLeft, detail: KeyDetail | None) -> Sequence[tuple[str, str]]:
    """Return name and value of everything known about one key without reading its value."""
    hexed, expires = row.name[:256].hex(" "), time_left.words
    if len(row.name) > 256:
        hexed += f" … {len(row.name):,} bytes in all"
    if expires.startswith("∞"):
        expires = "never expires"
    return [
        ("key", safe_text(row.name, 2_000)),
        ("bytes", hexed),
        ("kind", safe_text(row.group.kind) or "(unparsed)"),
        ("tenant", safe_text(row.group.tenant or b"") or _nameless(row.group)),
        ("type", _type_words(detail, "not read yet")),
        ("TTL", expires),
        ("size", _size_words(detail, "not read yet")),
    ]


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
    """Return redis-cli lines for this key; its bytes instead if it contains a NUL, which no shell word can hold."""
    if b"\0" in key:
        return [("the name's bytes in hex (no shell word can hold a NUL)", key.hex())]
    forms = [("time to live", redis_cli(target, ["PTTL", key])), ("type", redis_cli(target, ["TYPE", key]))]
    command, *rest = READERS.get((detail and detail.type) or "", ("",))
    if command:
        name = {"GET": "value"}.get(command, "beginning of the value")
        forms.append((name, redis_cli(target, [command, key, *rest])))
    return [*forms, ("memory", redis_cli(target, ["MEMORY", "USAGE", key]))]


def group_forms(target: RedisTarget, group: GroupTotals) -> list[tuple[str, str]]:
    """Return a redis-cli line that lists a group's names without blocking the server."""
    prefix = group_prefix(group)
    if b"\0" in prefix or not group.kind:
        return []
    what = "names of this kind"
    if group.tenant is not None:
        what = "names with this beginning (also of tenants that share it)"
    return [(what, redis_cli(target, ["--scan", "--pattern", escape_glob(prefix) + b"*"]))]


def preview_sheet(answer: Reading[KeyPreview] | KeyPreview | str, wall: float) -> "SheetDialog":
    """Return a dialog with the requested value, or with the reason why it cannot be shown."""
    from optimus_tui.tui.dialogs.sheets import SheetDialog

    facts, title = preview_facts(answer, wall)
    return SheetDialog(title, facts)


def key_sheet(row: KeyRow, time_left: TimeLeft, detail: KeyDetail | None) -> "SheetDialog":
    """Return a dialog with what is known about a key."""
    from optimus_tui.tui.dialogs.sheets import SheetDialog

    facts = [(name, value, "") for name, value in fact_lines(row, time_left, detail)]
    return SheetDialog("Cache key", facts, "esc closes   v in the pane shows the value")


def preview_facts(answer: Reading[KeyPreview] | KeyPreview | str, wall: float) -> "tuple[list[Fact], str]":
    """Return the lines of the dialog with a requested value, and its title."""
    from optimus_tui.tui.dialogs.sheets import body_facts

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
    note = "this reading counts as a hit on the server and as a use of the key; the value was not stored"
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
    """Return the truth line, the fullest wording first. A fault is shortened last."""
    report: CacheReport | None = reading.value
    scanned, strange, old = "", "", "no data yet"
    if report is not None:
        scanned, old = scanned_words(report.coverage), f"{age(mono - reading.taken_mono)} old"
        if report.unknown.count:
            strange = f"{compact(report.unknown.count)} of no known layout"
        if any(kind.totals.sampled for kind in report.kinds):
            scanned += ", ≈ by a sample"
    counted = " · ".join(part for part in (scanned, strange) if part)
    whole = truth_line(reading, mono, source="redis", counted=counted)
    if reading.fault is None:
        pace = scanned.rpartition(", ")[2] if report is not None and report.coverage.seconds_left is not None else ""
        cut_short = [scanned.partition(":")[0]] if ", incomplete: " in scanned else []
        shorter = (strange or scanned, *cut_short, strange or scanned.partition(",")[0], strange or pace or scanned)
        lines = [whole, *(truth_line(reading, mono, source="redis", counted=words) for words in shorter)]
        return [form for line in lines for form in (line, line.removesuffix(" · redis ok"))]
    return [whole, *outage_forms(old, reading.fault, "redis", where, reading.retry_in)]


def empty_words(report: CacheReport, profile: "Dialect") -> list[str]:
    """Return why there are no cache keys, by the profile that reads the watched system's keys."""
    from optimus_tui.verdicts.limits.words import names_words

    if not profile.cache:
        return [f"The profile {safe_text(profile.name, 60)} names no cache keys: none are looked for.", FIND_OUT]
    wanted = f"{names_words(profile.cache)}key"
    known = report.coverage.scanned - report.unknown.count
    strange = layout_words(report.unknown, known=known, shown=len(report.unknown.shapes), wanted=wanted)
    if not report.coverage.complete:
        some = layout_words(report.unknown, known=1, shown=len(report.unknown.shapes))
        words = f"No {wanted}s so far: {coverage_words(report.coverage)}"
        return [f"{'; '.join(filter(None, (words, some)))}."]
    if strange:
        return [f"{strange[:1].upper()}{strange[1:]}.", f"{CATALOGUE[CACHE_UNKNOWN_LAYOUT].remedy} {FIND_OUT}"]
    return [f"No {wanted}s. They appear with the first answer that the gateway caches."]


def scanned_words(coverage: Coverage) -> str:
    """Return ``scanned 1,247 of 1,247``; an incomplete sweep keeps its reason."""
    if coverage.complete and coverage.total is not None:
        most = max(coverage.total, coverage.scanned)
        if most < 100_000:
            return f"scanned {thousands(coverage.scanned)} of {thousands(most)}"
        return f"scanned {compact(coverage.scanned)} of {compact(most)}"
    return coverage_words(coverage)
