"""The event log and the channels of a coherence analysis: reading each of them, and their sections.

The log is read a second time only if it holds events, but none that claims to be of the last minute: when the events
between the two readings arrived is known, so their claimed times can be checked.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from optimus_tui.clock import counted_minutes
from optimus_tui.contract.keyspace import ClockOffset
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import if_known, status_of
from optimus_tui.dialects.feeds.messages import subscription_of, tells_tenants
from optimus_tui.grammar.events import parse_event
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.verdicts.coherence.events import (
    SKEW_SECONDS,
    EventWindow,
    Logged,
    by_arrival,
    clock_words,
    per_minute,
    pick_window,
    tally,
)
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import NO_FEED

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.probes.cache_keys import Channels


NO_LIST = "the profile names no event list, so nothing is known of past events"
NOT_NAMED = (Fault("invalid", NO_LIST), Fault("invalid", NO_FEED.lower()))
"""Why nothing is known where the profile names no event list and no feed: nothing is wrong then."""
PART_SECONDS = 0.9
"""What each part may take after the walk over the keys, so that all stay within a tool's deadline."""
READ = 1_000
RECENT = 50
SHOWN_CHANNELS = 50


class Log(Struct, frozen=True, kw_only=True):
    """The log as read. ``window`` is None exactly if ``fault`` says why."""

    window: EventWindow | None = None
    length: int = 0
    read: int = 0
    fault: Fault | None = None
    payloads: tuple[bytes, ...] = ()
    live: bool = False
    """Whether these were heard, and not read from a list of past events."""

    @property
    def tenants(self) -> list[bytes]:
        """At most fifty tenants of the window's events. Names with colons are needed to decide who owns a key."""
        if self.window is None:
            return []
        return sorted(_tenants(self.window))[:RECENT]


class Listeners(Struct, frozen=True, kw_only=True):
    """Who is subscribed. ``channels`` is None exactly if ``fault`` says why."""

    channels: "Channels | None" = None
    fault: Fault | None = None
    prefix: bytes | None = b""
    """What precedes the tenant in a channel's name; None where channels do not tell whose events they carry."""

    def unheard(self, window: EventWindow | None) -> tuple[str, ...]:
        """Return tenants with events in the window but no subscriber; () if a pattern subscription may cover them."""
        if self.channels is None or window is None or self.prefix is None or self.channels.patterns != 0:
            return ()
        heard = {tenant for name, count in self.channels.subscribers.items() if count for tenant in self._owners(name)}
        return tuple(sorted(safe_text(tenant, 80) for tenant in _tenants(window) - heard))

    def silent(self, window: EventWindow | None) -> list[bytes] | None:
        """Return channels with subscribers for which no event came in the window; None if that is not known."""
        if self.channels is None or window is None or self.prefix is None:
            return None
        tenants = _tenants(window)
        return [name for name, count in self.channels.subscribers.items() if count and not tenants & self._owners(name)]

    def _owners(self, channel: bytes) -> set[bytes]:
        """Return the tenants a channel may belong to: the gateway publishes on ``cache_coherence:{tenant}``."""
        parts = channel.removeprefix(self.prefix or b"").split(b":", 32)
        return {b":".join(parts[:end]) for end in range(1, len(parts) + 1)}


def _tenants(window: EventWindow) -> set[bytes]:
    return {one.event.tenant.encode("utf-8", "surrogatepass") for one in window.events if one.event.tenant}


async def read_events(ctx: "Context", minutes: float) -> Log:
    """Read the log's events of the window. A log of another type, or one we may not read, gives a fault."""
    from optimus_tui.probes.cache_keys import read_event_ends
    from optimus_tui.probes.faults import OUTAGES, fault_of

    name = safe_text(ctx.layout.dialect.event_list, 200)
    if not name:
        return Log(fault=NOT_NAMED[0])
    try:
        async with asyncio.timeout(PART_SECONDS):
            log = await read_event_ends(ctx.redis, READ)
    except OUTAGES as error:
        if "WRONGTYPE" in str(error):
            return Log(fault=Fault("invalid", f"{name} is not a list", f"see what wrote {name}"))
        return Log(fault=fault_of(error, ctx.settings.redis, ctx.layout))
    if log.length and not log.payloads:
        message = f"the event log's {log.length:,} entries are too large to read"
        return Log(length=log.length, fault=Fault("invalid", message, "bound what is written to it"))
    now = ctx.clock.wall()
    window = pick_window(log.payloads, now, counted_minutes(minutes, now))
    return Log(window=window, length=log.length, read=len(log.payloads), payloads=tuple(log.payloads))


async def read_listeners(ctx: "Context") -> Listeners:
    """Read channels and subscribers, or return the fault."""
    from optimus_tui.probes.cache_keys import read_channels
    from optimus_tui.probes.faults import OUTAGES, fault_of

    subscription = subscription_of(ctx.layout.dialect)
    if not subscription.places:
        return Listeners(fault=NOT_NAMED[1])
    prefix = subscription.common if tells_tenants(ctx.layout.dialect) else None
    try:
        async with asyncio.timeout(PART_SECONDS):
            return Listeners(channels=await read_channels(ctx.redis), prefix=prefix)
    except OUTAGES as error:
        return Listeners(fault=fault_of(error, ctx.settings.redis, ctx.layout))


