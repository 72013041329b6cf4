"""Values for documents that may not be known: None stays None. Pure."""

from typing import TypeVar

T = TypeVar("T")


def rounded(value: float | None, digits: int = 1) -> float | None:
    """Return the value with at most ``digits`` decimals, or None if it is not known."""
    if value is None:
        return None
    return round(value, digits)


def if_known(known: object, value: T) -> T | None:
    """Return the value if ``known`` is true, else None. The value is computed in either case."""
    if known:
        return value
    return None


def status_of(known: object, otherwise: str) -> str:
    """Return the status of a section: "ok" if ``known`` is true, else ``otherwise``."""
    if known:
        return "ok"
    return otherwise
