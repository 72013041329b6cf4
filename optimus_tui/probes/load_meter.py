"""Our own load on the server: round trips, commands, and the look-ups that would improve its hit rate.

Nothing is estimated: every figure is counted where the command is sent and where its reply arrives. Commands that look
up no key (SCAN, INFO, MEMORY USAGE) and refusals count as no look-up.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

from optimus_tui.clock import Clock

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


class LoadMeter:
    """Counters since the start, shared by all connections and threads of this process.

    ``trips`` are round trips (a pipeline is one), ``commands`` the commands in them, ``hits`` and ``misses`` what our
    look-ups added to the server's keyspace_hits and keyspace_misses, ``connects`` and ``losses`` connections made and
    ended. ``log`` holds the commands themselves.
    """

    def __init__(self, clock: Clock | None = None, keep_log: bool = True) -> None:
        self.clock, self._keep_log = clock or Clock(), keep_log
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
                self._log = self._log or CommandLog(self.clock, self._keep_log)
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
