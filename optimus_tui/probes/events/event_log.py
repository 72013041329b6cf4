"""Read the event log to fill a gap of the feed: the list of recent events, whichever node holds it."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import hiredis
from msgspec import Struct

from optimus_tui.dialects.feeds.messages import Translate
from optimus_tui.grammar.events import parse_event
from optimus_tui.probes.events.link import CONNECT_SECONDS, error_line, greeting, packed
from optimus_tui.probes.events.losses import lost_by_garbage, lost_by_reply
from optimus_tui.probes.events.ring import MAX_PAYLOAD, Row
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.dialing import Connector
from optimus_tui.probes.redis.parser import ReplyHeads, Unbounded
from optimus_tui.probes.round_trips import RoundTrip
from optimus_tui.settings.model import RedisTarget

NEWEST = 1000
MAX_BYTES = 16 * 1024 * 1024
_MAX_SKEW = 26 * 3600.0
_SKEW_SAMPLES = 64


class LogUnreadable(Exception):
    """The log could not be read; the message is a short phrase."""


class LogElsewhere(Exception):
    """Another node of the cluster has the log: ``target``."""

    def __init__(self, target: RedisTarget) -> None:
        super().__init__(target.label)
        self.target = target


class GapWindow(Struct, frozen=True):
    """The wall-clock seconds between which a missed event may have been sent."""

    start: float
    end: float


async def read_log(
    connector: Connector, own: LoadMeter, window: GapWindow, name: bytes, translate: Translate | None = None
) -> list[bytes]:
    """Return the log's newest thousand payloads, from whichever end holds them. ``name`` is the event list's key.

    Raises:
        LogUnreadable: the server's answer cannot be used.
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
        raise LogUnreadable("the event log is not a list of texts")
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
        if refusal is not None and refusal.startswith("MOVED "):
            raise LogElsewhere(_named_by(refusal, connector.target))
        if refusal is not None and name != b"CLIENT":
            if refusal.startswith("WRONGTYPE"):
                raise LogUnreadable("the event log is not a list")
            if refusal.startswith("NOPERM"):
                raise LogUnreadable("the ACL denies the event log")
            raise LogUnreadable(f"the event log is unreadable: {lost_by_reply(refusal, connector.target).cause}")
    return reply


def _named_by(refusal: str, target: RedisTarget) -> RedisTarget:
    """Return the node that a refusal such as ``MOVED 7438 10.0.0.5:6379`` names."""
    host, _, port = refusal.split(" ")[-1].rpartition(":")
    if not port.isdigit() or len(port) > 5:
        raise LogUnreadable("the event log is on a node that is not named")
    return target.at(*target.reach(host, int(port), target.host))


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

    ``known`` counts (cut payload, true length): each reception cancels one entry, so that two equal events stay two.

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
