"""Format one value of a document with the unit that its key names, and records as one table."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.tools.pages.labels import LABELS
from optimus_tui.wording.numbers import NEVER, NOTHING, UNKNOWN, latency, number, percent, plural, ttl
from optimus_tui.wording.numbers import figure as counted
from optimus_tui.wording.safe import safe_text

LONGEST = 4_000
READ = "read"
"""How a section's ``status: ok`` is shown: the section could be read, which is not a verdict."""

SILENT = frozenset(
    {"error", "reason", "status_code", "version", "mode", "role", "problem", "unknown", "detail", "notes", "remedy",
     "tenant_filter", "own_delay_ms", "worst_route", "worst_tenant", "router_path", "live"}
)  # fmt: skip
"""Keys whose null means that there is none, not that it is unknown. They need not be shown then."""

VERDICT_WORDS = frozenset(
    {"needs_attention", "needs_improvement", "all_pass", "mostly_pass", "partial_pass", "all_fail", "half_open"}
)
"""Words of the contract that are written with a blank for people."""
_PASS_RATE = re.compile(r"(\d+)/([1-9]\d*) \(")
_SHARE = re.compile(r"(?:^|_)(?:share|hit_rate|miss_rate|error_rate|refused_rate|error_ratio)(?:_|$)")
"""Keys of shares: 1.0 is all."""
_KEY = re.compile(r"[a-z0-9_]+")
_UNIT = re.compile(r"_(?:ms|bytes|seconds|minutes)$")


def is_documented(key: str) -> bool:
    """Return True for lower-case words, which may be one of our keys. Anything else is data and stays unchanged."""
    return _KEY.fullmatch(key) is not None


def in_plain_words(key: str) -> str:
    """Return ``average_latency_ms`` as ``average latency ms``; a key that cannot be ours stays unchanged."""
    if not is_documented(key):
        return safe_text(key, 80)
    return key[:80].replace("_", " ")


def label(key: str) -> str:
    """Return what a key is called: ``used_memory_bytes`` is ``used memory``, because its figure has the unit.

    A key that is not in the table of labels is shown in plain words, or unchanged where it is data (a tenant, a route).
    """
    if not is_documented(key):
        return safe_text(key, 80)
    return LABELS.get(key) or in_plain_words(_UNIT.sub("", key))


def figure(name: str, value: Any) -> str:
    """Return a value as safe text with its unit.

    Args:
        name: the key that the value stands under, or "" where no key names a unit.
        value: anything that JSON can hold.
    """
    if value is None:
        if name in SILENT:
            return NOTHING
        return UNKNOWN
    if value == "":
        return NOTHING
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if isinstance(value, (int, float)):
        return _number(name, value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (dict, list, tuple)) for item in value):
            return plural(len(value), "entry", "entries")
        return ", ".join(figure("", item) for item in value) or "none"
    if isinstance(value, dict):
        if any(isinstance(item, (dict, list, tuple)) for item in value.values()):
            return safe_text(msgspec.json.encode(value), LONGEST)
        return safe_text(" · ".join(f"{label(key)} {figure(key, item)}" for key, item in value.items()), LONGEST)
    if name == "status" and value == "ok":
        return READ
    if name == "pass_rate" and (counts := _PASS_RATE.match(str(value))):
        passed, of = map(int, counts.groups())
        return f"{passed:,} of {of:,} ({percent(passed / of)})"
    if name == "issue_type" or value in VERDICT_WORDS:
        return str(value).replace("_", " ")
    return safe_text(value, LONGEST)


def measured(value: float | str, unit: str) -> str:
    """Return what a finding measured, or its threshold, with the unit: ``61 %``, ``512 B``, ``1 key``, ``no TTL``."""
    if not isinstance(value, (int, float)):
        return safe_text(value, LONGEST)
    return counted(value, safe_text(unit, 20))


def measured_of(finding: Finding | Diagnostic) -> str:
    """Return what a finding measured, with which figure that is: ``702 ms, the quickest of 5 checks``; "" for nothing.

    Requests are estimated from a histogram, and so are in words; all else that is sampled is checked.
    """
    if finding.measured is None:
        return ""
    value = finding.measured_words or measured(finding.measured, finding.unit)
    which = rule_of(finding.rule).measures
    if not which or not finding.samples:
        return value
    counted_as = "request" if finding.measured_words else "check"
    return f"{value}, {which.format(samples=plural(finding.samples, counted_as))}"


def samples(count: int) -> str:
    """Return ``1 sample`` or ``1,247 samples``."""
    return plural(count, "sample")


