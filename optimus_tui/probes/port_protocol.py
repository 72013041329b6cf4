"""Connect to a port, and detect which protocol it speaks: from bytes that it sent, or by asking.

It is asked over a separate connection; only a TLS greeting, a PING or a HEAD is ever sent there.
"""

import asyncio
import contextlib
import socket
import ssl
from asyncio.staggered import staggered_race
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from itertools import zip_longest
from typing import Any, Literal

Language = Literal["TLS", "plain Redis", "HTTP"]

ASK_SECONDS = 0.7
NEXT_ADDRESS_SECONDS = 0.25
"""A name's next address is tried after so long, beside the one that has not answered (RFC 8305)."""
_ALERT, _HANDSHAKE = 0x15, 0x16


async def connect_tcp(
    factory: Callable[[], asyncio.BaseProtocol],
    host: str,
    port: int,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Transport:
    """Return a connected transport whose protocol ``factory`` makes. All addresses of a host name are tried.

    Nothing stays open if the call is cancelled; ``create_connection`` with ``happy_eyeballs_delay`` can leave a socket
    open then.

    Raises:
        OSError: the error of the system or of TLS (ssl.SSLError).
        UnicodeError: the host name cannot be written as one.
    """
    loop = asyncio.get_running_loop()
    where: dict[str, Any] = {"host": host, "port": port}
    if not _is_address(host):
        where = {"sock": await _connected_socket(host, port)}
        if tls is not None:
            where["server_hostname"] = host
    transport, _ = await loop.create_connection(factory, ssl=tls, **where)
    return transport


async def _connected_socket(host: str, port: int) -> socket.socket:
    """Return a socket to the address that answered first; the kinds of addresses are tried in turn."""
    loop = asyncio.get_running_loop()
    connected: list[socket.socket] = []

    async def dial(family: int, kind: int, proto: int, address: Any) -> None:
        one = socket.socket(family, kind, proto)
        try:
            one.setblocking(False)
            await loop.sock_connect(one, address)
        except BaseException:
            one.close()
            raise
        connected.append(one)

    families: dict[int, list[Callable[[], Any]]] = {}
    for family, kind, proto, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        families.setdefault(family, []).append(partial(dial, family, kind, proto, address))
    dials = [one for row in zip_longest(*families.values()) for one in row if one is not None]
    try:
        _, winner, failures = await staggered_race(dials, NEXT_ADDRESS_SECONDS)
    except BaseException:
        for one in connected:
            one.close()
        raise
    if winner is not None:
        return connected[0]
    errors = [error for error in failures if error is not None]
    if len({str(error) for error in errors}) == 1:
        raise errors[0]
    raise OSError("; ".join(map(str, errors)) or f"{host} has no address")


def _is_address(host: str) -> bool:
    """Return whether the host is an IP address. A name may have a dead address before a working one."""
    with contextlib.suppress(ValueError):
        return bool(ip_address(host))
    return False


def spoken_in(data: bytes) -> Language | None:
    """Return the protocol of the first bytes that a server sent; None if it is not recognised."""
    if data[:5] == b"HTTP/":
        return "HTTP"
    if len(data) >= 2 and data[0] in (_ALERT, _HANDSHAKE) and data[1] == 3:
        return "TLS"
    if data[:1] in (b"+", b"-") and b"\r" in data:
        return "plain Redis"
    return None


async def spoken_at(host: str, port: int, asked_in: Language) -> Language | None:
    """Return the protocol that the port answers in when greeted in ``asked_in``.

    Raises:
        OSError: it cannot be reached.
        ValueError: the address cannot be used.
        TimeoutError: there was no answer in time.
    """
    plain = {"plain Redis": b"PING\r\n", "HTTP": b"HEAD / HTTP/1.0\r\n\r\n"}
    if asked_in in plain:
        greeting = plain[asked_in]
    else:
        greeting = _client_hello(host)
    reader = asyncio.StreamReader()
    async with asyncio.timeout(ASK_SECONDS):
        transport = await connect_tcp(lambda: asyncio.StreamReaderProtocol(reader), host, port)
        try:
            transport.write(greeting)
            return spoken_in(await reader.read(64))
        finally:
            transport.abort()


def _client_hello(host: str) -> bytes:
    """Return the first bytes of a TLS connection; they hold the host's name and nothing else about us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host).do_handshake()
    return outgoing.read()
