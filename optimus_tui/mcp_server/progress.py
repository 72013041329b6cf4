"""Progress as notifications: a share from 0 to 1 that only grows, at most ten times a second, the end included."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mcp.server.session import ServerSession

from optimus_tui.tools.progress import Progress

PAUSE_SECONDS = 0.1


class _ProgressSender:
    """Keeps only the newest state, so that a client that does not read cannot delay a scan."""

    def __init__(self, session: ServerSession) -> None:
        self._session, self._changed = session, asyncio.Event()
        self._share, self._sent, self._text = 0.0, -1.0, "started"
        self._changed.set()

    def update(self, done: int, total: int | None, what: str) -> None:
        share = done / max(done, total) if total else done / (done + 10_000)
        self._share = max(self._share, min(share, 0.99))
        self._text = f"{done:,} of {total:,} {what}" if total else f"{done:,} {what}"
        self._changed.set()

    async def send_all(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._share > self._sent:
                await self._send()
            await asyncio.sleep(PAUSE_SECONDS)

    async def end(self) -> None:
        if self._share > self._sent:
            await self._send()
        await self._session.report_progress(1.0, 1.0, "done")

    async def _send(self) -> None:
        self._sent = self._share
        await self._session.report_progress(self._share, 1.0, self._text)


@asynccontextmanager
async def progress_of(session: ServerSession) -> AsyncIterator[Progress]:
    """Yield a progress listener whose calls are sent to the client, if the client asked for progress."""
    sender = _ProgressSender(session)
    task = asyncio.create_task(sender.send_all())
    try:
        yield sender.update
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await sender.end()
