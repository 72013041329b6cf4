"""Judges a Redis that answers by what its INFO says: does it refuse writes or connections, has a replica lost its
primary, is there room left. Pure.

What was refused once since the server's start is no trouble of now: only growth between two looks is, or a state in
which the server must refuse. A server that evicts keys may be full. What INFO does not tell is said.
"""

from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    SERVER_CLIENTS,
    SERVER_INFO_SENSELESS,
    SERVER_INFO_UNKNOWN,
    SERVER_MEMORY,
    SERVER_PERSISTENCE,
    SERVER_REFUSES_CONNECTIONS,
    SERVER_REFUSES_WRITES,
    SERVER_REPLICA_LINK,
    SERVER_REPLICAS,
)
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.services import ServerState
from optimus_tui.verdicts.server_track import REPLICA_SECONDS
from optimus_tui.wording.numbers import percent, plural
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.size import size

FULL_SHARE, NEARLY_FULL_SHARE, NEAR_SHARE = 0.99, 0.98, 0.90
"""Of maxmemory. A server that refused writes for want of memory and stands above the first is full: what a client sends
takes the rest. From the second on little is missing, from the third on it is worth a word."""
CLIENTS_SHARE = 0.90

_WHY = {
    "OOM": ("it is at its maxmemory", "Raise maxmemory, remove keys, or set an eviction policy (maxmemory-policy)."),
    "MISCONF": (
        "it cannot write its data to disk",
        "See the disk behind the server (full? rights?) and its log; writes go on when a save succeeds.",
    ),
    "NOREPLICAS": (
        "too few replicas keep up (min-replicas-to-write)",
        "Bring the replicas back, or lower min-replicas-to-write.",
    ),
    "READONLY": (
        "it is a read-only replica",
        "Point the gateway at the primary: after a failover this server may have become a replica.",
    ),
}
"""By the word of the error: why writes are refused, and what helps."""


def judge_condition(state: ServerState) -> list[Finding]:
    """Return the findings about a server that answers, from its INFO."""
    if state.info_fault is not None:
        return [*_refuses_writes(state), _info_unknown(state)]
    refuses = _refuses_writes(state)
    return [
        *refuses,
        *([] if refuses else [*_memory(state), *_persistence(state)]),
        *_link(state),
        *_replicas(state),
        *_connections(state),
        *_senseless(state),
    ]


def _refuses_writes(state: ServerState) -> list[Finding]:
    """One finding, with all that says so: what the server must refuse in its state, and what it refused lately."""
    reasons = _must_refuse(state)
    lately = state.refused_lately
    grown = {}
    if lately:
        grown = {name: count for name, count in (lately.writes or {}).items() if count > 0}
    words = list(dict.fromkeys([*reasons, *grown]))
    if not words:
        return []
    first = words[0]
    why, remedy = _WHY[first]
    told = [reasons.get(first) or why]
    if grown and lately is not None and lately.seconds:
        counted = ", ".join(f"{count:,} with {name}" for name, count in grown.items())
        told.append(f"{counted} in the last {lately.seconds:.0f} s")
    elif count := (state.refused.writes or {}).get(first, 0):
        told.append(f"{count:,} refused since its start")
    window_seconds = None
    if grown and lately and not reasons:
        window_seconds = lately.seconds
    samples, unit = 1, ""
    measured: float | str = first
    threshold: float | str = "no refusal"
    if grown:
        samples, unit = 2, "writes"
        measured, threshold = float(sum(grown.values())), 0.0
    return [
        make_finding(
            rule=SERVER_REFUSES_WRITES,
            subject="redis",
            message=f"redis refuses writes: {'; '.join(told)}",
            measured=measured,
            threshold=threshold,
            unit=unit,
            samples=samples,
            window_seconds=window_seconds,
            remedy=remedy,
        )
    ]


def _must_refuse(state: ServerState) -> dict[str, str]:
    """Why the server refuses every write in the state it is in, by the word of its error."""
    found: dict[str, str] = {}
    share = memory_share(state)
    refused = state.refused.writes or {}
    full = share is not None and (share >= 1.0 or (share >= FULL_SHARE and bool(refused.get("OOM"))))
    if full and state.role != "replica" and _evicts_nothing(state):
        nothing = ", and no key has a TTL"
        if state.memory_policy == "noeviction":
            nothing = ""
        found["OOM"] = (
            f"it uses {size(state.memory_used)} of {size(state.memory_max)} and evicts nothing "
            f"({state.memory_policy}{nothing})"
        )
    if state.writes_stopped:
        found["MISCONF"] = "it cannot write its data to disk, and stops writes until it can"
    elif state.append_failed:
        found["MISCONF"] = "the last write to its append-only file failed"
    elif state.snapshot_failed and refused.get("MISCONF") and state.latency_command != "PING":
        found["MISCONF"] = "its last snapshot failed, and it stops writes then"
    if state.replicas_good == 0 and state.role == "primary":
        found["NOREPLICAS"] = "no replica keeps up, and it wants at least one (min-replicas-to-write)"
    return found


