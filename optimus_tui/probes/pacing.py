"""The pace of a scan: how many keys a call asks for, and how long the server is left alone between two calls.

Both follow from the time that the *server* spends on a call, which TIME before and after it in one write tells: neither
the network's time nor our own counts. A call is short, because it is what other clients wait for; the share of all
calls together depends on what the server does for others meanwhile.
"""

from collections import deque
from statistics import median_low
from typing import Any

from redis.exceptions import NoPermissionError

from optimus_tui.grammar.info import parse_info
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.commands import MAX_SCAN_COUNT
from optimus_tui.probes.redis.kept_connection import KeptConnection
from optimus_tui.probes.redis.observer import ObserverRedis
from optimus_tui.probes.redis.rights import ask_all, checked_reply, is_absent, is_missing
from optimus_tui.settings.model import ScanBudget

AIM_MS = 0.42
"""The server's time that a call takes in the middle: other clients' commands wait for it."""
FAST_AIM_MS = 1.8
"""The same for the budget "fast": what each call costs us besides its keys is a third of our processor time."""
QUIET_SHARE, SHARED_SHARE, BUSY_SHARE = 0.5, 0.25, 0.15
"""Ceilings for the share of the server's time that a scan takes: beside others who take little, some, or most of it."""
QUIET_BELOW, BUSY_FROM = 0.2, 0.6
"""The others' use of the server's main thread, as a share of its time."""
LOAD_SECONDS = 0.5
"""Between two looks at what the server does for others."""
MIN_COUNT = 50
MAX_PAUSE_MS = 250.0
LEAST_SLEEP_SECONDS = 0.002
"""Shorter pauses are saved up: a timer's own granularity would double them."""
MOST_RESTED_SECONDS = 0.02
"""So much longer pauses than were due count for the next ones: a timer on a busy machine is late."""
TIMED_EVERY = 4
"""After the first calls, one in so many is timed: two more replies cost us as much as a call."""
_LATEST = 9
_TRUSTED = 3
_STEP_UP = 1.1


class AdaptivePacer:
    """The pace of one scan: ``count`` keys per call, then ``pause_seconds``.

    The median of the latest calls decides: a server that got no CPU for a moment makes the mean several times as long.
    """

    def __init__(self, count: int, pause_ms: float, *, aim_ms: float = AIM_MS, share: float = QUIET_SHARE) -> None:
        self.count = self._most = count
        self.share = share
        self.pause_seconds = self.least_pause_seconds = pause_ms / 1000
        self._aim_ms = aim_ms
        self._latest: deque[tuple[float, float]] = deque(maxlen=_LATEST)
        """(Server's milliseconds, milliseconds a key) of the latest calls."""

    def took(self, server_ms: float) -> None:
        """Adapt to one more call, for which the server needed ``server_ms``."""
        self._latest.append((server_ms, server_ms / self.count))
        self.pause_seconds = self.pause_for(server_ms)
        if len(self._latest) < _TRUSTED:
            return
        per_key = median_low(each for _, each in self._latest)
        fits = self._most if per_key <= 0 else int(self._aim_ms / per_key)
        fits = min(fits, max(self.count + 5, int(self.count * _STEP_UP)))
        self.count = min(self._most, max(min(MIN_COUNT, self._most), fits))

    def pause_for(self, server_ms: float) -> float:
        """Return the seconds that the server is left alone after a call of ``server_ms`` or of the usual length."""
        usual = median_low(work for work, _ in self._latest) if len(self._latest) >= _TRUSTED else server_ms
        due = usual * (1 / self.share - 1)
        return max(self.least_pause_seconds, min(MAX_PAUSE_MS, due) / 1000)


def pacer_for(budget: ScanBudget, most: int, limit: int = MAX_SCAN_COUNT) -> AdaptivePacer:
    """Return the pacer of a scan.

    Args:
        budget: What the operator allows.
        most: The most keys that a call asks for; "fast" may ask for more.
        limit: The most that a call can ask for at all.
    """
    if budget.budget == "fast":
        return AdaptivePacer(min(limit, max(most, 4 * budget.count)), 0.0, aim_ms=FAST_AIM_MS, share=1.0)
    return AdaptivePacer(min(limit, most), budget.pause_ms)


