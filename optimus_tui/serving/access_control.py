"""Access control for HTTP: the peer or its token first, then Host, then Origin, each compared exactly.

Rebound host names in a browser, proxies that pass requests on, and other machines in the network are refused before the
request is read. Nothing matches by prefix or wildcard, and a token in the address does not count.
"""

import hmac
import ipaddress
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from optimus_tui.serving.asgi import App, Headers, Receive, Scope, Send, send_error

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PASSED_ON = (b"forwarded", b"via", b"x-real-ip")


class AccessRefusal(NamedTuple):
    """Why a request is refused, and with which HTTP status."""

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
