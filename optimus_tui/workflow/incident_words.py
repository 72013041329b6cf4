"""The state of an incident in words, the same on the screen, on the command line and in the post-mortem. Pure.

The lines of its timeline are in ``timeline_text``.
"""

from collections.abc import Iterator

from optimus_tui.contract.incident import ActionRecord, IncidentState, Step, StepStatus
from optimus_tui.wording.age import age
from optimus_tui.workflow.ranking import MATTERS, rank
from optimus_tui.workflow.standing import mtta, mttr, standing

UNKNOWN = "unknown"
NOT_PROVED = "not proved by a check"
STEP_WORDS: dict[StepStatus, str] = {
    "waiting": "not done", "running": "running", "done": "done", "failed": "no result", "skipped": "skipped",
}  # fmt: skip
STEP_MARKS: dict[StepStatus, str] = {"waiting": " ", "running": "…", "done": "✓", "failed": "✖", "skipped": "–"}
NEXT_MARK = "▸"
ADVICE_MARKS = {"open": "", "done": "✓ done", "dismissed": "– dismissed"}
"""By the status of a recommendation: what stands beside it."""


def severity_words(state: IncidentState) -> str:
    """Return the present severity, with the worst one if it differs: ``low (at worst high)``."""
    now = standing(state)
    if now == state.severity:
        return now
    return f"{now} (at worst {state.severity})"


def step_verdict(step: Step) -> str:
    """Return the verdict of a step's result; without a result, its status in words."""
    if step.outcome is None:
        return STEP_WORDS[step.status]
    return step.outcome.verdict


def step_result(step: Step) -> str:
    """Return the result of a step in a few words; without a result, why it has none, or what a person found."""
    if step.status in ("skipped", "failed") or step.outcome is None:
        return step.said
    if step.change is not None and step.status == "done":
        return f"{step.change.verdict}: {step.change.words}"
    return f"{step.outcome.verdict}: {step.outcome.headline}"


def action_verdict(record: ActionRecord) -> str:
    """Return the verdict of the checks after an action; ``not checked yet`` until all of them have answered."""
    return record.verdict or "not checked yet"


def progress(state: IncidentState) -> str:
    """Return ``3 of 6 steps done``; skipped steps count."""
    done = sum(step.status in ("done", "skipped") for step in state.steps)
    return f"{done} of {len(state.steps)} steps done"


def is_unproved(state: IncidentState) -> bool:
    """Return True if the incident was closed with a fault found and without proof that it is gone."""
    return state.closed is not None and state.repaired is None and rank(state.severity) >= MATTERS


def durations(state: IncidentState) -> Iterator[tuple[str, str]]:
    """Yield the name and the words of the time to acknowledge and the time to repair."""
    acknowledged = mtta(state)
    words = f"{UNKNOWN}: the beginning of the fault is not known"
    if acknowledged is not None:
        words = age(acknowledged)
    yield "Time to acknowledge (MTTA)", words
    repaired = mttr(state)
    words = f"{UNKNOWN}: it is not repaired"
    if repaired is not None:
        words = age(repaired)
        if is_unproved(state):
            words += f", until it was closed: {NOT_PROVED}"
    yield "Time to repair (MTTR)", words
