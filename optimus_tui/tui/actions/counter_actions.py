"""What can be done about one counter of the limits pane."""

from typing import NamedTuple

from optimus_tui.contract.actions import ActionRequest
from optimus_tui.contract.limits import LimitRow
from optimus_tui.wording.safe import safe_text


class Offer(NamedTuple):
    """An action that can be chosen: its name and a note, both safe to show, and its request."""

    name: str
    about: str
    request: ActionRequest


def counter_offers(row: LimitRow) -> list[Offer]:
    """Return the actions for one counter: repair it if it never resets, reset it, reset all of its tenant."""
    counter = row.counter
    tenant, operation = counter.tenant, counter.operation
    if not tenant or counter.doubt:
        return []
    who, what = safe_text(tenant, 60), safe_text(operation, 60)
    offers = []
    if counter.immortal and not counter.sliding:
        offers.append(Offer(
            f"Repair {what} of {who}", "gives the counter its window back; the count stays",
            ActionRequest(kind="repair_counter", tenant=tenant, operation=operation),
        ))  # fmt: skip
    return [
        *offers,
        Offer(f"Reset {what} of {who}", "this one counter starts again at 0",
              ActionRequest(kind="reset_counters", tenant=tenant, operation=operation)),
        Offer(f"Reset all counters of {who}", "every operation starts again at 0",
              ActionRequest(kind="reset_counters", tenant=tenant)),
    ]  # fmt: skip
