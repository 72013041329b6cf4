"""Rate-limit counters and odd names as documents carry them: the most urgent ones, and a number for the rest. Pure."""

from collections.abc import Iterable, Sequence
from itertools import islice

from optimus_tui.contract.limits import LimitRow, UnparsedNames
from optimus_tui.contract.tools.common import NamesSection, ShapeSection
from optimus_tui.contract.tools.health import LimitSection
from optimus_tui.tools.capping import ROWS
from optimus_tui.tools.pages.report_sections import limit_section, operation_name

MOST_ROWS = ROWS
"""Of a map in a document: as many as any list of it may have."""


def limit_sections(rows: Iterable[LimitRow], most: int = MOST_ROWS) -> dict[str, LimitSection]:
    """Return the first ``most`` rows (the most urgent) by operation. Two names that look alike stay two."""
    sections: dict[str, LimitSection] = {}
    for row in islice(rows, most):
        name, number = operation_name(row.counter), 1
        while name in sections:
            number += 1
            name = f"{operation_name(row.counter)} ({number})"
        sections[name] = limit_section(row.counter, row)
    return sections


def omitted(rows: Sequence[object], most: int = MOST_ROWS) -> int:
    """Return how many rows a list of at most ``most`` leaves out."""
    return max(0, len(rows) - most)


def unparsed_section(names: UnparsedNames) -> NamesSection:
    """Return names under ``rate_limit`` of another layout, with their shapes."""
    return NamesSection(names.count, tuple(ShapeSection(one.shape, one.count) for one in names.shapes))
