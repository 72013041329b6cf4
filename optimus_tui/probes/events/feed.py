"""The reader of the coherence feed: a daemon thread with its own loop, so that a busy screen never delays reading.

It counts every event, keeps the newest, marks every gap, fills gaps from the event log, and reports the state of its
connection. Payloads are parsed only when they are drained.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.contract.keyspace import FeedBatch, FeedState
from optimus_tui.contract.reading import Fault
from optimus_tui.dialects.feeds.messages import Translate, list_translator, subscription_of, translator
from optimus_tui.dialects.layout import KeyLayout, own_layout
from optimus_tui.probes.events.event_log import (
    GapWindow,
    LogElsewhere,
    LogUnreadable,
    choose_missed,
    clock_skew,
    read_log,
)
from optimus_tui.probes.events.link import FeedLink, FeedLoop
from optimus_tui.probes.events.losses import LinkLost, lost_by_bug, pause_after
from optimus_tui.probes.events.node_links import NodeLinks, ended
from optimus_tui.probes.events.ring import FeedRing, Row
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.probes.redis.sentinels import PROOF_SECONDS
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.settings.model import RedisTarget
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.probes.redis.observer import ObserverRedis

SLACK_SECONDS = 5.0
SETTLE_SECONDS = 0.25
"""The time from the new subscription to reading the log, so that senders at work have logged and published."""
FILL_SECONDS = 1.5
STEADY_SECONDS = 2.0
"""A link that lasted this long is retried quickly again."""
REVIVE_SECONDS = 1.0
WAIT_SECONDS = 0.5
"""Between two looks at whether the server is still the one to hear."""
FIRST_SECONDS = 5.0
"""The link is down after this time without a first result, so that "connecting" always ends."""


class _Break(Struct, frozen=True):
    """The time from which events may be missing, on both clocks, and the reason."""

    mono: float
    wall: float
    cause: str


class FeedReader:
    """The reader: ``start`` it once, ``drain`` it from any thread at any time, ``stop`` it at the end.

    ``keep`` is how many of the newest items stay available. ``redis`` names the servers to listen to: one of those that
    send all events (any node of a cluster, or the primary that sentinels name), and those that send further ones.
    ``nodes``, if given, returns the former instead.

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
        nodes: Callable[[], Sequence[RedisTarget]] | None = None,
        redis: "ObserverRedis | None" = None,
    ) -> None:
        layout = layout or own_layout()
        self._doubt: tuple[float, str] | None = None
        self._subscription = subscription_of(layout.dialect)
        self._links = NodeLinks(redis, self._subscription, own, clock) if redis is not None else None
        self._nodes = nodes or (self._links.servers if self._links is not None else lambda: (target,))
        self._list, self._of_list = layout.dialect.event_list.encode(), list_translator(layout)
        self.settle_seconds = SETTLE_SECONDS
        self._connector, self._own, self._clock = Connector(target), own, clock
        self._ring = FeedRing(keep, self._reading(translator(layout, target.db)))
        if not self._subscription.places:
            self._ring.set_state("none")
        self._stopping = threading.Event()
        self._leave = False
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
            if chosen is None:
                return payload
            return chosen(channel, payload, length)

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

    @property
    def target(self) -> RedisTarget:
        """Return the server that events are heard from."""
        return self._connector.target

    def doubt(self, since: float, cause: str) -> None:
        """Mark a gap from the monotonic time ``since`` on, and fill it from the event log as after a lost link."""
        self._doubt = (since, cause)
        self.retry()

    def say_lacking(self, subject: str, fault: Fault | None) -> None:
        """Say on the truth line what cannot be known although the connection is live; None ends it."""
        self._ring.lacking.pop(subject, None)
        if fault is not None:
            self._ring.lacking[subject] = fault

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
    def mark(self) -> tuple[int, object]:
        """Return a value that stays the same while ``drain`` has neither a new item nor a new state to return."""
        return self._ring.mark

    def tell_news(self, tell: Callable[[], None] | None) -> None:
        """Call ``tell`` once, from the reader's thread, when ``mark`` changes next; None ends that."""
        self._ring.on_news = tell

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
        beside = None
        if self._links is not None:
            beside = asyncio.ensure_future(self._links.run(self._ring, lambda: self.target))
        try:
            await self._keep_linked(loop, wake)
        finally:
            await ended(beside)

    async def _keep_linked(self, loop: asyncio.AbstractEventLoop, wake: asyncio.Event) -> None:
        while not self._stopping.is_set():
            if not self._choose_server():
                await self._wait(wake, WAIT_SECONDS)
                continue
            places = self._links.for_main if self._links is not None else self._subscription
            link = FeedLink(self._connector, self._own, self._take, self._alive, places, named=not self._hung_up)
            following = asyncio.ensure_future(self._follow(link))
            waking = asyncio.ensure_future(self._until_due(wake))
            try:
                await asyncio.wait((following, waking), return_when=asyncio.FIRST_COMPLETED)
            finally:
                silence = loop.time() - link.heard
                following.cancel()
                waking.cancel()
                link.close()
            ended = await asyncio.gather(following, waking, return_exceptions=True)
            lost = ended[1] if isinstance(ended[1], LinkLost) else ended[0]
            if self._stopping.is_set():
                break
            if not isinstance(lost, LinkLost):
                self.restarts += 1
                lost = lost_by_bug(lost if isinstance(lost, BaseException) else RuntimeError("it ended"))
            self._leave = lost.missing is None
            missing = 0.0 if lost.at_end else silence
            pause = self._note_loss(lost, missing if lost.missing is None else lost.missing)
            wake.clear()
            await self._wait(wake, pause)

    async def _wait(self, wake: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await wake.wait()

    def _choose_server(self) -> bool:
        """Choose whom to hear: the same server, after a lost link the next of several; False where none is known."""
        targets = list(self._nodes())
        if not targets:
            return False
        here = self._connector.target
        chosen = here if here in targets else targets[0]
        if here in targets and self._leave:
            chosen = targets[(targets.index(here) + 1) % len(targets)]
        if chosen != here:
            self._connector = Connector(chosen)
        return True

    async def _until_due(self, wake: asyncio.Event) -> LinkLost | None:
        """Wait until the reader is stopped, or return why the link has to be made again."""
        while not self._stopping.is_set():
            await self._wait(wake, WAIT_SECONDS)
            wake.clear()
            doubt, self._doubt = self._doubt, None
            if doubt is not None:
                return LinkLost(Fault("refused", doubt[1]), doubt[1], missing=self._clock.mono() - doubt[0])
            if self._nodes() and self._connector.target not in self._nodes():
                cause = f"{safe_text(self._connector.target.label, 60)} is no longer the server to listen to"
                return LinkLost(Fault("role", cause), cause, missing=PROOF_SECONDS + WAIT_SECONDS)
        return None

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
        try:
            entries = await read_log(self._connector, self._own, window, self._list, self._of_list)
        except LogElsewhere as elsewhere:
            entries = await read_log(Connector(elsewhere.target), self._own, window, self._list, self._of_list)
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
            if self._links is not None:
                self._links.missing_since(self._break.mono)
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
