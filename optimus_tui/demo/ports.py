"""The loopback ports of one demo: which are free, and which of them its Redis takes in each topology."""

import contextlib
import random
import socket
from typing import NamedTuple

from optimus_tui.contract.cluster import Topology

LOOPBACK = "127.0.0.1"
SERVICE = "mymaster"
"""The name under which the demo's sentinels know the primary."""
_LOW, _HIGH = 18_000, 32_000
_CLUSTER_NODES = 6
_WATCHED_SERVERS = _SENTINELS = 3


class Ports(NamedTuple):
    """The loopback ports of one demo.

    ``nodes`` are those of a cluster, or of the servers that ``sentinels`` watch; ``server`` is the first of them.
    ``buses`` are the ports over which the nodes of a cluster talk to each other. All three are empty for one server.
    """

    server: int
    engine: int
    gateway: int
    nodes: tuple[int, ...] = ()
    buses: tuple[int, ...] = ()
    sentinels: tuple[int, ...] = ()

    @property
    def topology(self) -> Topology:
        """How the Redis of this demo is built."""
        if self.sentinels:
            return "sentinel"
        if self.buses:
            return "cluster"
        return "single"

    @property
    def redis_url(self) -> str:
        """The address of the server, of the primaries of the cluster, or of the sentinels."""
        if self.topology == "single":
            return f"redis://{LOOPBACK}:{self.server}/0"
        if self.topology == "sentinel":
            return f"redis+sentinel://{_listed(self.sentinels)}/{SERVICE}"
        return f"redis+cluster://{_listed(self.nodes[: len(self.nodes) // 2])}"


def _listed(ports: tuple[int, ...]) -> str:
    return ",".join(f"{LOOPBACK}:{port}" for port in ports)


def ports_for(topology: Topology) -> Ports:
    """Choose the ports of a demo.

    Raises:
        OSError: There are not enough free ports.
    """
    if topology == "sentinel":
        engine, gateway, *places = choose_ports(2 + _WATCHED_SERVERS + _SENTINELS)
        servers, sentinels = places[:_WATCHED_SERVERS], places[_WATCHED_SERVERS:]
        return Ports(servers[0], engine, gateway, tuple(servers), sentinels=tuple(sentinels))
    if topology == "cluster":
        engine, gateway, *places = choose_ports(2 + 2 * _CLUSTER_NODES)
        return Ports(places[0], engine, gateway, tuple(places[:_CLUSTER_NODES]), tuple(places[_CLUSTER_NODES:]))
    server, engine, gateway = choose_ports(3)
    return Ports(server, engine, gateway)


def choose_ports(count: int) -> tuple[int, ...]:
    """Return ``count`` different TCP ports that are free on 127.0.0.1 now.

    They are below every usual ephemeral range, so that no outgoing connection takes one before its server listens. A
    port that is taken meanwhile is reported by the server that cannot bind it.

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
