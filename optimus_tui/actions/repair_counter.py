"""Repair a counter without a TTL: give it the end of its window and keep its count. Counters with a TTL are refused."""

from collections.abc import Sequence
from typing import ClassVar

from optimus_tui.actions.expiring import end_each
from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe
from optimus_tui.contract.actions import ActionKind, Outcome, Plan
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.ttl import ttl


class RepairCounter(Recipe):
    """EXPIRE of each counter that has no TTL."""

    kind: ClassVar[ActionKind] = "repair_counter"
    title = "Repair a counter that never resets"
    verb = "Repair"
    condition = "a counter of the tenant without a TTL"
    commands: ClassVar[frozenset[str]] = frozenset({"EXPIRE"})
    undo = "Until then the count stays as it is. The TTL cannot be taken back from here."

    def meets(self, pttl: int) -> bool:
        """Return True for a key without a TTL."""
        return pttl == -1

    def effect(self, plan: Plan) -> str:
        """Return when the counters will end."""
        window, tenant = plan.request.window_seconds or 0, safe_text(plan.request.tenant, 60)
        ends = "ends" if plan.count == 1 else "end"
        return f"{plural(plan.count, 'counter')} of {tenant} {ends} in {ttl(window)}; requests after that count from 0."

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Set the window as the TTL of each key that has none."""
        return await end_each(connection, plan.where.version, keys, plan.request.window_seconds or 0)
