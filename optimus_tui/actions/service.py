"""The public interface of the write actions: arm, plan, preview, apply, resume, look and close.

Every surface uses ``ActionService`` and nothing behind it. The service asks no questions: what the operator typed is
passed in. What ``guard`` or ``checks`` refuse is refused before a connection is opened.
"""

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from optimus_tui.actions import action_log, applying
from optimus_tui.actions.checks import ActionDependencies, Report, RunControl, Verified, check_plan, check_words
from optimus_tui.actions.guard import DEFAULT_MINUTES, Guard, may_ever_arm
from optimus_tui.actions.planning import Walked, make_plan, of_primaries, preview, where_now, words_to_type
from optimus_tui.actions.redis.identity import operator_target, why_moved
from optimus_tui.actions.redis.keys import Known
from optimus_tui.actions.redis.operator_connection import Listener
from optimus_tui.actions.redis.tenant_lock import EndedLocks
from optimus_tui.context import Context
from optimus_tui.contract.actions import (
    CACHE_TTL_SECONDS,
    ActionRequest,
    Arming,
    Confirmation,
    Interrupted,
    Plan,
    Preview,
    Receipt,
    Refusal,
    Where,
)
from optimus_tui.contract.keyspace import LimitRules
from optimus_tui.history.audit.log import AuditLog
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.storage.private_file import state_dir
from optimus_tui.threads import DaemonThreads
from optimus_tui.verdicts.limits.words import merge_rules, published_rules

T = TypeVar("T")
LEAVE_SECONDS = 5.0
"""How long closing waits for actions that were told to stop."""
GATEWAY_SECONDS = 2.5
VERIFY_SECONDS = 5.0


class ActionThreads:
    """The running actions of one service.

    Each runs in a thread with an event loop of its own, so that a blocked screen does not delay it. When the caller is
    cancelled, the action stops after its batch. At the end of the process, actions are waited for a few seconds at
    most; one that has not ended by then is interrupted, and the next start offers to resume it.
    """

    def __init__(self) -> None:
        self._running: dict[threading.Thread, threading.Event] = {}

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], cancel: threading.Event) -> T:
        """Run the work to its end in a thread of its own. If the caller is cancelled, ``cancel`` is set."""
        future: Future[T] = Future()
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._work, future, work), name="action", daemon=True)
        self._running[thread] = cancel
        thread.start()
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            cancel.set()
            raise

    def stop(self, seconds: float = LEAVE_SECONDS) -> None:
        """Tell all actions to stop after their batch, and wait for them for at most ``seconds``."""
        until = time.monotonic() + seconds
        for thread, cancel in list(self._running.items()):
            cancel.set()
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, future: "Future[T]", work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.get_loop().set_default_executor(DaemonThreads())
                future.set_result(runner.run(work()))
        except BaseException as error:
            future.set_exception(error)
        finally:
            self._running.pop(threading.current_thread(), None)


