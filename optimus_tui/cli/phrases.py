"""A document's keys and values in words: ``latency_ms: 45.2`` becomes ``latency`` and ``45 ms``. Pure.

It refuses to drop a value that is not known: that is ``?``, unless the key is one that has nothing to say then.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from optimus_tui.wording.age import age
from optimus_tui.wording.numbers import UNKNOWN, latency, percent, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

_SILENT = frozenset(
    (
        "error",
        "reason",
        "status_code",
        "version",
        "mode",
        "role",
        "problem",
        "unknown",
        "detail",
        "notes",
        "remedy",
        "tenant_filter",
    )
)
"""Keys that need not be shown where they hold nothing."""
_SHARES = ("hit_rate", "share", "error_rate", "miss_rate")
_UNITS = ("_ms", "_bytes", "_seconds", "_minutes")


def title(key: str) -> str:
    """``average_latency_ms`` as ``average latency``."""
    words = safe_text(key, 80)
    for unit in _UNITS:
        words = words.removesuffix(unit)
    return words.replace("_", " ")


def worth_showing(values: Mapping[str, Any]) -> Iterator[str]:
    """The keys to show; of a part that was not looked at, only that and why."""
    absent = values.get("status") in ("not configured", "not checked", "not available", "unknown")
    for key, value in values.items():
        nothing = value is None or value == ""
        if nothing and (absent or key in _SILENT):
            continue
        if key == "immortal" and value is False:
            continue
        yield key


def phrase(key: str, value: Any, limit: int = 120) -> str:
    """One value in the words of its key, safe to show."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return _number(key, value)
    if isinstance(value, (Mapping, list, tuple)):
        return safe_text(_compact(value), limit)
    return safe_text(value, limit)


def _number(key: str, value: float) -> str:
    if key.endswith("_ms"):
        return latency(value)
    if key.endswith(("_bytes", "bytes_used")):
        return size(round(value))
    if key == "ttl_seconds":
        return ttl(value)
    if key.endswith("_seconds"):
        return f"{value:,g} s"
    if key.endswith("_minutes"):
        return _minutes(value)
    if 0 <= value <= 1 and isinstance(value, float) and any(word in key for word in _SHARES):
        return percent(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _minutes(value: float) -> str:
    if value < 1:
        return age(value * 60)
    return f"{value:,.3g} min" if value < 1000 else f"{value:,.0f} min"


def _compact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{title(str(key))} {phrase(str(key), one, 60)}" for key, one in list(value.items())[:12])
    if all(not isinstance(one, (Mapping, list, tuple)) for one in value):
        return ", ".join(phrase("", one, 60) for one in value[:12])
    return plural(len(value), "entry", "entries")
