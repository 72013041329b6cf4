"""Arming: the permission to act in one environment for a short time, given by typing the environment's name.

Arming is never the default. It ends when its time is over, when no key was pressed for 3 minutes, and when the server
changes. Arming is refused for an environment that is not writable, an unencrypted or unverified connection to another
machine, a replica, and a login without the rights.
"""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import refused
from optimus_tui.actions.redis.identity import operator_target, primary_only, refuse_insecure
from optimus_tui.actions.redis.operator_connection import (
    ConnectionLost,
    Listener,
    OperatorConnection,
    Permit,
)
from optimus_tui.actions.redis.servers import OperatorServers
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Arming, Refusal
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import AuditLog
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import Settings
from optimus_tui.settings.tuning import TUNING

DEFAULT_MINUTES = 10.0
MAX_MINUTES = 60.0
WRITTEN_SECONDS = 2.0
"""How long closing waits for the record of the last disarming to be on the disk."""
MOST_PROBES = 20
"""Rules of the layout whose names are tried with the login's rights."""
NOBODY = b"optimus_nobody"


def may_ever_arm(settings: Settings) -> Refusal | None:
    """Return why the settings forbid to arm; None if they do not, and the server decides."""
    if not settings.layout_is_writable:
        reason = f"the keys of the profile {settings.profile.name!r} are only read: it does not allow writing them"
        remedy = "look at its rules (optimus-tui dialect test), then write writable_layout = true under [dialect]"
        return Refusal("layout", reason, remedy)
    if not settings.writable:
        place = f"[env.{settings.environment}]"
        return Refusal("not writable", f"{settings.environment} is read-only", f"set writable = true in {place}")
    return refuse_insecure(operator_target(settings))


class Guard:
    """The arming state of one context. Call ``touch`` on every key press: without any, it disarms."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        own: LoadMeter,
        audit: AuditLog,
        layout: KeyLayout,
        idle_seconds: float = TUNING.idle_seconds,
    ) -> None:
        self.idle_seconds, self._layout = idle_seconds, layout
        self._settings, self._clock, self._own, self._audit = settings, clock, own, audit
        self._armed: Arming | None = None
        self._touched = 0.0
        self._writing: threading.Thread | None = None
        self.listener: Listener | None = None

    @property
    def armed(self) -> Arming | None:
        """The permission in force, or None. Once its time is over, reading it disarms."""
        now = self._clock.mono()
        if self._armed is not None and now >= self._armed.until_mono:
            self.disarm("the time was over")
        elif self._armed is not None and now - self._touched >= self.idle_seconds:
            self.disarm("no key was pressed")
        return self._armed

    @property
    def seconds_left(self) -> float:
        """Seconds until the arming ends; 0 when it is not armed."""
        armed = self.armed
        if armed is None:
            return 0.0
        return max(0.0, armed.until_mono - self._clock.mono())

    @property
    def idle_seconds_left(self) -> float:
        """Seconds until it disarms because no key was pressed; 0 when it is not armed."""
        if self.armed is None:
            return 0.0
        return max(0.0, self._touched + self.idle_seconds - self._clock.mono())

    def touch(self) -> None:
        """Note that the operator pressed a key."""
        if self.armed is not None:
            self._touched = self._clock.mono()

    async def arm(self, typed: str, minutes: float = DEFAULT_MINUTES) -> Arming | Refusal:
        """Arm for ``minutes`` (at most 60), if ``typed`` is the environment's name and the login has the rights."""
        refusal = may_ever_arm(self._settings)
        if refusal is not None:
            return refusal
        if typed != self._settings.environment:
            return Refusal("wrong words", "this is not the environment's name: not armed")
        if not 0 < minutes <= MAX_MINUTES:
            return Refusal("wrong words", f"arm for more than 0 and at most {MAX_MINUTES:.0f} minutes")
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
        """Disarm at once. The audit record is written in a thread, so that the screen is not blocked."""
        armed, self._armed = self._armed, None
        if armed is not None:
            self._writing = threading.Thread(
                target=self._say_disarmed, args=(armed.environment, why, self._writing), name="disarmed", daemon=True
            )
            self._writing.start()

    def wait_written(self) -> None:
        """Wait until the record of the last disarming is on the disk, for at most 2 s."""
        if self._writing is not None:
            self._writing.join(WRITTEN_SECONDS)

    def _say_armed(self, found: Arming, minutes: float) -> None:
        self.wait_written()
        where = found.where
        nodes: dict[str, Any] = {"nodes": where.nodes} if where.nodes else {}
        self._audit.append("armed", environment=found.environment, place=where.place, db=where.db,
                           user=where.user, run_id=where.run_id, minutes=minutes, **nodes)  # fmt: skip

    def _say_disarmed(self, environment: str, why: str, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        # It is disarmed even if the audit cannot be written: the next action is refused because of the audit.
        with contextlib.suppress(AuditUnwritable):
            self._audit.append("disarmed", environment=environment, why=why)

    async def _ask(self, seconds: float) -> Arming | Refusal:
        target, note = operator_target(self._settings), ""
        servers = OperatorServers(target, Permit(db=target.db), self._own, self.listener)
        try:
            where = await servers.where(self._settings)
            if isinstance(where, Refusal):
                return where
            refusal = primary_only(where)
            if refusal is not None:
                return refusal
            for connection in await servers.all():
                said = await may_login(connection, where.user, _probes(self._layout))
                if isinstance(said, Refusal):
                    return said
                note = note or said
            now = self._clock.mono()
            return Arming(
                environment=self._settings.environment,
                where=where,
                until_mono=now + seconds,
                note=note,
            )
        except ConnectionLost as lost:
            return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
        finally:
            await servers.close()


def _probes(layout: KeyLayout) -> list[tuple[str | bytes, ...]]:
    """Return commands on names that no key has, of which an operator's login may do at least one."""
    limits = dict.fromkeys(rule.template.sample(NOBODY) for rule in layout.dialect.limits[:MOST_PROBES])
    caches = dict.fromkeys(rule.template.sample(NOBODY) for rule in layout.dialect.cache[:MOST_PROBES])
    return [*(("UNLINK", name) for name in (*limits, *caches)), *(("EXPIRE", name, "60") for name in limits)]


async def may_login(
    connection: OperatorConnection, user: str, probes: Sequence[Sequence[str | bytes]]
) -> str | Refusal:
    """Ask the server's ACL whether the user may send the commands of an action, without sending them.

    Returns:
        An empty text if one of ``probes`` is allowed; a sentence if the server cannot say; a Refusal if none is
        allowed.
    """
    replies = await connection.together(
        [("ACL", "DRYRUN", connection.target.username or "default", *probe) for probe in probes]
    )
    if all(isinstance(reply, ResponseError) for reply in replies):
        return "the server cannot be asked beforehand whether the login may (ACL DRYRUN)"
    if any(reply == b"OK" for reply in replies):
        return ""
    right = "+unlink +expire"
    return Refusal("no right", f"user {user} may not change anything there", f"grant {right} on the operator's keys")
