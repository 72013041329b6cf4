"""Which limits are in force: what the gateway publishes first, what the operator configured for the gaps. Pure."""

from optimus_tui.contract.limits import LimitRules


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
