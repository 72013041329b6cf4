"""What the incident's proofs say of a finding of the dashboard: too early to tell, or proved fixed already."""

from typing import TYPE_CHECKING

from optimus_tui.contract.findings import Finding
from optimus_tui.tui.actions.remedies import with_causes
from optimus_tui.tui.services import DashboardServices
from optimus_tui.workflow.proof import WINDOW_SECONDS, aimed_at, early_words, fixed_words, waiting

if TYPE_CHECKING:
    from optimus_tui.contract.incident import IncidentState


def keys_of(dashboard: DashboardServices, finding: Finding) -> set[tuple[str, str]]:
    """Return rule and subject of a finding, and of what has caused it."""
    known = dashboard.health.findings if dashboard.health is not None else ()
    return {(one.rule, one.subject) for one in with_causes(finding, known)}


def early_in(dashboard: DashboardServices, state: "IncidentState", finding: Finding) -> str:
    """Return why a finding tells nothing yet of what was done for it in an incident; empty if it does."""
    keys = keys_of(dashboard, finding)
    for record in waiting(state):
        if any((one.rule, one.subject) in keys for one in aimed_at(record)):
            return early_words(record)
    return ""


def proved_in(dashboard: DashboardServices, state: "IncidentState", finding: Finding) -> str:
    """Return when it was proved in an incident that a finding is gone whose figures reach back; empty where not so."""
    now = dashboard.context.clock.wall()
    begin = now - (finding.window_seconds or WINDOW_SECONDS)
    return fixed_words(state, keys_of(dashboard, finding), finding.since or now, begin)
