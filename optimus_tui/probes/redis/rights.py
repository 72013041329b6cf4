"""Which commands the login may use, and which the server does not have: renamed, disabled, denied or blocked ones."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import subscription_of
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import CONNECTED
from optimus_tui.probes.redis.acl_words import key_patterns
from optimus_tui.probes.redis.commands import SWEEP_PAGE
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

ASK_AGAIN_SECONDS = 60.0
"""A command on which the connection was closed is tried again after this time; the proxy may be replaced by then."""
OWN_NAME = b"integration_test:optimus:reach"
"""A key of our own prefix that does not exist: reading its type shows whether the server answers."""
_HARMLESS: tuple[tuple[Any, ...], ...] = (("PING",), ("TIME",), ("DBSIZE",), ("TYPE", OWN_NAME))
_GENERAL = frozenset({"auth", "loading", "busy", "role"})
"""Faults that concern the whole server, whatever command was sent."""
_WORDS = ("unknown command", "unknown subcommand", "command not allowed", "not supported", "unsupported", "is disabled")
_NOT_CLOSED = (AuthenticationError, BusyLoadingError, MaxConnectionsError)
_KEY = b"<a key of the layout>"
"""What stands for a name of the layout's own in the commands below."""
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
    "lrange": ("LRANGE", _KEY, "0", "0"),
    "memory|usage": ("MEMORY USAGE", _KEY),
}
_USEFUL: dict[str, tuple[object, ...]] = {
    "eval_ro": ("EVAL_RO", SWEEP_PAGE, "0", "0", "10", "0"),
    "time": ("TIME",),
    "exists": ("EXISTS", _KEY),
    "ttl": ("TTL", _KEY),
    "mget": ("MGET", _KEY),
    "object|encoding": ("OBJECT ENCODING", _KEY),
    "object|idletime": ("OBJECT IDLETIME", _KEY),
    "pubsub|channels": ("PUBSUB CHANNELS", "optimus_doctor:none"),
    "pubsub|numsub": ("PUBSUB NUMSUB",),
    "pubsub|numpat": ("PUBSUB NUMPAT",),
    "slowlog|len": ("SLOWLOG LEN",),
    "slowlog|get": ("SLOWLOG GET", "1"),
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
_OF_KINDS: dict[str, tuple[str, tuple[object, ...]]] = {
    "bucket": ("hmget", ("HMGET", _KEY, "tokens")),
    "log": ("lindex", ("LINDEX", _KEY, "0")),
}
"""What counters of a kind need besides, by the kind: tried where the layout has such counters."""
_OF_A_CLUSTER: dict[str, tuple[object, ...]] = {
    "cluster|slots": ("CLUSTER SLOTS",),
    "cluster|nodes": ("CLUSTER NODES",),
    "cluster|info": ("CLUSTER INFO",),
    "cluster|links": ("CLUSTER LINKS",),
    "asking": ("ASKING",),
}
"""What a node of a cluster is asked besides. No node has the ACL of another."""
_NAMED = re.compile(r"'([a-z0-9_]+(?:[| ][a-z0-9_-]+)?)'", re.IGNORECASE)
COSTS: dict[str, str] = {
    "scan": "limits and cache panes stay empty, and no tool finds a counter",
    "get": "no counter can be read: the limits pane stays empty",
    "pttl": "no time to live is known, and counters that never reset are not found",
    "psubscribe": "the coherence feed stays empty",
    "type": "types of cache keys are unknown",
    "info": "memory, replication, refused writes and the hit rate of Redis are unknown",
    "dbsize": "the number of keys is unknown, and so is how far a scan has come",
    "ping": "latency is measured with another command",
    "strlen": "the length of a value is unknown",
    "llen": "the event log cannot be read",
    "lrange": "the event log cannot be read",
    "memory|usage": "sizes of keys are unknown",
    "eval_ro": "scans take more round trips",
    "time": "slow commands have no age, and windows that need the server's clock are unknown",
    "hmget": "what is left of a bucket in a hash is unknown",
    "lindex": "how many times of a list are inside its window is unknown",
    "slowlog|len": "how many slow commands were logged is unknown",
    "slowlog|get": "slow commands are unknown",
    "latency|latest": "latency events of the server are unknown",
    "pubsub|channels": "who listens to events is unknown",
    "cluster|slots": "the cluster cannot be followed: nothing of it is read",
    "cluster|nodes": "the nodes of the cluster are unknown, and no scan of it counts as complete",
    "cluster|info": "the cluster's own verdict on itself is unknown",
    "cluster|links": "events that were lost between nodes of the cluster are not noticed",
    "asking": "keys of slots that are moving cannot be read",
}
"""The consequences of a missing command."""
EMPTY_WITHOUT = frozenset({"scan", "get", "pttl", "psubscribe"})
"""Commands without which a pane stays empty or a verdict cannot be made."""
State = Literal["granted", "missing", "unknown command", "not tried"]


class CommandMissing(ResponseError):
    """The server closes the connection on this command, and answers others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the connection is closed on {name}")


def is_missing(error: object) -> bool:
    """Return True if ``error`` says that the server does not have this command, at least not under this name."""
    if isinstance(error, CommandMissing):
        return True
    return isinstance(error, ResponseError) and any(words in str(error).lower() for words in _WORDS)


def missing_fault(command: str, error: Exception, target: RedisTarget, costs: str = "") -> Fault:
    """Return the fault for a command that the server does not have; if it has the command, the fault for its error.

    Args:
        command: The command.
        error: What the server answered.
        target: The server and the login.
        costs: What cannot be shown without it; empty for nothing.
    """
    if not is_missing(error):
        return fault_of(error, target)
    message = f"{command} is not available"
    if costs:
        message += f": {costs}"
    reason = "the server does not know it"
    if isinstance(error, CommandMissing):
        reason = "the connection is closed on it"
    remedy = f"{reason}: point REDIS_URL at the server behind the proxy, or enable {command} for this login"
    return Fault("invalid", message, remedy)


async def touch(redis: ObserverRedis) -> str:
    """Send a command that changes nothing and return its name: ``PING``, or the next one that the server answers.

    Raises:
        RedisError: None is answered.
    """
    trouble: Exception | None = None
    lost: list[str] = []
    for words in _HARMLESS:
        name = words[0]
        if is_absent(redis, name):
            continue
        connected = CONNECTED.get()  # our load counts the connections to all servers
        try:
            await redis.execute_command(*words)
        except ResponseError as error:
            if fault_of(error, redis.target).kind in _GENERAL:
                raise
            trouble = trouble or error
            if isinstance(error, NoPermissionError) or is_missing(error):
                redis.absent[name] = redis.own.clock.mono()
            continue  # refused for itself: a Redis that cannot write to its disk answers PING with MISCONF
        except LostConnection as error:
            if CONNECTED.get() == connected or isinstance(error, _NOT_CLOSED):
                raise  # no connection could be made: nobody is there
            trouble = trouble or error
            lost.append(name)
            continue
        redis.absent |= dict.fromkeys(lost, redis.own.clock.mono())
        return str(name)
    if trouble is None:  # all of them are remembered as missing: look again
        redis.absent.clear()
        return await touch(redis)
    raise trouble


async def ask(redis: ObserverRedis, *words: Any) -> Any:
    """Return the reply to a command, or its error if the command is missing, denied or refused.

    Raises:
        RedisError: The server is away, loading or busy, or refuses the login.
    """
    return (await ask_all(redis, words))[0]


async def ask_all(redis: ObserverRedis, *commands: Sequence[Any]) -> list[Any]:
    """Return for each command what ``ask`` returns, in one round trip if the server accepts all."""
    replies: list[Any] = [_known(redis, words) for words in commands]
    wanted = [place for place, reply in enumerate(replies) if reply is None]
    if len(wanted) > 1:
        pipe = redis.pipeline()
        for place in wanted:
            pipe.execute_command(*commands[place])
        try:
            for place, reply in zip(wanted, await pipe.execute(raise_on_error=False), strict=True):
                replies[place] = checked_reply(reply, redis.target)
        except LostConnection as error:
            if isinstance(error, _NOT_CLOSED):
                raise
        else:
            return replies
    for place in wanted:
        replies[place] = await _ask_alone(redis, commands[place])
    return replies


async def _ask_alone(redis: ObserverRedis, words: Sequence[Any]) -> Any:
    """Send one command; if the connection closes on it twice while another is answered, note it as missing."""
    for attempt in range(2):
        try:
            return await redis.execute_command(*words)
        except LostConnection as error:
            if isinstance(error, _NOT_CLOSED):
                raise
            await touch(redis)  # raises where nobody is there
            if attempt:
                redis.absent[_name(words)] = redis.own.clock.mono()
        except ResponseError as error:
            return checked_reply(error, redis.target)
    return CommandMissing(_name(words))


def _known(redis: ObserverRedis, words: Sequence[Any]) -> Exception | None:
    name = _name(words)
    if is_absent(redis, name):
        return CommandMissing(name)
    return None


def is_absent(redis: ObserverRedis, name: str) -> bool:
    """Return whether the server did not answer this command some time ago, and it is too early to try again."""
    since = redis.absent.get(name)
    if since is None:
        return False
    if redis.own.clock.mono() - since < ASK_AGAIN_SECONDS:
        return True
    del redis.absent[name]
    return False


def checked_reply(reply: Any, target: RedisTarget) -> Any:
    """Return a reply, or an error that concerns its command alone; raise one that concerns the whole server."""
    if isinstance(reply, AskError):
        return reply  # another node of the cluster has the key: the command itself was allowed
    if isinstance(reply, Exception) and fault_of(reply, target).kind in _GENERAL:
        raise reply
    return reply


def _name(words: Sequence[Any]) -> str:
    return str(words[0])


class Right(Struct, frozen=True):
    """One right. ``rule`` grants it, in the words of ACL SETUSER. ``essential``: without it, a pane is empty."""

    rule: str
    state: State
    essential: bool


class Rights(Struct, frozen=True):
    """The login's name (``user``, as safe text) and every right that was tried."""

    user: str
    tried: tuple[Right, ...]

    @property
    def missing(self) -> tuple[Right, ...]:
        """Return the rights that the server denied."""
        return tuple(right for right in self.tried if right.state == "missing")

    @property
    def unavailable(self) -> tuple[str, ...]:
        """Return the commands that the server does not have, as its ACL writes them."""
        return tuple(right.rule[1:] for right in self.tried if right.state == "unknown command")

    @property
    def acl_line(self) -> str:
        """Return the command that an administrator enters to grant the missing rights."""
        return f"ACL SETUSER {self.user} {' '.join(right.rule for right in self.missing)}"


async def read_rights_of_each(redis: ObserverRedis, *, clustered: bool) -> tuple[dict[str, Rights], list[Fault]]:
    """Return the rights on each server that is asked, by its label, and why those on others are not known."""
    found: dict[str, Rights] = {}
    try:
        nodes = dict.fromkeys((*await redis.nodes(), *await redis.readers()))
    except OUTAGES as error:
        return found, [fault_of(error, redis.target, redis.layout)]
    faults: list[Fault] = []
    for node in nodes:
        try:
            found[node.target.label] = await read_rights(node, clustered=clustered)
        except OUTAGES as error:
            faults.append(fault_of(error, node.target, redis.layout))
    return found, faults


async def read_rights(redis: ObserverRedis, *, clustered: bool = False) -> Rights:
    """Try all rights on one server.

    Args:
        redis: A client of it.
        clustered: It is a node of a cluster.

    Raises:
        RedisError: It does not answer any more.
    """
    tried: list[Right] = []
    patterns, event_list = key_patterns(redis.layout), redis.layout.dialect.event_list.encode()
    key = next(iter(patterns.values()), OWN_NAME)
    for name, words in _OF_A_CLUSTER.items() if clustered else ():
        essential = name in ("cluster|slots", "cluster|nodes")
        tried.append(Right(f"+{name}", await _try(redis, name, words, key), essential))
    for commands, essential in ((_NEEDED, True), (_USEFUL, False)):
        for name, words in commands.items():
            of_list = event_list if name == "lrange" and event_list else key
            tried.append(Right(f"+{name}", await _try(redis, name, words, of_list), essential))
    kinds = {kind for rule in redis.layout.dialect.limits for kind in rule.values}
    for kind, (name, words) in _OF_KINDS.items():
        if kind in kinds:
            tried.append(Right(f"+{name}", await _try(redis, name, words, key), essential=False))
    for pattern, sample in patterns.items():
        tried.append(Right(f"%R~{pattern}", await _try_key(redis, sample), essential=True))
    return Rights(await _user(redis), (*tried, *await _try_feeds(redis)))


async def _try_feeds(redis: ObserverRedis) -> list[Right]:
    """Return the rights to subscribe to what the profile names; none where it names no feed."""
    subscription = subscription_of(redis.layout.dialect)
    tried: dict[str, State] = {}
    for command, place in subscription.commands():
        subscribe, channel = await _try_channel(redis, command.decode(), place)
        name = f"+{command.decode().lower()}"
        tried[name] = subscribe if tried.get(name, "granted") == "granted" else tried[name]
        tried[f"&{safe_text(place, 200)}"] = channel
    return [
        Right(rule, state, essential=True) for rule, state in sorted(tried.items(), key=lambda one: one[0][0] == "&")
    ]


async def _try(redis: ObserverRedis, name: str, words: tuple[object, ...], key: bytes) -> State:
    error = await ask(redis, *(key if word is _KEY else word for word in words))
    if not isinstance(error, Exception):
        return "granted"
    if not isinstance(error, NoPermissionError) and is_missing(error):
        return "unknown command"
    said = str(error).lower()
    refused = isinstance(error, NoPermissionError) or any(
        words in said for words in ("noperm", "acl failure", "no permission")
    )
    if refused and _denies(str(error), name):
        return "missing"
    return "granted"  # A wrong type and the like: the command itself was allowed.


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
        return "granted"  # Also after a wrong type: the key could be read.
    return "not tried"


def _denies(said: str, name: str) -> bool:
    """Return whether the refusal is about this command; else it is about the key or a command within a script."""
    named = _NAMED.search(said)
    if named is None:
        return name == "eval_ro"
    return named[1].lower().replace(" ", "|") in (name, name.partition("|")[0])


async def _try_channel(redis: ObserverRedis, command: str, place: bytes) -> tuple[State, State]:
    """Return whether the login may subscribe with this command, and whether it may to this channel or pattern."""
    pubsub = redis.pubsub()
    try:
        await pubsub.execute_command(command, place)
        link: Any = pubsub.connection
        async with asyncio.timeout(2):  # the connection itself: the client would make a lost one again, and wait
            await link.read_response(push_request=True)
    except AskError:
        return "granted", "granted"  # rights are looked at before the slot, which another node owns
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
