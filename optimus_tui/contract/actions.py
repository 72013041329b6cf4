"""What is asked of the write side, what it means to do, and what became of it.

Names are bytes: what is acted on is never rebuilt from text. Texts in here (messages, remedies, effects) are safe to
show; a ``reason`` that somebody typed is not, until it passes ``safe_text``.
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
    "unknown",  # sent, and the reply was lost: never repeated blindly
    "left",  # not tried: cancelled or stopped before its batch, or the server refused it
]
OUTCOMES: tuple[Outcome, ...] = ("done", "already gone", "changed", "unknown", "left")
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
    "window",  # the window is not known, or cannot be meant: it has to be typed
    "nothing",  # no key meets the condition
    "too many",
    "incomplete",  # the look at the keyspace was cut short
    "stale",  # the plan is too old
    "drift",  # too many of its keys changed since
    "elsewhere",  # another server, database, user or role than the plan's
    "locked",  # another operator is at it
    "audit",  # no audit, no action
    "conflict",  # this action's id was used for other keys, or runs already
]
MAX_KEYS = 10_000


class Refusal(Struct, frozen=True):
    """Why something was not done. Nothing was sent that changes anything."""

    code: RefusalCode
    message: str
    remedy: str | None = None


class ActionRequest(Struct, frozen=True, kw_only=True):
    """What somebody wants done to one tenant.

    ``operation`` narrows the two counter actions to one operation, ``cache_kind`` the cache actions to one kind, None
    is all. ``prefix`` (unlink_prefix) is how the part after ``cache:{kind}:{tenant}:`` begins. ``window_seconds``
    (repair_counter, expire_no_ttl) is the TTL to set. ``include`` names ambiguous keys that the operator takes for this
    tenant's. ``incident`` is the number of the incident that it belongs to, empty where it belongs to none.
    """

    kind: ActionKind
    tenant: bytes
    operation: bytes | None = None
    cache_kind: bytes | None = None
    prefix: bytes = b""
    window_seconds: int | None = None
    include: frozenset[bytes] = frozenset()
    max_keys: int = MAX_KEYS
    incident: str = ""


class Where(Struct, frozen=True, kw_only=True):
    """Which server, database and login: a plan holds for exactly one of them. ``place`` is host and port, or a path."""

    environment: str
    place: str
    db: int
    user: str
    run_id: str
    replid: str
    role: str
    version: str = ""


class PlanKey(Struct, frozen=True, kw_only=True):
    """A key as it was when the plan was made. ``count`` is a counter's; ``ttl_ms`` None with ``immortal``: no TTL."""

    key: bytes
    type: str | None = None
    ttl_ms: int | None = None
    immortal: bool = False
    count: int | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """Exactly these keys, on exactly that server, for a minute. Keys are sorted; ``digest`` is a sha256 over them.

    ``neighbours`` counts keys that look alike and belong to others (never in ``keys``), ``ambiguous`` names keys whose
    owner is not certain (in ``keys`` only if included by hand), ``skipped`` counts the tenant's keys that do not meet
    the condition. ``made_at`` is wall-clock seconds, ``made_mono`` monotonic, ``server_time`` the server's.
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

    @property
    def count(self) -> int:
        """How many keys it will act on at most."""
        return len(self.keys)


class Preview(Struct, frozen=True, kw_only=True):
    """The card. ``samples`` are the first and last ten keys and ten in between; ``foreign`` must be 0.

    ``histogram`` counts keys with a TTL by ``contract.cache.TTL_EDGES``. ``confirm`` is what has to be typed.
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


class Confirmation(Struct, frozen=True):
    """What the operator typed: the words ``{environment} {count}``, and why."""

    typed: str
    reason: str


class Progress(Struct, frozen=True):
    """How far it is: ``tried`` of ``total`` keys, counts by outcome so far, and the stage in a word."""

    stage: Literal["checking", "acting", "publishing", "verifying", "closed"]
    tried: int
    total: int
    counts: dict[str, int]


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a plan. ``outcomes`` stand in the order of the plan's keys.

    ``stopped`` says why it ended early by itself. The look afterwards tells ``there_again`` (tried keys that meet the
    condition now: written anew meanwhile, or unknown and not done), ``unknown_gone`` (unknown ones that do not) and
    ``new_since`` (keys that meet it and were not in the plan); None where it was not possible. Only a ``verified``
    action is closed; another one stays among the interrupted.
    ``published`` is the number of subscribers that heard the event, or "unknown".
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
    published: int | Literal["unknown"] | None = None
    resumed: bool = False


class Interrupted(Struct, frozen=True, kw_only=True):
    """An action whose process ended before it did. ``tried`` of its keys were, the ``unknown`` last ones maybe.

    ``publishing``: the event was about to be sent, so it is never sent again. ``why_not`` says why it can only be
    verified and closed; None where it may be resumed.
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
    """Permission to act in one environment until ``until_mono`` (monotonic seconds), or until nobody touches a key."""

    environment: str
    where: Where
    armed_at: float
    until_mono: float
    note: str = ""
    """What could not be proven about the login's rights; empty where the server said yes."""
