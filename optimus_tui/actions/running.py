"""The batches: a look at the server's health, the intent on disk, the commands, the result on disk, a pause.

Ends after the batch in flight when told to; ends by itself when the server suffers or changes, when the lock is lost,
when the audit takes no more, or when a reply is not the one expected. It refuses to repeat a command.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import ActionLog, tally
from optimus_tui.actions.dependencies import ActionDependencies, RunControl
from optimus_tui.actions.invalidate_tenant import channel_of, event_of
from optimus_tui.actions.latency_guard import TRIES, LatencyGuard
from optimus_tui.actions.lock import Lock
from optimus_tui.actions.operator_connection import OperatorConnection, WireLost
from optimus_tui.actions.preflight import check_server
from optimus_tui.actions.recipe import Halted
from optimus_tui.actions.recipes import recipe_for
from optimus_tui.contract.actions import Outcome, Plan, Progress
from optimus_tui.history.audit import AuditUnwritable, quoted
from optimus_tui.wording.safe import safe_text

BATCH = 100
PAUSE_SECONDS = 0.005
QUIET_PINGS = 20
LOOK_EVERY = 10
"""Batches between two looks at the server's run id and role."""


class Run:
    """One run over a plan. ``outcomes`` is up to date after each batch; ``stopped`` says why it ended by itself."""

    def __init__(
        self, means: ActionDependencies, plan: Plan, ledger: ActionLog, reins: RunControl, outcomes: list[Outcome]
    ) -> None:
        self._means, self._plan, self._ledger, self._reins = means, plan, ledger, reins
        self._recipe = recipe_for(plan.request.kind)
        self.outcomes = outcomes
        self.stopped: str | None = None
        self.cancelled = False
        self.published: int | None = None
        self.event_lost = self.broken = False
        self.seconds = 0.0

    async def batches(self, wire: OperatorConnection, lock: Lock, places: Sequence[int]) -> None:
        """Act on the keys at ``places`` of the plan (ascending)."""
        began = time.perf_counter()
        try:
            strain = await self._quiet(wire)
            for number, (start, end) in enumerate(chunks(places)):
                if self._reins.cancel.is_set():
                    self.cancelled = True
                    break
                self.stopped = strain.took(await _figure(wire, strain))
                if not self.stopped and number % LOOK_EVERY == LOOK_EVERY - 1:
                    refusal = await check_server(self._means, wire, self._plan)
                    self.stopped = refusal.message if refusal else None
                if self.stopped:
                    break
                await self._batch(wire, lock, start, end)
                if self.stopped:
                    break
                await asyncio.sleep(PAUSE_SECONDS)
        except WireLost as lost:
            self.stopped = lost.fault.message
        except AuditUnwritable as error:
            self.stopped, self.broken = str(error), True
        self.seconds += time.perf_counter() - began

    async def publish(self, wire: OperatorConnection, lock: Lock) -> None:
        """Send the event, once. A lost reply stays unknown."""
        channel = channel_of(self._plan.request)
        event = event_of(self._plan, self._means.clock.wall(), tally(self.outcomes).get("done", 0))
        self.tell("publishing")
        try:
            self._ledger.note("publishing", channel=quoted(channel), message=event.decode())
            try:
                self.stopped = await lock.keep()
                if self.stopped:
                    return
                reply = await wire.ask("PUBLISH", channel, event)
                self.published = reply if isinstance(reply, int) else None
                self._ledger.note("published", subscribers=self.published)
            except WireLost as lost:
                self.event_lost, self.stopped = lost.sent, lost.fault.message
                self._ledger.note("published", subscribers="unknown")
        except AuditUnwritable as error:
            self.stopped, self.broken = str(error), True
        except ResponseError as error:
            self.stopped = f"the event was refused: {safe_text(error, 120)}"

    def tell(self, stage: str) -> None:
        """Let the operator see how far it is."""
        counts = tally(self.outcomes)
        tried = len(self.outcomes) - counts.get("left", 0)
        self._reins.report(Progress(stage, tried, len(self.outcomes), counts))  # type: ignore[arg-type]

    async def _batch(self, wire: OperatorConnection, lock: Lock, start: int, end: int) -> None:
        keys = [key.key for key in self._plan.keys[start:end]]
        self._ledger.intent(start, keys)
        found: Sequence[Outcome] = ["left"] * len(keys)
        try:
            self.stopped = await lock.keep()  # the disk may have taken its time
            if not self.stopped:
                found = await self._recipe.act(wire, self._plan, keys)
        except Halted as halted:
            found, self.stopped = halted.outcomes, halted.why
        self.outcomes[start:end] = found
        self._ledger.result(start, found)
        self.tell("acting")

    async def _quiet(self, wire: OperatorConnection) -> LatencyGuard:
        """What a PING takes before the first batch."""
        return LatencyGuard([await _ping(wire) for _ in range(QUIET_PINGS)])


def chunks(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Runs of neighbouring places, at most a batch long, as (start, end)."""
    start = end = -1
    for place in places:
        if place != end or end - start >= BATCH:
            if end > start:
                yield start, end
            start = place
        end = place + 1
    if end > start:
        yield start, end


async def _figure(wire: OperatorConnection, strain: LatencyGuard) -> float:
    """A PING's time; where it is slow, the best of some."""
    best = await _ping(wire)
    for _ in range(TRIES - 1):
        if not strain.is_slow(best):
            break
        best = min(best, await _ping(wire))
    return best


async def _ping(wire: OperatorConnection) -> float:
    began = time.perf_counter()
    await wire.ask("PING")
    return (time.perf_counter() - began) * 1000
