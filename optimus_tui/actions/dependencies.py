"""What the steps of an action work with."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from optimus_tui.actions.guard import Guard
from optimus_tui.actions.redis.operator_connection import Listener, OperatorConnection, open_operator_connection
from optimus_tui.actions.redis.permit import Permit
from optimus_tui.clock import Clock
from optimus_tui.contract.actions import Progress
from optimus_tui.history.audit.log import AuditLog
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.settings.model import RedisTarget, Settings

Report = Callable[[Progress], None]


class ActionDependencies(NamedTuple):
    """Shared by the steps of an action.

    ``folder`` is the state directory, ``target`` the operator's login. After ``verify_seconds`` without an answer the
    check of what was done is given up.
    """

    settings: Settings
    target: RedisTarget
    clock: Clock
    own: LoadMeter
    guard: Guard
    audit: AuditLog
    folder: Path
    verify_seconds: float

    async def connection(self, permit: Permit) -> OperatorConnection:
        """Open a connection with this permit.

        Raises:
            ConnectionLost: The server cannot be reached, or refuses the login.
        """
        listener: Listener | None = self.guard.listener
        return await open_operator_connection(self.target, permit, self.own, listener)


class RunControl(NamedTuple):
    """How the operator follows and ends a running action: once ``cancel`` is set it ends after the current batch."""

    cancel: threading.Event
    report: Report
