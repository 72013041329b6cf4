"""Build a finding from its row of the catalogue and from what was measured. Pure."""

from typing import NamedTuple

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.findings import Finding, FindingRule, Severity

Value = str | int | float
"""What fills a placeholder: text that is safe to show, or a number that the template formats."""


def phrase(rule: str, name: str, /, **values: Value) -> str:
    """Return one of the further texts of a rule, with its placeholders filled.

    Args:
        rule: an id of the catalogue.
        name: the key in the rule's ``phrases``.
        values: what fills the placeholders.

    Raises:
        KeyError: there is no such rule or text, or a placeholder has no value.
    """
    return CATALOGUE[rule].phrases[name].format(**values)


def make_finding(
    rule: str,
    *,
    subject: str,
    severity: Severity | None = None,
    many: bool = False,
    message: str = "",
    impact: str = "",
    remedy: str = "",
    measured: float | str | None = None,
    measured_words: str = "",
    threshold: float | str | None = None,
    unit: str = "",
    samples: int | None = None,
    window_seconds: float | None = None,
    **values: Value,
) -> Finding:
    """Return a finding with the texts of its rule and with what the rule fixes.

    Args:
        rule: an id of the catalogue.
        subject: what it is about, as safe text.
        severity: given where the catalogue has none, or where it is another in this case.
        many: True if the finding stands for many subjects.
        message: another sentence than the catalogue's ``one`` or ``many``, made by ``phrase``.
        impact: another impact than the catalogue's, made by ``phrase``.
        remedy: another remedy than the catalogue's, made by ``phrase`` or given by the fault; it gets a capital.
        measured: the value that was judged.
        measured_words: how it is written where it is an estimate or a bound.
        threshold: the value that it was compared with.
        unit: the unit of both, as text.
        samples: how many samples the value is made of; None where that is not known.
        window_seconds: how long they were taken for; None where it is a value of this moment.
        values: what fills the placeholders of the catalogue's texts.

    Raises:
        KeyError: the rule is not in the catalogue, or a placeholder has no value.
        ValueError: neither the call nor the catalogue has a severity.
    """
    row = CATALOGUE[rule]
    values["subject"] = subject
    texts = _templates(row, many=many)
    return Finding(
        rule=rule,
        severity=severity or _usual_severity(row),
        subject=subject,
        message=message or texts.message.format(**values),
        measured=measured,
        measured_words=measured_words,
        threshold=threshold,
        unit=unit,
        samples=samples,
        window_seconds=window_seconds,
        as_cause=row.as_cause.format(**values),
        impact=impact or texts.impact.format(**values),
        remedy=f"{remedy[:1].upper()}{remedy[1:]}" or texts.remedy.format(**values),
    )


class Templates(NamedTuple):
    """The texts of a rule with their placeholders."""

    message: str
    impact: str
    remedy: str


def _templates(row: FindingRule, *, many: bool) -> Templates:
    """Return the texts for one subject or for many; where a rule has none of its own for many, that for one."""
    if not many:
        return Templates(row.one, row.impact, row.remedy)
    return Templates(row.many, row.impact_many or row.impact, row.remedy_many or row.remedy)


def _usual_severity(row: FindingRule) -> Severity:
    if row.severity is None:
        raise ValueError(f"{row.id} needs a severity")
    return row.severity
