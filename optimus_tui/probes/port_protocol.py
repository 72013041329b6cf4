"""Detect which protocol a port speaks: from bytes that it sent, or by asking over a separate connection.

Only a TLS greeting, a PING or a HEAD is ever sent.
"""

import asyncio
import contextlib
import ssl
from typing import Literal

Language = Literal["TLS", "plain Redis", "HTTP"]

ASK_SECONDS = 0.7
_ALERT, _HANDSHAKE = 0x15, 0x16


def spoken_in(data: bytes) -> Language | None:
    """Return the protocol of the first bytes that a server sent; None where it is not known."""
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
    async with asyncio.timeout(ASK_SECONDS):
        reader, writer = await asyncio.open_connection(host, port, happy_eyeballs_delay=ASK_SECONDS / 3)
        try:
            writer.write(greeting)
            return spoken_in(await reader.read(64))
        finally:
            writer.transport.abort()


def _client_hello(host: str) -> bytes:
    """Return the first bytes of a TLS connection; they hold the host's name and nothing else about us."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=host).do_handshake()
    return outgoing.read()
