"""Carry out a confirmed plan batch by batch, or continue an interrupted one."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import structs
from redis.exceptions import ResponseError

from optimus_tui.actions.action_log import ActionLog, refused, tally
from optimus_tui.actions.checks import (
    ActionDependencies,
    RunControl,
    Verified,
    check_again,
    check_drift,
    check_server,
    verify,
)
from optimus_tui.actions.redis.identity import SlotOwners, why_moved
from optimus_tui.actions.redis.key_actions import event_of, recipe_for
from optimus_tui.actions.redis.operator_connection import ConnectionLost, OperatorConnection, Permit
from optimus_tui.actions.redis.recipe import TRIES, Halted, LatencyGuard
from optimus_tui.actions.redis.servers import OperatorServers, parts_of
from optimus_tui.actions.redis.tenant_lock import TenantLock, lock_name
from optimus_tui.contract.actions import (
    Confirmation,
    Interrupted,
    NodeWhere,
    Outcome,
    Plan,
    Progress,
    Receipt,
    Refusal,
)
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import quoted
from optimus_tui.storage.private_file import LockHeld
from optimus_tui.wording.numbers import agreeing, plural
from optimus_tui.wording.safe import safe_text

_EXECUTED = frozenset[Outcome]({"done", "already gone"})
BATCH = 100
PAUSE_SECONDS = 0.005
QUIET_PINGS = 20
LOOK_EVERY = 10
"""Batches between two looks at the server's run id and role."""


class BatchRun:
    """One run over a plan, on a cluster node by node. If it has to stop at one node, it goes on at the others.

    Attributes:
        outcomes: One outcome for each key, up to date after each batch.
        stopped: Why the run ended before the last key; None if it did not.
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
        self.published: int | Literal["sent"] | None = None
        self.event_lost = self.broken = False
        self.seconds = 0.0
        self._over = False
        """Nothing more may be done on any server."""

    async def batches(self, servers: OperatorServers, lock: TenantLock, places: Sequence[int]) -> None:
        """Act on the keys at these places of the plan, in batches. ``places`` must be ascending."""
        began, stops = time.perf_counter(), dict[str, str]()
        try:
            for node, mine in parts_of(self._plan, places):
                place = "" if node is None else node.place
                if self._over or self.cancelled:
                    break
                if place in stops or (stops and self._plan.keys[mine[0]].part):
                    continue  # What belongs to a counter stays as long as the counter may be there.
                why = await self._on(servers, lock, node, mine)
                if why is not None:
                    stops[place] = why if place in why else f"{place}: {why}"
        except AuditUnwritable as error:
            stops[""], self.broken = str(error), True
        self.stopped = "; ".join(stops.values()) or self._not_executed()
        self.seconds += time.perf_counter() - began

    async def _on(
        self, servers: OperatorServers, lock: TenantLock, node: NodeWhere | None, places: Sequence[int]
    ) -> str | None:
        """Act on the keys of one server, at its own pace. Return why it ended early; None where it did not."""
        try:
            connection = await servers.at(node)
            latency_guard = await self._quiet(connection)
            for number, (start, end) in enumerate(chunks(places)):
                if self._control.cancel.is_set():
                    self.cancelled = True
                    break
                why = None
                if number:  # what is slow before the first batch is not slow because of us
                    why = latency_guard.took(await _figure(connection, latency_guard))
                if not why and number % LOOK_EVERY == LOOK_EVERY - 1:
                    refusal = await check_again(self._dependencies, servers, self._plan, node)
                    why = refusal.message if refusal else None
                why = why or await servers.prove(self._plan.where)
                why = why or await self._batch(servers, connection, lock, node, start, end)
                if why:
                    return why
                await asyncio.sleep(PAUSE_SECONDS)
        except ConnectionLost as lost:
            return lost.fault.message
        return None

    def _not_executed(self) -> str | None:
        count = tally(self.outcomes).get("not executed", 0)
        if not count:
            return None
        were = agreeing(count, "was", "were")
        return f"{plural(count, 'key')} {were} not executed: another node serves the slot, or will soon"

    async def publish(self, servers: OperatorServers, lock: TenantLock) -> None:
        """Send the event once, to one server. If the reply is lost, whether it went out stays unknown."""
        channel, clustered = self._plan.channel or b"", bool(self._plan.where.nodes)
        event = event_of(self._plan, self._dependencies.clock.wall(), tally(self.outcomes).get("done", 0))
        self.tell("publishing")
        try:
            self.stopped = await servers.prove(self._plan.where)
            if self.stopped:
                return
            where = {"node": lock.place} if clustered else {}
            self._action_log.note("publishing", channel=quoted(channel), message=event.decode(), **where)
            try:
                self.stopped = await lock.keep()
                if self.stopped:
                    return
                reply = await lock.connection.ask("PUBLISH", channel, event)
                self.published = reply if isinstance(reply, int) else None
                if clustered:  # The reply counts those who listen at this node, and no others.
                    self.published = "sent"
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

    async def _batch(
        self,
        servers: OperatorServers,
        connection: OperatorConnection,
        lock: TenantLock,
        node: NodeWhere | None,
        start: int,
        end: int,
    ) -> str | None:
        """Act on one batch, and record its outcomes. Return why nothing more may be sent there; None where it may."""
        keys = [key.key for key in self._plan.keys[start:end]]
        self._action_log.intent(start, keys, None if node is None else node.place)
        found: Sequence[Outcome] = ["left"] * len(keys)
        why = await self._lost_lock(lock)  # Writing the intent may have taken longer than the lock lasts.
        if not why:
            try:
                found = await self._recipe.act(connection, self._plan, keys)
            except Halted as halted:
                found, why = halted.outcomes, halted.why
            if not _EXECUTED.isdisjoint(found) and not await servers.are_replicated(connection):
                found = ["unknown" if outcome in _EXECUTED else outcome for outcome in found]
                why = why or "the replicas did not confirm the last batch: a failover now would undo it"
            if all(outcome == "not executed" for outcome in found):
                why = why or "it serves none of the keys that were tried last: their slots have moved"
        self.outcomes[start:end] = found
        self._action_log.result(start, found)
        self.tell("acting")
        return why

    async def _lost_lock(self, lock: TenantLock) -> str | None:
        """Return why the lock is not ours any more; then nothing more is done on any server."""
        try:
            why = await lock.keep()
        except ConnectionLost as lost:
            why = lost.fault.message
        self._over = self._over or why is not None
        return why

    async def _quiet(self, connection: OperatorConnection) -> LatencyGuard:
        """Measure the PING time before the first batch."""
        return LatencyGuard([await _ping(connection) for _ in range(QUIET_PINGS)], self._dependencies.tuning)


def chunks(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of neighbouring places as (first, one after the last), each at most one batch long."""
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


