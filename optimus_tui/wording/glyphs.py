"""A glyph and a word for each state, so that colour alone never carries a meaning.

Tones are roles, not colours: ``critical``, ``warning``, ``ok``, ``quiet``. The screen maps them to its theme.
"""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.limits import LimitState
from optimus_tui.contract.services import Status

Tone = Literal["critical", "warning", "ok", "quiet"]


class Mark(Struct, frozen=True):
    """A glyph, one cell wide, with the ``word`` that says the same without it, and its tone."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        """Return glyph and word: ``✖ CRIT``."""
        return f"{self.glyph} {self.word}"


SEVERITY_MARKS: dict[Severity, Mark] = {
    "critical": Mark("✖", "CRIT", "critical"),
    "high": Mark("▲", "HIGH", "warning"),
    "medium": Mark("▲", "WARN", "warning"),
    "low": Mark("△", "note", "quiet"),
}

OVERALL_MARKS: dict[Overall, Mark] = {
    "critical": Mark("✖", "CRITICAL", "critical"),
    "needs_attention": Mark("▲", "NEEDS ATTENTION", "warning"),
    "healthy": Mark("●", "HEALTHY", "ok"),
    "unknown": Mark("○", "UNKNOWN", "quiet"),
}

STATUS_MARKS: dict[Status, Mark] = {
    "healthy": Mark("●", "healthy", "ok"),
    "connected": Mark("●", "connected", "ok"),
    "unhealthy": Mark("✖", "unhealthy", "critical"),
    "error": Mark("✖", "error", "critical"),
    "disconnected": Mark("✖", "disconnected", "critical"),
    "not configured": Mark("○", "not configured", "quiet"),
    "unknown": Mark("○", "unknown", "quiet"),
}

LIMIT_MARKS: dict[LimitState, Mark] = {
    "immortal": Mark("✖", "never resets", "critical"),
    "over": Mark("▲", "over", "warning"),
    "near": Mark("▲", "near", "warning"),
    "ok": Mark(" ", "ok", "ok"),
    "unknown limit": Mark("○", "unknown limit", "quiet"),
    "broken": Mark("✖", "broken", "quiet"),
}
