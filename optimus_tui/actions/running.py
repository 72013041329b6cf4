"""Send the batches of one action.

For each batch: measure the server's latency, write the intent to the disk, send the commands, write the result to the
disk, pause. The run ends after the current batch when it is cancelled. It stops by itself when the server gets slow or
changes, when the lock is lost, when the audit cannot be written, or when a reply is unexpected. It refuses to repeat a
command.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import ActionLog, tally
from optimus_tui.actions.dependencies import ActionDependencies, RunControl
from optimus_tui.actions.preflight import check_server
from optimus_tui.actions.redis.key_actions import channel_of, event_of, recipe_for
from optimus_tui.actions.redis.latency_guard import TRIES, LatencyGuard
from optimus_tui.actions.redis.lock import TenantLock
from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection
from optimus_tui.actions.redis.recipe import Halted
from optimus_tui.contract.actions import Outcome, Plan, Progress
from optimus_tui.history.audit.log import AuditUnwritable, quoted
from optimus_tui.wording.safe import safe_text

BATCH = 100
PAUSE_SECONDS = 0.005
QUIET_PINGS = 20
LOOK_EVERY = 10
"""Batches between two looks at the server's run id and role."""


class BatchRun:
    """One run over a plan.

    Attributes:
        outcomes: One outcome a key, up to date after each batch.
        stopped: Why the run ended by itself; None while it goes on.
        broken: Whether the audit could not be written.
    """

    def __init__(
        self,
        dependencies: ActionDependencies,
        plan: Plan,
        action_log: ActionLog,
        control: RunControl,
        outcomes: list[Outcome],
    ) -> None:
        self._dependencies, self._plan, self._action_log, self._control = dependencies, plan, action_log, control
        self._recipe = recipe_for(plan.request.kind)
        self.outcomes = outcomes
        self.stopped: str | None = None
        self.cancelled = False
        self.published: int | None = None
        self.event_lost = self.broken = False
        self.seconds = 0.0

    async def batches(self, connection: OperatorConnection, lock: TenantLock, places: Sequence[int]) -> None:
        """Act on the keys at ``places`` of the plan, which are ascending."""
        began = time.perf_counter()
        try:
            latency_guard = await self._quiet(connection)
            for number, (start, end) in enumerate(chunks(places)):
                if self._control.cancel.is_set():
                    self.cancelled = True
                    break
                self.stopped = latency_guard.took(await _figure(connection, latency_guard))
                if not self.stopped and number % LOOK_EVERY == LOOK_EVERY - 1:
                    refusal = await check_server(self._dependencies, connection, self._plan)
                    self.stopped = refusal.message if refusal else None
                if self.stopped:
                    break
                await self._batch(connection, lock, start, end)
                if self.stopped:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
        except ConnectionLost as lost:
            self.stopped = lost.fault.message
        except AuditUnwritable as error:
            self.stopped, self.broken = str(error), True
        self.seconds += time.perf_counter() - began

    async def publish(self, connection: OperatorConnection, lock: TenantLock) -> None:
        """Send the event once. If the reply is lost, whether it went out stays unknown."""
        channel = channel_of(self._plan.request)
        event = event_of(self._plan, self._dependencies.clock.wall(), tally(self.outcomes).get("done", 0))
        self.tell("publishing")
        try:
            self._action_log.note("publishing", channel=quoted(channel), message=event.decode())
            try:
                self.stopped = await lock.keep()
                if self.stopped:
                    return
                reply = await connection.ask("PUBLISH", channel, event)
                self.published = reply if isinstance(reply, int) else None
                self._action_log.note("published", subscribers=self.published)
            except ConnectionLost as lost:
                self.event_lost, self.stopped = lost.sent, lost.fault.message
                self._action_log.note("published", subscribers="unknown")
        except AuditUnwritable as error:
            self.stopped, self.broken = str(error), True
        except ResponseError as error:
            self.stopped = f"the event was refused: {safe_text(error, 120)}"

    def tell(self, stage: str) -> None:
        """Report the progress to the operator."""
        counts = tally(self.outcomes)
        tried = len(self.outcomes) - counts.get("left", 0)
        self._control.report(Progress(stage, tried, len(self.outcomes), counts))  # type: ignore[arg-type]

    async def _batch(self, connection: OperatorConnection, lock: TenantLock, start: int, end: int) -> None:
        keys = [key.key for key in self._plan.keys[start:end]]
        self._action_log.intent(start, keys)
        found: Sequence[Outcome] = ["left"] * len(keys)
        try:
            self.stopped = await lock.keep()  # Writing the intent may have taken longer than the lock lasts.
            if not self.stopped:
                found = await self._recipe.act(connection, self._plan, keys)
        except Halted as halted:
            found, self.stopped = halted.outcomes, halted.why
        self.outcomes[start:end] = found
        self._action_log.result(start, found)
        self.tell("acting")

    async def _quiet(self, connection: OperatorConnection) -> LatencyGuard:
        """Measure the PING time before the first batch."""
        return LatencyGuard([await _ping(connection) for _ in range(QUIET_PINGS)])


def chunks(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of neighbouring places as (start, end), each at most one batch long."""
    start = end = -1
    for place in places:
        if place != end or end - start >= BATCH:
            if end > start:
                yield start, end
            start = place
        end = place + 1
    if end > start:
        yield start, end


async def _figure(connection: OperatorConnection, latency_guard: LatencyGuard) -> float:
    """Return the PING time in ms; if it is slow, the best of three."""
    best = await _ping(connection)
    for _ in range(TRIES - 1):
        if not latency_guard.is_slow(best):
            break
        best = min(best, await _ping(connection))
    return best


async def _ping(connection: OperatorConnection) -> float:
    began = time.perf_counter()
    await connection.ask("PING")
    return (time.perf_counter() - began) * 1000
