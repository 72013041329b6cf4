"""Give cache keys without a TTL one, which is gentler than unlinking. A key that has a TTL by now is left alone."""

from collections.abc import Sequence
from typing import ClassVar

from optimus_tui.actions.expiring import end_each
from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe
from optimus_tui.contract.actions import ActionKind, Outcome, Plan
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.ttl import ttl

GENTLE_SECONDS = 3600
"""Seconds: the TTL that is offered instead of unlinking."""


class ExpireNoTtl(Recipe):
    """EXPIRE of each key that has no TTL."""

    kind: ClassVar[ActionKind] = "expire_no_ttl"
    title = "Give cache keys without a TTL one"
    verb = "Set TTL"
    condition = "a cache key of the tenant without a TTL"
    commands: ClassVar[frozenset[str]] = frozenset({"EXPIRE"})
    undo = "The answers are kept; the TTL cannot be taken back from here."

    def meets(self, pttl: int) -> bool:
        """Return True for a key without a TTL."""
        return pttl == -1

    def effect(self, plan: Plan) -> str:
        """Return how long the answers will still be served."""
        window, tenant = plan.request.window_seconds or 0, safe_text(plan.request.tenant, 60)
        return f"{plural(plan.count, 'answer')} of {tenant}: served for another {ttl(window)}, then fetched again."

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Set the TTL of each key that has none."""
        return await end_each(connection, plan.where.version, keys, plan.request.window_seconds or 0)
