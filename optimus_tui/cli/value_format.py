"""A document's keys and values in words: ``latency_ms: 45.2`` becomes ``latency`` and ``45 ms``. Pure.

Values are worded by ``tools.figures``, as on the screen. It refuses to drop one that is not known: that is ``?``,
unless the key is one that has nothing to say then.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from optimus_tui.tools.format_value import SILENT, figure, is_documented, label
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text


def title(key: str) -> str:
    """``average_latency_ms`` as ``average latency``."""
    return label(key).replace("_", " ") if is_documented(key) else label(key)


def worth_showing(values: Mapping[str, Any]) -> Iterator[str]:
    """The keys to show; of a part that was not looked at, only that and why."""
    absent = values.get("status") in ("not configured", "not checked", "not available", "unknown")
    for key, value in values.items():
        nothing = value is None or value == ""
        if nothing and (absent or key in SILENT):
            continue
        if key == "immortal" and value is False:
            continue
        yield key


def phrase(key: str, value: Any, limit: int = 120) -> str:
    """One value in the words of its key, safe to show, in at most about ``limit`` characters."""
    if isinstance(value, (Mapping, list, tuple)):
        return safe_text(_compact(value), limit)
    return safe_text(figure(key, value), limit)


def _compact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{title(str(key))} {phrase(str(key), one, 60)}" for key, one in list(value.items())[:12])
    if all(not isinstance(one, (Mapping, list, tuple)) for one in value):
        return ", ".join(phrase("", one, 60) for one in value[:12])
    return plural(len(value), "entry", "entries")
