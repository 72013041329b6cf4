"""The work of a call, counted in lines of Python that it runs: the same number on every machine, busy or not.

What C code does for one line is not counted: ``tests.bench.bench_hostile`` measures that.
"""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def steps_of(work: Callable[[], T]) -> tuple[T, int]:
    """What ``work`` returns, and how many lines ran in it and in what it called, in this thread."""
    count = 0

    def trace(frame: FrameType, event: str, value: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return work(), count
    finally:
        sys.settrace(before)
