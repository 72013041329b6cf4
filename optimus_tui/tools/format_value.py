"""One value of a document in words, by what its key says about the unit: ``_ms``, ``_bytes``, ``ttl_seconds``, shares.

Pure, and the same on every surface. It refuses to turn an unknown into a number: null is ``?``, never 0; ``–`` is an
empty text. A unit is said once: where ``figure`` says it, ``label`` does not.
"""

import re
from typing import Any

import msgspec

from optimus_tui.wording.age import age
from optimus_tui.wording.numbers import NOTHING, UNKNOWN, latency, percent, plural
from optimus_tui.wording.numbers import figure as counted
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

LONGEST = 4_000
READ = "read"
"""How a section's ``status: ok`` is shown: it says that the section could be read, and judges nothing."""

SILENT = frozenset(
    {"error", "reason", "status_code", "version", "mode", "role", "problem", "unknown", "detail", "notes", "remedy",
     "tenant_filter", "own_delay_ms", "worst_route", "worst_tenant", "router_path"}
)  # fmt: skip
"""Keys that hold nothing where there is nothing, not where it is unknown: they need not be shown then."""

_SHARE = re.compile(r"(?:^|_)(?:share|hit_rate|miss_rate|error_rate|error_ratio)(?:_|$)")
_KEY = re.compile(r"[a-z0-9_]+")
_UNIT = re.compile(r"_(?:ms|bytes|seconds|minutes)$")
_LABELS = {"slope_seconds": "slope_measured_over", "bytes_estimate": "estimated_memory"}
"""Keys that say without their unit something else than they mean."""


def is_documented(key: str) -> bool:
    """Return True for a key that may be ours: lower-case words. Anything else is somebody's name and stays as it is."""
    return _KEY.fullmatch(key) is not None


def label(key: str) -> str:
    """The documented ``key`` without the unit that its figure carries: ``memory_bytes`` is ``memory``."""
    if not is_documented(key):
        return safe_text(key, 80)
    return _LABELS.get(key) or _UNIT.sub("", key[:80])


def figure(name: str, value: Any) -> str:
    """``value`` of the key ``name`` as safe text with its unit."""
    if value is None:
        return NOTHING if name in SILENT else UNKNOWN
    if value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return _number(name if is_documented(name) else "", value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(one, (dict, list, tuple)) for one in value):
            return plural(len(value), "entry", "entries")
        return ", ".join(figure("", one) for one in value) or "none"
    if isinstance(value, dict) and not any(isinstance(one, (dict, list, tuple)) for one in value.values()):
        return safe_text(" · ".join(f"{label(name)} {figure(name, one)}" for name, one in value.items()), LONGEST)
    if isinstance(value, dict):
        return safe_text(msgspec.json.encode(value), LONGEST)
    if name == "status" and value == "ok":
        return READ
    return safe_text(value, LONGEST)


def measured(value: float | str, unit: str) -> str:
    """What a finding measured, or its threshold, the unit said once: ``61 %``, ``512 B``, ``1 key``, ``no TTL``."""
    if not isinstance(value, (int, float)):
        return safe_text(value, LONGEST)
    if unit in ("bytes", "bytes/h"):
        return _size(value) + unit.removeprefix("bytes")
    if unit == "ms":
        return latency(value)
    return counted(value, safe_text(unit.removesuffix("s") if value == 1 and len(unit) > 1 else unit, 20))


def samples(count: int) -> str:
    """``1 sample``, ``1,247 samples``."""
    return plural(count, "sample")


def _number(name: str, value: float) -> str:
    if name.endswith("_ms"):
        return latency(value)
    if name.endswith(("_bytes", "bytes_used")) or name == "bytes_estimate":
        return _size(value)
    if name == "ttl_seconds":
        return ttl(value)
    if name.endswith("_minutes"):
        return _minutes(value)
    if _SHARE.search(name) and not name.endswith("_trend"):
        return percent(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{text} s" if name.endswith("_seconds") else text


def _size(value: float) -> str:
    return f"{'-' if value < 0 else ''}{size(round(abs(value)))}"


def _minutes(value: float) -> str:
    """``52 s`` below a minute, ``8.6 min`` below ten, ``60 min``."""
    if 0 < value < 1:
        return age(value * 60)
    return f"{value:,.1f}".removesuffix(".0") + " min" if value < 10 else f"{value:,.0f} min"
