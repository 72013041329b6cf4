"""What is known of a system of several Redis servers: a cluster, or a primary that sentinels watch over."""

from typing import Literal

from msgspec import Struct

from optimus_tui.contract.reading import Fault

Topology = Literal["single", "cluster", "sentinel"]
"""How a Redis is built: one server, a cluster, or a primary that sentinels name."""
SLOTS = 16_384
NODE_AWAY = "its node is away"
"""Why the value of a counter is unknown, where that says nothing of the value."""


class NodeFacts(Struct, frozen=True, kw_only=True):
    """A server's part in its cluster, or behind sentinels; ``place`` is ``host:port``.

    ``fault`` says why it did not answer.
    """

    place: str
    role: Literal["primary", "replica"]
    slots: int = 0
    judged: Literal["ok", "pfail", "fail"] = "ok"
    """What the other nodes, or the sentinels, say of it."""
    primary: str = ""
    """The place of a replica's primary."""
    fault: Fault | None = None
    lag_bytes: int | None = None
    """How far a replica is behind its primary."""


class Failover(Struct, frozen=True):
    """A primary was followed by another server; ``at`` is the wall-clock time at which it was seen."""

    at: float
    old: str
    new: str


class ClusterState(Struct, frozen=True, kw_only=True):
    """A cluster as its nodes describe it. ``says_ok`` is None where no node told its state.

    ``covered`` counts the slots whose primary answers; ``lost`` are ranges of the others. ``moving`` counts slots that
    are on their way to another node, as their nodes said at the last scan.
    """

    says_ok: bool | None = None
    covered: int = 0
    lost: tuple[tuple[int, int], ...] = ()
    moving: int = 0


class SentinelState(Struct, frozen=True, kw_only=True):
    """The latest answers of the sentinels of one primary.

    ``naming`` counts those that name ``primary``, a ``host:port``. ``fault`` says why one of them did not answer,
    ``replicas_fault`` why the replicas are not known. ``unproven`` is set where they name no primary now, or do not
    agree; ``primary`` is then the one they named before, and ``primary_answers`` whether that one still answers.
    """

    total: int
    answering: int
    naming: int
    primary: str = ""
    fault: Fault | None = None
    replicas_fault: Fault | None = None
    unproven: Fault | None = None
    primary_answers: bool = False

    @property
    def proven(self) -> bool:
        """Return whether most of all sentinels name the primary, without which nothing is written."""
        return 2 * self.naming > self.total

    @property
    def may_serve(self) -> bool:
        """Return whether the last primary may still serve: it answers, but they do not prove that it is the primary."""
        return self.unproven is not None and self.primary_answers
