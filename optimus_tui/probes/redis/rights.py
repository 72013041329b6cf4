"""Test what the login may do and what the server has: every observer command, tried once on keys that do not exist.

Nothing is written, and ACL rules are not interpreted: a right is present when the server obeyed, missing when it said
NOPERM. A command that was renamed, disabled, or blocked by a proxy is unknown, with what that costs.
"""

import asyncio
import re
from typing import Literal

from msgspec import Struct
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.probes.redis.commands import SWEEP_PAGE
from optimus_tui.probes.redis.missing_commands import ask, is_missing, touch
from optimus_tui.wording.safe import safe_text

_KEY = b"rate_limit:optimus_doctor:nobody"
_PATTERNS = {
    "rate_limit:*": _KEY,
    "cache:*": b"cache:optimus:doctor:nobody",
    "cache_coherence*": b"cache_coherence_events",
}
CHANNELS = b"cache_coherence:*"
_NEEDED: dict[str, tuple[object, ...]] = {
    "ping": ("PING",),
    "info": ("INFO", "server"),
    "dbsize": ("DBSIZE",),
    "scan": ("SCAN", "0", "COUNT", "10"),
    "type": ("TYPE", _KEY),
    "pttl": ("PTTL", _KEY),
    "get": ("GET", _KEY),
    "strlen": ("STRLEN", _KEY),
    "llen": ("LLEN", _KEY),
    "lrange": ("LRANGE", b"cache_coherence_events", "0", "0"),
    "memory|usage": ("MEMORY USAGE", _KEY),
}
_USEFUL: dict[str, tuple[object, ...]] = {
    "eval_ro": ("EVAL_RO", SWEEP_PAGE, "0", "0", "10", "0"),
    "time": ("TIME",),
    "exists": ("EXISTS", _KEY),
    "ttl": ("TTL", _KEY),
    "mget": ("MGET", _KEY),
    "object|encoding": ("OBJECT ENCODING", _KEY),
    "pubsub|channels": ("PUBSUB CHANNELS", "optimus_doctor:none"),
    "pubsub|numsub": ("PUBSUB NUMSUB",),
    "pubsub|numpat": ("PUBSUB NUMPAT",),
    "slowlog|len": ("SLOWLOG LEN",),
    "latency|latest": ("LATENCY LATEST",),
    "acl|whoami": ("ACL WHOAMI",),
    "client|setname": ("CLIENT SETNAME", "optimus-tui"),
    "getrange": ("GETRANGE", _KEY, "0", "0"),
    "hlen": ("HLEN", _KEY),
    "hscan": ("HSCAN", _KEY, "0", "COUNT", "10"),
    "scard": ("SCARD", _KEY),
    "sscan": ("SSCAN", _KEY, "0", "COUNT", "10"),
    "zcard": ("ZCARD", _KEY),
    "zcount": ("ZCOUNT", _KEY, "0", "1"),
    "zrange": ("ZRANGE", _KEY, "0", "0"),
    "xlen": ("XLEN", _KEY),
    "xrange": ("XRANGE", _KEY, "-", "+", "COUNT", "1"),
}
_NAMED = re.compile(r"'([a-z0-9_]+(?:[| ][a-z0-9_-]+)?)'", re.IGNORECASE)


COSTS: dict[str, str] = {
    "scan": "limits and cache panes stay empty, and no tool finds a counter",
    "get": "no counter can be read: the limits pane stays empty",
    "pttl": "no time to live is known, and counters that never reset are not found",
    "psubscribe": "the coherence feed stays empty",
    "type": "types of cache keys are unknown",
    "info": "memory, replication, refused writes and the hit rate of Redis are unknown",
    "dbsize": "how many keys there are is unknown, and how far a scan has come",
    "ping": "latency is measured with another command",
    "strlen": "the length of a value is unknown",
    "llen": "the event log cannot be read",
    "lrange": "the event log cannot be read",
    "memory|usage": "sizes of keys are unknown",
    "eval_ro": "scans take more round trips",
    "time": "slow commands have no age",
    "slowlog|len": "slow commands are unknown",
    "latency|latest": "latency events of the server are unknown",
    "pubsub|channels": "who listens to events is unknown",
}
"""The consequences of a missing command."""
EMPTY_WITHOUT = frozenset({"scan", "get", "pttl", "psubscribe"})
"""Commands without which a pane stays empty or a verdict cannot be made."""


