"""The load that this process causes.

Commands and bytes sent, replies lost, and the delay of its own event loop.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from optimus_tui.clock import Clock
from optimus_tui.settings.tuning import TUNING, Tuning
from optimus_tui.wording.numbers import age

if TYPE_CHECKING:
    from optimus_tui.probes.round_trips import CommandLog


CONNECTED: ContextVar[float] = ContextVar("connected", default=float("-inf"))
"""When the running task last made a connection, greeting included, in seconds of its event loop's clock."""
WINDOW_SECONDS = 5.0
_BUCKETS_PER_SECOND = 4
_SINGLE_MISS: dict[bytes, Callable[[object], bool]] = {
    b"GET": lambda reply: reply is None,
    b"TTL": lambda reply: reply == -2,
    b"PTTL": lambda reply: reply == -2,
    b"TYPE": lambda reply: reply in (b"none", "none"),
    b"EXISTS": lambda reply: reply == 0,
    b"OBJECT": lambda reply: reply is None,
    b"LLEN": lambda reply: reply == 0,
    b"LRANGE": lambda reply: reply == [],
    b"HLEN": lambda reply: reply == 0,
    b"SCARD": lambda reply: reply == 0,
    b"ZCARD": lambda reply: reply == 0,
    b"XLEN": lambda reply: False,
    b"XRANGE": lambda reply: False,
    b"STRLEN": lambda reply: False,  # 0 is an empty string or no key: we ask only where TYPE found one
    b"GETRANGE": lambda reply: False,
    b"HSCAN": lambda reply: False,
    b"SSCAN": lambda reply: False,
    b"ZRANGE": lambda reply: reply == [],
    b"ZCOUNT": lambda reply: False,  # 0 is a window without entries: we ask only where TYPE found a sorted set
}
TICK_SECONDS = 0.005
NOTICED_SECONDS = 0.001
LEAST_MS = 0.02
"""No answer takes less time than this, not even from the same machine."""
DISTURBED_MS, DISTURBED_SHARE = 50.0, 0.25
"""A measurement that holds more of our own delay than this says little about the other side."""
STANDSTILL_SECONDS = 0.25
PIECE_SECONDS = 0.05
"""Shorter blocks occur on every busy machine and delay an answer by a few milliseconds only."""
BUSY_SHARE, LONG_SECONDS = 0.1, 0.5
"""If this process used that share of a deadline as CPU time, only blocks of half a second count."""
STARVED_SHARE = 0.3
"""A deadline during which our own loop was blocked for this share says nothing about the other side."""
ADJOINING_SECONDS = 0.01
"""Blocks with less than this between them, or before the end of a wait, count as one."""
_KEPT = 2048
_WATCHES: "WeakKeyDictionary[asyncio.AbstractEventLoop, LoopDelay]" = WeakKeyDictionary()


class LoadMeter:
    """Counters since the start, shared by all connections and threads of this process.

    ``trips`` are round trips (a pipeline is one), ``commands`` the commands in them, ``hits`` and ``misses`` what our
    look-ups added to the server's keyspace_hits and keyspace_misses, ``connects`` and ``losses`` connections made and
    ended. ``log`` holds the commands themselves.
    """

    def __init__(self, clock: Clock | None = None, keep_log: bool = True, tuning: Tuning = TUNING) -> None:
        self.clock, self._keep_log, self._tuning = clock or Clock(), keep_log, tuning
        self._log: CommandLog | None = None
        self.trips = self.commands = self.hits = self.misses = self.losses = self.connects = 0
        self._lock = threading.Lock()
        self._buckets: deque[tuple[int, int]] = deque(maxlen=int(WINDOW_SECONDS * _BUCKETS_PER_SECOND) + 2)

    @property
    def log(self) -> "CommandLog":
        """Return the log of sent commands, created with the first command to keep it out of the first frame."""
        if self._log is None:
            from optimus_tui.probes.round_trips import CommandLog

            with self._lock:
                self._log = self._log or CommandLog(self.clock, self._keep_log, self._tuning)
        return self._log

    def note(
        self, *, trips: int = 0, commands: int = 0, hits: int = 0, misses: int = 0, losses: int = 0, connects: int = 0
    ) -> None:
        """Add to the counters."""
        with self._lock:
            self.trips += trips
            self.commands += commands
            self.hits += hits
            self.misses += misses
            self.losses += losses
            self.connects += connects
            if commands:
                bucket = int(self.clock.mono() * _BUCKETS_PER_SECOND)
                before = 0
                if self._buckets and self._buckets[-1][0] == bucket:
                    before = self._buckets.pop()[1]
                self._buckets.append((bucket, before + commands))

    def rate(self, mono: float | None = None) -> float:
        """Return our commands per second over the last five seconds."""
        if mono is None:
            mono = self.clock.mono()
        oldest = int((mono - WINDOW_SECONDS) * _BUCKETS_PER_SECOND)
        with self._lock:
            return sum(count for bucket, count in self._buckets if bucket > oldest) / WINDOW_SECONDS


