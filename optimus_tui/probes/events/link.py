"""One connection of the feed: connect, subscribe, pass events on, notice a silent server, choose the next pause."""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis

from optimus_tui.dialects.feeds.messages import Subscription
from optimus_tui.probes.events.losses import (
    LinkLost,
    lost_at_end,
    lost_at_subscribing,
    lost_by_answer,
    lost_by_bug,
    lost_by_channel,
    lost_by_error,
    lost_by_garbage,
    lost_by_move,
    lost_by_reply,
    lost_in_silence,
)
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.commands import CommandRefused, cleared
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.probes.redis.parser import ReplyHeads, Unbounded
from optimus_tui.probes.round_trips import RoundTrip
from optimus_tui.settings.model import RedisTarget

CONNECT_SECONDS = 2.0
_OURS = frozenset((b"AUTH", b"CLIENT", b"SELECT", b"PSUBSCRIBE", b"SUBSCRIBE", b"SSUBSCRIBE", b"PING", b"LRANGE"))
_SUBSCRIBING = (b"PSUBSCRIBE", b"SUBSCRIBE", b"SSUBSCRIBE")
_CONFIRMING = tuple(word.lower() for word in _SUBSCRIBING)
CLIENT_NAME = b"optimus-tui-feed"
CONFIRM_SECONDS = 1.0
PING_SECONDS = 1.0
SILENCE_SECONDS = 2.4
"""A connection without a byte for this long, with a ping under way for most of it, is half open."""
LEAST_WAIT_SECONDS, LATE_SECONDS = 0.2, 0.5
"""The shortest wait, and how late one ends at most if this process was not suspended meanwhile."""
BREATH_SECONDS = 0.005
"""Reading pauses for this time after a batch: two hundred big batches a second cost less than twenty thousand small
ones and leave CPU time to the screen."""
FULL_READ = 256 * 1024
"""The most that asyncio reads at once; if it was that much, more is waiting and is read without a pause."""
MAX_MESSAGE = 4 * 1024 * 1024
"""Longer messages are not read into memory; an event has a few hundred bytes."""
_NOTHING = object()


def packed(*words: bytes, db: int = 0) -> bytes:
    """Return one command as bytes for the socket; CommandRefused for one that is not on the list."""
    if words[0] not in _OURS:
        raise CommandRefused(f"{words[0][:40]!r} is not one of the feed's commands")
    return bytes(hiredis.pack_command(cleared(words, db)))  # type: ignore[arg-type]


def error_line(reply: object) -> str | None:
    """Return the text of an error reply; None for any other reply."""
    if isinstance(reply, hiredis.ReplyError):
        return str(reply)
    return None


def greeting(target: RedisTarget, named: bool = True) -> list[tuple[bytes, ...]]:
    """Return the commands that open a connection. No database is selected, because pub/sub has none.

    ``named`` False leaves out the client's name, for a proxy that closes the connection on it.
    """
    commands: list[tuple[bytes, ...]] = []
    if target.password:
        login = (target.username.encode(),) if target.username else ()
        commands.append((b"AUTH", *login, target.password.reveal().encode()))
    if named:
        commands.append((b"CLIENT", b"SETNAME", CLIENT_NAME))
    return commands


