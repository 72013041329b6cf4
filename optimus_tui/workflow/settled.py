"""Whether a finding that was proved fixed has come again since the proof. Pure.

A figure over some minutes still holds the time before the remedy: while nothing new goes wrong, it can only fall. So a
finding has come again if its figure grows above its lowest since the proof, or if it was away and is there with new
figures.
"""

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.contract.findings import ALARMING, Extent, Finding, extent_of
from optimus_tui.workflow.outcomes import NOTICEABLE

LEAST_MORE = 3.0
"""So many more failed requests are noticed; fewer may be rounding."""


def is_more_than(extent: Extent, lowest: float) -> bool:
    """Return True if an extent is noticeably more than the lowest since a proof."""
    least = LEAST_MORE if extent.is_count else 0.0
    return extent.now - lowest > max(least, NOTICEABLE * lowest)


class Sight(Struct, frozen=True, kw_only=True):
    """The observation of one finding since the proof that it, or its cause, is gone.

    Attributes:
        proved: Wall-clock seconds of the proof.
        lowest: The lowest extent since; None before one was seen.
        at_bar: The extent at the threshold, as last seen; None for a count, which stays when it is below.
        quiet: True once it was seen to be gone, or of the past.
        again: True once it has come again.
    """

    proved: float
    lowest: float | None = None
    at_bar: float | None = None
    quiet: bool = False
    again: bool = False

    def without(self) -> "Sight":
        """Return the sight after a report in which the finding is missing."""
        lowest = self.lowest
        if lowest is not None and self.at_bar is not None:
            lowest = min(lowest, self.at_bar)
        return replace(self, quiet=True, lowest=lowest)

    def with_finding(self, finding: Finding, is_after: bool, is_target: bool) -> "Sight":
        """Return the sight after a report with the finding.

        Args:
            finding: The finding as it is shown.
            is_after: True if all of its figures are of after the remedy.
            is_target: True if it is what was proved to be gone, not an effect of it, which may show later.
        """
        if finding.held:
            return replace(self, quiet=True)
        extent, lowest = extent_of(finding), self.lowest
        if lowest is None and extent is not None and self.quiet and is_target:
            lowest = extent.at_bar  # it was away: then it was at its threshold at most
        grew = extent is not None and lowest is not None and is_more_than(extent, lowest)
        if extent is not None:
            lowest = extent.now if lowest is None else min(lowest, extent.now)
        is_loud = finding.severity in ALARMING
        return replace(
            self,
            lowest=lowest,
            at_bar=None if extent is None or extent.is_count else extent.at_bar,
            quiet=self.quiet or not is_loud,
            again=self.again or (is_loud and (grew or (self.quiet and is_after))),
        )
