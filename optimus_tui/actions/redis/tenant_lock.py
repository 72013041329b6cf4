"""The lock of one tenant: two actions never work on the same tenant at once."""

import contextlib
import os
import socket
from typing import Any

import msgspec
from redis.exceptions import NoPermissionError, OutOfMemoryError, ResponseError

from optimus_tui.actions.redis.operator_connection import LOCK_MS, OperatorConnection
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import ActionRequest, Refusal
from optimus_tui.grammar.keys import LOCK_PREFIX
from optimus_tui.history.audit.log import quoted
from optimus_tui.settings.model import address
from optimus_tui.wording.numbers import age
from optimus_tui.wording.safe import redis_cli, safe_text

RENEW_SECONDS = 5.0


def lock_name(request: ActionRequest) -> bytes:
    """Return the key of the tenant's lock. Special characters of the tenant's name are quoted in it."""
    return LOCK_PREFIX + quoted(request.tenant).encode()


class EndedLocks:
    """The last lock of each tenant that an action of this process held, once that action has ended.

    It may be there still: a replica that took the primary's place has it, or the connection was lost before it was
    released. Nobody uses it any more.
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def add(self, lock: "TenantLock") -> None:
        """Note that the action of this lock has ended: nothing more is sent for it."""
        self.values[lock.name] = lock.value

    def claim(self, name: bytes, value: bytes) -> bool:
        """Return whether the lock of this name with this value was one of ours.

        Only the first call for a lock returns True.
        """
        return self.values.pop(name, None) == value


class TenantLock:
    """The lock that keeps two actions on one tenant apart.

    Its owner renews it, and it expires after 30 s. If the login has no right to set locks, or the server no memory, the
    action runs without one (``held`` is False): at worst, a second action finds the keys already gone. The lock of
    another owner is never taken over, however old it is; a lock that an ended action of this process left behind is
    used again.
    """

    def __init__(
        self,
        connection: OperatorConnection,
        name: bytes,
        action: str,
        user: str,
        clock: Clock,
        ended: EndedLocks | None = None,
    ) -> None:
        self._connection, self.name, self.held = connection, name, False
        self._ended = ended or EndedLocks()
        self._owner = {"action": action, "user": user, "host": socket.gethostname(), "pid": os.getpid()}
        self.value, self._clock = b"", clock
        self._seen = 0.0

    @property
    def connection(self) -> OperatorConnection:
        """Return the connection to the server that has the lock."""
        return self._connection

    @property
    def place(self) -> str:
        """Return where that server is."""
        target = self._connection.target
        return safe_text(address(target.host, target.port))

    async def take(self, *, again: bool = False) -> Refusal | None:
        """Take the lock. Return None if it is held or there are no locks, else who holds it.

        Args:
            again: The holder may be this very action, whose process is known to be dead.

        Raises:
            ConnectionLost: The connection ended.
        """
        now = await self._seconds()
        self.value = msgspec.json.encode({**self._owner, "since": now})
        try:
            taken, other = await self._set()
            ours = again and _owner(other).get("action") == self._owner["action"]
            if isinstance(other, bytes) and (ours or self._ended.claim(self.name, other)):
                taken, other = await self._go_on_with(other)
        except (NoPermissionError, OutOfMemoryError):
            return None  # A server without memory cannot store a lock, and unlinking keys is what helps it.
        except ResponseError as error:
            if "WRONGTYPE" in str(error):
                return self._stuck("is not a lock: it holds another type of value")
            return Refusal("locked", f"the lock cannot be taken: {safe_text(error, 120)}")
        self.held, self._seen = taken, self._clock.mono()
        if self.held:
            return None
        return await self._held_by(other, now)

    async def _set(self) -> tuple[bool, object]:
        """Set the lock if there is none. Return whether it was set, and else the one that is there."""
        if await self._connection.ask("SET", self.name, self.value, "NX", "PX", LOCK_MS) == b"OK":
            return True, None
        return False, await self._connection.ask("GET", self.name)

    async def _go_on_with(self, value: bytes) -> tuple[bool, object]:
        """Renew a lock that is there instead of removing it: at that moment it may be another owner's already."""
        await self._connection.ask("PEXPIRE", self.name, LOCK_MS)
        now = await self._connection.ask("GET", self.name)
        if now == value:
            self.value = value
            return True, None
        if now is not None:
            return False, now
        return await self._set()

    async def keep(self) -> str | None:
        """Renew the lock if 5 s have passed since the last time. Return why it is lost, or None.

        The time in which the machine slept or the disk was slow counts, too.
        """
        if not self.held or self._clock.mono() - self._seen < RENEW_SECONDS:
            return None
        try:
            asked = self._clock.mono()
            ours = await self._connection.ask("GET", self.name) == self.value
            if ours and await self._connection.ask("PEXPIRE", self.name, LOCK_MS) == 1:
                self._seen = asked
                return None
        except ResponseError as error:
            return f"the lock cannot be renewed: {safe_text(error, 120)}"
        self.held = False
        return "the lock was lost: it ran out while nothing renewed it, and somebody else may be at these keys"

    async def _held_by(self, value: object, now: float) -> Refusal:
        """Return who holds the lock. One without a TTL is named, because waiting does not help there."""
        try:
            left = await self._connection.ask("PTTL", self.name)
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
        return Refusal("locked", f"the lock key {safe_text(self.name, 200)} {why}", remedy)

    def _command(self, word: str) -> str:
        """Return the command that the operator may type; it is not sent from here."""
        return safe_text(redis_cli(self._connection.target, [word, self.name]), 400)

    async def release(self) -> None:
        """Remove the lock if it is still ours; otherwise it expires by itself."""
        held, self.held = self.held, False
        with contextlib.suppress(ResponseError):
            if held and await self._connection.ask("GET", self.name) == self.value:
                await self._connection.ask("UNLINK", self.name)

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
