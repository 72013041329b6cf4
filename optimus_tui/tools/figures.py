"""One value of a document in words, by what its key says about the unit: ``_ms``, ``_bytes``, ``ttl_seconds``, shares.

Pure. It refuses to turn an unknown into a number: null is ``–``, never 0.
"""

from typing import Any

import msgspec

from optimus_tui.wording.numbers import NOTHING, latency, percent
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size
from optimus_tui.wording.ttl import ttl

LONGEST = 4_000
SHARES = ("hit_rate", "share", "error_ratio", "refused_share", "share_lost")


def figure(name: str, value: Any) -> str:
    """``value`` of the key ``name`` as safe text with its unit."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return _number(name, value)
    if isinstance(value, (list, tuple)):
        return ", ".join(figure("", one) for one in value) or "none"
    if isinstance(value, dict):
        return safe_text(msgspec.json.encode(value), LONGEST)
    return safe_text(value, LONGEST)


def _number(name: str, value: float) -> str:
    if name.endswith("_ms"):
        return latency(value)
    if name.endswith("_bytes"):
        return size(int(value))
    if name == "ttl_seconds":
        return ttl(value)
    if name in SHARES and 0 <= value <= 1:
        return percent(value)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")
    if name.endswith("_seconds"):
        return f"{text} s"
    return f"{text} min" if name.endswith("_minutes") else text
