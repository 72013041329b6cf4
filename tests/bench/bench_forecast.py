"""How good "429 in" is: ``python -m tests.bench.bench_forecast [WINDOWS]``.

Windows of a minute with arrivals by chance (Poisson) at a rate that is steady, comes in bursts, slows down or quickens,
or at even distances; limits of 50 to 300, traffic of 40 % to 200 % of them. Looked at every two seconds, as the pane
does, or three times or twice within two seconds, as a tool does. For each kind: the share of looks that foretell a 429
which never comes, the share of real 429s (ten seconds into the window or later) foretold at least five seconds before,
the share of looks at 70 % to 97 % of the way to a real 429 that foretell it ("late"), the error of the range's middle
relative to the seconds left, and the share of ranges that hold the truth (within a second).
"""

import math
import random
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator

from msgspec import Struct

from optimus_tui.contract.keyspace import Counter
from optimus_tui.index.limits import LimitIndex
from optimus_tui.verdicts.limits.forecast import forecast

WINDOW, EVERY, APART, AHEAD, LATE = 60, 2.0, 2.0, 5.0, 10.0
KEY = b"rate_limit:acme:chat"
Rate = Callable[[float], float]


class Figures(Struct, frozen=True):
    """Shares from 0 to 1; ``error`` is the mean of |foretold - true| / true."""

    false: float
    foretold: float
    late: float
    error: float
    held: float
    looks: int


class _Look(Struct, frozen=True):
    """Seconds into the window, and the range that was foretold then."""

    at: float
    earliest: float | None
    latest: float | None


def steady(goal: float, rng: random.Random) -> tuple[Rate, float]:
    """The same rate all the time."""
    return (lambda at: goal / WINDOW), goal / WINDOW


def bursty(goal: float, rng: random.Random) -> tuple[Rate, float]:
    """On for a part of each period, off for the rest."""
    period, part, phase = rng.uniform(4, 15), rng.uniform(0.2, 0.6), rng.uniform(0, 15)
    peak = goal / WINDOW / part
    return (lambda at: peak if (at + phase) % period < part * period else 0.0), peak


def slowing(goal: float, rng: random.Random) -> tuple[Rate, float]:
    """Fades, to a third in 8 to 30 s."""
    fade = rng.uniform(8, 30)
    peak = goal / (fade * (1 - math.exp(-WINDOW / fade)))
    return (lambda at: peak * math.exp(-at / fade)), peak


def ebbing(goal: float, rng: random.Random) -> tuple[Rate, float]:
    """Falls in a straight line to nothing at the window's end."""
    return (lambda at: 2 * goal / WINDOW * (1 - at / WINDOW)), 2 * goal / WINDOW


def quickening(goal: float, rng: random.Random) -> tuple[Rate, float]:
    """Grows threefold in 8 to 30 s."""
    fade = rng.uniform(8, 30)
    first = goal / (fade * (math.exp(WINDOW / fade) - 1))
    return (lambda at: first * math.exp(at / fade)), first * math.exp(WINDOW / fade)


KINDS = (steady, bursty, slowing, ebbing, quickening)


def arrivals(rate: Rate, peak: float, rng: random.Random) -> list[float]:
    """Moments of requests, by chance at ``rate``, which is never above ``peak``."""
    moments, at = list[float](), 0.0
    while True:
        at += rng.expovariate(peak)
        if at >= WINDOW:
            return moments
        if rng.random() * peak < rate(at):
            moments.append(at)


def evenly(rate: Rate, peak: float, rng: random.Random) -> list[float]:
    """Moments of requests at even distances, the first at any part of one."""
    first = rng.random()
    return [at for n in range(math.ceil(peak * WINDOW)) if (at := (n + first) / peak) < WINDOW]


def looks_of_pane(moments: list[float], limit: int, rng: random.Random) -> Iterator[_Look]:
    """Every two seconds until the window ends or the limit is reached; the samples are kept."""
    index, at = LimitIndex(), rng.uniform(0, EVERY)
    while at < WINDOW and bisect_right(moments, at) < limit:
        yield _look(index, moments, limit, at)
        at += EVERY


