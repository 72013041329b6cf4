"""An action's receipt in the form that an incident keeps: counts and words. The keys stay in the audit."""

from optimus_tui.contract.actions import Receipt
from optimus_tui.contract.incident import KeptReceipt
from optimus_tui.wording.clauses import clause
from optimus_tui.wording.safe import safe_text

_DONE = {
    "repair_counter": "counters given a TTL",
    "reset_counters": "counters reset",
    "unlink_no_ttl": "cache keys without TTL unlinked",
    "expire_no_ttl": "cache keys given a TTL",
    "invalidate_tenant": "cache invalidated",
    "unlink_prefix": "cache keys unlinked by prefix",
}


def kept(receipt: Receipt, audit: str = "") -> KeptReceipt:
    """Return the receipt for the incident. ``audit`` names the audit file and the line that prove it."""
    tenant = safe_text(receipt.request.tenant, 120)
    ending = clause(receipt.stopped, "; stopped: ")
    if receipt.cancelled and not receipt.stopped:
        ending = "; cancelled"
    if not receipt.verified:
        ending += "; not verified"
    return KeptReceipt(
        action_id=receipt.id,
        kind=receipt.request.kind,
        tenant=tenant,
        counts=dict(receipt.counts),
        planned=len(receipt.outcomes),
        reason=safe_text(receipt.reason, 400),
        audit=audit,
        words=f"{_DONE.get(receipt.request.kind, receipt.request.kind)} for {tenant}{ending}",
        started=receipt.started_at,
        ended=receipt.started_at + receipt.seconds,
    )
