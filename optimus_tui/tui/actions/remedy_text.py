"""What to do about a finding, in the same words on its row and in its explanation. Pure."""

from typing import Literal, NamedTuple

from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import PAST, Finding
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.wrapping import clauses

ACTS, EXPLAINS = " (a)", " (e)"
"""The keys behind a remedy: ``a`` does it, ``e`` shows the rest of it."""


class RowRemedy(NamedTuple):
    """What to do about a finding (safe text), or how far it is.

    Attributes:
        words: The action that is offered, the remedy that the explanation shows, or what its proof waits for.
        kind: ``offered`` if ``a`` does it; ``under way`` or ``done`` if that was confirmed already.
    """

    words: str
    kind: Literal["offered", "explained", "under way", "done"]

    @property
    def label(self) -> str:
        """Return what stands before it."""
        return {"under way": "under way: ", "done": "done, "}.get(self.kind, "remedy: ")

    @property
    def forms(self) -> list[str]:
        """Return it with its key, the longest form first: an action whole, else fewer and fewer clauses."""
        if self.kind != "explained":
            return [self.words + ACTS * (self.kind == "offered")]
        whole, *shorter = clauses(self.words)
        return [whole, *(f"{words}{EXPLAINS}" for words in shorter)]


def is_unjudged(finding: Finding) -> bool:
    """Return True for first signs with no cause known: they may be chance, and a cure could do harm."""
    return bool(finding.first_signs) and finding.caused_by is None


def has_remedy(finding: Finding) -> bool:
    """Return False for a finding that is past, ends by itself, or is not judged yet."""
    is_past = finding.held or finding.message.startswith(PAST)
    return not (is_past or is_unjudged(finding) or rule_of(finding.rule).needs_nothing)


def whole_remedy(finding: Finding) -> str:
    """Return what to do about a finding (safe text); if that is not known, which tool looks for the cause."""
    if finding.remedy:
        return safe_text(finding.remedy, 400)
    return "not known: t runs the tool that looks for the cause"
