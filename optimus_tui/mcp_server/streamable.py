"""MCP as streamable HTTP on /mcp, behind our own access control; the SDK's similar checks are off.

Bodies above 256 kB or slower than 5 s are refused, and other machines need a token.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from optimus_tui.mcp_server.server import Lifespan, build
from optimus_tui.mcp_server.sessions import SessionKeeper
from optimus_tui.serving.access_control import AccessControlMiddleware
from optimus_tui.serving.asgi import App
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.serving.listen import ListeningSocket
from optimus_tui.tools.arguments import MAX_BYTES

MOST_SESSIONS = 100
IDLE_SECONDS = 5 * 60.0
"""Seconds after which a session without requests and without an open stream is dropped."""


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
