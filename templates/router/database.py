"""What routers with a table share: a transaction, and what becomes of its failures.

Written by Optimus TUI; it is yours to change.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

from fastapi import HTTPException
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

TRANSACTION_SECONDS = 5.0
sqlite3.register_adapter(Decimal, str)  # SQLite has no exact numbers: there a decimal is kept as text


@asynccontextmanager
async def transaction(session: AsyncSession, seconds: float = TRANSACTION_SECONDS) -> AsyncIterator[None]:
    """Commit at the end of the block.

    What is in conflict with a constraint is answered 409, what fits no column 422. A database that is away raises
    ConnectionError, one that is late TimeoutError.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
            await session.commit()
    except IntegrityError as error:
        raise HTTPException(409, "it conflicts with what is kept") from error
    except (DataError, OverflowError) as error:
        raise HTTPException(422, "a value does not fit its column") from error
    except PoolTimeout as error:
        raise TimeoutError("no connection was free in time") from error
    except DBAPIError as error:
        raise ConnectionError(type(error).__name__) from error


def utc(moment: datetime) -> datetime:
    """Return a time in UTC, as it is kept; one without a zone is taken for UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)
