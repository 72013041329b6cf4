"""The feeds of a profile: which channels to subscribe to, and how a message is converted to an event."""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from optimus_tui.contract.keyspace import TranslatedEvent
from optimus_tui.dialects.layout import KeyLayout
from optimus_tui.dialects.model import MISSING, Dialect, FeedRule, value_at

Translate = Callable[[bytes, bytes, int], bytes]
"""From a channel, a payload (which may be cut) and its full length to the payload as an event of our contract."""

OUR_POINTERS = ("/type", "/tenant_id", "/timestamp", "", "")
"""Where our own events have what the pointers of a rule name: such a payload is read as it is."""
REMOVALS = frozenset((b"del", b"expired", b"evicted", b"rename_from", b"move_from"))
"""Keyspace notifications after which a key is gone."""
_KEYEVENT, _KEYSPACE = b"__keyevent@", b"__keyspace@"
_NOTIFICATION = b"__key"
"""What the names of both begin with, and patterns for both."""
_decode = msgspec.json.Decoder().decode


class Subscription(Struct, frozen=True):
    """The channels and patterns to subscribe to. All are empty if the profile names no feed.

    ``shards`` are sharded channels: the owner of the channel's slot sends them, to those who ask with SSUBSCRIBE.
    """

    channels: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    shards: tuple[bytes, ...] = ()

    @property
    def places(self) -> tuple[bytes, ...]:
        """Return all channels and patterns."""
        return (*self.patterns, *self.channels, *self.shards)

    @property
    def of_one_node(self) -> "Subscription":
        """Return the keyspace notifications among them, which no node of a cluster passes on to another."""
        channels, patterns = (
            tuple(one for one in places if one.startswith(_NOTIFICATION)) for places in (self.channels, self.patterns)
        )
        return Subscription(channels, patterns)

    @property
    def without_shards(self) -> "Subscription":
        """Return the subscription without its sharded channels."""
        return Subscription(self.channels, self.patterns)

    def with_shard(self, channel: bytes) -> "Subscription":
        """Return the subscription with one more sharded channel."""
        return Subscription(self.channels, self.patterns, (*self.shards, channel))

    @property
    def text(self) -> str:
        """Return the channels and patterns as the profile has them; "" where it names none."""
        return ", ".join(place.decode() for place in self.places)

    @property
    def common(self) -> bytes:
        """Return the text with which all channels begin; empty if there is none."""
        if len(self.places) == 1 and self.patterns:
            return self.patterns[0].partition(b"*")[0]
        return b""

    def commands(self) -> list[tuple[bytes, ...]]:
        """Return the commands that subscribe: one for each channel or pattern, because each is confirmed by itself."""
        return [
            *((b"PSUBSCRIBE", one) for one in self.patterns),
            *((b"SUBSCRIBE", one) for one in self.channels),
            *((b"SSUBSCRIBE", one) for one in self.shards),
        ]

    def is_first(self, pattern: bytes, channel: bytes) -> bool:
        """Return True if this is the first of the patterns that match the channel.

        A server sends a message once for each pattern that matches; only the first one is counted.
        """
        if len(self.patterns) < 2:
            return True
        return pattern == next((one for one in self.patterns if covers(one, channel)), pattern)


def subscription_of(dialect: Dialect) -> Subscription:
    """Return the channels and patterns of the profile's feeds, without channels that one of the patterns matches."""
    patterns = tuple(dict.fromkeys(feed.pattern.encode() for feed in dialect.feeds if feed.pattern))
    channels = dict.fromkeys(feed.channel.encode() for feed in dialect.feeds if feed.channel and not feed.sharded)
    shards = tuple(dict.fromkeys(feed.channel.encode() for feed in dialect.feeds if feed.sharded))
    return Subscription(tuple(one for one in channels if not any(covers(p, one) for p in patterns)), patterns, shards)


def covers(pattern: bytes, channel: bytes) -> bool:
    """Return True if a channel matches a pattern with stars. Takes time linear in the channel's length."""
    first, *rest = pattern.split(b"*")
    if not rest:
        return channel == pattern
    last = rest.pop()
    if len(channel) < len(first) + len(last) or not (channel.startswith(first) and channel.endswith(last)):
        return False
    place, end = len(first), len(channel) - len(last)
    for piece in rest:
        found = channel.find(piece, place, end)
        if found < 0:
            return False
        place = found + len(piece)
    return True


def translator(layout: KeyLayout, db: int = 0) -> Translate | None:
    """Return a function that converts the messages of the profile's feeds; None if they need no conversion.

    Args:
        layout: How the names of the profile are read.
        db: The number of the database, for keyspace notifications.
    """
    feeds = layout.dialect.feeds
    if all(_is_ours(feed) for feed in feeds):
        return None

    def translate(channel: bytes, payload: bytes, length: int) -> bytes:
        for feed in feeds:
            place = (feed.channel or feed.pattern).encode()
            if channel == place if feed.channel else covers(place, channel):
                return _translated(feed, layout, db, channel, payload, length)
        return payload

    return translate


