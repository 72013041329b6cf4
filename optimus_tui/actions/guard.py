"""Arming: permission to act, for one environment and a short time, given by typing its name.

Armed is never a default and never outlives its time, a pause of the operator, or a change of the server. It refuses an
environment that is not writable, an unencrypted or unverified way to another machine, a replica, and a login that the
server itself says may not.
"""

import asyncio
import contextlib
import threading
from collections.abc import Sequence

from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import refused
from optimus_tui.actions.identity import operator_target, primary_only, read_where
from optimus_tui.actions.operator_connection import (
    ConnectionLost,
    Listener,
    OperatorConnection,
    open_operator_connection,
)
from optimus_tui.actions.permit import Permit
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Arming, Refusal
from optimus_tui.history.audit import AuditLog, AuditUnwritable
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import Settings
from optimus_tui.wording.safe import safe_text

DEFAULT_MINUTES = 10.0
MAX_MINUTES = 60.0
IDLE_SECONDS = 180.0
WRITTEN_SECONDS = 2.0
"""How long the end waits for a record that a slow disk still holds up."""
_PROBES: tuple[tuple[str | bytes, ...], ...] = (
    ("UNLINK", b"rate_limit:optimus:nobody"),
    ("UNLINK", b"cache:optimus:nobody:nothing"),
    ("EXPIRE", b"rate_limit:optimus:nobody", "60"),
)


def may_ever_arm(settings: Settings) -> Refusal | None:
    """What the settings alone forbid; None where a server may be asked."""
    target = operator_target(settings)
    if not settings.writable:
        place = f"[env.{settings.environment}]"
        return Refusal("not writable", f"{settings.environment} is read-only", f"set writable = true in {place}")
    if not target.tls_verify:
        return Refusal("insecure", "the server's certificate is not checked: nothing is written that way")
    if not target.loopback and target.scheme != "rediss":
        return Refusal("insecure", f"the way to {safe_text(target.host, 80)} is not encrypted", "use rediss://")
    return None


class Guard:
    """One a context. ``touch`` belongs to every key press: who is away is disarmed."""

    def __init__(self, settings: Settings, clock: Clock, own: LoadMeter, audit: AuditLog) -> None:
        self._settings, self._clock, self._own, self._audit = settings, clock, own, audit
        self._armed: Arming | None = None
        self._touched = 0.0
        self._writing: threading.Thread | None = None
        self.listener: Listener | None = None

    @property
    def armed(self) -> Arming | None:
        """The permission in force; looking at it ends one that is over."""
        now = self._clock.mono()
        if self._armed is not None and now >= self._armed.until_mono:
            self.disarm("the time was over")
        elif self._armed is not None and now - self._touched >= IDLE_SECONDS:
            self.disarm("nobody touched a key")
        return self._armed

    @property
    def seconds_left(self) -> float:
        """Until the time that was asked for is over; 0 when it is not armed."""
        armed = self.armed
        return max(0.0, armed.until_mono - self._clock.mono()) if armed else 0.0

    @property
    def idle_seconds_left(self) -> float:
        """Until it disarms because nobody touched a key; 0 when it is not armed."""
        return max(0.0, self._touched + IDLE_SECONDS - self._clock.mono()) if self.armed else 0.0

    def touch(self) -> None:
        """Somebody is there."""
        if self.armed is not None:
            self._touched = self._clock.mono()

    async def arm(self, typed: str, minutes: float = DEFAULT_MINUTES) -> Arming | Refusal:
        """Arm for ``minutes`` (at most 60) once ``typed`` is the environment's name and the server agrees."""
        refusal = may_ever_arm(self._settings)
        if refusal is not None:
            return refusal
        if typed != self._settings.environment:
            return Refusal("wrong words", "this is not the environment's name: nothing is armed")
        if not 0 < minutes <= MAX_MINUTES:
            return Refusal("wrong words", f"between a moment and {MAX_MINUTES:.0f} minutes, please")
        found = await self._ask(minutes * 60)
        if isinstance(found, Refusal):
            return found
        try:
            await asyncio.to_thread(self._say_armed, found, minutes)
        except AuditUnwritable as error:
            return refused(error)
        now = self._clock.mono()
        self._armed, self._touched = found, now
        return found

    def disarm(self, why: str = "asked for") -> None:
        """Back to looking only, at once; its record goes to the disk in a thread, so that no screen waits for it."""
        armed, self._armed = self._armed, None
        if armed is not None:
            self._writing = threading.Thread(
                target=self._say_disarmed, args=(armed.environment, why, self._writing), name="disarmed", daemon=True
            )
            self._writing.start()

    def wait_written(self) -> None:
        """Until the record of the last disarming is on the disk, or the disk takes too long."""
        if self._writing is not None:
            self._writing.join(WRITTEN_SECONDS)

    def _say_armed(self, found: Arming, minutes: float) -> None:
        self.wait_written()
        where = found.where
        self._audit.append("armed", environment=found.environment, place=where.place, db=where.db,
                           user=where.user, run_id=where.run_id, minutes=minutes)  # fmt: skip

    def _say_disarmed(self, environment: str, why: str, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        # It is disarmed all the same where the audit takes no more: the next action is refused for want of one.
        with contextlib.suppress(AuditUnwritable):
            self._audit.append("disarmed", environment=environment, why=why)

    async def _ask(self, seconds: float) -> Arming | Refusal:
        target = operator_target(self._settings)
        try:
            connection = await open_operator_connection(target, Permit(db=target.db), self._own, self.listener)
        except ConnectionLost as lost:
            return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
        try:
            where = await read_where(connection, self._settings)
            refusal = where if isinstance(where, Refusal) else primary_only(where)
            if refusal is not None or isinstance(where, Refusal):
                return refusal or where  # type: ignore[return-value]
            note = await may_login(connection, where.user, _PROBES)
            if isinstance(note, Refusal):
                return note
            now = self._clock.mono()
            return Arming(
                environment=self._settings.environment,
                where=where,
                armed_at=self._clock.wall(),
                until_mono=now + seconds,
                note=note,
            )
        except ConnectionLost as lost:
            return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
        finally:
            await connection.close()


async def may_login(
    connection: OperatorConnection, user: str, probes: Sequence[Sequence[str | bytes]]
) -> str | Refusal:
    """Ask the server's ACL without doing it: empty when it says yes to one at least, else what nobody could prove."""
    replies = await connection.together(
        [("ACL", "DRYRUN", connection.target.username or "default", *probe) for probe in probes]
    )
    if all(isinstance(reply, ResponseError) for reply in replies):
        return "the server cannot be asked beforehand whether the login may (ACL DRYRUN)"
    if any(reply == b"OK" for reply in replies):
        return ""
    right = "+unlink +expire"
    return Refusal("no right", f"user {user} may not change anything there", f"grant {right} on the operator's keys")
