"""What has changed between two stand-ups, and in which figures tenants differ most. Pure."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from optimus_tui.contract.findings import SEVERITIES
from optimus_tui.contract.tools.state import Change, Direction, ServicePart, StandupFinding, StandupReport
from optimus_tui.wording.numbers import latency, percent, thousands

SAME = Change(direction="same", words="as before")
FACTOR, APART_MS, POINTS = 1.5, 20.0, 0.03
_GOOD = ("healthy", "connected")
ALARMS = frozenset({"immortal", "over"})
SHARES = frozenset({"share", "share_of_all_counters", "error_share", "refused_share"})
FEW = 10.0
"""So many are added to the larger count: differences of a handful weigh little."""


def compare(before: StandupReport | None, now: StandupReport) -> StandupReport:
    """Return ``now`` with its changes since ``before``; a first stand-up (None) has none."""
    if before is None:
        return replace(now, findings=tuple(replace(one, since=now.timestamp) for one in now.findings))
    known = {(one.rule, one.subject): one for one in before.findings}
    findings = tuple(_aged(one, known.get((one.rule, one.subject)), now.timestamp) for one in now.findings)
    held = {(one.rule, one.subject) for one in now.findings}
    complete = not now.unknown  # what could not be read is not gone
    return replace(
        now,
        since=before.timestamp,
        findings=tuple(sorted(findings, key=lambda one: (-SEVERITIES.index(one.severity), not one.new))),
        gone=tuple(one.message for key, one in known.items() if key not in held) if complete else (),
        changes={name: change(before, now) for name, change in _PARTS.items()},
    )


def _aged(now: StandupFinding, before: StandupFinding | None, timestamp: str) -> StandupFinding:
    if before is None:
        return replace(now, new=True, since=timestamp)
    return replace(now, since=before.since)


def _service(before: ServicePart, now: ServicePart) -> Change:
    if before.status != now.status:
        if now.status in _GOOD:
            direction: Direction = "better"
        elif before.status in _GOOD:
            direction = "worse"
        else:
            direction = "changed"
        return Change(direction=direction, words=f"was {before.status}")
    for name, word in (("p95_ms", "p95 was"), ("latency_ms", "was")):
        old, new = getattr(before, name), getattr(now, name)
        if old is not None and new is not None and _differ(old, new):
            return Change(direction=_direction(new > old), words=f"{word} {latency(old)}", rose=new > old)
    return SAME


def _direction(worse: bool) -> Direction:
    if worse:
        return "worse"
    return "better"


def _differ(old: float, new: float) -> bool:
    return abs(new - old) >= APART_MS and max(old, new) >= FACTOR * min(old, new)


def _redis(before: StandupReport, now: StandupReport) -> Change:
    change = _service(before.redis, now.redis)
    old, new = before.redis.hit_rate, now.redis.hit_rate
    if change is SAME and old is not None and new is not None and abs(new - old) >= POINTS:
        return Change(direction=_direction(new < old), words=f"hit was {percent(old)}", rose=new > old)
    return change


def _limits(before: StandupReport, now: StandupReport) -> Change:
    for name, word in (("immortal", "never reset"), ("over", "over limit")):
        old, new = getattr(before.limits, name), getattr(now.limits, name)
        if old is not None and new is not None and old != new:
            return Change(direction=_direction(new > old), words=f"{new - old:+,} {word}", rose=new > old)
    return _count(before.limits.counters, now.limits.counters)


def _cache(before: StandupReport, now: StandupReport) -> Change:
    old, new = before.cache.without_ttl, now.cache.without_ttl
    if old is not None and new is not None and old != new:
        return Change(direction=_direction(new > old), words=f"{new - old:+,} without TTL", rose=new > old)
    return _count(before.cache.keys, now.cache.keys)


def _events(before: StandupReport, now: StandupReport) -> Change:
    old, new = before.events.per_minute, now.events.per_minute
    if old is None or new is None or (old == new == 0):
        return SAME
    if min(old, new) * 2 > max(old, new):
        return SAME
    return Change(direction="changed", words=f"was {old:,.0f} a minute", rose=new > old)


def _count(old: int | None, new: int | None) -> Change:
    """Return the change of a count that varies with traffic, from a quarter more or less on."""
    if old is None or new is None or abs(new - old) * 4 < max(old, 1):
        return SAME
    return Change(direction="changed", words=f"was {thousands(old)}", rose=new > old)


_PARTS: dict[str, Callable[[StandupReport, StandupReport], Change]] = {
    "gateway": lambda before, now: _service(before.gateway, now.gateway),
    "engine": lambda before, now: _service(before.engine, now.engine),
    "redis": _redis,
    "limits": _limits,
    "cache": _cache,
    "events": _events,
}


def differences(tenants: Sequence[Mapping[str, object]]) -> dict[str, float]:
    """Return by how much the tenants differ in each figure, from 0 to 1, the largest difference first.

    Figures in which all tenants are alike are left out, and so are words and figures that are known for one tenant
    only.
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
