"""Tracking keys against the cache keys they stand for, as far as their names tell. Pure.

The contract leaves open what follows ``cache_coherence:``. Three ways of naming are understood: tenant and kind
(``acme:conversation``; the kind ``bulk`` stands for all), kind and tenant, and a cache key's own name. It refuses to
guess at others: they are counted as not understood, and if none is understood nothing is claimed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct

from optimus_tui.grammar.keys import CACHE_PREFIX, COHERENCE_PREFIX
from optimus_tui.verdicts.values import if_known

BULK = b"bulk"
Group = tuple[bytes, bytes]
"""Kind and tenant."""
OwnerOf = Callable[[bytes], Group | None]
"""The group that a cache key is in; None where there is no such key."""


class Tracking(Struct, frozen=True, kw_only=True):
    """``orphans`` stand for no cache key; ``untracked`` cache keys have none. None with the reason in ``unknown``."""

    orphans: int | None
    untracked: int | None
    not_understood: int = 0
    immortal_orphans: int = 0
    examples: tuple[bytes, ...] = ()
    unknown: str | None = None


class _Seen:
    """What was found to be tracked."""

    def __init__(self) -> None:
        self.groups: set[Group] = set()
        self.tenants: set[bytes] = set()
        self.names: dict[bytes, Group] = {}


def match(
    tracking: Iterable[tuple[bytes, bool]],
    groups: Mapping[Group, int],
    tenants: Collection[bytes],
    owner_of: OwnerOf,
    *,
    complete: bool,
) -> Tracking:
    """Return how tracking keys and cache keys belong together.

    Args:
        tracking: names of tracking keys, each with True if it never expires.
        groups: the number of cache keys by kind and tenant.
        tenants: tenants known from elsewhere, beside those of ``groups``.
        owner_of: tells the group of a cache key.
        complete: whether the whole keyspace was read; otherwise nothing is claimed.
    """
    if not complete:
        return Tracking(orphans=None, untracked=None, unknown="the keyspace was not read whole")
    kinds = {kind for kind, _ in groups}
    owners = {tenant for _, tenant in groups} | set(tenants)
    seen, orphans, understood, strange, immortal = _Seen(), [], 0, 0, 0
    for name, never in tracking:
        verdict = _stands_for(name.removeprefix(COHERENCE_PREFIX), groups, kinds, owners, owner_of, seen)
        if verdict is None:
            strange += 1
            continue
        understood += 1
        if not verdict:
            orphans.append(name)
            immortal += never
    if strange and not understood:
        reason = "no tracking key's name says which cache keys it stands for"
        return Tracking(orphans=None, untracked=None, not_understood=strange, unknown=reason)
    return Tracking(
        orphans=len(orphans),
        untracked=_untracked(groups, seen),
        not_understood=strange,
        immortal_orphans=immortal,
        examples=tuple(sorted(orphans)[:5]),
    )


def _stands_for(
    rest: bytes,
    groups: Mapping[Group, int],
    kinds: Collection[bytes],
    owners: Collection[bytes],
    owner_of: OwnerOf,
    seen: _Seen,
) -> bool | None:
    """Whether a cache key is behind it; None where the name says nothing."""
    if rest.startswith(CACHE_PREFIX):
        whole = rest
    else:
        whole = CACHE_PREFIX + rest
    owner = owner_of(whole)
    if owner is not None:
        seen.names[whole] = owner
        return True
    tenant, _, kind = rest.rpartition(b":")
    first, _, last = rest.partition(b":")
    if tenant and kind == BULK:
        seen.tenants.add(tenant)
        return tenant in {owner for _, owner in groups} or (if_known(not (tenant not in owners), False))
    for group in ((kind, tenant), (first, last)):
        if group in groups:
            seen.groups.add(group)
            return True
    named = (tenant in owners and kind) or (kind in kinds and tenant) or (first in kinds and last)
    if named:
        return False
    return None


def _untracked(groups: Mapping[Group, int], seen: _Seen) -> int:
    """Cache keys that neither their group, nor their tenant, nor their own name tracks."""
    covered = {group for group in groups if group in seen.groups or group[1] in seen.tenants}
    alone = sum(owner not in covered for owner in seen.names.values())
    return sum(keys for group, keys in groups.items() if group not in covered) - alone