def lookups_of(command: object, reply: object) -> tuple[int, int]:
    """Return the hits and misses that the server counted for one command. ``reply`` may be the error it answered."""
    name = b""
    if isinstance(command, str):
        name = command.encode()
    elif isinstance(command, bytes):
        name = command
    name = name.split(b" ", 1)[0].upper()
    if name == b"MGET":  # of another type it answers None as of no key at all: where that matters, GET is asked
        if not isinstance(reply, list):
            return 0, 0
        found = sum(one is not None for one in reply)
        return found, len(reply) - found
    missed = _SINGLE_MISS.get(name)
    if missed is None:
        return 0, 0
    if isinstance(reply, Exception):
        if str(reply).startswith(("WRONGTYPE", "Operation against a key")):
            return 1, 0
        return 0, 0
    if missed(reply):
        return 0, 1
    return 1, 0


class LoopDelay:
    """The delays of the running event loop; created by ``watching``. It has no reference to the loop."""

    def __init__(self) -> None:
        self._users = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._late: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """(When it ended, seconds), the newest last."""
        self._denied: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """The same without the CPU time that this process used: time for which the machine gave it none."""
        self._spent: deque[tuple[float, float]] = deque(maxlen=_KEPT)
        """(When a tick came, CPU seconds that this process has used since the one before)."""
        self._used = 0.0

    def enter(self) -> None:
        """Begin a measurement."""
        self._users += 1
        if self._timer is None:
            self._used = time.process_time()
            self._schedule(asyncio.get_running_loop().time())

    def leave(self) -> None:
        """End a measurement."""
        self._users -= 1
        if not self._users and self._timer is not None:
            self._note(asyncio.get_running_loop().time())
            self._timer.cancel()
            self._timer = None

    def since(self, began: float, least: float = 0.0) -> float:
        """Return the seconds of delay from ``began`` (loop time) until now, in pieces of at least ``least`` seconds."""
        now = asyncio.get_running_loop().time()
        pieces = [(ended, late) for ended, late in self._late if ended > began]
        if self._timer is not None:
            pieces.append((now, now - self._due))
        total = sum(min(late, ended - began) for ended, late in pieces if late > 0 and late >= least)
        return min(total, max(0.0, now - began))

    def at_end(self, began: float) -> float:
        """Return the seconds after ``began`` for which the loop has been blocked without a break until now."""
        now = asyncio.get_running_loop().time()
        pieces = list(self._late)
        if self._timer is not None and now > self._due:
            pieces.append((now, now - self._due))
        edge, total = now, 0.0
        for ended, late in reversed(pieces):
            if ended <= began or edge - ended > ADJOINING_SECONDS:
                break
            length = min(late, ended - began)
            total, edge = total + length, min(edge, ended) - length
        return min(total, max(0.0, now - began))

    def before(self, began: float, until: float) -> float:
        """Return the seconds of delay between two loop times."""
        pieces = (min(ended, until) - max(ended - late, began) for ended, late in self._late)
        return min(sum(one for one in pieces if one > 0), max(0.0, until - began))

    def _tick(self) -> None:
        now = asyncio.get_running_loop().time()
        self._note(now)
        self._schedule(now)

    def _note(self, now: float) -> None:
        late, used = now - self._due, time.process_time()
        if late > NOTICED_SECONDS:
            self._late.append((now, late))
        if (denied := late - max(0.0, used - self._used)) >= PIECE_SECONDS:
            self._denied.append((now, denied))
        self._spent.append((now, max(0.0, used - self._used)))
        self._used = used

    def spent(self, began: float) -> float:
        """Return the CPU seconds that this process has used since ``began``."""
        return sum(seconds for ended, seconds in self._spent if ended > began)

    def denied(self, began: float) -> float:
        """Return the seconds since ``began`` for which the loop was ready to run but got no CPU, without short ones."""
        return sum(min(seconds, ended - began) for ended, seconds in self._denied if ended > began)

    def _schedule(self, now: float) -> None:
        self._due = now + TICK_SECONDS
        self._timer = asyncio.get_running_loop().call_at(self._due, self._tick)


