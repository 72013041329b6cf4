"""Optional parts of a sentence."""


def clause(text: str | None, before: str, after: str = "") -> str:
    """Return ``text`` between ``before`` and ``after``; empty where there is no text.

    Example: ``clause(reason, ": ")`` is ``: disk full``, or nothing without a reason.
    """
    if not text:
        return ""
    return f"{before}{text}{after}"
