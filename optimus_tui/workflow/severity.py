"""How bad, as one scale: the words of health documents and of the other tools meet here. Pure."""

from collections.abc import Iterable

from optimus_tui.contract.findings import SEVERITIES, Finding
from optimus_tui.contract.tools.common import Diagnostic

_SAME = {"info": "low", "warning": "medium"}
SCALE = ("none", *SEVERITIES)
MATTERS = SCALE.index("medium")
"""From here on a finding speaks against the system."""


def rank(word: str) -> int:
    """0 for none up to 4 for critical; a word that nobody knows counts as none."""
    word = _SAME.get(word, word)
    return SCALE.index(word) if word in SCALE else 0


def level(finding: Diagnostic | Finding) -> str:
    """Low, medium, high or critical: the finding's own level, else what its tool's word for the severity means."""
    own = finding.level if isinstance(finding, Diagnostic) else ""
    return own or _SAME.get(finding.severity, finding.severity)


def worst(findings: Iterable[Diagnostic]) -> str:
    """The worst severity among them, "none" without any."""
    return SCALE[max((rank(level(one)) for one in findings), default=0)]


def worse_of(one: str, other: str) -> str:
    """The worse of two severities."""
    return SCALE[max(rank(one), rank(other))]
