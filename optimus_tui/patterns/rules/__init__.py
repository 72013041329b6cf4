"""One file per group of rules; ``RULES`` is all of them by id, in the order of the documentation."""

from optimus_tui.patterns.rule import LEVELS, Rule
from optimus_tui.patterns.rules import (
    answers,
    blocking,
    caching,
    errors,
    hazards,
    injection,
    limits,
    lists,
    models,
    observability,
    routing,
    secrets,
    tenancy,
    upstreams,
)

VERSION = 12
"""Raised with every change of a rule's results: stored results of another version are not used."""

_GROUPS = (
    limits,
    caching,
    tenancy,
    errors,
    injection,
    observability,
    blocking,
    upstreams,
    hazards,
    models,
    lists,
    secrets,
    routing,
    answers,
)
RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in sorted((rule for group in _GROUPS for rule in group.RULES), key=lambda rule: LEVELS.index(rule.level))
}