State = Literal["granted", "missing", "unknown command", "not tried"]


class Right(Struct, frozen=True):
    """One right. ``rule`` is in the words of ACL SETUSER. ``essential``: a pane is empty without it."""

    rule: str
    state: State
    essential: bool


class Rights(Struct, frozen=True):
    """``user`` as the server knows it (safe text) and every right that was tried."""

    user: str
    tried: tuple[Right, ...]

    @property
    def missing(self) -> tuple[Right, ...]:
        """Return the rights that the server denied."""
        return tuple(right for right in self.tried if right.state == "missing")

    @property
    def unavailable(self) -> tuple[str, ...]:
        """Return the commands that the server does not have, in the words of its ACL."""
        return tuple(right.rule[1:] for right in self.tried if right.state == "unknown command")

    @property
    def acl_line(self) -> str:
        """Return the command that an administrator enters to grant the missing rights."""
        return f"ACL SETUSER {self.user} {' '.join(right.rule for right in self.missing)}"


async def read_rights(redis: ObserverRedis) -> Rights:
    """Try all rights. Raises the client's errors when the server goes away meanwhile."""
    tried: list[Right] = []
    for commands, essential in ((_NEEDED, True), (_USEFUL, False)):
        for name, words in commands.items():
            tried.append(Right(f"+{name}", await _try(redis, name, words), essential))
    for pattern, key in _PATTERNS.items():
        tried.append(Right(f"%R~{pattern}", await _try_key(redis, key), essential=True))
    subscribe, channels = await _try_channels(redis)
    tried += [Right("+psubscribe", subscribe, essential=True)]
    tried += [Right(f"&{CHANNELS.decode()}", channels, essential=True)]
    return Rights(await _user(redis), tuple(tried))


async def _try(redis: ObserverRedis, name: str, words: tuple[object, ...]) -> State:
    error = await ask(redis, *words)
    if not isinstance(error, Exception):
        return "granted"
    if isinstance(error, NoPermissionError):
        if _denies(str(error), name):
            return "missing"
        return "granted"
    if is_missing(error):
        return "unknown command"
    said = str(error).lower()
    if "noperm" in said or "acl failure" in said or "no permission" in said:
        if _denies(str(error), name):
            return "missing"
        return "granted"
    return "granted"  # a wrong type and the like: it was allowed to look


async def _try_key(redis: ObserverRedis, key: bytes) -> State:
    """Test a key with the first command that the login may run. Granting a pattern beside ``~*`` would be an error."""
    for command in ("TYPE", "PTTL", "EXISTS", "GET", "STRLEN"):
        error = await ask(redis, command, key)
        if isinstance(error, NoPermissionError):
            if _denies(str(error), command.lower()):
                continue
            return "missing"
        if is_missing(error):
            continue
        return "granted"  # also after a wrong type: it was allowed to look
    return "not tried"


def _denies(said: str, name: str) -> bool:
    """Return whether the refusal is about this command; else it is about the key or a command within a script."""
    named = _NAMED.search(said)
    if named is None:
        return name == "eval_ro"
    return named[1].lower().replace(" ", "|") in (name, name.partition("|")[0])


async def _try_channels(
    redis: ObserverRedis,
) -> tuple[State, State]:
    pubsub = redis.pubsub()
    try:
        await pubsub.psubscribe(CHANNELS)
        async with asyncio.timeout(2):
            while await pubsub.get_message(timeout=0.5) is None:
                pass
    except NoPermissionError as error:
        if "channel" in str(error).lower():
            return ("granted", "missing")
        return ("missing", "not tried")
    except ResponseError as error:
        if not is_missing(error):
            raise
        return "unknown command", "not tried"
    except LostConnection:
        await touch(redis)  # raises where the server is away: then it was not this command
        return "unknown command", "not tried"
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
    return "granted", "granted"


async def _user(redis: ObserverRedis) -> str:
    configured = redis.target.username or "default"
    try:
        name = await redis.execute_command("ACL WHOAMI")
    except RedisError:
        name = configured
    return safe_text(name, 80)
