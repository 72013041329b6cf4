"""The line on top of the incident screen: its subject, whether a repair is proved, and how long it has been open."""

import re
from collections.abc import Sequence

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import IncidentState, Stamp
from optimus_tui.incidents.service import IncidentService
from optimus_tui.tui.dashboard.status_line import clock_part, proof_part
from optimus_tui.tui.incidents.text import safe, severity_style_of
from optimus_tui.tui.theme import SEVERITY_COLORS
from optimus_tui.tui.tools.lists import severity_text
from optimus_tui.tui.widgets.bars import Part, Words, with_room
from optimus_tui.wording.numbers import age, and_others, clock, plural
from optimus_tui.wording.short_hash import short_names
from optimus_tui.workflow.proof import waiting
from optimus_tui.workflow.ranking import alarm, rank
from optimus_tui.workflow.standing import elapsed, proof_status, standing

WIDE = 100
"""Columns from which the line on top says when the incident was opened, and how bad it was at worst."""


def bar_words(
    state: IncidentState,
    now: Stamp,
    mode: tuple[str, str],
    problem: str,
    width: int,
    alarms: Sequence[Finding] = (),
    proof: str | None = None,
) -> tuple[Words, Words]:
    """Return the words at the left and at the right of the line on top.

    Whether a repair is proved is shown there at every width, until the incident is closed.

    Args:
        state: The incident.
        now: The present time, for how long it has been open.
        mode: Whether actions are armed, in words, and their style.
        problem: Why the incident cannot be written to or is not kept; empty if all is well.
        width: Columns.
        alarms: The findings from medium on that the dashboard shows now, worst first, whatever the incident is about.
        proof: How far the proof is, as the dashboard's readings tell; None for what the incident alone knows.
    """
    wide, gap = width >= WIDE, "  "
    if wide:
        gap = "   "
    left = [Part(0, [(f" INCIDENT {safe(state.id, 12)}", "b:bright")])]
    left.append(Part(2, [(gap + safe(state.environment, 24), "accent")]))
    if state.opened is not None:
        lasted = age(elapsed(state.opened, state.closed or now))
        open_for = Part(8, [(f"{gap}open for {lasted}", "bright")], Part(7, [(gap + lasted, "bright")]))
        closed = Part(7, [(f"{gap}closed after {lasted}", "bright")], Part(0, [(f"{gap}closed", "quiet")]))
        left.append(closed if state.closed else open_for)
        left.append(Part(9, [(f" (opened {clock(state.opened.wall)[:5]})" * wide, "quiet")]))
    if proof is None:
        proof = proof_status(state, now.wall)
    if proof and not state.closed:
        left.append(proof_part(safe(proof, 80), gap, proof_style(state), 5))
    if problem:
        left.append(Part(0, [(gap + safe(problem, 120), "warning")]))
    severity = _severity(state)
    words, brief = _severity_words(state, severity, alarms)
    held = severity != "none" or bool(alarms)
    style = SEVERITY_COLORS[severity_style_of(severity) or "quiet"]
    right = [
        Part(4, [("  " + mode[0] + gap, mode[1])], Part(1, [("  " + _without_place(mode[0]) + gap, mode[1])])),
        Part(6, [(words + gap, style)], Part(0, [(brief + gap, style)]) if held else None),
    ]
    if rank(state.severity) > rank(severity) and wide and not state.closed:
        right.append(Part(9, [(f"(at worst {state.severity}){gap}", "quiet")]))
    right.append(clock_part(now.wall, 3))
    return with_room(left, right, width)


def mode_beside(drill: str, mode: tuple[str, str]) -> tuple[str, str]:
    """Return whether actions are armed, and the style of these words, behind the clock of a drill if there is one.

    Args:
        drill: The clock of the drill; empty without one.
        mode: Whether actions are armed, in words, and their style.
    """
    words, style = mode
    if not drill:
        return mode
    return f"{drill}   {words}", {"quiet": "warning"}.get(style, style)


def problem_of(service: IncidentService) -> str:
    """Return why an incident cannot be written to or is not kept; empty if all is well."""
    if service.read_only:
        return f"READ-ONLY {service.read_only}"
    if service.fault:
        return service.fault.message
    return ""


def _without_place(mode: str) -> str:
    """Return the mode without the server on which actions are armed."""
    return re.sub(r"(\bARMED [\d:]+).*", r"\1", mode)


def _severity(state: IncidentState) -> str:
    """Return the severity that is shown: ``none`` once the repair is proved."""
    if state.repaired is not None and not waiting(state):  # the dashboard shows what else was found, as it is now
        return "none"
    severity = standing(state)
    if severity == state.severity == "none" and not any(step.outcome for step in state.steps):
        found = alarm(state)  # before the first result, what it was opened on
        severity = found.severity if found is not None else "none"
    return severity


def _severity_words(state: IncidentState, severity: str, alarms: Sequence[Finding]) -> tuple[str, str]:
    """Return the words for a severity, or for what holds instead of one, and their short form."""
    if severity != "none":
        words = severity_text(severity)
    elif state.closed and state.severity != "none":
        words = f"at worst {severity_text(state.severity)}"
    elif state.severity == "none":
        words = "nothing was wrong" if state.closed else "no severity yet"
    elif alarms:
        return f"also: {safe(short_names(alarms[0].subject), 30)}{and_others(alarms)}", plural(len(alarms), "finding")
    else:
        words = "no finding holds"
    return words, words


def proof_style(state: IncidentState) -> str:
    """Return the style of the words about a proof: good once the repair is proved, accent while the proof is due."""
    if state.repaired is not None and not waiting(state):
        return "b:success"
    return "accent"
