"""How counters, tenants and a profile's key names are called in sentences, and which limits are in force. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding, some_of
from optimus_tui.contract.keyspace import NO_OPERATION, NO_TENANT, Counter, LimitRow, LimitRules
from optimus_tui.contract.services import GatewayState
from optimus_tui.dialects.model import CacheRule, LimitRule
from optimus_tui.wording.numbers import UNKNOWN, age
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.short_hash import MOST_ALIAS, NO_ALIASES, short_names

LONGEST_TENANT = 64
"""Characters of a tenant's name in the subject of a finding: a SHA-256 is whole."""
MOST_BEGINNINGS = 3
"""How many beginnings of names a sentence lists."""
BEGINNING_LENGTH = 40
_CAPTURE = re.compile(r"\{(\w+)[^}]*\}")


def subject_of(row: LimitRow) -> str:
    """Return ``tenant / operation`` as safe text; a part that the key's name lacks is called missing.

    If the name says which window it counts, so does the subject, because an operation may have several windows.
    """
    return f"{tenant_words(row.counter.tenant)} / {operation_words(row.counter.operation)}{own_window(row.counter)}"


def own_window(counter: Counter) -> str:
    """Return `` per 1 h`` if the counter's name or its rule gives the length of its window; else ""."""
    if counter.window_seconds:
        return f" per {age(counter.window_seconds)}"
    return ""


def uncounted_words(row: LimitRow) -> str:
    """Return the words for a counter without a count: what is left of its limit, or why there is no count."""
    if row.counter.blocked:
        return "blocked by its limiter"
    if row.counter.left is not None:
        return used_words(row)
    return row.counter.problem or "not a count"


def uncounted_forms(row: LimitRow) -> list[str]:
    """Return the wordings of ``uncounted_words``, the longest first: a narrow column takes one that is whole."""
    whole, counter = uncounted_words(row), row.counter
    if counter.blocked:
        return [whole, "blocked"]
    if counter.left is not None:
        least = "≥ " if counter.left_least else ""
        return [whole, f"{least}{counter.left:,} left, limit ?", f"{least}{counter.left:,} left"]
    return [whole, whole.partition(":")[0]]


def tenant_words(tenant: bytes) -> str:
    """Return a tenant's name as safe text: what findings are told apart by. Sentences say it as ``named`` does."""
    return safe_text(tenant, LONGEST_TENANT) or NO_TENANT


def published_rules(gateway: GatewayState | None) -> LimitRules | None:
    """Return the limits that the gateway publishes; None if it publishes none or could not be read."""
    if gateway is None:
        return None
    return gateway.rules


def aliases_in(rules: LimitRules | None) -> Mapping[str, str]:
    """Return what people call tenants, by their names, as far as the gateway publishes it with its limits."""
    if rules is None:
        return NO_ALIASES
    return rules.aliases


def tenants_called(alias: str, rules: LimitRules | None) -> list[str]:
    """Return the tenants with this alias by the gateway's metrics; several may share one."""
    return sorted(tenant for tenant, called in aliases_in(rules).items() if called == alias)


def only_an_alias(alias: str, rules: LimitRules | None) -> str:
    """Return the sentence for a name that no counter has but that is an alias in the metrics; "" for any other."""
    if names := tenants_called(alias, rules):
        known = some_of([safe_text(one, 400) for one in names])
        return f"{safe_text(alias, MOST_ALIAS)} is what the metrics call {known}: ask for that tenant_id"
    return ""


