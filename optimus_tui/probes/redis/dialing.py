"""Open every connection to Redis: the observer's, the operator's and the feed's.

A host name is tried at all its addresses, the next one as soon as one does not answer at once. TLS uses the files of
the settings. What a server or a proxy does not accept (HELLO, a client's name) is remembered for a while. No command is
sent here; a port that gives an unexpected answer is only asked which protocol it speaks.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from typing import Literal

from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import ResponseError

from optimus_tui.probes.port_protocol import ASK_SECONDS, Language, connect_tcp, spoken_at
from optimus_tui.settings.model import RedisTarget
from optimus_tui.settings.service_urls import load_certificate

REMEMBER_SECONDS = 600.0
ASK_AGAIN_SECONDS = 5.0
"""A port that spoke no known protocol is asked again only after this time."""


class WrongLanguage(LostConnection):
    """The port speaks another protocol than its address says. ``language`` names the one that it speaks."""

    def __init__(self, language: Language) -> None:
        super().__init__(f"the port speaks {language}")
        self.language = language


class HungUp(LostConnection):
    """The server closes the connection after each greeting that was tried."""


class NodeAway(LostConnection):
    """One of several servers did not answer. ``cause`` is its error, ``target`` the server."""

    def __init__(self, target: RedisTarget, cause: BaseException) -> None:
        super().__init__(f"{target.label} does not answer")
        self.target, self.cause = target, cause


class SentinelsAway(NodeAway):
    """No sentinel answers; ``cause`` is the error of the first of the ``count``, ``target`` that one."""

    def __init__(self, target: RedisTarget, cause: BaseException, count: int) -> None:
        super().__init__(target, cause)
        self.count = count


class ReplicaCutOff(LostConnection):
    """No replica of a primary has a link to it: what they hold says nothing of now."""


class SlotLost(ResponseError):
    """No node of a cluster owns the slot to which a key belongs."""


class Unproven(LostConnection):
    """The sentinels do not say which server is the primary, or do not agree on one."""


class SentinelFound(LostConnection):
    """A sentinel answers at an address where a Redis server was expected."""


class Manners:
    """The way to greet one server: what it does not accept.

    Forgotten after ten minutes, in case that has changed.
    """

    def __init__(self) -> None:
        self._protocol: Literal[2, 3] = 3
        self._named = True
        self._until = 0.0
        self._gave_up = float("-inf")
        self.greeted = False
        """A server has answered the greeting at this address."""

    @property
    def hopeless(self) -> bool:
        """Return True if every greeting failed recently: then only one is tried for each connection."""
        return time.monotonic() - self._gave_up < ASK_AGAIN_SECONDS

    def give_up(self) -> None:
        """Remember that no greeting worked."""
        self._gave_up = time.monotonic()

    @property
    def protocol(self) -> Literal[2, 3]:
        """Return the version of the Redis protocol to greet with."""
        self._forget()
        return self._protocol

    @property
    def named(self) -> bool:
        """Return True if CLIENT SETNAME may be sent."""
        self._forget()
        return self._named

    def learn(self, protocol: Literal[2, 3], named: bool) -> None:
        """Remember the greeting that the server accepted after it had closed the connection on another one."""
        self._protocol, self._named = protocol, named
        self._until = time.monotonic() + REMEMBER_SECONDS

    def _forget(self) -> None:
        if time.monotonic() >= self._until:
            self._protocol, self._named = 3, True


_KNOWN: dict[tuple[str, int], Manners] = {}


def manners_at(target: RedisTarget) -> Manners:
    """Return what is remembered of greeting the server at this address."""
    if target.path:
        place = (target.path, 0)
    else:
        place = (target.host, target.port)
    return _KNOWN.setdefault(place, Manners())


class Connector:
    """Opens connections to one server. It keeps the TLS context, because reading the system's certificates is slow."""

    def __init__(self, target: RedisTarget) -> None:
        self.target = target
        self.manners = manners_at(target)
        self.mode: str | None = None
        """What HELLO said: ``standalone``, ``cluster`` or ``sentinel``; "" where it did not, None before a greeting."""
        self._context: ssl.SSLContext | None = None
        self._asked: tuple[float, WrongLanguage | ssl.SSLError | None] = (float("-inf"), None)

    async def connect(self, factory: Callable[[], asyncio.BaseProtocol], seconds: float) -> asyncio.Transport:
        """Return a connected transport with a new protocol.

        Args:
            factory: Returns the protocol.
            seconds: The limit for connecting.

        Raises:
            TimeoutError: It was not connected in that time.
            OSError: The error of the system or of TLS (ssl.SSLError).
        """
        loop, target = asyncio.get_running_loop(), self.target
        try:
            async with asyncio.timeout(seconds):
                if target.path:
                    transport, _ = await loop.create_unix_connection(factory, target.path)
                else:
                    tls = await self._tls() if target.scheme == "rediss" else None
                    transport = await connect_tcp(factory, target.host, target.port, tls)
        except ssl.SSLError:
            self._context = None  # the files may have been replaced: read them again for the next try
            raise
        except UnicodeError as error:  # a host name that cannot be written as one
            raise OSError(
                f"the host name cannot be used: {error.reason if hasattr(error, 'reason') else ''}"
            ) from error
        return transport

    async def explain(self) -> WrongLanguage | ssl.SSLError | None:
        """Return why a port that accepts connections does not answer as a Redis server; None if the reason is unknown.

        The port is asked over separate connections, for at most 1.4 s, and at most once in five seconds.
        """
        at, known = self._asked
        if self.target.path or time.monotonic() - at < ASK_AGAIN_SECONDS:
            return known
        found: WrongLanguage | ssl.SSLError | None = None
        secured = self.target.scheme == "rediss"
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            language = await spoken_at(self.target.host, self.target.port, "plain Redis" if secured else "TLS")
            if language not in (None, "TLS" if secured else "plain Redis"):
                found = WrongLanguage(language)
        if found is None and secured:
            found = await self._refusal()
        self._asked = (time.monotonic(), found)
        return found

    async def _refusal(self) -> ssl.SSLError | None:
        """Return the server's error about our certificate, or its absence, which TLS 1.3 sends after the handshake."""
        reader = asyncio.StreamReader()
        try:
            transport = await self.connect(lambda: asyncio.StreamReaderProtocol(reader), ASK_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            if isinstance(error, ssl.SSLError):
                return error
            return None
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await reader.read(1)
        except ssl.SSLError as error:
            return error
        except (OSError, TimeoutError):
            return None
        finally:
            transport.abort()
        return None

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = await asyncio.to_thread(tls_context, self.target)
        return self._context


def tls_context(target: RedisTarget) -> ssl.SSLContext:
    """Return the TLS context for a server: with the files of the settings, else with the system's certificates.

    Raises:
        OSError: A file can no longer be read, or has changed (ssl.SSLError).
    """
    context = ssl.create_default_context(cafile=target.tls_ca, capath=target.tls_ca_path)
    if not target.tls_check_hostname or not target.tls_verify:
        context.check_hostname = False
    if not target.tls_verify:
        context.verify_mode = ssl.CERT_NONE
    load_certificate(context, target)
    return context
