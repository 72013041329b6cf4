"""Deadlines and a cap for the connections of ``serve`` and ``mcp --http``.

A peer that sends nothing, half a head or half a body takes no place from one that asks. Above the cap, the connection
that has waited longest for its peer is closed; a request that is being answered never is.
"""

import asyncio
import resource
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from optimus_tui.serving.asgi import error_document

HEAD_SECONDS = 10.0
"""Seconds from the connection, or the first byte of a further request, to the end of its head."""
WRITE_SECONDS = 10.0
"""Seconds after which a peer that reads nothing of its answer is disconnected."""
MOST_CONNECTIONS = 1024
_REASONS = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


def most_connections() -> int:
    """Return how many may be open: a quarter of this process's file descriptors, at most 1,024.

    Between two checks of the cap, as many again can be accepted, and as many again be closing.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= 0:  # There is no limit.
        return MOST_CONNECTIONS
    return max(8, min(MOST_CONNECTIONS, soft // 4))


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with deadlines and at most ``most`` open connections a server."""

    most = most_connections()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heard = self.loop.time()
        self._started = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether the peer has to send something before the server can do anything."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the peer; above the cap, close the connection that has waited longest."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        if len(self.connections) <= self.most:
            return
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self and one.waits]
        victim = min(others, key=lambda one: one.heard, default=self)
        victim.end(503, "there are too many connections; try again")

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and start or end the deadline of the head."""
        self.heard, self._started = self.loop.time(), True
        super().data_received(data)
        in_head = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if in_head and self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)
        elif not in_head and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def pause_writing(self) -> None:
        """Start the deadline of a peer that does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """End the deadline: the peer reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def shutdown(self) -> None:
        """End the server's connection. A peer that has sent half a request gets no time to finish it."""
        if self.waits and self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()

    def end(self, status: int, message: str) -> None:
        """Close the connection, with an answer if the peer has begun a request."""
        if self.transport.is_closing():
            return
        if self._started or status == 503:
            document = error_document("busy" if status == 503 else "bad_argument", message)
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(document)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + document)
        self.connections.discard(self)  # It no longer counts, however long the system takes to close it.
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer that the request is not HTTP, or only close if an answer has begun. ``msg`` is uvicorn's."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.end(400, "this is not a well-formed HTTP request")
        else:
            self.transport.close()

    def _too_slow(self) -> None:
        self.end(408, f"the head of the request was not complete within {HEAD_SECONDS:g} s")
