"""Judge a drill: what the screen showed and what the incident recorded, against what was injected. Pure.

Milestones are set by what was measured or recorded, never by a key press: a finding that appeared, a tool's answer, a
receipt, a finding that stayed away. A fault does not count as gone while it could not be measured, or if it came back.
"""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import title_of_rule
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import (
    ActionRecord,
    DrillMilestone,
    DrillResult,
    IncidentState,
    OpenFinding,
    Stamp,
    Truth,
    issue_words,
)
from optimus_tui.contract.tools.common import Diagnostic
from optimus_tui.settings.tuning import TUNING
from optimus_tui.wording.numbers import age, clause
from optimus_tui.wording.safe import safe_sentence
from optimus_tui.workflow.proof import waiting
from optimus_tui.workflow.ranking import issues_of, matters
from optimus_tui.workflow.standing import is_being_checked, is_finished
from optimus_tui.workflow.visibility import BLIND

RECORDED_WITHIN_SECONDS = 60.0
"""A receipt that seems to be recorded later tells that the wall clock was set meanwhile."""
FILED = "by the cause named at the closing"
CURED_BY = "by a remedy that is proved to have worked"
WAITS = "waits for the proof"
SOLVED, STOPPED, GIVEN_UP = "solved", "stopped when the fault was gone", "given up"


class Watch(Struct, frozen=True, kw_only=True):
    """The observations since the fault was injected. Times are monotonic seconds.

    Attributes:
        injected: When the fault began to be put in place.
        hold_seconds: The fault counts as gone once its findings have stayed away for this long.
        shown: When a finding first showed it; None before.
        words: The message of that finding.
        cleared: When its findings left the screen; None while they are shown.
        earlier: Rules and subjects of other alarms from before the fault showed.
        left: Messages of alarms that it caused and that are still shown after its own findings are gone.
        returned: How often it came back.
        remedies: What was done outside of the product, or by an action without an incident, with its time.
        quiet: Messages of its findings that are still shown, but are no longer an alarm.
        identified: When the fault was identified, and in which words; None before.
        proved: When it was proved without an incident that what was done has cured it; None before.
        pending: True while that proof is still awaited.
    """

    injected: float
    hold_seconds: float = TUNING.drill_hold_seconds
    shown: float | None = None
    words: str = ""
    cleared: float | None = None
    earlier: frozenset[tuple[str, str]] = frozenset()
    left: tuple[str, ...] = ()
    returned: int = 0
    remedies: tuple[tuple[float, str], ...] = ()
    identified: tuple[float, str] | None = None
    quiet: tuple[str, ...] = ()
    proved: float | None = None
    pending: bool = False


def _is_of(truth: Truth, found: Finding | Diagnostic | OpenFinding) -> bool:
    return found.rule in truth.rules and truth.subject in found.subject


def shows(truth: Truth, found: Finding | Diagnostic) -> bool:
    """Return True if this finding is an alarm about the injected fault."""
    return _is_of(truth, found) and matters(found)


def look(watch: Watch, truth: Truth, findings: Iterable[Finding], mono: float) -> Watch:
    """Return the watch after the screen showed these findings at ``mono``."""
    findings = tuple(findings)
    alarms = {(one.rule, one.subject): one for one in findings if matters(one)}
    mine = next((one for one in findings if shows(truth, one)), None)
    if mine is not None:
        if watch.shown is None:
            return replace(watch, shown=mono, words=mine.message)
        if watch.cleared is not None:
            return replace(watch, cleared=None, returned=watch.returned + 1)
        return watch
    if watch.shown is None:
        return replace(watch, earlier=frozenset(alarms))
    blind = any(one.rule.startswith(BLIND) for one in alarms.values())
    followed = tuple(
        _counted(one)
        for key, one in alarms.items()
        if key not in watch.earlier and set(issues_of(one)) & set(truth.issues)
    )
    if watch.cleared is None and not blind:
        watch = replace(watch, cleared=mono)
    return replace(watch, left=followed, quiet=tuple(one.message for one in findings if _is_of(truth, one)))


def _counted(one: Finding) -> str:
    if not one.window_seconds:
        return one.message
    return f"{one.message} (counted over the last {age(one.window_seconds)})"


