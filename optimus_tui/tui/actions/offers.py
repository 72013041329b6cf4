"""What ``a`` offers for rate-limit counters, with what each action means for users now, and when refusals end."""

from typing import NamedTuple

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.contract.incident import Stamp
from optimus_tui.contract.keyspace import ALL_TENANTS, LimitRow
from optimus_tui.wording.numbers import clock, ttl
from optimus_tui.wording.safe import safe_text

SERVED = "served at once"


class Offer(NamedTuple):
    """An action that can be chosen: its name and a note, both safe to show, and its request.

    It is for one tenant, by the bytes of its name as they were read.
    """

    name: str
    about: str
    request: ActionRequest


def counter_offers(row: LimitRow, now: Stamp | None = None) -> list[Offer]:
    """Return the actions for one counter: repair it if it never resets, reset it, reset all counters of its tenant.

    The gentlest comes first that ends what users suffer: a full counter that never resets goes on refusing after a
    repair, because its count stays.

    Args:
        row: The counter as it was judged.
        now: The present time, for when refusals end; None leaves it out.
    """
    counter = row.counter
    tenant, operation = counter.tenant, counter.operation
    if not tenant or counter.doubt or tenant == ALL_TENANTS.encode():
        return []
    who, what = safe_text(tenant, 60), safe_text(operation, 60)
    effect = f"it starts again at 0: {SERVED}{_without(row, now)}" if row.refuses else "it starts again at 0"
    served = f": {SERVED}" if row.refuses else ""
    reset = Offer(f"Reset {what} of {who}", effect,
                  ActionRequest(kind="reset_counters", tenant=tenant, operation=operation))  # fmt: skip
    every = Offer(f"Reset all counters of {who}", f"every operation starts again at 0{served}",
                  ActionRequest(kind="reset_counters", tenant=tenant))  # fmt: skip
    if not counter.immortal or counter.sliding:
        return [reset, every]
    repair = Offer(f"Repair {what} of {who}", _repair_effect(row, now),
                   ActionRequest(kind="repair_counter", tenant=tenant, operation=operation))  # fmt: skip
    if row.refuses:
        return [reset, repair, every]
    return [repair, reset, every]


def _repair_effect(row: LimitRow, now: Stamp | None) -> str:
    """Return what a TTL of its window means for the counter's tenant."""
    if not row.refuses:
        return "sets a TTL of its window; the count stays, and refuses nobody now"
    window = row.window_seconds
    if window is None:
        return "sets a TTL; the count stays: refused until that ends"
    when = f"for {ttl(window)} more" if now is None else f"until {clock(now.wall + window)} if done now"
    return f"sets a TTL; the count stays: refused {when}"


def _without(row: LimitRow, now: Stamp | None) -> str:
    """Return until when the tenant is refused where nothing is done; empty where that is not known."""
    if now is None or row.resets_mono is None or row.resets_mono <= now.mono:
        return ""
    return f" (else refused until {clock(now.wall + row.resets_mono - now.mono)})"
