"""Whether an incident counts as repaired: the worst of the later results decides. Pure.

There are two kinds of later results: a step that was run again, and the checks after an action. A "fixed" of one is no
proof while another still shows a fault, or cannot measure it. A later result replaces an earlier one.
"""

from collections.abc import Iterator

from optimus_tui.contract.incident import ActionRecord, IncidentState, Stamp, Step
from optimus_tui.workflow.severity import MATTERS, rank


def proved(state: IncidentState, at: Stamp) -> Stamp | None:
    """Return the stamp since when the repair is proved: the known one, else ``at``.

    None while a result says otherwise.
    """
    results = [*_of_steps(state), *_of_actions(state)]
    if not results or not all(results):
        return None
    return state.repaired or at


def _of_steps(state: IncidentState) -> Iterator[bool]:
    """Yield whether the fault is gone, for each step that showed one and was run again."""
    for step in state.steps:
        if step.change is not None and step.worst is not None and rank(step.worst.severity) >= MATTERS:
            yield _is_clear(step) or any(_covers(record, step) for record in state.action_records)


def _is_clear(step: Step) -> bool:
    """Return True if the step shows no fault: "fixed", or "same" where nothing was wrong before either."""
    if step.change is None or step.outcome is None:
        return False
    calm = step.change.verdict == "same" and rank(step.outcome.severity) < MATTERS
    return step.change.verdict == "fixed" or calm


def _covers(record: ActionRecord, step: Step) -> bool:
    """Return True if a check of a later action ran this step's tool and found the fault gone."""
    asked = (one.change for one in record.checks if one.step == step.plan.id)
    fixed = any(change is not None and change.verdict == "fixed" for change in asked)
    return fixed and step.ended is not None and record.at.wall > step.ended.wall


def _of_actions(state: IncidentState) -> Iterator[bool]:
    """Yield whether the last action for each tenant is proved, by its checks or by a step that was run after it."""
    last = {record.receipt.tenant: record for record in state.action_records}
    for record in last.values():
        checked = {one.step for one in record.checks}
        steps = [step for step in state.steps if step.plan.id in checked]
        yield record.verdict == "fixed" or any(_is_clear(step) and _is_later(step, record) for step in steps)


def _is_later(step: Step, record: ActionRecord) -> bool:
    return step.ended is not None and step.ended.wall > record.at.wall
