"""The one expected error of this room. Its text is always safe to show."""

from optimus_tui.wording.safe import safe_text


class IncidentError(Exception):
    """An incident cannot be opened, changed or read.

    ``str()`` is one sentence. ``exit_code``: 2 for a mistake in the call, 4 if refused (closed, read-only, another
    system).
    """

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(safe_text(message, 600))
        self.exit_code = exit_code


def plain(text: str, limit: int = 8_000) -> str:
    """Return typed text as it can be stored: without lone surrogates, at most ``limit`` characters, marked if cut."""
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8").strip()
    if len(kept) <= limit:
        return kept
    return f"{kept[:limit]}… (cut; {len(kept):,} characters in all)"