def memory_share(state: ServerState) -> float | None:
    """Return the share of maxmemory in use as the server counts; None without a limit, or where it is not told."""
    if state.memory_used is None or not state.memory_max:
        return None
    return max(0, state.memory_used - (state.memory_uncounted or 0)) / state.memory_max


def _evicts_nothing(state: ServerState) -> bool:
    policy = state.memory_policy or ""
    return policy == "noeviction" or (policy.startswith("volatile-") and state.expiring_keys == 0)


def _memory(state: ServerState) -> list[Finding]:
    share = memory_share(state)
    if share is None or share < NEAR_SHARE or state.role == "replica" or not _evicts_nothing(state):
        return []
    severity: Severity = "low"
    if share >= NEARLY_FULL_SHARE:
        severity = "medium"
    return [
        make_finding(
            rule=SERVER_MEMORY,
            severity=severity,
            subject="redis",
            message=f"redis uses {percent(share)} of its maxmemory ({size(state.memory_max)}) and evicts nothing "
            f"({state.memory_policy})",
            measured=share,
            threshold=NEAR_SHARE,
            unit="share",
            samples=1,
            remedy=_WHY["OOM"][1],
        )
    ]


def _persistence(state: ServerState) -> list[Finding]:
    if not state.snapshot_failed:
        return []
    return [
        make_finding(
            rule=SERVER_PERSISTENCE,
            subject="redis",
            message="the last snapshot of redis failed (rdb_last_bgsave_status)",
            measured="err",
            threshold="ok",
            samples=1,
            remedy=_WHY["MISCONF"][1],
        )
    ]


def _link(state: ServerState) -> list[Finding]:
    if state.role != "replica" or state.link_to_master in (None, "up"):
        return []
    found = make_finding(
        rule=SERVER_REPLICA_LINK,
        subject="redis",
        message=f"redis is a replica whose link to its primary is {safe_text(state.link_to_master, 20)}",
        measured=state.link_to_master,
        threshold="up",
        samples=1,
    )
    if state.link_to_master == "syncing":
        found = replace(
            found,
            severity="medium",
            message="redis is a replica that is copying the whole data of its primary",
            impact="Until it is done, counters and cache keys that are read here are old or missing.",
            remedy="Wait until it is done; where that goes on and on, see the replica's log.",
        )
    return [found]


def _replicas(state: ServerState) -> list[Finding]:
    if state.replicas_lost <= 0:
        return []
    return [
        make_finding(
            rule=SERVER_REPLICAS,
            subject="redis",
            message=f"{plural(state.replicas_lost, 'replica')} of redis dropped away, "
            f"{state.replicas or 0:,} still connected",
            measured=float(state.replicas or 0),
            threshold=float((state.replicas or 0) + state.replicas_lost),
            unit="replicas",
            samples=2,
            window_seconds=REPLICA_SECONDS,
        )
    ]


def _connections(state: ServerState) -> list[Finding]:
    lately = state.refused_lately
    if lately is not None and lately.connections:
        return [
            make_finding(
                rule=SERVER_REFUSES_CONNECTIONS,
                subject="redis",
                message=f"redis refused {plural(lately.connections, 'connection')} in {lately.seconds or 0:.0f} s: "
                "it has no room for another client (maxclients)",
                measured=float(lately.connections),
                threshold=0.0,
                unit="connections",
                samples=2,
                window_seconds=lately.seconds,
            )
        ]
    if state.clients is None or not state.clients_max or state.clients < CLIENTS_SHARE * state.clients_max:
        return []
    return [
        make_finding(
            rule=SERVER_CLIENTS,
            subject="redis",
            message=f"{state.clients:,} of {state.clients_max:,} clients are connected to redis (maxclients)",
            measured=state.clients / state.clients_max,
            threshold=CLIENTS_SHARE,
            unit="share",
            samples=1,
        )
    ]


def _info_unknown(state: ServerState) -> Finding:
    fault = state.info_fault
    assert fault is not None
    odd = fault.kind == "invalid" and "not available" not in fault.message
    severity: Severity = "low"
    if odd:
        severity = "medium"
    return make_finding(
        rule=SERVER_INFO_UNKNOWN,
        severity=severity,
        subject="redis",
        message=f"redis answers, and its state is unknown: {fault.message}",
        measured="unknown",
        threshold="measured",
        samples=0,
        remedy=fault.remedy or "",
    )


def _senseless(state: ServerState) -> list[Finding]:
    if not state.senseless:
        return []
    return [
        make_finding(
            rule=SERVER_INFO_SENSELESS,
            subject="redis",
            message=f"INFO of redis holds what cannot be: {', '.join(state.senseless)}; taken as unknown",
            measured="unknown",
            threshold="a number",
            samples=1,
        )
    ]
