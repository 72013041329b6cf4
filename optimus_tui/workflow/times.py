"""Seconds between two stamps: by the monotonic clock within one boot of one machine, else by clocks that may jump.

Also the two figures of an incident: time to acknowledge (MTTA) and time to repair (MTTR). Pure.
"""

import math

from optimus_tui.contract.incident import IncidentState, Stamp


def elapsed(start: Stamp, end: Stamp) -> float:
    """Return the seconds from ``start`` to ``end``, never below 0 and always finite."""
    if start.boot and start.boot == end.boot:
        seconds = end.mono - start.mono
    elif start.server is not None and end.server is not None:
        seconds = end.server - start.server
    else:
        seconds = end.wall - start.wall
    if not math.isfinite(seconds):
        return 0.0
    return max(0.0, seconds)


def mtta(state: IncidentState) -> float | None:
    """Return the seconds from the beginning of the fault to the opening; None if the beginning is unknown."""
    if state.opened is None or state.began is None:
        return None
    seconds = state.opened.wall - state.began
    if not math.isfinite(seconds):
        return None
    return max(0.0, seconds)


def mttr(state: IncidentState) -> float | None:
    """Return the seconds from the beginning (else the opening) to the proved repair.

    Without a proof the closing counts; None before either.
    """
    end = state.repaired or state.closed
    if state.opened is None or end is None:
        return None
    return (mtta(state) or 0.0) + elapsed(state.opened, end)
