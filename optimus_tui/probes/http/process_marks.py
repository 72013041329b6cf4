"""Values of a metrics page that identify the process behind it, beside its start time. Pure.

prometheus-client publishes when each series was created, the CPU seconds of the process and the work of its garbage
collector. Workers that were forked in the same moment share one start time, but differ in these.
"""

import math
from collections.abc import Iterable, Mapping

from optimus_tui.contract.metrics import CREATED, DURATIONS, HITS, MISSES, REFUSED, REQUESTS, UPSTREAM_DURATIONS
from optimus_tui.grammar.prometheus import Sample, series_name

MAX_MARKS = 200
GROWING = ("process_cpu_seconds_total", "python_gc_collections_total", "python_gc_objects_collected_total")


def mark_names(remapped: Mapping[str, str]) -> set[str]:
    """Return the published names of all marks."""
    counted = (REQUESTS, REFUSED, HITS, MISSES, DURATIONS, UPSTREAM_DURATIONS)
    published = (remapped.get(name) or name for name in counted)
    return {*GROWING, *(name.removesuffix("_total").removesuffix("_count") + CREATED for name in published)}


def marks_of(samples: Iterable[Sample], names: set[str]) -> dict[str, float]:
    """Return the marks of a page by series, a bounded number of them."""
    marks: dict[str, float] = {}
    for name, labels, value in samples:
        if len(marks) >= MAX_MARKS:
            break
        if name in names and math.isfinite(value):
            marks[series_name(name, labels)] = value
    return marks
