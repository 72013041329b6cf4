"""The write side's one door: arm, plan, preview, apply, resume, close. Surfaces use this and nothing behind it.

It holds no widget and asks no question: what was typed is handed in. It refuses whatever ``guard`` and ``checking``
refuse, before a socket is touched.
"""

import asyncio
import threading
from pathlib import Path

from msgspec import structs

from optimus_tui.actions import applying, interrupted_actions
from optimus_tui.actions.dependencies import ActionDependencies, Report, RunControl
from optimus_tui.actions.guard import DEFAULT_MINUTES, Guard, may_ever_arm
from optimus_tui.actions.identity import operator_target
from optimus_tui.actions.key_selection import Known
from optimus_tui.actions.operator_connection import Listener
from optimus_tui.actions.planning import Walked, make_plan
from optimus_tui.actions.preflight import check_plan, check_words
from optimus_tui.actions.preview import preview, words_to_type
from optimus_tui.actions.threads import ActionThreads
from optimus_tui.actions.verifying import Verified
from optimus_tui.context import Context
from optimus_tui.contract.actions import (
    ActionRequest,
    Arming,
    Confirmation,
    Interrupted,
    Plan,
    Preview,
    Receipt,
    Refusal,
)
from optimus_tui.contract.limits import LimitRules
from optimus_tui.history.audit import AuditLog, state_folder
from optimus_tui.probes.round_trips import attributed_to

GATEWAY_SECONDS = 2.5


class ActionService:
    """One a context. ``folder`` is the state directory with the audit; the user's own unless told otherwise."""

    def __init__(self, context: Context, folder: Path | None = None, listener: Listener | None = None) -> None:
        settings, folder = context.settings, folder or state_folder()
        self._context, self._running = context, ActionThreads()
        self.audit = AuditLog(folder, context.clock)
        self.guard = Guard(settings, context.clock, context.own, self.audit)
        self.guard.listener = listener
        target = operator_target(settings)
        self._dependencies = ActionDependencies(
            settings, target, context.clock, context.own, self.guard, self.audit, folder
        )

    def may_ever_arm(self) -> Refusal | None:
        """What the settings alone forbid: for a menu that says why an action is greyed out."""
        return may_ever_arm(self._context.settings)

    async def arm(self, typed: str, minutes: float = DEFAULT_MINUTES) -> Arming | Refusal:
        """See ``Guard.arm``."""
        with attributed_to("arm"):
            return await self.guard.arm(typed, minutes)

    async def plan(
        self,
        request: ActionRequest,
        known: Known | None = None,
        walked: Walked | None = None,
        rules: LimitRules | None = None,
    ) -> Plan | Refusal:
        """A plan from a fresh look; reads only. ``known`` are tenants that the caller has seen (counters, events).

        ``rules`` are the limits in force where the caller has them; else the gateway is asked, for at most 2.5 s.
        """
        with attributed_to(f"plan {request.kind}"):
            rules = rules or await self._rules()
            if request.kind == "repair_counter" and request.window_seconds is None and rules:
                request = structs.replace(request, window_seconds=rules.window_seconds)
            return await make_plan(self._context, request, self._known(known or Known(), rules), walked)

    def preview(self, plan: Plan) -> Preview:
        """The card."""
        return preview(plan)

    async def apply(
        self, plan: Plan, confirmation: Confirmation, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Carry it out, in a thread of its own. ``report`` is called from there; ``cancel`` ends it after a batch."""
        refusal = check_words(self._dependencies, plan, words_to_type(plan), confirmation)
        known = refusal or check_plan(self._dependencies, plan)
        if known is not None:
            return known
        with attributed_to(plan.request.kind):
            return await self._running.run(
                lambda: applying.apply(self._dependencies, plan, confirmation, RunControl(cancel, report)), cancel
            )

    def interrupted(self) -> list[Interrupted | Refusal]:
        """Actions whose process ended before they did; reads the audit, so ask at the start, not in a loop."""
        return interrupted_actions.interrupted(self._dependencies.folder, self._context.clock.wall(), self.audit)

    async def resume(
        self, left: Interrupted, confirmation: Confirmation, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Go on with an interrupted action; needs arming and the words in ``left.confirm``."""
        why_not = left.why_not or interrupted_actions.too_old(left.plan, self._context.clock.wall())
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
        """What became of an interrupted action's keys; it stays open, and nothing is changed."""
        cancel = threading.Event()
        with attributed_to(f"look at {left.plan.request.kind}"):
            return await self._running.run(
                lambda: applying.look(self._dependencies, left, RunControl(cancel, report)), cancel
            )

    def receipts_of(self, incident: str) -> list[Receipt]:
        """Closed actions of an incident; reads the audit and their files: not for an event loop."""
        return interrupted_actions.receipts_of(self._dependencies.folder, incident)

    async def settle(
        self, left: Interrupted, reason: str, cancel: threading.Event, report: Report
    ) -> Receipt | Refusal:
        """Verify and close an interrupted action; changes nothing, so it needs no arming."""
        refusal = await asyncio.to_thread(self._moved_on, left)
        if refusal is not None:
            return refusal
        with attributed_to(f"close {left.plan.request.kind}"):
            return await self._running.run(
                lambda: applying.settle(self._dependencies, left, reason, RunControl(cancel, report)), cancel
            )

    def _moved_on(self, left: Interrupted) -> Refusal | None:
        """Whether somebody went on with it, or closed it, since it was listed: then its words are of yesterday."""
        now = [one for one in self.interrupted() if isinstance(one, Interrupted) and one.plan.id == left.plan.id]
        if not now:
            return Refusal("conflict", "another process has this action, or has closed it")
        if now[0].outcomes == left.outcomes:
            return None
        return Refusal("stale", "more of it was done since it was listed", "look at it once more")

    def close(self) -> None:
        """End what runs after its batch, as far as 5 s go; disarm and let go of the audit."""
        self._running.stop()
        self.guard.disarm("the session ended")
        self.guard.wait_written()
        self.audit.close()

    async def _rules(self) -> LimitRules | None:
        """The gateway's, else those configured."""
        from optimus_tui.probes.services import read_gateway

        context, settings = self._context, self._context.settings
        try:
            async with asyncio.timeout(GATEWAY_SECONDS):
                reading = await read_gateway(context.http, settings, context.clock, with_rules=True)
        except TimeoutError:
            return settings.limits
        return (reading.value.rules if reading.value else None) or settings.limits

    def _known(self, known: Known, rules: LimitRules | None) -> Known:
        named = set(self._context.settings.tenants)
        for one in (rules, self._context.settings.limits):
            named |= set(one.tenants) if one else set()
        return Known(known.sure | {tenant.encode("utf-8", "surrogatepass") for tenant in named}, known.hinted)
