"""Samples that outlive the process: one day in one file per environment, written by one thread.

Adding a sample never waits and never raises: what cannot be written (disk full, locked, read-only, written by a newer
version) stays in memory and is tried again, and ``fault`` says why. A damaged file is set aside and a new one begun.
Reading alone never creates a file.
"""

import asyncio
import hashlib
import math
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar

from optimus_tui.clock import Clock
from optimus_tui.contract.percentiles import few_of, percentile
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import Series
from optimus_tui.history.samples.file import (
    SIDE_FILES,
    HistoryFile,
    NewerFile,
    Samples,
    fault_of_history,
    is_damage,
    is_full,
    is_locked,
    is_sound,
    is_there,
)
from optimus_tui.settings.model import Settings
from optimus_tui.storage.append_log import set_aside
from optimus_tui.storage.private_file import state_dir
from optimus_tui.wording.safe import safe_text

T = TypeVar("T")

RETENTION_SECONDS = 86_400.0
MAX_BYTES = 192_000_000
"""Of the file; the log beside it may take 8 MB more."""
MAX_WAITING = 1_800
"""Sets that wait in memory for the file to take them: an hour of them."""
MAX_QUEUED = 1_000
MAX_NAME = 1_024
MAX_DOCUMENT = 1_000_000
RETRY_SECONDS = 10.0
LOCKED_SECONDS = 0.5
LOOK_SECONDS = 30.0
"""How often the store checks that its file is still the one at its path."""
CLOSE_SECONDS = 3.0
ANSWER_SECONDS = 10.0
"""The time limit for a query of the file."""
MAX_SAMPLES = 4096
LATEST, LATEST_SECONDS = 15, 120.0
"""How many single samples a series also holds, and how old they may be in seconds."""


def history_path(settings: Settings) -> Path:
    """Return the file of an environment."""
    return state_dir() / "history" / f"{settings.environment}.sqlite"