class ActionService:
    """The write actions of one context.

    Args:
        context: Settings, clock and clients; the actions use its operator login.
        folder: State directory with the audit; None for the user's own.
        listener: Called with each command that is sent, or None.
        verify_seconds: How long the check after an action waits for an answer.
    """

    def __init__(
        self,
        context: Context,
        folder: Path | None = None,
        listener: Listener | None = None,
        *,
        verify_seconds: float = VERIFY_SECONDS,
    ) -> None:
        settings, folder = context.settings, folder or state_dir()
        self._context, self._running = context, ActionThreads()
        self.audit = AuditLog(folder, context.clock)
        self.guard = Guard(
            settings, context.clock, context.own, self.audit, context.layout, context.tuning.idle_seconds
        )
        self.guard.listener = listener
        target = operator_target(settings)
        self._dependencies = ActionDependencies(
            settings,
            target,
            context.clock,
            context.own,
            self.guard,
            self.audit,
            folder,
            verify_seconds,
            context.tuning,
            context.layout,
            EndedLocks(),
        )

    def may_ever_arm(self) -> Refusal | None:
        """Return why the settings forbid to arm, or None. Menus show it beside actions that cannot be chosen."""
        return may_ever_arm(self._context.settings)

    async def arm(self, typed: str, minutes: float = DEFAULT_MINUTES) -> Arming | Refusal:
        """Arm for ``minutes`` minutes; see ``Guard.arm``."""
        with attributed_to("arm"):
            return await self.guard.arm(typed, minutes)

    async def plan(
        self,
        request: ActionRequest,
        known: Known | None = None,
        walked: Walked | None = None,
        rules: LimitRules | None = None,
    ) -> Plan | Refusal:
        """Read the keyspace and return a plan, or why there is none. Changes nothing.

        Args:
            request: What to do, and for which tenant.
            known: Tenants that the caller has seen in counters and events; None for none.
            walked: Called with the names seen so far and the total (None if unknown).
            rules: The limits in force; None to ask the gateway for at most 2.5 s, else to take what it published last.
        """
        with attributed_to(f"plan {request.kind}"):
            rules = rules or await self._rules()
            if request.kind == "expire_no_ttl" and request.window_seconds is None:
                request = structs.replace(request, window_seconds=CACHE_TTL_SECONDS)
            async with of_primaries(self._context) as context:
                return await make_plan(context, request, self._known(known or Known(), rules), walked, rules)

    async def is_still_armed(self) -> bool:
        """Return whether actions are armed for the servers that answer now; disarm where these are others."""
        armed = self.guard.armed
        if armed is None:
            return False
        with attributed_to("arm"):
            where = await where_now(self._context)
        if isinstance(where, Where) and why_moved(armed.where, where) is not None:
            self.guard.disarm("other servers answer than the armed ones")
            return False
        return True

    def preview(self, plan: Plan) -> Preview:
        """Return the figures and sentences of the confirmation dialog."""
        return preview(plan, self._context.layout)

    async def apply(
        self, plan: Plan, confirmation: Confirmation, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Carry out the plan in a thread of its own.

        Args:
            plan: A plan made by ``plan``.
            confirmation: What the operator typed, and the reason.
            cancel: Once set, the action ends after the current batch.
            report: Called with the progress, from the action's thread.

        Returns:
            The receipt, or a Refusal where nothing was changed.
        """
        refusal = check_words(self._dependencies, plan, words_to_type(plan), confirmation)
        known = refusal or check_plan(self._dependencies, plan)
        if known is not None:
            return known
        with attributed_to(plan.request.kind):
            return await self._running.run(
                lambda: applying.apply(self._dependencies, plan, confirmation, RunControl(cancel, report)), cancel
            )

    def interrupted(self) -> list[Interrupted | Refusal]:
        """List the actions whose process ended before they did. Reads the whole audit, so call it once at the start."""
        return action_log.interrupted(self._dependencies.folder, self._context.clock.wall(), self.audit)

    async def resume(
        self, left: Interrupted, confirmation: Confirmation, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Continue an interrupted action. Needs arming and the words in ``left.confirm``."""
        why_not = left.why_not or action_log.too_old(left.plan, self._context.clock.wall())
        if why_not is not None:
            return Refusal("stale", why_not, "verify and close it")
        refusal = check_words(self._dependencies, left.plan, left.confirm, confirmation)
        refusal = refusal or await asyncio.to_thread(self._moved_on, left)
        if refusal is not None:
            return refusal
        with attributed_to(f"resume {left.plan.request.kind}"):
            return await self._running.run(
                lambda: applying.resume(self._dependencies, left, confirmation, RunControl(cancel, report)), cancel
            )

    async def look(self, left: Interrupted, report: Report) -> Verified | Refusal:
        """Check the keys of an interrupted action. It stays open, and nothing is changed."""
        cancel = threading.Event()
        with attributed_to(f"look at {left.plan.request.kind}"):
            return await self._running.run(
                lambda: applying.look(self._dependencies, left, RunControl(cancel, report)), cancel
            )

    def receipts_of(self, incident: str) -> list[Receipt]:
        """Return the receipts of an incident's closed actions. Reads files: do not call it on an event loop."""
        return action_log.receipts_of(self._dependencies.folder, incident)

    async def settle(
        self, left: Interrupted, reason: str, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Verify and close an interrupted action. Changes no key, so it needs no arming."""
        refusal = await asyncio.to_thread(self._moved_on, left)
        if refusal is not None:
            return refusal
        with attributed_to(f"close {left.plan.request.kind}"):
            return await self._running.run(
                lambda: applying.settle(self._dependencies, left, reason, RunControl(cancel, report)), cancel
            )

    def _moved_on(self, left: Interrupted) -> Refusal | None:
        """Refuse if another process closed or continued the action after it was listed."""
        now = [one for one in self.interrupted() if isinstance(one, Interrupted) and one.plan.id == left.plan.id]
        if not now:
            return Refusal("conflict", "another process has this action, or has closed it")
        if now[0].outcomes == left.outcomes:
            return None
        return Refusal("stale", "more of this action was done since it was listed", "check it again")

    def close(self) -> None:
        """Stop running actions after their batch (waiting at most 5 s), disarm, and close the audit."""
        self._running.stop()
        self.guard.disarm("the session ended")
        self.guard.wait_written()
        self.audit.close()

    async def _rules(self) -> LimitRules | None:
        """Return the limits in force: the gateway's, or those it published last, and the configured ones beside."""
        from optimus_tui.probes.http.services import read_gateway

        context, settings = self._context, self._context.settings
        try:
            async with asyncio.timeout(GATEWAY_SECONDS):
                reading = await read_gateway(context.http, settings, context.clock, with_rules=True)
        except TimeoutError:
            return merge_rules(context.published, settings.limits)
        rules = published_rules(reading.value)
        return merge_rules(rules or context.published, settings.limits)

    def _known(self, known: Known, rules: LimitRules | None) -> Known:
        named = set(self._context.settings.tenants)
        for one in (rules, self._context.settings.limits):
            if one is not None:
                named |= set(one.tenants)
        return Known(known.sure | {tenant.encode("utf-8", "surrogatepass") for tenant in named}, known.hinted)
