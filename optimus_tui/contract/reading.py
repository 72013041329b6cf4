"""One measurement with everything needed to judge its reliability."""

from typing import Generic, Literal, TypeVar

from msgspec import Struct
from msgspec.structs import force_setattr

T = TypeVar("T")

FaultKind = Literal[
    "refused",  # nobody listens, the connection broke, the name does not resolve
    "timeout",  # no answer within the deadline
    "auth",  # a password is required, wrong, or was rotated
    "denied",  # the server's ACL lacks a right
    "loading",  # the server is up and still reading its data set
    "busy",  # a script blocks the server, or it has no room for another client
    "role",  # the answering server is in the wrong role (replica without a master, read-only)
    "invalid",  # an answer came and was not what the protocol or the contract promises
    "tls",  # the certificate or the handshake failed
    "starved",  # this machine gave us no CPU: nothing is known about the other side
    "bug",  # our own mistake: reported loudly, never hidden as an outage
]


class Fault(Struct, frozen=True):
    """A missing measurement, with the reason. ``message`` and ``remedy`` are safe to show: escaped, without secrets."""

    kind: FaultKind
    message: str
    remedy: str | None = None


class Coverage(Struct, frozen=True):
    """The part of the data that was read. ``total`` is None where it is unknown.

    ``scanned`` is never more than ``total``: a scan may see a name twice, and names appear and vanish during it.
    """

    scanned: int
    total: int | None
    complete: bool
    reason: str | None = None
    per_second: float | None = None
    """Of a scan that goes on: how many are read a second."""

    @property
    def seconds_left(self) -> float | None:
        """Return how long the scan will go on; None where that is unknown."""
        if not self.per_second or self.total is None or self.complete or self.reason:
            return None
        return (self.total - self.scanned) / self.per_second

    def __post_init__(self) -> None:
        if self.total is not None and self.scanned > self.total:
            force_setattr(self, "scanned", self.total)


class Reading(Struct, Generic[T], frozen=True, kw_only=True):
    """A value with its time, its fault and its coverage.

    ``taken_at`` is wall-clock seconds since the epoch (for people), ``taken_mono`` monotonic seconds (for ages and
    countdowns); both belong to the value. A fault beside a value means that the latest attempt failed at least in part:
    the value is the last good one, and its time tells how old it is.
    """

    value: T | None
    taken_at: float
    taken_mono: float
    took_ms: float | None = None
    fault: Fault | None = None
    coverage: Coverage | None = None
    retry_in: float | None = None
    """Seconds from the failed try to the next one."""
    source: str = ""
    """From which replicas it was read and how far these are behind, safe to show; "" where primaries were read."""
