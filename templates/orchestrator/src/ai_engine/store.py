"""What the engine remembers without Postgres, per tenant, in this process: bounded everywhere, gone at the end.

A full shelf drops its oldest thing. That is right under endless test traffic; where customers' words have to be kept,
set POSTGRES_DSN.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ai_engine.contract import (
    DOCUMENTS,
    EVERYTHING,
    OWN_FIELDS,
    Item,
    Wanted,
    below,
    conversation_id,
    message_item,
    page,
    stored_item,
    summary,
)
from ai_engine.retrieval import (
    MOST_SOURCES,
    Source,
    document_source,
    fits,
    is_question,
    message_source,
    texts_in,
    words_of,
)

MAX_TENANTS = 500
MAX_CONVERSATIONS = 1000
MAX_MESSAGES = 200
MAX_RESOURCES = 50
MAX_BELOW = 500  # collections below an item, whichever
MAX_ITEMS = 1000
MAX_AGENT_MESSAGES = 500

T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class Shelf(OrderedDict[str, T], Generic[T]):
    """A dictionary that holds so many things; putting one more drops the oldest."""

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity

    def __setitem__(self, key: str, value: T) -> None:
        super().__setitem__(key, value)
        if len(self) > self._capacity:
            self.popitem(last=False)


class Collection(Shelf[Item]):
    """The items of one resource, in the order they were made, numbered from 1."""

    def __init__(self) -> None:
        super().__init__(MAX_ITEMS)
        self._made = 0

    def add(self, fields: Item) -> Item:
        """Keep a new item; `id`, `created_at` and `updated_at` are the collection's own."""
        self._made += 1
        moment = _now()
        item = stored_item(str(self._made), fields, moment, moment)
        self[item["id"]] = item
        return item

    def change(self, item_id: str, fields: Item, *, merge: bool) -> Item:
        """Replace an item's fields, or merge into them; KeyError where there is no such item."""
        old, moment = self[item_id], _now()
        new = stored_item(item_id, {**(old if merge else {}), **fields}, moment, moment)
        self[item_id] = {**new, "created_at": old["created_at"]}
        return self[item_id]


@dataclass(slots=True)
class Conversation:
    """What was said with one phone number."""

    phone: str
    title: str
    id: str = ""
    created_at: datetime = field(default_factory=_now)
    updated_at: datetime = field(default_factory=_now)
    messages: deque[Item] = field(default_factory=lambda: deque(maxlen=MAX_MESSAGES))
    message_count: int = 0

    def __post_init__(self) -> None:
        self.id = conversation_id(self.phone)

    def say(self, role: str, text: str) -> Item:
        """Keep one message and return it."""
        self.message_count += 1
        self.updated_at = _now()
        message = message_item(self.id, self.message_count, role, text, self.updated_at)
        self.messages.append(message)
        return message

    def summary(self) -> Item:
        """Return the conversation without its messages."""
        return summary(self.id, self.phone, self.title, self.message_count, self.created_at, self.updated_at)


def _fits(item: Item, wanted: Wanted) -> bool:
    """Return True for an item whose fields are those that are wanted; true is not 1."""
    for name, values in wanted.fields.items():
        own = item.get(name)
        if not any(own == value and isinstance(own, bool) == isinstance(value, bool) for value in values):
            return False
    return True


def _rank(value: Any) -> tuple[int, Any]:
    """Return what a value is sorted by, as Postgres sorts JSON: texts, numbers, truth values, then all others."""
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, (int, float)):
        return 1, value
    return (0, value) if isinstance(value, str) else (3, 0)