def list_translator(layout: KeyLayout) -> Translate | None:
    """Return a function that converts the entries of the event list, as for the profile's first feed of JSON.

    None if they need no conversion.
    """
    feed = next((one for one in layout.dialect.feeds if one.payload == "json"), None)
    if feed is None or _is_ours(feed):
        return None
    place = (feed.channel or feed.pattern).encode()
    return lambda _channel, payload, length: _translated(feed, layout, 0, place, payload, length)


def tells_tenants(dialect: Dialect) -> bool:
    """Return True if a channel's name ends with the tenant, as in ``cache_coherence:{tenant}``."""
    return bool(dialect.feeds) and all(_is_ours(feed) for feed in dialect.feeds)


def tenant_channels(dialect: Dialect) -> bytes:
    """Return the text before the tenant in the names of channels; empty if they do not have the tenant."""
    if tells_tenants(dialect):
        return subscription_of(dialect).common
    return b""


def _is_ours(feed: FeedRule) -> bool:
    pointers = (feed.type, feed.tenant, feed.time, feed.key, feed.key_pattern)
    return feed.payload == "json" and pointers == OUR_POINTERS


def _translated(feed: FeedRule, layout: KeyLayout, db: int, channel: bytes, payload: bytes, length: int) -> bytes:
    if _is_ours(feed):
        return payload
    if length > len(payload):
        return TranslatedEvent(b"", payload, f"too long to read: {length:,} bytes")
    try:
        if feed.payload == "json":
            fields = _of_document(feed, layout, channel, payload)
        elif feed.payload == "key":
            fields = {"type": _text(channel) or "key", **_of_key(layout, payload)}
        else:
            fields = _of_notification(layout, db, channel, payload)
        return TranslatedEvent(msgspec.json.encode(fields), payload)
    except _Unreadable as why:
        return TranslatedEvent(b"", payload, str(why))


class _Unreadable(Exception):
    """The message is not what the profile says; the text is a short phrase."""


def _of_document(feed: FeedRule, layout: KeyLayout, channel: bytes, payload: bytes) -> dict[str, object]:
    try:
        document = _decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise _Unreadable("not JSON" if payload.strip() else "empty") from error
    fields: dict[str, object] = {"type": _text(channel) or "event"}
    if feed.type:
        fields["type"] = _name_at(document, feed.type)
    key = value_at(document, feed.key) if feed.key else MISSING
    for one in key if isinstance(key, list) else [key]:
        if isinstance(one, str):
            fields |= _of_key(layout, one.encode("utf-8", "surrogatepass"))
    if isinstance(key, list) and "key" in fields:
        fields["keys"] = [one for one in key if isinstance(one, str) and _is_cached(layout, one)]
        del fields["key"]
    if feed.key_pattern and isinstance(pattern := value_at(document, feed.key_pattern), (str, list)):
        fields["patterns"] = pattern
    if feed.tenant:
        fields["tenant_id"] = _name_at(document, feed.tenant)
    if feed.time and isinstance(at := value_at(document, feed.time), (str, int, float)):
        fields["timestamp"] = at
    return fields


def _name_at(document: object, pointer: str) -> str:
    found = value_at(document, pointer)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if isinstance(found, str) and found:
        return found
    if found is MISSING:
        raise _Unreadable(f"{pointer} is missing")
    raise _Unreadable(f"{pointer} is {'empty' if found == '' else 'not a string'}")


def _of_notification(layout: KeyLayout, db: int, channel: bytes, payload: bytes) -> dict[str, object]:
    """Read ``__keyevent@DB__:EVENT`` with the key as its payload, or ``__keyspace@DB__:KEY`` with the event."""
    head, parted, tail = channel.partition(b"__:")
    number = head.rpartition(b"@")[2]
    if not parted or not number.isdigit() or not head.startswith((_KEYEVENT, _KEYSPACE)):
        raise _Unreadable("not a keyspace notification")
    event, key = (tail, payload) if head.startswith(_KEYEVENT) else (payload, tail)
    if len(number) > 9 or int(number) != db:  # the same name in another database is another key
        return {"type": _text(event) or "?", "id": f"database {_text(number)}: {_text(key) or 'a key of bytes'}"}
    fields = _of_key(layout, key)
    if event not in REMOVALS and "key" in fields:  # it is there afterwards: the auditor must not look for it
        fields["id"] = fields.pop("key")
    return {"type": _text(event) or "?", **fields}


def _of_key(layout: KeyLayout, key: bytes) -> dict[str, object]:
    """Return what a key's name tells. A tenant only where a rule is certain; ``key`` only for a cached answer."""
    name = _text(key)
    if not name:
        return {"id": repr(key[:80])[2:-1]}
    parsed = layout.parse(key)
    fields: dict[str, object] = {"key" if parsed.family == "cache" else "id": name}
    if parsed.tenant and not parsed.doubt and (tenant := _text(parsed.tenant)):
        fields["tenant_id"] = tenant
    return fields


def _is_cached(layout: KeyLayout, name: str) -> bool:
    return layout.parse(name.encode("utf-8", "surrogatepass")).family == "cache"


def _text(raw: bytes) -> str:
    """Return the bytes as text; "" where they are none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""
