"""Which open alerts are side effects of what was done from here, and what was found before it. Pure."""

from collections.abc import Sequence

from optimus_tui.verdicts.alerts import Alerts, Key, key_of, level_of
from optimus_tui.verdicts.causes import WITHIN_SECONDS
from optimus_tui.verdicts.own_acts import OwnAct, SideEffect, act_behind, began_with, side_effect


def side_effects(state: Alerts, acts: Sequence[OwnAct], mono: float) -> dict[tuple[str, str], SideEffect]:
    """Return the findings that are not an alarm yet because they follow from an act, by rule and subject."""
    found: dict[tuple[str, str], SideEffect] = {}
    for key, one in state.held.items():
        if one.act and one.present and level_of(one.finding) > one.announced:
            act = act_behind(one.finding, acts, mono)
            if act is not None and began_with(one.finding, key, act, one.episode.since):
                found[one.finding.rule, one.finding.subject] = side_effect(one.finding, act, mono - act.mono)
    return found


def found_lately(state: Alerts, at: float) -> frozenset[Key]:
    """Return the keys of what was found at a time (wall-clock seconds), or in the minutes before it.

    Findings that have begun since then are left out: an action is noted only once it has ended.
    """
    held = (key for key, one in state.held.items() if one.episode.since <= at)
    ended = (key_of(one.finding) for one in state.ended if one.since <= at and at - one.seen <= WITHIN_SECONDS)
    return frozenset((*held, *ended))
