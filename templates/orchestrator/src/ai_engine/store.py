"""What the engine remembers, per tenant, in this process: bounded everywhere, gone at the end.

A full shelf drops its oldest thing. That is right for a reference engine under endless test traffic, and the first
thing to replace by a database in one that keeps customers' words.
"""

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

MAX_TENANTS = 500
MAX_CONVERSATIONS = 1000
MAX_MESSAGES = 200
MAX_RESOURCES = 50
MAX_ITEMS = 1000

Item = dict[str, Any]
T = TypeVar("T")


def now() -> str:
    """Return the time in UTC, ISO 8601, milliseconds, ending in Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Shelf(OrderedDict[str, T], Generic[T]):
    """A dictionary that holds so many things; putting one more drops the oldest."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def __setitem__(self, key: str, value: T) -> None:
        super().__setitem__(key, value)
        if len(self) > self._capacity:
            self.popitem(last=False)


def page_of(things: list[Item], limit: int, offset: int) -> Item:
    """Return one page of a list and how long the list is."""
    return {
        "items": things[offset : offset + limit],
        "total": len(things),
        "limit": limit,
        "offset": offset,
    }


class Collection(Shelf[Item]):
    """The items of one resource, in the order they were made, numbered from 1."""

    def __init__(self) -> None:
        super().__init__(MAX_ITEMS)
        self._made = 0

    def add(self, fields: Item) -> Item:
        """Keep a new item; `id`, `created_at` and `updated_at` are the collection's own."""
        self._made += 1
        moment = now()
        item = {**fields, "id": str(self._made), "created_at": moment, "updated_at": moment}
        self[item["id"]] = item
        return item

    def change(self, item_id: str, fields: Item, *, merge: bool) -> Item:
        """Replace an item's fields, or merge into them; KeyError where there is no such item."""
        old = self[item_id]
        own = {"id": item_id, "created_at": old["created_at"], "updated_at": now()}
        self[item_id] = {**(old if merge else {}), **fields, **own}
        return self[item_id]


@dataclass(slots=True)
class Conversation:
    """What was said with one phone number."""

    phone: str
    title: str
    id: str = ""
    created_at: str = field(default_factory=now)
    updated_at: str = field(default_factory=now)
    messages: deque[Item] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))
    message_count: int = 0

    def __post_init__(self) -> None:
        self.id = conversation_id(self.phone)

    def say(self, role: str, text: str) -> Item:
        """Keep one message and return it."""
        self.message_count += 1
        self.updated_at = now()
        message = {
            "id": f"{self.id}-{self.message_count}",
            "conversation_id": self.id,
            "role": role,
            "text": text,
            "created_at": self.updated_at,
        }
        self.messages.append(message)
        return message

    def summary(self) -> Item:
        """Return the conversation without its messages."""
        return {
            "id": self.id,
            "phone": self.phone,
            "title": self.title,
            "message_count": self.message_count,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


def conversation_id(phone: str) -> str:
    """Return the id of the conversation with a phone number: always the same, and not the number."""
    return hashlib.blake2b(phone.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


class TenantData:
    """All that the engine knows of one tenant."""

    def __init__(self, tenant: str) -> None:
        self.profile: Item = {"tenant_id": tenant, "display_name": tenant}
        self.conversations: Shelf[Conversation] = Shelf(MAX_CONVERSATIONS)
        self.resources: Shelf[Collection] = Shelf(MAX_RESOURCES)


class Store:
    """All tenants. Looking one up makes it; nothing is shared between two."""

    def __init__(self) -> None:
        self._tenants: Shelf[TenantData] = Shelf(MAX_TENANTS)

    def __len__(self) -> int:
        return len(self._tenants)

    def of(self, tenant: str) -> TenantData:
        """Return a tenant's data; the one not asked for longest is dropped when there are too many."""
        if tenant not in self._tenants:
            self._tenants[tenant] = TenantData(tenant)
        self._tenants.move_to_end(tenant)
        return self._tenants[tenant]
