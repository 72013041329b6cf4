"""The line on top of the incident screen: what it is, how far the proof of its repair is, how long it has been open."""

from optimus_tui.contract.incident import IncidentState, Stamp
from optimus_tui.tui.incidents.text import safe, tone_of
from optimus_tui.tui.theme import TONE_COLORS
from optimus_tui.tui.tools.lists import severity_text
from optimus_tui.tui.widgets.bars import Part, Words, with_room
from optimus_tui.wording.numbers import age, clock, plural
from optimus_tui.workflow.proof import waiting
from optimus_tui.workflow.standing import elapsed, proof_status, standing

WIDE = 100
"""Columns from which the line on top says when the incident was opened, and how bad it was at worst."""


def bar_words(
    state: IncidentState, now: Stamp, mode: tuple[str, str], problem: str, width: int, alarms: int = 0
) -> tuple[Words, Words]:
    """Return the words of the line on top, left and right.

    Args:
        state: The incident.
        now: The present time, for how long it has been open.
        mode: Whether actions are armed, in words, and their style.
        problem: Why the incident cannot be written to or is not kept; empty if all is well.
        width: Columns.
        alarms: How many findings from medium on the dashboard shows now, of the incident or beside it.

    How far the proof of a repair is stands there until the incident is closed, at every width.
    """
    wide, gap = width >= WIDE, "  "
    if wide:
        gap = "   "
    left = [Part(0, [(f" INCIDENT {safe(state.id, 12)}", "b:bright")])]
    left.append(Part(6, [(gap + safe(state.environment, 24), "accent")]))
    if state.opened is not None:
        opened = f"{gap}opened {clock(state.opened.wall)[:5]} · "
        left.append(Part(4, [(opened * wide or gap, "quiet")]))
        left.append(Part(3, [(age(elapsed(state.opened, state.closed or now)), "bright")]))
    if state.closed:
        left.append(Part(0, [(" closed", "quiet")]))
    elif proof := proof_status(state):
        left.append(Part(0, [(gap + safe(proof, 80), proof_style(state))]))
    if problem:
        left.append(Part(0, [(gap + safe(problem, 120), "warning")]))
    severity = standing(state)
    words = severity_text(severity)
    if severity == "none":
        words = "no finding holds"
        if state.severity == "none":
            words = "no severity yet"
        elif alarms and not state.closed:
            words = f"its own are gone, {plural(alarms, 'finding')} {'holds' if alarms == 1 else 'hold'}"
    right = [Part(1, [(mode[0] + gap, mode[1])]), Part(2, [(words + " ", TONE_COLORS[tone_of(severity) or "quiet"])])]
    if severity != state.severity and wide:
        right.append(Part(5, [(f"(at worst {state.severity}) ", "quiet")]))
    return with_room(left, right, width)


def proof_style(state: IncidentState) -> str:
    """Return the colour of how far the proof is: good once it is proved, the accent while it is waited for."""
    if state.repaired is not None and not waiting(state):
        return "b:success"
    return "accent"
