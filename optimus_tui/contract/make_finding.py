"""Build a finding from its row of the catalogue and from what was measured. Pure."""

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.findings import Finding, Severity


def make_finding(
    rule: str,
    *,
    subject: str,
    message: str,
    severity: Severity | None = None,
    many: bool = False,
    impact: str = "",
    remedy: str = "",
    measured: float | str | None = None,
    measured_words: str = "",
    threshold: float | str | None = None,
    unit: str = "",
    samples: int | None = None,
    window_seconds: float | None = None,
) -> Finding:
    """Return a finding with what its rule fixes.

    Args:
        rule: an id of the catalogue.
        subject: what it is about, as safe text.
        message: the sentence: what was measured, and what is wrong with it.
        severity: given where the catalogue has none, or where it is another in this case.
        many: True if the finding stands for many subjects.
        impact: what it means for users; "" takes the catalogue's.
        remedy: what to do; "" takes the catalogue's.
        measured: the value that was judged.
        measured_words: how it is written where it is an estimate or a bound.
        threshold: the value that it was compared with.
        unit: the unit of both, as text.
        samples: how many samples the value is made of; None where that is not known.
        window_seconds: how long they were taken for; None where it is a value of this moment.

    Raises:
        KeyError: the rule is not in the catalogue.
        ValueError: neither the call nor the catalogue has a severity.
    """
    row = CATALOGUE[rule]
    severity = severity or row.severity
    if severity is None:
        raise ValueError(f"{rule} needs a severity")
    fixed_impact, fixed_remedy = row.impact, row.remedy
    if many:
        fixed_impact, fixed_remedy = row.impact_many or row.impact, row.remedy_many or row.remedy
    return Finding(
        rule=rule,
        severity=severity,
        subject=subject,
        message=message,
        measured=measured,
        measured_words=measured_words,
        threshold=threshold,
        unit=unit,
        samples=samples,
        window_seconds=window_seconds,
        impact=impact or fixed_impact.replace("{subject}", subject),
        remedy=remedy or fixed_remedy.replace("{subject}", subject),
    )
