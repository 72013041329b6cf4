"""How often what is random is tried: a part of it in every run, all of it with ``OPTIMUS_WHOLE=1``, at night."""

import os


def amount(part: int, whole: int, variable: str = "") -> int:
    """Return ``part``, or ``whole`` where everything is to be tried, or the number in the environment ``variable``."""
    usual = whole if os.environ.get("OPTIMUS_WHOLE") else part
    return int(os.environ.get(variable, usual))
