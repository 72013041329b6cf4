"""What follows from an action or a restart of the incident itself: it needs no cure, and contradicts no proof. Pure."""

from collections.abc import Callable

from msgspec.structs import replace

from optimus_tui.contract.finding_causes import RESTART, RuleAndSubject, can_follow_from_act, effect_seconds
from optimus_tui.contract.incident import ActionRecord, IncidentState, Outcome, Step
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.wording.truth import act_words, side_effect_words, without_reason
from optimus_tui.workflow.proof import acted_at, confirmed_at
from optimus_tui.workflow.ranking import worst
from optimus_tui.workflow.visibility import group_of

IsEffect = Callable[[Diagnostic], bool]
"""Returns True for a finding that is a side effect of what was done."""


def act_behind(state: IncidentState, found: Diagnostic, at: float) -> ActionRecord | None:
    """Return the last act that a finding is a side effect of; None if it is no side effect.

    What was found before an act is not an effect of it, and an action that has changed nothing has none.

    Args:
        state: The incident.
        found: The finding.
        at: Wall-clock seconds at which it was found.
    """
    for record in reversed(state.action_records):
        if not (record.receipt.restarts or record.receipt.counts.get("done")):
            continue
        acted, (kind, subject) = acted_at(record), _what(record)
        lasting = effect_seconds(found.rule, found.window_seconds, at - acted)
        if confirmed_at(record) <= at <= acted + lasting and can_follow_from_act(kind, subject, found):
            if (group_of(found.rule), found.subject) in record.found:
                return None
            return record
    return None


def _what(record: ActionRecord) -> tuple[str, str]:
    """Return the kind of an act, and the service or the tenant that it was done to."""
    receipt = record.receipt
    if receipt.restarts:
        return (RESTART, receipt.restarts)
    return (receipt.kind, receipt.tenant)


def found_before(state: IncidentState, at: float) -> frozenset[tuple[str, str]]:
    """Return the fault and the subject of all that the alarm and the steps had shown at a time, in wall-clock seconds.

    A step that ended later may show what was being done then; of its earlier runs it still has what these found.
    """
    early = [step for step in state.steps if step.ended is None or step.ended.wall < at]
    outcomes = [outcome for step in early for outcome in (step.outcome, step.worst)]
    outcomes += [step.before for step in state.steps]
    found: list[RuleAndSubject] = [one for outcome in outcomes if outcome is not None for one in outcome.findings]
    found += state.open_findings
    return frozenset((group_of(one.rule), one.subject) for one in found)


def effect_words(state: IncidentState, found: Diagnostic, at: float) -> str:
    """Return which act a finding is a side effect of, and until when to wait; empty if it is no side effect."""
    record = act_behind(state, found, at)
    if record is None:
        return ""
    acted = acted_at(record)
    until = acted + effect_seconds(found.rule, found.window_seconds, at - acted)
    begin = at - (found.window_seconds or 0.0)
    act = act_words(*_what(record))
    return side_effect_words(found.rule, act, confirmed_at(record), until, reaches_back=begin < acted)


def is_effect_at(state: IncidentState, at: float) -> IsEffect:
    """Return a function that tells whether a finding of this moment (wall-clock seconds) is a side effect."""
    return lambda found: act_behind(state, found, at) is not None


def effects_of(state: IncidentState, step: Step) -> dict[str, str]:
    """Return the findings of a step that are side effects: their messages, and why nothing has to be done."""
    if step.outcome is None or step.ended is None or not state.action_records:
        return {}
    told = {without_reason(one.message): effect_words(state, one, step.ended.wall) for one in step.outcome.findings}
    return {message: words for message, words in told.items() if words}


def without_effects(outcome: Outcome, is_effect: IsEffect) -> Outcome:
    """Return an outcome without side effects, and without what would be recommended against them."""
    left = tuple(one for one in outcome.findings if not is_effect(one))
    if len(left) == len(outcome.findings):
        return outcome
    rules = {one.rule for one in outcome.findings} - {one.rule for one in left}
    advice = tuple(one for one in outcome.recommendations if one.rule not in rules)
    return replace(outcome, findings=left, recommendations=advice, severity=worst(left))
