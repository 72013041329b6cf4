"""The reader of the coherence feed: a daemon thread with its own loop, so that a busy screen never delays reading.

It counts every event, keeps the newest, marks every gap, fills gaps from the event log, and reports the state of its
connection. Payloads are parsed only when they are drained.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import FeedBatch, FeedState
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import Translate, list_translator, subscription_of, translator
from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.grammar.events import parse_event
from optimus_tui.probes.events.link import (
    CONNECT_SECONDS,
    FeedLink,
    FeedLoop,
    LinkLost,
    error_line,
    greeting,
    lost_by_bug,
    lost_by_garbage,
    lost_by_reply,
    packed,
    pause_after,
)
from optimus_tui.probes.events.ring import MAX_PAYLOAD, FeedRing, Row
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.probes.redis.parser import ReplyHeads, Unbounded
from optimus_tui.probes.round_trips import RoundTrip, attributed_to
from optimus_tui.settings.model import RedisTarget

NEWEST = 1000
MAX_BYTES = 16 * 1024 * 1024
SLACK_SECONDS = 5.0
_MAX_SKEW = 26 * 3600.0
_SKEW_SAMPLES = 64
SETTLE_SECONDS = 0.25
"""The time from the new subscription to reading the log, so that senders at work have logged and published."""
FILL_SECONDS = 1.5
STEADY_SECONDS = 2.0
"""A link that lasted this long is retried quickly again."""
REVIVE_SECONDS = 1.0
FIRST_SECONDS = 5.0
"""The link is down after this time without a first result, so that "connecting" always ends."""


class LogUnreadable(Exception):
    """The log could not be read; the message is a short phrase."""


class GapWindow(Struct, frozen=True):
    """The wall-clock seconds between which a missed event may have been sent."""

    start: float
    end: float


async def read_log(
    connector: Connector, own: LoadMeter, window: GapWindow, name: bytes, translate: Translate | None = None
) -> list[bytes]:
    """Return the log's newest thousand payloads, from whichever end holds them. ``name`` is the event list's key.

    Raises:
        LogUnreadable: the server's answer is of no use.
        OSError: the connection failed (also TimeoutError).
    """
    head = await _read_range(connector, own, name, b"0", b"%d" % (NEWEST - 1))
    if len(head) < NEWEST or any(_claim(entry, translate) >= window.start for entry in head):
        return head
    return await _read_range(connector, own, name, b"-%d" % NEWEST, b"-1")  # it grows at its tail


async def _read_range(connector: Connector, own: LoadMeter, name: bytes, first: bytes, last: bytes) -> list[bytes]:
    stream = asyncio.StreamReader(limit=1 << 20)
    transport = await connector.connect(lambda: asyncio.StreamReaderProtocol(stream), CONNECT_SECONDS)
    try:
        commands = greeting(connector.target, connector.manners.named)
        if connector.target.db:
            commands.append((b"SELECT", b"%d" % connector.target.db))
        commands.append((b"LRANGE", name, first, last))
        data = b"".join(packed(*words, db=connector.target.db) for words in commands)
        trip = own.log.sent(commands)
        transport.write(data)
        own.note(trips=1, commands=len(commands))
        try:
            reply = await _last_reply(connector, stream, [words[0] for words in commands], trip)
        except BaseException:
            trip.lose("no answer: it was not read to its end")
            raise
    finally:
        transport.abort()
    if not isinstance(reply, list) or not all(isinstance(entry, bytes) for entry in reply):
        raise LogUnreadable("the event log is no list of texts")
    own.note(hits=int(bool(reply)), misses=int(not reply))
    return reply


async def _last_reply(
    connector: Connector, stream: asyncio.StreamReader, names: list[bytes], trip: RoundTrip
) -> object:
    replies, heads = hiredis.Reader(notEnoughData=stream), ReplyHeads()
    size = 0
    for name in names:
        while (reply := _next(replies, connector)) is stream:
            data = await stream.read(1 << 18)
            size += len(data)
            if not data:
                raise LogUnreadable("the connection for the event log was closed")
            if size > MAX_BYTES:
                raise LogUnreadable("the event log is too large to read")
            try:
                heads.check(data)
            except Unbounded as error:
                raise LogUnreadable("the event log is too large to read") from error
            replies.feed(data)
        refusal = error_line(reply)
        trip.answer(refusal)
        if refusal is not None and name != b"CLIENT":
            if refusal.startswith("WRONGTYPE"):
                raise LogUnreadable("the event log is no list")
            if refusal.startswith("NOPERM"):
                raise LogUnreadable("the ACL denies the event log")
            raise LogUnreadable(f"the event log is unreadable: {lost_by_reply(refusal, connector.target).cause}")
    return reply


def _next(replies: hiredis.Reader, connector: Connector) -> Any:
    try:
        return replies.gets()
    except hiredis.ProtocolError as error:
        raise LogUnreadable(lost_by_garbage(b"", connector.target).cause) from error
    except Exception as error:  # bytes that break the reader
        raise LogUnreadable("the event log cannot be read") from error


def _claim(payload: bytes, translate: Translate | None) -> float:
    if translate is not None:
        payload = translate(b"", payload, len(payload))
    claimed = parse_event(payload).claimed_at
    if claimed is None:
        return -1.0
    return claimed


def clock_skew(rows: Sequence[Row], translate: Translate | None = None) -> float:
    """Return by how many seconds the senders' clocks run ahead of ours, from the newest live events; 0 if unknown."""
    live = [row for row in rows if not row[4]][-_SKEW_SAMPLES:]
    offsets = sorted(claimed - row[0] for row in live if (claimed := _claim(row[2], translate)) >= 0)
    if not offsets:
        return 0.0
    skew = offsets[len(offsets) // 2]
    if 1.0 < abs(skew) < _MAX_SKEW:
        return skew
    return 0.0


def choose_missed(
    entries: Iterable[bytes],
    known: Counter[tuple[bytes, int]],
    window: GapWindow,
    wall: float,
    name: bytes = b"",
    translate: Translate | None = None,
) -> list[Row]:
    """Return rows for the log's events within the window that were not received, in the order of their timestamps.

    ``known`` counts (cut payload, true length): each received event cancels one equal entry of the log, so that two
    equal events stay two.

    The log's order and size are not trusted. An event without a timestamp is left out.
    """
    left = Counter(known)
    missed: list[tuple[float, Row]] = []
    for entry in entries:
        claimed = _claim(entry, translate)
        if not window.start <= claimed <= window.end:
            continue
        row: Row = (wall, name, entry[:MAX_PAYLOAD], len(entry), True)
        if left[(row[2], row[3])] > 0:
            left[(row[2], row[3])] -= 1
        else:
            missed.append((claimed, row))
    missed.sort(key=lambda pair: pair[0])
    return [row for _, row in missed]


class _Break(Struct, frozen=True):
    """When events may have begun to be missing, on both clocks, and why."""

    mono: float
    wall: float
    cause: str


class FeedReader:
    """The reader: ``start`` it once, ``drain`` it from any thread at any time, ``stop`` it at the end.

    ``keep`` is how many of the newest items stay available.

    A refused login is retried slowly. An error of the reader itself is reported as a bug before it starts again.
    ``malformed`` counts the drained events that ``parse_event`` finds a problem in: a lower bound if there were more
    events than ``drain`` returned.
    """

    def __init__(
        self,
        target: RedisTarget,
        own: LoadMeter,
        clock: Clock,
        *,
        keep: int = 10_000,
        layout: KeyLayout | None = None,
    ) -> None:
        layout = layout or own_layout()
        self._subscription = subscription_of(layout.dialect)
        self._list, self._of_list = layout.dialect.event_list.encode(), list_translator(layout)
        self.settle_seconds = SETTLE_SECONDS
        self._connector, self._own, self._clock = Connector(target), own, clock
        self._ring = FeedRing(keep, self._reading(translator(layout, target.db)))
        if not self._subscription.places:
            self._ring.set_state("none")
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._revived = 0.0
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._live_since: float | None = None
        self._first_live: float | None = None
        self._break: _Break | None = None
        self._tries = 0
        self._started: float | None = None
        self._hung_up = False
        """True if the server ended the last attempt before it confirmed: the next one leaves out the client's name."""
        self.restarts = 0
        """How often the reader was restarted after an error of its own."""

    def _reading(self, live: Translate | None) -> Translate | None:
        """Return what reads both live messages and entries of the event list, which have its name as their channel."""
        of_list = self._of_list
        if live is None and of_list is None:
            return None

        def translate(channel: bytes, payload: bytes, length: int) -> bytes:
            chosen = of_list if channel == self._list and of_list is not None else live
            return payload if chosen is None else chosen(channel, payload, length)

        return translate

    def start(self) -> None:
        """Begin reading. Returns at once. A second call, and a call for a profile without a feed, does nothing."""
        if not self._subscription.places:
            return
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            self._started = self._started or self._clock.mono()
            self._thread = threading.Thread(target=self._main, name="optimus-feed", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End the reader and wait for it, at most ``timeout`` seconds. What it kept can still be drained."""
        self._stopping.set()
        self.retry()
        if self._thread:
            self._thread.join(timeout)

    def retry(self) -> None:
        """Try again now instead of after the pause. Only a person's request may call this, never a timer."""
        wake = self._wake
        if wake:
            with contextlib.suppress(RuntimeError):  # the loop has just closed
                wake[0].call_soon_threadsafe(wake[1].set)

    def drain(self, since_seq: int = 0, limit: int = 1000) -> FeedBatch:
        """Return the newest ``limit`` items after ``since_seq``, oldest first, and the present counters.

        Events that were dropped before they were drained are counted in ``received`` but not returned; gap marks always
        are. A reader thread that died is reported as a bug and started again here.
        """
        mono = self._clock.mono()
        thread = self._thread
        died = thread is not None and not thread.is_alive() and not self._stopping.is_set()
        revive = died and mono - self._revived >= REVIVE_SECONDS
        if revive:
            self._ring.set_state("down", lost_by_bug(RuntimeError("its thread ended")).fault, None)
        batch = self._ring.batch(since_seq, limit, mono)
        if revive:  # after that: a quick new thread would be live before anybody heard of the failure
            self._revived = mono
            self.restarts += 1
            self.start()
        late = self._started is not None and mono - self._started > FIRST_SECONDS
        if batch.status.state == "connecting" and late:
            waited = Fault("timeout", f"no link within {FIRST_SECONDS:.0f} s", "see the state of Redis")
            batch = replace(batch, status=replace(batch.status, state="down", fault=waited))
        return batch

    @property
    def live_since(self) -> float | None:
        """Return since when events are heard without a gap, in monotonic seconds; None while there is no link."""
        return self._live_since

    # -- the reader's thread

    def _main(self) -> None:
        with attributed_to("feed", poll=True):
            self._read_until_stopped()

    def _read_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                with asyncio.Runner(loop_factory=FeedLoop) as runner:
                    runner.run(self._serve())
            except Exception as error:  # the loop itself failed: told as a bug, then started again
                self.restarts += 1
                self._note_loss(lost_by_bug(error), 0.0)
                self._stopping.wait(REVIVE_SECONDS)

    async def _serve(self) -> None:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(self._note_stray)
        self._wake = (loop, wake)
        if self._live_since is not None:
            self._note_loss(lost_by_bug(RuntimeError("its loop ended")), 0.0)
        while not self._stopping.is_set():
            link = FeedLink(
                self._connector, self._own, self._take, self._alive, self._subscription, named=not self._hung_up
            )
            following = asyncio.ensure_future(self._follow(link))
            waking = asyncio.ensure_future(self._until_stopped(wake))
            try:
                await asyncio.wait((following, waking), return_when=asyncio.FIRST_COMPLETED)
            finally:
                silence = loop.time() - link.heard
                following.cancel()
                waking.cancel()
                link.close()
            lost = (await asyncio.gather(following, waking, return_exceptions=True))[0]
            if self._stopping.is_set():
                break
            if not isinstance(lost, LinkLost):
                self.restarts += 1
                lost = lost_by_bug(lost if isinstance(lost, BaseException) else RuntimeError("it ended"))
            pause = self._note_loss(lost, 0.0 if lost.at_end else silence)
            wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await wake.wait()

    async def _until_stopped(self, wake: asyncio.Event) -> None:
        while not self._stopping.is_set():
            await wake.wait()
            wake.clear()

    async def _follow(self, link: FeedLink) -> None:
        """Run one connection from opening to loss; always ends in LinkLost."""
        broken, filling = self._break, None
        try:
            if broken:
                self._ring.hold()
            await link.open()
            wall, mono = self._clock.wall(), self._clock.mono()
            self._live_since, self._break = mono, None
            self._first_live = self._first_live or wall
            self._ring.set_state("live")
            if broken:
                self._ring.open_gap(wall, mono - broken.mono, broken.cause)
                filling = asyncio.ensure_future(self._fill(broken, wall))
            await link.stay()
        finally:
            if filling:
                filling.cancel()
                await asyncio.gather(filling, return_exceptions=True)
            self._ring.release(None, "the link broke again before the event log was read")

    async def _fill(self, broken: _Break, live: float) -> None:
        """Read the events of the gap from the log, then release the waiting ones, even if that failed."""
        rows, note = None, ""
        try:
            await asyncio.sleep(self.settle_seconds)
            async with asyncio.timeout(FILL_SECONDS):
                rows, note = await self._read_back(broken, live)
        except LogUnreadable as why:
            note = str(why)
        except TimeoutError:
            note = "the event log did not answer in time"
        except OSError:
            note = "no second connection for the event log"
        except Exception:  # what the log holds costs the filling, never the feed
            note = "the event log cannot be read"
        self._ring.release(rows, note)

    async def _read_back(self, broken: _Break, live: float) -> tuple[list[Row], str]:
        if not self._list:
            raise LogUnreadable("the profile names no event list")
        known, seen, full = self._ring.known()
        skew = clock_skew(seen, self._of_list)
        start = max(broken.wall - SLACK_SECONDS, self._first_live or 0.0, seen[0][0] if full and seen else 0.0)
        end = live + (0.0 if self._ring.overflowed else SLACK_SECONDS)
        window = GapWindow(min(start, broken.wall) + skew, end + skew)
        entries = await read_log(self._connector, self._own, window, self._list, self._of_list)
        await asyncio.sleep(0.05)
        known, _, _ = self._ring.known()
        return choose_missed(entries, known, window, self._clock.wall(), self._list, self._of_list), ""

    def _take(self, replies: list[list[bytes]]) -> None:
        self._ring.add(replies, self._clock.wall(), self._clock.mono())

    def _alive(self) -> None:
        self._ring.verified = self._clock.mono()

    def _note_loss(self, lost: LinkLost, silence: float) -> float:
        """Remember when events began to be missing and return the pause until the next attempt, in seconds."""
        mono = self._clock.mono()
        self._hung_up = lost.at_end and self._live_since is None and not self._hung_up
        if self._live_since is not None:
            self._break = _Break(mono - silence, self._clock.wall() - silence, lost.cause)
            if mono - self._live_since >= STEADY_SECONDS:
                self._tries = 0
            self._live_since = None
        self._tries += 1
        pause = pause_after(lost.fault, self._tries)
        state: FeedState = "down"
        if lost.fault.kind in ("auth", "denied"):
            state = "denied"
        self._ring.set_state(state, lost.fault, mono + pause)
        return pause

    def _note_stray(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Report as a bug what asyncio would print to the screen. A broken connection is reported elsewhere."""
        error = context.get("exception")
        if isinstance(error, OSError):
            return
        if isinstance(error, BaseException):
            stray = error
        else:
            stray = RuntimeError(str(context.get("message")))
        self._ring.set_state("live" if self._live_since is not None else "down", lost_by_bug(stray).fault)
