"""Which open alerts are side effects of what was done from here, and what was found before it. Pure."""

from collections.abc import Sequence

from optimus_tui.verdicts.alerts import Alerts, Key, key_of, level_of
from optimus_tui.verdicts.causes import WITHIN_SECONDS
from optimus_tui.verdicts.own_acts import OwnAct, SideEffect, act_behind, began_with, side_effect


def side_effects(state: Alerts, acts: Sequence[OwnAct], mono: float) -> dict[tuple[str, str], SideEffect]:
    """Return the findings that are no alarm yet because they follow from an act, by rule and subject."""
    found: dict[tuple[str, str], SideEffect] = {}
    for key, one in state.held.items():
        if one.act and one.present and level_of(one.finding) > one.announced:
            act = act_behind(one.finding, acts, mono)
            if act is not None and began_with(one.finding, key, act, one.episode.since):
                found[one.finding.rule, one.finding.subject] = side_effect(one.finding, act)
    return found


def found_lately(state: Alerts, now: float) -> frozenset[Key]:
    """Return the keys of what is found now, or was found in the last minutes (``now`` in wall-clock seconds)."""
    ended = (key_of(one.finding) for one in state.ended if now - one.seen <= WITHIN_SECONDS)
    return frozenset((*state.held, *ended))
