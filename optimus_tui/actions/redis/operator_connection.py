"""The connection that carries out one action: opened for it, closed after it, never reopened.

It refuses to send a command again, to reconnect by itself, and to send what its ``Permit`` does not list.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import ResponseError

from optimus_tui.contract.reading import Fault
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import (
    MAX_SCAN_COUNT,
    CommandRefused,
    Word,
    as_bytes,
    check_database,
    name_of_command,
)
from optimus_tui.probes.redis.guard import ConnectionPolicy, connection_pool
from optimus_tui.settings.model import RedisTarget

LOCK_MS = 30_000

_LOOKS = (
    "HELLO AUTH PING CLIENT|SETNAME INFO TIME PTTL UNWATCH MULTI EXEC ACL|WHOAMI ACL|DRYRUN"
    " CLUSTER|SLOTS CLUSTER|NODES ASKING"
)
_LOOKING = frozenset(_LOOKS.split())
"""Commands that change nothing, whatever their arguments."""
_ON_KEYS = frozenset({"UNLINK", "EXPIRE"})
POLICY = ConnectionPolicy("optimus-tui-operator", seconds=2.0, retries=0, connections=1)
TRIP = 100
"""Commands in one round trip; the server serves other clients in between."""
MOST_WAIT_MS = 1000


class Permit:
    """The commands and keys that one action may send. Without keys it allows reading only.

    The connection checks each command here before it is sent, so a key that is not in the plan cannot be written to,
    whatever else went wrong. Patterns, scripts, and commands that write several keys are never allowed.

    Args:
        commands: Commands of the action that write (UNLINK, EXPIRE, PUBLISH).
        keys: The plan's keys.
        channel: The channel of the plan's event, or None.
        lock: The name of the tenant's lock, or None.
        db: The only database that SELECT may name.
    """

    def __init__(
        self,
        commands: Collection[str] = (),
        keys: Collection[bytes] = (),
        channel: bytes | None = None,
        lock: bytes | None = None,
        db: int = 0,
    ) -> None:
        self._commands, self._keys = frozenset(commands), frozenset(keys)
        self._channel, self._lock, self._db = channel, lock, db
        self._asking = False

    def cleared(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return the words of a command that may be sent.

        Raises:
            CommandRefused: The action may not send this command.
        """
        name = name_of_command(words)
        self._check_asking(name)
        if name in _ON_KEYS:
            self._check_write(name, words)
        elif name == "WATCH":
            self._check_keys(words[1:])
        elif name == "PUBLISH":
            if "PUBLISH" not in self._commands or len(words) != 3 or as_bytes(words[1]) != self._channel:
                raise CommandRefused("an event that is not this action's")
        elif name in ("SET", "GET", "PEXPIRE"):
            self._check_lock(name, words)
        elif name == "SELECT":
            check_database(words, self._db)
        elif name == "SCAN":
            _check_scan(words)
        elif name == "WAIT":
            _check_wait(words)
        elif name not in _LOOKING:
            raise CommandRefused(f"{name[:40]!r} is not on this action's list")
        return tuple(words)

    def _check_asking(self, name: str) -> None:
        """Let only a reading command follow ASKING, which makes a node answer for a slot that is not its own yet."""
        asking, self._asking = self._asking, name == "ASKING"
        if asking and name != "PTTL":
            raise CommandRefused(f"{name[:40]!r} after ASKING: only what reads follows a redirection")

    def _check_write(self, name: str, words: Sequence[Word]) -> None:
        raw = [as_bytes(word) for word in words]
        if name == "UNLINK" and len(raw) == 2 and raw[1] == self._lock:
            return
        if name not in self._commands:
            raise CommandRefused(f"{name} is not on this action's list")
        if name == "UNLINK" and len(raw) != 2:
            raise CommandRefused("UNLINK of several keys at once: their outcomes could not be told apart")
        if name == "EXPIRE" and not (len(raw) in (3, 4) and raw[2].isdigit() and raw[3:] in ([], [b"NX"])):
            raise CommandRefused("EXPIRE that is not a plain number of seconds")
        self._check_keys(words[1:2])

    def _check_keys(self, keys: Sequence[Word]) -> None:
        if not keys or any(as_bytes(key) not in self._keys for key in keys):
            raise CommandRefused("a key that is not in the plan")

    def _check_lock(self, name: str, words: Sequence[Word]) -> None:
        raw = [as_bytes(word) for word in words]
        if self._lock is None or len(raw) < 2 or raw[1] != self._lock:
            raise CommandRefused(f"{name} on a key other than this action's lock")
        tail = {"SET": [b"NX", b"PX", b"%d" % LOCK_MS], "PEXPIRE": [b"%d" % LOCK_MS], "GET": []}[name]
        if raw[3 if name == "SET" else 2 :] != tail:
            raise CommandRefused(f"{name} of the lock in another form than ours")


