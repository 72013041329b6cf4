"""The engine's data in Postgres: a `Store` like the one in memory, but nothing is dropped and nothing is lost."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, cast, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_engine.contract import (
    DOCUMENTS,
    EVERYTHING,
    OWN_FIELDS,
    Item,
    StoreUnavailable,
    Wanted,
    below,
    conversation_id,
    message_item,
    page,
    stored_item,
    summary,
)
from ai_engine.postgres.database import Database, logger
from ai_engine.postgres.search import FIND_PASSAGES
from ai_engine.postgres.tables import collections, conversations, items, messages, profiles
from ai_engine.retrieval import MOST_SOURCES, Source, document_source, message_source

_SUMMARY = (
    conversations.c.id,
    conversations.c.phone,
    conversations.c.title,
    conversations.c.message_count,
    conversations.c.created_at,
    conversations.c.updated_at,
)
_MESSAGE = (
    messages.c.conversation_id,
    messages.c.number,
    messages.c.role,
    messages.c.text,
    messages.c.created_at,
)
_ITEM = (items.c.number, items.c.fields, items.c.created_at, items.c.updated_at)
_HIGHEST = 2**63 - 1


def _now() -> datetime:
    return datetime.now(UTC)


def _summary(row: Any) -> Item | None:
    return None if row is None else summary(*row)


def _item(row: Any) -> Item | None:
    return None if row is None else stored_item(str(row.number), row.fields, row.created_at, row.updated_at)


def _number(id: str) -> int | None:
    """Return the number that an item's id is, or None where no item can have that id."""
    plain = id.isascii() and id.isdigit() and len(id) < 20 and not id.startswith("0")
    return int(id) if plain and int(id) <= _HIGHEST else None


