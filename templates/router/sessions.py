"""Sessions of the application's database, which DATABASE_URL names, as in postgresql+asyncpg://user@host/name.

Written by Optimus TUI; it is yours to change.
"""

import os
from collections.abc import AsyncIterator
from functools import cache

from fastapi import HTTPException
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine


@cache
def open_sessions(url: str) -> async_sessionmaker[AsyncSession]:
    """Return what makes sessions. Nothing connects here: the first statement does."""
    return async_sessionmaker(create_async_engine(url, pool_pre_ping=True))


async def get_session() -> AsyncIterator[AsyncSession]:
    """Yield a session; what was not committed at its end is rolled back. 503 without DATABASE_URL."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        raise HTTPException(503, "the database is not configured")
    async with open_sessions(url)() as session:
        yield session
