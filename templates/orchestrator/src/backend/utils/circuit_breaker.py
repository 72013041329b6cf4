"""Stop asking a service that keeps failing, and try it again, one request at a time, after a pause.

Closed: requests pass. Open: refused at once. Half-open (the pause is over): one request is let through; its outcome
closes or opens the circuit, the others are refused meanwhile.

A circuit opens by the share of failures within a window, once it saw enough requests. Whose requests they are counts: a
tenant whose own requests break the service is refused alone. For all it opens only if they fail without that tenant,
too.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum

import httpx

from backend.utils.metrics import CIRCUIT_OPEN_TENANTS, CIRCUIT_STATE

_BUCKETS = 10  # of a window: its oldest tenth is forgotten at a time
_log = logging.getLogger(__name__)


class CircuitState(IntEnum):
    """The values that the gauge exports."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class NotSentError(httpx.TransportError):
    """A request that was not sent. A transport error, so whoever handles a dead service handles this one, too."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitOpenError(NotSentError):
    """The circuit is open: for all, or for this tenant."""

    def __init__(self, service: str, retry_after: int) -> None:
        super().__init__(f"{service} is failing; not asked again for {retry_after} s", retry_after)


@dataclass(slots=True)
class Circuit:
    """The circuit of everybody or of one tenant."""

    tenant: str | None = None
    state: CircuitState = CircuitState.CLOSED
    opened_at: float = 0.0
    probing: bool = False


@dataclass(slots=True)
class Attempt:
    """One request on its way. Whoever made it sets `failed` for an answer that counts as a failure."""

    tenant: str
    probe: Circuit | None = None
    failed: bool = False


@dataclass(slots=True)
class Tally:
    """Requests and how many of them failed."""

    calls: int = 0
    failed: int = 0

    def add(self, calls: int, failed: int) -> None:
        """Count some more."""
        self.calls += calls
        self.failed += failed


@dataclass(slots=True)
class _Bucket:
    """A part of the window: when it began, and the requests of each tenant."""

    began: float
    tenants: dict[str, Tally] = field(default_factory=dict)


class CircuitBreaker:
    """The circuits of one service, in one process."""

    def __init__(
        self,
        service: str,
        *,
        failure_share: float = 0.5,
        minimum_calls: int = 10,
        window_seconds: float = 10.0,
        recovery_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._share = failure_share
        self._minimum = minimum_calls
        self._window = window_seconds
        self._recovery = recovery_seconds
        self._clock = clock
        self._buckets = deque[_Bucket]()
        self._everybody = Circuit()
        self._tenants: dict[str, Circuit] = {}
        self._export()

    @property
    def state(self) -> CircuitState:
        """Whether requests pass. Not closed for all, or for each tenant who asked within the window."""
        if self._everybody.state is not CircuitState.CLOSED or not self._tenants:
            return self._everybody.state
        asked = self._tally().keys() | self._tenants.keys()
        return min(self._tenants.get(tenant, self._everybody).state for tenant in asked)

    @contextmanager
    def attempt(self, tenant: str = "") -> Iterator[Attempt]:
        """Let one request through or raise CircuitOpenError. An exception is a failure; a cancellation is neither."""
        attempt = self._admit(tenant)
        try:
            yield attempt
        except Exception:
            self._settle(attempt, failed=True)
            raise
        except BaseException:
            if attempt.probe:
                attempt.probe.probing = False
            raise
        self._settle(attempt, failed=attempt.failed)

    def _admit(self, tenant: str) -> Attempt:
        for circuit in (self._everybody, self._tenants.get(tenant)):
            if circuit is None or circuit.state is CircuitState.CLOSED:
                continue
            wait = circuit.opened_at + self._recovery - self._clock()
            if wait > 0 or circuit.probing:
                raise CircuitOpenError(self.service, max(1, math.ceil(wait)))
            circuit.probing = True
            self._move(circuit, CircuitState.HALF_OPEN)
            return Attempt(tenant, circuit)
        return Attempt(tenant)

    def _settle(self, attempt: Attempt, failed: bool) -> None:
        """Take the outcome into account, unless it is of a request sent before its circuit opened."""
        if attempt.probe:
            attempt.probe.probing = False
            self._move(attempt.probe, CircuitState.OPEN if failed else CircuitState.CLOSED)
            return
        if self._everybody.state is not CircuitState.CLOSED or attempt.tenant in self._tenants:
            return
        now = self._clock()
        if not self._buckets or now - self._buckets[-1].began >= self._window / _BUCKETS:
            self._buckets.append(_Bucket(now))
        self._buckets[-1].tenants.setdefault(attempt.tenant, Tally()).add(1, int(failed))
        if failed:
            self._judge(attempt.tenant)
        elif self._tenants:
            self._export()

    def _judge(self, tenant: str) -> None:
        tally = self._tally()
        worst = max(tally, key=lambda name: tally[name].failed)
        others = Tally()
        for name, each in tally.items():
            if name != worst:
                others.add(each.calls, each.failed)
        if self._too_many(others):
            self._move(self._everybody, CircuitState.OPEN)
        elif self._too_many(tally[tenant]):
            self._forget_old_circuits()
            self._tenants[tenant] = Circuit(tenant)
            self._move(self._tenants[tenant], CircuitState.OPEN)

    def _too_many(self, tally: Tally) -> bool:
        return tally.calls >= self._minimum and tally.failed >= self._share * tally.calls

    def _tally(self) -> dict[str, Tally]:
        """Return what each tenant asked within the window."""
        while self._buckets and self._clock() - self._buckets[0].began >= self._window:
            self._buckets.popleft()
        found: dict[str, Tally] = {}
        for bucket in self._buckets:
            for tenant, tally in bucket.tenants.items():
                found.setdefault(tenant, Tally()).add(tally.calls, tally.failed)
        return found

    def _forget_old_circuits(self) -> None:
        """Drop the circuits of tenants who did not come back: their next request is as good as a probe."""
        old = self._clock() - 10 * self._recovery
        self._tenants = {name: each for name, each in self._tenants.items() if each.opened_at > old}

    def _move(self, circuit: Circuit, state: CircuitState) -> None:
        circuit.state = state
        if state is CircuitState.OPEN:
            circuit.opened_at = self._clock()
        elif state is CircuitState.CLOSED and circuit.tenant is None:
            self._buckets.clear()
        elif state is CircuitState.CLOSED:
            self._tenants.pop(circuit.tenant or "", None)
            for bucket in self._buckets:
                bucket.tenants.pop(circuit.tenant or "", None)
        fields = {"service": self.service, "state": state.name.lower(), "tenant": circuit.tenant}
        _log.info("circuit moved", extra={"fields": fields})
        self._export()

    def _export(self) -> None:
        CIRCUIT_STATE.labels(self.service).set(self.state)
        CIRCUIT_OPEN_TENANTS.labels(self.service).set(len(self._tenants))
