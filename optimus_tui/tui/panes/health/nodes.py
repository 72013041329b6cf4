"""The servers of a cluster, or behind sentinels, the worst first, and what their system says of itself. Pure."""

from collections.abc import Callable, Sequence

from optimus_tui.contract.cluster import SLOTS, ClusterState, SentinelState
from optimus_tui.contract.services import HealthReport, ServerState
from optimus_tui.tui.panes.health.lines import HealthLine, name_pieces
from optimus_tui.tui.theme import SEVERITY_TEXT_STYLES
from optimus_tui.tui.widgets.cells import Cell, Column, Table, as_many_as_fit
from optimus_tui.tui.widgets.row_table import fitted_to
from optimus_tui.verdicts.cluster import sentinel_words
from optimus_tui.verdicts.server import memory_share
from optimus_tui.wording.numbers import NOTHING, age, clock, compact, latency, percent, plural, size
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import SEVERITY_MARKS, STATUS_MARKS, StateGlyph

LEAST_NODES = 3
"""Nodes that are shown however little room there is."""
SHOWN_FAILOVERS = 3
SHORT = 80
"""In lines of fewer cells, what is wrong with a node takes the place of its figures."""
HOT = 2.0
"""A primary with so many times its even share of the commands is hot."""


def cluster_lines(report: HealthReport, width: int, most: int) -> list[HealthLine]:
    """Return a line on the cluster, or the sentinels, and a table of the servers; nothing where Redis is one server.

    Args:
        report: What was read and judged.
        width: Cells of a line.
        most: Nodes to show where that is more than ``LEAST_NODES``.
    """
    state = report.server.value if report.server is not None else None
    if state is None:
        return []
    if state.cluster is not None:
        name, parts = "cluster", _cluster_parts(state.cluster, state)
        style = "" if state.cluster.covered == SLOTS and state.cluster.says_ok is not False else "crit"
    elif state.sentinels is not None:
        name, parts = "sentinel", _sentinel_parts(state.sentinels, state)
        style = "" if state.sentinels.proven else "crit"
    else:
        return []
    lines = [HealthLine(name, 0, [*name_pieces(name), (as_many_as_fit(parts, width - 12), style)])]
    if not state.nodes:
        return lines
    nodes = sorted(state.nodes, key=_order)
    shown = nodes[: max(LEAST_NODES, most)]
    table = fitted_to(_table(state.nodes, width), shown)
    lines.append(HealthLine(None, 0, table.head(width)))
    for node in shown:
        lines.append(HealthLine(("node", _place(node)), 0, table.row(node, width)))
    if left := len(nodes) - len(shown):
        lines.append(HealthLine(None, 0, [(f"  +{plural(left, 'more node')}, none of them worse", "quiet")]))
    return lines


def _cluster_parts(cluster: ClusterState, state: ServerState) -> list[str]:
    """Return the cluster in short parts, the most important first."""
    says = {True: "ok", False: "fail", None: "unknown"}[cluster.says_ok]
    answering = sum(node.node is not None and node.node.fault is None for node in state.nodes)
    parts = [f"{says}: all slots served"]
    if cluster.says_ok is False:
        parts = ["its nodes say fail: no key is served, though all primaries answer"]
    if cluster.covered != SLOTS:
        parts = [f"{cluster.covered:,} of {SLOTS:,} slots served", f"its nodes say {says}"]
    parts += [f"{answering:,} of {plural(len(state.nodes), 'node')} answer"]
    if cluster.moving:
        parts.append(f"{plural(cluster.moving, 'slot')} moving")
    return [*parts, *_failover_parts(state)]


def _sentinel_parts(sentinels: SentinelState, state: ServerState) -> list[str]:
    parts = [sentinel_words(sentinels), *_failover_parts(state)]
    if sentinels.replicas_fault is not None:
        parts.insert(1, f"replicas unknown: {sentinels.replicas_fault.message}")
    return parts


def _failover_parts(state: ServerState) -> list[str]:
    """Return the failovers seen, the last one first, with how many they are."""
    told = [f"{clock(one.at)}: {one.old} to {one.new}" for one in reversed(state.failovers[-SHOWN_FAILOVERS:])]
    if len(state.failovers) < 2:
        return [f"failover {one}" for one in told]
    first, *before = told
    return [f"{len(state.failovers):,} failovers, last {first}", *(f"before {one}" for one in before)]


def _place(node: ServerState) -> str:
    if node.node is not None:
        return safe_text(node.node.place, 60)
    return ""


def _order(node: ServerState) -> tuple[bool, bool, bool, float, str]:
    """Return the sort key of a node, the worst first: silent, given up by others, a lost link, then the slowest."""
    facts = node.node
    silent = facts is None or facts.fault is not None
    doubted = facts is not None and (facts.judged != "ok" or _is_demoted(node))
    cut_off = node.role == "replica" and node.link_to_master not in (None, "up")
    return not silent, not doubted, not cut_off, -(node.latency_ms or 0.0), _place(node)