def follow(watch: Watch, truth: Truth, state: IncidentState) -> Watch:
    """Return the watch after the incident changed.

    The fault is identified once the right issue was chosen and a step's evidence contains its finding, at the later of
    both times. Otherwise a remedy that is proved to have cured it identifies it, or else the cause given at the
    closing; the incident must contain its finding.
    """
    if watch.identified is None and state.repaired is not None and _is_known(truth, state):
        done = _done(state, watch)
        if done:
            watch = replace(watch, identified=(done[0][0], f"{CURED_BY}: {done[0][1]}"))
    if watch.identified is None and state.closed is not None and state.cause and _is_known(truth, state):
        watch = replace(watch, identified=(state.closed.mono, f"{FILED}: {state.cause}"))
    chosen, looking = state.choice, next((one for one in state.steps if one.plan.choose_issue), None)
    if watch.identified or chosen is None or chosen.issue not in truth.issues or not (looking and looking.started):
        return watch
    answers = [
        (step.ended.mono, found.message)
        for step in state.steps
        if step.ended and step.outcome and step.status == "done"
        for found in step.outcome.findings
        if shows(truth, found)
    ]
    if not answers:
        return watch
    at, words = min(answers)
    return replace(watch, identified=(max(at, looking.started.mono), f"{issue_words(chosen.issue)}: {words}"))


def follow_alone(watch: Watch, truth: Truth, records: Iterable[ActionRecord], awaited: bool) -> Watch:
    """Return the watch after actions without an incident: one that is proved to have cured the fault identifies it.

    Args:
        watch: The watch before.
        truth: The injected fault.
        records: The actions, with the findings before each of them.
        awaited: True while a proof of one of them is still awaited.
    """
    mine = [one for one in records if _ended(one) >= watch.injected and _is_for(truth, one)]
    proved = next((one for one in mine if one.proved is not None), None)
    if proved is None or proved.proved is None:
        return replace(watch, pending=awaited and bool(mine))
    words = f"{CURED_BY}: {proved.receipt.words or proved.receipt.kind}"
    known = watch.identified or (_ended(proved), words)
    return replace(watch, proved=proved.proved.mono, identified=known, pending=False)


def _is_for(truth: Truth, record: ActionRecord) -> bool:
    """Return True if something was done for a finding of the fault."""
    return any(
        _is_of(truth, found)
        for check in record.checks
        if check.before is not None
        for found in check.before.findings
        if found.rule in record.rules
    )


def _is_known(truth: Truth, state: IncidentState) -> bool:
    """Return True if the incident holds the fault's finding, from its opening or from a step."""
    outcomes = [one for step in state.steps for one in (step.outcome, step.worst, step.before) if one is not None]
    return any(_is_of(truth, one) for one in state.open_findings) or any(
        shows(truth, found) for outcome in outcomes for found in outcome.findings
    )


def gone_since(watch: Watch, state: IncidentState | None) -> float | None:
    """Return when the fault was gone: its alarm left the screen, or was never there and a check proved it.

    None while it has not ended.
    """
    if watch.shown is not None:
        return watch.cleared
    if state is not None:
        return _mono(state.repaired)
    return None


def _is_awaited(state: IncidentState) -> bool:
    """Return True while a check after something that was done waits for its time, or runs."""
    return bool(waiting(state)) or is_being_checked(state)


def _is_settled(watch: Watch, state: IncidentState | None) -> bool:
    """Return True if nothing is left to do: the incident is closed, or something was done without one."""
    if state is None or state.status == "none":
        return any(at >= watch.injected for at, _ in watch.remedies)
    return state.status == "closed"


def _holds_for(watch: Watch, state: IncidentState | None, mono: float) -> float | None:
    """Return the seconds that the fault must still stay away for the drill to end; None if it waits for more."""
    gone = gone_since(watch, state)
    if gone is None or watch.pending or not _is_settled(watch, state):
        return None
    return max(0.0, watch.hold_seconds - (mono - gone))


def is_over(watch: Watch, state: IncidentState | None, mono: float) -> bool:
    """Return True if the fault has stayed away, and the incident is closed or the fault was cured without one."""
    return _holds_for(watch, state, mono) == 0.0


