"""What a verdict says: a sentence with the rule, the measured value and the threshold behind it."""

from typing import Literal

from msgspec import Struct

Severity = Literal["low", "medium", "high", "critical"]
Overall = Literal["healthy", "needs_attention", "critical", "unknown"]

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
"""Ascending."""


class Finding(Struct, frozen=True, kw_only=True):
    """One judged fact. ``rule`` is a stable dotted id, ``subject`` what it is about (safe text), both identify it."""

    rule: str
    severity: Severity
    subject: str
    message: str
    measured: float | str | None = None
    measured_words: str = ""
    """How ``measured`` is said where it is an estimate or a bound: ``≈ 320 ms``, ``over 1.0 s``."""
    threshold: float | str | None = None
    unit: str = ""
    samples: int | None = None
    window_seconds: float | None = None
    impact: str = ""
    remedy: str = ""
    since: float | None = None
    """Wall-clock seconds since when it has held without a break; None while nobody kept track."""


def overall_of(findings: "tuple[Finding, ...] | list[Finding]", unknown: bool = False) -> Overall:
    """The overall status after the worst finding; ``unknown`` when nothing could be measured at all."""
    worst = max((SEVERITIES.index(f.severity) for f in findings), default=-1)
    if worst >= 3:
        return "critical"
    if worst >= 1:
        return "needs_attention"
    return "unknown" if unknown else "healthy"