def _check_scan(words: Sequence[Word]) -> None:
    options = [as_bytes(word).upper() for word in words[2:]]
    if len(options) != 2 or options[0] != b"COUNT" or not options[1].isdigit() or int(options[1]) > MAX_SCAN_COUNT:
        raise CommandRefused("a scan with a pattern, or of too many keys a call")


def _check_wait(words: Sequence[Word]) -> None:
    raw = [as_bytes(word) for word in words[1:]]
    if len(raw) != 2 or not all(word.isdigit() for word in raw) or not 0 < int(raw[1]) <= MOST_WAIT_MS:
        raise CommandRefused("a wait for replicas without an end, or of more than a second")


Listener = Callable[[tuple[Word, ...]], None]


class ConnectionLost(Exception):
    """The connection ended.

    Attributes:
        fault: Why.
        replies: The replies that had arrived.
        sent: False if it had ended before the commands were sent.
    """

    def __init__(self, fault: Fault, replies: Sequence[Any] = (), *, sent: bool = False) -> None:
        super().__init__(fault.message)
        self.fault, self.replies, self.sent = fault, list(replies), sent


class OperatorConnection:
    """An open connection, for use by one task."""

    def __init__(self, connection: Any, pool: ConnectionPool, target: RedisTarget, own: LoadMeter) -> None:
        self._connection, self._pool, self.target, self._own = connection, pool, target, own
        self._lost: Fault | None = None

    async def ask(self, *words: Word) -> Any:
        """Send one command and return its reply.

        Raises:
            ResponseError: The server refused the command.
            ConnectionLost: The connection ended.
        """
        (reply,) = await self.together([words])
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def together(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send all commands, then read all replies. The error of a refused command is in the place of its reply."""
        if self._lost is not None:
            raise ConnectionLost(self._lost)
        replies: list[Any] = []
        try:
            await self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    replies.append(await self._connection.read_response())
                except ResponseError as error:
                    replies.append(error)
        except CommandRefused:
            raise
        except OUTAGES as error:
            await self._give_up(fault_of(error, self.target))
            raise ConnectionLost(fault_of(error, self.target), replies, sent=True) from None
        except BaseException:  # A cancelled task leaves replies unread, so the connection cannot be used again.
            await self._give_up(Fault("refused", "the action was interrupted"))
            raise
        self._count(commands, replies)
        return replies

    def _count(self, commands: Sequence[Sequence[Word]], replies: Sequence[Any]) -> None:
        """Note our own hits and misses, so that they can be subtracted from the server's hit rate."""
        pairs = [lookups_of(words[0], reply) for words, reply in zip(commands, replies, strict=True)]
        self._own.note(hits=sum(hit for hit, _ in pairs), misses=sum(miss for _, miss in pairs))

    async def each(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        """Send commands like ``together``, a hundred at a time."""
        replies: list[Any] = []
        for start in range(0, len(commands), TRIP):
            replies += await self.together(commands[start : start + TRIP])
        return replies

    async def close(self) -> None:
        """Close the connection. May be called twice."""
        await self._give_up(self._lost or Fault("refused", "the connection was closed"))

    async def _give_up(self, fault: Fault) -> None:
        self._lost = self._lost or fault
        try:
            async with asyncio.timeout(1):
                await self._pool.disconnect()
        except OUTAGES:
            return  # The connection has ended anyway.


async def open_operator_connection(
    target: RedisTarget, permit: Permit, own: LoadMeter, heard: Listener | None = None
) -> OperatorConnection:
    """Connect and log in. ``heard`` is called with the words of every command that the permit allows.

    Raises:
        ConnectionLost: The server cannot be reached, or refuses the login.
    """

    def check(words: Sequence[Word]) -> tuple[Word, ...]:
        sent = permit.cleared(words)
        if heard is not None:
            heard(sent)
        return sent

    pool = connection_pool(target, own, POLICY, check)
    try:
        async with asyncio.timeout(2 * POLICY.seconds):
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]
    except OUTAGES as error:
        raise ConnectionLost(fault_of(error, target)) from None
    return OperatorConnection(connection, pool, target, own)