def ended_words(watch: Watch, state: IncidentState | None, mono: float) -> str:
    """Return in words how a drill that ends at ``mono`` has ended."""
    if is_over(watch, state, mono):
        return SOLVED
    kept = state or IncidentState()
    cured = kept.repaired or kept.status == "closed" or _done(kept, watch)
    if cured and gone_since(watch, state) is not None:
        return STOPPED
    return GIVEN_UP


def waits_for(watch: Watch, state: IncidentState | None, mono: float) -> str:
    """Return in a few words what the drill waits for; empty while the operator has something to do."""
    left = _holds_for(watch, state, mono)
    if left is not None:
        return f"ends in {math.ceil(left)} s"
    if watch.pending or (state is not None and state.status == "open" and _is_awaited(state)):
        return WAITS
    if _is_settled(watch, state) and watch.shown is not None and (state is None or state.repaired is not None):
        return "alarm still shown"
    return ""


def next_step(watch: Watch, state: IncidentState | None, mono: float) -> str:
    """Return the next thing to do, judged by what was shown and recorded, so that it does not reveal the fault."""
    return next_step_forms(watch, state, mono)[0]


def next_step_forms(watch: Watch, state: IncidentState | None, mono: float) -> tuple[str, str]:
    """Return ``next_step`` in full and as the key to press; without a key while the drill only waits."""
    if waits := waits_for(watch, state, mono):
        if waits == WAITS:
            return f"{WAITS}, which comes by itself", ""
        ends = waits.startswith("ends")
        return f"{waits}, if the fault stays away" if ends else f"{waits}, the drill ends once it is gone", ""
    if state is None or state.status != "open":
        if watch.cleared is not None:
            return "the alarm is gone; :drill stop shows the result", ":drill stop"
        if watch.shown is None:
            return "wait for the alarm, or i on a finding", "wait for alarm"
        return "i opens an incident on the alarm", "press i"
    if state.repaired is not None:
        return "i, then c closes the incident", "i, then c"
    step = state.next
    if step is not None and step.plan.kind == "tool" and not _done(state, watch):
        return f"i, then enter: {step.plan.title.lower()}", "i, enter"
    if not _done(state, watch):
        return "a or :remedy ends the cause", "press a"
    return "i, then the last step proves it", "press i"


def judge(names: tuple[str, str], truth: Truth, watch: Watch, kept: IncidentState | None, ended: str) -> DrillResult:
    """Return the result of a drill.

    Args:
        names: The scenario and its true cause in words.
        truth: The injected fault.
        watch: What was observed.
        kept: The incident; None if there was none.
        ended: How the drill ended, from ``ended_words``.
    """
    state = kept or IncidentState()
    marks = [
        DrillMilestone("injected", 0.0, names[1]),
        _mark("shown", watch.shown, watch, watch.words, "no finding of this fault came on the screen"),
        _opened(state, watch),
        _identified(truth, state, watch),
        _acted(state, watch),
        _mark("gone", watch.cleared, watch, _gone(truth, watch), _still(watch)),
        _mark(
            "proved", watch.proved if state.repaired is None else _mono(state.repaired), watch,
            "the check after it found it gone" if state.repaired is None else "every check found it gone",
            "no check proved that it is gone",
        ),
        _mark(
            "closed", _mono(state.closed), watch,
            state.cause, "the incident was not closed",
        ),
    ]  # fmt: skip
    marks.sort(key=lambda one: math.inf if one.seconds is None else one.seconds)
    at = {one.name: one.seconds for one in marks}
    resolved = at["proved"] if at["proved"] is not None else at["gone"]
    return DrillResult(
        scenario=names[0],
        says=names[1],
        cure=truth.cure,
        ended=ended,
        solved=ended != GIVEN_UP,
        marks=tuple(DrillMilestone(one.name, one.seconds, safe_sentence(one.words)) for one in marks),
        missed=tuple(_missed(marks, state, watch)),
        detect=at["shown"],
        acknowledge=at["opened"],
        resolve=resolved,
        cause=at["identified"],
        remedy=at["acted"],
        proof=at["proved"],
        incident=state.id,
        is_open=state.status == "open",
    )


