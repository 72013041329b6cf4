"""How many bytes one reply may hold, by the command it answers. Pure.

A larger reply was not requested: the server is another one than expected, or holds values that no pane can show. It is
not read into memory.
"""

from collections.abc import Sequence
from typing import Any

KILO, MEGA = 1024, 1024 * 1024
SMALL = 64 * KILO
"""Numbers, short words, counters, and the head of a value."""
SAMPLE = 256 * KILO
"""A few members of a value."""
REPORT = MEGA
"""INFO, and commands that are not listed."""
LOG = 16 * MEGA
"""The newest thousand events of the coherence log."""
NAME = 4 * KILO
"""A key's name, with a wide margin."""

_SMALL = (
    "AUTH PING SELECT DBSIZE TIME EXISTS TTL PTTL STRLEN LLEN HLEN SCARD ZCARD XLEN TYPE GET GETRANGE OBJECT MEMORY "
    "SET UNLINK DEL EXPIRE PEXPIRE PERSIST WATCH UNWATCH MULTI DISCARD PSUBSCRIBE SUBSCRIBE"
)
_CAPS = {
    **dict.fromkeys(_SMALL.split(), SMALL),
    **dict.fromkeys(("HELLO", "CLIENT", "ACL", "HSCAN", "SSCAN", "ZRANGE", "XRANGE"), SAMPLE),
    **dict.fromkeys(("INFO", "LATENCY"), REPORT),
    **dict.fromkeys(("SLOWLOG", "PUBSUB", "EXEC"), 4 * MEGA),
    "LRANGE": LOG,
}


def reply_cap(words: Sequence[Any]) -> int:
    """Return how many bytes the reply to this command may hold."""
    name = name_of(words).upper().split(" ")[0]
    if name == "SCAN":
        return max(REPORT, _number_after(words, "COUNT", 10) * NAME)
    if name == "EVAL_RO":
        return max(4 * MEGA, _number_at(words, 4, 250) * NAME)
    if name == "MGET":
        return SMALL + len(words) * NAME
    return _CAPS.get(name, REPORT)


def name_of(words: Sequence[Any]) -> str:
    """Return the command's name; it is one of a list, so it is safe text."""
    return _text(words[0])


def _number_after(words: Sequence[Any], option: str, usual: int) -> int:
    names = [_text(word).upper() for word in words]
    if option in names:
        return _number_at(words, names.index(option) + 1, usual)
    return usual


def _number_at(words: Sequence[Any], at: int, usual: int) -> int:
    text = _text(words[at]) if at < len(words) else ""
    if text.isdigit() and len(text) < 10:
        return min(int(text), 10_000)
    return usual


def _text(word: Any) -> str:
    if isinstance(word, (bytes, bytearray)):
        return word.decode("latin-1")
    return str(word)
