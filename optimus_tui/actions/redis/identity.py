"""Which servers an action works on: what a plan is made for, and what must not have changed when it is carried out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from redis.crc import key_slot
from redis.exceptions import InvalidResponse, NoPermissionError, ResponseError

from optimus_tui.contract.actions import NodeWhere, Plan, PlanKey, Refusal, Where
from optimus_tui.contract.cluster import SLOTS
from optimus_tui.grammar.info import parse_info
from optimus_tui.probes.redis.commands import Word
from optimus_tui.probes.redis.slots import parse_nodes
from optimus_tui.settings.model import RedisTarget, Settings
from optimus_tui.wording.safe import safe_text

LOOK: tuple[tuple[Word, ...], ...] = (("INFO", "server"), ("INFO", "replication"))
CLUSTER_NODES: tuple[Word, ...] = ("CLUSTER", "NODES")
_REMEDY = "plan again"
_RUN_ID = re.compile(r"[0-9a-f]{40}")
_MOVING = re.compile(r"\[(\d{1,5})-")
_ONLINE = re.compile(r"slave\d{1,4}")


class ServerReplies(NamedTuple):
    """The replies of one server about itself: to ``LOOK``, ACL WHOAMI and CLUSTER NODES, errors among them.

    ``place`` is empty for the configured address; ``me`` and ``nodes`` are None where they were not asked for.
    """

    place: str
    server: object
    replication: object
    me: object = None
    nodes: object = None

    @property
    def fields(self) -> dict[str, str]:
        """Return the fields of INFO."""
        return {**parse_info(self.server), **parse_info(self.replication)}

    @property
    def in_cluster(self) -> bool:
        """Return whether the server says that it is a node of a cluster."""
        fields = self.fields
        return "cluster" in (fields.get("redis_mode"), fields.get("server_mode"))

    @property
    def replicas(self) -> int:
        """Return how many replicas copy the server now."""
        return sum(bool(_ONLINE.fullmatch(name)) and "state=online" in text for name, text in self.fields.items())


def operator_target(settings: Settings) -> RedisTarget:
    """Return the login for actions: the operator's own if one is set, else the observer's."""
    return settings.operator_redis or settings.redis


def refuse_insecure(target: RedisTarget) -> Refusal | None:
    """Refuse to write where the server's certificate is not checked, or to another machine without encryption."""
    if not target.tls_verify:
        return Refusal("insecure", "the server's certificate is not checked: nothing is written that way")
    if not target.loopback and target.scheme != "rediss":
        return Refusal("insecure", f"the connection to {safe_text(target.host, 80)} is not encrypted", "use rediss://")
    return None


def where_of(settings: Settings, fields: Mapping[str, str], place: str | None = None) -> Where | Refusal:
    """Return which server this is, from the fields of INFO, for the operator's login, or why it is refused.

    Args:
        settings: The settings.
        fields: The fields of INFO.
        place: Where the server is reached; None for the configured address.
    """
    target = operator_target(settings)
    if not fields.get("run_id") or not fields.get("role"):
        return Refusal("no right", "the server does not say who it is: INFO is needed", "grant +info to the login")
    if not _RUN_ID.fullmatch(fields["run_id"]) or fields["role"] not in ("master", "slave"):
        answer = f"run_id {safe_text(fields['run_id'], 50)}, role {safe_text(fields['role'], 30)}"
        return Refusal("no right", f"what answers does not look like a Redis: {answer}", "check what listens there")
    return Where(
        environment=settings.environment,
        place=place or safe_text(target.path or f"{target.host}:{target.port}"),
        db=target.db,
        user=safe_text(target.username or "default", 80),
        run_id=fields["run_id"][:64],
        replid=fields.get("master_replid", "")[:64],
        role=fields["role"][:20],
        version=safe_text(fields.get("redis_version", ""), 20),
    )


def identify(settings: Settings, replies: Sequence[ServerReplies]) -> Where | Refusal:
    """Return what a plan is valid for: one server, or all primaries of a cluster. Else why it is refused."""
    if not replies[0].in_cluster:
        return _of_one(settings, replies[0])
    nodes: list[NodeWhere] = []
    versions: list[str] = []
    for one in replies:
        where = _of_one(settings, one)
        if isinstance(where, Refusal):
            return where
        node = node_of(where, one)
        if isinstance(node, Refusal):
            return node
        nodes.append(node)
        versions.append(where.version)
    target = operator_target(settings)
    whole = where_of(settings, replies[0].fields, safe_text(target.place))
    assert isinstance(whole, Where)
    return Where(
        environment=whole.environment,
        place=whole.place,
        db=whole.db,
        user=whole.user,
        run_id="",
        replid="",
        role="master",
        version=min(versions, key=_number),
        nodes=tuple(sorted(nodes, key=lambda node: node.slots)),
    )


