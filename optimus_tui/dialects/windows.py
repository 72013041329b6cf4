"""Determine a counter's limit and window: its length, when it ends by the stamp in the name, whether it has ended.

Pure.

The limit is that of the name or its rule, else the one in force (the gateway's, then ``[limits]``). The window's
length is that of the name or its rule, else that of its operation in ``[limits.windows]``, else what the stamp proves,
else the general one. If none of these tells it, it is None.
"""

import math
from datetime import UTC, datetime
from typing import NamedTuple

from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.dialects.layout import CounterName, PartOfKey, key_of
from optimus_tui.dialects.template import STAMPS

DAY, MINUTE = 86_400, 60
_LATEST_MIDNIGHT = 12 * 3600
"""The day of a name is of an unknown time zone; it ends last where clocks are twelve hours behind UTC."""
_ZONE_MINUTES = 15
"""Time zones differ from UTC by multiples of this, so that minutes within it are the same everywhere."""
_ROUND = (86_400, 3600, 60, 1)


class WindowFrame(NamedTuple):
    """The window of a counter at one moment.

    ``seconds`` is its length, ``starts`` its beginning in epoch seconds and ``ends_in`` the seconds until it ends, as
    far as the stamp in its name tells; None is unknown. ``stamped``: the name has a stamp, so the key's TTL does not
    tell the end. ``over``: the window has ended, whatever the key's TTL is.
    """

    seconds: float | None = None
    starts: float | None = None
    ends_in: float | None = None
    stamped: bool = False
    over: bool = False

    @property
    def ends_in_ms(self) -> int | None:
        """Return the milliseconds until the window ends, at least 0; None where that is not known."""
        if self.ends_in is None:
            return None
        return max(0, round(self.ends_in * 1000))


def limit_of(name: CounterName, rules: LimitRules | None) -> int | None:
    """Return how many requests a window the counter allows; None if no source says it."""
    if name.limit is not None or rules is None:
        return name.limit
    # surrogateescape keeps two different byte names different
    limit = rules.limit_for(_text(name.tenant), _text(name.operation))
    if limit is None or limit >= 0:
        return limit
    return None


def is_stamped(name: CounterName) -> bool:
    """Return True if the name says to which window it belongs."""
    return not STAMPS.isdisjoint(name.parts)


def identity_of(key: bytes, name: CounterName) -> tuple[bytes, ...]:
    """Return what is the same in the counter's names of all windows: its rule, and its parts without stamps.

    Empty for a name without a stamp.
    """
    if not is_stamped(name):
        return ()
    template = name.rule.template
    parts = zip(template.captures, template.match(key_of(key)) or [], strict=False)
    which = name.operation if isinstance(key, PartOfKey) else b""
    return (template.text.encode(), which, *(text for capture, text in parts if not capture.stamp))


def frame_of(name: CounterName, rules: LimitRules | None, now: float | None) -> WindowFrame:
    """Return the counter's window at ``now``, the server's time in epoch seconds (None if that is unknown)."""
    given = _given(name, rules)
    general = float(rules.window_seconds) if rules is not None else None
    if not is_stamped(name):
        return WindowFrame(given or general)
    if now is None:
        return WindowFrame(given, stamped=True)
    parts = name.parts
    if "index" in parts:
        return _by_index(int(parts["index"]), given, general, now)
    if "start_s" in parts or "start_ms" in parts:
        starts = int(parts["start_s"]) if "start_s" in parts else int(parts["start_ms"]) / 1000
        return _from(starts, given or general, now)
    return _by_calendar(parts, now)


def _given(name: CounterName, rules: LimitRules | None) -> float | None:
    """Return the length that the name, its rule or the settings say for this operation."""
    if name.window_seconds is not None:
        return name.window_seconds
    if rules is None:
        return None
    return rules.windows.get(_text(name.operation))


def _from(starts: float, seconds: float | None, now: float) -> WindowFrame:
    if seconds is None:
        return WindowFrame(None, starts, stamped=True)
    ends_in = starts + seconds - now
    return WindowFrame(seconds, starts, ends_in, stamped=True, over=ends_in <= 0)


def _by_index(index: int, given: float | None, general: float | None, now: float) -> WindowFrame:
    """Return the window with this number: windows are counted from 1970, so the number proves their length."""
    if given is not None:
        return _from(index * given, given, now)
    if index > now or index <= 0:
        return WindowFrame(stamped=True)
    if general is not None and math.floor(now / general) - index in (0, 1):
        return _from(index * general, general, now)
    for step in (0, 1):  # the present window, or the one before it
        lengths = _lengths(index + step, now)
        if lengths:
            if len(lengths) == 1:
                return _from(index * lengths[0], lengths[0], now)
            return WindowFrame(stamped=True, over=bool(step))
    return WindowFrame(stamped=True, over=True)  # no length makes this one of the two


def _lengths(index: int, now: float) -> list[float]:
    """Return the lengths in whole seconds that make this the present window: the roundest, or two where more are so."""
    least, most = math.floor(now / (index + 1)) + 1, math.floor(now / index)
    for step in _ROUND:
        first = -(-least // step) * step
        if first <= most:
            return [float(one) for one in range(first, most + 1, step)[:2]]
    return []


def _by_calendar(parts: dict[str, bytes], now: float) -> WindowFrame:
    """Return the window of a day or minute, whose time zone is not known."""
    figures = "".join(chr(one) for one in parts.get("day") or parts.get("minute") or parts["hhmm"] if 48 <= one <= 57)
    if "hhmm" in parts:
        behind = (now // MINUTE - int(figures[:2]) * 60 - int(figures[2:])) % _ZONE_MINUTES
        return _minute(behind, now)
    try:
        written = datetime.strptime(figures, "%Y%m%d" if "day" in parts else "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return WindowFrame(stamped=True)
    begin = written.timestamp()
    if "day" in parts:
        return WindowFrame(float(DAY), stamped=True, over=begin + DAY + _LATEST_MIDNIGHT <= now)
    far = abs(now - begin) > 15 * 3600
    return _minute(1 if far else (now - begin) // MINUTE % _ZONE_MINUTES, now)


def _minute(behind: float, now: float) -> WindowFrame:
    """Return the present minute, or that the window is ``behind`` by some minutes and so over."""
    starts = now // MINUTE * MINUTE
    if behind:
        return WindowFrame(float(MINUTE), stamped=True, over=True)
    return WindowFrame(float(MINUTE), starts, starts + MINUTE - now, stamped=True)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
