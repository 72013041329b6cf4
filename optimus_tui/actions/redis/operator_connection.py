"""The connection that carries out one action: opened for it, closed after it, never reopened.

It refuses to send a command again, to reconnect by itself, and to send what its ``Permit`` does not list.
"""

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from redis.asyncio import ConnectionPool
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from optimus_tui.clock import Clock
from optimus_tui.contract.actions import ActionRequest, Refusal, Where
from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.info import parse_info
from optimus_tui.grammar.keys import LOCK_PREFIX
from optimus_tui.history.audit.log import quoted
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
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.wording.numbers import age
from optimus_tui.wording.safe import redis_cli, safe_text

LOCK_MS = 30_000

_LOOKS = "HELLO AUTH PING CLIENT|SETNAME INFO TIME PTTL UNWATCH MULTI EXEC ACL|WHOAMI ACL|DRYRUN"
_LOOKING = frozenset(_LOOKS.split())
"""Commands that change nothing, whatever their arguments."""
_ON_KEYS = frozenset({"UNLINK", "EXPIRE"})
POLICY = ConnectionPolicy("optimus-tui-operator", seconds=2.0, retries=0, connections=1)
TRIP = 100
"""Commands in one round trip; the server serves other clients in between."""
_REMEDY = "plan again"
_RUN_ID = re.compile(r"[0-9a-f]{40}")
RENEW_SECONDS = 5.0
NOT_ON_A_CLUSTER = "actions on the keys of a cluster are not supported yet"
NOT_BEHIND_SENTINELS = "actions behind sentinels are not supported yet: point an environment at the primary itself"


class Permit:
    """What one action may send. Without keys it allows reading only.

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

    def cleared(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Return the words of a command that may be sent.

        Raises:
            CommandRefused: The action may not send this command.
        """
        name = name_of_command(words)
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
        elif name not in _LOOKING:
            raise CommandRefused(f"{name[:40]!r} is not on this action's list")
        return tuple(words)

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


def operator_target(settings: Settings) -> RedisTarget:
    """Return the login for actions: the operator's own if one is set, else the observer's."""
    return settings.operator_redis or settings.redis


def where_of(settings: Settings, fields: Mapping[str, str]) -> Where | Refusal:
    """Return which server this is, from the fields of INFO, for the operator's login, or why it is refused."""
    target = operator_target(settings)
    if not fields.get("run_id") or not fields.get("role"):
        return Refusal("no right", "the server does not say who it is: INFO is needed", "grant +info to the login")
    if not _RUN_ID.fullmatch(fields["run_id"]) or fields["role"] not in ("master", "slave"):
        answer = f"run_id {safe_text(fields['run_id'], 50)}, role {safe_text(fields['role'], 30)}"
        return Refusal("no right", f"what answers does not look like a Redis: {answer}", "check what listens there")
    if "cluster" in (fields.get("redis_mode"), fields.get("server_mode")):
        return Refusal("cluster", NOT_ON_A_CLUSTER)
    return Where(
        environment=settings.environment,
        place=safe_text(target.path or f"{target.host}:{target.port}"),
        db=target.db,
        user=safe_text(target.username or "default", 80),
        run_id=fields["run_id"][:64],
        replid=fields.get("master_replid", "")[:64],
        role=fields["role"][:20],
        version=safe_text(fields.get("redis_version", ""), 20),
    )


def of_one_server(target: RedisTarget) -> Refusal | None:
    """Refuse a cluster or a system with sentinels, before anything is read for a plan. None for a single server."""
    refused = {"cluster": NOT_ON_A_CLUSTER, "sentinel": NOT_BEHIND_SENTINELS}.get(target.topology)
    return Refusal("cluster", refused) if refused else None


def primary_only(where: Where) -> Refusal | None:
    """Refuse a replica: it accepts no writes, and gateways do not subscribe to it. None for a primary."""
    if where.role == "master":
        return None
    return Refusal("replica", f"{where.place} is a {safe_text(where.role)}, not the primary", "point at the primary")


def moved(planned: Where, found: Where) -> Refusal | None:
    """Return why a plan for the server ``planned`` must not be carried out on the server ``found``; None if it may."""
    for field, words in (
        ("environment", "another environment"),
        ("place", "another server"),
        ("db", "another database"),
        ("user", "another user"),
        ("run_id", "another server process (run_id)"),
        ("role", "another role"),
    ):
        before, now = getattr(planned, field), getattr(found, field)
        if before != now:
            return Refusal("elsewhere", f"the plan was made for {words}: {before}, now {now}", _REMEDY)
    return None


async def read_where(connection: OperatorConnection, settings: Settings) -> Where | Refusal:
    """Ask the server which one it is, and return that or why it is refused.

    Raises:
        ConnectionLost: The connection ended.
    """
    server, replication, me = await connection.together(
        [("INFO", "server"), ("INFO", "replication"), ("ACL", "WHOAMI")]
    )
    for reply in (server, replication):
        if isinstance(reply, NoPermissionError):
            return Refusal("no right", "INFO is not allowed for this login", "grant +info to the login")
        if isinstance(reply, ResponseError):
            return Refusal("unreachable", f"the server answered {safe_text(reply, 120)}")
    found = where_of(settings, {**parse_info(server), **parse_info(replication)})
    named = operator_target(settings).username
    if isinstance(found, Where) and named and isinstance(me, bytes) and me != named.encode():
        return Refusal("elsewhere", f"logged in as {safe_text(me, 80)}, not as {safe_text(named, 80)}")
    return found


