"""The coherence feed: raw events as they arrived, what they mean, and where some may be missing."""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.reading import Fault

FeedState = Literal["connecting", "live", "down", "denied", "broken"]
"""``broken``: something answers, and for a while nothing that can be read as a subscription."""


class FeedEvent(Struct, frozen=True, kw_only=True):
    """One message. ``seq`` orders the feed; ``payload`` is cut at 4 kB, ``length`` is the true size in bytes.

    ``origin`` is "log" for those read back from the event list after a gap.
    """

    seq: int
    received_at: float
    channel: bytes
    payload: bytes
    length: int
    origin: Literal["live", "log"] = "live"


class FeedGap(Struct, frozen=True, kw_only=True):
    """The link was lost for ``seconds``: events may be missing. ``filled`` came back from the event log."""

    seq: int
    received_at: float
    seconds: float
    filled: int | None = None
    reason: str = ""


FeedItem = FeedEvent | FeedGap


class ParsedEvent(Struct, frozen=True, kw_only=True):
    """What a payload says. ``problem`` is set and the rest empty when it is not a well-formed event.

    ``claimed_at`` is the sender's timestamp in wall-clock seconds: a claim, never the order.
    """

    type: str = ""
    tenant: str = ""
    claimed_at: float | None = None
    detail: str = ""
    problem: str | None = None


class ClockOffset(Struct, frozen=True, kw_only=True):
    """How far the times that events claim are off: the median of ``events`` that are, among ``of`` looked at. Seconds,
    positive where the claims run ahead."""

    seconds: float
    events: int
    of: int


class FeedStatus(Struct, frozen=True, kw_only=True):
    """Counters of the reader since its start, and the state of its link."""

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
    """When the link last proved itself alive (any byte from the server) on the monotonic clock."""
    fault: Fault | None = None
    retry_in: float | None = None
    clock: ClockOffset | None = None
    """How far the latest events' claims are off against their arrival; None where they are not, or too few came."""


class FeedBatch(Struct, frozen=True, kw_only=True):
    """What arrived since the last batch (oldest first, bounded) and the counters as of now."""

    items: tuple[FeedItem, ...]
    status: FeedStatus
