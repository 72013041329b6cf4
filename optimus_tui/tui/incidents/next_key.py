"""The line "Next" of the incident screen: what to do now, in one sentence. Pure."""

import re
from collections.abc import Sequence

from rich.cells import cell_len

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import Advice, IncidentState, Step, issue_words
from optimus_tui.tui.incidents.text import safe, sentence, to_do_words
from optimus_tui.wording.numbers import and_others, clause
from optimus_tui.wording.wrapping import wrap
from optimus_tui.workflow.proof import PROOF_WORDS, REPAIRED_WORD, is_superseded, waiting, waits
from optimus_tui.workflow.ranking import evident_issue
from optimus_tui.workflow.standing import found_nothing, is_being_checked, is_held, proof_status

LABEL = "Next: "
"""As wide as the word that stands before the sentence."""
NEXT_LINES = 2
_WRITTEN = re.compile(r" \(which writes [^()]*\)")


def writes_words(state: IncidentState) -> str:
    """Return what ``x`` does in a closed incident."""
    if state.exported:
        return "x writes the post-mortem again"
    return "x writes the post-mortem"


def nothing_with_a(state: IncidentState) -> str:
    """Return why ``a`` carries out nothing, and what to do instead."""
    if not any(one.status == "open" for one in state.advice):
        if not state.advice:
            return "nothing is recommended yet"
        return "no recommendation is left to do"
    return f"{to_do_words(state)}, see the list of the last step; m there marks what you did by hand"


def next_words(
    state: IncidentState,
    doable: Sequence[Advice],
    shown: str = "",
    acts: Sequence[str] = (),
    under_way: str = "",
    since: str = "",
    beside: str = "",
    armed: bool = False,
    proof: str = "",
) -> str:
    """Return what to do now, in one sentence.

    Args:
        state: The incident.
        doable: The recommendations that can be carried out from here, the most urgent first.
        shown: The id of the step under the cursor: enter opens a step that is done by hand before it ends it.
        acts: What ``a`` offers about what was found, in its order, as the dashboard calls it; a name may be empty.
        under_way: What is being done outside of the product now; empty if nothing is.
        since: What ``found_since`` says of the dashboard's findings.
        beside: What ``found_beside`` says of them.
        armed: Actions are armed.
        proof: What ``proof_now`` says.
    """
    if state.status == "closed":
        return _closed_words(state, armed=armed)
    words = _busy_words(state, under_way) or _last_words(state, doable, beside, proof)
    if words or state.next is None:
        return words
    return _found_words(state, state.next, doable, acts, since) or _step_words(state, state.next, doable, shown, acts)


def fitted(words: str, width: int) -> str:
    """Return the sentence for the two lines of the screen, as it is where it fits.

    Without room, it is without what a step writes, in brackets; if that is too long, too, it is cut behind a word.
    """
    short = _WRITTEN.sub("", words)
    for form in (words, short):
        lines = wrap(f"{LABEL}{form}", width, cell_len)
        if len(lines) <= NEXT_LINES:
            return form
    last = lines[NEXT_LINES - 1]
    while cell_len(last) > width - 2 and " " in last:
        last = last.rpartition(" ")[0]
    return " ".join([*lines[: NEXT_LINES - 1], f"{last} …"]).removeprefix(LABEL)


def _closed_words(state: IncidentState, *, armed: bool) -> str:
    written = ", post-mortem written" if state.exported else ""
    still = " Actions are still armed: :disarm ends that." * armed
    return f"Closed{written}. {writes_words(state)}, esc goes back to the panes.{still}"


def _busy_words(state: IncidentState, under_way: str) -> str:
    """Return what runs now or is waited for; empty if nothing is."""
    if under_way:
        return f"{safe(under_way, 60)}: under way; whether it helped is checked automatically."
    if state.running is not None:
        return f"{safe(state.running.plan.title, 60)} is running; esc goes back to the panes meanwhile."
    if waiting(state):
        words = f"{_proof_ahead(state)}; the check runs automatically."
        if state.next is not None and state.next.plan.kind == "tool":
            words += f" Meanwhile enter runs {safe(state.next.plan.title, 60)}{_writes(state.next)}."
        return words
    if is_being_checked(state):
        return "What was done is being checked; the result is shown automatically."
    return ""


def _last_words(state: IncidentState, doable: Sequence[Advice], beside: str, proof: str) -> str:
    """Return how the incident ends once the fault is gone or all steps are done; empty before that."""
    if state.repaired is not None:
        told = "the fault is gone"
        if proof.startswith(REPAIRED_WORD):
            told = f"it resets again ({proof})"
        return f"Proved: {told}. {clause(beside, 'Also found: ', '. ')}c closes with cause and resolution."
    if state.next is not None:
        return ""
    words = "All steps are done: "
    if doable:
        words += f"{len(doable)} can still be done with a; "
    return f"{words}r on the last step checks whether it is fixed, c closes with cause and resolution."


