"""The words about an incident's cause and resolution, which its closing and its post-mortem begin with. Pure."""

from collections.abc import Iterator

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import causes_of
from optimus_tui.contract.incident import ActionRecord, IncidentState
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.numbers import clause, clock, plural
from optimus_tui.workflow.proof import aimed_at, confirmed_at, proof_parts, proof_words
from optimus_tui.workflow.ranking import level, main_finding, rank, tenant_of, worst_outcome
from optimus_tui.workflow.standing import found_nothing, is_finished

LATER = "later"
"""What stands after the time from an action to its result in a document, whose readers are not addressed as "you"."""
FALSE_ALARM = "false alarm: nothing wrong was found"


def found_words(state: IncidentState) -> str:
    """Return the message of the finding that the incident is about, at its worst; empty before any result.

    If a remedy is proved, it is the finding that the remedy was for. If the finding is an effect, it is the message of
    its cause, even if only the alarm at the opening named that.
    """
    main = _main(state)
    if found_nothing(state):
        return FALSE_ALARM
    if main is not None and not (rule_of(main.rule).needs_nothing and state.open_findings):
        return _cause_at_opening(state, main) or main.message
    outcomes = [one for step in state.steps if (one := worst_outcome(step)) is not None]
    worst = max(outcomes, key=lambda one: rank(one.severity), default=None)
    if worst is None or main is not None:
        return next((one.message for one in state.open_findings), "")
    return worst.headline


def cause_words(state: IncidentState) -> str:
    """Return the cause that the closing is filled in with; empty before any result.

    What was measured stands first. If the last proved remedy is one of the team's, what that tells of the cause stands
    behind it, with what was not measured.
    """
    found = found_words(state)
    fixed = next((one for one in reversed(state.action_records) if one.verdict == "fixed"), None)
    if fixed is None:
        return found
    commands = {one.command for one in state.advice if one.id == fixed.advice and one.command}
    causes = (one.cause for one in state.team if one.command in commands or one.action == fixed.receipt.words)
    cause = next((one for one in causes if one), "")
    if cause:
        return "; ".join(filter(None, (found, cause)))
    return found


def _main(state: IncidentState) -> Diagnostic | None:
    """Return the worst finding that the last proved remedy was for, else the incident's main finding; None for none."""
    fixed = (one for one in reversed(state.action_records) if one.verdict == "fixed")
    aims = (max(aimed_at(one), key=lambda aim: rank(level(aim)), default=None) for one in fixed)
    return next((aim for aim in aims if aim is not None), None) or main_finding(state)


def _cause_at_opening(state: IncidentState, main: Diagnostic) -> str:
    """Return the message of the top cause that the alarm had for a finding; empty for none."""
    alarms = {(one.rule, one.subject): one for one in state.open_findings}
    alarm = alarms.get((main.rule, main.subject))
    if alarm is None or alarm.caused_by not in alarms:
        return ""
    causes = causes_of(alarm, alarms.values(), lambda one: (one.rule, one.subject), lambda one: one.caused_by)
    top = [alarm, *causes][-1]
    found = (one for step in state.steps for of in (step.worst, step.outcome) if of is not None for one in of.findings)
    return next((one.message for one in found if (one.rule, one.subject) == (top.rule, top.subject)), top.message)


def concerned(state: IncidentState) -> tuple[str, ...]:
    """Return the tenants that the incident is about: that of its main finding, and the chosen one."""
    main = _main(state)
    named = [None if main is None else tenant_of(main), None if state.choice is None else state.choice.tenant]
    return tuple(dict.fromkeys(name for name in named if name))


def resolution_words(state: IncidentState) -> str:
    """Return what was done, when, and its final outcome; empty if nothing was done.

    A question that was marked as done is not a remedy, and an unanswered check is not an outcome.
    """
    done = "; ".join(_done(state))
    if not done and found_nothing(state):
        return "nothing had to be done"
    return done


def proof_told(record: ActionRecord) -> str:
    """Return the result of an action in words for a document."""
    return proof_words(record, later=LATER)


def _final(record: ActionRecord) -> str:
    if record.verdict in (None, "unknown", "too early"):
        return "not proved"
    return proof_parts(record, later=LATER)._replace(follows="").words  # what ends by itself resolves nothing


def _is_question(words: str) -> bool:
    return words.rstrip().endswith("?")


def left_words(state: IncidentState) -> str:
    """Return in words whether all steps were done, and whether any of the others was needed."""
    left = [step.plan.title for step in state.steps if not is_finished(step, bool(state.action_records))]
    proved = "The repair is proved: " if state.repaired is not None else ""
    if not proved and found_nothing(state) and not state.action_records:
        proved = "Nothing wrong was found: "
    if not left:
        return f"{proved}{'all' if proved else 'All'} steps are done."
    if proved:
        return f"{proved}{plural(len(left), 'step was', 'steps were')} not needed ({', '.join(left)})."
    return f"{plural(len(left), 'step was', 'steps were')} neither done nor skipped ({', '.join(left)})."


def filled_words(cause: str, resolution: str) -> str:
    """Return which of the two lines (cause, resolution) the closing fills in by itself, and which are left to write."""
    if cause and resolution:
        return "Cause and resolution are filled in with what was found and done: change them, or press enter."
    if cause:
        return "The cause is filled in with what was found; write what was done."
    if resolution:
        return "The resolution is filled in with what was done; write the cause."
    return "Nothing was found or done that could be filled in: write both."


def _done(state: IncidentState) -> Iterator[str]:
    advised = set()
    for record in state.action_records:
        receipt = record.receipt
        advised.add(record.advice)
        if not _is_question(receipt.words):
            yield f"{receipt.words or receipt.kind} at {clock(confirmed_at(record))} UTC: {_final(record)}"
    for one in state.advice:
        if one.status == "done" and one.id not in advised and not (_is_question(one.action) and not one.said):
            yield f"{one.action}, done by hand{clause(one.said, ': ')}"
    if state.repaired is not None and not state.action_records:
        yield f"a check at {clock(state.repaired.wall)} UTC showed it gone"
