"""The text of the dialog that asks before an incident is opened: what it would be about, what to do, the steps.

Pure: findings and steps in, words out. Texts of findings are made safe here.
"""

from collections.abc import Callable, Iterable, Sequence

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import ALARMING, PAST, Finding, alarming, some_of, worst_first
from optimus_tui.contract.incident import IncidentState, StepPlan
from optimus_tui.tui.actions.remedies import FirstAct
from optimus_tui.tui.incidents.text import safe, sentence
from optimus_tui.tui.tools.lists import severity_text
from optimus_tui.wording.numbers import ago, clause, clock, plural
from optimus_tui.wording.short_hash import short_names
from optimus_tui.wording.truth import SETTLING
from optimus_tui.workflow.standing import left_as

SHOWN = 3
"""Findings that the dialog names."""


def worth_an_incident(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that an incident is opened for, the worst first.

    These are the findings from medium on; if there are none, the low ones that something has to be done about. What is
    past is none of them, such as what a drill leaves behind.

    Args:
        findings: Those of the health report.
    """
    found = tuple(findings)
    quiet = [one for one in worst_first(found) if not rule_of(one.rule).needs_nothing]
    return alarming(found) or [one for one in quiet if not one.message.startswith(PAST)]


def concerning(finding: Finding | None, findings: Iterable[Finding]) -> list[Finding]:
    """Return what an incident would be about now: ``finding`` as it is now, first, and what else is worth one.

    Where it is no alarm, or gone, an alarm about the same subject stands before it.

    Args:
        finding: What the incident is opened on; None for no particular finding.
        findings: Those of the health report now.
    """
    found = tuple(findings)
    alarms = worth_an_incident(found)
    if finding is None:
        return alarms
    key = finding.rule, finding.subject
    now = next((one for one in found if (one.rule, one.subject) == key), None)
    if now is None or now.severity not in ALARMING:
        others = (one for one in alarms if one.severity in ALARMING and one.subject == finding.subject)
        now = next(others, now or finding)
    return [now, *(one for one in alarms if (one.rule, one.subject) != (now.rule, now.subject))]


def opening(
    findings: Sequence[Finding],
    playbook: str,
    steps: Sequence[StepPlan],
    as_of: float | None = None,
    first_act: Callable[[Finding], FirstAct | None] = lambda _: None,
    proved: Callable[[Finding], str] = lambda _: "",
) -> str:
    """Return the text of the dialog that asks before an incident is opened. Nothing is written until it is confirmed.

    Args:
        findings: What it would be about.
        playbook: The name of the playbook.
        steps: Its steps.
        as_of: When the findings were judged, in wall-clock seconds: the panes behind the dialog go on.
        first_act: Returns the first action that ``a`` offers for a finding; None for none.
        proved: Returns why nothing has to be done about a finding, such as a proof that it has ended; else empty.
    """
    ordered = sorted(worst_first(findings), key=lambda one: bool(proved(one)))  # a side effect never leads
    first = ordered[:SHOWN]  # what is true now stands before what is only held
    lines = [
        f"{SETTLING.text.lower() if proved(one) else severity_text(one.severity)}  "
        f"{sentence(one.message, 160)}{clause(proved(one), '; ')}"
        for one in first
    ]
    if len(findings) > SHOWN:
        names = some_of([short_names(one.subject) for one in ordered[SHOWN:]], 4)
        lines.append(f"{plural(len(findings) - SHOWN, 'more finding')}: {safe(names, 160)}")
    now = [one for one in first if not one.held and not proved(one)]
    remedies = list(dict.fromkeys(act.name for act in map(first_act, now) if act is not None))
    if remedies:
        lines.append(f"Remedy: {'; or '.join(remedies)} (a does it once the incident is open)")
    elif now and now[0].remedy:
        lines.append(f"Remedy: {sentence(now[0].remedy, 160)}")
    if lines and as_of is not None:
        lines.append(f"as of {clock(as_of)} UTC")
    lines = lines or ["No finding needs attention now."]
    names = ", ".join(safe(step.title, 40) for step in steps)
    order = "Findings may bring a later step forward. " * any(step.first_when for step in steps)
    return "\n".join([*lines, "", f"Steps ({safe(playbook, 40)}): {names}. {order}The first one runs at once."])


def proved_before(findings: Sequence[Finding], left: Sequence[IncidentState]) -> str:
    """Return the line about an open incident in which one of these findings was proved fixed; empty for none."""
    keys = {(one.rule, one.subject) for one in findings}
    for state in left:
        if state.repaired is not None and any((one.rule, one.subject) in keys for one in state.open_findings):
            return f"Incident {safe(state.id, 12)} was about this too: {left_as(state)}. i, then its row, resumes it.\n"
    return ""


def offer_words(state: IncidentState | None, now: float) -> tuple[str, str]:
    """Return an incident that can be resumed as a row, with what it is about; None stands for a new one.

    Args:
        state: The incident.
        now: The present time, in wall-clock seconds.
    """
    if state is None:
        return "Open a new incident", "the open ones stay as they are"
    first = next(iter(state.open_findings), None)
    about = (
        f"{short_names(first.subject)}: {rule_of(first.rule).title}" if first is not None else "no finding was active"
    )
    return f"Resume incident {safe(state.id, 12)}", f"{safe(about, 120)}; {left_words(state, now)}"


def left_words(state: IncidentState, now: float) -> str:
    """Return when an incident was opened, how it was left, and by whom. ``now`` is in wall-clock seconds."""
    words = f"{left_as(state)}, by {state.operator}"
    if state.opened is not None:
        words = f"opened {ago(now, state.opened.wall)}, {words}"
    return safe(words, 200)


def refused_tenant(known: frozenset[str], concerned: str, name: str) -> str:
    """Return why this tenant cannot be chosen; empty if it can.

    Args:
        known: The tenants that were seen; empty if nothing was read yet, and then no name is refused.
        concerned: The tenant that the finding is about; it is never refused.
        name: The tenant that was typed.
    """
    if not known or safe(name) in known or name == concerned:
        return ""
    return "no counter, key, event or metric names it"
