"""What reads text from outside, against text that is made to be slow. ``python -m tests.bench.bench_hostile``.

The tests count the lines of Python that run (``tests.steps``); here it is the processor's time with what C code takes,
the best of three. Gate: the seconds that stand beside each.
"""

import random
import sys
import time
from collections.abc import Callable

from optimus_tui.grammar.events import Target, parse_event, split_glob
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.grammar.info import parse_exposition
from tests.patterns_tree import judged

HONEST = b'http_requests_total{method="GET",route="/api/x/%d",status="200",tenant="tenant_%d"} %d.0\n'


def cases() -> dict[str, tuple[float, Callable[[], object]]]:
    """By name: the seconds allowed, and the work."""
    pages = {
        "an honest megabyte of metrics": b"".join(HONEST % (n % 50, n, n) for n in range(10_800)),
        "metrics: labels that do not close": b"a{" + b'a="' * 300_000,
        "metrics: backslashes": b'a{a="' + b"\\" * 900_000,
        "metrics: labels without end": (b"a{" + b'b="c",' * 2_600 + b"\n") * 60,
        "metrics: noise": random.Random(4).randbytes(1_000_000),
    }
    events = {"event: brackets": b"[" * 4096, "event: quotes": b'"' * 4096, "event: digits": b"9" * 4096}
    sources = {"router: 10 MB": b"x = 1\n" * 1_700_000, "router: a long sum": b"x = " + b"1+" * 100_000 + b"1\n"}
    pieces = split_glob(b"cache:" + b"a*" * 4 + b"b")
    assert pieces is not None
    target = Target(pieces)
    return {
        **{name: (0.3, lambda page=page: parse_exposition(page)) for name, page in pages.items()},  # type: ignore[misc]
        **{name: (0.01, lambda event=event: parse_event(event)) for name, event in events.items()},  # type: ignore[misc]
        **{name: (5.0, lambda source=source: judged(source)) for name, source in sources.items()},  # type: ignore[misc]
        "a nasty pattern": (0.1, lambda: target.matches(b"cache:" + b"a" * 100_000)),
        "a filter": (0.1, lambda: parse_filter("tenant:" + "a*" * 20 + "b")),
    }


def main() -> int:
    """Print every case and return 1 where one is too slow."""
    slow = False
    for name, (allowed, work) in cases().items():
        best = min(_spent(work) for _ in range(3))
        slow = slow or best > allowed
        print(f"{name:<36} {best:8.4f} s of {allowed:g}", flush=True)
    return int(slow)


def _spent(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    sys.exit(main())
