"""Judge a Redis that answers, by its INFO and by comparing several readings of it. Pure."""

from msgspec import Struct
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
from optimus_tui.contract.make_finding import Value, make_finding, phrase
from optimus_tui.contract.services import ServerState, growth
from optimus_tui.wording.numbers import age, percent, plural, size
from optimus_tui.wording.safe import safe_text

KEEP_SECONDS = 30.0
"""Looks are compared over so long: a server that is asked to write only now and then still refuses."""
REPLICA_SECONDS = 600.0
"""For so long a replica that dropped away is missed."""
FULL_SHARE, NEARLY_FULL_SHARE, NEAR_SHARE = 0.99, 0.98, 0.90
"""Of maxmemory. A server that refused writes for want of memory and stands above the first is full: what a client sends
takes the rest. From the second on little is missing, from the third on it is worth a word."""
CLIENTS_SHARE = 0.90


class ServerTrack(Struct, frozen=True, kw_only=True):
    """Readings of one run of a server in the last ``KEEP_SECONDS``, oldest first: (monotonic seconds, state).

    It also has the highest number of replicas, and when the server had it.
    """

    looks: tuple[tuple[float, ServerState], ...] = ()
    replicas: int = 0
    replicas_mono: float = 0.0


NO_SAMPLES = ServerTrack()


def track_server(track: ServerTrack, state: ServerState, mono: float) -> tuple[ServerTrack, ServerState]:
    """Return the track with this reading added, and the state completed by earlier readings."""
    last = None
    if track.looks:
        last = track.looks[-1][1]
    if last is not None and (last.run_id != state.run_id or (state.uptime_seconds or 0) < (last.uptime_seconds or 0)):
        track, last = NO_SAMPLES, None
    if last is not None and _parts(last) != _parts(state):
        track, last = replace(track, looks=()), None  # each server counts for itself: sums of others grow by their past
    recent = [(at, one) for at, one in track.looks if at >= mono - KEEP_SECONDS]
    looks = (*(recent or track.looks[-1:]), (mono, state))
    most, at = track.replicas, track.replicas_mono
    replicas = state.replicas or 0
    if replicas >= most or mono - at > REPLICA_SECONDS:
        most, at = replicas, mono
    lost = 0
    if state.role == "primary" and state.replicas is not None:
        lost = most - replicas
    lately = None
    if last is not None:
        lately = growth(looks[0][1].refused, state.refused, mono - looks[0][0])
    if last is not None and lately is None and state.refused.writes is not None:
        looks = ((mono, state),)  # counts were set back (CONFIG RESETSTAT): compare from here on
    track = ServerTrack(looks=looks, replicas=most, replicas_mono=at)
    return track, replace(state, refused_lately=lately, replicas_lost=lost)


def _parts(state: ServerState) -> frozenset[str | None]:
    """Return the runs of the servers whose counts are summed up; empty for one server."""
    return frozenset(node.run_id for node in state.nodes if node.node is not None and node.node.slots)


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
    """Return one finding that writes are refused, with every reason: the state of the server, and recent refusals."""
    reasons = _must_refuse(state)
    lately = state.refused_lately
    grown = {}
    if lately:
        grown = {name: count for name, count in (lately.writes or {}).items() if count > 0}
    words = list(dict.fromkeys([*reasons, *grown]))
    if not words:
        return []
    first = words[0]
    parts = [reasons.get(first) or _why_refused(first)]
    if grown and lately is not None and lately.seconds:
        counts = ", ".join(_why_refused("with_error", count=count, error=name) for name, count in grown.items())
        parts.append(_why_refused("lately", counts=counts, span=age(lately.seconds)))
    elif count := (state.refused.writes or {}).get(first, 0):
        parts.append(_why_refused("since_start", count=count))
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
            reasons="; ".join(parts),
            measured=measured,
            threshold=threshold,
            unit=unit,
            samples=samples,
            window_seconds=window_seconds,
            remedy=_why_refused(f"remedy_{first}"),
        )
    ]


def _why_refused(name: str, **values: Value) -> str:
    return phrase(SERVER_REFUSES_WRITES, name, **values)


def _must_refuse(state: ServerState) -> dict[str, str]:
    """Return why the server must refuse every write in its present state, by the word of its error."""
    found: dict[str, str] = {}
    share = memory_share(state)
    refused = state.refused.writes or {}
    full = share is not None and (share >= 1.0 or (share >= FULL_SHARE and bool(refused.get("OOM"))))
    if full and state.role != "replica" and _evicts_nothing(state):
        why = "memory_full_no_ttl"
        if state.memory_policy == "noeviction":
            why = "memory_full"
        found["OOM"] = _why_refused(
            why, used=size(state.memory_used), limit=size(state.memory_max), policy=state.memory_policy or ""
        )
    if state.writes_stopped:
        found["MISCONF"] = _why_refused("writes_stopped")
    elif state.append_failed:
        found["MISCONF"] = _why_refused("append_failed")
    elif state.snapshot_failed and refused.get("MISCONF") and state.latency_command != "PING":
        found["MISCONF"] = _why_refused("snapshot_failed")
    if state.replicas_good == 0 and state.role == "primary":
        found["NOREPLICAS"] = _why_refused("no_replica")
    return found


def memory_share(state: ServerState) -> float | None:
    """Return the share of maxmemory in use, as the server counts it; None without a limit, or if it is not known."""
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
            share=percent(share),
            limit=size(state.memory_max),
            policy=state.memory_policy or "",
            measured=share,
            threshold=NEAR_SHARE,
            unit="share",
            samples=1,
        )
    ]


def _persistence(state: ServerState) -> list[Finding]:
    if not state.snapshot_failed:
        return []
    return [
        make_finding(
            rule=SERVER_PERSISTENCE,
            subject="redis",
            measured="err",
            threshold="ok",
            samples=1,
        )
    ]


def _link(state: ServerState) -> list[Finding]:
    if state.role != "replica" or state.link_to_master in (None, "up"):
        return []
    found = make_finding(
        rule=SERVER_REPLICA_LINK,
        subject="redis",
        link=safe_text(state.link_to_master, 20),
        measured=state.link_to_master,
        threshold="up",
        samples=1,
    )
    if state.link_to_master == "syncing":
        found = replace(
            found,
            severity="medium",
            message=phrase(SERVER_REPLICA_LINK, "copying"),
            impact=phrase(SERVER_REPLICA_LINK, "copying_impact"),
            remedy=phrase(SERVER_REPLICA_LINK, "copying_remedy"),
        )
    return [found]


def _replicas(state: ServerState) -> list[Finding]:
    if state.replicas_lost <= 0:
        return []
    return [
        make_finding(
            rule=SERVER_REPLICAS,
            subject="redis",
            lost=plural(state.replicas_lost, "replica"),
            connected=state.replicas or 0,
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
                connections=plural(lately.connections, "connection"),
                span=age(lately.seconds or 0),
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
            count=state.clients,
            limit=state.clients_max,
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
        reason=fault.message,
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
            fields=", ".join(state.senseless),
            measured="unknown",
            threshold="a number",
            samples=1,
        )
    ]
