"""How far a share that was counted may be from the true one, by chance alone. Pure.

interval(6, 524)  # 0.0053 to 0.0248: 1.1 % measured is no evidence of more than 1 %
"""

import math

Z = 1.96
"""Of a two-sided interval of 95 %."""


def interval(hits: float, of: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share of ``hits`` of ``of``; (0, 1) where nothing was counted."""
    if of <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, hits / of))
    square = Z * Z / of
    middle = share + square / 2
    spread = Z * math.sqrt(share * (1 - share) / of + square / (4 * of))
    return max(0.0, (middle - spread) / (1 + square)), min(1.0, (middle + spread) / (1 + square))


def surely_less(hits: float, of: float, share: float) -> bool:
    """Return True if the true share behind ``hits`` of ``of`` lies below ``share``, beyond chance."""
    return interval(hits, of)[1] < share
