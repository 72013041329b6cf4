"""The cluster of the demo: three primaries with a replica each, whose files know each other before they start."""

from collections.abc import Sequence
from pathlib import Path

from optimus_tui.child_processes import bound_command
from optimus_tui.contract.cluster import SLOTS
from optimus_tui.demo.stack import LOOPBACK, ChildPlan, Ports

PRIMARIES, NODES = 3, 6
NODE_TIMEOUT_MS = 2_000
"""After this time without an answer the others give a node up; a loaded machine must not look like an outage."""
NODE = "node"
"""How the names of the children begin that are nodes."""
_STATE = b"*2\r\n$7\r\nCLUSTER\r\n$4\r\nINFO\r\n"


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


def node_plans(binary: str, ports: Ports, directory: Path) -> list[ChildPlan]:
    """Return how to start each node with this binary; their folders are made. A node is ready once all slots are."""
    plans = []
    for index, (port, bus) in enumerate(zip(ports.nodes, ports.buses, strict=True)):
        folder = directory / f"{NODE}{index}"
        folder.mkdir(exist_ok=True)
        (folder / "nodes.conf").write_text(node_lines(ports.nodes, ports.buses, index))
        options = (
            *node_options(port, bus, NODE_TIMEOUT_MS),
            *("--dir", str(folder), "--maxmemory", "64mb", "--maxmemory-policy", "noeviction"),
        )
        argv = bound_command("exec", binary, *options)
        label = f"{Path(binary).name} of node {index + 1}"
        plans.append(ChildPlan(f"{NODE}{index}", label, argv, port, _STATE, b"cluster_state:ok"))
    return plans
