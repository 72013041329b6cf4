"""The keys of a coherence analysis: totals, lifetimes by kind, tracking, and a sample read closely."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from optimus_tui.contract.cache import CacheReport, KeyDetail
from optimus_tui.contract.tools.coherence import SampledKey
from optimus_tui.grammar.keys import parse_key
from optimus_tui.index.cache import NEVER, UNKNOWN, UNPARSED_KIND, CacheIndex
from optimus_tui.tools.coherence.events import PART_SECONDS
from optimus_tui.tools.keyspace_scan import Survey
from optimus_tui.verdicts.coherence.audit import Lifetime
from optimus_tui.verdicts.coherence.tracking import Tracking, match
from optimus_tui.verdicts.values import if_known
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

SAMPLE = 20
Group = tuple[bytes, bytes]


class Keys(Struct, frozen=True, kw_only=True):
    """The cache as the scan saw it. ``without_ttl`` is None if no TTL could be read."""

    index: CacheIndex
    report: CacheReport
    groups: dict[Group, int]
    kinds_of: dict[bytes, list[bytes]]
    lifetimes: dict[bytes, Lifetime]
    without_ttl: int | None
    tracking: Tracking
    sample: tuple[KeyDetail, ...]

    def names_of(self, kind: bytes | None, tenant: str) -> Iterable[Sequence[bytes]]:
        """Yield the names of one kind (None: all kinds) and tenant, group by group."""
        owner = tenant.encode("utf-8", "surrogatepass")
        kinds = self.kinds_of.get(owner, ())
        return (self.index.names(one, owner) for one in kinds if kind in (None, one))


async def read_keys(ctx: "Context", seen: Survey) -> Keys:
    """Read all that the scanned names tell, and examine up to twenty keys."""
    index, report = seen.cache, seen.cache.report(ctx.clock.mono())
    groups = {(one.kind, one.tenant or b""): one.keys for kind in report.kinds for one in kind.tenants}
    lifetimes, unasked = _lifetimes(index, groups, ctx.clock.mono())
    parsed = {group: keys for group, keys in groups.items() if group[0] != UNPARSED_KIND}
    tenants = {tenant.encode("utf-8", "surrogateescape") for tenant in ctx.settings.tenants}
    kinds_of: dict[bytes, list[bytes]] = {}
    for kind, tenant in groups:
        kinds_of.setdefault(tenant, []).append(kind)
    without = sum(kind.totals.without_ttl for kind in report.kinds)
    return Keys(
        index=index,
        report=report,
        groups=groups,
        kinds_of=kinds_of,
        lifetimes=lifetimes,
        without_ttl=if_known(not (unasked and unasked == report.keys), without),
        tracking=match(
            [(name, expiry == NEVER) for name, expiry in index.tracking()],
            parsed,
            tenants,
            _Owners(index, parsed),
            complete=report.coverage.complete,
        ),
        sample=await _look(ctx, _choose(index, report)),
    )


class _Owners:
    """The group of a cache key by its name, None where there is no such key."""

    def __init__(self, index: CacheIndex, groups: dict[Group, int]) -> None:
        self._index, self._groups = index, groups
        self._tenants = frozenset(tenant for _, tenant in groups)
        self._names: dict[Group, frozenset[bytes]] = {}

    def __call__(self, name: bytes) -> Group | None:
        key = parse_key(name, self._tenants)
        group = (key.kind, key.tenant)
        if key.family != "cache" or group not in self._groups:
            return None
        if group not in self._names:
            self._names[group] = frozenset(self._index.names(*group))
        if name in self._names[group]:
            return group
        return None


def _lifetimes(index: CacheIndex, groups: Iterable[Group], mono: float) -> tuple[dict[bytes, Lifetime], int]:
    """Return the longest TTL of each kind, and the number of keys whose TTL is unknown."""
    longest: dict[bytes, tuple[int, int]] = {}
    unasked, now = 0, int(mono * 1000)
    for kind, tenant in groups:
        expiries = [expiry for _, expiry in index.entries(kind, tenant)]
        unasked += expiries.count(UNKNOWN)
        left = [expiry - now for expiry in expiries if expiry > now]
        if left:
            most, count = longest.get(kind, (0, 0))
            longest[kind] = max(most, *left), count + len(left)
    return {kind: Lifetime(most, count) for kind, (most, count) in longest.items()}, unasked


def _choose(index: CacheIndex, report: CacheReport) -> list[bytes]:
    """Up to twenty keys: in turns over the kinds, of each its larger tenants; keys without TTL and ``*`` come first."""
    turns = [_of_kind(index, [(one.kind, one.tenant or b"") for one in kind.tenants]) for kind in report.kinds[:SAMPLE]]
    chosen: list[bytes] = []
    for place in range(SAMPLE):
        chosen += [names[place] for names in turns if place < len(names)]
        if len(chosen) >= SAMPLE:
            break
    return chosen[:SAMPLE]


def _of_kind(index: CacheIndex, groups: Sequence[Group]) -> list[bytes]:
    first: list[bytes] = []
    plain: list[bytes] = []
    for group in groups[:SAMPLE]:
        entries = index.entries(*group)
        first += islice((name for name, expiry in entries if expiry == NEVER), 1)
        first += islice((name for name, expiry in entries if expiry != NEVER and name.endswith(b"*")), 1)
        plain += sorted(islice((name for name, expiry in entries if expiry != NEVER), 2))
    return list(dict.fromkeys([*first[:5], *plain]))


async def _look(ctx: "Context", names: list[bytes]) -> tuple[KeyDetail, ...]:
    from optimus_tui.probes.faults import OUTAGES
    from optimus_tui.probes.keys.cache import read_details

    try:
        async with asyncio.timeout(PART_SECONDS):
            details = await read_details(ctx.redis, ctx.own, ctx.clock, names)
    except OUTAGES:
        return ()  # the totals stand; what went wrong shows with the next part that is read
    return tuple(detail for detail in details if not detail.gone)


def sample_section(keys: Keys) -> tuple[SampledKey, ...]:
    """Return the sample as documents show it; seconds are rounded up."""
    return tuple(
        SampledKey(
            key=safe_text(detail.key, 200),
            ttl_seconds=None if detail.ttl_ms is None else math.ceil(detail.ttl_ms / 1000),
            memory_bytes=detail.bytes_used,
            immortal=detail.immortal,
            type=detail.type,
        )
        for detail in keys.sample
    )
