"""How long between two stamps: by the steady clock where one machine's boot saw both, else by clocks that may jump.

Also the two figures that come out of an incident: until somebody acted (MTTA), until it was repaired (MTTR). Pure.
"""

import math

from optimus_tui.contract.incident import IncidentState, Stamp


def elapsed(start: Stamp, end: Stamp) -> float:
    """Seconds from ``start`` to ``end``, never below 0 and always finite."""
    if start.boot and start.boot == end.boot:
        seconds = end.mono - start.mono
    elif start.server is not None and end.server is not None:
        seconds = end.server - start.server
    else:
        seconds = end.wall - start.wall
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def mtta(state: IncidentState) -> float | None:
    """Seconds from the beginning of the fault to the opening of the incident; None where nobody said when it began."""
    if state.opened is None or state.began is None:
        return None
    seconds = state.opened.wall - state.began
    return max(0.0, seconds) if math.isfinite(seconds) else None


def mttr(state: IncidentState) -> float | None:
    """Seconds from the beginning (else the opening) to the repair that a check proved, else to the closing."""
    end = state.repaired or state.closed
    if state.opened is None or end is None:
        return None
    return (mtta(state) or 0.0) + elapsed(state.opened, end)
