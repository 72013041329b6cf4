"""How a rate-limit counter is named and counted in sentences, and which limits are in force. Pure."""

from optimus_tui.contract.keyspace import NO_OPERATION, NO_TENANT, LimitRow, LimitRules
from optimus_tui.wording.numbers import UNKNOWN
from optimus_tui.wording.safe import safe_text


def subject_of(row: LimitRow) -> str:
    """Return ``tenant / operation`` as safe text; a part that the name lacks is named as missing."""
    return f"{tenant_words(row.counter.tenant)} / {operation_words(row.counter.operation)}"


def tenant_words(tenant: bytes) -> str:
    """Return a tenant's name as safe text of at most 60 characters."""
    return safe_text(tenant, 60) or NO_TENANT


def operation_words(operation: bytes, most: int = 40) -> str:
    """Return an operation's name as safe text."""
    return safe_text(operation, most) or NO_OPERATION


def limit_subject(operation: bytes) -> str:
    """Return the subject of a finding about an operation's limit itself, whichever tenant used it up."""
    return f"limit of {operation_words(operation)}"


def used_words(row: LimitRow) -> str:
    """Return ``153 of 150``; ``?`` for a count that is not known."""
    if row.counter.count is None:
        count = UNKNOWN
    else:
        count = f"{row.counter.count:,}"
    return f"{count} of {'an unknown limit' if row.limit is None else f'{row.limit:,}'}"


def merge_rules(published: LimitRules | None, configured: LimitRules | None) -> LimitRules | None:
    """Return one set of rules, or None where there are none. ``source`` names who contributed.

    An operation that the gateway publishes holds for all tenants: a configured override for it is ignored, and so are
    all of them where the gateway has a default.
    """
    if published is None or configured is None or published.default is not None:
        return published or configured
    tenants: dict[str, dict[str, int]] = {}
    for tenant, limits in configured.tenants.items():
        gaps = {operation: limit for operation, limit in limits.items() if operation not in published.limits}
        if gaps:
            tenants[tenant] = gaps
    for tenant, limits in published.tenants.items():
        tenants[tenant] = {**tenants.get(tenant, {}), **limits}
    filled = {operation for operation in configured.limits if operation not in published.limits}
    added = filled or any(t not in published.tenants or tenants[t] != published.tenants[t] for t in tenants)
    return LimitRules(
        window_seconds=published.window_seconds,
        limits={**configured.limits, **published.limits},
        tenants=tenants,
        problem=published.problem,
        source=f"{published.source}, {configured.source} for the rest" if added else published.source,
    )
