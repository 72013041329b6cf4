"""Scan the key names of one server gently: pages with their TTLs, paced by what the server spends on each page.

``probes.sweep`` does so for a whole system.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import lru_cache
from typing import Protocol

from msgspec import Struct, structs
from redis.exceptions import InvalidResponse, NoPermissionError

from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.grammar.info import parse_info
from optimus_tui.grammar.keys import LOCK_PREFIX, heads_of
from optimus_tui.probes.faults import OUTAGES
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.pacing import (
    LEAST_SLEEP_SECONDS,
    MOST_RESTED_SECONDS,
    AdaptivePacer,
    OthersLoad,
    TimedCalls,
    main_thread_seconds,
    pacer_for,
)
from optimus_tui.probes.redis.commands import MAX_SCRIPT_COUNT, OWN_PREFIX, SWEEP_PAGE
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.parser import natural_number, raise_general, shaped
from optimus_tui.probes.redis.rights import ask_all, is_missing, missing_fault, touch
from optimus_tui.settings.model import ScanBudget

NEVER, GONE, NOT_ASKED = -1, -2, -3
"""Special TTLs: the key never expires, it vanished, or the TTL was not read (or not allowed to be)."""
PIPELINE_KEYS = 100
FARTHEST_APART = 40
"""Of a page, every so many-th size is measured at least: they are counted anew with each page, which may be short."""
OWN_PREFIXES = (OWN_PREFIX, LOCK_PREFIX)
"""Prefixes of names that this product itself writes; they belong to no layout."""
NO_SCAN = "limits and cache panes stay empty"
Pace = Callable[[float], Awaitable[None]]


class ScanReply(Struct, array_like=True):
    """What SCAN answers."""

    cursor: bytes
    names: list[bytes]


class _ScriptReply(Struct, array_like=True):
    cursor: bytes
    names: list[bytes]
    pttls: list[int]
    sizes: list[int]
    others: int
    foreign: int
    heads: list[bytes | int]


class PageReader(Protocol):
    """Reads one page after the other."""

    def words(self, cursor: bytes, count: int) -> tuple[bytes | str | int, ...]:
        """Return the command that asks for the page at ``cursor``, of about ``count`` keys."""

    async def read(self, calls: TimedCalls, cursor: bytes, count: int) -> tuple[bytes, "KeyPage"]:
        """Send that command, unless it was sent ahead; return the next cursor and the page."""


class KeyPage(Struct, frozen=True):
    """The names of one call (some may repeat earlier ones), their TTLs in ms and sizes in bytes, item by item.

    ``pttls`` and ``sizes`` are None where the scan does not ask for them; ``others`` names were left out, of which
    ``foreign`` are of no known layout and begin with ``heads`` (see ``grammar.keys``), as far as these are known.
    """

    names: list[bytes]
    pttls: list[int] | None = None
    sizes: list[int | None] | None = None
    others: int = 0
    total: int | None = None
    """DBSIZE when the sweep began."""
    foreign: int = 0
    heads: dict[bytes, int] = {}


class SweepOutcome(Struct, frozen=True, kw_only=True):
    """The end of a scan. ``scanned`` counts all names seen, including repeated ones; ``total`` is DBSIZE."""

    complete: bool
    scanned: int
    total: int | None
    reason: str | None = None
    fault: Fault | None = None


class _Broken(Exception):
    """The scan cannot be complete."""


def sweep_server(
    redis: ObserverRedis,
    budget: ScanBudget,
    own: LoadMeter,
    *,
    ttls: bool,
    sizes: int = 0,
    pace: Pace = asyncio.sleep,
) -> AsyncGenerator[KeyPage | SweepOutcome, None]:
    """Return an iterator over the pages of one server, then one ``SweepOutcome``. An outage ends it with the reason.

    ``sizes`` asks for the size of every n-th key (0: of none; needs ``ttls``). ``pace`` is awaited between calls with
    the due pause in seconds; it may wait longer, never shorter.
    """
    if ttls:
        pacer = pacer_for(budget, budget.count, MAX_SCRIPT_COUNT)
    else:
        pacer = pacer_for(budget, 2 * budget.count)
    return scan(redis, own, _AllNames(redis, own, ttls, min(sizes, FARTHEST_APART)), pacer, pace)


async def scan(
    redis: ObserverRedis, own: LoadMeter, reader: PageReader, pacer: AdaptivePacer, pace: Pace
) -> AsyncGenerator[KeyPage | SweepOutcome, None]:
    """Read page after page with ``reader`` until the cursor is 0, then tell the outcome; as ``sweep``.

    Where no pause is due, the next page is asked for before this one is handed on: the server works on it meanwhile.
    """
    scanned, total, cursor = 0, None, b"0"
    calls = TimedCalls(redis, own)
    rhythm = _Rhythm(redis, own, pacer, pace, calls)
    try:
        before = await _identity(redis)
        total, losses = before.keys, own.losses
        await rhythm.begin(before.cpu_seconds)
        await calls.open()
        while True:
            cursor, page = await reader.read(calls, cursor, pacer.count)
            answered = own.clock.mono()
            rhythm.took()
            scanned += len(page.names) + page.others
            if cursor != b"0" and rhythm.goes_on:
                await calls.send_ahead(*reader.words(cursor, pacer.count))
            yield structs.replace(page, total=total)
            if cursor == b"0":
                break
            await rhythm.rest(answered)
        after = await _identity(redis)
        total = after.keys
        _check_same_server(before, after, own.losses != losses)
    except _Broken as broken:
        yield SweepOutcome(complete=False, scanned=scanned, total=total, reason=str(broken))
    except OUTAGES as error:
        fault = missing_fault("SCAN", error, redis.target, NO_SCAN)
        yield SweepOutcome(complete=False, scanned=scanned, total=total, reason=fault.message, fault=fault)
    else:
        yield SweepOutcome(complete=True, scanned=scanned, total=total)
    finally:
        await calls.aclose()


class _Rhythm:
    """Rests between calls as the pacer says, minus the time in which the server was left alone anyway."""

    def __init__(
        self, redis: ObserverRedis, own: LoadMeter, pacer: AdaptivePacer, pace: Pace, calls: TimedCalls
    ) -> None:
        self._redis, self._own, self._pacer, self._pace, self._calls = redis, own, pacer, pace, calls
        self._quiet = pacer.share
        self._owed = 0.0
        self._others = OthersLoad(None, 0.0)

    async def begin(self, cpu_seconds: float | None) -> None:
        """Measure the way to the server, and begin to watch what it does for others."""
        self._calls.ping_ms = await _ping_ms(self._redis, self._own)
        self._others = OthersLoad(cpu_seconds, self._own.clock.mono())

    def took(self) -> None:
        """Count the call that was just answered, and the pause that is due for it."""
        if self._calls.timed:
            self._pacer.took(self._calls.server_ms)
        self._others.add(self._calls.server_ms)
        self._owed += self._pacer.pause_seconds

    @property
    def goes_on(self) -> bool:
        """Return whether the next call may follow at once."""
        return self._owed < LEAST_SLEEP_SECONDS and self._calls.by_server

    async def rest(self, answered: float) -> None:
        """Wait until the next call is due, after one that was answered at ``answered`` (monotonic seconds)."""
        if self._others.is_due(answered):
            (info,) = await ask_all(self._redis, ("INFO", "cpu"))
            self._others.look(main_thread_seconds(info), self._own.clock.mono())
            self._pacer.share = self._others.ceiling(self._quiet)
        if self.goes_on:
            await self._pace(0.0)
            return
        least = self._pacer.least_pause_seconds
        await self._pace(max(least, self._owed - (self._own.clock.mono() - answered)))
        ahead = 0.0 if least else -MOST_RESTED_SECONDS
        self._owed = max(ahead, self._owed - (self._own.clock.mono() - answered))


class _Identity(Struct, frozen=True):
    run_id: str | None
    keys: int | None
    """DBSIZE."""
    cpu_seconds: float | None


async def _identity(redis: ObserverRedis) -> _Identity:
    """Return which server answers and its number of keys; None for what it does not report."""
    info, size, cpu = await ask_all(redis, ("INFO", "server"), ("DBSIZE",), ("INFO", "cpu"))
    fields = parse_info(info)
    return _Identity(fields.get("run_id") or None, natural_number(size), main_thread_seconds(cpu))


def _check_same_server(before: _Identity, after: _Identity, lost: bool) -> None:
    """Raise _Broken where another server answered a part of the scan."""
    if after.run_id != before.run_id:
        raise _Broken("server restarted (run_id changed)")
    if not before.run_id and lost:
        raise _Broken("the connection was lost, and without INFO it is not known whether the server restarted")


async def _ping_ms(redis: ObserverRedis, own: LoadMeter) -> float:
    best = 1000.0
    for _ in range(3):
        began = own.clock.mono()
        await touch(redis)
        best = min(best, (own.clock.mono() - began) * 1000)
    return best


class _AllNames:
    """Reads all names, with the TTLs of cache keys or without."""

    def __init__(self, redis: ObserverRedis, own: LoadMeter, ttls: bool, every: int) -> None:
        self._redis, self._own, self._ttls, self._every = redis, own, ttls, every

    def words(self, cursor: bytes, count: int) -> tuple[bytes | str | int, ...]:
        """Return the call of our script, or SCAN where no TTLs are asked for or the server refuses scripts."""
        if self._ttls and self._redis.scripts:
            return ("EVAL_RO", SWEEP_PAGE, 0, cursor, count, self._every, *marked(self._redis.layout))
        return ("SCAN", cursor, "COUNT", count)

    async def read(self, calls: TimedCalls, cursor: bytes, count: int) -> tuple[bytes, KeyPage]:
        """Return the next cursor and the page."""
        redis = self._redis
        if self._ttls and redis.scripts:
            reply = await calls.ask(*self.words(cursor, count))
            if not isinstance(reply, Exception):
                next_cursor, page = _from_script(shaped(reply, _ScriptReply), self._own, self._every)
                return next_cursor, _without_strange(page, redis.layout)
            if not _script_refused(reply):
                raise reply
            redis.scripts = False  # asked once: each refusal is an entry in the server's ACL log
        following, page = await self._names(calls, cursor, count)
        if self._ttls:
            page = await _with_ttls(redis, page, self._every)
        return following, page

    async def _names(self, calls: TimedCalls, cursor: bytes, count: int) -> tuple[bytes, KeyPage]:
        found = await scanned_names(calls, *self.words(cursor, count))
        layout = self._redis.layout
        names: list[bytes] = []
        others: list[bytes] = []
        for name in found.names:
            (names if layout.is_known(name) else others).append(name)
        left_out = (*OWN_PREFIXES, *layout.neighbour_heads)
        strange = [name for name in others if not name.startswith(left_out)]
        page = KeyPage(names, others=len(others), foreign=len(strange), heads=heads_of(strange))
        return found.cursor, _without_strange(page, layout)


async def scanned_names(calls: TimedCalls, *words: bytes | str | int) -> ScanReply:
    """Send one SCAN and return its reply; raise the error where it is refused."""
    reply = await calls.ask(*words)
    if isinstance(reply, Exception):
        raise reply
    return shaped(reply, ScanReply)


@lru_cache(maxsize=8)
def marked(layout: KeyLayout) -> tuple[bytes, ...]:
    """Return the beginnings of names that the scan's script looks for, each after the letter it counts them by."""
    cached = layout.cache_heads
    known = [head for head in (*layout.limit_heads, *layout.tracking_heads) if not head.startswith(cached)]
    left_out = (*OWN_PREFIXES, *layout.neighbour_heads)
    marks = ((b"c", cached), (b"k", known), (b"w", sorted(layout.whole_names)), (b"n", left_out))
    return tuple(mark + text for mark, texts in marks for text in texts)


