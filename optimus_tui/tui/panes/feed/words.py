"""What the feed pane says around its rows: the truth about the link, why there is nothing, what can be copied. Pure."""

from optimus_tui.clock import Clock
from optimus_tui.contract.feed import FeedEvent, FeedItem, FeedStatus
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.panes.feed.store import FeedStore
from optimus_tui.verdicts.coherence.event_clock import clock_words
from optimus_tui.wording.age import age, clock
from optimus_tui.wording.numbers import compact, thousands
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.shell import redis_cli
from optimus_tui.wording.truth import counted_down, fault_lines, fault_words, outage_forms

QUIET_SECONDS = 60.0
"""Without an event for so long, the line says what proves that the link lives."""
PATTERN = "cache_coherence:*"


def truth_forms(status: FeedStatus | None, store: FeedStore, now: Clock, arrived_mono: float, where: str) -> list[str]:
    """Return the truth line, the fullest wording first."""
    if status is None or status.state == "connecting":
        return [f"connecting to redis at {where} …", "connecting to redis …"]
    if status.state != "live":
        return _outage_forms(status, now, arrived_mono, where)
    events = f"{thousands(status.received)} events"
    lost = f"{thousands(status.dropped)} dropped"
    extra = []
    if status.clock is not None:
        extra.append(clock_words(status.clock))
    if status.malformed:
        extra.append(f"{thousands(status.malformed)} unparsed")
    if store.skipped:
        extra.append(f"{compact(store.skipped)} too fast to show")
    gap = gap_note(status, store)
    quiet = quiet_words(status, now)
    if quiet:
        return [" · ".join(part for part in parts if part) for parts in (
            (quiet, events, lost, *extra[:1], gap), (quiet, events, gap), (quiet, gap), (quiet,), ("quiet", events),
        )]  # fmt: skip
    fault: tuple[str, ...] = ()
    if status.fault is not None:
        fault = (status.fault.message,)
    return [" · ".join(part for part in parts if part) for parts in (
        ("live", *fault, events, lost, *extra, gap),
        ("live", *fault, events, *extra[:1], gap),
        ("live", *fault, events, lost, gap),
        ("live", f"{compact(status.received)} events", lost, gap),
        ("live", f"{compact(status.received)} events", lost),
    )]  # fmt: skip


def quiet_words(status: FeedStatus, now: Clock) -> str:
    """Return ``last event 10 min ago, link verified 1 s ago``; "" while events come."""
    words = "no event yet"
    if status.last_event_mono is not None:
        past = now.mono() - status.last_event_mono
        if past < QUIET_SECONDS:
            return ""
        words = f"last event {age(past)} ago"
    if status.verified_mono is not None:
        words += f", link verified {age(now.mono() - status.verified_mono)} ago"
    return words


def gap_note(status: FeedStatus, store: FeedStore) -> str:
    """Return ``gap at 10:30:00 filled``, with how many gaps there were when they were several."""
    gap = store.last_gap
    if gap is None:
        return ""
    filled = {None: "not filled", 0: "nothing to fill"}.get(gap.filled, "filled")
    many = "gap at"
    if status.gaps > 1:
        many = f"{thousands(status.gaps)} gaps, the last at"
    return f"{many} {clock(gap.received_at)} {filled}"


def _outage_forms(status: FeedStatus, now: Clock, arrived_mono: float, where: str) -> list[str]:
    """Return ``down since 10:29:40 · redis: connection refused · retry in 3 s``."""
    retry = counted_down(status.retry_in, now.mono() - arrived_mono)
    faults = fault_words(status.fault, "redis", retry)
    state = since = since_minute = {"broken": "broken", "denied": "denied"}.get(status.state, "down")
    if state == "down" and status.verified_mono is not None:
        since = f"down since {clock(now.wall() - (now.mono() - status.verified_mono))}"
        since_minute = since[: -len(":00")]
    whole = " · ".join([since, *faults, f"{thousands(status.received)} events so far"])
    return [
        whole,
        *outage_forms(since, status.fault, "redis", where, retry)[:3],
        *outage_forms(since_minute, status.fault, "redis", where, retry)[:-1],
        *outage_forms(state, status.fault, "redis", where, retry),
    ]


def empty_words(status: FeedStatus | None, where: str, mono: float, cleared: str) -> list[str]:
    """Return why there is no event, and what to do."""
    if status is None or status.state == "connecting":
        return [f"connecting to redis at {where} …"]
    if status.state != "live":
        return fault_lines(status.fault, "the link is down")
    if cleared:
        return [cleared, f"{thousands(status.received)} events came so far; new ones appear here."]
    if status.received:
        return ["waiting for the next event …"]
    words = f"No events on {PATTERN} since {where} was reached."
    if status.verified_mono is not None:
        words += f" Link verified {age(mono - status.verified_mono)} ago."
    return [words, "They appear with the next invalidation."]


def copies(item: FeedItem | None, target: RedisTarget) -> list[tuple[str, str]]:
    """Return the payload as it came, and lines that listen to what this pane listens to."""
    listen = ("listen", redis_cli(target, ["psubscribe", PATTERN]))
    if not isinstance(item, FeedEvent):
        return [listen]
    name = "payload"
    if item.length > len(item.payload):
        name = f"payload (the first {len(item.payload):,} of {item.length:,} bytes)"
    forms = [(name, safe_text(item.payload, 8_192)), ("channel", safe_text(item.channel, 1_024)), listen]
    if b"\0" not in item.channel:
        forms.append(("listen to this channel", redis_cli(target, ["subscribe", item.channel])))
    return forms