async def apply(
    dependencies: ActionDependencies, plan: Plan, confirmation: Confirmation, control: RunControl
) -> Receipt | Refusal:
    """Carry out a plan that ``preflight`` has checked. A Refusal means that nothing was changed."""
    outcomes: list[Outcome] = ["left"] * plan.count
    return await _act(dependencies, plan, confirmation, control, outcomes, resumed=None)


async def resume(
    dependencies: ActionDependencies, left: Interrupted, confirmation: Confirmation, control: RunControl
) -> Receipt | Refusal:
    """Continue an interrupted action where its process ended.

    The keys of its last batch are checked first: the outcome of those that no longer exist stays "unknown".
    """
    return await _act(dependencies, left.plan, confirmation, control, list(left.outcomes), resumed=left)


async def look(dependencies: ActionDependencies, left: Interrupted, control: RunControl) -> Verified | Refusal:
    """Verify the keys of an interrupted action on its own server, which may have been restarted since."""
    servers = dependencies.servers(Permit(db=dependencies.target.db), left.plan)
    try:
        where = await servers.where(dependencies.settings)
        if isinstance(where, Refusal):
            return where
        as_now = structs.replace(left.plan.where, run_id=where.run_id, role=where.role, nodes=where.nodes)
        elsewhere = why_moved(as_now, where)
        if elsewhere is not None:
            return elsewhere
        found = await verify(dependencies, left.plan, left.outcomes, servers, control)
    except ConnectionLost as lost:
        return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
    finally:
        await servers.close()
    return found or Refusal("unreachable", "the keys could not be checked: the server gave no answer", "try again")


async def settle(
    dependencies: ActionDependencies, left: Interrupted, reason: str, control: RunControl
) -> Receipt | Refusal:
    """Close an interrupted action: verify its keys and change nothing."""
    action_log, began = ActionLog(dependencies.audit, dependencies.folder, left.plan), time.perf_counter()
    run = BatchRun(dependencies, left.plan, action_log, control, list(left.outcomes))
    run.stopped, run.event_lost = "closed by the operator", left.publishing
    try:
        action_log.reopen(f"close: {reason}", left.outcomes)
        servers = dependencies.servers(Permit(db=dependencies.target.db), left.plan)
        try:
            where = await servers.where(dependencies.settings)
            elsewhere = where if isinstance(where, Refusal) else why_moved(left.plan.where, where)
            if elsewhere is not None:
                run.stopped += f"; {elsewhere.message}"
            return await _end(dependencies, left.plan, reason, control, action_log, run, servers, began, resumed=True)
        finally:
            await servers.close()
    except (LockHeld, FileNotFoundError):
        return Refusal("conflict", "another process is carrying out this action: wait until it ends")
    except AuditUnwritable as error:
        return refused(error)
    except ConnectionLost as lost:
        return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
    finally:
        action_log.leave()