def lock_name(request: ActionRequest) -> bytes:
    """Return the key of the tenant's lock. Special characters of the tenant's name are quoted in it."""
    return LOCK_PREFIX + quoted(request.tenant).encode()


class TenantLock:
    """The lock that keeps two actions on one tenant apart.

    Its owner renews it, and it expires after 30 s. If the login has no right to set locks, or the server no memory, the
    action runs without one (``held`` is False): at worst, a second action finds the keys already gone. The lock of
    another owner is never taken over, however old it is.
    """

    def __init__(self, connection: OperatorConnection, name: bytes, action: str, user: str, clock: Clock) -> None:
        self._connection, self._name, self.held = connection, name, False
        self._owner = {"action": action, "user": user, "host": socket.gethostname(), "pid": os.getpid()}
        self._value, self._clock = b"", clock
        self._seen = 0.0

    async def take(self, *, again: bool = False) -> Refusal | None:
        """Take the lock. Return None if it is held or there are no locks, else who holds it.

        Args:
            again: The holder may be this very action, whose process is known to be dead.

        Raises:
            ConnectionLost: The connection ended.
        """
        now = await self._seconds()
        self._value = msgspec.json.encode({**self._owner, "since": now})
        try:
            taken = await self._connection.ask("SET", self._name, self._value, "NX", "PX", LOCK_MS)
            other = None if taken == b"OK" else await self._connection.ask("GET", self._name)
            if again and _owner(other).get("action") == self._owner["action"]:
                await self._connection.ask("UNLINK", self._name)
                taken = await self._connection.ask("SET", self._name, self._value, "NX", "PX", LOCK_MS)
        except (NoPermissionError, OutOfMemoryError):
            return None  # A server without memory cannot store a lock, and unlinking keys is what helps it.
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                return self._stuck("is no lock: it holds another type of value")
            return Refusal("locked", f"the lock cannot be taken: {safe_text(error, 120)}")
        self.held, self._seen = taken == b"OK", self._clock.mono()
        if self.held:
            return None
        return await self._held_by(other, now)

    async def keep(self) -> str | None:
        """Renew the lock if 5 s have passed since the last time. Return why it is lost, or None.

        The time in which the machine slept or the disk was slow counts, too.
        """
        if not self.held or self._clock.mono() - self._seen < RENEW_SECONDS:
            return None
        try:
            asked = self._clock.mono()
            ours = await self._connection.ask("GET", self._name) == self._value
            if ours and await self._connection.ask("PEXPIRE", self._name, LOCK_MS) == 1:
                self._seen = asked
                return None
        except ResponseError as error:
            return f"the lock cannot be renewed: {safe_text(error, 120)}"
        self.held = False
        return "the lock was lost: it ran out while nothing renewed it, and somebody else may be at these keys"

    async def _held_by(self, value: object, now: float) -> Refusal:
        """Return who holds the lock. One without a TTL is named, because waiting does not help there."""
        try:
            left = await self._connection.ask("PTTL", self._name)
        except ResponseError:
            left = None
        if left == -1:
            return self._stuck("has no TTL, so it never ends by itself: nothing of this product leaves one like that")
        remedy = f"wait: it ends by itself {LOCK_MS // 1000} s after its owner last renewed it, then plan again"
        if left is None:
            remedy += f" (if it does not end: {self._command('PTTL')})"
        return Refusal("locked", _words(_owner(value), now), remedy)

    def _stuck(self, why: str) -> Refusal:
        remedy = f"look at it, and remove it once it is not in use: {self._command('UNLINK')}"
        return Refusal("locked", f"the lock key {safe_text(self._name, 200)} {why}", remedy)

    def _command(self, word: str) -> str:
        """Return the command that the operator may type; it is not sent from here."""
        return safe_text(redis_cli(self._connection.target, [word, self._name]), 400)

    async def release(self) -> None:
        """Remove the lock if it is still ours; otherwise it expires by itself."""
        held, self.held = self.held, False
        with contextlib.suppress(ResponseError):
            if held and await self._connection.ask("GET", self._name) == self._value:
                await self._connection.ask("UNLINK", self._name)

    async def _seconds(self) -> float:
        try:
            seconds, micros = await self._connection.ask("TIME")
        except ResponseError:
            return 0.0
        return int(seconds) + int(micros) / 1e6


def _owner(value: object) -> dict[str, Any]:
    try:
        owner: Any = msgspec.json.decode(value) if isinstance(value, bytes) else {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}
    if not isinstance(owner, dict):
        return {}
    return owner


def _words(owner: dict[str, Any], now: float) -> str:
    since = owner.get("since")
    for_ = f" for {age(now - since)}" if isinstance(since, (int, float)) and now else ""
    process = f" (process {owner['pid']})" if type(owner.get("pid")) is int else ""
    who, host = (safe_text(owner.get(field, "?"), 40) for field in ("user", "host"))
    return f"{who} on {host}{process} is working on this tenant{for_}"