def looks_of_tool(moments: list[float], limit: int, rng: random.Random) -> Iterator[_Look]:
    """Three reads over two seconds at a time, nothing kept between the calls."""
    at = rng.uniform(0, EVERY)
    while at + APART < WINDOW and bisect_right(moments, at + APART) < limit:
        index = LimitIndex()
        _look(index, moments, limit, at)
        _look(index, moments, limit, at + APART / 2)
        yield _look(index, moments, limit, at + APART)
        at += EVERY


def looks_of_two(moments: list[float], limit: int, rng: random.Random) -> Iterator[_Look]:
    """Two reads about two seconds apart at a time, nothing kept between the calls."""
    at = rng.uniform(0, EVERY)
    while (later := at + rng.uniform(0.99, 1.03) * APART) < WINDOW and bisect_right(moments, later) < limit:
        index = LimitIndex()
        _look(index, moments, limit, at)
        yield _look(index, moments, limit, later)
        at += EVERY


def _look(index: LimitIndex, moments: list[float], limit: int, at: float) -> _Look:
    count, ttl_ms = bisect_right(moments, at), round((WINDOW - at) * 1000)
    counter = Counter(key=KEY, tenant=b"acme", operation=b"chat", count=count, ttl_ms=ttl_ms, taken_mono=1000 + at)
    index.put([counter])
    pace = forecast(counter, index.tracks()[KEY], limit, WINDOW)
    return _Look(at, pace.earliest, pace.latest)


def measure(
    kind: Callable[[float, random.Random], tuple[Rate, float]],
    windows: int,
    seed: int,
    looks: object,
    come: Callable[[Rate, float, random.Random], list[float]] = arrivals,
) -> Figures:
    """Figures over so many windows of one kind of traffic."""
    rng = random.Random(seed)
    seen = false = real = foretold = late = late_told = 0
    errors, held = list[float](), 0
    for _ in range(windows):
        limit = rng.choice([50, 100, 150, 300])
        moments = come(*kind(limit * rng.uniform(0.4, 2.0), rng), rng)
        hit = moments[limit - 1] if len(moments) >= limit else None
        taken = list(looks(moments, limit, rng))  # type: ignore[operator]
        told = [one for one in taken if one.earliest is not None and one.latest is not None]
        seen += len(taken)
        if hit is None:
            false += len(told)
            continue
        late += sum(0.7 * hit <= one.at <= 0.97 * hit for one in taken)
        late_told += sum(0.7 * hit <= one.at <= 0.97 * hit for one in told)
        for one in told:
            left = hit - one.at
            errors.append(abs((one.earliest + one.latest) / 2 - left) / max(left, 1.0))
            held += one.earliest - 1 <= left <= one.latest + 1
        if hit >= LATE:
            real += 1
            foretold += any(one.at <= hit - AHEAD for one in told)
    count = max(1, len(errors))
    return Figures(
        false=false / max(1, seen),
        foretold=foretold / max(1, real),
        late=late_told / max(1, late),
        error=sum(errors) / count,
        held=held / count,
        looks=seen,
    )


def main(windows: int) -> None:
    """Print the table."""
    print(f"{'traffic':<12}{'road':<8}{'false':>8}{'foretold':>10}{'late':>8}{'error':>8}{'held':>8}")
    for name, kind, come in (*((kind.__name__, kind, arrivals) for kind in KINDS), ("even", steady, evenly)):
        for road, looks in (("pane", looks_of_pane), ("tool", looks_of_tool), ("two", looks_of_two)):
            one = measure(kind, windows, 1, looks, come)
            print(
                f"{name:<12}{road:<8}{one.false:>8.1%}{one.foretold:>10.1%}{one.late:>8.1%}"
                f"{one.error:>8.1%}{one.held:>8.1%}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
