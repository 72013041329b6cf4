"""What to do now in an incident, in one sentence: the line "Next" of its screen. Pure."""

from collections.abc import Sequence

from optimus_tui.contract.incident import Advice, IncidentState
from optimus_tui.tui.incidents.text import safe, to_do_words
from optimus_tui.workflow.proof import waiting, waits
from optimus_tui.workflow.standing import is_held, proof_status


def writes_words(state: IncidentState) -> str:
    """Return what ``x`` does in a closed incident."""
    return "x writes the post-mortem again" if state.exported else "x writes the post-mortem"


def nothing_with_a(state: IncidentState) -> str:
    """Return why ``a`` carries out nothing, and what to do instead."""
    if not any(one.status == "open" for one in state.advice):
        return "nothing is recommended yet" if not state.advice else "nothing of what is recommended is left to do"
    return f"a does none of this: {to_do_words(state)}, in the last step's list; m marks there what you did"


def next_words(state: IncidentState, doable: Sequence[Advice], shown: str = "") -> str:
    """Return what to do now, in one sentence.

    Args:
        state: The incident.
        doable: The recommendations that can be carried out from here, the most urgent first.
        shown: The id of the step under the cursor: enter opens a step that is done by hand before it ends it.
    """
    if state.status == "closed":
        written = ", post-mortem written" if state.exported else ""
        return f"Closed{written}. {writes_words(state)}, esc goes back to the panes."
    if state.running is not None:
        return f"{safe(state.running.plan.title, 60)} is running; esc goes back to the panes meanwhile."
    coming = state.next
    if waiting(state):
        words = f"{_proof_ahead(state)}; the check runs by itself then, on any screen."
        if coming is not None and coming.plan.kind == "tool":
            words += f" Meanwhile enter runs {safe(coming.plan.title, 60)}."
        return words
    if state.repaired is not None:
        return "Proved: the fault is gone. c closes with cause and resolution."
    if coming is None:
        words = "All steps are done: "
        if doable:
            words += f"{len(doable)} can still be done with a; "
        if not state.repaired:
            words += "r on the last step checks whether it is fixed, "
        return f"{words}c closes with cause and resolution."
    title, enter = safe(coming.plan.title, 60), "enter opens it"
    fits = [one for one in doable if is_held(state, one.rules)]
    if fits and coming.plan.kind == "tool":
        return f"{_act_words(fits)}; or enter runs {title}."
    if shown == coming.plan.id:
        enter = "enter ends it and asks what was done"
    if coming.plan.kind == "tool":
        if coming.plan.choose_issue and state.choice is None:
            return f"enter chooses an issue to examine and runs {title}; the health check ranked them."
        return f"enter runs {title}; s skips it and asks why."
    if coming.plan.kind == "apply":
        words = f"{title}: "
        if doable:
            words += f"a does what can be done from here ({len(doable)}), "
        return f"{words}m marks what you did by hand, r checks whether it is fixed, {enter}."
    return f"{title} is done by hand: {enter}."


def _proof_ahead(state: IncidentState) -> str:
    late = [one for one in waiting(state) if one.late]
    words = waits(max(late, key=lambda one: one.due or 0.0)) if late else proof_status(state)
    return words[:1].upper() + words[1:]


def _act_words(fits: Sequence[Advice]) -> str:
    """Return what ``a`` does at once about what was found."""
    first = fits[0].action.strip().rstrip(".")
    more = f" (or one of {len(fits) - 1} more)" * (len(fits) > 1)
    return f"a acts on what was found: {safe(first, 120)}{more}"