class Span:
    """One running measurement."""

    def __init__(self, delay: LoopDelay, began: float) -> None:
        self._delay, self.began = delay, began
        self._sent: float | None = None
        self.dialed = False
        """Whether a connection of its own was opened for it."""

    def sent(self) -> None:
        """Record that the request was sent: from now on the other side's time runs beside our own."""
        self._sent = asyncio.get_running_loop().time()

    @property
    def seconds(self) -> float:
        """Return the seconds by which this program delayed the measurement, before the request or at its end."""
        if self._sent is None:
            return self._delay.since(self.began)
        return self._delay.before(self.began, self._sent) + self._delay.at_end(self._sent)

    @property
    def own_ms(self) -> float:
        """Return our own delay in milliseconds."""
        return self.seconds * 1000

    @property
    def took_ms(self) -> float:
        """Return the milliseconds since the measurement began, without our own delay."""
        passed = asyncio.get_running_loop().time() - self.began
        return max(0.0, passed - self.seconds) * 1000

    def restart(self, at: float | None = None) -> None:
        """Measure only from now on, or from the loop time ``at``."""
        if at is None:
            at = asyncio.get_running_loop().time()
        self.began, self._sent, self.dialed = at, None, False


@contextmanager
def watching() -> Iterator[Span]:
    """Measure our own delay from here to the end of the block."""
    loop = asyncio.get_running_loop()
    delay = _WATCHES.get(loop)
    if delay is None:
        delay = _WATCHES[loop] = LoopDelay()
    delay.enter()
    try:
        yield Span(delay, loop.time())
    finally:
        delay.leave()


def stood_still(seconds: float) -> float:
    """Return how long the running loop was blocked in the last ``seconds``; 0.0 where nothing was measured.

    Blocks of a quarter of a second or more count in full, those of a twentieth or more only for the time in which this
    process used no CPU: a service that floods us keeps us busy in small pieces, and that delay is the service's.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return 0.0
    delay = _WATCHES.get(loop)
    if delay is None:
        return 0.0
    began = loop.time() - seconds
    if delay.spent(began) >= BUSY_SHARE * seconds:
        return delay.since(began, LONG_SECONDS)
    return max(delay.since(began, STANDSTILL_SECONDS), delay.denied(began))


def starved(seconds: float) -> str:
    """Return why a missed deadline of ``seconds`` says nothing about the service; empty if it does."""
    still = stood_still(seconds)
    if still >= STARVED_SHARE * seconds:
        return starved_words(still)
    return ""


def starved_words(seconds: float) -> str:
    """Return the sentence that says that this process got no CPU."""
    return f"this machine gave this program no CPU for {age(seconds)}"


def measured_ms(took_ms: float, own_ms: float) -> float | None:
    """Return the service's time in milliseconds without our own delay; None if nothing is left."""
    if took_ms >= LEAST_MS or own_ms <= 0:
        return took_ms
    return None


def disturbed(took_ms: float, own_ms: float) -> bool:
    """Return True if a measurement of ``took_ms`` is unreliable, because this program delayed it by ``own_ms``."""
    return own_ms >= DISTURBED_MS and own_ms >= DISTURBED_SHARE * (took_ms + own_ms)
