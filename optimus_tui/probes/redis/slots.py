"""Read what the nodes of a cluster say about it: which owns which slot (CLUSTER SLOTS), and all nodes (CLUSTER NODES).

Also which slot a command belongs to. Pure: replies in, structs out. A reply of an unexpected shape raises
InvalidResponse.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct
from redis.crc import key_slot
from redis.exceptions import InvalidResponse

from optimus_tui.contract.cluster import SLOTS
from optimus_tui.probes.redis.commands import Word, as_bytes, name_of_command
from optimus_tui.settings.model import address
from optimus_tui.wording.safe import safe_text

MOST_NODES = 1_000
"""A cluster is said to work up to about this many nodes."""
_ANYWHERE = frozenset(
    (
        *("PING", "HELLO", "TIME", "INFO", "DBSIZE", "SCAN", "EVAL_RO", "SLOWLOG", "LATENCY", "PUBSUB"),
        *("CLUSTER", "ACL", "CLIENT", "AUTH", "SELECT"),
    )
)
"""Commands without a key: any node answers them, each for itself."""
_KEY_AT = {"MEMORY": 2, "OBJECT": 2, "EVAL": 3, "EVALSHA": 3}
"""At which word the first key of a command stands; of others at the second, which is 1."""


class NodeAddress(NamedTuple):
    """The address at which a node is reached from here."""

    host: str
    port: int

    def __str__(self) -> str:
        return safe_text(address(self.host, self.port), 80)


class Announced(NamedTuple):
    """A node as CLUSTER SLOTS announces it. An empty host stands for that of the node that was asked."""

    host: str
    port: int
    id: str


class SlotRange(NamedTuple):
    """A range of slots and its nodes, from CLUSTER SLOTS."""

    first: int
    last: int
    owner: Announced
    replicas: tuple[Announced, ...]


class ListedNode(Struct, frozen=True, kw_only=True):
    """A node from CLUSTER NODES.

    ``master`` is the id of a replica's primary; ``moving`` are slots that are being moved.
    """

    id: str
    host: str
    port: int
    flags: frozenset[str]
    master: str
    epoch: int
    slots: tuple[tuple[int, int], ...]
    moving: tuple[str, ...]

    @property
    def primary(self) -> bool:
        """Return True if the node is a primary."""
        return "master" in self.flags

    @property
    def count(self) -> int:
        """Return how many slots the node owns."""
        return sum(last - first + 1 for first, last in self.slots)

    @property
    def moving_slots(self) -> frozenset[str]:
        """Return the numbers of the slots that are being moved to the node, or away from it."""
        return frozenset(one.strip("[]").partition("-")[0] for one in self.moving)

    @property
    def mark(self) -> tuple[object, ...]:
        """Return a value that changes if one of the node's slots or its role changes."""
        return self.id, self.primary, self.epoch, self.slots, self.moving


def slot_of(words: Sequence[Word]) -> int | None:
    """Return the slot of the command's first key; None for one without a key."""
    name = name_of_command(words).partition("|")[0]
    if name in _ANYWHERE:
        return None
    at = _KEY_AT.get(name, 1)
    if len(words) > at:
        return key_slot(as_bytes(words[at]))
    return None


def parse_slots(reply: object) -> list[SlotRange]:
    """Return the rows of CLUSTER SLOTS.

    Raises:
        InvalidResponse: the reply has another shape.
    """
    if not isinstance(reply, list) or len(reply) > SLOTS:
        raise InvalidResponse("CLUSTER SLOTS was answered with something else than a list")
    rows = []
    for row in reply:
        match row:
            case [int(first), int(last), [_, *_] as owner, *replicas] if 0 <= first <= last < SLOTS:
                places = tuple(_place(one) for one in replicas[:MOST_NODES])
                rows.append(SlotRange(first, last, _place(owner), places))
            case _:
                raise InvalidResponse("CLUSTER SLOTS holds a row of another shape")
    return rows


def _place(node: object) -> Announced:
    match node:
        case [bytes() | None as host, int(port), bytes(name), *_] if 0 < port < 65536:
            return Announced((host or b"").decode("ascii", "replace").replace("?", ""), port, safe_text(name, 60))
    raise InvalidResponse("CLUSTER SLOTS names a node in another form")


def parse_nodes(reply: object) -> list[ListedNode]:
    """Return the nodes of CLUSTER NODES.

    Raises:
        InvalidResponse: the reply has another shape.
    """
    if not isinstance(reply, bytes):
        raise InvalidResponse("CLUSTER NODES was answered with something else than a text")
    nodes = [_listed(line.split(" ")) for line in reply.decode("ascii", "replace").splitlines() if line]
    if not nodes or len(nodes) > MOST_NODES:
        raise InvalidResponse("CLUSTER NODES names no nodes, or too many")
    return nodes


def _listed(words: list[str]) -> ListedNode:
    try:
        name, place, flags, master, _, _, epoch, _, *slots = words
        host, _, port = place.partition("@")[0].rpartition(":")
        owned = [one for one in slots if not one.startswith("[")]
        return ListedNode(
            id=safe_text(name, 60),
            host=host,
            port=int(port),
            flags=frozenset(flags.split(",")),
            master=safe_text(master, 60),
            epoch=int(epoch),
            slots=tuple(_range(one) for one in owned),
            moving=tuple(safe_text(one, 80) for one in slots if one.startswith("[")),
        )
    except ValueError as error:
        raise InvalidResponse("CLUSTER NODES holds a line of another shape") from error


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    found = int(first), int(last or first)
    if not 0 <= found[0] <= found[1] < SLOTS:
        raise ValueError(text)
    return found
