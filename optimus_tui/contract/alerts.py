"""What alerts remember and say: episodes of findings, mutes, and the notices that become toasts."""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.findings import Finding, Severity

NoticeKind = Literal["standing", "appeared", "worsened", "still", "cleared"]
"""``standing``: there at the first look. ``still``: a mute ended and the finding has not."""


class AlertEpisode(Struct, frozen=True, kw_only=True):
    """One trouble from its beginning to its end. ``finding`` is as it was at its worst, ``severity`` as it is now.

    ``since`` and ``seen`` (last seen to hold) are wall-clock seconds for people; ``lasted`` is monotonic seconds.
    """

    finding: Finding
    severity: Severity
    since: float
    seen: float
    lasted: float = 0.0
    back: int = 0
    """How often it was gone and came back before its hold time was over."""
    end: Literal["", "cleared", "continued"] = ""
    """Empty while it is open; ``continued`` where the same trouble went on under another name."""
    blind: bool = False
    """Its source can no longer be judged: it may hold or not."""


class Mute(Struct, frozen=True, kw_only=True):
    """Silence for exactly one (rule, subject). ``severity`` is the one it had when it was muted."""

    rule: str
    subject: str
    reason: str
    severity: Severity
    at: float
    """Wall-clock seconds."""
    until: float | None = None
    """Wall-clock seconds; None: until the finding clears."""


class Notice(Struct, frozen=True, kw_only=True):
    """Something to say once. ``rings``: worth the bell where nobody looks."""

    kind: NoticeKind
    finding: Finding
    severity: Severity
    rings: bool = False
