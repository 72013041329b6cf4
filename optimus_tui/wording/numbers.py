"""Numbers, durations and times of day (UTC) as text, each with its unit, and parsed timestamps. Reads no clock.

An unknown value is ``?``, never 0.
"""

import math
from collections.abc import Callable, Sized
from datetime import UTC, datetime

UNKNOWN = "?"
"""The sign for an unknown value, on every surface."""
NOTHING = "–"
"""The sign for a value that does not exist: no refusal expected, no limit of a tenant without counters."""
_UNITS = ("KB", "MB", "GB", "TB", "PB")
NEVER = "never"


def thousands(count: int | None) -> str:
    """Return ``1,247``; ``?`` for None."""
    if count is None:
        return UNKNOWN
    return f"{count:,}"


def compact(count: int | None) -> str:
    """Return ``1,247`` below ten thousand, then ``41k``, ``1.2M``, ``3.4G``; cut, never rounded up."""
    if count is None:
        return UNKNOWN
    if abs(count) < 10_000:
        return f"{count:,}"
    if count < 0:
        return f"-{compact(-count)}"
    for size, letter in ((10**9, "G"), (10**6, "M")):
        shown = math.floor(count * 10 / size) / 10
        if shown >= 10:
            return f"{int(shown):,}{letter}"
        if shown >= 1:
            return f"{shown:.1f}{letter}"
    return f"{count // 1000}k"


def percent_number(share: float | None) -> str:
    """Return a share (1.0 = full) as a bare number for a column headed ``%``: ``94``, ``99.5``, ``267``, ``<1``, ``?``.

    It is rounded to a whole number, close to full to one decimal, so that a share below full never reads as 100.
    """
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if 0 < share < 0.005:
        return "<1"
    return _of_hundred(share * 100, int(0.99 < share < 1.01))


def percent(share: float | None, bar: float | None = None) -> str:
    """Return a share (1.0 = full) as ``85 %``, ``7.5 %``, ``0.1 %``, ``<0.1 %``, ``99.6 %``.

    Args:
        share: The share.
        bar: A share that the same sentence compares it with: up to two more decimals are shown, so that the two read
            differently (``5.02 % failed, over 5 %``).
    """
    if share is None or not math.isfinite(share):
        return UNKNOWN
    if 0 < share < 0.0005:
        return "<0.1 %"
    return f"{_decimals(share * 100, bar and bar * 100, int(share < 0.0995 or 0.99 < share < 1.01), _of_hundred)} %"


def _rounded(value: float, digits: int) -> str:
    """Return the value rounded half up."""
    scale = 10**digits
    return f"{math.floor(value * scale + 0.5 + 1e-9) / scale:,.{digits}f}"


def _of_hundred(value: float, digits: int) -> str:
    """Return the value rounded half up, without ``.0``; a value below or above 100 is never rounded to 100."""
    text = _rounded(value, digits)
    if digits and value != 100 and float(text.replace(",", "")) == 100:
        text = f"{100 + math.copysign(10**-digits, value - 100):.{digits}f}"
    return text.removesuffix(".0")


def _decimals(value: float, bar: float | None, fewest: int, rounded: Callable[[float, int], str]) -> str:
    """Return a value with the fewest decimals with which it reads differently from the bar beside it.

    Args:
        value: The value.
        bar: What the same sentence compares it with, in the same unit; None for nothing.
        fewest: The decimals without a bar. At most two more are shown.
        rounded: Returns a value with a number of decimals.
    """
    text = rounded(value, fewest)
    if bar is None or math.isclose(value, bar, rel_tol=1e-9):
        return text
    alike = {round(bar, 6), float(rounded(bar, fewest).replace(",", ""))}
    texts = (rounded(value, digits) for digits in range(fewest, fewest + 3))
    return next((one for one in texts if float(one.replace(",", "")) not in alike), text)


OWN_FORMAT = ("share", "ratio", "ms", "s", "bytes", "bytes/h")
"""Units that are a part of how their figure is written: ``61 %``, ``1.2 s``, ``4 MB/h``."""


