"""Choose free loopback ports for the demo's servers before anything is started.

They are below every usual ephemeral range, so that no outgoing connection takes one before its server listens. A port
that is taken meanwhile is reported by the server that cannot bind it.
"""

import contextlib
import random
import socket

LOOPBACK = "127.0.0.1"
_LOW, _HIGH = 18_000, 32_000


def choose_ports(count: int) -> tuple[int, ...]:
    """Return ``count`` different TCP ports that are free on 127.0.0.1 now.

    Raises:
        OSError: There are not enough free ports.
    """
    with contextlib.ExitStack() as held:
        return tuple(_reserve(held) for _ in range(count))


def _reserve(held: contextlib.ExitStack) -> int:
    pick = random.SystemRandom()
    for attempt in range(200):
        probe = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            # After 150 busy ports any free one is used, also an ephemeral one.
            probe.bind((LOOPBACK, pick.randrange(_LOW, _HIGH) if attempt < 150 else 0))
            return int(probe.getsockname()[1])
    raise OSError("no free loopback port for the demo")
