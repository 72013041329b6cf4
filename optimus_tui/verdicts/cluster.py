"""Judge a cluster, or what sentinels watch. Pure.

Slots without a primary, servers that are away, failovers, and the condition of each server.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from optimus_tui.contract.cluster import SLOTS, ClusterState, Failover, SentinelState
from optimus_tui.contract.finding_rules import (
    SERVER_CLUSTER_NODE,
    SERVER_CLUSTER_SLOTS,
    SERVER_FAILOVER,
    SERVER_SENTINELS,
    SERVER_UNPROVEN,
)
from optimus_tui.contract.findings import Finding, Severity, rank
from optimus_tui.contract.make_finding import make_finding, phrase
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import ServerState
from optimus_tui.verdicts.server import judge_condition
from optimus_tui.wording.numbers import age, clause, clock, percent, plural

FAILOVER_SECONDS = 600.0
"""For so long a failover is told."""
MOST_RANGES = 3
MOST_TOLD = 3
"""Failovers that one sentence tells."""


def judge_cluster(state: ServerState, now: float) -> list[Finding]:
    """Return what is wrong with a cluster. ``now`` is the wall-clock time of the reading."""
    cluster = state.cluster
    if cluster is None:
        return []
    return [
        *_slots(cluster),
        *_away(state.nodes),
        *judge_failovers(state.failovers, now),
        *_conditions(state),
    ]


def judge_watched(state: ServerState) -> list[Finding]:
    """Return what is wrong with the sentinels of a primary that answers, and with its replicas."""
    sentinels = state.sentinels
    if sentinels is None:
        return []
    found = []
    away, odd = sentinels.total - sentinels.answering, sentinels.answering - sentinels.naming
    if away or odd:
        message = ""
        if not away:
            message = phrase(
                SERVER_SENTINELS, "differ", naming=sentinels.naming, all=sentinels.total, place=sentinels.primary
            )
        found.append(
            make_finding(
                rule=SERVER_SENTINELS,
                subject="redis",
                message=message,
                away=away,
                all=sentinels.total,
                reason=sentinels.fault.message if sentinels.fault else "unknown",
                measured=float(sentinels.naming),
                threshold=float(sentinels.total),
                unit="sentinels",
                samples=1,
            )
        )
    # A replica that is silent to us alone may only be out of our reach.
    down = [node for node in state.nodes if node.node is not None and node.node.fault and node.node.judged == "fail"]
    remedy = phrase(SERVER_CLUSTER_NODE, "watched_remedy")
    return [*found, *(replace(finding, remedy=remedy) for finding in _away(down))]


def judge_unproven(state: ServerState | None, fault: Fault) -> list[Finding]:
    """Return that no primary is proven, if that is the ``fault``; nothing where a server is known to be away."""
    said = state.sentinels if state is not None else None
    if said is None or said.unproven is None:
        return []
    severity: Severity = "high"
    message = ""
    if said.primary_answers:
        message = phrase(SERVER_UNPROVEN, "answers", reason=fault.message, place=said.primary)
    elif said.primary and not said.answering:
        severity = "critical"
        message = phrase(SERVER_UNPROVEN, "silent", reason=fault.message, place=said.primary)
    return [
        make_finding(
            rule=SERVER_UNPROVEN,
            subject="redis",
            severity=severity,
            message=message,
            reason=fault.message,
            measured=float(said.naming),
            threshold=float(said.total),
            unit="sentinels",
            remedy=fault.remedy or "",
        )
    ]


def judge_failovers(failovers: Sequence[Failover], now: float) -> list[Finding]:
    """Return the failovers that are not long ago as one finding, which begins with the last of them."""
    recent = [one for one in reversed(failovers) if now - one.at <= FAILOVER_SECONDS]
    if not recent:
        return []
    last, message = recent[0], ""
    if len(recent) > 1:
        told = [
            phrase(SERVER_FAILOVER, "one_of", new=one.new, old=one.old, at=clock(one.at)) for one in recent[:MOST_TOLD]
        ]
        if left := len(recent) - len(told):
            told.append(f"and {left:,} more")
        span = age(max(0.0, now - recent[-1].at))
        message = phrase(SERVER_FAILOVER, "several", count=len(recent), span=span, which=", ".join(told))
    found = make_finding(
        rule=SERVER_FAILOVER,
        subject="redis",
        message=message,
        new=last.new,
        old=last.old,
        at=clock(last.at),
        measured=last.new,
    )
    return [replace(found, since=last.at)]


def first_away(state: ServerState) -> Fault | None:
    """Return why the first node does not answer, with the node; None where all answer."""
    for node in state.nodes:
        if node.node is not None and node.node.fault is not None:
            fault = node.node.fault
            return replace(fault, message=f"{node.node.role} {node.node.place} does not answer: {fault.message}")
    return None


def cluster_words(state: ServerState) -> str:
    """Return what a cluster consists of and how much of it is served, as a sentence for ``doctor``."""
    facts = [node.node for node in state.nodes if node.node is not None]
    primaries = sum(one.role == "primary" for one in facts)
    says, covered = "unknown", 0
    if state.cluster is not None:
        covered = state.cluster.covered
        says = {True: "ok", False: "fail", None: "unknown"}[state.cluster.says_ok]
    whole = f"{plural(primaries, 'primary', 'primaries')} and {plural(len(facts) - primaries, 'replica')}"
    return f"{whole}, state {says}, {covered:,} of {SLOTS:,} slots served"


def sentinel_words(state: SentinelState) -> str:
    """Return how many of the sentinels answer and which primary they name, in a few words."""
    if not state.answering:
        return f"none of {state.total:,} answers"
    if state.naming == state.total:
        return f"{plural(state.total, 'sentinel names', 'sentinels name')} {state.primary}"
    words = f"{state.answering:,} of {state.total:,} answer"
    if state.naming:
        return f"{words}, {state.primary} named by {state.naming:,}"
    return f"{words}, and none names a primary"


def watched_words(sentinels: SentinelState, state: ServerState) -> str:
    """Return what sentinels watch, and what that means for actions, as a sentence for ``doctor``."""
    replicas = plural(sum(node.node is not None and node.node.role == "replica" for node in state.nodes), "replica")
    if (fault := sentinels.replicas_fault) is not None:
        remedy = clause(fault.remedy, " (", ")")
        replicas = f"its replicas are unknown: {fault.message}{remedy}"
    words = f"{sentinel_words(sentinels)}; {replicas}"
    if sentinels.naming:
        words = f"{sentinel_words(sentinels)} as the primary; {replicas}"
    if sentinels.proven:
        return words
    return f"{words}; actions are refused: most of all sentinels must name it"


def ranges_text(ranges: Sequence[tuple[int, int]]) -> str:
    """Return ranges of slots as ``0-5460, 10923``; the first three of many."""
    words = [str(first) if first == last else f"{first}-{last}" for first, last in ranges[:MOST_RANGES]]
    if len(ranges) > MOST_RANGES:
        words.append(f"and {len(ranges) - MOST_RANGES:,} more")
    return ", ".join(words)


def _slots(cluster: ClusterState) -> list[Finding]:
    lost = SLOTS - cluster.covered
    ranges = ranges_text(cluster.lost)
    message = ""
    if cluster.says_ok is False:
        message = phrase(SERVER_CLUSTER_SLOTS, "down")
        if lost:
            message = phrase(SERVER_CLUSTER_SLOTS, "down_lost", lost=lost, ranges=ranges)
    elif not lost:
        return []
    return [
        make_finding(
            rule=SERVER_CLUSTER_SLOTS,
            subject="redis",
            message=message,
            lost=lost,
            share=percent(lost / SLOTS),
            ranges=ranges,
            measured=float(cluster.covered),
            threshold=float(SLOTS),
            unit="slots",
            samples=1,
        )
    ]


def _away(nodes: Sequence[ServerState]) -> list[Finding]:
    """Return one finding for the nodes that do not answer, else for those that the others give up."""
    facts = [node.node for node in nodes if node.node is not None]
    silent = sorted((one for one in facts if one.fault is not None), key=lambda one: one.role)
    doubted = [one for one in facts if one.fault is None and one.judged != "ok"]
    if not silent and not doubted:
        return []
    first = (silent or doubted)[0]
    message, reason, remedy = "", "", ""
    if first.fault is not None:
        reason, remedy = first.fault.message, first.fault.remedy or ""
    if len(silent) > 1:
        message = phrase(
            SERVER_CLUSTER_NODE, "several", count=len(silent), role=first.role, place=first.place, reason=reason
        )
    if not silent:
        words = {"pfail": "suspected", "fail": "failed"}[first.judged]
        message = phrase(SERVER_CLUSTER_NODE, "judged", role=first.role, place=first.place, judged=words)
    return [
        make_finding(
            rule=SERVER_CLUSTER_NODE,
            subject="redis",
            severity="high" if first.role == "primary" and first.slots else "medium",
            message=message,
            remedy=remedy,
            role=first.role,
            place=first.place,
            reason=reason,
            measured=float(len(facts) - len(silent)),
            threshold=float(len(facts)),
            unit="nodes",
            samples=1,
        )
    ]


def _conditions(state: ServerState) -> list[Finding]:
    """Return the findings about single nodes: the worst of each rule, with its node and how many more have it.

    What only follows from earlier readings of the whole (lost replicas, writes refused lately) is told of the whole.
    """
    found: dict[str, list[tuple[str, Finding]]] = {}
    for node in state.nodes:
        if node.node is None or node.node.fault is not None:
            continue
        for finding in judge_condition(node):
            found.setdefault(finding.rule, []).append((node.node.place, finding))
    worst = []
    for rows in found.values():
        place, finding = max(rows, key=lambda row: rank(row[1]))
        more = f" (and {len(rows) - 1:,} more nodes)" if len(rows) > 1 else ""
        worst.append(replace(finding, message=f"{place}: {finding.message}{more}"))
    return [*worst, *(finding for finding in judge_condition(state) if finding.rule not in found)]
