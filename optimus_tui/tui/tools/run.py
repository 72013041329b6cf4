"""One run of a tool as the screen remembers it: what was asked, what came, how long it took. Draws nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optimus_tui.contract.tools.common import Report
from optimus_tui.wording.numbers import latency, progress


@dataclass
class ToolRun:
    """``report`` is an answer, or the document that says why there is none (``code`` 2, 3 or 4)."""

    tool: str
    arguments: Mapping[str, Any]
    started: float
    """Seconds of the monotonic clock."""
    took: float | None = None
    report: Report | None = None
    code: int | None = None
    stopped: str = ""
    """Why there is no document at all: cancelled, or a bug."""
    progress: tuple[int, int | None, str] | None = None
    encoded: bytes = field(default=b"")

    @property
    def running(self) -> bool:
        """Return True until there is an answer."""
        return self.took is None

    @property
    def mark(self) -> tuple[str, str]:
        """Return a glyph for the outcome, and its style."""
        if self.running:
            return "…", "accent"
        if self.code == 0:
            return "●", "good"
        if self.code == 1:
            return "▲", "warn"
        if self.code is None:
            return "○", "quiet"
        return "✖", "crit"

    def note_progress(self, done: int, total: int | None, what: str) -> None:
        """Remember how far a scan has come."""
        self.progress = (done, total, what)

    def words(self, mono: float, deadline: float) -> str:
        """Return the line above the answer."""
        if self.running:
            parts = [f"running {mono - self.started:.1f} s of {deadline:g} s"]
            if self.progress:
                parts.append(progress(*self.progress))
            return " · ".join([*parts, "esc stops it"])
        took = latency((self.took or 0.0) * 1000)
        if self.stopped:
            return f"{self.stopped} after {took}"
        results = {
            0: "nothing of medium or worse",
            1: "something found",
            2: "bad argument",
            3: "no result",
            4: "refused",
        }
        return f"{results.get(self.code or 0, '')} · exit {self.code} · {took}"