class TenantData:
    """All that the engine knows of one tenant: a `TenantStore` in memory."""

    def __init__(self, tenant: str) -> None:
        self._profile: Item = {"tenant_id": tenant, "display_name": tenant}
        self._conversations: Shelf[Conversation] = Shelf(MAX_CONVERSATIONS)
        self._resources: Shelf[Collection] = Shelf(MAX_RESOURCES)
        self._below: Shelf[Collection] = Shelf(MAX_BELOW)
        self._by_agents: deque[Item] = deque(maxlen=MAX_AGENT_MESSAGES)

    async def profile(self) -> Item:
        """Return the tenant's profile."""
        return self._profile

    async def change_profile(self, display_name: str) -> Item:
        """Replace the profile and return it."""
        self._profile = {**self._profile, "display_name": display_name}
        return self._profile

    async def list_conversations(self, limit: int, offset: int) -> Item:
        """Return a page of conversations, the one with the latest word first."""
        found = sorted(self._conversations.values(), key=lambda each: each.updated_at, reverse=True)
        shown = [each.summary() for each in found[offset : offset + limit]]
        return page(shown, len(found), limit, offset)

    async def open_conversation(self, phone: str, title: str) -> Item | None:
        """Open a conversation; None where the number has one."""
        if conversation_id(phone) in self._conversations:
            return None
        conversation = Conversation(phone, title)
        self._conversations[conversation.id] = conversation
        return conversation.summary()

    async def conversation(self, id: str) -> Item | None:
        """Return a conversation without its messages."""
        found = self._conversations.get(id)
        return None if found is None else found.summary()

    async def rename_conversation(self, id: str, title: str) -> Item | None:
        """Give a conversation another title and return it."""
        if found := self._conversations.get(id):
            found.title = title
            return found.summary()
        return None

    async def delete_conversation(self, id: str) -> bool:
        """Delete a conversation with its messages; False where there is none."""
        if self._conversations.pop(id, None) is None:
            return False
        kept = (each for each in self._by_agents if each["conversation_id"] != id)
        self._by_agents = deque(kept, maxlen=MAX_AGENT_MESSAGES)
        return True

    async def list_messages(self, id: str, limit: int, offset: int) -> Item | None:
        """Return a page of messages, the oldest first."""
        found = self._conversations.get(id)
        if found is None:
            return None
        messages = list(found.messages)
        return page(messages[offset : offset + limit], len(messages), limit, offset)

    async def say(self, id: str, role: str, text: str) -> Item | None:
        """Keep a message and return it."""
        found = self._conversations.get(id)
        if found is None:
            return None
        message = found.say(role, text)
        if role == "agent":
            self._by_agents.append(message)
        return message

    async def exchange(self, phone: str, message: str, reply: str) -> Item:
        """Keep a message and its reply, and return the reply. Opens the conversation where there is none."""
        opened = Conversation(phone, "Chat")
        conversation = self._conversations.setdefault(opened.id, opened)
        conversation.say("user", message)
        return conversation.say("assistant", reply)

    async def find_sources(self, question: str, conversation_id: str) -> list[Source]:
        """Return the passages that share most words with a question: whole words, whatever their case.

        Of what agents wrote the latest 500 messages are read.
        """
        asked = words_of(question)
        scored = [
            (shared, source)
            for words, source in self._passages(question, conversation_id)
            if fits(shared := len(words & asked), len(asked))
        ]
        scored.sort(key=lambda each: -each[0])
        return [source for _, source in scored[:MOST_SOURCES]]

    def _passages(self, question: str, conversation: str) -> Iterator[tuple[frozenset[str], Source]]:
        for id, item in self._items(DOCUMENTS).items():
            fields = {key: value for key, value in item.items() if key not in OWN_FIELDS}
            yield words_of(" ".join(texts_in(fields))), document_source(id, fields, question)
        for message in reversed(self._by_agents):
            yield words_of(message["text"]), message_source(message["id"], "agent", message["text"], question)
        found = self._conversations.get(conversation)
        for message in reversed(found.messages if found else ()):
            if message["role"] == "user" and not is_question(message["text"]):
                text = message["text"]
                yield words_of(text), message_source(message["id"], "user", text, question)

    def _shelf(self, resource: str) -> Shelf[Collection]:
        return self._below if "/" in resource else self._resources

    def _items(self, resource: str) -> dict[str, Item]:
        found = self._shelf(resource).get(resource)
        return {} if found is None else found

    async def list_items(self, resource: str, limit: int, offset: int, wanted: Wanted = EVERYTHING) -> Item:
        """Return a page of a resource's items that are wanted, else in the order they were made."""
        items = [item for item in self._items(resource).values() if _fits(item, wanted)]
        if name := wanted.sort.removeprefix("-"):
            items.sort(key=lambda item: _rank(item.get(name)), reverse=wanted.sort.startswith("-"))
        return page(items[offset : offset + limit], len(items), limit, offset)

    async def add_item(self, resource: str, fields: Item) -> Item:
        """Keep a new item; `id`, `created_at` and `updated_at` are the store's own."""
        shelf = self._shelf(resource)
        if resource not in shelf:
            shelf[resource] = Collection()
        return shelf[resource].add(fields)

    async def item(self, resource: str, id: str) -> Item | None:
        """Return an item."""
        return self._items(resource).get(id)

    async def change_item(self, resource: str, id: str, fields: Item, *, merge: bool) -> Item | None:
        """Replace an item's fields, or merge into them, and return it."""
        items = self._shelf(resource).get(resource)
        return None if items is None or id not in items else items.change(id, fields, merge=merge)

    async def delete_item(self, resource: str, id: str) -> bool:
        """Delete an item and all collections below it; False where there is none."""
        if self._items(resource).pop(id, None) is None:
            return False
        for name in [each for each in self._below if each.startswith(below(resource, id))]:
            del self._below[name]
        return True


class Store:
    """All tenants, in memory. Looking one up makes it; nothing is shared between two."""

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

    async def health(self) -> Item:
        """Say that everything is in this process and is lost with it."""
        return {"kind": "memory", "status": "connected", "survives_restart": False}