def _number(name: str, value: float) -> str:
    if not is_documented(name):
        return number(value)
    if name.endswith("_ms"):
        return latency(value)
    if name.endswith(("_bytes", "bytes_used")) or name == "bytes_estimate":
        return counted(value, "bytes")
    if name == "ttl_seconds":
        return ttl(value)
    if name.endswith("covered_minutes") and value == 0:
        return "none: nothing was recorded before"
    if name.endswith("_minutes"):
        return counted(value * 60, "s")
    if _SHARE.search(name) and not name.endswith("_trend"):
        return percent(value)
    if name.endswith("_seconds"):
        return counted(value, "s")
    return number(value)


QUIET = ("immortal",)
"""Keys that another column says already: an immortal key's TTL is "never"."""

_NO_NAMES = {"count": 0, "shapes": []}
_NONE: dict[str, tuple[Any, ...]] = {
    "omitted": (0,),
    "unparsed": (_NO_NAMES, {**_NO_NAMES, "shapes": ()}),
    "unknown_layout": (_NO_NAMES, {**_NO_NAMES, "shapes": ()}),
}
"""Keys with what they hold where there is none."""

UNASKED = ("not configured", "not checked", "skipped")
"""The status of what was not checked on purpose."""

SENTENCES = ("error",)
"""Keys whose values are too long for a column."""


JUDGED = frozenset({"measured", "threshold"})
"""Keys whose unit stands beside them under ``unit``."""


class Layout(Struct, frozen=True):
    """The ``columns`` of all records, ``own`` further keys of each, and keys whose texts have ``many_lines``."""

    columns: tuple[str, ...]
    own: tuple[tuple[str, ...], ...]
    many_lines: tuple[str, ...]


def in_words(value: Any) -> Any:
    """Return a part of a document with estimates and bounds in words: ``≈ 320 ms``, ``≤ 10 s``.

    Percentiles of a histogram (``percentiles_from``) become texts, and so does what a finding measured. Counts of zero
    left-out rows or odd names are dropped.
    """
    if isinstance(value, (list, tuple)):
        return [in_words(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    shown = {key: in_words(one) for key, one in value.items() if not (key in _NONE and one in _NONE[key])}
    if words := shown.pop("measured_words", ""):
        shown["measured"] = words
    if isinstance(shown.get("unit"), str) and not JUDGED.isdisjoint(shown):
        unit = shown.pop("unit")
        for name in JUDGED & shown.keys():
            if shown[name] is not None:
                shown[name] = measured(shown[name], unit)
    if shown.pop("percentiles_from", None) is not None:
        for part in ("p50", "p95", "p99"):
            bound, number = shown.pop(f"{part}_bound", None), shown.get(f"{part}_ms")
            if bound is not None or number is not None:
                shown[f"{part}_ms"] = bound or f"≈ {figure(f'{part}_ms', number)}"
    return shown


def layout(records: Sequence[Mapping[str, Any]]) -> Layout:
    """Return the keys that at least half of the records have, and the other keys of each record.

    A key that is empty everywhere gets no column. A key of few records would make a column of blanks, and nested values
    do not fit into a cell: both are shown below the table, on the record's own line.
    """
    having: dict[str, int] = {}
    known: set[str] = set()
    many_lines: dict[str, None] = {}
    nested: set[str] = set()
    for one in records:
        for key, value in one.items():
            having[key] = having.get(key, 0) + 1
            if not _is_nothing(value) and key not in QUIET:
                known.add(key)
            if isinstance(value, str) and "\n" in value:
                many_lines[key] = None
            if key in SENTENCES or _is_nested(value):
                nested.add(key)
    known -= many_lines.keys()
    columns = tuple(key for key, count in having.items() if key in known - nested and count * 2 >= len(records))
    own = tuple(
        tuple(key for key, value in one.items() if key in known and key not in columns and not _is_nothing(value))
        for one in records
    )
    return Layout(columns, own, tuple(many_lines))


def cell(record: Mapping[str, Any], key: str) -> str:
    """Return one value of a record as text.

    The TTL of what never expires is ``never``. ``–`` stands for a key that the record lacks, for a null that means
    none, and for what was not asked for.
    """
    if key not in record or (record[key] is None and record.get("status") in UNASKED):
        return NOTHING
    if key == "ttl_seconds" and record.get(key) is None and record.get("immortal"):
        return NEVER
    return figure(key, record.get(key))


def _is_nested(value: object) -> bool:
    """Return True for what holds more than can stand in one cell."""
    return isinstance(value, dict) or (
        isinstance(value, (list, tuple)) and any(isinstance(one, (dict, list, tuple)) for one in value)
    )


def _is_nothing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, (list, tuple, dict)) and not value)
