"""The present standing of an incident.

Its severity, whether its repair is proved, its times, and the words for them. Pure.

The words are the same on the screen, on the command line and in the post-mortem.
"""

import math
from collections.abc import Container, Iterator

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import PAST
from optimus_tui.contract.incident import ActionRecord, IncidentState, Outcome, Stamp, Step, StepStatus
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.numbers import age
from optimus_tui.workflow.proof import (
    early_words,
    is_superseded,
    possible_words,
    proof_parts,
    repaired_words,
    waiting,
)
from optimus_tui.workflow.ranking import MATTERS, rank, worst
from optimus_tui.workflow.side_effects import is_effect_at, without_effects

Key = tuple[str, str]
UNKNOWN = "unknown"
STEP_WORDS: dict[StepStatus, str] = {
    "waiting": "not done", "running": "running", "done": "done", "failed": "no result", "skipped": "skipped",
}  # fmt: skip
STEP_MARKS: dict[StepStatus, str] = {"waiting": " ", "running": "…", "done": "✓", "failed": "✖", "skipped": "–"}
NEXT_MARK = "▸"
ADVICE_MARKS = {"open": "", "done": "✓ done", "dismissed": "– dismissed"}
"""By the status of a recommendation: what stands beside it."""


def standing(state: IncidentState) -> str:
    """Return the present severity: none, low, medium, high or critical.

    The incident itself keeps the worst severity ever found. A finding no longer holds if its step was run again without
    it, if a later step no longer has a finding that both had, or if the check after an action proved that it is fixed.
    A finding that was not measured again still holds.
    """
    return worst(one for step in state.steps for one in _of_step(state, step))


def is_held(state: IncidentState, rules: Container[str]) -> bool:
    """Return True if a finding of one of these rules was found and still holds."""
    found = (one for step in state.steps for one in _of_step(state, step))
    return any(one.rule in rules and not one.message.startswith(PAST) for one in found)


def _of_step(state: IncidentState, step: Step) -> Iterator[Diagnostic]:
    if step.outcome is None:
        return
    fixed = {
        rule
        for record in state.action_records
        if record.verdict == "fixed" and _later((record.proved or record.at).wall, step)
        for rule in record.rules
    }
    gone = {key for other in state.steps if _later(_end(other), step) for key in _gone(other)}
    for one in (*_judged(state, step).findings, *_unseen(step)):
        if one.rule not in fixed and _key(one) not in gone:
            yield one


def _judged(state: IncidentState, step: Step) -> Outcome:
    """Return the last outcome of a step, without the side effects of what was done."""
    if step.outcome is None:
        return Outcome(verdict="", severity="none", headline="")
    at = _end(step)
    if at is None:
        return step.outcome
    return without_effects(step.outcome, is_effect_at(state, at))


def _unseen(step: Step) -> Iterator[Diagnostic]:
    """Yield the step's earlier findings if its last run could not measure them: they still hold."""
    if step.before is not None and step.change is not None and step.change.verdict == "unknown":
        yield from step.before.findings


def _later(at: float | None, step: Step) -> bool:
    mine = _end(step)
    return at is not None and mine is not None and at > mine


def _end(step: Step) -> float | None:
    if step.ended is None:
        return None
    return step.ended.wall


def _gone(step: Step) -> set[Key]:
    """Return what a step found when it ran before, and no longer finds; nothing if it cannot tell.

    Its worst run counts too, except for a step whose runs may be about different issues.
    """
    if step.before is None or step.outcome is None or step.change is None or step.change.verdict == "unknown":
        return set()
    earlier = _keys(step.before)
    if step.worst is not None and not step.plan.choose_issue:
        earlier |= _keys(step.worst)
    return earlier - _keys(step.outcome)


def _keys(outcome: Outcome) -> set[Key]:
    return {_key(one) for one in outcome.findings}


def _key(one: Diagnostic) -> Key:
    return one.rule, one.subject


def proved(state: IncidentState, at: Stamp) -> Stamp | None:
    """Return the stamp since when the repair is proved: the known one, else ``at``; None if it is not proved.

    The worst of the later results decides: of steps that were run again, and of the checks after an action. A "fixed"
    of one is no proof while another still shows a fault, or cannot measure it. A later result replaces an earlier one.
    """
    results = [*_of_steps(state), *_of_actions(state)]
    if not results or not all(results):
        return None
    return state.repaired or at


