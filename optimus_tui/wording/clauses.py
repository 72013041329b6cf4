"""Optional parts of a sentence."""

from collections.abc import Sized


def and_others(items: Sized) -> str:
    """Return `` (+2)`` for three items of which the first is shown; "" for one or none."""
    if len(items) < 2:
        return ""
    return f" (+{len(items) - 1})"


def clause(text: str | None, before: str, after: str = "") -> str:
    """Return ``text`` between ``before`` and ``after``; empty where there is no text.

    Example: ``clause(reason, ": ")`` is ``: disk full``, or nothing without a reason.
    """
    if not text:
        return ""
    return f"{before}{text}{after}"
