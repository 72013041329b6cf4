"""Commands that a server may not have: renamed, disabled, denied, or blocked by a proxy that closes the connection.

``ask`` and ``ask_all`` return an error instead of raising it where only the command is missing, and remember commands
on which the connection was closed, so that these do not cost a connection each time. ``touch`` sends the cheapest
harmless command that is answered. An outage is raised as by the client.
"""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    MaxConnectionsError,
    NoPermissionError,
    ResponseError,
)
from redis.exceptions import ConnectionError as LostConnection

from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import fault_of
from optimus_tui.probes.redis.client import ObserverRedis
from optimus_tui.settings.model import RedisTarget

ASK_AGAIN_SECONDS = 60.0
"""A command on which the connection was closed is tried again after this time; the proxy may be replaced by then."""
OWN_NAME = b"integration_test:optimus:reach"
"""A key of our own prefix that does not exist: reading its type shows whether the server answers."""
_HARMLESS: tuple[tuple[Any, ...], ...] = (("PING",), ("TIME",), ("DBSIZE",), ("TYPE", OWN_NAME))
_GENERAL = frozenset({"auth", "loading", "busy", "role"})
"""Faults that concern the whole server, whatever command was sent."""
_WORDS = ("unknown command", "unknown subcommand", "command not allowed", "not supported", "unsupported", "is disabled")


class CommandMissing(ResponseError):
    """The server closes the connection on this command and answers others."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the connection is closed on {name}")


def is_missing(error: object) -> bool:
    """Return whether ``error`` says that the server has no such command (or no longer under this name)."""
    if isinstance(error, CommandMissing):
        return True
    return isinstance(error, ResponseError) and any(words in str(error).lower() for words in _WORDS)


def missing_fault(command: str, error: Exception, target: RedisTarget, costs: str = "") -> Fault:
    """Return the fault of a command that the server does not have, with what it ``costs``; else the error's fault."""
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
    """Send one harmless command and return its name: ``PING``, or the next one that is answered.

    Raises:
        RedisError: no command is answered.
    """
    trouble: Exception | None = None
    lost: list[str] = []
    for words in _HARMLESS:
        name = words[0]
        if _is_absent(redis, name):
            continue
        connects = redis.own.connects
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
            if redis.own.connects == connects or isinstance(error, _NOT_CLOSED):
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
    """Return the reply, or the error (not raised) where this command is missing, denied or refused.

    Raises:
        RedisError: the server is away, loading, busy, or refuses the login.
    """
    return (await ask_all(redis, words))[0]


async def ask_all(redis: ObserverRedis, *commands: Sequence[Any]) -> list[Any]:
    """Return the replies of several commands, each as from ``ask``; in one round trip where the server accepts all."""
    replies: list[Any] = [_known(redis, words) for words in commands]
    wanted = [place for place, reply in enumerate(replies) if reply is None]
    if len(wanted) > 1:
        pipe = redis.pipeline()
        for place in wanted:
            pipe.execute_command(*commands[place])
        try:
            for place, reply in zip(wanted, await pipe.execute(raise_on_error=False), strict=True):
                replies[place] = _checked(reply, redis.target)
        except LostConnection as error:
            if isinstance(error, _NOT_CLOSED):
                raise
        else:
            return replies
    for place in wanted:
        replies[place] = await _ask_alone(redis, commands[place])
    return replies


_NOT_CLOSED = (AuthenticationError, BusyLoadingError, MaxConnectionsError)


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
            return _checked(error, redis.target)
    return CommandMissing(_name(words))


def _known(redis: ObserverRedis, words: Sequence[Any]) -> Exception | None:
    name = _name(words)
    if _is_absent(redis, name):
        return CommandMissing(name)
    return None


def _is_absent(redis: ObserverRedis, name: str) -> bool:
    since = redis.absent.get(name)
    if since is None:
        return False
    if redis.own.clock.mono() - since < ASK_AGAIN_SECONDS:
        return True
    del redis.absent[name]
    return False


def _checked(reply: Any, target: RedisTarget) -> Any:
    if isinstance(reply, Exception) and fault_of(reply, target).kind in _GENERAL:
        raise reply
    return reply


def _name(words: Sequence[Any]) -> str:
    return str(words[0])