def _of_steps(state: IncidentState) -> Iterator[bool]:
    """Yield whether the fault is gone, for each step that showed one and was run again."""
    for step in state.steps:
        if step.change is not None and step.worst is not None and rank(step.worst.severity) >= MATTERS:
            yield _is_clear(state, step) or any(_covers(record, step) for record in state.action_records)


def _is_clear(state: IncidentState, step: Step) -> bool:
    """Return True if the step shows no fault: "fixed", or "same" where nothing was wrong before either."""
    if step.change is None or step.outcome is None:
        return False
    calm = step.change.verdict == "same" and rank(_judged(state, step).severity) < MATTERS
    return step.change.verdict == "fixed" or calm


def _covers(record: ActionRecord, step: Step) -> bool:
    """Return True if a later check of an action ran this step's tool and found the fault gone."""
    fixed = [
        (one.at or record.at).wall
        for one in record.checks
        if one.step == step.plan.id and one.change is not None and one.change.verdict == "fixed"
    ]
    return step.ended is not None and any(at > step.ended.wall for at in fixed)


def _of_actions(state: IncidentState) -> Iterator[bool]:
    """Yield whether the last action for each tenant is proved, by its checks or by a step that was run after it."""
    last = {one.receipt.tenant: one for one in state.action_records if not is_superseded(state, one)}
    for record in last.values():
        checked = {one.step for one in record.checks}
        steps = [step for step in state.steps if step.plan.id in checked]
        yield record.verdict == "fixed" or any(_is_clear(state, step) and _is_later(step, record) for step in steps)


def _is_later(step: Step, record: ActionRecord) -> bool:
    return step.ended is not None and step.ended.wall > record.at.wall


def elapsed(start: Stamp, end: Stamp) -> float:
    """Return the seconds from ``start`` to ``end``, never below 0 and always finite.

    The monotonic clock is used within one boot of one machine, else clocks that may jump.
    """
    if start.boot and start.boot == end.boot:
        seconds = end.mono - start.mono
    elif start.server is not None and end.server is not None:
        seconds = end.server - start.server
    else:
        seconds = end.wall - start.wall
    if not math.isfinite(seconds):
        return 0.0
    return max(0.0, seconds)


def mtta(state: IncidentState) -> float | None:
    """Return the seconds from the beginning of the fault to the opening; None if the beginning is unknown."""
    if state.opened is None or state.began is None:
        return None
    seconds = state.opened.wall - state.began
    if not math.isfinite(seconds):
        return None
    return max(0.0, seconds)


def mttr(state: IncidentState) -> float | None:
    """Return the seconds from the beginning (else the opening) to the proof of the repair; None without a proof.

    Closing an incident proves nothing, so it does not count.
    """
    if state.opened is None or state.repaired is None:
        return None
    return (mtta(state) or 0.0) + elapsed(state.opened, state.repaired)


NOT_PROVED = "not proved by a check"


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
    """Return the result of a step in a few words; without one, why it has none, or the operator's note."""
    if step.status in ("skipped", "failed") or step.outcome is None:
        return step.said
    if step.change is not None and step.status == "done":
        return f"{step.change.verdict}: {step.change.words}"
    return f"{step.outcome.verdict}: {step.outcome.headline}"


WAITS = "not checked yet"


def action_verdict(record: ActionRecord, now: float = 0.0) -> str:
    """Return the verdict of the checks after an action; before all have answered, when a proof is possible."""
    if record.verdict is not None:
        return record.verdict
    if record.due is not None:
        return early_words(record, now)
    if all(one.at is None for one in record.checks):
        return WAITS
    return "being checked again"


def proof_status(state: IncidentState, now: float = 0.0) -> str:
    """Return in a few words how far the proof of the last action is; empty before any action.

    ``proof possible at 19:13:20``, ``fixed 33 s after you acted``, ``not fixed 33 s after you acted``, or ``repaired,
    refused until 19:14:00`` of a counter that kept its count when it got a TTL. ``now``: the present time in wall-clock
    seconds; 0 for a moment before any proof.
    """
    records = [one for one in state.action_records if not is_superseded(state, one)]
    if waits := waiting(state):
        last = max(waits, key=lambda one: one.due or 0.0)
        return "late: " * last.late + (possible_words(last, now) or last.need.partition(",")[0])
    if is_being_checked(state):
        return "being checked now"
    told = next((one for one in reversed(records) if one.verdict != "fixed"), None)
    if state.repaired is not None:
        told = next((one for one in reversed(records) if one.verdict == "fixed"), None)
        if told is None:
            return PROVED
    elif told is None:
        return "not proved: a step still shows a fault" * bool(records)
    return repaired_words(told) or proof_parts(told).brief