class PostgresTenant:
    """The data of one tenant: a `TenantStore` in Postgres. Each method is one transaction."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database, self._tenant = database, tenant

    async def profile(self) -> Item:
        """Return the tenant's profile."""
        chosen = select(profiles.c.display_name).where(profiles.c.tenant == self._tenant)
        async with self._database.begin() as connection:
            name = await connection.scalar(chosen)
        return {"tenant_id": self._tenant, "display_name": self._tenant if name is None else name}

    async def change_profile(self, display_name: str) -> Item:
        """Replace the profile and return it."""
        new = insert(profiles).values(tenant=self._tenant, display_name=display_name)
        new = new.on_conflict_do_update(index_elements=["tenant"], set_={"display_name": display_name})
        async with self._database.begin() as connection:
            await connection.execute(new)
        return {"tenant_id": self._tenant, "display_name": display_name}

    async def list_conversations(self, limit: int, offset: int) -> Item:
        """Return a page of conversations, the one with the latest word first."""
        mine = conversations.c.tenant == self._tenant
        latest = (conversations.c.updated_at.desc(), conversations.c.id)
        async with self._database.begin() as connection:
            total = await connection.scalar(select(func.count()).where(mine)) or 0
            rows = await connection.execute(
                select(*_SUMMARY).where(mine).order_by(*latest).limit(limit).offset(offset)
            )
            return page([summary(*row) for row in rows], total, limit, offset)

    async def open_conversation(self, phone: str, title: str) -> Item | None:
        """Open a conversation; None where the number has one."""
        async with self._database.begin() as connection:
            return _summary(await self._open(connection, phone, title))

    async def _open(self, connection: AsyncConnection, phone: str, title: str) -> Any:
        moment = _now()
        new = insert(conversations).values(
            tenant=self._tenant,
            id=conversation_id(phone),
            phone=phone,
            title=title,
            created_at=moment,
            updated_at=moment,
        )
        opened = await connection.execute(new.on_conflict_do_nothing().returning(*_SUMMARY))
        return opened.one_or_none()

    async def conversation(self, id: str) -> Item | None:
        """Return a conversation without its messages."""
        async with self._database.begin() as connection:
            rows = await connection.execute(select(*_SUMMARY).where(*self._is_conversation(id)))
            return _summary(rows.one_or_none())

    def _is_conversation(self, id: str) -> tuple[Any, ...]:
        return conversations.c.tenant == self._tenant, conversations.c.id == id

    async def rename_conversation(self, id: str, title: str) -> Item | None:
        """Give a conversation another title and return it."""
        change = update(conversations).where(*self._is_conversation(id)).values(title=title)
        async with self._database.begin() as connection:
            return _summary((await connection.execute(change.returning(*_SUMMARY))).one_or_none())

    async def delete_conversation(self, id: str) -> bool:
        """Delete a conversation with its messages; False where there is none."""
        async with self._database.begin() as connection:
            gone = await connection.execute(delete(conversations).where(*self._is_conversation(id)))
            return gone.rowcount > 0

    async def list_messages(self, id: str, limit: int, offset: int) -> Item | None:
        """Return a page of messages, the oldest first."""
        said = (messages.c.tenant == self._tenant, messages.c.conversation_id == id)
        async with self._database.begin() as connection:
            total = await connection.scalar(
                select(conversations.c.message_count).where(*self._is_conversation(id))
            )
            if total is None:
                return None
            rows = await connection.execute(
                select(*_MESSAGE).where(*said).order_by(messages.c.number).limit(limit).offset(offset)
            )
            return page([message_item(*row) for row in rows], total, limit, offset)

    async def say(self, id: str, role: str, text: str) -> Item | None:
        """Keep a message and return it."""
        async with self._database.begin() as connection:
            return await self._say(connection, id, role, text)

    async def _say(self, connection: AsyncConnection, id: str, role: str, text: str) -> Item | None:
        counted = update(conversations).where(*self._is_conversation(id))
        moment = _now()
        counted = counted.values(message_count=conversations.c.message_count + 1, updated_at=moment)
        number = (await connection.execute(counted.returning(conversations.c.message_count))).scalar()
        if number is None:
            return None
        new = {"conversation_id": id, "number": number, "role": role, "text": text, "created_at": moment}
        await connection.execute(insert(messages).values(tenant=self._tenant, **new))
        return message_item(id, number, role, text, moment)

    async def exchange(self, phone: str, message: str, reply: str) -> Item:
        """Keep a message and its reply, and return the reply. Opens the conversation where there is none."""
        id = conversation_id(phone)
        async with self._database.begin() as connection:
            await self._open(connection, phone, "Chat")
            await self._say(connection, id, "user", message)
            said = await self._say(connection, id, "assistant", reply)
        if said is None:
            raise StoreUnavailable("the conversation was deleted meanwhile")
        return said

    async def find_sources(self, question: str, conversation_id: str) -> list[Source]:
        """Return the passages that share most words with a question, by Postgres' full text search."""
        asked = {
            "tenant": self._tenant,
            "question": question,
            "conversation": conversation_id,
            "documents": DOCUMENTS,
            "most": MOST_SOURCES,
        }
        async with self._database.begin() as connection:
            rows = (await connection.execute(FIND_PASSAGES, asked)).all()
        return [
            document_source(row.id, row.fields, question)
            if row.kind == "document"
            else message_source(row.id, row.role, row.text, question)
            for row in rows
        ]

    async def list_items(self, resource: str, limit: int, offset: int, wanted: Wanted = EVERYTHING) -> Item:
        """Return a page of a resource's items that are wanted, else in the order they were made."""
        mine = [items.c.tenant == self._tenant, items.c.resource == resource]
        for name, values in wanted.fields.items():
            mine.append(or_(*(items.c.fields[name] == cast(literal(each, JSONB), JSONB) for each in values)))
        order = [items.c.number.asc()]
        if name := wanted.sort.removeprefix("-"):
            value = func.nullif(items.c.fields[name], text("'null'::jsonb"))
            order.insert(
                0, value.desc().nulls_first() if wanted.sort.startswith("-") else value.asc().nulls_last()
            )
        async with self._database.begin() as connection:
            total = await connection.scalar(select(func.count()).where(*mine)) or 0
            rows = await connection.execute(
                select(*_ITEM).where(*mine).order_by(*order).limit(limit).offset(offset)
            )
            found = [stored_item(str(row.number), row.fields, row.created_at, row.updated_at) for row in rows]
        return page(found, total, limit, offset)

    async def add_item(self, resource: str, fields: Item) -> Item:
        """Keep a new item; `id`, `created_at` and `updated_at` are the store's own."""
        owner = {"tenant": self._tenant, "resource": resource}
        counted = insert(collections).values(**owner, made=1)
        counted = counted.on_conflict_do_update(
            index_elements=["tenant", "resource"], set_={"made": collections.c.made + 1}
        )
        moment, kept = _now(), _without_own(fields)
        async with self._database.begin() as connection:
            number = (await connection.execute(counted.returning(collections.c.made))).scalar_one()
            new = {"number": number, "fields": kept, "created_at": moment, "updated_at": moment}
            await connection.execute(insert(items).values(**owner, **new))
        return stored_item(str(number), kept, moment, moment)

    def _is_item(self, resource: str, number: int) -> tuple[Any, ...]:
        return items.c.tenant == self._tenant, items.c.resource == resource, items.c.number == number

    async def item(self, resource: str, id: str) -> Item | None:
        """Return an item."""
        if (number := _number(id)) is None:
            return None
        async with self._database.begin() as connection:
            rows = await connection.execute(select(*_ITEM).where(*self._is_item(resource, number)))
            return _item(rows.one_or_none())

    async def change_item(self, resource: str, id: str, fields: Item, *, merge: bool) -> Item | None:
        """Replace an item's fields, or merge into them, and return it."""
        if (number := _number(id)) is None:
            return None
        kept: Any = _without_own(fields)
        new = items.c.fields.op("||")(bindparam("new", kept, JSONB)) if merge else kept
        change = update(items).where(*self._is_item(resource, number)).values(fields=new, updated_at=_now())
        async with self._database.begin() as connection:
            return _item((await connection.execute(change.returning(*_ITEM))).one_or_none())

    async def delete_item(self, resource: str, id: str) -> bool:
        """Delete an item and all collections below it; False where there is none."""
        if (number := _number(id)) is None:
            return False
        inside = below(resource, id)
        async with self._database.begin() as connection:
            gone = await connection.execute(delete(items).where(*self._is_item(resource, number)))
            for table in (items, collections):
                beneath = table.c.resource.startswith(inside, autoescape=True)
                await connection.execute(delete(table).where(table.c.tenant == self._tenant, beneath))
            return gone.rowcount > 0


def _without_own(fields: Item) -> Item:
    return {name: value for name, value in fields.items() if name not in OWN_FIELDS}


class PostgresStore:
    """All tenants, in Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, tenant: str) -> PostgresTenant:
        """Return a tenant's data."""
        return PostgresTenant(self._database, tenant)

    async def health(self) -> Item:
        """Return whether Postgres answers."""
        return await self._database.health()


@asynccontextmanager
async def open_store(dsn: str) -> AsyncIterator[PostgresStore]:
    """Open the store at an address of Postgres, and close its connections at the end.

    It opens also while Postgres is away: the engine says so in /health, and works as soon as Postgres does.
    """
    database = Database(dsn, int(os.environ.get("POSTGRES_POOL_SIZE") or 5))
    try:
        try:
            async with database.begin():
                logger.info("Postgres is connected and its schema is up to date")
        except StoreUnavailable as error:
            logger.warning("Postgres is not available yet: %s", error)
        yield PostgresStore(database)
    finally:
        await database.close()