def _is_demoted(node: ServerState) -> bool:
    """Return whether a replica still calls itself a primary, as one does that was demoted while it was away."""
    return node.node is not None and node.node.role == "replica" and node.role == "primary"


def _glyph(node: ServerState) -> StateGlyph:
    facts = node.node
    if facts is None or facts.fault is not None:
        return STATUS_MARKS["disconnected"]
    cut_off = node.role == "replica" and node.link_to_master not in (None, "up")
    if facts.judged != "ok" or cut_off or _is_demoted(node):
        return SEVERITY_MARKS["medium"]
    return STATUS_MARKS["connected"]


def _table(nodes: Sequence[ServerState], width: int) -> Table[ServerState]:
    primaries = [node for node in nodes if node.node is not None and node.node.role == "primary"]
    rates = [node.commands_per_second for node in primaries if node.commands_per_second is not None]
    whole = sum(rates)
    owners = [node for node in primaries if node.node is not None and node.node.slots]
    troubled = [node for node in nodes if _is_troubled(node)]

    def figure(cell: Callable[[ServerState, int], Cell]) -> Callable[[ServerState, int], Cell]:
        """Return a cell that leaves its room to what is wrong, where no figure is known or the line is short."""

        def shown(node: ServerState, room: int) -> Cell:
            if _is_silent(node) or (width < SHORT and node in troubled):
                return None
            return cell(node, room)

        return shown

    def busy(node: ServerState, _: int) -> Cell:
        if node.commands_per_second is None:
            return NOTHING, "quiet"
        share = node.commands_per_second / whole if whole and node in primaries else None
        hot = share is not None and len(rates) > 1 and share * len(rates) >= HOT
        words = compact(round(node.commands_per_second))
        if hot:
            return (f"{words} {percent(share)}", "warn")
        return (words, "")

    return Table[ServerState](
        Column("mark", "", 1, lambda node, _: (_glyph(node).glyph, SEVERITY_TEXT_STYLES[_glyph(node).severity_style])),
        Column("place", "node", 21, lambda node, _: (_place(node), "bright"), measured=True, most=40),
        Column("role", "role", 7, lambda node, _: (node.node.role if node.node else "", ""), measured=True),
        Column("ping", "PING", 8, figure(lambda node, _: (latency(node.latency_ms), "")), "right", measured=True),
        Column("keys", "keys", 6, figure(lambda node, _: (compact(node.keys), "")), "right", measured=True),
        Column("memory", "memory", 7, figure(_memory), "right", grow=1, most=12, measured=True, rank=1),
        *([Column("slots", "slots", 6, figure(_slots), "right", measured=True, rank=3)] if owners else []),
        Column("busy", "cmd/s", 10, figure(busy), "right", measured=True, rank=2),
        Column("clients", "clients", 7, figure(lambda node, _: (compact(node.clients), "")), "right", rank=4),
        Column("link", "link", 10, _link, grow=1, most=60, measured=True, rank=5 * (not troubled)),
    )


def _is_silent(node: ServerState) -> bool:
    """Return whether no figure of a node is known: then why takes the place of the figures."""
    return node.node is not None and node.node.fault is not None


def _is_troubled(node: ServerState) -> bool:
    words, style = _link(node, 0)
    return bool(words) and style in ("crit", "warn")


def _memory(node: ServerState, room: int) -> Cell:
    if node.memory_used is None:
        return NOTHING, "quiet"
    words, share = size(node.memory_used), memory_share(node)
    if share is None or len(words) + len(percent(share)) >= room:
        return words, ""
    return f"{words} {percent(share)}", ""


def _slots(node: ServerState, _: int) -> Cell:
    if node.node is None or not node.node.slots:
        return NOTHING, "quiet"
    return f"{node.node.slots:,}", ""


def _link(node: ServerState, _: int) -> tuple[str, str]:
    """Return why a node does not answer, or how far a replica is behind its primary."""
    facts = node.node
    if facts is None:
        return "", ""
    if facts.fault is not None:
        return facts.fault.message, "crit"
    if facts.role == "primary":
        return "" if facts.judged == "ok" else f"others say {facts.judged}", "warn"
    if _is_demoted(node):
        return "calls itself a primary still: what is written there is lost", "warn"
    if node.link_to_master not in (None, "up"):
        return f"{node.link_to_master} to {safe_text(facts.primary, 40)}", "warn"
    behind = size(facts.lag_bytes) if facts.lag_bytes is not None else "?"
    heard = f", heard {age(float(node.heard_seconds))} ago" if node.heard_seconds else ""
    return f"{behind} behind {safe_text(facts.primary, 40)}{heard}", "quiet"
