"""The server's own signs of overload: slow calls, latency events, memory and buffers. Sizes in bytes."""

from msgspec import Struct

from optimus_tui.contract.reading import Fault


class SlowCall(Struct, frozen=True, kw_only=True):
    """One entry of the slow log. ``age_s`` is by the server's clock; ``command`` is safe text, without arguments."""

    age_s: float
    took_ms: float
    command: str


class LatencyEvent(Struct, frozen=True, kw_only=True):
    """One event of the server's latency monitor (which records only when it is enabled)."""

    event: str
    age_s: float
    latest_ms: float
    max_ms: float


class SlowState(Struct, frozen=True, kw_only=True):
    """The slow log and the latency events; each half may fail independently.

    ``logged`` is the length of the slow log, ``calls`` its newest entries, both without the ``own`` ones that this
    program caused.
    """

    logged: int | None = None
    own: int = 0
    calls: tuple[SlowCall, ...] = ()
    events: tuple[LatencyEvent, ...] = ()
    calls_fault: Fault | None = None
    events_fault: Fault | None = None


class MemoryState(Struct, frozen=True, kw_only=True):
    """What INFO reports about memory and clients; None for a field that the server does not report."""

    used: int | None = None
    resident: int | None = None
    limit: int | None = None
    policy: str | None = None
    dataset: int | None = None
    fragmentation: float | None = None
    client_buffers: int | None = None
    """Of all normal clients and subscribers together."""
    largest_output: int | None = None
    """The largest recent output buffer of a client, which reveals slow subscribers."""
    largest_input: int | None = None
    clients: int | None = None
    subscribers: int | None = None