def figure(value: float | None, unit: str = "") -> str:
    """Return a measured number with its unit, the same on every surface: ``61 %``, ``966 ms``, ``1 key``, ``4 MB/h``.

    Args:
        value: The number; None where it is not known.
        unit: Its unit as safe text: a name in the plural, or one of ``OWN_FORMAT``.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if unit in ("share", "ratio"):
        return percent(value)
    if unit == "ms":
        return latency(value)
    sign = "-" if value < 0 else ""
    if unit == "s":
        return sign + age(abs(value))
    if unit in ("bytes", "bytes/h"):
        return sign + size(round(abs(value))) + unit.removeprefix("bytes")
    if value == 1 and len(unit) > 1:
        unit = unit.removesuffix("s")
    return f"{number(value)} {unit}".rstrip()


def number(value: float) -> str:
    """Return a bare number: whole ones and large ones with separators, others with three significant digits."""
    if float(value).is_integer() or abs(value) >= 99.5:
        return f"{value:,.0f}"
    if abs(value) < 0.0005:
        if value > 0:
            return "<0.001"
        return ">-0.001"
    return f"{value:.3g}"


def rate(per_second: float | None) -> str:
    """Return ``38/s``, ``0.4/s``, ``41k/s``."""
    if per_second is None or not math.isfinite(per_second):
        return UNKNOWN
    if 0 < per_second < 0.05:
        return "<0.1/s"
    if 0 < per_second < 9.95:
        return f"{per_second:.1f}/s"
    return f"{compact(round(per_second))}/s"


def slope(per_second: float | None) -> str:
    """Return a change with its sign: ``+3.1``, ``0.0``; ``?`` where it is not known."""
    if per_second is None or not math.isfinite(per_second):
        return UNKNOWN
    if abs(per_second) < 0.05:
        return "0.0"
    if abs(per_second) < 1000:
        return f"{per_second:+,.1f}"
    if per_second < 0:
        return compact(round(per_second))
    return f"+{compact(round(per_second))}"


def latency(milliseconds: float | None, bar: float | None = None) -> str:
    """Return ``0.4 ms``, ``45 ms``, ``1.2 s``; ``?`` for None.

    Args:
        milliseconds: The latency.
        bar: Milliseconds that the same sentence compares it with: up to two more decimals are shown, so that the two
            read differently (``1.02 s is over 1.0 s``).
    """
    if milliseconds is None or not math.isfinite(milliseconds):
        return UNKNOWN
    each, unit, fewest = 1, "ms", int(milliseconds < 9.95)
    if milliseconds >= 999.5:
        each, unit, fewest = 1000, "s", 1
    return f"{_decimals(milliseconds / each, bar and bar / each, fewest, _rounded)} {unit}"


def part_of(count: int, of: int, one: str, many: str | None = None) -> str:
    """Return a part of a total: ``8 of 9 tenants``, ``all 9 tenants``, ``both tenants`` or ``the only tenant``."""
    if count != of or not of:
        return f"{count:,} of {plural(of, one, many)}"
    if of == 1:
        return f"the only {one}"
    if of == 2:
        return f"both {many or one + 's'}"
    return f"all {plural(of, one, many)}"


def progress(done: int, total: int | None, what: str) -> str:
    """Return ``12,000 of 50,000 keys scanned``; without the total if that is None."""
    if total is None:
        return f"{done:,} {what}"
    return f"{done:,} of {total:,} {what}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 counter``, ``1,247 counters``."""
    if count == 1:
        return f"1 {one}"
    return f"{count:,} {many or one + 's'}"


def agreeing(count: int, one: str, many: str) -> str:
    """Return the word that agrees with ``count``: ``is`` for 1, ``are`` for any other."""
    if count == 1:
        return one
    return many


def size(byte_count: int | None, *, estimate: bool = False) -> str:
    """Return ``byte_count`` in units of 1,024, in KB from 1,000 B on: ``1008 B`` never stands beside ``1.0 KB``.

    ``?`` when unknown; ``~`` in front of an estimate.
    """
    if byte_count is None:
        return UNKNOWN
    mark = "~" * estimate
    if byte_count < 1000:
        return f"{mark}{byte_count} B"
    amount, unit = byte_count / 1024, 0
    while amount >= 1023.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    if amount >= 9.95:
        return f"{mark}{amount:,.0f} {_UNITS[unit]}"
    number = f"{amount:.1f}"
    # Keys are some KB: one decimal keeps the column aligned. From MB up a round size reads as configured: "2 GB".
    if unit > 0:
        number = number.removesuffix(".0")
    return f"{mark}{number} {_UNITS[unit]}"


