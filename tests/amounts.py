"""How much of what repeats itself is tried: a part of it in every run, all of it with ``OPTIMUS_WHOLE=1``, at night."""

import os
from typing import Any

import pytest

WHOLE = bool(os.environ.get("OPTIMUS_WHOLE"))
"""Whether everything is tried: ``.ci/night`` sets the variable."""


def amount(part: int, whole: int, variable: str = "") -> int:
    """Return ``part``, or ``whole`` where everything is to be tried, or the number in the environment ``variable``."""
    usual = whole if WHOLE else part
    return int(os.environ.get(variable, usual))


def at_night(*values: Any, name: str | None = None) -> Any:
    """Return a case of a test that runs at night only, beside a like one that always runs."""
    return pytest.param(*values, id=name, marks=pytest.mark.night)
