"""A socket, its token and uvicorn on it. Loopback unless told otherwise; beyond it nobody comes in without a token.

It refuses to put a token on a command line or into a log: a terminal is shown it, everybody else reads the file.
"""

import ipaddress
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from optimus_tui.serving.asgi import App

TOKEN_VARIABLE = "OPTIMUS_HTTP_TOKEN"  # noqa: S105
SHORTEST_TOKEN = 16


class CannotListen(Exception):
    """One sentence: why there is no socket, or no token."""


class ListeningSocket(NamedTuple):
    """A listening socket. ``names`` are host names that mean it beside the loopback ones."""

    socket: socket.socket
    url: str
    names: tuple[str, ...]
    loopback: bool


def bind(host: str, port: int) -> ListeningSocket:
    """Listen on ``host`` and ``port`` (0: any that is free)."""
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
    names = () if at.is_loopback else (socket.gethostname(), *(() if at.is_unspecified else (host,)))
    return ListeningSocket(listener, f"http://{shown}:{chosen}", names, at.is_loopback)


def token_for(bound: ListeningSocket, purpose: str) -> str | None:
    """The token that callers must show: the variable's, or one of this start; None on loopback without the variable."""
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
    from platformdirs import user_state_path

    path = user_state_path("optimus-tui", appauthor=False) / f"{purpose}.token"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{token}\n")
    except OSError as error:
        raise CannotListen(f"the token cannot be kept in {path}: {error.strerror}; set {TOKEN_VARIABLE}") from None
    return path


def serve(app: "App", bound: ListeningSocket) -> None:
    """Serve until SIGINT or SIGTERM. Proxies' headers are not believed, and no version is told."""
    import uvicorn

    from optimus_tui.serving.asgi import ending_well
    from optimus_tui.serving.connections import BoundedProtocol

    config = uvicorn.Config(
        ending_well(app),
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
    uvicorn.Server(config).run(sockets=[bound.socket])


def note(sentence: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"optimus-tui: {sentence}\n")
    sys.stderr.flush()


def log_to_stderr() -> None:
    """Warnings and worse, of ours and of the libraries; stdout stays untouched."""
    import logging

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="optimus-tui: %(levelname)s %(message)s")
    for chatty in ("httpx", "mcp", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