def ttl(seconds: float | None, *, immortal: bool = False) -> str:
    """Return seconds left as a clock below an hour, ``9h 56m`` below a day, then hours, days, years.

    ``immortal`` gives ``never``; None is ``?``. From an hour on it changes once a minute, which saves painting.
    """
    if immortal:
        return NEVER
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    left = max(0, math.ceil(seconds))
    if left < 3600:
        return f"{left // 60}:{left % 60:02d}"
    if left < 86_400:
        return f"{left // 3600}h {left // 60 % 60:02d}m"
    if left < 3 * 86_400:
        return f"{left // 3600} h"
    if left < 1000 * 86_400:
        return f"{left // 86_400:,} d"
    return f"{left // (365 * 86_400):,} y"


def until(seconds: float | None) -> str:
    """Return the seconds until something happens as ``now`` or in the form of ``age``; ``–`` for None or infinity."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds <= 0:
        return "now"
    left = math.ceil(seconds)
    if left < 60:
        return f"{left} s"
    return age(left)


def span_ahead(earliest: float | None, latest: float | None) -> str:
    """Return when an event is expected, in at most nine cells: ``now``, ``12-18 s``, ``≈ 12 s``, ``2-4 min``, ``–``."""
    if earliest is None or latest is None or not (math.isfinite(earliest) and math.isfinite(latest)):
        return until(earliest)
    if latest <= 0:
        return "now"
    low, high = max(0, math.ceil(earliest)), math.ceil(latest)
    for unit, size, most in (("s", 1, 120), ("min", 60, 99 * 60)):
        if high < most:
            first, last = max(1, low // size), max(1, -(-high // size))
            if last > first:
                return f"{first}-{last} {unit}"
            return f"≈ {last} {unit}"
    first, last = low // 3600, -(-high // 3600)
    if last > first:
        return f"{first}-{min(last, 999)} h"
    return f"≈ {last} h"


def and_others(items: Sized, shown: int = 1, thing: str = "") -> str:
    """Return `` (2 more findings)`` for three of which the first is shown, `` (2 more)`` where no ``thing`` is named.

    Empty if none is left out.
    """
    if len(items) <= shown:
        return ""
    if thing:
        return f" ({plural(len(items) - shown, f'more {thing}')})"
    return f" ({len(items) - shown:,} more)"


def clause(text: str | None, before: str, after: str = "") -> str:
    """Return ``text`` between ``before`` and ``after``; empty where there is no text.

    Example: ``clause(reason, ": ")`` is ``: disk full``, or nothing without a reason.
    """
    if not text:
        return ""
    return f"{before}{text}{after}"


_SPANS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def age(seconds: float | None) -> str:
    """Return a duration or an age, in the same form on every surface: ``3.2 s``, ``33 s``, ``2 min 5 s``, ``3 h``.

    Below five seconds it has tenths; a number below ten has the next smaller unit beside it; the least is ``0.0 s``.
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    past = max(0.0, seconds)
    if past < 4.95:
        return f"{past:.1f} s"
    whole = math.floor(past + 0.5)
    at = next(at for at, (_, span) in enumerate(_SPANS) if whole >= span)
    unit, span = _SPANS[at]
    count, rest = divmod(whole, span)
    words = f"{count:,} {unit}"
    if count < 10 and unit != "s":
        smaller, part = _SPANS[at + 1]
        if rest // part:
            words += f" {rest // part} {smaller}"
    return words


def clock(wall: float | None, *, dated: bool = False) -> str:
    """Return ``10:30:07`` in UTC (``2026-11-23 10:30:07`` when ``dated``); ``?`` for a time outside of the calendar."""
    if wall is None or not math.isfinite(wall):
        return UNKNOWN
    try:
        moment = datetime.fromtimestamp(wall, UTC)
    except (OverflowError, ValueError, OSError):
        return UNKNOWN
    if dated:
        return f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{moment:%H:%M:%S}"


def ago(now: float, then: float) -> str:
    """Return ``27 s ago``, or the time of day if the clock was set back since, so that no duration is known."""
    if then - now > 1.0:
        return f"at {clock(then, dated=True)} (the clock was set back since)"
    return f"{age(now - then)} ago"


def timestamp(wall: float) -> str:
    """Return a time in UTC to the second, as documents write it: ``2025-01-29T10:30:00Z``."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%dT%H:%M:%SZ}"


def seconds_of(stamp: object) -> float | None:
    """Return ``2025-01-29T10:30:00Z``, with or without a fraction, as seconds since the epoch; else None."""
    if not isinstance(stamp, str) or not stamp.endswith("Z"):
        return None
    try:
        moment = datetime.fromisoformat(stamp.removesuffix("Z"))
        seconds = moment.replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None
    if math.isfinite(seconds):
        return seconds
    return None
