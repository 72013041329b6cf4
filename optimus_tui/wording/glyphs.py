"""A glyph and a word for each state, so that colour alone never carries a meaning.

Tones are roles, not colours: ``critical``, ``warning``, ``ok``, ``quiet``. The screen maps them to its theme.
"""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.findings import Overall, Severity
from optimus_tui.contract.limits import LimitState
from optimus_tui.contract.services import Status

Tone = Literal["critical", "warning", "ok", "quiet"]


class StateGlyph(Struct, frozen=True):
    """A glyph, one cell wide, with the ``word`` that says the same without it, and its tone."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        """Return glyph and word: ``✖ CRIT``."""
        return f"{self.glyph} {self.word}"


SEVERITY_MARKS: dict[Severity, StateGlyph] = {
    "critical": StateGlyph("✖", "CRIT", "critical"),
    "high": StateGlyph("▲", "HIGH", "warning"),
    "medium": StateGlyph("▲", "WARN", "warning"),
    "low": StateGlyph("△", "note", "quiet"),
}

OVERALL_MARKS: dict[Overall, StateGlyph] = {
    "critical": StateGlyph("✖", "CRITICAL", "critical"),
    "needs_attention": StateGlyph("▲", "NEEDS ATTENTION", "warning"),
    "healthy": StateGlyph("●", "HEALTHY", "ok"),
    "unknown": StateGlyph("○", "UNKNOWN", "quiet"),
}

STATUS_MARKS: dict[Status, StateGlyph] = {
    "healthy": StateGlyph("●", "healthy", "ok"),
    "connected": StateGlyph("●", "connected", "ok"),
    "unhealthy": StateGlyph("✖", "unhealthy", "critical"),
    "error": StateGlyph("✖", "error", "critical"),
    "disconnected": StateGlyph("✖", "disconnected", "critical"),
    "not configured": StateGlyph("○", "not configured", "quiet"),
    "unknown": StateGlyph("○", "unknown", "quiet"),
}

LIMIT_MARKS: dict[LimitState, StateGlyph] = {
    "immortal": StateGlyph("✖", "never resets", "critical"),
    "over": StateGlyph("▲", "over", "warning"),
    "near": StateGlyph("▲", "near", "warning"),
    "ok": StateGlyph(" ", "ok", "ok"),
    "unknown limit": StateGlyph("○", "unknown limit", "quiet"),
    "broken": StateGlyph("✖", "broken", "quiet"),
}
