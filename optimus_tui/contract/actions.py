"""Actions: what is requested, what is planned, and what the result was.

Key names are bytes, so that an action never works on a name rebuilt from text. Texts in here (messages, remedies,
effects) are safe to show; a ``reason`` that the operator typed is not, until it passes ``safe_text``.
"""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.reading import Coverage

ActionKind = Literal[
    "repair_counter", "reset_counters", "unlink_no_ttl", "expire_no_ttl", "invalidate_tenant", "unlink_prefix"
]
Outcome = Literal[
    "done",
    "already gone",  # somebody or its TTL was faster: not an error
    "changed",  # it no longer meets the plan's condition: skipped
    "unknown",  # sent, and the reply was lost, or no replica confirmed it: never repeated blindly
    "not executed",  # the node refused it, because its slot moved or the cluster is down: to be planned again
    "left",  # not tried: cancelled or stopped before its batch, or the server refused it
]
OUTCOMES: tuple[Outcome, ...] = ("done", "already gone", "changed", "unknown", "not executed", "left")
RefusalCode = Literal[
    "not writable",  # the environment says so
    "not armed",
    "wrong words",  # the typed name, count or reason is missing or another
    "insecure",  # neither verified TLS nor this machine
    "replica",
    "cluster",
    "no right",  # the server's ACL
    "unreachable",
    "request",  # a tenant or prefix that cannot be meant
    "layout",  # the watched system's keys are not ours to write
    "window",  # the window is not known, or cannot be meant: it has to be typed
    "nothing",  # no key meets the condition
    "too many",
    "incomplete",  # the scan of the keyspace was cut short
    "stale",  # the plan is too old
    "drift",  # too many of its keys changed since
    "elsewhere",  # another server, database, user or role than the plan's
    "locked",  # another operator is at it
    "audit",  # no audit, no action
    "conflict",  # this action's id was used for other keys, or runs already
]
MAX_KEYS = 10_000
CACHE_TTL_SECONDS = 3600
"""The TTL that a cache key without one is given where the operator names no other."""


class Refusal(Struct, frozen=True):
    """The refusal of an action, with its reason. No command that changes data was sent."""

    code: RefusalCode
    message: str
    remedy: str | None = None


class ActionRequest(Struct, frozen=True, kw_only=True):
    """An action that is requested for one tenant.

    ``operation`` narrows the two counter actions to one operation, ``cache_kind`` the cache actions to one kind; None
    means all. ``prefix`` (unlink_prefix) is how the part after ``cache:{kind}:{tenant}:`` begins. ``window_seconds``
    (repair_counter, expire_no_ttl) is the TTL to set. ``include`` names ambiguous keys that the operator counts as this
    tenant's. ``incident`` is the number of the incident that the action belongs to, empty for none.
    """

    kind: ActionKind
    tenant: bytes
    operation: bytes | None = None
    cache_kind: bytes | None = None
    prefix: bytes = b""
    window_seconds: int | None = None
    include: frozenset[bytes] = frozenset()
    only: frozenset[bytes] | None = None
    """The keys that the operator marked: no other key is taken. None for all that the rest asks for."""
    max_keys: int = MAX_KEYS
    incident: str = ""


class NodeWhere(Struct, frozen=True, kw_only=True):
    """A primary of a cluster that a plan is valid for, with the slots that it owned.

    ``moving`` are slots on their way from it or to it, as CLUSTER NODES writes them.
    """

    id: str
    place: str
    run_id: str
    epoch: int
    slots: tuple[tuple[int, int], ...]
    moving: tuple[str, ...] = ()


class Where(Struct, frozen=True, kw_only=True):
    """The server, database and login that a plan is valid for. ``place`` is host and port, or a socket path.

    For a cluster, ``place`` is the configured address, ``run_id`` is empty, and ``nodes`` are its primaries.
    """

    environment: str
    place: str
    db: int
    user: str
    run_id: str
    replid: str
    role: str
    version: str = ""
    """Of a cluster the lowest version of its nodes."""
    nodes: tuple[NodeWhere, ...] = ()


