"""HTTP transports that are built on first use, without cookies, proxies and unverified certificates.

Building a TLS context reads every root certificate (about 0.1 s): it happens in a thread, on the first https request.
"""

import asyncio
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx

from optimus_tui.probes.round_trips import CommandLog
from optimus_tui.wording.safe import redact

if TYPE_CHECKING:
    from httpcore import AsyncNetworkStream

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

LIMITS = httpx.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=4.0)
"""Idle connections are closed before uvicorn closes them after 5 s, so that no request meets a closing one."""

FRESH = httpx.Limits(max_connections=8, max_keepalive_connections=0)
"""Every request uses a new connection, because a kept one always reaches the same worker."""


class LazyTls(httpx.AsyncBaseTransport):
    """The transport for https, built on first use with the system's and certifi's root certificates."""

    def __init__(self, limits: httpx.Limits = LIMITS) -> None:
        self._limits = limits
        self._inner: httpx.AsyncHTTPTransport | None = None
        self._building = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, after building the transport if it is the first one."""
        async with self._building:
            if self._inner is None:
                context = await asyncio.to_thread(_verifying_context)
                self._inner = httpx.AsyncHTTPTransport(verify=context, limits=self._limits, trust_env=False)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the transport if it was built."""
        if self._inner is not None:
            await self._inner.aclose()


class Noted(httpx.AsyncBaseTransport):
    """A transport that records each request in the command log, without user, password and secret headers.

    It closes the connections that httpcore leaves open: of a request that is cancelled during the TLS handshake, and of
    one that was still connecting when the transport was closed.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, log: CommandLog) -> None:
        self._inner, self._log, self._closed = inner, log, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and record it with its result."""
        url = request.url
        place = url.raw_scheme + b"://" + url.netloc + redact(url.raw_path.decode("ascii", "replace")).encode()
        trip = self._log.requested(request.method.encode(), place, request.headers.raw, request.content)
        opened = _opened_for(request)
        try:
            response = await self._inner.handle_async_request(request)
        except _UNSENT:
            trip.sent = False
            trip.lose("no connection, never sent")
            raise
        except BaseException as error:
            slow = isinstance(error, (asyncio.CancelledError, httpx.TimeoutException))
            trip.lose("no answer in time" if slow else "no answer: the connection broke")
            if isinstance(error, asyncio.CancelledError):
                await _close(opened)
            raise
        if self._closed:
            await _close(opened)
        trip.status = response.status_code
        trip.answer()
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        self._closed = True
        await self._inner.aclose()


def _opened_for(request: httpx.Request) -> "list[AsyncNetworkStream]":
    """Return a list that gets the connection once one was opened for this request."""
    opened: list[AsyncNetworkStream] = []
    trace = request.extensions.get("trace")

    async def note(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            opened.append(info["return_value"])
        if trace is not None:
            await trace(event, info)

    request.extensions["trace"] = note
    return opened


async def _close(streams: "list[AsyncNetworkStream]") -> None:
    for stream in streams:
        await stream.aclose()


def plain_transport(limits: httpx.Limits = LIMITS) -> httpx.AsyncHTTPTransport:
    """Return the transport for http; its TLS context is empty and never used."""
    return httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), limits=limits, trust_env=False)


def no_cookies() -> CookieJar:
    """Return a jar that keeps no cookies, so that a service can neither pass state through us nor grow our memory."""
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


def _verifying_context() -> ssl.SSLContext:
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
