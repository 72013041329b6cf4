"""MCP as streamable HTTP on /mcp, behind our own access control; the SDK's similar checks are off.

Bodies above 256 kB or slower than 5 s are refused, and other machines need a token.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from optimus_tui.mcp_server.server import Lifespan, build
from optimus_tui.mcp_server.stdio import (
    BYTE_ORDER_MARK,
    FrameRefused,
    check_message,
    is_request,
    members_of,
    negotiated,
    read_frame,
)
from optimus_tui.serving.asgi import (
    AccessControlMiddleware,
    App,
    BodyRefused,
    Gone,
    Message,
    Receive,
    Scope,
    Send,
    read_body,
    send_error,
    send_json,
)
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.serving.listen import ListeningSocket
from optimus_tui.tools.answer import MAX_BYTES

SESSION_HEADER = b"mcp-session-id"
VERSION_HEADER = b"mcp-protocol-version"
MOST_SESSIONS = 100
IDLE_SECONDS = 5 * 60.0
"""Seconds after which a session without requests and without an open stream is dropped."""


class Session:
    """One client. ``used``: the loop's time of its last POST; ``busy``: how many of its requests are being answered."""

    def __init__(self, version: str, now: float) -> None:
        self.version, self.used, self.busy = version, now, 0


class _CollectedAnswer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class SessionKeeper:
    """The application around the SDK's, with at most ``most`` clients.

    If there are already ``most`` sessions, a new client ends the idle session whose last POST is longest ago; an open
    GET stream does not keep it. Its client gets 404 on the next request, as the protocol says, and initializes again.
    """

    def __init__(self, app: App, most: int) -> None:
        self._app, self._most = app, most
        self._sessions: dict[bytes, Session] = {}
        self._opening = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = _header(scope, SESSION_HEADER)
        if scope["method"] == "POST":
            try:
                body = await read_body(receive)
            except BodyRefused as refused:
                await send_error(send, refused.status, "bad_argument", refused.message, ((b"connection", b"close"),))
            except Gone:
                return
            else:
                await self._post(scope, receive, send, body, name)
        else:
            await self._app(scope, receive, send)
            if scope["method"] == "DELETE":
                self._sessions.pop(name, None)

    async def _post(self, scope: Scope, receive: Receive, send: Send, body: bytes, name: bytes) -> None:
        session = self._sessions.get(name)
        try:
            text = body.decode("utf-8", "replace")
            frame = read_frame(text)
            if isinstance(frame, list):
                members = members_of(frame, session.version if session else None)
                await self._batch(scope, receive, send, members, session)
                return
            check_message(frame)
        except FrameRefused as refused:
            await send_json(send, 400, refused.text.encode())
            return
        if text.startswith(BYTE_ORDER_MARK):
            body = json.dumps(frame).encode()
        if frame.get("method") == "initialize" and not name:
            await self._open(scope, receive, send, body, frame)
        else:
            await self._use(session, scope, _replayed(body, receive), send)

    async def _use(self, session: Session | None, scope: Scope, receive: Receive, send: Send) -> None:
        if session is None:
            await self._app(scope, receive, send)
            return
        session.busy += 1
        try:
            await self._app(scope, receive, send)
        finally:
            session.busy -= 1
            session.used = asyncio.get_running_loop().time()

    async def _open(self, scope: Scope, receive: Receive, send: Send, body: bytes, frame: dict[str, Any]) -> None:
        async with self._opening:
            while len(self._sessions) >= self._most and await self._put_out(scope):
                pass
        params = frame.get("params")
        version = negotiated(params.get("protocolVersion") if isinstance(params, dict) else None)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                name = dict(message["headers"]).get(SESSION_HEADER)
                if name:
                    self._sessions[name] = Session(version, asyncio.get_running_loop().time())
            await send(message)

        await self._app(scope, _replayed(body, receive), noted)

    async def _put_out(self, scope: Scope) -> bool:
        """End the session that has been idle longest. Return False if all are busy."""
        idle = [(session.used, name) for name, session in self._sessions.items() if not session.busy]
        if not idle:
            return False
        _, name = min(idle)
        del self._sessions[name]
        kept = [one for one in scope["headers"] if one[0] not in (SESSION_HEADER, VERSION_HEADER, b"content-length")]
        ending = {**scope, "method": "DELETE", "headers": [*kept, (SESSION_HEADER, name)]}
        await _collected(self._app, ending, b"")
        return True

    async def _batch(
        self, scope: Scope, receive: Receive, send: Send, members: list[dict[str, Any]], session: Session | None
    ) -> None:
        """Run the messages one after the other and send the answers together."""
        answers: list[Any] = []
        for message in members:
            body = json.dumps(message).encode()
            headers = [(key, value) for key, value in scope["headers"] if key != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
            collected = await _collected(lambda *words: self._use(session, *words), {**scope, "headers": headers}, body)
            if is_request(message):
                answers += [one async for one in _answers(collected, message["id"])]
        if answers:
            await send_json(send, 200, json.dumps(answers).encode())
        else:
            await send_json(send, 202, b"")


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == wanted), b"")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the body that was read, then what follows."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


async def _collected(app: App, scope: Scope, body: bytes) -> _CollectedAnswer:
    """Return the whole answer to a request that is made here."""
    collected = _CollectedAnswer(0, [], b"")

    async def keep(message: Message) -> None:
        nonlocal collected
        if message["type"] == "http.response.start":
            collected = _CollectedAnswer(message["status"], list(message["headers"]), b"")
        else:
            collected = collected._replace(body=collected.body + message.get("body", b""))

    never = asyncio.get_running_loop().create_future()

    async def hung_up() -> Message:
        await never
        return {"type": "http.disconnect"}

    try:
        await app(scope, _replayed(body, hung_up), keep)
    finally:
        never.cancel()
    return collected


async def _answers(collected: _CollectedAnswer, wanted: object) -> AsyncIterator[Any]:
    """Yield the messages in an answer that belong to one request: from JSON, or from events with one message each."""
    kind = dict(collected.headers).get(b"content-type", b"")
    lines = [collected.body]
    if kind.startswith(b"text/event-stream"):
        lines = [line[5:] for line in collected.body.splitlines() if line.startswith(b"data:")]
    for line in lines:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and "method" not in message:
            if message.get("id") is None:
                message["id"] = wanted
            yield message


def app_for(dispatcher: ToolDispatcher, bound: ListeningSocket, token: str | None) -> App:
    """Return the application for this socket. Sessions are kept, so that clients of any protocol version can cancel."""
    app = build(dispatcher, _closing(dispatcher)).streamable_http_app(
        streamable_http_path="/mcp",
        max_request_body_size=MAX_BYTES,
        max_sessions=2 * MOST_SESSIONS,  # ``SessionKeeper`` ends sessions before this is reached.
        session_idle_timeout=IDLE_SECONDS,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return AccessControlMiddleware(SessionKeeper(app, MOST_SESSIONS), token, bound.names)


def _closing(dispatcher: ToolDispatcher) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: Server[Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {}
        finally:
            await dispatcher.aclose()

    return lifespan
