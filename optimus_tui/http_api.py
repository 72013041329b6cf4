"""The tools over plain HTTP: ``GET /`` lists them with their schemas, ``POST /{tool}`` runs one. A GET changes nothing.

``tools_app`` is mounted in a gateway at /mcp; ``optimus-tui serve`` serves the same. It is plain ASGI: importing and
mounting it loads no web framework, no client and no tool; settings are read on the first call. A mounted app has no
startup and does not know its address, so without a token it answers only direct loopback peers.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from optimus_tui.serving.asgi import AccessControlMiddleware

if TYPE_CHECKING:
    from optimus_tui.context import Context
    from optimus_tui.serving.asgi import App, Receive, Scope, Send
    from optimus_tui.serving.dispatcher import Answered, ToolDispatcher

STATUS = {
    "unknown_tool": 404,
    "bad_argument": 422,
    "bad_configuration": 500,
    "unreachable": 503,
    "deadline": 503,
    "busy": 503,
    "refused": 403,
    "internal": 500,
}
_RETRY = ((b"retry-after", b"1"),)


class ToolsApp(AccessControlMiddleware):
    """The application to mount. A mounted app is not told when its server ends: call ``aclose`` then."""

    def __init__(self, dispatcher: "ToolDispatcher", token: str | None, hosts: Collection[str]) -> None:
        super().__init__(Tools(dispatcher), token, hosts=hosts)
        self._dispatcher = dispatcher

    async def aclose(self) -> None:
        """Close the clients that calls have opened. May be called twice."""
        await self._dispatcher.aclose()


def tools_app(token: str | None = None, hosts: Collection[str] = ()) -> ToolsApp:
    """Return the ASGI application to mount.

    Use it as ``app.mount("/mcp", tools_app(token=None))``.

    Args:
        token: What ``Authorization: Bearer`` must hold; None to accept only direct callers on this machine, none
            through a proxy.
        hosts: Whole Host values to accept besides the loopback names with the port, such as ``gateway.internal:443``.
    """
    from optimus_tui.serving.dispatcher import ToolDispatcher

    return ToolsApp(ToolDispatcher(context_from_environment), token, hosts)


def context_from_environment() -> "Context":
    """Return a context on the settings in force here.

    Raises:
        SettingsError: A setting is wrong.
    """
    import os
    from pathlib import Path

    from optimus_tui.context import Context
    from optimus_tui.settings.files import user_config_file
    from optimus_tui.settings.load import load

    return Context(load({}, os.environ, Path.cwd(), user_config_file()), keep_log=False)


class Tools:
    """The two routes, without access control."""

    def __init__(self, dispatcher: "ToolDispatcher") -> None:
        self._dispatcher = dispatcher

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve one request."""
        from optimus_tui.serving.asgi import BodyRefused, Gone, send_error

        if scope["type"] != "http":
            return
        try:
            await self._route(route_path(scope), scope, receive, send)
        except BodyRefused as refused:
            await send_error(send, refused.status, "bad_argument", refused.message, ((b"connection", b"close"),))
        except Gone:
            return

    async def _route(self, path: str, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from optimus_tui.serving.asgi import read_body, send_error, send_json, while_connected

        name = path.removeprefix("/").removesuffix("/")
        allowed = b"POST" if name else b"GET"
        if scope["method"].encode() != allowed:
            message = f"{path or '/'} answers {allowed.decode()} only"
            await send_error(send, 405, "bad_argument", message, ((b"allow", allowed),))
        elif not name:
            await send_json(send, 200, catalogue())
        elif wrong := wrong_type(scope):
            await read_body(receive)  # The sender reads the answer only after it has sent the body.
            await send_error(send, 415, "bad_argument", wrong)
        else:
            body = await read_body(receive)
            answered = await while_connected(receive, self._dispatcher.call(name, body))
            await send_json(send, *_answer(answered))


def _answer(answered: "Answered") -> "tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]":
    if not answered.code:
        return 200, answered.document, ()
    status = STATUS[answered.code]
    return status, answered.document, _RETRY if status == 503 else ()


def route_path(scope: "Scope") -> str:
    """Return the path below the mount point."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    if root and (path == root or path.startswith(f"{root}/")):
        return path[len(root) :]
    return path


def wrong_type(scope: "Scope") -> str | None:
    """Return why the body cannot be JSON by its headers, or None.

    It must be declared as JSON, so that no form on a foreign page can call a tool.
    """
    headers = dict(scope["headers"])
    values = [value for name, value in scope["headers"] if name == b"content-type"]
    kinds = {kind.partition(b";")[0].strip().lower() for value in values for kind in value.split(b",")}
    if kinds != {b"application/json"}:  # A proxy may send the header twice.
        return "the Content-Type must be application/json"
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        return "the body must not be compressed"
    return None


def catalogue() -> bytes:
    """Return all tools with their JSON Schemas, as ``GET /`` shows them."""
    from msgspec import json

    from optimus_tui.contract.tools.common import SCHEMA_VERSION
    from optimus_tui.tools.registry import TOOLS

    tools = [
        {
            "name": tool.name,
            "description": tool.description,
            "read_only": not tool.writes,
            "writes": tool.writes,
            "input_schema": tool.input_schema(),
            "output_schema": tool.output_schema(),
        }
        for tool in TOOLS.values()
    ]
    return json.encode({"schema_version": SCHEMA_VERSION, "tools": tools})


def at_mcp(dispatcher: "ToolDispatcher") -> "App":
    """Return what ``serve`` serves: the routes below /mcp only, and a shutdown that closes the clients."""
    from optimus_tui.serving.asgi import send_error

    tools = Tools(dispatcher)

    async def app(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] == "lifespan":
            await _live(dispatcher, receive, send)
        elif scope["path"] == "/mcp" or scope["path"].startswith("/mcp/"):
            await tools({**scope, "root_path": "/mcp"}, receive, send)
        else:
            await send_error(send, 404, "bad_argument", "the tools are at /mcp and /mcp/{tool}")

    return app


async def _live(dispatcher: "ToolDispatcher", receive: "Receive", send: "Send") -> None:
    import asyncio

    while True:
        try:
            kind = (await receive())["type"]
        except asyncio.CancelledError:  # a signal before the server was up: it ends without the word "shutdown"
            await dispatcher.aclose()
            return
        if kind == "lifespan.shutdown":
            await dispatcher.aclose()
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
