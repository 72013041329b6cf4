"""The search for cyclic garbage: hardly while a program starts, seldom once it has."""

import gc

OBJECTS = 200_000
"""Objects between two searches while a program starts: a first frame, and a whole short verb, make half as many, and a
search among so many takes as long as a tenth of either."""
RUNNING = 10_000
"""The same once it runs. By Python's own number a dashboard at rest searches every two seconds, and finds nothing."""
_starting: list[bool] = []


def starting() -> None:
    """Search hardly until ``started``. A short verb never says that it has started, and ends before that matters."""
    _starting.append(True)
    gc.set_threshold(OBJECTS)


def started() -> None:
    """Search now and then, and no more through what the start made. Only the first call after a start counts.

    A program that runs for days would keep garbage for long otherwise.
    """
    if _starting:
        _starting.clear()
        gc.freeze()
        gc.set_threshold(RUNNING)


def loaded() -> None:
    """Leave out of the search what was loaded and built until now: it stays for as long as the program runs.

    The modules of screens and clients come after the start. Searched through once a minute, they took a twentieth of
    what a dashboard at rest takes.
    """
    gc.freeze()
