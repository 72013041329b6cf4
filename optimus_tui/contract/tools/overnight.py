"""What the history recorded since the last stand-up: refusals, deploys, restarts, gaps, and each tenant."""

from typing import Literal

from msgspec import Struct


class TenantRefusals(Struct, frozen=True, kw_only=True):
    """Requests of one tenant that were refused (429). ``first`` and ``last``: when the counter was seen to grow."""

    tenant: str
    refused: int
    first: str | None = None
    last: str | None = None


class Deploy(Struct, frozen=True, kw_only=True):
    """A service answered with another version than before; ``at`` is when that was first seen."""

    service: str
    before: str
    after: str
    at: str


class Restart(Struct, frozen=True, kw_only=True):
    """A service was restarted; ``at`` is its own start time, ``processes`` how many started within half a minute."""

    service: str
    at: str
    processes: int = 1


class Gap(Struct, frozen=True, kw_only=True):
    """A time in which nothing was recorded, or in which the feed was not connected (events may be missing)."""

    of: Literal["recording", "feed"]
    begin: str
    end: str
    seconds: float


class TenantNight(Struct, frozen=True, kw_only=True):
    """One tenant since the last stand-up, by the gateway's own counters; null is unknown."""

    tenant: str
    requests: int | None = None
    failed: int | None = None
    refused: int | None = None


class Overnight(Struct, frozen=True, kw_only=True):
    """The record of the time from ``begin`` to ``end``. Null is unknown, and ``unknown`` says why."""

    begin: str
    end: str
    recorded_minutes: float | None = None
    refused: int | None = None
    refused_by: tuple[TenantRefusals, ...] = ()
    """The tenants with most refusals first; series without a tenant are left out."""
    deploys: tuple[Deploy, ...] | None = None
    restarts: tuple[Restart, ...] | None = None
    gaps: tuple[Gap, ...] | None = None
    tenants: tuple[TenantNight, ...] | None = None
    """The busiest first."""
    unknown: tuple[str, ...] = ()
    """What is not recorded, with the reason."""
