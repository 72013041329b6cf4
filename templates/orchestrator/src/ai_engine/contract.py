"""What a store of the engine does for one tenant, in memory or in Postgres, and the shapes that both answer with."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from ai_engine.retrieval import Source

Item = dict[str, Any]

DOCUMENTS = "documents"
"""The resource whose items are quoted in replies. Items of others (orders, say) may be about other end users."""

OWN_FIELDS = frozenset({"id", "created_at", "updated_at"})
"""What the store says of an item, whatever the caller sent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items of a list are wanted: those whose fields are equal to these, each in one of its readings.

    `sort` is a field, with `-` in front of it the other way round; "" for the order in which they were made.
    """

    fields: Mapping[str, tuple[Any, ...]]
    sort: str = ""


EVERYTHING = Wanted({})


def readings(text: str) -> tuple[Any, ...]:
    """Return what a text in a query may stand for: itself, and a number or a truth value that is written like it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return (text,)
    if not isinstance(found, (bool, int, float)) or not math.isfinite(found):
        return (text,)
    return text, found


class StoreUnavailable(Exception):
    """Raised if the store cannot be asked now. Whether a write was done is not known."""


class TenantStore(Protocol):
    """The data of one tenant. None stands for a thing that is not there."""

    async def profile(self) -> Item:
        """Return the tenant's profile."""

    async def change_profile(self, display_name: str) -> Item:
        """Replace the profile and return it."""

    async def list_conversations(self, limit: int, offset: int) -> Item:
        """Return a page of conversations, the one with the latest word first."""

    async def open_conversation(self, phone: str, title: str) -> Item | None:
        """Open a conversation; None where the number has one."""

    async def conversation(self, id: str) -> Item | None:
        """Return a conversation without its messages."""

    async def rename_conversation(self, id: str, title: str) -> Item | None:
        """Give a conversation another title and return it."""

    async def delete_conversation(self, id: str) -> bool:
        """Delete a conversation with its messages; False where there is none."""

    async def list_messages(self, id: str, limit: int, offset: int) -> Item | None:
        """Return a page of messages, the oldest first."""

    async def say(self, id: str, role: str, text: str) -> Item | None:
        """Keep a message and return it."""

    async def exchange(self, phone: str, message: str, reply: str) -> Item:
        """Keep a message and its reply, and return the reply. Opens the conversation where there is none."""

    async def find_sources(self, question: str, conversation_id: str) -> list[Source]:
        """Return what the tenant's documents and messages hold about a question, the best first.

        Read are the items of `documents`, what the tenant's agents wrote, and what the end user told in this very
        conversation. What other end users wrote is never read.
        """

    async def list_items(self, resource: str, limit: int, offset: int, wanted: Wanted = EVERYTHING) -> Item:
        """Return a page of a resource's items that are wanted, else in the order they were made."""

    async def add_item(self, resource: str, fields: Item) -> Item:
        """Keep a new item; `id`, `created_at` and `updated_at` are the store's own."""

    async def item(self, resource: str, id: str) -> Item | None:
        """Return an item."""

    async def change_item(self, resource: str, id: str, fields: Item, *, merge: bool) -> Item | None:
        """Replace an item's fields, or merge into them, and return it."""

    async def delete_item(self, resource: str, id: str) -> bool:
        """Delete an item and all collections below it; False where there is none."""


class Store(Protocol):
    """All tenants."""

    def of(self, tenant: str) -> TenantStore:
        """Return the data of a tenant. Nothing is shared between two."""

    async def health(self) -> Item:
        """Return where the data is kept and whether it can be reached: `status` is "connected" where it can."""


def below(resource: str, id: str) -> str:
    """Return how the names of all collections below an item begin: `orders/1/` for `orders/1/lines`."""
    return f"{resource}/{id}/"


def stamp(moment: datetime) -> str:
    """Return a time in UTC, ISO 8601, milliseconds, ending in Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page(items: list[Item], total: int, limit: int, offset: int) -> Item:
    """Return one page of a list and how long the list is."""
    return {"items": items, "total": total, "limit": limit, "offset": offset}


def conversation_id(phone: str) -> str:
    """Return the id of the conversation with a phone number: always the same, and not the number."""
    return hashlib.blake2b(phone.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def summary(
    id: str, phone: str, title: str, message_count: int, created_at: datetime, updated_at: datetime
) -> Item:
    """Return a conversation without its messages."""
    return {
        "id": id,
        "phone": phone,
        "title": title,
        "message_count": message_count,
        "created_at": stamp(created_at),
        "updated_at": stamp(updated_at),
    }


def message_item(conversation: str, number: int, role: str, text: str, created_at: datetime) -> Item:
    """Return a message as the engine answers with it."""
    return {
        "id": f"{conversation}-{number}",
        "conversation_id": conversation,
        "role": role,
        "text": text,
        "created_at": stamp(created_at),
    }


def stored_item(id: str, fields: Item, created_at: datetime, updated_at: datetime) -> Item:
    """Return an item of a resource: its fields, and those that are the store's own."""
    return {**fields, "id": id, "created_at": stamp(created_at), "updated_at": stamp(updated_at)}