class OthersLoad:
    """How much of the server's main thread others use, by INFO and what our own calls took."""

    def __init__(self, cpu_seconds: float | None, mono: float) -> None:
        self._cpu, self._mono = cpu_seconds, mono
        self._ours = 0.0
        self.share: float | None = None
        """None before the second look, and where INFO does not say it."""

    def add(self, server_ms: float) -> None:
        """Count a call of our own."""
        self._ours += server_ms / 1000

    def is_due(self, mono: float) -> bool:
        """Return True if it is time to read INFO again."""
        return self._cpu is not None and mono - self._mono >= LOAD_SECONDS

    def look(self, cpu_seconds: float | None, mono: float) -> None:
        """Note how many CPU seconds the server's main thread has used by now; None if unknown."""
        if self._cpu is not None and cpu_seconds is not None and mono > self._mono:
            self.share = max(0.0, cpu_seconds - self._cpu - self._ours) / (mono - self._mono)
        self._cpu, self._mono, self._ours = cpu_seconds, mono, 0.0

    def ceiling(self, quiet: float) -> float:
        """Return the share of the server's time that a scan may take; ``quiet`` if others use little, or unknown."""
        if self.share is None or self.share < QUIET_BELOW:
            return quiet
        if self.share < BUSY_FROM:
            return min(quiet, SHARED_SHARE)
        return min(quiet, BUSY_SHARE)


def main_thread_seconds(info: object) -> float | None:
    """Return the CPU seconds of the server's main thread from INFO cpu; of the whole process on old servers."""
    fields = parse_info(info)
    for user, system in (
        ("used_cpu_user_main_thread", "used_cpu_sys_main_thread"),
        ("used_cpu_user", "used_cpu_sys"),
    ):
        try:
            seconds = float(fields[user]) + float(fields[system])
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
        return None
    return None


class TimedCalls:
    """Sends calls, some with TIME before and after them in one write, and tells what the server spends on one.

    Between ``open`` and ``aclose`` they have a connection of their own, if one can be had (see
    ``probes.redis.kept_connection``); then a call may be sent before its reply is wanted.
    """

    def __init__(self, redis: ObserverRedis, own: LoadMeter, ping_ms: float = 0.0) -> None:
        self._redis, self._own, self.ping_ms = redis, own, ping_ms
        self._kept = KeptConnection(redis)
        self._sent = 0
        self._ahead: tuple[tuple[Any, ...], ...] = ()
        self._began = 0.0
        self.server_ms = 0.0
        """The server's time for the last call that was timed; without TIME, the trip's without ``ping_ms``."""
        self.timed = False
        """Whether the last call was timed."""
        self.by_server = True
        """Whether the server told that time. Else it is the trip's, so that none may be sent ahead."""

    async def open(self) -> None:
        """Take a connection for these calls."""
        await self._kept.open()

    async def aclose(self) -> None:
        """Give it back."""
        self._ahead = ()
        await self._kept.aclose()

    async def send_ahead(self, *words: Any) -> None:
        """Send a call now, whose reply the next ``ask`` returns; without a connection of its own, ``ask`` sends it."""
        self._sent += 1
        commands: tuple[tuple[Any, ...], ...] = (words,)
        if self._sent <= _LATEST or not self._sent % TIMED_EVERY:
            commands = (("TIME",), words, ("TIME",))
        self._began, self._ahead = self._own.clock.mono(), commands
        if not any(is_absent(self._redis, str(name)) for name, *_ in commands):
            await self._kept.send(commands)

    async def ask(self, *words: Any) -> Any:
        """Return the reply, or the error where this command is missing, denied or refused (see ``rights.ask``)."""
        if words not in self._ahead:
            await self.send_ahead(*words)
        commands, self._ahead = self._ahead, ()
        replies = await self._kept.replies()
        if replies:
            replies = [checked_reply(reply, self._redis.target) for reply in replies]
        else:
            self._began = self._own.clock.mono()
            replies = await ask_all(self._redis, *commands)
        self.timed = len(replies) > 1
        if not self.timed:
            return replies[0]
        before, reply, after = replies
        trip_ms = (self._own.clock.mono() - self._began) * 1000
        if isinstance(before, NoPermissionError) or is_missing(before):
            self._redis.absent.setdefault("TIME", self._own.clock.mono())  # each refusal is an entry in the ACL log
        self.server_ms = _between(before, after, trip_ms)
        self.by_server = self.server_ms >= 0
        if not self.by_server:
            self.server_ms = max(0.0, trip_ms - self.ping_ms)
        return reply


def _between(before: object, after: object, trip_ms: float) -> float:
    """Return the milliseconds between two answers of TIME; -1 where they say nothing (a proxy may part the calls)."""
    first, last = _moment(before), _moment(after)
    if first is None or last is None or not 0 <= last - first <= trip_ms * 1000:
        return -1.0
    return (last - first) / 1000


def _moment(reply: object) -> int | None:
    """Return the microseconds that TIME answered."""
    if not isinstance(reply, list) or len(reply) != 2:
        return None
    try:
        return int(reply[0]) * 1_000_000 + int(reply[1])
    except (TypeError, ValueError):
        return None
