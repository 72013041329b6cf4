"""One scale of severities for health documents and all other tools. Pure."""

from collections.abc import Iterable

from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.tools.common import Diagnostic

_SAME = {"info": "low", "warning": "medium"}
SCALE = ("none", *SEVERITIES)
MATTERS = SCALE.index("medium")
"""The lowest rank that counts as a fault."""


def rank(word: str) -> int:
    """Return 0 for none up to 4 for critical; 0 for an unknown word."""
    word = _SAME.get(word, word)
    if word not in SCALE:
        return 0
    return SCALE.index(word)


def level(finding: Diagnostic | Finding) -> str:
    """Return low, medium, high or critical: the finding's own level, else that of its severity."""
    if isinstance(finding, Diagnostic) and finding.level:
        return finding.level
    return _SAME.get(finding.severity, finding.severity)


def worst(findings: Iterable[Diagnostic]) -> str:
    """Return the worst severity among the findings; "none" without any."""
    return SCALE[max((rank(level(one)) for one in findings), default=0)]


def worse_of(one: str, other: str) -> str:
    """Return the worse of two severities."""
    return SCALE[max(rank(one), rank(other))]
