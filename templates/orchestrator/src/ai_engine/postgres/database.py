"""A pool of connections to Postgres: the schema is brought up to date once, and what fails is one kind of exception."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from ai_engine.contract import Item, StoreUnavailable

CONNECT_SECONDS = 2
TRANSACTION_SECONDS = 4.0
"""Less than the gateway waits for an answer."""
HEALTH_SECONDS = 0.4
_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x0907_1405
"""Of the engine processes that start at once one migrates, and the others wait for it."""

logger = logging.getLogger("ai_engine")


class Database:
    """The pool. Opening it connects to nothing; the first transaction does, and migrates."""

    def __init__(self, dsn: str, pool_size: int) -> None:
        async def connect() -> psycopg.AsyncConnection:
            return await psycopg.AsyncConnection.connect(
                dsn, connect_timeout=CONNECT_SECONDS, application_name="ai_engine"
            )

        self._engine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=True,
        )
        self._migrated = False
        self._migrating = asyncio.Lock()
        self._asked: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Begin a transaction; it is committed at the end of the block. StoreUnavailable where that cannot be."""
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                await self.migrate()
                async with self._engine.begin() as connection:
                    yield connection
        except (DBAPIError, PoolTimeout, TimeoutError, psycopg.Error, OSError) as error:
            if isinstance(error, DBAPIError) and not _is_away(error):
                raise
            logger.warning("Postgres: %s", type(error).__name__)
            raise StoreUnavailable(type(error).__name__) from error

    async def migrate(self) -> None:
        """Bring the schema up to date, once in the life of this process."""
        if self._migrated:
            return
        async with self._migrating:
            if self._migrated:
                return
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                    await connection.run_sync(_upgrade)
            except CommandError as error:
                raise StoreUnavailable(f"the schema cannot be brought up to date: {error}") from error
            self._migrated = True

    async def health(self) -> Item:
        """Return whether Postgres answers, within 0.4 s: whoever asks for the engine's health has little patience."""
        started = time.perf_counter()
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ask())
            self._asked.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait({self._asked}, timeout=HEALTH_SECONDS)
        document: Item = {"kind": "postgres", "survives_restart": True, "latency_ms": None, "error": None}
        if not self._asked.done():
            return {**document, "status": "disconnected", "error": "no answer within 400 ms"}
        if error := self._asked.exception():
            reason = str(error) if isinstance(error, StoreUnavailable) else type(error).__name__
            return {**document, "status": "disconnected", "error": reason}
        latency = round((time.perf_counter() - started) * 1000, 2)
        return {**document, "status": "connected", "latency_ms": latency}

    async def _ask(self) -> None:
        async with self.begin() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def _is_away(error: DBAPIError) -> bool:
    return error.connection_invalidated or isinstance(
        error.orig, psycopg.OperationalError | psycopg.InterfaceError
    )


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
