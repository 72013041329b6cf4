"""The order of findings, and how many of one kind are worth a line each. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from optimus_tui.contract.findings import SEVERITIES, Finding

MANY = 5
"""More findings of one rule than this become one that sums them up: a wall of red hides the second cause."""

T = TypeVar("T")


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by severity, the critical ones first, else in the order given."""
    return tuple(sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity)))


def each_or_one(
    cases: Sequence[T], each: Callable[[T], Finding], together: Callable[[Sequence[T]], Finding]
) -> list[Finding]:
    """Return a finding for each case, or a single one for all where there are more than ``MANY``."""
    if len(cases) <= MANY:
        return [each(case) for case in cases]
    return [together(cases)]


def some_of(names: Sequence[str], shown: int = 2) -> str:
    """Return ``a, b and 35 more``."""
    if len(names) <= shown + 1:
        return ", ".join(names)
    return f"{', '.join(names[:shown])} and {len(names) - shown:,} more"