def _without_strange(page: KeyPage, layout: KeyLayout) -> KeyPage:
    """Return the page without names that no rule matches, where a rule begins with a capture and so asks for all."""
    if not layout.asks_for_all:
        return page
    names = page.names
    families = {at: layout.family_of(name) for at, name in enumerate(names) if layout.shared_group(name) is None}
    left_out = {at for at, family in families.items() if family in ("other", "unparsed", "neighbour")}
    if not left_out:
        return page
    kept = [at for at in range(len(names)) if at not in left_out]
    strange = [names[at] for at in left_out if families[at] != "neighbour" and not names[at].startswith(OWN_PREFIXES)]
    heads = dict(page.heads)
    for head, number in heads_of(strange).items():
        heads[head] = heads.get(head, 0) + number
    return structs.replace(
        page,
        names=[page.names[index] for index in kept],
        pttls=None if page.pttls is None else [page.pttls[index] for index in kept],
        sizes=None if page.sizes is None else [page.sizes[index] for index in kept],
        others=page.others + len(left_out),
        foreign=page.foreign + len(strange),
        heads=heads,
    )


def _script_refused(error: Exception) -> bool:
    message = str(error).lower()
    missing = any(
        words in message for words in ("acl failure in script", "can't run this command", "unknown redis command")
    )
    return isinstance(error, NoPermissionError) or is_missing(error) or missing


