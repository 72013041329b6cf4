"""Spans of time as (begin, end), in seconds of one clock. Pure."""

from collections.abc import Iterable

Span = tuple[float, float]


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the spans without overlap, in order."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((begin, end))
    return merged


def within(spans: Iterable[Span], begin: float, end: float) -> list[Span]:
    """Return the parts of the spans between ``begin`` and ``end``."""
    return [(max(a, begin), min(b, end)) for a, b in spans if min(b, end) > max(a, begin)]


def length(spans: Iterable[Span]) -> float:
    """Return the seconds of all spans; they must not overlap."""
    return sum(end - begin for begin, end in spans)
