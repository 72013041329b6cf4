"""Invalidate a tenant's cache: unlink its keys, then publish an event, so that gateways drop their own copies.

The event is sent once. If the reply is lost it is not sent again: whether it arrived stays unknown.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from optimus_tui.actions.operator_connection import OperatorConnection
from optimus_tui.actions.recipe import Recipe, of_unlink, send_each
from optimus_tui.contract.actions import ActionKind, ActionRequest, Outcome, Plan
from optimus_tui.grammar.keys import escape_glob
from optimus_tui.wording.numbers import plural
from optimus_tui.wording.safe import safe_text

MAX_EVENT = 4096
"""Bytes of an event; a longer one is sent without its patterns."""


class InvalidateTenant(Recipe):
    """UNLINK of each key, and one event on the tenant's channel."""

    kind: ClassVar[ActionKind] = "invalidate_tenant"
    title = "Invalidate a tenant's cache"
    verb = "Invalidate"
    condition = "a cache key of the tenant"
    commands: ClassVar[frozenset[str]] = frozenset({"UNLINK", "PUBLISH"})
    publishes = True

    def effect(self, plan: Plan) -> str:
        """Return what the gateways will do."""
        who = safe_text(plan.request.tenant, 60)
        return (
            f"Cold cache for {plural(plan.count, 'answer')} of {who}, and one event tells the gateways: "
            "each answer is fetched again when it is requested."
        )

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


def channel_of(request: ActionRequest) -> bytes:
    """Return the channel that gateways subscribe to for this tenant."""
    return b"cache_coherence:" + request.tenant


def event_of(plan: Plan, wall: float, removed: int) -> bytes:
    """Return the event: JSON of at most 4 kB with the action's id.

    ``wall``: the time; ``removed``: the keys unlinked.
    """
    tenant, kind = plan.request.tenant, plan.request.cache_kind
    pattern = b"cache:" + (escape_glob(kind) if kind is not None else b"*") + b":" + escape_glob(tenant) + b":*"
    event: dict[str, object] = {
        "type": "bulk_invalidation",
        "tenant_id": tenant.decode("utf-8", "backslashreplace"),
        "timestamp": datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event_id": plan.id,
        "action_id": plan.id,
        "source": "optimus-tui",
        "keys_invalidated": removed,
    }
    shown = pattern.decode("utf-8", "backslashreplace")
    whole = msgspec.json.encode({**event, "pattern": shown, "patterns": [shown]})
    return whole if len(whole) <= MAX_EVENT else msgspec.json.encode(event)