async def _act(
    dependencies: ActionDependencies,
    plan: Plan,
    confirmation: Confirmation,
    control: RunControl,
    outcomes: list[Outcome],
    resumed: Interrupted | None,
) -> Receipt | Refusal:
    began = time.perf_counter()
    servers = dependencies.servers(_permit(dependencies, plan), plan)
    lock: TenantLock | None = None
    action_log = ActionLog(dependencies.audit, dependencies.folder, plan)
    run = BatchRun(dependencies, plan, action_log, control, outcomes)
    run.event_lost = resumed is not None and resumed.publishing
    try:
        run.tell("checking")
        refusal = await check_server(dependencies, servers, plan)
        if refusal is None and resumed is None:
            refusal = await check_drift(dependencies, servers, plan)
        if refusal is not None:
            return refusal
        if resumed is not None:
            action_log.reopen(confirmation.reason, outcomes)
        lock = await _lock(dependencies, plan, servers)
        refusal = await lock.take(again=resumed is not None)
        if refusal is not None:
            return refusal
        if resumed is None:
            action_log.open(confirmation)
        else:
            await _reconcile(plan, action_log, outcomes, servers)
        await _run(plan, run, servers, lock)
        return await _end(
            dependencies, plan, confirmation.reason, control, action_log, run, servers, began, resumed=bool(resumed)
        )
    except AuditUnwritable as error:
        return refused(error)
    except (LockHeld, FileNotFoundError):
        return Refusal("conflict", "another process is carrying out this action: wait until it ends")
    except ConnectionLost as lost:
        return Refusal("unreachable", lost.fault.message, lost.fault.remedy)
    finally:
        action_log.leave()
        await _let_go(dependencies, lock, servers)


async def _lock(dependencies: ActionDependencies, plan: Plan, servers: OperatorServers) -> TenantLock:
    """Return the lock of the plan's tenant, on the server that owns its key. It is not taken yet."""
    name = lock_name(plan.request)
    node = SlotOwners(plan.where.nodes).of(name)
    connection = await servers.at(node)
    return TenantLock(connection, name, plan.id, plan.where.user, dependencies.clock, dependencies.ended_locks)


async def _run(plan: Plan, run: BatchRun, servers: OperatorServers, lock: TenantLock) -> None:
    await run.batches(servers, lock, [place for place, outcome in enumerate(run.outcomes) if outcome == "left"])
    wants_event = plan.channel is not None and not run.event_lost
    if wants_event and not run.stopped and not run.cancelled:
        await run.publish(servers, lock)


async def _reconcile(plan: Plan, action_log: ActionLog, outcomes: list[Outcome], servers: OperatorServers) -> None:
    """Mark keys sent without an answer as "left" if they meet the condition (again): they may be tried once more."""
    recipe = recipe_for(plan.request.kind)
    places = [place for place, outcome in enumerate(outcomes) if outcome == "unknown"]
    pttls = await servers.each([("PTTL", plan.keys[place].key) for place in places])
    there = [place for place, pttl in zip(places, pttls, strict=True) if isinstance(pttl, int) and recipe.meets(pttl)]
    for place in there:
        outcomes[place] = "left"
    action_log.note("reconciled", asked=places, there=there)


async def _end(
    dependencies: ActionDependencies,
    plan: Plan,
    reason: str,
    control: RunControl,
    action_log: ActionLog,
    run: BatchRun,
    servers: OperatorServers,
    began: float,
    *,
    resumed: bool,
) -> Receipt:
    run.tell("verifying")
    found = await verify(dependencies, plan, run.outcomes, servers, control)
    seconds = time.perf_counter() - began
    receipt = Receipt(
        id=plan.id,
        request=plan.request,
        where=plan.where,
        digest=plan.digest,
        outcomes=tuple(run.outcomes),
        counts=tally(run.outcomes),
        started_at=dependencies.clock.wall() - seconds,
        seconds=seconds,
        acting_seconds=run.seconds,
        reason=reason,
        cancelled=run.cancelled,
        stopped=run.stopped,
        verified=found is not None and not run.broken,
        published="unknown" if run.event_lost else run.published,
        resumed=resumed,
    )
    if found is not None:
        receipt = structs.replace(
            receipt, there_again=found.there_again, unknown_gone=found.unknown_gone, new_since=found.new_since
        )
    return _closed(receipt, action_log, run)


def _closed(receipt: Receipt, action_log: ActionLog, run: BatchRun) -> Receipt:
    try:
        if not receipt.verified:
            action_log.note("not verified", counts=receipt.counts, stopped=receipt.stopped)
            return receipt
        action_log.note("verified", there_again=receipt.there_again, new_since=receipt.new_since)
        action_log.close(receipt)
    except AuditUnwritable as error:
        stopped = receipt.stopped or ""
        if str(error) not in stopped:
            stopped = f"{stopped}; {error}".removeprefix("; ")
        return structs.replace(receipt, verified=False, stopped=stopped)
    run.tell("closed")
    return receipt


def _permit(dependencies: ActionDependencies, plan: Plan) -> Permit:
    recipe, request = recipe_for(plan.request.kind), plan.request
    keys: Sequence[bytes] = [key.key for key in plan.keys]
    return Permit(recipe.commands, keys, plan.channel, lock_name(request), dependencies.target.db)


async def _let_go(dependencies: ActionDependencies, lock: TenantLock | None, servers: OperatorServers) -> None:
    held = lock is not None and lock.held
    try:
        if lock is not None:
            await lock.release()
    except ConnectionLost:
        pass  # The lock expires by itself in 30 s, or the next action of this process goes on with it.
    finally:
        await servers.close()
        if lock is not None and held:
            dependencies.ended_locks.add(lock)
