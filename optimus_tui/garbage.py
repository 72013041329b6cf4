"""How often Python searches for cyclic garbage: hardly ever while a program starts, seldom afterwards."""

import gc

OBJECTS = 200_000
"""Objects between two searches while a program starts: a first frame, and a whole short verb, make half as many, and a
search among so many takes as long as a tenth of either."""
RUNNING = 10_000
"""The same once it runs. By Python's own number a dashboard at rest searches every two seconds, and finds nothing."""
_starting: list[bool] = []


def starting() -> None:
    """Search hardly ever until ``started`` is called. A short command ends before that, and before garbage matters."""
    _starting.append(True)
    gc.set_threshold(OBJECTS)


def started() -> None:
    """Search now and then, but not among the objects that the start made.

    Only the first call after a start has an effect.

    Otherwise a program that runs for days would keep garbage for a long time.
    """
    if _starting:
        _starting.clear()
        gc.freeze()
        gc.set_threshold(RUNNING)


def loaded() -> None:
    """Leave everything that was loaded and built until now out of the search: it stays as long as the program runs.

    The modules of screens and clients are loaded after the start. To search them once a minute took a twentieth of the
    processor time of a dashboard at rest.
    """
    gc.freeze()
