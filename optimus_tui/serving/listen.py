"""A listening socket, its token, and uvicorn on it.

It binds to loopback by default; any other address requires a token. A token is never on a command line or in a log: it
is shown on a terminal, and kept in a private file.
"""

import ipaddress
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from optimus_tui.storage.private_file import put_in_place
from optimus_tui.storage.user import state_dir

if TYPE_CHECKING:
    from optimus_tui.serving.asgi import App

TOKEN_VARIABLE = "OPTIMUS_HTTP_TOKEN"  # noqa: S105
SHORTEST_TOKEN = 16


class CannotListen(Exception):
    """Why there is no socket or no token, in one sentence."""


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
    from optimus_tui.serving.connections import BoundedProtocol

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
    uvicorn.Server(config).run(sockets=[bound.socket])


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
