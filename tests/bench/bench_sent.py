"""What the command log costs a command: sent and answered, one by one and a hundred together. Budget: 3 µs.

``python -m tests.bench.bench_sent``
"""

import time
from collections.abc import Sequence

from optimus_tui.probes.round_trips import CommandLog, attributed_to

ONE = [(b"PTTL", b"rate_limit:tenant_01:op3")]
HUNDRED = [(b"PTTL", b"rate_limit:tenant_01:op%d" % at) for at in range(100)]
MANY_KEYS = [(b"MGET", *[b"rate_limit:tenant_01:op%d" % at for at in range(500)])]


def micros(commands: Sequence[tuple[bytes, ...]], poll: bool, trips: int) -> float:
    """Microseconds a command, the best of seven rounds."""
    log, best = CommandLog(), 1e9
    for _ in range(7):
        with attributed_to("bench", poll=poll):
            began = time.process_time()
            for _ in range(trips):
                trip = log.sent(commands)
                for _ in commands:
                    trip.answer()
            best = min(best, time.process_time() - began)
    return best / trips / len(commands) * 1e6


def main() -> None:
    for name, commands, trips in (
        ("one a trip", ONE, 20_000),
        ("a hundred a trip", HUNDRED, 500),
        ("MGET of 500 keys", MANY_KEYS, 500),
    ):
        asked, poll = micros(commands, False, trips), micros(commands, True, trips)
        print(f"{name:<20} asked {asked:6.2f} µs   polled {poll:6.2f} µs   a command")


if __name__ == "__main__":
    main()
