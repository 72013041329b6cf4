"""Stop asking a service that keeps failing, and try it again, one request at a time, after a pause.

Closed: requests pass. Open (after so many failures in a row): refused at once. Half-open (the pause is over): one
request is let through; its outcome closes or opens the circuit, the others are refused meanwhile.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum

import httpx

from backend.utils.metrics import CIRCUIT_STATE

_log = logging.getLogger(__name__)


class CircuitState(IntEnum):
    """The values that the gauge exports."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitOpenError(httpx.TransportError):
    """Not sent, the circuit is open. A transport error, so whoever handles a dead service handles this one too."""

    def __init__(self, service: str, retry_after: int) -> None:
        super().__init__(f"{service} is failing; not asked again for {retry_after} s")
        self.retry_after = retry_after


@dataclass(slots=True)
class Attempt:
    """One request on its way. Whoever made it sets `failed` for an answer that counts as a failure."""

    probe: bool
    failed: bool = False


class CircuitBreaker:
    """The circuit of one service, in one process."""

    def __init__(
        self,
        service: str,
        failure_threshold: int = 5,
        recovery_seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._threshold = failure_threshold
        self._recovery = recovery_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at = 0.0
        self._probing = False
        self.state = CircuitState.CLOSED
        CIRCUIT_STATE.labels(service).set(self.state)

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Let one request through or raise CircuitOpenError. An exception is a failure; a cancellation is neither."""
        attempt = self._admit()
        try:
            yield attempt
        except Exception:
            self._settle(attempt, failed=True)
            raise
        except BaseException:
            if attempt.probe:
                self._probing = False
            raise
        self._settle(attempt, failed=attempt.failed)

    def _admit(self) -> Attempt:
        if self.state is CircuitState.CLOSED:
            return Attempt(probe=False)
        wait = self._opened_at + self._recovery - self._clock()
        if wait > 0 or self._probing:
            raise CircuitOpenError(self.service, max(1, math.ceil(wait)))
        self._probing = True
        self._move(CircuitState.HALF_OPEN)
        return Attempt(probe=True)

    def _settle(self, attempt: Attempt, failed: bool) -> None:
        """Take the outcome into account, unless it is of a request sent before the circuit opened."""
        if attempt.probe:
            self._probing = False
        elif self.state is not CircuitState.CLOSED:
            return
        self._failures = self._failures + 1 if failed else 0
        if failed and (attempt.probe or self._failures >= self._threshold):
            self._opened_at = self._clock()
            self._move(CircuitState.OPEN)
        elif attempt.probe:
            self._move(CircuitState.CLOSED)

    def _move(self, state: CircuitState) -> None:
        _log.info("circuit moved", extra={"fields": {"service": self.service, "state": state.name.lower()}})
        self.state = state
        CIRCUIT_STATE.labels(self.service).set(state)