class PlanKey(Struct, frozen=True, kw_only=True):
    """A key as it was when the plan was made.

    ``count`` is set for counters. ``ttl_ms`` None with ``immortal``: the key has no TTL. ``part``: it belongs to a
    counter before it in the plan. ``window_seconds`` is the TTL that a counter without one gets, None where unknown.
    """

    key: bytes
    type: str | None = None
    ttl_ms: int | None = None
    immortal: bool = False
    count: int | None = None
    part: bool = False
    window_seconds: int | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """The exact keys of an action on one server, valid for a minute; ``digest`` is the SHA-256 of their names in order.

    Keys are sorted; behind a counter come the keys that belong to it. On a cluster they are sorted by node first, and
    the keys that belong to counters come after all counters.

    ``neighbours`` counts similar keys of other tenants (never in ``keys``), ``ambiguous`` names keys whose owner is not
    certain (in ``keys`` only if included by hand), ``skipped`` counts the tenant's keys that do not meet the condition.
    ``made_at`` is wall-clock seconds, ``made_mono`` monotonic seconds, ``server_time`` the server's clock.
    """

    id: str
    request: ActionRequest
    where: Where
    condition: str
    keys: tuple[PlanKey, ...]
    digest: str
    made_at: float
    made_mono: float
    server_time: float
    neighbours: int = 0
    ambiguous: tuple[bytes, ...] = ()
    skipped: int = 0
    coverage: Coverage | None = None
    memory_sampled: int | None = None
    """Bytes of the ``memory_keys`` keys that were asked."""
    memory_keys: int = 0
    ping_ms: float | None = None
    channel: bytes | None = None
    """The channel of the event that tells the gateways; None where none is published."""
    patterns: tuple[bytes, ...] = ()
    """The patterns of cache keys that the event names."""
    sharing: int = 0
    """Counters that are not in the plan and that some of its keys hold, too: they start again with them."""

    @property
    def count(self) -> int:
        """Return the number of keys that the action changes at most."""
        return len(self.keys)


class Preview(Struct, frozen=True, kw_only=True):
    """The part of a plan that the action dialog shows. ``samples`` are the first and last ten keys and ten in between.

    ``foreign`` must be 0. ``histogram`` counts keys with a TTL by ``contract.keyspace.TTL_EDGES``. ``confirm`` is the
    text that the operator has to type.
    """

    title: str
    verb: str
    subject: str
    count: int
    samples: tuple[PlanKey, ...]
    types: dict[str, int]
    ttl_min_ms: int | None
    ttl_max_ms: int | None
    without_ttl: int
    histogram: tuple[int, ...]
    foreign: int
    neighbours: int
    ambiguous: tuple[bytes, ...]
    bytes_estimated: int | None
    bytes_exact: bool
    seconds: float
    effect: str
    undo: str
    gentler: ActionRequest | None
    gentler_words: str | None
    confirm: str
    nodes: tuple[tuple[str, int], ...] = ()
    """Of a cluster the place of each node that has keys of the plan, and how many."""


class Confirmation(Struct, frozen=True):
    """The texts that the operator typed: the words ``{environment} {count}``, and the reason."""

    typed: str
    reason: str


class Progress(Struct, frozen=True):
    """The progress of an action: ``tried`` of ``total`` keys, the counts by outcome so far, and the stage in a word."""

    stage: Literal["checking", "acting", "publishing", "verifying", "closed"]
    tried: int
    total: int
    counts: dict[str, int]


class Receipt(Struct, frozen=True, kw_only=True):
    """The result of a plan. ``outcomes`` are in the order of the plan's keys.

    ``stopped`` says why the action ended early. The check afterwards sets ``there_again`` (tried keys that meet the
    condition now: written again meanwhile, or unknown and not done), ``unknown_gone`` (keys with an unknown outcome
    that do not meet it) and ``new_since`` (keys that meet it and were not in the plan); each is None where the check
    was not possible. Only a ``verified`` action is closed; any other stays among the interrupted ones. ``published`` is
    the number of subscribers that received the event, "sent" on a cluster, whose nodes count only their own, or
    "unknown".
    """

    id: str
    request: ActionRequest
    where: Where
    digest: str
    outcomes: tuple[Outcome, ...]
    counts: dict[str, int]
    started_at: float
    seconds: float
    acting_seconds: float
    reason: str
    cancelled: bool = False
    stopped: str | None = None
    verified: bool = False
    there_again: int | None = None
    unknown_gone: int | None = None
    new_since: int | None = None
    published: int | Literal["unknown", "sent"] | None = None
    resumed: bool = False


class Interrupted(Struct, frozen=True, kw_only=True):
    """An action whose process ended first. ``tried`` keys were tried; of these the ``unknown`` last ones are uncertain.

    ``publishing``: the event was about to be sent, so it is never sent again. ``why_not`` says why the action can only
    be verified and closed; None where it may be resumed.
    """

    plan: Plan
    reason: str
    outcomes: tuple[Outcome, ...]
    tried: int
    unknown: int
    started_at: float
    publishing: bool = False
    why_not: str | None = None
    confirm: str = ""


class Arming(Struct, frozen=True, kw_only=True):
    """Permission to act in one environment until ``until_mono`` (monotonic seconds), or until the operator is idle."""

    environment: str
    where: Where
    until_mono: float
    note: str = ""
    """Which of the login's rights could not be verified; empty where all were confirmed."""
