"""When an incident counts as repaired: the worst of what looked again decides. Pure.

Two things look again: a step that is asked once more, and the checks after an action. A result "fixed" of one of them
is no proof while another one still shows a fault, or cannot tell. A later look replaces an earlier one.
"""

from collections.abc import Iterator

from optimus_tui.contract.incident import ActionRecord, IncidentState, Stamp, Step
from optimus_tui.workflow.severity import MATTERS, rank


def proved(state: IncidentState, at: Stamp) -> Stamp | None:
    """Return since when the repair is proved: as it is known, else ``at``; None while a look says otherwise."""
    results = [*_of_steps(state), *_of_actions(state)]
    return (state.repaired or at) if results and all(results) else None


def _of_steps(state: IncidentState) -> Iterator[bool]:
    """Whether what a step showed is gone, for each that showed a fault and was asked again."""
    for step in state.steps:
        if step.change is not None and step.worst is not None and rank(step.worst.severity) >= MATTERS:
            yield _is_clear(step) or any(_covers(record, step) for record in state.action_records)


def _is_clear(step: Step) -> bool:
    """A second look after the one that said "fixed" says "same": nothing was wrong before, and nothing is."""
    if step.change is None or step.outcome is None:
        return False
    calm = step.change.verdict == "same" and rank(step.outcome.severity) < MATTERS
    return step.change.verdict == "fixed" or calm


def _covers(record: ActionRecord, step: Step) -> bool:
    """Whether a check of a later action asked this step's tool, and found the fault gone."""
    asked = (one.change for one in record.checks if one.step == step.plan.id)
    fixed = any(change is not None and change.verdict == "fixed" for change in asked)
    return fixed and step.ended is not None and record.at.wall > step.ended.wall


def _of_actions(state: IncidentState) -> Iterator[bool]:
    """Whether the last action for each tenant is proved, by its checks or by a step that was asked after it."""
    last = {record.receipt.tenant: record for record in state.action_records}
    for record in last.values():
        checked = {one.step for one in record.checks}
        steps = [step for step in state.steps if step.plan.id in checked]
        yield record.verdict == "fixed" or any(_is_clear(step) and _is_later(step, record) for step in steps)


def _is_later(step: Step, record: ActionRecord) -> bool:
    return step.ended is not None and step.ended.wall > record.at.wall
