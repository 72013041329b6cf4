"""How many keyspace hits and misses a reply stands for, by command, so that ours can be left out of the hit rate. Pure.

Commands that look up no key (SCAN, INFO, MEMORY USAGE) and refusals count nothing.
"""

from collections.abc import Callable

_SINGLE_MISS: dict[bytes, Callable[[object], bool]] = {
    b"GET": lambda reply: reply is None,
    b"TTL": lambda reply: reply == -2,
    b"PTTL": lambda reply: reply == -2,
    b"TYPE": lambda reply: reply in (b"none", "none"),
    b"EXISTS": lambda reply: reply == 0,
    b"OBJECT": lambda reply: reply is None,
    b"LLEN": lambda reply: reply == 0,
    b"LRANGE": lambda reply: reply == [],
    b"HLEN": lambda reply: reply == 0,
    b"SCARD": lambda reply: reply == 0,
    b"ZCARD": lambda reply: reply == 0,
    b"XLEN": lambda reply: False,
    b"XRANGE": lambda reply: False,
    b"STRLEN": lambda reply: False,  # 0 is an empty string or no key: we ask only where TYPE found one
    b"GETRANGE": lambda reply: False,
    b"HSCAN": lambda reply: False,
    b"SSCAN": lambda reply: False,
    b"ZRANGE": lambda reply: reply == [],
    b"ZCOUNT": lambda reply: False,  # 0 is a window without entries: we ask only where TYPE found a sorted set
}


def lookups_of(command: object, reply: object) -> tuple[int, int]:
    """Return the hits and misses that the server counted for one command. ``reply`` may be the error it answered."""
    name = b""
    if isinstance(command, str):
        name = command.encode()
    elif isinstance(command, bytes):
        name = command
    name = name.split(b" ", 1)[0].upper()
    if name == b"MGET":  # of another type it answers None as of no key at all: where that matters, GET is asked
        if not isinstance(reply, list):
            return 0, 0
        found = sum(one is not None for one in reply)
        return found, len(reply) - found
    missed = _SINGLE_MISS.get(name)
    if missed is None:
        return 0, 0
    if isinstance(reply, Exception):
        if str(reply).startswith(("WRONGTYPE", "Operation against a key")):
            return 1, 0
        return 0, 0
    if missed(reply):
        return 0, 1
    return 1, 0
