"""Progress as notifications: a share from 0 to 1 that only grows, at most ten times a second, the end included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mcp.server.session import ServerSession

from optimus_tui.tools.progress import Progress

PAUSE_SECONDS = 0.1


class _Teller:
    """Keeps only the newest state, so that a client that does not read cannot delay a scan."""

    def __init__(self, session: ServerSession) -> None:
        self._session, self._news = session, asyncio.Event()
        self._share, self._told, self._said = 0.0, -1.0, "started"
        self._news.set()

    def hear(self, done: int, total: int | None, what: str) -> None:
        share = done / max(done, total) if total else done / (done + 10_000)
        self._share = max(self._share, min(share, 0.99))
        self._said = f"{done:,} of {total:,} {what}" if total else f"{done:,} {what}"
        self._news.set()

    async def tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._share > self._told:
                await self._tell()
            await asyncio.sleep(PAUSE_SECONDS)

    async def end(self) -> None:
        if self._share > self._told:
            await self._tell()
        await self._session.report_progress(1.0, 1.0, "done")

    async def _tell(self) -> None:
        self._told = self._share
        await self._session.report_progress(self._share, 1.0, self._said)


@asynccontextmanager
async def telling(session: ServerSession) -> AsyncIterator[Progress]:
    """Yield a progress listener whose calls are sent to the client, if the client asked for progress."""
    teller = _Teller(session)
    task = asyncio.create_task(teller.tell())
    try:
        yield teller.hear
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await teller.end()
