"""Keys and messages of Redis: rate-limit counters, cache keys, and coherence events."""

from typing import Literal

from msgspec import Struct, field

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Coverage, Fault

NO_TENANT, NO_OPERATION = "(empty tenant)", "(no operation)"
"""What stands for a part that a counter's name lacks."""
ALL_TENANTS = "all tenants together"
"""What stands for the tenant where the gateway does not count by tenant."""
NO_WINDOW = "a sorted set: its window is not known"
"""The problem of a sliding window that cannot be counted because its length is not known."""

LimitState = Literal["immortal", "over", "near", "ok", "unknown limit", "unknown", "broken"]
NoTtl = Literal["", "heals", "dated", "normal"]
"""What a missing TTL means where the counter is not stuck for that; "" where it is, and where there is a TTL.

``heals``: the limiter repairs it with the next request. ``dated``: the window is in the name. ``normal``: it never has
one.
"""
TTL_EDGES: tuple[int, ...] = (10, 60, 300, 900, 3600, 86400)
"""Upper edges of the TTL histogram's bins, in seconds; the last bin holds all above."""


class LimitRules(Struct, frozen=True, kw_only=True):
    """The limits in force: per operation, with per-tenant overrides; ``source`` says where they come from."""

    window_seconds: int
    limits: dict[str, int] = field(default_factory=dict)
    tenants: dict[str, dict[str, int]] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)
    """The window's length in seconds of operations whose window is not ``window_seconds``."""
    keys: dict[str, int] = field(default_factory=dict)
    """Requests a window of single counters, by the counter's whole name; these go before all others."""
    aliases: dict[str, str] = field(default_factory=dict)
    """What people call tenants whose names in Redis are hashes, by these names."""
    default: int | None = None
    """Requests per window of every operation that is not named; None where the gateway publishes no default."""
    source: str = "gateway"
    problem: str = ""
    """Which of the published limits could not be used (safe text); "" where all could."""

    def limit_for(self, tenant: str, operation: str) -> int | None:
        """Return the requests per window, or None where no limit is known."""
        return self.tenants.get(tenant, {}).get(operation, self.limits.get(operation, self.default))

    def window_for(self, operation: str) -> int:
        """Return the length of an operation's window in seconds."""
        return self.windows.get(operation, self.window_seconds)


class Counter(Struct, frozen=True, kw_only=True, gc=False):
    """One counter as read. ``key`` is the identity; names are bytes.

    ``count`` is None with ``problem`` saying why ("not a number", "a list"), or where only ``left`` or ``blocked`` is
    known. ``ttl_ms`` is None without a TTL or when it could not be read. ``immortal``: it has no TTL, and its limiter
    never gives it one; where a missing TTL means something else, ``no_ttl`` says what. ``foreign``: the value is a
    number that no counter starting at zero can reach (-3, 12.5), so another kind of limiter writes it. ``sliding``:
    what is older than the window no longer counts (a log of times, a weighted pair, a bucket that refills). ``doubt``
    says why the owner is not certain; actions leave such a counter out.
    """

    key: bytes
    tenant: bytes
    operation: bytes
    count: int | None
    ttl_ms: int | None
    immortal: bool = False
    problem: str | None = None
    foreign: bool = False
    sliding: bool = False
    doubt: str = ""
    taken_mono: float = 0.0
    limit: int | None = None
    """Requests a window, where the name or the profile says so; it goes before all other limits."""
    window_seconds: float | None = None
    """The window's length, where the name or the profile says so or the name's stamp proves it."""
    left: int | None = None
    """Requests that are left, where the value holds these and not what is used."""
    left_least: bool = False
    """``left`` is as of the last request: how fast it refills is not known, so there may be more by now."""
    lacks: Literal["", "window", "limit"] = ""
    """What has to be known before the count can be told; "" where it is told, or never can be."""
    resets_ms: int | None = None
    """When the window ends (a bucket: is full again), where the TTL does not tell it."""
    ttl_is_reset: bool = True
    """The window ends with the TTL. False: it ends at ``resets_ms``, or when is not known."""
    no_ttl: NoTtl = ""
    blocked: bool = False
    """The limiter's own flag is there: it refuses all requests until the window ends."""
    counts_refused: bool = True
    """False: the count stops at the limit, so a full counter does not prove that requests were refused."""
    identity: tuple[bytes, ...] = ()
    """What stays the same from window to window where the name has a stamp of its window; empty for other names."""
    starts: float | None = None
    """When the window began, in epoch seconds, by the stamp in its name."""

    @property
    def ends_ms(self) -> int | None:
        """Return in how many milliseconds its window ended, as of ``taken_mono``; None where that is not known."""
        if self.resets_ms is not None:
            return self.resets_ms
        if self.ttl_is_reset:
            return self.ttl_ms
        return None

    @property
    def resets_mono(self) -> float | None:
        """Return when its window ends, in monotonic seconds; None where that is not known or it never does."""
        if self.ends_ms is None:
            return None
        return self.taken_mono + self.ends_ms / 1000


