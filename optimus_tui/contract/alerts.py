"""Alerts: episodes of findings, mutes, and the notices that become toasts."""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.findings import Finding, Severity

NoticeKind = Literal["standing", "appeared", "worsened", "still", "cleared"]
"""``standing``: active at the start. ``still``: a mute ended and the finding is still active."""


class AlertEpisode(Struct, frozen=True, kw_only=True):
    """One problem from its beginning to its end. ``finding`` is its worst state, ``severity`` the present one.

    ``since`` and ``seen`` (when it was last observed) are wall-clock seconds for people; ``lasted`` is monotonic
    seconds.
    """

    finding: Finding
    severity: Severity
    since: float
    seen: float
    lasted: float = 0.0
    back: int = 0
    """How often it vanished and returned before its hold time was over."""
    end: Literal["", "cleared", "continued"] = ""
    """Empty while it is open; ``continued`` where the same problem continues under another rule."""
    blind: bool = False
    """Its source can no longer be read, so it may or may not be active."""


class Mute(Struct, frozen=True, kw_only=True):
    """A mute of exactly one (rule, subject). ``severity`` is the one at the time of muting."""

    rule: str
    subject: str
    reason: str
    severity: Severity
    at: float
    """Wall-clock seconds."""
    until: float | None = None
    """Wall-clock seconds; None: until the finding clears."""


class Notice(Struct, frozen=True, kw_only=True):
    """A message that is shown once. ``rings``: the terminal bell may ring for it."""

    kind: NoticeKind
    finding: Finding
    severity: Severity
    rings: bool = False
