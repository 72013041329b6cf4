"""Run the checks after each remedy of an incident, whichever screen is shown, and show what comes in until then."""

import asyncio
from collections.abc import Callable
from functools import partial

from optimus_tui.contract.incident import ActionRecord, Figure
from optimus_tui.incidents.errors import IncidentError
from optimus_tui.incidents.proof import Prover
from optimus_tui.incidents.service import IncidentService
from optimus_tui.incidents.since import ProofProgress, counter_figure, proof_progress
from optimus_tui.tools.pages.report_sections import limit_section
from optimus_tui.tui.incidents.lone_proof import fills_again, say_result
from optimus_tui.tui.services import DashboardServices
from optimus_tui.verdicts.limits.words import subject_of
from optimus_tui.workflow.proof import aimed_at, proof_parts, waiting

PROVE_SECONDS = 0.5
"""Seconds between two looks whether checks are due."""
LOOKS_APART = 2
"""Of these, every so many-th look reads what came in."""


async def prove(
    dashboard: DashboardServices,
    service: IncidentService,
    is_current: Callable[[], bool],
    show: Callable[[ProofProgress | None], None],
) -> None:
    """Run what is due, again and again.

    Args:
        dashboard: Says results; its last readings are used.
        service: The incident.
        is_current: Returns False once this incident is no longer the dashboard's.
        show: Called with what came in since the last action whose proof is awaited; with None if none is.
    """

    def tell(record: ActionRecord) -> None:
        done = record.receipt.words or record.receipt.kind
        say_result(dashboard, proof_parts(record), record.verdict in ("fixed", "better"), done)

    prover, said, turn = Prover(service, tell, partial(fills_again, dashboard)), "", 0
    while is_current():
        try:
            await prover.turn()
        except IncidentError as error:
            if str(error) != said:
                said = str(error)
                dashboard.say(said, "warning")
        last = next(iter(reversed(waiting(service.state))), None)
        if last is None:
            show(None)
        elif not turn % LOOKS_APART:
            show(await proof_progress(service.ctx, last, counters_read(dashboard, last)))
        turn += 1
        await asyncio.sleep(PROVE_SECONDS)


def counters_read(dashboard: DashboardServices, record: ActionRecord) -> list[Figure]:
    """Return what the limits pane has read since an action of the counters that it was for.

    Args:
        dashboard: The dashboard with its last readings.
        record: The action.
    """
    reading = dashboard.pane("limits").reading
    if reading is None or reading.value is None or reading.taken_at < record.since:
        return []
    rows = {subject_of(row): limit_section(row.counter, row) for row in reading.value.rows}
    whole = reading.value.coverage.complete
    found = (counter_figure(one, rows.get(one.subject), is_complete=whole) for one in aimed_at(record))
    return [one for one in found if one is not None]