class ShapeCount(Struct, frozen=True):
    """A shape of key names (safe text) and how many names have it."""

    shape: str
    count: int


class UnparsedNames(Struct, frozen=True):
    """Names under the prefix that do not follow the layout, by their shapes, the most frequent first.

    ``shown`` of them are read and judged as counters all the same (one part only, no operation); the others cannot be
    counters.
    """

    count: int = 0
    shown: int = 0
    shapes: tuple[ShapeCount, ...] = ()


class Track(Struct, frozen=True, gc=False):
    """The observations of one counter in its present window: (monotonic seconds, count), oldest first.

    ``renewed``: the TTL restarts with every request, so it does not tell when the window began.
    """

    samples: tuple[tuple[float, int], ...] = ()
    renewed: bool = False


class PastWindow(Struct, frozen=True, gc=False):
    """A window of a counter that has ended. If not ``whole``, its end was not read: it counted at least ``count``."""

    count: int
    whole: bool


class LimitRow(Struct, frozen=True, kw_only=True, gc=False):
    """A counter against its limit. ``share`` is count ÷ limit (1.0 = full); ``slope`` is requests per second.

    ``window_seconds`` is the length of its window where that is known.

    ``rough``: the slope rests on little evidence and is shown as approximate. ``refused_in`` is seconds until the next
    request is answered 429, counted from the counter's ``taken_mono``: 0.0 means now, None that it is not expected
    within this window; it is the earliest moment, ``refused_latest`` the latest one. ``resets_mono`` is when the window
    ends on the monotonic clock, None when it never does.
    """

    counter: Counter
    state: LimitState
    limit: int | None = None
    share: float | None = None
    slope: float | None = None
    rough: bool = False
    refused_in: float | None = None
    refused_latest: float | None = None
    resets_mono: float | None = None
    window_seconds: float | None = None
    alias: str = ""
    """What people call its tenant, where the gateway publishes another name than the one in Redis."""

    @property
    def refuses(self) -> bool:
        """Return True if the next request is refused."""
        return self.refused_in == 0.0

    @property
    def word(self) -> str:
        """Return the state in a word; for a limit that is used up, whether requests are known to be refused.

        "over": refused requests are counted. "full": the count stops at the limit, so none may have come. "blocked":
        the limiter's own flag says so.
        """
        if self.state != "over":
            return self.state
        if self.counter.blocked:
            return "blocked"
        if self.counter.counts_refused:
            return "over"
        return "full"


class TenantCount(Struct, frozen=True, gc=False):
    """The number of a tenant's active counters."""

    tenant: bytes
    counters: int


class LimitsReport(Struct, frozen=True, kw_only=True):
    """All rows, the most urgent first, with the tenants by number of counters and the findings about limits."""

    rows: tuple[LimitRow, ...]
    tenants: tuple[TenantCount, ...]
    total: int
    unparsed: UnparsedNames
    coverage: Coverage
    rules: LimitRules | None
    findings: tuple[Finding, ...] = ()
    refused_by: dict[tuple[str, str], float] | None = None
    """Requests refused a second, by tenant and operation, over ``refused_seconds``; None: see ``refused_why``."""
    refused_why: str = "the gateway's counters were not read yet"
    refused_seconds: float = 0.0
    past_windows: dict[bytes, tuple[PastWindow, ...]] = field(default_factory=dict)
    """The last windows of counters by key, as they were seen, the oldest first."""
    over: int = 0
    """Keys of past windows, which are not rows."""

    def refused(self, counter: Counter) -> float | None:
        """Return the requests of a counter's tenant and operation that are refused a second; None if unknown."""
        if self.refused_by is None:
            return None
        tenant, operation = (name.decode("utf-8", "surrogateescape") for name in (counter.tenant, counter.operation))
        return self.refused_by.get((tenant, operation), 0.0)


class GroupTotals(Struct, frozen=True, kw_only=True):
    """Totals of one kind (``tenant`` None) or of one tenant within a kind.

    ``bytes_used`` is an estimate unless ``bytes_exact``; None while nothing was measured. ``histogram`` counts keys
    with a TTL in ``len(TTL_EDGES) + 1`` bins. ``sampled``: only some of the keys are kept, and all totals but ``keys``
    are estimated from these; ``keys`` may count a key twice that a scan met twice.
    """

    kind: bytes
    tenant: bytes | None
    keys: int
    without_ttl: int
    bytes_used: int | None
    bytes_exact: bool
    histogram: tuple[int, ...]
    sampled: bool = False


