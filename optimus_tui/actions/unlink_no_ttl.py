"""Unlink cache keys without a TTL. A key that has one by now is left alone; the server checks this itself."""

from collections.abc import Sequence
from typing import ClassVar

from optimus_tui.actions.expire_no_ttl import GENTLE_SECONDS
from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe
from optimus_tui.actions.transaction import touch_without_ttl
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.ttl import ttl


class UnlinkNoTtl(Recipe):
    """WATCH, PTTL, MULTI, UNLINK, EXEC for each batch."""

    kind: ClassVar[ActionKind] = "unlink_no_ttl"
    title = "Unlink cache keys without a TTL"
    verb = "Unlink"
    condition = "a cache key of the tenant without a TTL"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})
    watched = True

    def meets(self, pttl: int) -> bool:
        """Return True for a key without a TTL."""
        return pttl == -1

    def effect(self, plan: Plan) -> str:
        """Return how many answers will be fetched again."""
        who = safe_text(plan.request.tenant, 60)
        return f"Cold cache for {plural(plan.count, 'answer')} of {who}: each is fetched again when it is requested."

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to give the keys a TTL instead."""
        request = plan.request
        ending = ActionRequest(
            kind="expire_no_ttl",
            tenant=request.tenant,
            cache_kind=request.cache_kind,
            window_seconds=GENTLE_SECONDS,
            include=request.include,
        )
        return ending, f"give them a TTL of {ttl(GENTLE_SECONDS)} instead (nothing goes cold at once)"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the keys that still have no TTL."""
        return await touch_without_ttl(connection, keys, lambda key: ("UNLINK", key))