class FeedLoop(asyncio.SelectorEventLoop):
    """An event loop that resolves addresses in a daemon thread.

    The usual pool is joined when the process ends, so a name server that does not answer would keep the process alive
    for half a minute after the operator has quit.
    """

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Resolve an address as the base class does, in a daemon thread."""
        answer: asyncio.Future[Any] = self.create_future()

        def ask() -> None:
            try:
                found: object = socket.getaddrinfo(host, port, **_named(options))
            except (OSError, UnicodeError) as error:
                if isinstance(error, OSError):
                    found = error
                else:
                    found = socket.gaierror(socket.EAI_NONAME, "no such name")
            with contextlib.suppress(RuntimeError):  # the loop ended meanwhile: nobody waits any more
                self.call_soon_threadsafe(give, found)

        def give(found: object) -> None:
            if not answer.done():
                if isinstance(found, OSError):
                    answer.set_exception(found)
                else:
                    answer.set_result(found)

        threading.Thread(target=ask, name="optimus-feed-names", daemon=True).start()
        return await answer


def _named(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value}


class FeedLink(asyncio.Protocol):
    """The link. ``take`` gets lists of messages ``[b"pmessage", pattern, channel, payload]`` on the loop's thread."""

    def __init__(
        self,
        connector: Connector,
        own: LoadMeter,
        take: Callable[[list[list[bytes]]], None],
        alive: Callable[[], None],
        subscription: Subscription,
        *,
        named: bool = True,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._silence_seconds, self._subscription = silence_seconds, subscription
        self._unconfirmed = len(subscription.places)
        self._named = named and connector.manners.named
        self._connector, self._own, self._take, self._alive = connector, own, take, alive
        self._loop = asyncio.get_running_loop()
        self._replies, self._heads = hiredis.Reader(notEnoughData=_NOTHING), ReplyHeads()
        self._due: deque[bytes] = deque()
        self._trips: deque[RoundTrip] = deque()
        self._transport: asyncio.Transport | None = None
        self._end: asyncio.Future[LinkLost] = self._loop.create_future()
        self._confirmed: asyncio.Future[None] = self._loop.create_future()
        self._hint: LinkLost | None = None
        self._unparsed = 0
        self.heard = self._loop.time()

    async def open(self) -> None:
        """Connect and subscribe.

        Raises:
            LinkLost: it failed; if the port speaks another protocol, the error names it where possible.
        """
        try:
            await self._subscribe()
        except LinkLost as lost:
            reached = self._transport is not None or self._connector.target.scheme == "rediss"
            why = None
            if reached and lost.fault.kind in ("refused", "timeout", "tls"):
                why = await self._connector.explain()
            if why is None:
                raise
            raise lost_by_error(why, self._connector.target) from lost

    async def _subscribe(self) -> None:
        try:
            self._transport = await self._connector.connect(lambda: self, CONNECT_SECONDS)
        except TimeoutError as error:
            raise lost_in_silence(self._connector.target, CONNECT_SECONDS) from error
        except (OSError, ValueError) as error:
            raise lost_by_error(error, self._connector.target) from error
        self.heard = self._loop.time()
        self._send(*greeting(self._connector.target, self._named), *self._subscription.commands())
        if not self._subscription.places:
            self._send((b"PING",))
        await asyncio.wait((self._confirmed, self._end), timeout=CONFIRM_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._confirmed.done():
            return  # even if it ended since: it was live, so its end is a gap
        if self._end.done():
            lost = self._end.result()
            if lost.at_end:
                raise lost_at_subscribing(self._connector.target)
            raise lost
        raise lost_in_silence(self._connector.target, CONFIRM_SECONDS)

    async def stay(self) -> None:
        """Send a ping when it is quiet, until the link is lost: always ends in LinkLost."""
        pinged = awake = now = self._loop.time()
        while True:
            ping, silent = max(self.heard, pinged) + PING_SECONDS, max(self.heard, awake) + self._silence_seconds
            due = max(now + LEAST_WAIT_SECONDS, min(ping, silent, now + self._silence_seconds / 2))
            await asyncio.wait((self._end,), timeout=due - now)
            if self._end.done():
                raise self._end.result()
            now = self._loop.time()
            if now - due > LATE_SECONDS:
                awake = now  # we were suspended: the silence may have been ours
            if now - max(self.heard, awake) > self._silence_seconds:
                raise lost_in_silence(self._connector.target, now - self.heard)
            if now - self.heard >= PING_SECONDS and now - pinged >= PING_SECONDS:
                pinged = now
                self._send((b"PING",))

    def close(self) -> None:
        """Drop the connection at once."""
        if self._transport:
            self._transport.abort()

    # -- asyncio's side

    def data_received(self, data: bytes) -> None:
        """Parse all bytes that arrived together."""
        self.heard = self._loop.time()
        self._alive()
        batch: list[Any] = []
        broken: LinkLost | None = None
        try:
            self._heads.check(data)
            self._replies.feed(data)
            batch.extend(iter(self._replies.gets, _NOTHING))
        except (hiredis.ProtocolError, Unbounded):
            broken = lost_by_garbage(data, self._connector.target)
        except Exception as error:  # a server may send what breaks the reader: that is its fault
            broken = lost_by_answer(error, self._connector.target)
        try:
            events = self._sort(batch)
        except Exception as error:  # a reply of no foreseen shape ends this link and is told, not the reader
            events, broken = [], lost_by_answer(error, self._connector.target)
        try:
            if events:
                self._take(events)
            if events and len(data) < FULL_READ:
                self._breathe()
        except Exception as error:  # a bug of ours ends this link and is told, it does not end the reader
            broken = lost_by_bug(error)
        if broken is not None:
            self._lose(broken)
        self._unparsed += len(data)
        if batch:
            self._unparsed = 0
        if self._unparsed > MAX_MESSAGE:
            self._lose(lost_by_garbage(b"a message without end", self._connector.target))

    def connection_lost(self, error: Exception | None) -> None:
        """Record the end of the transport: orderly (None) or not."""
        if self._end.done():
            return
        if error:
            ended = lost_by_error(error, self._connector.target)
        else:
            ended = lost_at_end(self._connector.target)
        self._lose(self._hint or ended)

    # -- ours

    def _sort(self, batch: list[Any]) -> list[Any]:
        """Return the events; everything else is a reply to one of our commands."""
        events = [r for r in batch if _is_event(r)]
        if len(events) != len(batch):
            for reply in batch:
                if not _is_event(reply):
                    self._answer(reply)
        if self._subscription.channels or self._subscription.shards or len(self._subscription.patterns) > 1:
            return [one for event in events if (one := self._once(event)) is not None]
        return events

    def _once(self, event: list[bytes]) -> list[bytes] | None:
        """Return a message in the form of a pattern's; None where it comes a second time by another pattern."""
        if event[0] in (b"message", b"smessage"):
            return [b"pmessage", event[1], *event[1:]]
        if self._subscription.is_first(event[1], event[2]):
            return event
        return None

    def _breathe(self) -> None:
        transport = self._transport
        if transport and not transport.is_closing() and self._confirmed.done():
            transport.pause_reading()
            self._loop.call_later(BREATH_SECONDS, transport.resume_reading)

    def _answer(self, reply: object) -> None:
        """Handle a reply to one of our commands; replies come in the order of the commands."""
        refusal = error_line(reply)
        if self._trips and self._trips[0].answer(refusal):
            self._trips.popleft()
        if isinstance(reply, list) and len(reply) == 3 and reply[0] in _CONFIRMING:
            self._unconfirmed -= 1
            self._confirm()
            return
        if isinstance(reply, list) and reply[:1] == [b"sunsubscribe"]:
            self._lose(lost_by_move(self._connector.target))
            return
        command = b""
        if self._due:
            command = self._due.popleft()
        if refusal is not None:
            self._refused(command, refusal)
        elif reply in (b"PONG", [b"pong", b""]):
            self._confirm()  # of a link without a subscription of its own
        elif reply != b"OK":
            self._lose(lost_by_garbage(b"an answer nobody asked for", self._connector.target))

    def _confirm(self) -> None:
        if self._unconfirmed <= 0 and not self._confirmed.done():
            self._confirmed.set_result(None)

    def _refused(self, command: bytes, refusal: str) -> None:
        lost = lost_by_reply(refusal, self._connector.target)
        if command == b"CLIENT":  # a refused name does not matter, but a server without room does
            self._hint = None
            if lost.fault.kind == "busy":
                self._hint = lost
        elif command != b"PING":  # a server that refuses a ping is there
            self._lose(lost_by_channel(lost, refusal, self._connector.target, self._subscription))

    def _send(self, *commands: tuple[bytes, ...]) -> None:
        if not self._transport or self._transport.is_closing():
            return
        self._due.extend(words[0] for words in commands if words[0] not in _SUBSCRIBING)
        data = b"".join(packed(*words) for words in commands)
        self._trips.append(self._own.log.sent(commands))
        self._transport.write(data)
        self._own.note(trips=1, commands=len(commands))

    def _lose(self, lost: LinkLost) -> None:
        while self._trips:
            self._trips.popleft().lose("no answer: the link was lost")
        if not self._end.done():
            self._end.set_result(lost)
        self.close()


def _is_event(reply: Any) -> bool:
    """Return whether the reply is a message of a channel or a pattern that consists of bytes only."""
    if type(reply) is not list:
        return False
    if len(reply) == 3:
        return reply[0] in (b"message", b"smessage") and type(reply[1]) is bytes and type(reply[2]) is bytes
    return len(reply) == 4 and reply[0] == b"pmessage" and type(reply[2]) is bytes and type(reply[3]) is bytes