class KindTotals(Struct, frozen=True):
    """A cache kind and its tenants, the larger first."""

    totals: GroupTotals
    tenants: tuple[GroupTotals, ...]


class KeyDetail(Struct, frozen=True, kw_only=True):
    """Details of one key. ``ttl_ms`` None with ``immortal``: it never expires; ``gone``: it no longer exists."""

    key: bytes
    type: str | None = None
    ttl_ms: int | None = None
    immortal: bool = False
    gone: bool = False
    bytes_used: int | None = None
    taken_mono: float = 0.0


class KeyPreview(Struct, frozen=True, kw_only=True):
    """At most 64 kB of one value, cut by the server. ``parts`` are raw bytes."""

    key: bytes
    type: str
    length: int | None
    parts: tuple[bytes, ...]
    truncated: bool


class UnknownLayout(Struct, frozen=True, kw_only=True):
    """Key names of no known layout: their number, and at most ten shapes (safe text) with counts, most frequent first.

    ``like_limiter``: a shape looks like the counters of some rate limiter. ``reads_limits`` and ``reads_cache`` say
    whether the profile has rules for counters and for cache keys; without rules, such keys are not searched.
    """

    count: int = 0
    shapes: tuple[tuple[str, int], ...] = ()
    like_limiter: bool = False
    reads_limits: bool = True
    reads_cache: bool = True


class CacheReport(Struct, frozen=True, kw_only=True):
    """The keyspace as far as it was scanned. ``version`` grows when a key appeared, vanished or changed its group.

    ``coherence_keys`` is None where the profile names no tracking keys: whether there are any is not known.
    """

    kinds: tuple[KindTotals, ...]
    keys: int
    coherence_keys: int | None
    coverage: Coverage
    version: int
    unknown: UnknownLayout = UnknownLayout()
    findings: tuple[Finding, ...] = ()


FeedState = Literal["connecting", "live", "down", "denied", "broken", "none"]
"""``broken``: the server answers, but for a while with nothing that confirms a subscription. ``none``: the
profile names no feed, so nothing is subscribed and nothing is known about events."""


class TranslatedEvent(bytes):
    """An event of another system, translated to a JSON document of our contract.

    ``raw`` is the payload as it came. ``problem`` says why it could not be read; the document is empty then.
    """

    raw: bytes
    problem: str

    def __new__(cls, document: bytes, raw: bytes, problem: str = "") -> "TranslatedEvent":
        """Return the document with the payload that it was read from."""
        event = super().__new__(cls, document)
        event.raw, event.problem = raw, problem
        return event


def raw_payload(payload: bytes) -> bytes:
    """Return the original payload, also of an event that was translated."""
    if isinstance(payload, TranslatedEvent):
        return payload.raw
    return payload


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
    """The difference of events' timestamps from our clock: the median, in seconds, positive where they are ahead.

    ``events`` of the ``of`` checked ones differ.
    """

    seconds: float
    events: int
    of: int


class EventSource(Struct, frozen=True, kw_only=True):
    """The names that at least half of the latest events share, safe to show; a field is empty where they differ."""

    type: str = ""
    tenant: str = ""
    channel: str = ""
    busiest: str = ""
    """Where the tenants differ, those with the most events, each with its share, as words."""


RATE_SECONDS = 5.0
"""The time that a rate of events is over, wherever it stands: within one second bursts hide what goes on."""


class FeedStatus(Struct, frozen=True, kw_only=True):
    """Counters of the reader since its start, and the state of its connection."""

    state: FeedState
    received: int = 0
    dropped: int = 0
    """Events lost inside this process (never shown, never counted as received): 0 unless there is a bug."""
    malformed: int = 0
    gaps: int = 0
    rate: float = 0.0
    """Events per second over the last ``RATE_SECONDS``."""
    last_event_mono: float | None = None
    """When the last event came, on the monotonic clock: the wall clock may jump."""
    verified_mono: float | None = None
    """When the link last received any byte from the server, on the monotonic clock."""
    fault: Fault | None = None
    retry_in: float | None = None
    clock: ClockOffset | None = None
    """How far the latest events' timestamps differ from their arrival; None where they agree, or too few came."""
    source: EventSource = EventSource()
    """What most of the latest events have in common."""
    bulk: int | None = None
    """Bulk invalidations among the events that came; None where nobody counts them."""


class FeedBatch(Struct, frozen=True, kw_only=True):
    """The events since the last batch (oldest first, bounded) and the present counters."""

    items: tuple[FeedItem, ...]
    status: FeedStatus