PROVED = "proved fixed"


def is_being_checked(state: IncidentState) -> bool:
    """Return True if the check of an action is running now, and no other check waits for its time."""
    records = [one for one in state.action_records if not is_superseded(state, one)]
    return not waiting(state) and any(one.verdict is None for one in records)


def found_nothing(state: IncidentState) -> bool:
    """Return True if something was measured and neither an alarm nor any step shows a fault: a false alarm so far.

    A finding that needs no action, such as a service that has just started, is not a fault.
    """
    found = [one for of in _outcomes(state) for one in of.findings if not rule_of(one.rule).needs_nothing]
    return _is_calm(state) and worst(found) == "none"


def _outcomes(state: IncidentState) -> list[Outcome]:
    return [outcome for step in state.steps for outcome in (step.worst, step.outcome) if outcome is not None]


def _is_calm(state: IncidentState) -> bool:
    """Return True if something was measured, and neither an alarm nor any step tells of more than notes."""
    outcomes = _outcomes(state)
    return bool(outcomes) and not state.open_findings and all(rank(of.severity) < MATTERS for of in outcomes)


def left_as(state: IncidentState) -> str:
    """Return in words how an open incident was left: its severity and steps, or that only its closing is missing."""
    if state.repaired is not None:
        return f"{PROVED}, not closed"
    return f"{severity_words(state)}, {progress(state)}"


def progress(state: IncidentState) -> str:
    """Return ``3 of 6 steps done``. Skipped steps count, and the last step once something was carried out."""
    done = sum(is_finished(step, bool(state.action_records)) for step in state.steps)
    return f"{done} of {len(state.steps)} steps done"


def is_finished(step: Step, acted: bool) -> bool:
    """Return True if a step is done or skipped; the last step also if an action was carried out (``acted``)."""
    return step.status in ("done", "skipped") or (step.plan.kind == "apply" and acted)


def has_only_its_first_step(state: IncidentState) -> bool:
    """Return True if nothing but the first step was done, so that the incident may be removed as opened by mistake.

    It is False if the first step ran again, or if the addresses changed: then the incident was resumed.
    """
    again = any(one.runs > 1 for one in state.steps) or sum(entry.mark == "open" for entry in state.timeline) > 1
    marked = any(one.status != "open" for one in state.advice)
    touched = state.notes or state.action_records or state.impact or marked or again
    started = [one for one in state.steps if one.runs or one.status != "waiting"]
    return state.status == "open" and not touched and started in ([], [state.steps[0]])


def is_unproved(state: IncidentState) -> bool:
    """Return True if the incident was closed with a fault and without proof that it is gone."""
    return state.closed is not None and state.repaired is None and rank(state.severity) >= MATTERS


def durations(state: IncidentState) -> Iterator[tuple[str, str]]:
    """Yield the name and the words of the time to acknowledge and the time to repair."""
    acknowledged = mtta(state)
    words = f"{UNKNOWN}: no finding says when the fault began, and nobody named it (--began of incident open)"
    if _is_calm(state):
        words = "nothing to acknowledge: no fault was found"
    if acknowledged is not None:
        words = f"{age(acknowledged)}{_from_words(state)}"
    yield "Time to acknowledge (MTTA)", words
    repaired = mttr(state)
    words = f"{UNKNOWN}: it is not repaired"
    if repaired is not None:
        words = f"{age(repaired)}{_from_words(state)} until a check proved it"
    elif is_unproved(state):
        words = f"{UNKNOWN}: closed, but {NOT_PROVED}"
    elif state.closed is not None:
        words = "nothing to repair: no step found a fault"
    yield "Time to repair (MTTR)", words


def _from_words(state: IncidentState) -> str:
    """Return what these times count from. It is not an alarm: a finding may be seen for a while before it is one."""
    if state.began is None:
        return " from the opening"
    return " from the beginning of the fault" if state.began_given else " from the first sign of the fault"