def named(findings: Iterable[Finding], aliases: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return the findings with sentences that call tenants as people do: hashes short, and by their aliases.

    Args:
        findings: The findings; their subjects stay whole.
        aliases: What people call tenants, by their names.
    """
    return tuple(_named(one, aliases) for one in findings)


def _named(one: Finding, aliases: Mapping[str, str]) -> Finding:
    return replace(
        one,
        message=short_names(one.message, aliases),
        impact=short_names(one.impact, aliases),
        remedy=short_names(one.remedy, aliases),
        own_remedy=short_names(one.own_remedy, aliases),
        as_cause=short_names(one.as_cause, aliases),
        evidence=short_names(one.evidence, aliases),
        below_cause=short_names(one.below_cause, aliases),
    )


def operation_words(operation: bytes, most: int = 40) -> str:
    """Return an operation's name as safe text."""
    return safe_text(operation, most) or NO_OPERATION


def limit_subject(operation: bytes) -> str:
    """Return the subject of a finding about an operation's limit itself, whichever tenant used it up."""
    return f"limit of {operation_words(operation)}"


def used_words(row: LimitRow) -> str:
    """Return ``153 of 150``, or ``3 left, its limit is not known``; ``?`` for a count that is not known."""
    counter = row.counter
    if counter.count is None and counter.left is not None and row.limit is None:
        least = "at least " if counter.left_least else ""
        return f"{least}{counter.left:,} left, its limit is not known"
    if counter.count is None:
        count = UNKNOWN
    else:
        count = f"{row.counter.count:,}"
    return f"{count} of {'an unknown limit' if row.limit is None else f'{row.limit:,}'}"


def merge_rules(published: LimitRules | None, configured: LimitRules | None) -> LimitRules | None:
    """Merge the published and the configured limits; None if there are neither. ``source`` names both origins.

    A published limit of an operation holds for all tenants, so a configured override for it is ignored. If the gateway
    has a default limit, all configured limits are ignored.
    """
    if published is None or configured is None or published.default is not None:
        return published or configured
    if not published.limits and not published.tenants:
        source = f"{published.source}, {configured.source} for the rest" if published.keys else configured.source
        return replace(
            configured, keys=published.keys, aliases=published.aliases, source=source, problem=published.problem
        )
    tenants: dict[str, dict[str, int]] = {}
    for tenant, limits in configured.tenants.items():
        gaps = {operation: limit for operation, limit in limits.items() if operation not in published.limits}
        if gaps:
            tenants[tenant] = gaps
    for tenant, limits in published.tenants.items():
        tenants[tenant] = {**tenants.get(tenant, {}), **limits}
    filled = {operation for operation in configured.limits if operation not in published.limits}
    added = filled or any(t not in published.tenants or tenants[t] != published.tenants[t] for t in tenants)
    windows = {one: seconds for one, seconds in configured.windows.items() if one not in published.limits}
    return LimitRules(
        window_seconds=published.window_seconds,
        windows={**windows, **published.windows},
        limits={**configured.limits, **published.limits},
        keys=published.keys,
        aliases=published.aliases,
        tenants=tenants,
        problem=published.problem,
        source=f"{published.source}, {configured.source} for the rest" if added else published.source,
    )


def names_words(rules: Sequence[LimitRule] | Sequence[CacheRule]) -> str:
    """Return ``rate_limit:* `` to be put before "key": how the names begin; "" if they may begin in any way."""
    heads = list(dict.fromkeys(rule.template.head for rule in rules))
    if not all(heads):
        return ""
    said = [f"{safe_text(head, BEGINNING_LENGTH)}*" for head in heads[:MOST_BEGINNINGS]]
    more = len(heads) - len(said)
    if more > 1:
        return f"{', '.join(said)} or {more:,} other kinds of "
    if more:
        return f"{', '.join(said)} or another kind of "
    if said:
        return f"{' or '.join(said)} "
    return ""


def form_words(rules: Sequence[LimitRule]) -> str:
    """Return ``the form rate_limit:tenant:operation``, or the number of forms."""
    forms = list(dict.fromkeys(rule.template.text for rule in rules if not rule.doubt and not rule.fallback))
    if len(forms) == 1:
        return f"the form {safe_text(_CAPTURE.sub(lambda found: found[1], forms[0]), 80)}"
    return f"the {len(forms):,} forms that the profile reads"
