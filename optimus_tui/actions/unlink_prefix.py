"""Unlink a tenant's cache keys with one prefix. An empty prefix is refused: that is an invalidation."""

from collections.abc import Sequence
from typing import ClassVar

from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe, of_unlink, send_each
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text


class UnlinkPrefix(Recipe):
    """UNLINK of each key."""

    kind: ClassVar[ActionKind] = "unlink_prefix"
    title = "Unlink cache keys by prefix"
    verb = "Unlink"
    condition = "a cache key of the tenant that begins with the prefix"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK"})

    def effect(self, plan: Plan) -> str:
        """Return how many answers will be fetched again."""
        who = safe_text(plan.request.tenant, 60)
        return f"Cold cache for {plural(plan.count, 'answer')} of {who}: each is fetched again when it is requested."

    def gentler(self, plan: Plan) -> tuple[ActionRequest, str] | None:
        """Offer to unlink only the keys without a TTL, where there are some of each."""
        immortal = sum(key.immortal for key in plan.keys)
        if not 0 < immortal < plan.count:
            return None
        request = plan.request
        only = ActionRequest(kind="unlink_no_ttl", tenant=request.tenant, cache_kind=request.cache_kind)
        return only, f"unlink only keys without a TTL ({immortal:,} of these): the others end by themselves"

    async def act(self, connection: OperatorConnection, plan: Plan, keys: Sequence[bytes]) -> list[Outcome]:
        """Unlink the keys."""
        return await send_each(connection, [("UNLINK", key) for key in keys], of_unlink)
