"""Scan all key names of the watched system: of one server, or of all primaries of a cluster at once."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from msgspec.structs import replace
from redis.exceptions import RedisError

from optimus_tui.contract.cluster import SLOTS
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.cache_keys import read_ttls
from optimus_tui.probes.faults import OUTAGES, fault_of
from optimus_tui.probes.keyspace import NO_SCAN, NOT_ASKED, KeyPage, Pace, SweepOutcome, sweep_server
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.nodes import ClusterNodes
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.rights import missing_fault
from optimus_tui.probes.redis.slots import NodeAddress
from optimus_tui.settings.model import ScanBudget

PAGES_WAITING = 4
"""Pages that are kept for a slow reader; the nodes wait then."""
MOVED = "slots moved, or a primary changed, during the scan"
MOVING = "slots are on their way to another node"
REPLICA_CHANGED = "the replica of {} that was scanned is no longer in step with it"
Pages = AsyncGenerator[KeyPage | SweepOutcome, None]
Marks = dict[NodeAddress, tuple[object, ...] | None]


def sweep(
    redis: ObserverRedis,
    budget: ScanBudget,
    own: LoadMeter,
    *,
    ttls: bool,
    sizes: int = 0,
    pace: Pace = asyncio.sleep,
) -> Pages:
    """Return an iterator over pages, then one ``SweepOutcome``. An outage ends it with the reason; none is raised.

    ``sizes`` asks for the size of every n-th key (0: of none; needs ``ttls``). ``pace`` is awaited between calls with
    the due pause in seconds; it may wait longer, never shorter.
    """
    return of_all(redis, lambda node: sweep_server(node, budget, own, ttls=ttls, sizes=sizes, pace=pace))


async def of_all(redis: ObserverRedis, scan_one: Callable[[ObserverRedis], Pages]) -> Pages:
    """Yield the pages of each server, then one outcome for all.

    In a cluster each primary is scanned at its own pace, all at once. It is complete only if every slot was scanned and
    no slot moved meanwhile: a key that moves may be seen twice or not at all, although every node has told all it had.

    Args:
        redis: The watched system.
        scan_one: Scans one server of it.
    """
    try:
        scanned = await redis.readers() if redis.sentinels is not None else ()
        await redis.nodes()
        before = await redis.cluster_nodes.marks() if redis.cluster_nodes is not None else {}
    except OUTAGES as error:
        fault = missing_fault("SCAN", error, redis.target, NO_SCAN)
        yield SweepOutcome(complete=False, scanned=0, total=None, reason=fault.message, fault=fault)
        return
    cluster = redis.cluster_nodes
    if cluster is None:
        async with aclosing(scan_one(scanned[0] if redis.read_from_words else redis)) as pages:
            async for item in pages:
                yield item
        return
    scan = _ClusterScan(redis, tuple(before))
    tasks = [asyncio.ensure_future(scan.follow(place, scan_one)) for place in before]
    try:
        while len(scan.outcomes) < len(before) or not scan.pages.empty():
            page = await scan.pages.get()
            if page is not None:
                yield page
        yield await scan.outcome(cluster, before)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _ClusterScan:
    """The pages of all primaries, in the order in which they come. None among them says that a node has ended."""

    def __init__(self, redis: ObserverRedis, places: Sequence[NodeAddress]) -> None:
        self._redis, self._places = redis, places
        assert redis.cluster_nodes is not None
        self._read_at = {place: redis.cluster_nodes.reading_place(place) for place in places}
        self.pages: asyncio.Queue[KeyPage | None] = asyncio.Queue(PAGES_WAITING)
        self.outcomes: dict[NodeAddress, SweepOutcome] = {}
        self._totals: dict[NodeAddress, int | None] = {}
        self._unread = 0
        self._why_unread: Exception | None = None

    async def follow(self, place: NodeAddress, scan_one: Callable[[ObserverRedis], Pages]) -> None:
        """Pass on the pages of one primary, or of a replica that is read in its place."""
        try:
            assert self._redis.cluster_nodes is not None
            async for item in scan_one(self._redis.cluster_nodes.reader(place)):
                if isinstance(item, SweepOutcome):
                    self.outcomes[place] = item
                    continue
                self._totals[place] = item.total
                page = await self._with_ttls(item)
                await self.pages.put(replace(page, total=self._total()))
        except OUTAGES as error:
            fault = fault_of(error, self._redis.target)
            self.outcomes[place] = SweepOutcome(
                complete=False, scanned=0, total=None, reason=fault.message, fault=fault
            )
        finally:
            if place not in self.outcomes:  # a bug: the scan must end all the same, and its task tells
                self.outcomes[place] = SweepOutcome(complete=False, scanned=0, total=None, reason="it ended early")
            await self.pages.put(None)

    def _total(self) -> int | None:
        totals = [self._totals.get(place) for place in self._places]
        if any(total is None for total in totals):
            return None
        return sum(total for total in totals if total is not None)

    async def _with_ttls(self, page: KeyPage) -> KeyPage:
        """Return the page with the TTLs that its node could not tell: of keys that are on their way to another one."""
        if page.pttls is None:
            return page
        heads = self._redis.layout.cache_heads
        unread = [
            index
            for index, (name, pttl) in enumerate(zip(page.names, page.pttls, strict=True))
            if pttl == NOT_ASKED and name.startswith(heads)
        ]
        if not unread:
            return page
        try:
            found = await read_ttls(self._redis, [page.names[index] for index in unread])
        except RedisError as error:
            self._unread, self._why_unread = self._unread + len(unread), error
            return page
        pttls = list(page.pttls)
        for index, pttl in zip(unread, found, strict=True):
            pttls[index] = pttl
        self._unread += found.count(NOT_ASKED)
        return replace(page, pttls=pttls)

    async def outcome(self, cluster: ClusterNodes[ObserverRedis], before: Marks) -> SweepOutcome:
        """Return the outcome of the whole, with every reason why it is not complete."""
        outcomes = [self.outcomes[place] for place in self._places]
        scanned = sum(outcome.scanned for outcome in outcomes)
        reasons, fault = self._reasons(cluster)
        try:
            await cluster.learn()
            after = await cluster.marks()
        except OUTAGES as error:
            reasons.append(fault_of(error, self._redis.target).message)
        else:
            reasons += _moves(before, after)
        if cluster.replicas is not None:
            await cluster.replicas.look(now=True)
            now = {place: cluster.reading_place(place) for place in self._places}
            reasons += [REPLICA_CHANGED.format(place) for place in self._places if now[place] != self._read_at[place]]
        total = _sum([outcome.total for outcome in outcomes]) if not reasons else None
        if not reasons:
            return SweepOutcome(complete=True, scanned=scanned, total=total)
        return SweepOutcome(complete=False, scanned=scanned, total=total, reason="; ".join(reasons), fault=fault)

    def _reasons(self, cluster: ClusterNodes[ObserverRedis]) -> tuple[list[str], Fault | None]:
        """Return what is missing, and the fault where nothing at all was read."""
        broken = {place: one for place, one in self.outcomes.items() if not one.complete}
        lost = cluster.lost_slots(broken)
        reasons = [f"{place}: {one.reason}" for place, one in broken.items()]
        if lost:
            count = SLOTS - sum(last - first + 1 for first, last in lost)
            reasons.insert(
                0, f"{len(self._places) - len(broken)} of {len(self._places)} primaries, {count:,} of {SLOTS:,} slots"
            )
        if self._unread:
            why = f" ({fault_of(self._why_unread, self._redis.target).message})" if self._why_unread else ""
            reasons.append(f"TTLs of {self._unread:,} keys are unknown{why}")
        fault = None
        if len(broken) == len(self._places):
            fault = next((one.fault for one in broken.values() if one.fault), None)
        return reasons, fault


def _moves(before: Marks, after: Marks) -> list[str]:
    """Return why the parts of the scan may not fit together."""
    if before != after or None in before.values():
        return [MOVED]
    if any(mark is not None and mark[-1] for mark in after.values()):
        return [MOVING]
    return []


def _sum(totals: Sequence[int | None]) -> int | None:
    known = [total for total in totals if total is not None]
    if len(known) == len(totals):
        return sum(known)
    return None
