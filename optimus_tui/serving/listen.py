"""A listening socket with its token, uvicorn on it, and deadlines and a cap for its connections."""

import asyncio
import ipaddress
import os
import resource
import secrets
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from optimus_tui.serving.asgi import error_document
from optimus_tui.storage.private_file import put_in_place, state_dir

if TYPE_CHECKING:
    from optimus_tui.serving.asgi import App


TOKEN_VARIABLE = "OPTIMUS_HTTP_TOKEN"  # noqa: S105
SHORTEST_TOKEN = 16
HEAD_SECONDS = 10.0
"""Seconds from the connection, or the first byte of a further request, to the end of its head."""
WRITE_SECONDS = 10.0
"""Seconds after which a peer that reads nothing of its answer is disconnected."""
MOST_CONNECTIONS = 1024
_REASONS = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}


class CannotListen(Exception):
    """There is no socket or no token; one sentence says why."""


class ListeningSocket(NamedTuple):
    """A listening socket. ``names`` are host names for it besides the loopback ones."""

    socket: socket.socket
    url: str
    names: tuple[str, ...]
    loopback: bool


def bind(host: str, port: int) -> ListeningSocket:
    """Listen on ``host`` and ``port`` (0 for any free port).

    Raises:
        CannotListen: The address cannot be used.
    """
    try:
        family, _, _, _, address = min(
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE),
            key=lambda one: one[0] != socket.AF_INET,
        )
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}") from None
    where, chosen = listener.getsockname()[:2]
    at = ipaddress.ip_address(where)
    shown = f"[{where}]" if at.version == 6 else where
    names: list[str] = []
    if not at.is_loopback:
        names.append(socket.gethostname())
        if not at.is_unspecified:
            names.append(host)
    return ListeningSocket(listener, f"http://{shown}:{chosen}", tuple(names), at.is_loopback)


def token_for(bound: ListeningSocket, purpose: str) -> str | None:
    """Return the token that callers must send; None on loopback without the variable.

    It is the variable's, or a new one.

    Raises:
        CannotListen: The variable's token is too short, or the new one cannot be stored.
    """
    given = os.environ.pop(TOKEN_VARIABLE, "").strip()
    if given:
        if len(given) < SHORTEST_TOKEN or not given.isascii():
            raise CannotListen(f"{TOKEN_VARIABLE} must be at least {SHORTEST_TOKEN} ASCII characters")
        return given
    if bound.loopback:
        return None
    token = secrets.token_urlsafe(32)
    shown = f" {token}" if sys.stderr.isatty() else ""
    note(f"callers must send Authorization: Bearer{shown or ' and the token'} (kept in {_keep(token, purpose)})")
    note("requests and the token travel unencrypted: put TLS in front of it")
    return token


def _keep(token: str, purpose: str) -> Path:
    path = state_dir() / f"{purpose}.token"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        put_in_place(path, f"{token}\n".encode())
    except OSError as error:
        raise CannotListen(f"the token cannot be kept in {path}: {error.strerror}; set {TOKEN_VARIABLE}") from None
    return path


def serve(app: "App", bound: ListeningSocket) -> None:
    """Serve until SIGINT or SIGTERM. Headers of proxies are ignored, and no version is sent."""
    import uvicorn

    from optimus_tui.serving.asgi import with_complete_answers

    config = uvicorn.Config(
        with_complete_answers(app),
        http=BoundedProtocol,
        backlog=BoundedProtocol.most,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        lifespan="on",
    )
    work = uvicorn.Server(config).serve(sockets=[bound.socket])
    with closing(work), asyncio.Runner() as runner:  # an interrupt may come before it begins
        runner.run(work)


def note(sentence: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"optimus-tui: {sentence}\n")
    sys.stderr.flush()


def log_to_stderr() -> None:
    """Log warnings and errors, also of the libraries, to stderr; stdout is not used."""
    import logging

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="optimus-tui: %(levelname)s %(message)s")
    for chatty in ("httpx", "mcp", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.ERROR)


def most_connections() -> int:
    """Return how many may be open: a quarter of this process's file descriptors, at most 1,024.

    Between two checks of the cap, as many connections again can be accepted, and as many can be closing.
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
        """Whether the server waits for the peer to send something."""
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
        """Close the connection because the server stops.

        A peer that has sent half a request gets no time to finish it.
        """
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
