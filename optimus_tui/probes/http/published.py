"""Parse the figures that a gateway publishes about itself. A value that is not valid is left out and reported.

Pure. Nothing is repaired: a hit rate of 85 is not 0.85, ``true`` is not 1, NaN is nothing.
"""

import math
from typing import Any

from optimus_tui.contract.limits import LimitRules
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import CacheMetrics
from optimus_tui.wording.safe import safe_text

MAX_NAMES = 1000
"""Operations, and tenants with overrides, that are kept; each tenant's overrides count up to as many again."""
MAX_NAME = 512
MAX_LIMIT = 1_000_000_000
MAX_WINDOW_S = 31_622_400


def parse_cache_metrics(document: dict[str, Any]) -> tuple[CacheMetrics | None, Fault | None]:
    """Return hit rate (share), key count, hits and misses where published, and a fault for invalid values."""
    problems: list[str] = []
    rate, total = document.get("hit_rate"), document.get("total_keys")
    if rate is None and total is None:
        return None, Fault("invalid", "/api/cache/metrics says neither hit_rate nor total_keys")
    if rate is not None and not _is_share(rate):
        problems.append(f"hit_rate {_shown(rate)} is not a share from 0 to 1")
        rate = None
    if total is not None and not (_is_whole(total) and 0 <= total <= 1 << 53):
        problems.append(f"total_keys {_shown(total)} is not a count")
        total = None
    hits, misses = (_counted(document.get(name), name, problems) for name in ("hits", "misses"))
    fault = None
    if problems:
        fault = Fault("invalid", f"/api/cache/metrics: {' and '.join(problems)}")
    if rate is None and total is None:
        return None, fault
    if rate is not None:
        rate = float(rate)
    return CacheMetrics(rate, total, hits, misses), fault


def _counted(value: object, name: str, problems: list[str]) -> int | None:
    """Return the look-ups since the start; 12.0 is 12, as Prometheus' clients write counters. None: not published."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and 0 <= value <= 1 << 53 and value == int(value):  # type: ignore[operator,call-overload]
        return int(value)  # type: ignore[call-overload,no-any-return]
    if value is not None:
        problems.append(f"{name} {_shown(value)} is not a count")
    return None


def parse_rules(document: dict[str, Any]) -> tuple[LimitRules | None, Fault | None]:
    """Return the limits per operation and per tenant; a bad entry is left out, a bad window rejects all."""
    window = document.get("window_seconds")
    if not isinstance(window, int) or not _is_whole(window) or not 1 <= window <= MAX_WINDOW_S:
        return None, _fault(f"window_seconds {_shown(window)} is not a number of seconds")
    problems: list[str] = []
    limits = _limits(document.get("limits"), "limits", problems)
    listed = document.get("tenants")
    tenants: dict[str, dict[str, int]] = {}
    if listed is not None and not isinstance(listed, dict):
        problems.append("tenants is not an object")
    elif listed:
        if len(listed) > MAX_NAMES:
            problems.append(f"only the first {MAX_NAMES:,} of {len(listed):,} tenants are used")
        for tenant in list(listed)[:MAX_NAMES]:
            overrides = _limits(listed[tenant], f"tenants.{safe_text(tenant, 40)}", problems)
            if len(tenant) <= MAX_NAME and overrides:
                tenants[tenant] = overrides
    default = _default(document, problems)
    problem = _listed(problems)
    rules = LimitRules(window_seconds=window, limits=limits, tenants=tenants, default=default, problem=problem)
    if problem:
        return rules, _fault(problem)
    return rules, None


def _default(document: dict[str, Any], problems: list[str]) -> int | None:
    limit = document.get("default_limit")
    if isinstance(limit, int) and _is_whole(limit) and 1 <= limit <= MAX_LIMIT:
        return limit
    if limit is not None:
        problems.append(f"default_limit {_shown(limit)} is not a limit")
    return None


def _limits(table: object, where: str, problems: list[str]) -> dict[str, int]:
    if not isinstance(table, dict):
        problems.append(f"{where} is not an object")
        return {}
    if len(table) > MAX_NAMES:
        problems.append(f"only the first {MAX_NAMES:,} of {len(table):,} {where} are used")
    kept: dict[str, int] = {}
    for name in list(table)[:MAX_NAMES]:
        limit = table[name]
        if len(name) <= MAX_NAME and _is_whole(limit) and 1 <= limit <= MAX_LIMIT:
            kept[name] = limit
        else:
            problems.append(f"{where}.{safe_text(name, 40)} {_shown(limit)} is not a limit")
    return kept


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: object) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and 0 <= value <= 1  # type: ignore[arg-type,operator]


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "(a list)"
    if isinstance(value, dict):
        return "(an object)"
    if value is None:
        return "missing"
    if isinstance(value, str):
        value = repr(value)
    return safe_text(value, 40)


def _listed(problems: list[str]) -> str:
    more = ""
    if len(problems) > 3:
        more = f", and {len(problems) - 3:,} more"
    return "; ".join(problems[:3]) + more


def _fault(what: str) -> Fault:
    return Fault("invalid", f"/api/rate-limits: {what}")
