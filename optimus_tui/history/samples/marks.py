"""Decide from the marks of two readings whether one process published both, beside start times and counters. Pure."""

from collections.abc import Mapping
from typing import Literal

from optimus_tui.contract.metrics import CREATED
from optimus_tui.grammar.prometheus import split_series

SLACK = 0.05
"""CPU seconds are a sum of two clocks, which may go back a little."""


def compare_marks(before: Mapping[str, float], marks: Mapping[str, float]) -> Literal["same", "other", "unknown"]:
    """Return whether one process published both readings.

    A series is created once: another creation time is another process. Only labelled series prove the same process,
    since they are created at the first request; others may be created before workers are forked. A value that only
    grows proves nothing.
    """
    proved = False
    for name, value in before.items():
        now = marks.get(name)
        if now is None:
            continue
        created = split_series(name)[0].endswith(CREATED)
        if (created and now != value) or now < value - SLACK:
            return "other"
        proved |= created and "|" in name
    if proved:
        return "same"
    return "unknown"