def _found_words(state: IncidentState, coming: Step, doable: Sequence[Advice], acts: Sequence[str], since: str) -> str:
    """Return what to do about what was found, or was not, with the next step as the other choice; empty otherwise."""
    goes_on = f"enter goes on to {safe(coming.plan.title, 60)}{_writes(coming)}."
    repeated = _repeated_words(state)
    fits = [one for one in doable if is_held(state, one.rules)]
    if fits and coming.plan.kind == "tool":
        return f"{repeated}{_act_words(fits, acts)}; or enter runs {safe(coming.plan.title, 60)}{_writes(coming)}."
    if repeated:
        return f"{repeated}r asks again at once, {goes_on}"
    if since:
        ran = next((step for step in state.steps if step.outcome is not None), coming)
        return f"Found since: {since}: r on {safe(ran.plan.title, 60)} asks again, {goes_on}"
    if _is_clean(state):
        return f"Nothing wrong was found: c closes it as a false alarm; or {goes_on}"
    return ""


def _is_clean(state: IncidentState) -> bool:
    """Return True if nothing wrong was found, and nothing was done."""
    return found_nothing(state) and not state.action_records


def found_since(state: IncidentState, alarms: Sequence[Finding]) -> str:
    """Return what the dashboard shows now although the incident's steps found nothing wrong; empty if that is not so.

    Args:
        state: The incident.
        alarms: The dashboard's findings from medium on, the worst first.
    """
    if alarms and _is_clean(state):
        return sentence(alarms[0].message, 120)
    return ""


def found_beside(alarms: Sequence[Finding]) -> str:
    """Return what the dashboard shows although the incident's own fault is gone: the worst finding, and how many more.

    Args:
        alarms: The dashboard's findings from medium on, the worst first.
    """
    if alarms:
        return f"{sentence(alarms[0].message, 100)}{and_others(alarms, thing='finding')}"
    return ""


def _step_words(state: IncidentState, coming: Step, doable: Sequence[Advice], shown: str, acts: Sequence[str]) -> str:
    """Return what the keys do with the step that comes next."""
    title = safe(coming.plan.title, 60)
    if coming.plan.kind == "tool":
        evident = evident_issue(state)
        if coming.plan.choose_issue and state.choice is None and evident is not None:
            return f"enter runs {title} ({issue_words(evident.issue)}); f chooses another issue."
        if coming.plan.choose_issue and state.choice is None:
            return f"enter chooses an issue to examine and runs {title}; the health check ranked them."
        return f"enter runs {title}{_writes(coming)}; s skips it and asks why."
    enter = "enter ends it and asks what was done" if shown == coming.plan.id else "enter opens it"
    if coming.plan.kind == "apply":
        words = f"{title}: "
        if doable:
            words += f"{_act_words(doable, acts)}, "
        return f"{words}m marks what you did by hand, r checks whether it is fixed, {enter}."
    return f"{title} is done by hand: {enter}."


def _writes(step: Step) -> str:
    """Return what a tool's step writes into Redis, for all that the screen is read-only otherwise; else ""."""
    given = step.plan.arguments
    kind = given.get("test_type", "connectivity")
    tests_cache = kind in ("connectivity", "full_flow") and given.get("include_cache_test", True)
    if step.plan.tool != "test_ai_engine_integration" or not tests_cache:
        return ""
    posts = ", and posts a test message" * (kind == "full_flow")
    return f" (which writes one key of its own with a TTL and removes it{posts})"


def _proof_ahead(state: IncidentState) -> str:
    late = [one for one in waiting(state) if one.late]
    words = waits(max(late, key=lambda one: one.due or 0.0), brief=True) if late else proof_status(state)
    return words[:1].upper() + words[1:]


def _repeated_words(state: IncidentState) -> str:
    """Return what the check of the last remedy said, where it did not prove it and runs again; else ""."""
    records = [one for one in state.action_records if not is_superseded(state, one)]
    if not records or records[-1].verdict in (None, "fixed"):
        return ""
    words = PROOF_WORDS[records[-1].verdict]
    return f"{words[:1].upper()}{words[1:]}: it is checked again automatically; "


_CLAUSE = re.compile(r"[,;:(]| - ")
"""What ends the first clause of a recommendation: the rest of it explains."""


def _act_words(fits: Sequence[Advice], acts: Sequence[str]) -> str:
    """Return what ``a`` does first about what was found, and how much else it offers."""
    first = next(iter(acts), "") or _CLAUSE.split(fits[0].action)[0].strip().rstrip(".")
    others = max(len(fits), len(acts)) - 1
    more = f" ({others} more to choose from)" * (others > 0)
    return f"a acts on what was found: {safe(first, 120)}{more}"
