"""``serve`` and ``mcp``: the tools for other programs. If a package is missing, one sentence says so.

Settings are read before a port is opened. Nothing but frames of the protocol is written to stdout.
"""

import gc
import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import click

from optimus_tui import garbage
from optimus_tui.cli import exits
from optimus_tui.cli.flags import connection_flags, merge_flags, settings_of
from optimus_tui.cli.output import print_error

if TYPE_CHECKING:
    from optimus_tui.serving.asgi import App
    from optimus_tui.serving.dispatcher import ToolDispatcher
    from optimus_tui.serving.listen import ListeningSocket
    from optimus_tui.settings.model import Settings

REMEDY = "needs more packages: pip install 'optimus-tui[mcp]'"
_port = click.IntRange(0, 65535)


@contextmanager
def _hurry() -> Iterator[None]:
    """Import the SDK faster: pause the collector, skip plugins, build each of its 550 models when it is used."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from pydantic import BaseModel

    gc.disable()
    usual = BaseModel.model_config
    BaseModel.model_config = {**usual, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_config = usual
        gc.freeze()
        gc.enable()


def _missing(*names: str) -> bool:
    return not all(importlib.util.find_spec(name) for name in names)


@click.command("serve")
@connection_flags
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; any but loopback requires a token."
)
@click.option("--port", default=8030, show_default=True, type=_port, help="Port to listen on.")
@click.pass_context
def serve(ctx: click.Context, /, host: str, port: int, **given: object) -> int:
    """Serve the tools over HTTP: POST /mcp/{tool} answers as `run` does, GET /mcp lists them with JSON Schemas."""
    if _missing("uvicorn"):
        print_error(f"serve {REMEDY}")
        return exits.USAGE
    settings = settings_of(merge_flags(ctx, given))
    from optimus_tui.http_api import at_mcp
    from optimus_tui.serving.asgi import AccessControlMiddleware

    application = at_mcp(_dispatcher(settings))

    def protected(bound: "ListeningSocket", token: str | None) -> "App":
        return AccessControlMiddleware(application, token, bound.names)

    return _listen(settings, host, port, "serve", "the tools answer", protected)


@click.command("mcp")
@connection_flags
@click.option("--http", is_flag=True, help="Serve Streamable HTTP on /mcp instead of stdio.")
@click.option("--host", help="With --http: address to listen on (127.0.0.1); any but loopback requires a token.")
@click.option("--port", type=_port, help="With --http: port to listen on (8031).")
@click.pass_context
def mcp(ctx: click.Context, /, http: bool, host: str | None, port: int | None, **given: object) -> int:
    """Serve the tools over the Model Context Protocol, on stdin and stdout or, with --http, on a port."""
    if not http and (host is not None or port is not None):
        print_error("--host and --port need --http")
        return exits.USAGE
    if _missing("mcp"):
        print_error(f"mcp {REMEDY}")
        return exits.USAGE
    settings = settings_of(merge_flags(ctx, given))
    dispatcher = _dispatcher(settings)
    if not http:
        with _hurry():
            from optimus_tui.mcp_server.stdio import run
        return run(dispatcher)
    with _hurry():
        from optimus_tui.mcp_server.streamable import app_for
    if port is None:
        port = 8031
    return _listen(settings, host or "127.0.0.1", port, "mcp", "MCP answers", partial(app_for, dispatcher))


def _dispatcher(settings: "Settings") -> "ToolDispatcher":
    from optimus_tui.context import Context
    from optimus_tui.serving import listen
    from optimus_tui.serving.dispatcher import ToolDispatcher

    listen.log_to_stderr()
    garbage.started()
    return ToolDispatcher(lambda: Context(settings, keep_log=False))


def _listen(
    settings: "Settings",
    host: str,
    port: int,
    purpose: str,
    what: str,
    build: 'Callable[["ListeningSocket", str | None], "App"]',
) -> int:
    """Serve what ``build`` makes of a socket and its token until a signal arrives, and return the exit code."""
    from optimus_tui.serving import listen

    try:
        bound = listen.bind(host, port)
        app = build(bound, listen.token_for(bound, purpose))
    except listen.CannotListen as error:
        print_error(error)
        return exits.USAGE
    listen.note(f"{what} at {bound.url}/mcp, environment {settings.environment}; ctrl+c ends it")
    listen.serve(app, bound)
    return exits.HEALTHY
