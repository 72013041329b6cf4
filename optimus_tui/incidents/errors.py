"""The one expected failure of this room. It refuses to carry anything that is not safe to show."""

from optimus_tui.wording.safe import safe_text


class IncidentError(Exception):
    """``str()`` is one sentence. ``exit_code``: 2 a mistake in the call, 4 refused (closed, read-only, elsewhere)."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(safe_text(message, 600))
        self.exit_code = exit_code


def plain(text: str, limit: int = 8_000) -> str:
    """What somebody typed, as it can be kept: no lone surrogates, at most ``limit`` characters, and it says if cut."""
    kept = text.encode("utf-8", "backslashreplace").decode("utf-8").strip()
    return kept if len(kept) <= limit else f"{kept[:limit]}… ({len(kept):,} characters)"