def system_of(settings: Settings) -> str:
    """Return the key that separates the samples of one system from another's in the same environment."""
    redis = settings.redis
    host = redis.host
    if redis.loopback:
        host = "localhost"
    place = redis.path or f"{host}:{redis.port}"
    addresses = f"{settings.gateway_url}\n{settings.engine_url}\n{place}/{redis.db}".replace("127.0.0.1", "localhost")
    return hashlib.sha256(addresses.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Store:
    """The history of one context. ``put`` may be called from any thread, the coroutines from any event loop."""

    def __init__(
        self,
        path: Path,
        system: str = "",
        *,
        clock: Clock | None = None,
        retention_s: float = RETENTION_SECONDS,
        max_bytes: int = MAX_BYTES,
        max_waiting: int = MAX_WAITING,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self.path, self.system = path, system
        self.fault: Fault | None = None
        """Why samples are not kept on disk now, or what became of a damaged file. Safe to show."""
        self.saved = self.lost = 0
        """Sets that this process wrote to the file, and sets that were lost."""
        self._clock, self._retention_s, self._max_bytes = clock or Clock(), retention_s, max_bytes
        self._max_waiting, self._retry_seconds = max_waiting, retry_seconds
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting: deque[tuple[float, dict[str, float]]] = deque()
        self._file: HistoryFile | None = None
        self._notice: Fault | None = None
        self._retry_at = self._looked_at = float("-inf")
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False

    # -- for everybody

    @property
    def waiting(self) -> int:
        """Return the number of sets in memory that are not written yet."""
        return len(self._waiting)

    def put(self, at: float, values: Mapping[str, float]) -> None:
        """Store these values as of ``at`` (wall-clock seconds). Values that are not finite are left out."""
        kept = {
            name: float(value) for name, value in values.items() if 0 < len(name) <= MAX_NAME and math.isfinite(value)
        }
        if not kept or not math.isfinite(at) or self._closed:
            return
        if self._jobs.qsize() >= MAX_QUEUED:
            self.lost += 1
            return
        self._do(lambda: self._save(at, kept))

    async def series(self, name: str, since: float, until: float) -> Samples:
        """Return (wall-clock seconds, value) from ``since`` to ``until``, oldest first; empty without samples."""
        return (await self.many([name], since, until))[name]

    async def many(self, names: Iterable[str], since: float, until: float) -> dict[str, Samples]:
        """Return the samples of several series in one pass."""
        wanted = list(dict.fromkeys(names))
        found = await self._ask(lambda file: file.read(wanted, since, until))
        return self._with_waiting(found or {name: [] for name in wanted}, since, until)

    async def names(self, prefix: str = "") -> list[str]:
        """Return the names of series that begin with ``prefix``, sorted."""
        found = set(await self._ask(lambda file: file.names(prefix)) or ())
        for _, values in list(self._waiting):
            found.update(name for name in values if name.startswith(prefix))
        return sorted(found)

    async def recall(self, key: str) -> bytes | None:
        """Return the document that any process stored under ``key``, or None."""
        return await self._ask(lambda file: file.kept(key))

    async def remember(self, key: str, document: bytes) -> bool:
        """Store one document under ``key``; return False if that failed (``fault`` says why)."""
        if len(document) > MAX_DOCUMENT:
            raise ValueError(f"a document holds at most {MAX_DOCUMENT:,} bytes")

        def keep(file: HistoryFile) -> bool:
            file.keep(key, document)
            return True

        return bool(await self._ask(keep, create=True))

    async def ready(self) -> Fault | None:
        """Open the file for writing. Return the fault, or None. A damaged file is replaced, which is not a fault."""

        def look(file: HistoryFile) -> bool:
            if file.read_only is not None:
                raise file.read_only
            return True

        if await self._ask(look, create=True):
            return None
        return self.fault

    async def used_bytes(self) -> int:
        """Return the file's size in bytes without free pages; 0 where there is none."""
        return await self._ask(lambda file: file.used_bytes) or 0

    async def close(self) -> None:
        """Write what is still in memory and close the file, within three seconds. Safe to call twice."""
        self._closed = True
        thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join, CLOSE_SECONDS)

    # -- the thread's side

    def _do(self, job: Callable[[], None]) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="history", daemon=True)
                self._thread.start()
        self._jobs.put(job)

    async def _ask(self, question: Callable[[HistoryFile], T], *, create: bool = False) -> T | None:
        """Return the answer of the file, or None where there is no file or it does not answer."""
        if self._closed:
            return None
        future: Future[T | None] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(self._answer(question, create))
            except BaseException as error:
                future.set_exception(error)

        self._do(job)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            folder = safe_text(str(self.path.parent), 200)
            self.fault = Fault("timeout", f"the disk under {folder} did not answer within {ANSWER_SECONDS:.0f} s")
            return None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:
                self.lost += 1
                self.fault = self._notice = Fault("bug", f"the history writer failed: {type(error).__name__}")
        self._retry_at = float("-inf")
        self._flush()
        self._leave()
        while not self._jobs.empty():  # whoever still waits for an answer gets one
            job_left = self._jobs.get()
            if job_left is not None:
                job_left()
        self._leave()

    def _save(self, at: float, values: dict[str, float]) -> None:
        if len(self._waiting) >= self._max_waiting:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((at, values))
        if self._clock.mono() >= self._retry_at:
            self._flush()

    def _flush(self) -> None:
        sets = list(self._waiting)
        if not sets or not self._answer(lambda file: self._write(file, sets), create=True):
            return
        for _ in sets:
            self._waiting.popleft()
        self.saved += len(sets)
        self._retry_at, self.fault = float("-inf"), self._notice

    def _write(self, file: HistoryFile, sets: list[tuple[float, dict[str, float]]]) -> bool:
        try:
            file.write(sets)
        except sqlite3.OperationalError as error:
            if not is_full(error) or file.used_bytes < 0.8 * self._max_bytes:
                raise
            file.make_room()  # it is our own cap, not the disk
            file.write(sets)
        return True

    def _answer(self, question: Callable[[HistoryFile], T], create: bool) -> T | None:
        """Ask the file, and ask again after a damaged one was set aside."""
        for last in (False, True):
            try:
                answer = None
                if (file := self._opened(create)) is not None:
                    answer = question(file)
                if not self._waiting:
                    self.fault = self._notice
                return answer
            except (sqlite3.Error, OSError, NewerFile) as error:
                pause = self._retry_seconds
                if is_locked(error):
                    pause = LOCKED_SECONDS
                self._retry_at = self._clock.mono() + pause
                self.fault = fault_of_history(error, self.path)
                if last or not is_damage(error) or not self._set_aside():
                    return None
        return None

    def _opened(self, create: bool) -> HistoryFile | None:
        now = self._clock.mono()
        if self._file is not None and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            if self._file.moved:
                self._leave()
        if self._file is None:
            if not create and not is_there(self.path):
                return None
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._looked_at = now
            self._file = HistoryFile(
                self.path, self.system, self._clock, retention_s=self._retention_s, max_bytes=self._max_bytes
            )
        return self._file

    def _set_aside(self) -> bool:
        self._leave()
        try:
            moved = set_aside(self.path, is_sound, SIDE_FILES)
        except (sqlite3.Error, OSError) as error:
            self.fault = fault_of_history(error, self.path)
            return False
        if moved is not None:
            message = f"the history file was damaged; it is at {moved} now, and a new one was begun"
            self._notice = Fault("invalid", message)
        self.fault = self._notice
        return True

    def _leave(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _with_waiting(self, found: dict[str, Samples], since: float, until: float) -> dict[str, Samples]:
        for at, values in list(self._waiting):
            if since <= at <= until:
                for name in found.keys() & values.keys():
                    found[name].append((at, values[name]))
        return found


class Ring:
    """The samples of the last ``seconds`` of the monotonic clock, at most 4,096 of them.

    A chart point holds several samples: ``combine`` says whether it shows the largest (latencies: a spike must not be
    averaged away) or their mean (shares).
    """

    def __init__(self, seconds: float = 600.0, combine: Literal["max", "mean"] = "max") -> None:
        self.seconds, self.combine = seconds, combine
        self._samples: deque[tuple[float, float]] = deque(maxlen=MAX_SAMPLES)

    def put(self, mono: float, value: float) -> None:
        """Add one sample taken at ``mono``, and drop those that are too old."""
        self._samples.append((mono, value))
        self._drop_old(mono)

    def drop(self, until: float) -> None:
        """Drop all samples taken before ``until``, in seconds of the monotonic clock."""
        while self._samples and self._samples[0][0] < until:
            self._samples.popleft()

    def series(self, mono: float, points: int = 40) -> Series:
        """Return the history as of ``mono``: at most ``points`` values, oldest first, and percentiles of all samples.

        If there are only a few samples, each is a point. Points without a sample (an outage) are left out.
        """
        self._drop_old(mono)
        if not self._samples:
            return Series()
        ordered = sorted(value for _, value in self._samples)
        return Series(
            values=self._resample(mono, points),
            p50=percentile(ordered, 0.50),
            p95=percentile(ordered, 0.95),
            samples=len(ordered),
            few=few_of(ordered),
            latest=self._latest(mono),
        )

    def _latest(self, mono: float) -> tuple[float, ...]:
        newest = list(islice(reversed(self._samples), LATEST))
        return tuple(value for taken, value in reversed(newest) if taken >= mono - LATEST_SECONDS)

    def _drop_old(self, mono: float) -> None:
        self.drop(mono - self.seconds)

    def _resample(self, mono: float, points: int) -> tuple[float, ...]:
        if len(self._samples) <= points:
            return tuple(value for _, value in self._samples)
        # A power of two seconds on a fixed grid: a point keeps its samples from one picture to the next, so that
        # nothing shimmers.
        span = max(mono - self._samples[0][0], 1e-9)
        width = 2.0 ** math.ceil(math.log2(span / (points - 1 or 1)))
        bins: dict[int, list[float]] = {}
        for taken, value in self._samples:
            bins.setdefault(int(taken // width), []).append(value)
        grouped = [bins[key] for key in sorted(bins)][-points:]
        if self.combine == "max":
            return tuple(max(one) for one in grouped)
        return tuple(sum(one) / len(one) for one in grouped)
