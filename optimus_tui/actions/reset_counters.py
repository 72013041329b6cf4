"""Reset a tenant's counters: their limits start again at 0. Only counters of the one tenant are touched."""

from collections.abc import Sequence
from typing import ClassVar

from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe, of_unlink, send_each
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text


class ResetCounters(Recipe):
    """UNLINK of each counter."""

    kind: ClassVar[ActionKind] = "reset_counters"
    title = "Reset a tenant's counters"
    verb = "Reset"
    condition = "a counter of the tenant"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})

    def effect(self, plan: Plan) -> str:
        """Return which limits start again at 0."""
        who, operation = safe_text(plan.request.tenant, 60), plan.request.operation
        if operation is not None:
            return f"{who}'s limit for {safe_text(operation, 60)} starts again at 0."
        return f"{who}'s limits start again at 0."

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to set a TTL on the counters without one, which keeps the counts."""
        immortal = sum(key.immortal for key in plan.keys)
        if not immortal:
            return None
        request = plan.request
        repair = ActionRequest(
            kind="repair_counter",
            tenant=request.tenant,
            operation=request.operation,
            window_seconds=request.window_seconds,
        )
        return repair, f"set a TTL on the {plural(immortal, 'counter')} without one (keeps the count)"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the counters."""
        return await send_each(connection, [("UNLINK", key) for key in keys], of_unlink)