def node_of(where: Where, replies: ServerReplies) -> NodeWhere | Refusal:
    """Return what a node of a cluster says of itself; refuse one that is not a primary."""
    if isinstance(replies.nodes, NoPermissionError):
        return Refusal("no right", f"CLUSTER NODES is not allowed on {replies.place}", "grant +cluster|nodes")
    try:
        mine = next((node for node in parse_nodes(replies.nodes) if "myself" in node.flags), None)
    except InvalidResponse as error:
        return Refusal("unreachable", f"{replies.place}: {safe_text(error, 120)}")
    if mine is None or not mine.primary or where.role != "master":
        return Refusal("replica", f"{replies.place} is no longer a primary", _REMEDY)
    return NodeWhere(
        id=mine.id,
        place=replies.place,
        run_id=where.run_id,
        epoch=mine.epoch,
        slots=mine.slots,
        moving=mine.moving,
    )


def _of_one(settings: Settings, replies: ServerReplies) -> Where | Refusal:
    for reply in (replies.server, replies.replication):
        if isinstance(reply, NoPermissionError):
            return Refusal("no right", "INFO is not allowed for this login", "grant +info to the login")
        if isinstance(reply, ResponseError):
            return Refusal("unreachable", f"the server answered {safe_text(reply, 120)}")
    found = where_of(settings, replies.fields, replies.place or None)
    named, me = operator_target(settings).username, replies.me
    if isinstance(found, Where) and named and isinstance(me, bytes) and me != named.encode():
        return Refusal("elsewhere", f"logged in as {safe_text(me, 80)}, not as {safe_text(named, 80)}")
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit() and len(part) < 10)


def primary_only(where: Where) -> Refusal | None:
    """Refuse a replica: it accepts no writes, and gateways do not subscribe to it. None for a primary."""
    if where.role == "master":
        return None
    return Refusal("replica", f"{where.place} is a {safe_text(where.role)}, not the primary", "point at the primary")


def why_moved(planned: Where, found: Where) -> Refusal | None:
    """Return why a plan for the servers ``planned`` must not be carried out on the servers ``found``; None if it may.

    Slots may have moved: see ``keys_moved``.
    """
    for field, words in (
        ("environment", "another environment"),
        ("place", "another server"),
        ("db", "another database"),
        ("user", "another user"),
        ("run_id", "another server process (run_id)"),
        ("role", "another role"),
    ):
        before, now = getattr(planned, field), getattr(found, field)
        if before != now:
            return Refusal("elsewhere", f"the plan was made for {words}: {before}, now {now}", _REMEDY)
    now_there = {node.id: node for node in found.nodes}
    for node in planned.nodes:
        if node.id not in now_there:
            return Refusal("elsewhere", f"{node.place} was a primary of the cluster, and no longer is", _REMEDY)
        if now_there.pop(node.id).run_id != node.run_id:
            message = f"the plan was made for another server process (run_id) at {node.place}"
            return Refusal("elsewhere", message, _REMEDY)
    if now_there:
        places = ", ".join(node.place for node in now_there.values())
        return Refusal("elsewhere", f"{places} has become a primary of the cluster", _REMEDY)
    return None


class SlotOwners:
    """The owner of each slot of a cluster, as the nodes said when a plan was made. Empty for one server."""

    def __init__(self, nodes: Sequence[NodeWhere]) -> None:
        self.nodes = nodes
        self._owners: list[int | None] = [None] * (SLOTS if nodes else 0)
        for index, node in enumerate(nodes):
            for first, last in node.slots:
                self._owners[first : last + 1] = [index] * (last - first + 1)

    def of(self, key: bytes) -> NodeWhere | None:
        """Return the owner of a key; None where nobody owns its slot, and for one server."""
        index = self._owners[key_slot(key)] if self.nodes else None
        if index is None:
            return None
        return self.nodes[index]

    def sorted(self, facts: Iterable[PlanKey]) -> list[PlanKey] | Refusal:
        """Return the keys of a plan node by node; what belongs to counters comes after all counters.

        So a limiter that looks at such a key first never finds it without its counters, wherever they are.
        """
        places = {node.id: index for index, node in enumerate(self.nodes)}
        found: list[tuple[tuple[bool, int], PlanKey]] = []
        for fact in facts:
            owner = self.of(fact.key)
            if owner is None:
                return Refusal("incomplete", f"no node serves slot {key_slot(fact.key)}, which has keys of the plan")
            found.append(((fact.part, places[owner.id]), fact))
        return [fact for _, fact in sorted(found, key=lambda pair: pair[0])]


def keys_moved(plan: Plan, found: Where) -> Refusal | None:
    """Refuse a plan if one of its keys is on another node than planned, or is moving to one. Nothing was sent yet."""
    if not plan.where.nodes:
        return None
    before, now = SlotOwners(plan.where.nodes), SlotOwners(found.nodes)
    moving = {int(slot) for node in found.nodes for text in node.moving for slot in _MOVING.findall(text)}
    for fact in plan.keys:
        planned, owner, slot = before.of(fact.key), now.of(fact.key), key_slot(fact.key)
        if owner is None or planned is None or owner.id != planned.id:
            place = "no node" if owner is None else owner.place
            return Refusal("elsewhere", f"slot {slot} has moved since the plan: {place} serves it now", _REMEDY)
        if slot in moving:
            return Refusal("elsewhere", f"slot {slot} is on its way to another node", "plan again once it is there")
    return None
