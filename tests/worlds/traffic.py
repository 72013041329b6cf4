"""Traffic as functions of the seconds since the world began (the past is negative), and processes that count it."""

import bisect
import math
from collections.abc import Callable, Mapping, Sequence

Total = Callable[[float], float]
"""How much was counted from the beginning of time until t; only differences mean anything."""


def steady(per_second: float) -> Total:
    """The same number of requests every second."""
    return lambda t: per_second * t


def phases(before: float, *changes: tuple[float, float]) -> Total:
    """``before`` requests/s, and from each (second, rate) on that rate."""
    starts = [start for start, _ in changes]

    def total(t: float) -> float:
        done, since, rate = 0.0, 0.0, before
        if not changes or t <= changes[0][0]:
            return before * t
        done = before * changes[0][0]
        for index in range(bisect.bisect_right(starts, t)):
            since, rate = changes[index]
            until = starts[index + 1] if index + 1 < len(starts) else t
            done += rate * (min(until, t) - since)
        return done

    return total


def bursts(per_second: float, on: float, off: float) -> Total:
    """``on`` seconds of traffic, then ``off`` seconds of silence, again and again."""

    def total(t: float) -> float:
        whole, rest = divmod(t, on + off)
        return per_second * (whole * on + min(rest, on))

    return total


def share(of: Total, part: float) -> Total:
    """A part of another traffic."""
    return lambda t: of(t) * part


def grown(total: Total, since: float, until: float) -> float:
    """How much was counted between two moments."""
    return total(until) - total(since)


class Process:
    """One process of a gateway: it counts from its birth on, and publishes what it counted."""

    def __init__(self, born: float = -7200.0, died: float = math.inf, *, started: bool = True) -> None:
        """``started``: it publishes ``process_start_time_seconds``."""
        self.born, self.died, self.started = born, died, started
        self._rows: list[tuple[str, str, Mapping[str, str], Callable[[float], float]]] = []

    def alive(self, t: float) -> bool:
        return self.born <= t < self.died

    def counts(self, metric: str, total: Total, **labels: str) -> "Process":
        """A counter that grows with ``total`` since the birth."""
        self._rows.append((metric, "counter", labels, lambda t: math.floor(total(t) - total(self.born) + 1e-6)))
        return self

    def shows(self, metric: str, value: float | Callable[[float], float], **labels: str) -> "Process":
        """A gauge."""
        shown = value if callable(value) else lambda t: value
        self._rows.append((metric, "gauge", labels, shown))
        return self

    def shows_counter(self, metric: str, value: Callable[[float], float], **labels: str) -> "Process":
        """A counter whose very value is scripted."""
        self._rows.append((metric, "counter", labels, lambda t: math.floor(value(t) + 1e-6)))
        return self

    def times(
        self, metric: str, total: Total, shares: Sequence[tuple[float, float]], mean: float, **labels: str
    ) -> "Process":
        """A histogram: ``shares`` are (upper edge in seconds, part of all requests at or below it)."""
        for edge, part in [*shares, (math.inf, 1.0)]:
            text = "+Inf" if math.isinf(edge) else f"{edge:g}"
            self.counts(f"{metric}_bucket", share(total, part), **labels, le=text)
        self.counts(f"{metric}_count", total, **labels)
        self.counts(f"{metric}_sum", share(total, mean), **labels)
        return self

    def page(self, t: float, began: float) -> str:
        """What it answers on ``/metrics``."""
        lines = []
        if self.started:
            lines += ["# TYPE process_start_time_seconds gauge"]
            lines += [f"process_start_time_seconds {began + self.born:.2f}"]
        told: set[str] = set()
        for metric, kind, labels, value in self._rows:
            family = metric
            for end in ("_bucket", "_count", "_sum"):
                if metric.endswith(end):
                    family, kind = metric.removesuffix(end), "histogram"
            if family not in told:
                told.add(family)
                lines.append(f"# TYPE {family} {kind}")
            inner = ",".join(f'{name}="{text}"' for name, text in labels.items())
            lines.append(f"{metric}{{{inner}}} {value(t):.15g}" if inner else f"{metric} {value(t):.15g}")
        return "\n".join(lines) + "\n"


def answering(
    good: Total,
    bad: Total | None = None,
    refused: Total | None = None,
    *,
    born: float = -7200.0,
    died: float = math.inf,
    started: bool = True,
    tenant: str = "acme",
    route: str = "/api/chat",
) -> Process:
    """A process with the contract's counter: ``good`` answered 200, ``bad`` 500, ``refused`` 429."""
    process = Process(born, died, started=started)
    for status, total in (("200", good), ("500", bad), ("429", refused)):
        if total is not None:
            process.counts("http_requests_total", total, method="POST", route=route, status=status, tenant=tenant)
    return process


def crash_loop(make: Callable[[float, float], Process], every: float, since: float, until: float) -> list[Process]:
    """Processes that follow each other: ``make(born, died)`` for each."""
    count = math.ceil((until - since) / every)
    return [make(since + every * number, since + every * (number + 1)) for number in range(count)]
