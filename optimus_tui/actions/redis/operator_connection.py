"""The connection that carries out one action: opened for it, closed after it, never reopened.

If a reply does not come, its outcome is unknown and the connection ends: ``ConnectionLost`` carries the replies that
had arrived. It refuses to retry, to reconnect by itself, and to send what its ``Permit`` does not list.

Which server process a connection leads to, in which role, and as which user.

A server that does not report its run id is refused: it cannot be told from another one.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.exceptions import NoPermissionError, ResponseError

from optimus_tui.actions.redis.permit import Permit
from optimus_tui.contract.actions import Refusal, Where
from optimus_tui.contract.reading import Fault
from optimus_tui.grammar.info import parse_info
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.load_meter import LoadMeter, lookups_of
from optimus_tui.probes.redis.commands import CommandRefused, Word
from optimus_tui.probes.redis.guard import ConnectionPolicy, connection_pool
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.wording.safe import safe_text

POLICY = ConnectionPolicy("optimus-tui-operator", seconds=2.0, retries=0, connections=1)
TRIP = 100
"""Commands in one round trip; the server serves other clients in between."""

Listener = Callable[[tuple[Word, ...]], None]


class ConnectionLost(Exception):
    """The connection ended.

    Attributes:
        fault: Why.
        replies: Those that had arrived.
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
        """Send all commands, then read all replies. A refusal of the server stands in its reply's place."""
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
    """Connect and log in; ``heard`` gets the words of every command that the permit lets through.

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


_REMEDY = "plan again"
_RUN_ID = re.compile(r"[0-9a-f]{40}")


def operator_target(settings: Settings) -> RedisTarget:
    """Return the login for actions: the operator's own where there is one."""
    return settings.operator_redis or settings.redis


def where_of(settings: Settings, fields: Mapping[str, str]) -> Where | Refusal:
    """Return the identity from INFO's fields, for the operator's login, or why it is refused."""
    target = operator_target(settings)
    if not fields.get("run_id") or not fields.get("role"):
        return Refusal("no right", "the server does not say who it is: INFO is needed", "grant +info to the login")
    if not _RUN_ID.fullmatch(fields["run_id"]) or fields["role"] not in ("master", "slave"):
        answer = f"run_id {safe_text(fields['run_id'], 50)}, role {safe_text(fields['role'], 30)}"
        return Refusal("no right", f"what answers does not look like a Redis: {answer}", "check what listens there")
    if "cluster" in (fields.get("redis_mode"), fields.get("server_mode")):
        return Refusal("cluster", "this is a node of a cluster: clusters are not supported yet")
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


def primary_only(where: Where) -> Refusal | None:
    """Refuse a replica: it takes no writes, and its subscribers are not the gateways."""
    if where.role == "master":
        return None
    return Refusal("replica", f"{where.place} is a {safe_text(where.role)}, not the primary", "point at the primary")


def moved(planned: Where, found: Where) -> Refusal | None:
    """Return why a plan for ``planned`` must not be carried out on ``found``; None where it may."""
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
    """Ask the server for its identity.

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
