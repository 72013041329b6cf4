"""In which figures tenants differ most. Pure: figures by name in, names in order out.

A count of few says little: 0 against 1 differs less than 30 against 140. A part of something differs by its points, and
a counter that never resets or is over its limit always counts in full.
"""

from collections.abc import Mapping, Sequence

ALARMS = frozenset({"immortal", "over"})
SHARES = frozenset({"share", "share_of_all_counters", "error_share", "refused_share"})
FEW = 10.0
"""So many are added to the larger count: differences of a handful weigh little."""


def differences(tenants: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Return by how much the tenants differ in each figure, from 0 to 1, the largest first.

    Figures in which all are alike are left out, and so are words and what is known of one tenant only.
    """
    found: dict[str, float] = {}
    for name in tenants[0] if tenants else ():
        values = [float(one) for tenant in tenants if isinstance(one := tenant.get(name), (int, float))]
        if len(values) > 1 and max(values) > min(values):
            found[name] = _spread(name, max(values), min(values))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _spread(name: str, most: float, least: float) -> float:
    if name in ALARMS:
        return 1.0
    if name in SHARES:
        return min(1.0, most - least)
    return (most - least) / (most + FEW)
