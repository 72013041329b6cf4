"""The servers of a demo that has several, whose files know each other before they start.

A cluster of three primaries with a replica each, or a primary with two replicas that three sentinels watch.
"""

from collections.abc import Sequence
from pathlib import Path

from optimus_tui.child_processes import bound_command
from optimus_tui.contract.cluster import SLOTS
from optimus_tui.demo.ports import LOOPBACK, SERVICE, Ports
from optimus_tui.demo.stack import ChildPlan

PRIMARIES, NODES = 3, 6
NODE_TIMEOUT_MS = 2_000
"""After this time without an answer the others give a node up; a loaded machine must not look like an outage."""
NODE = "node"
"""How the names of the children begin that are one of several servers, or a sentinel."""
SENTINEL_CONF = "sentinel.conf"
_DOWN_AFTER_MS = 2_000
_FAILOVER_TIMEOUT_MS = 10_000
_QUORUM = 2
_MEMORY = ("--maxmemory", "64mb", "--maxmemory-policy", "noeviction")


def node_id(index: int) -> str:
    """Return the id of a node, by its number from 0."""
    return f"{index + 1:x}" * 40


def node_lines(ports: Sequence[int], buses: Sequence[int], me: int) -> str:
    """Return a ``nodes.conf`` with which a node knows all others: primaries first, then the replica of each.

    Ready-made, because nodes that are introduced to each other by hand need several seconds.
    """
    lines = []
    for index, (port, bus) in enumerate(zip(ports, buses, strict=True)):
        place = f"{node_id(index)} {LOOPBACK}:{port}@{bus} {'myself,' if index == me else ''}"
        leads = index % PRIMARIES
        if index >= PRIMARIES:
            lines.append(f"{place}slave {node_id(leads)} 0 0 {leads + 1} connected")
            continue
        first, last = index * SLOTS // PRIMARIES, (index + 1) * SLOTS // PRIMARIES - 1
        lines.append(f"{place}master - 0 0 {index + 1} connected {first}-{last}")
    return "\n".join([*lines, f"vars currentEpoch {PRIMARIES} lastVoteEpoch 0", ""])


def node_options(port: int, bus: int, timeout_ms: int) -> tuple[str, ...]:
    """Return the options of a node that keeps nothing on disk but its ``nodes.conf``."""
    return (
        *("--port", str(port), "--bind", LOOPBACK, "--save", "", "--repl-diskless-sync-delay", "0"),
        *("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(bus)),
        *("--cluster-node-timeout", str(timeout_ms)),
    )


def _folder(directory: Path, name: str) -> Path:
    folder = directory / name
    folder.mkdir(exist_ok=True)
    return folder


def node_plans(binary: str, ports: Ports, directory: Path) -> list[ChildPlan]:
    """Return how to start each node with this binary, and make their folders.

    A node is ready once the cluster is ok.
    """
    plans = []
    for index, (port, bus) in enumerate(zip(ports.nodes, ports.buses, strict=True)):
        folder = _folder(directory, f"{NODE}{index}")
        (folder / "nodes.conf").write_text(node_lines(ports.nodes, ports.buses, index))
        argv = bound_command("exec", binary, *node_options(port, bus, NODE_TIMEOUT_MS), "--dir", str(folder), *_MEMORY)
        label = f"{Path(binary).name} of node {index + 1}"
        plans.append(ChildPlan(f"{NODE}{index}", label, argv, port, b"CLUSTER INFO\r\n", b"cluster_state:ok"))
    return plans


def server_options(port: int, primary: int | None = None) -> tuple[str, ...]:
    """Return the options of a server that keeps nothing on disk; ``primary``: the port of the one that it copies."""
    copied = () if primary is None else ("--replicaof", f"{LOOPBACK} {primary}")
    return ("--port", str(port), "--bind", LOOPBACK, "--save", "", "--repl-diskless-sync-delay", "0", *copied)


def sentinel_lines(
    servers: Sequence[int], sentinels: Sequence[int], me: int, down_after_ms: int, failover_timeout_ms: int
) -> str:
    """Return a ``sentinel.conf`` with which a sentinel knows all servers and sentinels; the first is the primary.

    Ready-made, because sentinels find each other and the replicas only within ten seconds.
    """
    primary, *replicas = servers
    lines = [
        f"port {sentinels[me]}",
        f"bind {LOOPBACK}",
        f"sentinel myid {node_id(me)}",
        f"sentinel monitor {SERVICE} {LOOPBACK} {primary} {_QUORUM}",
        f"sentinel down-after-milliseconds {SERVICE} {down_after_ms}",
        f"sentinel failover-timeout {SERVICE} {failover_timeout_ms}",
        *(f"sentinel known-replica {SERVICE} {LOOPBACK} {port}" for port in replicas),
        *(
            f"sentinel known-sentinel {SERVICE} {LOOPBACK} {port} {node_id(index)}"
            for index, port in enumerate(sentinels)
            if index != me
        ),
    ]
    return "\n".join([*lines, ""])


def sentinel_plans(binary: str, ports: Ports, directory: Path) -> list[ChildPlan]:
    """Return how to start a primary, its replicas and their sentinels with this binary, and make their folders.

    A replica is ready once it has the primary's keys, a sentinel once enough of them agree.
    """
    plans = []
    for index, port in enumerate(ports.nodes):
        name, label = f"{NODE}{index}", f"{Path(binary).name} of server {index + 1}"
        options = server_options(port, ports.server if index else None)
        argv = bound_command("exec", binary, *options, "--dir", str(_folder(directory, name)), *_MEMORY)
        state = b"master_link_status:up" if index else b"role:master"
        plans.append(ChildPlan(name, label, argv, port, b"INFO replication\r\n", state))
    for index, port in enumerate(ports.sentinels):
        name, label = f"{NODE}{len(ports.nodes) + index}", f"{Path(binary).name} of sentinel {index + 1}"
        conf = _folder(directory, name) / SENTINEL_CONF
        conf.write_text(sentinel_lines(ports.nodes, ports.sentinels, index, _DOWN_AFTER_MS, _FAILOVER_TIMEOUT_MS))
        argv = bound_command("exec", binary, str(conf), "--sentinel")
        question = f"SENTINEL CKQUORUM {SERVICE}\r\n".encode()
        plans.append(ChildPlan(name, label, argv, port, question, b"+OK "))
    return plans
