"""Limit every list of a document to a hundred rows, and count what is left out. Pure.

A tenant with thousands of counters would else make an answer that a client cannot take. Exit codes and verdicts are
computed from the whole; only what is sent is cut.
"""

from typing import Any

ROWS = 100
OMITTED = "omitted"


def capped(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with its lists and maps cut to ``ROWS``.

    What was cut in an object is counted in its own ``omitted``, beside what the tool itself has left out there.
    """
    cut, result = 0, dict[str, Any]()
    for name, value in document.items():
        result[name], left_out = _shortened(value)
        cut += left_out
    if cut:
        before = result.get(OMITTED)
        result[OMITTED] = cut + (before if isinstance(before, int) else 0)
    return result


def _shortened(value: Any) -> tuple[Any, int]:
    """The value with at most ``ROWS`` entries, each bounded in turn, and the number of entries that were cut."""
    if isinstance(value, dict):
        if len(value) <= ROWS:
            kept = value
        else:
            kept = dict(list(value.items())[:ROWS])
        return capped(kept), len(value) - len(kept)
    if isinstance(value, (list, tuple)):
        return [_shortened(item)[0] for item in value[:ROWS]], max(0, len(value) - ROWS)
    return value, 0
