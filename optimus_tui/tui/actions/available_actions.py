"""What can be done about a row, from what the row is, and the question that completes a request.

An offer is for one tenant, by the bytes of its name as they were read. A row of no single tenant has none.
"""

from typing import TYPE_CHECKING

from msgspec import structs

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.contract.cache import CacheReport, GroupTotals
from optimus_tui.contract.feed import FeedEvent, FeedGap
from optimus_tui.contract.limits import LimitRow, LimitsReport
from optimus_tui.grammar.keys import COHERENCE_PREFIX
from optimus_tui.probes.events.ring import MAX_CHANNEL
from optimus_tui.tui.actions.counter_actions import Offer, counter_offers
from optimus_tui.tui.actions.finding_actions import finding_offers
from optimus_tui.tui.dialogs.question import QuestionDialog, QuestionField
from optimus_tui.tui.panes.cache.rows import KeyRow
from optimus_tui.tui.panes.health.lines import HealthLine
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.tui.services import DashboardServices


def offers_for(row: object, limits: LimitsReport | None = None, cache: CacheReport | None = None) -> list[Offer]:
    """Return the actions for a pane's row, the gentlest first. None of them for a row of no single tenant.

    Args:
        row: The row of any pane.
        limits: The last reading of the counters, in which a finding's tenants are looked up.
        cache: The last reading of the cache keys, likewise.
    """
    if isinstance(row, LimitRow):
        return counter_offers(row)
    if isinstance(row, HealthLine) and row.finding is not None:
        return finding_offers(row.finding, limits, cache)
    if isinstance(row, FeedEvent):
        tenant = tenant_of(row)
        return [_invalidation(tenant)] if tenant else []
    if isinstance(row, KeyRow):
        row = row.group
    if isinstance(row, GroupTotals) and row.tenant:
        return _cache_offers(row, row.tenant)
    return []


def why_none(row: object) -> str:
    """Return why no action is offered for a row, in a sentence."""
    if isinstance(row, HealthLine):
        if row.finding is None:
            return "no action here: put the cursor on a finding; e explains it, i opens an incident"
        return f"no built-in action fixes {safe_text(row.finding.rule, 60)}: e explains it, i opens an incident"
    if isinstance(row, FeedGap):
        return "no action here: a gap belongs to no tenant"
    if isinstance(row, FeedEvent):
        return "no action here: the event's channel does not name one tenant"
    if isinstance(row, LimitRow):
        return f"no action here: {row.counter.doubt or 'it is unknown whose counter this is'}"
    if isinstance(row, GroupTotals):
        return "no action for all tenants at once: open the kind (→) and put the cursor on one tenant"
    return "no action here: put the cursor on a counter, a tenant's cache keys, an event or a finding"


def tenant_of(event: FeedEvent) -> bytes:
    """Return the tenant that an event's channel names. Empty if the channel is cut or of no tenant."""
    channel = event.channel
    whole = channel.startswith(COHERENCE_PREFIX) and len(channel) < MAX_CHANNEL
    return channel[len(COHERENCE_PREFIX) :] if whole else b""


def _invalidation(tenant: bytes) -> Offer:
    return Offer(
        f"Invalidate the cache of {safe_text(tenant, 60)}",
        "all kinds, and the gateways are told to drop theirs",
        ActionRequest(kind="invalidate_tenant", tenant=tenant),
    )


def _cache_offers(group: GroupTotals, tenant: bytes) -> list[Offer]:
    who, kind = safe_text(tenant, 60), safe_text(group.kind, 60)
    return [
        Offer(f"Unlink {kind} of {who} without TTL", "only keys that would never expire",
              ActionRequest(kind="unlink_no_ttl", tenant=tenant, cache_kind=group.kind)),
        Offer(f"Unlink {kind} of {who} by prefix …", "asks how their names begin",
              ActionRequest(kind="unlink_prefix", tenant=tenant, cache_kind=group.kind)),
        _invalidation(tenant),
    ]  # fmt: skip


async def completed(dashboard: "DashboardServices", request: ActionRequest) -> ActionRequest | None:
    """Ask for what only the operator knows, and return the whole request. None if it was not answered."""
    if request.kind == "unlink_prefix" and not request.prefix:
        about = f"Keys of {safe_text(request.tenant, 60)} whose names go on like this after the tenant."
        answers = await dashboard.ask(QuestionDialog("Unlink by prefix", [QuestionField("Prefix")], about))
        return None if answers is None else structs.replace(request, prefix=answers[0].encode("utf-8", "surrogatepass"))
    return request