def _from_script(reply: _ScriptReply, own: LoadMeter, every: int) -> tuple[bytes, KeyPage]:
    names, pttls, pairs = reply.names, reply.pttls, reply.sizes
    if len(pttls) != len(names) or len(pairs) % 2 or any(not 0 <= at < len(names) for at in pairs[::2]):
        raise InvalidResponse("a page whose columns do not match")
    gone = pttls.count(GONE)
    own.note(hits=len(pttls) - gone - pttls.count(NOT_ASKED), misses=gone)
    sizes: list[int | None] | None = None
    if every:
        sizes = [None] * len(names)
        for index, size in zip(pairs[::2], pairs[1::2], strict=True):
            sizes[index] = size
    heads = _heads(reply.heads)
    return reply.cursor, KeyPage(names, pttls, sizes, reply.others, foreign=reply.foreign, heads=heads)


def _heads(flat: list[bytes | int]) -> dict[bytes, int]:
    heads = dict(zip(flat[::2], flat[1::2], strict=False))
    return {head: count for head, count in heads.items() if isinstance(head, bytes) and isinstance(count, int)}


async def _with_ttls(redis: ObserverRedis, page: KeyPage, every: int) -> KeyPage:
    pttls = [NOT_ASKED] * len(page.names)
    sizes: list[int | None] | None = None
    if every:
        sizes = [None] * len(page.names)
    cached = [index for index, name in enumerate(page.names) if name.startswith(redis.layout.cache_heads)]
    for start in range(0, len(cached), PIPELINE_KEYS):
        some = cached[start : start + PIPELINE_KEYS]
        measured = [index for index in some if every and (index + 1) % every == 0]
        pipe = redis.pipeline()
        for index in some:
            pipe.execute_command("PTTL", page.names[index])
        for index in measured:
            pipe.execute_command("MEMORY", "USAGE", page.names[index])
        replies = await pipe.execute(raise_on_error=False)
        raise_general(replies[: len(some)])
        for index, reply in zip(some, replies[: len(some)], strict=True):
            if isinstance(reply, int):
                pttls[index] = reply
        for index, reply in zip(measured, replies[len(some) :], strict=True):
            if sizes is not None and isinstance(reply, int):
                sizes[index] = reply
    return structs.replace(page, pttls=pttls, sizes=sizes)
