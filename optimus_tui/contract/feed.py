"""The coherence feed: raw events as they arrived, their meaning, and gaps in which some may be missing."""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.reading import Fault

FeedState = Literal["connecting", "live", "down", "denied", "broken"]
"""``broken``: the server answers, but for a while with nothing that confirms a subscription."""


class FeedEvent(Struct, frozen=True, kw_only=True):
    """One message. ``seq`` orders the feed; ``payload`` is cut at 4 kB, ``length`` is the full size in bytes.

    ``origin`` is "log" for events that were read from the event list after a gap.
    """

    seq: int
    received_at: float
    channel: bytes
    payload: bytes
    length: int
    origin: Literal["live", "log"] = "live"


class FeedGap(Struct, frozen=True, kw_only=True):
    """The connection was lost for ``seconds``, so events may be missing. ``filled`` came from the event log."""

    seq: int
    received_at: float
    seconds: float
    filled: int | None = None
    reason: str = ""


FeedItem = FeedEvent | FeedGap


class ParsedEvent(Struct, frozen=True, kw_only=True):
    """The content of a payload. For a malformed event ``problem`` is set and the rest is empty.

    ``claimed_at`` is the sender's timestamp in wall-clock seconds: a claim that never determines the order.
    """

    type: str = ""
    tenant: str = ""
    claimed_at: float | None = None
    detail: str = ""
    problem: str | None = None


class ClockOffset(Struct, frozen=True, kw_only=True):
    """How far the timestamps of events differ from our clock: the median, in seconds, positive where they are ahead.

    ``events`` of the ``of`` that were checked differ.
    """

    seconds: float
    events: int
    of: int


class FeedStatus(Struct, frozen=True, kw_only=True):
    """Counters of the reader since its start, and the state of its connection."""

    state: FeedState
    received: int = 0
    dropped: int = 0
    """Events lost inside this process (never shown, never counted as received): 0 unless there is a bug."""
    malformed: int = 0
    gaps: int = 0
    rate: float = 0.0
    """Events per second over the last second."""
    last_event_mono: float | None = None
    """When the last event came, on the monotonic clock: the wall clock may jump."""
    verified_mono: float | None = None
    """When the link last received any byte from the server, on the monotonic clock."""
    fault: Fault | None = None
    retry_in: float | None = None
    clock: ClockOffset | None = None
    """How far the latest events' timestamps differ from their arrival; None where they agree, or too few came."""


class FeedBatch(Struct, frozen=True, kw_only=True):
    """What arrived since the last batch (oldest first, bounded) and the present counters."""

    items: tuple[FeedItem, ...]
    status: FeedStatus
