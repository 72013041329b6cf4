"""Plain ASGI: who may call, a bounded body, an answer in JSON, and noticing that the caller disconnected."""

import asyncio
import hmac
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from typing import Any, NamedTuple, TypeVar

from optimus_tui.contract.tools.common import ErrorCode, ToolError
from optimus_tui.tools.answer import MAX_BYTES, ToolFailure, encode, failure_report
from optimus_tui.wording.safe import redact, safe_text

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
T = TypeVar("T")

_log = logging.getLogger("optimus_tui.serving")

BODY_SECONDS = 5.0
"""Seconds in which a body must be complete."""
_THROWN_AWAY = 16 * 1024 * 1024
"""Bytes of a too large body that are still read and discarded, so that its sender reads the answer."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PASSED_ON = (b"forwarded", b"via", b"x-real-ip")


class Gone(Exception):
    """The caller disconnected."""


class BodyRefused(Exception):
    """The body is too large (413) or too slow (408)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


async def read_body(receive: Receive, seconds: float = BODY_SECONDS) -> bytes:
    """Return the whole body.

    Raises:
        BodyRefused: It is larger than ``MAX_BYTES`` or takes longer than ``seconds``.
        Gone: The caller disconnected.
    """
    kept, seen = bytearray(), 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                chunk: bytes = message.get("body", b"")
                seen += len(chunk)
                if seen <= MAX_BYTES:
                    kept += chunk
                if not message.get("more_body", False) or seen > _THROWN_AWAY:
                    break
    except TimeoutError:
        raise BodyRefused(408, f"the body was not complete within {seconds:g} s") from None
    if seen > MAX_BYTES:
        raise BodyRefused(413, f"the body is larger than {MAX_BYTES:,} bytes")
    return bytes(kept)


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """Return the result of ``work``, which is cancelled if the caller disconnects.

    Raises:
        Gone: The caller disconnected first.
    """
    task: asyncio.Task[T] = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_hang_up(receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Gone
    finally:
        for one in (task, watch):
            one.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(send: Send, status: int, document: bytes, headers: Headers = ()) -> None:
    """Send one JSON document as the answer. No header lets a page of another origin read it."""
    lines = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(document)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": document})


async def send_error(send: Send, status: int, code: ErrorCode, message: str, headers: Headers = ()) -> None:
    """Send an error document for a request that reached no tool."""
    await send_json(send, status, error_document(code, message), headers)


def error_document(code: ErrorCode, message: str) -> bytes:
    """Return the JSON document that says why there is no answer."""
    failure = ToolFailure(ToolError(code=code, message=message), 4 if code == "refused" else 2)
    return encode(failure_report("", failure, time.time()))


def with_complete_answers(app: App) -> App:
    """Wrap ``app`` so that neither cancellation nor a bug prints a traceback or leaves an answer unfinished.

    If the server stops, the caller gets 503, or the rest of what was being sent; after a bug 500, with one line in the
    log.
    """

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        started = complete = False

        async def noted(message: Message) -> None:
            nonlocal started, complete
            started = True
            complete = complete or (message["type"] == "http.response.body" and not message.get("more_body", False))
            await send(message)

        try:
            await app(scope, receive, noted if scope["type"] == "http" else send)
        except (asyncio.CancelledError, Exception) as error:
            if scope["type"] != "http":
                raise
            is_bug = isinstance(error, Exception) and not isinstance(error, Gone)
            if is_bug:
                _log.error("%s: %s", type(error).__name__, safe_text(redact(str(error)), 300))
            if not started and is_bug:
                await send_error(send, 500, "internal", "a bug in the server; see its log")
            elif not started:
                await send_error(send, 503, "busy", "the server is ending", ((b"connection", b"close"),))
            elif not complete:
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    return ended


class AccessRefusal(NamedTuple):
    """The reason why a request is refused, and the HTTP status of the answer."""

    status: int
    message: str
    headers: Headers = ()


class AccessControlMiddleware:
    """An ASGI application that protects another one.

    Args:
        app: The application to protect.
        token: What ``Authorization: Bearer`` must hold; None to admit only direct loopback peers.
        names: Host names besides the loopback ones, to which the port is added.
        hosts: Whole Host values.
    """

    def __init__(
        self, app: App, token: str | None = None, names: Collection[str] = (), hosts: Collection[str] = ()
    ) -> None:
        self._app, self._token = app, token.encode() if token else None
        self._names, self._hosts = tuple(name.lower() for name in names), tuple(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self.judge(scope)
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send_error(send, refusal.status, "refused", refusal.message, refusal.headers)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def judge(self, scope: Scope) -> AccessRefusal | None:
        """Return why the request is refused; None if it may pass."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        return self._credentials(scope, headers) or self._host(scope, headers) or self._origin(scope, headers)

    def _credentials(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> AccessRefusal | None:
        challenge = ((b"www-authenticate", b"Bearer"),)
        if self._token is not None:
            shown = _values(headers, b"authorization")
            scheme, _, given = shown[0].partition(b" ") if len(shown) == 1 else (b"", b"", b"")
            if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token):
                return None
            return AccessRefusal(401, "this address requires Authorization: Bearer and the token", challenge)
        if not _is_loopback(scope.get("client")):
            return AccessRefusal(401, "without a token the tools answer only to this machine", challenge)
        if any(name in _PASSED_ON or name.startswith(b"x-forwarded") for name, _ in headers):
            return AccessRefusal(
                401, "the request came through a proxy, so the caller is unknown; set a token", challenge
            )
        return None

    def _host(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> AccessRefusal | None:
        given = _values(headers, b"host")
        if len(given) == 1 and given[0].decode("latin-1").lower() in self._authorities(scope):
            return None
        return AccessRefusal(421, "the Host header does not name this server")

    def _origin(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> AccessRefusal | None:
        given = _values(headers, b"origin")
        allowed = {f"{scheme}://{one}" for one in self._authorities(scope) for scheme in ("http", "https")}
        if not given or (len(given) == 1 and given[0].decode("latin-1").lower() in allowed):
            return None
        return AccessRefusal(403, "pages of other origins are refused")

    def _authorities(self, scope: Scope) -> set[str]:
        """Return every Host value that means this socket."""
        address, port = scope.get("server") or (None, None)
        names = {*LOOPBACK_NAMES, *self._names}
        if address and self._token is not None:
            if ":" in address:
                address = f"[{address}]"
            names.add(address)
        exact = {f"{name}:{port}" for name in names}
        if port in (80, 443, None):
            exact |= names
        return exact | set(self._hosts)


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name.lower() == wanted]


def _is_loopback(peer: Any) -> bool:
    """Return True for a loopback peer. An unknown peer (a Unix socket, a test client) is not one."""
    try:
        address = ipaddress.ip_address(peer[0])
    except (TypeError, ValueError, IndexError):
        return False
    inner = getattr(address, "ipv4_mapped", None)
    return (inner or address).is_loopback