def _mark(name: str, mono: float | None, watch: Watch, came: str, missing: str) -> DrillMilestone:
    if mono is None:
        return DrillMilestone(name, None, missing)
    return DrillMilestone(name, max(0.0, mono - watch.injected), came)


def _mono(stamp: Stamp | None) -> float | None:
    if stamp is None:
        return None
    return stamp.mono


def _opened(state: IncidentState, watch: Watch) -> DrillMilestone:
    if state.opened is not None and state.opened.mono < watch.injected:
        return DrillMilestone("opened", 0.0, f"incident {state.id} was open already")
    return _mark("opened", _mono(state.opened), watch, f"incident {state.id}", "no incident was opened")


def _identified(truth: Truth, state: IncidentState, watch: Watch) -> DrillMilestone:
    if watch.identified is not None:
        return _mark("identified", watch.identified[0], watch, watch.identified[1], "")
    if state.opened is None:
        return DrillMilestone("identified", None, "nothing that was done is proved to have cured it")
    issue = ""
    if state.choice is not None:
        issue = state.choice.issue
    if issue not in truth.issues:
        looked = clause(issue_words(issue), "; chosen was ")
        return DrillMilestone(
            "identified", None, f"the issue {' or '.join(map(issue_words, truth.issues))} was not chosen{looked}"
        )
    return DrillMilestone("identified", None, "no step of the incident found the fault")


def _done(state: IncidentState, watch: Watch) -> list[tuple[float, str]]:
    """Return what was done since the fault was injected, with its time, in that order."""
    action_records = [
        (_took_effect(one, watch), one.receipt.words or one.receipt.kind)
        for one in state.action_records
        if not one.receipt.outside
    ]
    return sorted(one for one in (*action_records, *watch.remedies) if one[0] >= watch.injected)


def _acted(state: IncidentState, watch: Watch) -> DrillMilestone:
    done = _done(state, watch)
    if not done:
        by_whom = ""
        if watch.cleared is not None:
            by_whom = "; the fault ended in another way"
        return DrillMilestone("acted", None, f"no action or :remedy was carried out{by_whom}")
    return _mark("acted", done[0][0], watch, ", then ".join(words for _, words in done), "")


def _took_effect(record: ActionRecord, watch: Watch) -> float:
    """Return when an action had its effect: at its end, or earlier where the fault left the screen while it ran."""
    ended, receipt = _ended(record), record.receipt
    if watch.cleared is None or receipt.started is None or receipt.ended is None:
        return ended
    began = ended - max(0.0, receipt.ended - receipt.started)
    if began <= watch.cleared < ended:
        return watch.cleared
    return ended


def _ended(record: ActionRecord) -> float:
    """Return when an action ended, which a busy machine records later; its record's time if the receipt tells none."""
    if record.receipt.ended is None:
        return record.at.mono
    late = record.at.wall - record.receipt.ended
    if 0 < late < RECORDED_WITHIN_SECONDS:
        return record.at.mono - late
    return record.at.mono


def _gone(truth: Truth, watch: Watch) -> str:
    rules = ", ".join(dict.fromkeys(title_of_rule(rule) for rule in truth.rules))
    left = clause("; ".join(watch.left[:3]), "; what follows from it is still shown: ")
    if watch.quiet:
        return f"its findings ({rules}) are no longer an alarm; still shown: {'; '.join(watch.quiet[:3])}{left}"
    return f"its findings ({rules}) left the screen{left}"


def _still(watch: Watch) -> str:
    if watch.shown is None:
        return "it was never shown, so its end was not seen"
    return "its findings are still on the screen"


def _missed(marks: Sequence[DrillMilestone], state: IncidentState, watch: Watch) -> Iterable[str]:
    yield from (f"{one.name}: {one.words}" for one in marks if one.seconds is None)
    if watch.returned:
        yield f"it came back ({watch.returned}×): the first attempt did not remove the cause"
    acted = bool(_done(state, watch))
    for step in state.steps:
        if step.status == "skipped":
            yield f"step {step.plan.title} was skipped: {safe_sentence(step.said, 200)}"
        elif not (state.repaired or is_finished(step, acted)):
            yield f"step {step.plan.title} was not done"
