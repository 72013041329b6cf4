"""Findings that belong together: the cause on top, its effects below it, with the evidence. Pure.

One finding is called the cause of another only where the table of ``contract.finding_causes`` allows it, where both are
about the same subject, and where the cause is known to have begun earlier, or may have, because it is only looked for
now and then. Otherwise they stay two findings.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec.structs import replace

from optimus_tui.contract.finding_causes import LINKS, Link
from optimus_tui.contract.finding_rules import rule_of
from optimus_tui.contract.findings import SEVERITIES, Finding, rank, worst_first
from optimus_tui.wording.numbers import age

WITHIN_SECONDS = 600.0
"""What began longer before is not evidence: most effects show within a minute."""


Key = tuple[str, str]
"""Rule and subject of a finding."""


def relate(findings: Iterable[Finding], known: Mapping[Key, Key] = MappingProxyType({})) -> tuple[Finding, ...]:
    """Return the findings, the worst first, with each effect right below its cause.

    A cause becomes as severe as the worst of its effects that are true now. A held finding is never the cause of one
    that is true now. An effect names its cause in ``caused_by`` and has the remedy of the first one, and its sentence
    ends with the evidence; a finding that already names its cause keeps its sentence.

    Args:
        findings: The findings.
        known: Effects with the causes that other surfaces name at this moment. These causes are preferred, so that one
            effect has the same cause on all surfaces.
    """
    found = worst_first(findings)
    parents = {place: cause for place, one in enumerate(found) if (cause := _cause_of(one, found, known)) is not None}
    below: dict[int | None, list[int]] = {}
    for place in range(len(found)):
        below.setdefault(parents.get(place), []).append(place)
    return worst_of_groups([_group(place, found, parents, below) for place in below.get(None, ())])


def worst_of_groups(groups: Sequence[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Return the findings of all groups, ordered by the severity of each group's first finding.

    A group whose first finding needs no action, such as a start, comes after all others of its severity.
    """
    ordered = sorted(groups, key=lambda group: (rank(group[0]), not rule_of(group[0].rule).needs_nothing), reverse=True)
    return tuple(one for group in ordered for one in group)


def _group(
    place: int, found: Sequence[Finding], parents: dict[int, int], below: dict[int | None, list[int]]
) -> list[Finding]:
    """Return the finding and everything that follows from it. Each effect began later, so there is no circle."""
    effects = [_group(one, found, parents, below) for one in below.get(place, ())]
    listed = worst_of_groups(effects)
    own = found[place]
    present = [one for one in listed if not one.held]
    worst = max([own, *present], key=lambda one: SEVERITIES.index(one.severity))
    if worst.severity != own.severity:
        own = replace(own, severity=worst.severity)
    if place in parents:
        own = _with_remedy(own, found[_root(place, parents)])
    if place in parents and own.caused_by is None:
        own = _as_effect(own, found[parents[place]], is_named_above=parents[place] not in parents)
    return [own, *listed]


def _root(place: int, parents: dict[int, int]) -> int:
    """Return the place of the first cause of all; one that names a cause which names it back is met once."""
    met = {place}
    while (cause := parents.get(place)) is not None and cause not in met:
        place = cause
        met.add(place)
    return place


def _with_remedy(effect: Finding, root: Finding) -> Finding:
    """Return an effect with the remedy of what caused it all; with its own where that has none."""
    if not root.remedy or root.remedy == effect.remedy:
        return effect
    return replace(effect, remedy=root.remedy, own_remedy=effect.own_remedy or effect.remedy)


def _cause_of(effect: Finding, found: Sequence[Finding], known: Mapping[Key, Key]) -> int | None:
    """Return the place of the finding that caused this one: by the table's order, then the latest that began before."""
    if effect.caused_by is not None:
        return next((at for at, one in enumerate(found) if (one.rule, one.subject) == effect.caused_by), None)
    named = known.get((effect.rule, effect.subject))
    for place, cause in enumerate(found):
        if (cause.rule, cause.subject) == named and may_follow_from(cause, effect):
            return place
    for link in LINKS:
        if effect.rule not in link.effects:
            continue
        fitting = [place for place, cause in enumerate(found) if _fits(link, cause, effect)]
        if fitting:
            return max(fitting, key=lambda place: found[place].since or 0.0)
    return None


def may_follow_from(cause: Finding, effect: Finding) -> bool:
    """Return True if by the table and the order in time one finding can be the cause of another."""
    return any(_fits(link, cause, effect) for link in LINKS)


def _fits(link: Link, cause: Finding, effect: Finding) -> bool:
    if cause.rule not in link.causes or effect.rule not in link.effects or (cause.held and not effect.held):
        return False
    if cause.since is None or effect.since is None:
        return False
    later = effect.since - cause.since + link.noticed_after
    if not -link.unordered < later <= WITHIN_SECONDS + link.noticed_after:
        return False
    if link.about and not cause.subject.startswith(link.about):
        return False
    if link.effect_about and not effect.subject.startswith(link.effect_about):
        return False
    return not link.same_tenant or tenant_of(cause) == tenant_of(effect)


def tenant_of(finding: Finding) -> str:
    """Return the tenant of a finding about a limit."""
    return finding.subject.partition(" / ")[0]


def _as_effect(effect: Finding, cause: Finding, is_named_above: bool) -> Finding:
    """Return the finding with its evidence; ``is_named_above``: all that is shown below the cause follows from it."""
    unnoticed = next((link.noticed_after for link in LINKS if _fits(link, cause, effect)), 0.0)
    later = (effect.since or 0.0) - (cause.since or 0.0) + unnoticed
    words = cause.as_cause or f'the finding "{rule_of(cause.rule).title}" ({cause.subject}) began'
    began = f"{effect.message}; {rule_of(effect.rule).as_effect}"
    message, below = f"{began} {age(later)} after {words}", f"{began} {age(later)} after that"
    if later <= 0:  # within the time between two checks: which came first cannot be told
        message, below = f"{began} at the time when {words}", f"{began} at the same time"
    return replace(
        effect,
        message=message,
        below_cause=below if is_named_above else "",
        caused_by=(cause.rule, cause.subject),
        evidence=message.removeprefix(effect.message),
    )


def without_evidence(effect: Finding) -> Finding:
    """Return the finding as it was before ``relate`` added its cause; a cause named by the verdict itself stays."""
    if not effect.evidence:
        return effect
    message = effect.message.removesuffix(effect.evidence)
    remedy = effect.own_remedy or effect.remedy
    return replace(effect, message=message, below_cause="", caused_by=None, evidence="", remedy=remedy, own_remedy="")
