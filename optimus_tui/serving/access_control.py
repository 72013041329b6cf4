"""Who may come in over HTTP: the peer or its token first, then Host, then Origin, each compared exactly.

A browser that was lured to a rebound name, a proxy that passes strangers on, and a neighbour on the network are told
no before anything is read. It refuses to match by prefix or wildcard, and to take a token from the address.
"""

import hmac
import ipaddress
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from optimus_tui.serving.asgi import App, Headers, Receive, Scope, Send, say_no

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_PASSED_ON = (b"forwarded", b"via", b"x-real-ip")


class AccessRefusal(NamedTuple):
    """Why not, and with which HTTP status."""

    status: int
    message: str
    headers: Headers = ()


class AccessControlMiddleware:
    """An ASGI application before another one.

    ``token``: what ``Authorization: Bearer`` must hold; without one only a direct loopback peer comes in.
    ``names``: host names beside the loopback ones, to which the port is added; ``hosts``: whole Host values.
    """

    def __init__(
        self, app: App, token: str | None = None, names: Collection[str] = (), hosts: Collection[str] = ()
    ) -> None:
        self._app, self._token = app, token.encode() if token else None
        self._names, self._hosts = tuple(name.lower() for name in names), tuple(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self.judge(scope)
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await say_no(send, refusal.status, "refused", refusal.message, refusal.headers)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def judge(self, scope: Scope) -> AccessRefusal | None:
        """None where the request may pass."""
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        return self._credentials(scope, headers) or self._host(scope, headers) or self._origin(scope, headers)

    def _credentials(self, scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> AccessRefusal | None:
        challenge = ((b"www-authenticate", b"Bearer"),)
        if self._token is not None:
            shown = _values(headers, b"authorization")
            scheme, _, given = shown[0].partition(b" ") if len(shown) == 1 else (b"", b"", b"")
            if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token):
                return None
            return AccessRefusal(401, "this address wants Authorization: Bearer and the token", challenge)
        if not _is_loopback(scope.get("client")):
            return AccessRefusal(401, "without a token the tools answer only to this machine", challenge)
        if any(name in _PASSED_ON or name.startswith(b"x-forwarded") for name, _ in headers):
            return AccessRefusal(
                401, "the request was passed on by a proxy, so who asks is unknown; set a token", challenge
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
        return AccessRefusal(403, "pages of other origins may not ask")

    def _authorities(self, scope: Scope) -> set[str]:
        """Every Host value that means this socket."""
        address, port = scope.get("server") or (None, None)
        names = {*LOOPBACK_NAMES, *self._names}
        if address and self._token is not None:
            names.add(f"[{address}]" if ":" in address else address)
        exact = {f"{name}:{port}" for name in names}
        return exact | set(self._hosts) | (names if port in (80, 443, None) else set())


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name.lower() == wanted]


def _is_loopback(peer: Any) -> bool:
    """An unknown peer (a Unix socket, a test client) is nobody."""
    try:
        address = ipaddress.ip_address(peer[0])
    except (TypeError, ValueError, IndexError):
        return False
    inner = getattr(address, "ipv4_mapped", None)
    return (inner or address).is_loopback