def recent(window: EventWindow | None) -> tuple[dict[str, Any], ...]:
    """Return the window's newest events as the document shows them."""
    if window:
        return tuple(_event(one) for one in window.events[:RECENT])
    return ()


def _event(logged: Logged) -> dict[str, Any]:
    event = logged.event
    shown = {
        "type": safe_text(event.type, 80),
        "tenant_id": safe_text(event.tenant, 200),
        "timestamp": stamp(logged.at),
    }
    if event.detail:
        return {**shown, "detail": safe_text(event.detail, 160)}
    return shown


def stamp(at: float) -> str:
    """Return a time in UTC, ending in Z, with milliseconds if there are any."""
    whole, millis = divmod(round(at * 1000), 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    if millis:
        return f"{text}.{millis:03d}Z"
    return f"{text}Z"


def events_section(log: Log | None, covered: float | None) -> dict[str, Any]:
    """Return the section about the event log: how much was read, and what it held."""
    if log is None:
        return {"status": "not checked", "in_window": None, "read": None, "malformed": None}
    window = log.window
    if window is None:
        fields = {"in_window": None, "read": None, "malformed": None, "length": log.length or None}
        return {"status": "unknown", **fields, "error": sentence(log.fault)}
    minutes = covered or 0.0
    misplaced, offset = "", None
    if window.clock is not None:
        misplaced, offset = clock_words(window.clock), round(window.clock.seconds, 1)
    lost = bool(misplaced) and not window.events  # nobody knows what was in the window
    return {
        "status": status_of(not lost, "unknown"),
        "in_window": if_known(not lost, len(window.events)),
        "read": log.read,
        "length": log.length,
        "older_than_window": window.older,
        "malformed": window.malformed,
        "without_timestamp": window.undated,
        "in_future": window.in_future,
        "omitted": max(0, len(window.events) - RECENT),
        "by_type": tally(one.event.type for one in window.events),
        "by_tenant": tally(one.event.tenant or "unknown" for one in window.events),
        "per_minute": if_known(minutes >= 0.1, per_minute(len(window.events), minutes)),
        "newest": stamp(window.events[0].at) if window.events else None,
        "oldest_in_log": stamp(window.oldest) if window.oldest is not None else None,
        "clock_offset_seconds": offset,
        "source": "live feed" if log.live else "event list",
        "error": if_known(misplaced, f"{misplaced}: they cannot be placed in the window"),
    }


def pubsub_section(listeners: Listeners, window: EventWindow | None) -> dict[str, Any]:
    """Return the section about channels and subscribers. Pattern subscriptions are only counted."""
    channels = listeners.channels
    if channels is None:
        fields = {"channels": None, "subscribers": None, "pattern_subscriptions": None, "silent_channels": None}
        return {"status": "unknown", **fields, "error": sentence(listeners.fault)}
    silent = listeners.silent(window)
    ordered = sorted(channels.subscribers.items(), key=lambda item: (-item[1], item[0]))
    unheard = listeners.unheard(window)
    return {
        "status": "ok",
        "channels": len(ordered),
        "subscribers": sum(channels.subscribers.values()),
        "pattern_subscriptions": channels.patterns,
        "by_channel": {safe_text(name, 200): count for name, count in ordered[:SHOWN_CHANNELS]},
        "silent_channels": None if silent is None else [safe_text(name, 200) for name in silent[:SHOWN_CHANNELS]],
        "omitted": max(0, len(ordered) - SHOWN_CHANNELS),
        "unheard_tenants": if_known(
            channels.patterns == 0 and None not in (window, listeners.prefix), list(unheard[:SHOWN_CHANNELS])
        ),
        "error": None,
    }


BETWEEN_SECONDS, LOOK_SECONDS = 0.7, 0.5
NEWEST = 50


async def late_claims(ctx: "Context", payloads: Sequence[bytes]) -> ClockOffset | None:
    """Return how far the claimed times of events lie behind their arrival.

    Only events that came since ``payloads`` were read are examined. None if no events came, if their times are right,
    or if Redis cannot be read.
    """
    from optimus_tui.probes.cache_keys import read_event_ends
    from optimus_tui.probes.faults import OUTAGES

    now = ctx.clock.wall()
    claims = [at for one in payloads if (at := parse_event(one).claimed_at) is not None]
    if not claims or max(claims) > now - SKEW_SECONDS:
        return None
    await asyncio.sleep(BETWEEN_SECONDS)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            log = await read_event_ends(ctx.redis, NEWEST)
    except OUTAGES:
        return None
    known, now = set(payloads), ctx.clock.wall()
    new = [one for one in log.payloads if one not in known]
    offsets = [at - now for one in new if (at := parse_event(one).claimed_at) is not None]
    return by_arrival(offsets, enough=1)
