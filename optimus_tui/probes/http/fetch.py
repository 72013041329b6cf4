"""One HTTP request, limited in total time and in received bytes, and the transports that requests share."""

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import httpx
from msgspec import Struct

from optimus_tui import __version__
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.http.tls import LIMITS, LazyTls, TlsOf
from optimus_tui.probes.load_meter import Span, starved, watching
from optimus_tui.probes.port_protocol import Language, spoken_at
from optimus_tui.probes.redis.parser import UNFORESEEN, certificate_remedy
from optimus_tui.probes.round_trips import CommandLog
from optimus_tui.wording.safe import redact, safe_text

if TYPE_CHECKING:
    from httpcore import AsyncNetworkStream

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

FRESH = httpx.Limits(max_connections=8, max_keepalive_connections=0)
"""Every request uses a new connection, because a kept one always reaches the same worker."""
CODES = frozenset((301, 302, 303, 307, 308))
LONGEST = 2000
DEFAULT_PORTS = {"http": 80, "https": 443}
DEADLINE_S = 2.5
"""Seconds for everything together: name, connection, request, headers and body."""
CAP_BYTES = 1_000_000
CHUNKS_AT_ONCE = 50
FETCH_ERRORS: tuple[type[Exception], ...] = (httpx.HTTPError, httpx.InvalidURL, OSError, *UNFORESEEN)
"""The exceptions of ``fetch``: the network's, and those that a hostile answer causes in httpx."""
_SAID_IT_IS_TLS = (
    *(b"plain http request was sent to https port", b"client sent an http request to an https server"),
    *(b"speaking plain http to an ssl-enabled server port", b"combination of host and port requires tls"),
)
"""What servers answer, with 400, to plain HTTP on their TLS port."""
_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_SHOW_ONE = "name one with tls_cert and tls_key of this service in [dialect]"
ASK_AGAIN_SECONDS = 5.0
_asked: dict[tuple[str, int], tuple[float, Language | None]] = {}
"""By host and port when it was asked for its protocol, and the answer."""
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"optimus-tui/{__version__}"}


class Noted(httpx.AsyncBaseTransport):
    """A transport that records each request in the command log, without user, password and secret headers.

    It closes connections that httpcore leaves open: those of requests cancelled during the TLS handshake, and those
    still connecting when the transport is closed.
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


def same_origin(url: str, location: str) -> str | None:
    """Return the address that ``location`` names, relative to ``url``, if it has the same origin; None otherwise."""
    target = _joined(url, location)
    if target is None or target == url or _origin(target) != _origin(url):
        return None
    return target


def elsewhere(url: str, location: str) -> str:
    """Return the text for a redirect that is not followed; of its address, only the origin is shown."""
    target = _joined(url, location)
    origin = _origin(target or "")
    if not target or origin is None:
        return "to an address that is not valid"
    scheme, host, port = origin
    if ":" in host:
        host = f"[{host}]"
    if origin != _origin(url):
        return f"to {safe_text(f'{scheme}://{host}:{port}', 100)}"
    return "to the same server again"


def _joined(url: str, location: str) -> str | None:
    if not location or len(location) > LONGEST or not re.fullmatch(r"[!-\[\]-~]+", location):
        return None
    try:
        joined = urljoin(url, location)
        parts = urlsplit(joined)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.hostname:
        return None
    return joined.partition("#")[0]


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 80)
    except ValueError:
        return None
    return parts.scheme.lower(), (parts.hostname or "").lower(), port


class Fetched(Struct, frozen=True, kw_only=True):
    """An answer. ``body`` holds at most ``cap_bytes`` of the request.

    ``took_ms`` runs from the request to the body's last byte, without ``own_ms``, the time for which our own event loop
    was blocked meanwhile.
    """

    status: int
    reason: bytes = b""
    content_type: str = ""
    date: str = ""
    body: bytes = b""
    took_ms: float
    own_ms: float = 0.0
    problem: str | None = None
    location: str = ""
    """Where a redirect leads, as the server wrote it."""


class WrongScheme(httpx.TransportError):
    """The port speaks TLS where the address says http, or plain HTTP where it says https."""


class PathNotAsked(httpx.TransportError):
    """The path costs money or changes something: the request was not sent."""


class Posted(Struct, frozen=True):
    """A body to post and its headers, sent unchanged."""

    body: bytes
    headers: dict[bytes, bytes]


def new_http_client(
    log: CommandLog | None = None, *, limits: httpx.Limits = LIMITS, tls: Mapping[str, TlsOf] | None = None
) -> httpx.AsyncClient:
    """Return the client for all services: it follows no redirect by itself and uses no proxies.

    It keeps no cookies, so that a service can neither pass state through it nor grow its memory.
    ``log`` records every request. With ``limits`` FRESH every request has a connection of its own. ``tls`` has what
    makes the TLS context of the services that need one of their own, by their origin. Close it with aclose.
    """
    log = log or CommandLog()
    unused = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # An empty context, which costs nothing to build.
    plain = httpx.AsyncHTTPTransport(verify=unused, limits=limits, trust_env=False)
    client = httpx.AsyncClient(
        transport=Noted(LazyTls(limits), log),
        mounts={
            "http://": Noted(plain, log),
            **{origin: Noted(LazyTls(limits, of), log) for origin, of in (tls or {}).items()},
        },
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
        timeout=DEADLINE_S,
    )
    client.headers = httpx.Headers(_HEADERS)
    client.event_hooks = {"response": [_put_location_aside]}
    return client


async def _put_location_aside(response: httpx.Response) -> None:
    """Hide the Location header from httpx, which parses it in any case and may raise anything on a hostile one."""
    response.extensions["optimus.location"] = response.headers.pop("location", "")


async def fetch(
    http: httpx.AsyncClient,
    url: str,
    deadline_s: float = DEADLINE_S,
    cap_bytes: int = CAP_BYTES,
    post: Posted | None = None,
) -> Fetched:
    """Return the answer to ``GET url`` (or to a POST of ``post``), or raise one of FETCH_ERRORS.

    A GET whose idle connection was closed is tried again, at last on a new connection; if that closes too, once more.
    One redirect to the same origin is followed. A POST is sent once.
    """
    with watching() as span:
        async with asyncio.timeout(deadline_s):
            try:
                if post is not None:
                    more: dict[str, Any] = {"extensions": _traced(span), "timeout": deadline_s}
                    sent = http.stream("POST", url, content=post.body, headers=post.headers, **more)
                    answer = await _read(sent, cap_bytes, span)
                else:
                    answer = await _get_patiently(http, url, cap_bytes, span)
            except (httpx.HTTPError, OSError) as error:
                if await _speaks_otherwise(error, url):
                    raise WrongScheme("http and https mixed up") from error
                raise
            if answer.status == 400 and any(words in answer.body[:4000].lower() for words in _SAID_IT_IS_TLS):
                raise WrongScheme("http and https mixed up")
            if post is None and answer.status in CODES and (target := same_origin(url, answer.location)):
                return await _read(http.stream("GET", target, extensions=_traced(span)), cap_bytes, span)
            return answer


async def _get_patiently(http: httpx.AsyncClient, url: str, cap_bytes: int, span: Span) -> Fetched:
    tried_new = False
    while True:
        try:
            return await _read(http.stream("GET", url, extensions=_traced(span)), cap_bytes, span)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            if (isinstance(error, httpx.RemoteProtocolError) and not _hung_up(error)) or (span.dialed and tried_new):
                raise
            tried_new = tried_new or span.dialed
            span.restart()


async def _speaks_otherwise(error: Exception, url: str) -> bool:
    """Return whether the port of ``url`` speaks the other of HTTP and HTTPS, from the error or by asking it."""
    secured = url.startswith("https:")
    causes = _causes(error)
    tls = [one for one in causes if isinstance(one, ssl.SSLError)]
    known = (ssl.SSLCertVerificationError, socket.gaierror, ConnectionRefusedError)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)) or any(isinstance(one, known) for one in causes):
        return False
    if secured and any(str(one.reason) in _NO_TLS_THERE for one in tls):
        return True
    if not secured and isinstance(error, httpx.RemoteProtocolError) and "\\x15\\x03" in str(error):
        return True
    if not (tls or isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))):
        return False
    where = httpx.URL(url)
    other: Language = "HTTP" if secured else "TLS"
    return await _language(where.host, where.port or DEFAULT_PORTS[where.scheme], other) == other


async def _language(host: str, port: int, asked_in: Language) -> Language | None:
    """Return the protocol that the port answers in, asked at most once in five seconds."""
    at, known = _asked.get((host, port), (float("-inf"), None))
    if time.monotonic() - at < ASK_AGAIN_SECONDS:
        return known
    found: Language | None = None
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        found = await spoken_at(host, port, asked_in)
    _asked[(host, port)] = (time.monotonic(), found)
    return found


def _traced(span: Span) -> dict[str, Any]:
    """Return request extensions that record when a connection was opened and when the request was sent."""

    async def trace(event: str, info: object) -> None:
        if event.endswith("send_request_body.complete"):
            span.sent()
        elif event.endswith("connect_tcp.started"):
            span.dialed = True

    return {"trace": trace}


async def _read(sent: contextlib.AbstractAsyncContextManager[httpx.Response], cap_bytes: int, span: Span) -> Fetched:
    async with sent as response:
        encoding = response.headers.get("content-encoding", "").strip().lower()
        problem = None
        body = bytearray()
        if encoding not in ("", "identity"):
            problem = "it compresses its answers though asked not to"
        else:
            chunks = 0
            async for chunk in response.aiter_raw():
                chunks += 1
                if chunks % CHUNKS_AT_ONCE == 0:  # a body of single bytes must not hold up everything else
                    await asyncio.sleep(0)
                body += chunk[: cap_bytes + 1 - len(body)]
                if len(body) > cap_bytes:
                    problem = f"its answer is larger than {cap_bytes:,} bytes"
                    del body[cap_bytes:]
                    break
        reason = response.extensions.get("reason_phrase", b"")
        return Fetched(
            status=response.status_code,
            reason=reason[:200] if isinstance(reason, bytes) else b"",
            content_type=response.headers.get("content-type", "")[:200],
            date=response.headers.get("date", "")[:60],
            body=bytes(body),
            took_ms=span.took_ms,
            own_ms=span.own_ms,
            problem=problem,
            location=str(response.extensions.get("optimus.location", ""))[: LONGEST + 1],
        )


async def fetch_or_fault(
    http: httpx.AsyncClient, url: str, deadline_s: float = DEADLINE_S, cap_bytes: int = CAP_BYTES
) -> tuple[int, bytes] | Fault:
    """Return status and whole body of ``GET url``, or the fault; never raises for an outage or a hostile answer."""
    try:
        answer = await fetch(http, url, deadline_s, cap_bytes)
    except FETCH_ERRORS as error:
        return fault_of_http(error, url)
    if answer.problem:
        place = safe_text(url.partition("://")[2].partition("/")[0], 80)
        return Fault("invalid", f"{place} answered {answer.status}, but {answer.problem}")
    return answer.status, answer.body


def fault_of_http(error: BaseException, url: str) -> Fault:
    """Return the fault behind one of FETCH_ERRORS; ``url`` is a configured address and holds no secret."""
    place = safe_text(url.partition("://")[2].partition("/")[0], 80)
    causes = _causes(error)
    if isinstance(error, PathNotAsked):
        return Fault("denied", safe_text(error, 200))
    if isinstance(error, WrongScheme):
        if url.startswith("https:"):
            return Fault("tls", f"{place} speaks plain HTTP, without TLS", "use http:// instead of https://")
        return Fault("tls", f"{place} speaks TLS", "use https:// instead of http://")
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        if ours := starved(DEADLINE_S):
            return Fault(
                "starved", f"{place} did not answer in time: {ours}", "reduce the load of this machine and try again"
            )
        remedy = None
        if url.startswith("https:"):
            remedy = "if that port speaks plain HTTP, use http://"
        return Fault("timeout", f"{place} gave no complete answer in time", remedy)
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return _of_tls(causes, place)
    if any(isinstance(one, (socket.gaierror, UnicodeError)) for one in causes):
        return Fault("refused", f"{place}: this host name is not known", "check the address in the settings")
    if isinstance(error, httpx.ProtocolError):
        if _hung_up(error):
            remedy = None
            if url.startswith("https:"):
                remedy = f"it may ask for a client certificate: {_SHOW_ONE}"
            return Fault("refused", f"{place} closed the connection without an answer", remedy)
        return Fault("invalid", f"{place} broke HTTP: {safe_text(error, 120)}")
    if isinstance(error, (httpx.NetworkError, OSError)):
        if any(isinstance(one, ConnectionRefusedError) for one in causes) or isinstance(error, httpx.ConnectError):
            return Fault("refused", f"nobody answers at {place}", "start it, or correct its address in the settings")
        return Fault("refused", f"the connection to {place} broke")
    return Fault("invalid", f"{place}: {safe_text(error, 120)}")


def _hung_up(error: BaseException) -> bool:
    return isinstance(error, httpx.RemoteProtocolError) and "without sending a response" in str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and everything it was raised from, including groups of connection attempts."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(found) < 50:
        one = waiting.pop()
        if one is None or one in found:
            continue
        found.append(one)
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
    return found


def _of_tls(causes: list[BaseException], place: str) -> Fault:
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            reason = safe_text(one.verify_message, 100)
            remedy = certificate_remedy(reason, "SSL_CERT_FILE, or tls_ca of this service in [dialect]")
            return Fault("tls", f"{place}: the certificate is not valid: {reason}", remedy)
    reasons = " ".join(str(getattr(one, "reason", "")) for one in causes).lower().replace("_", " ")
    if "certificate required" in reasons:
        return Fault("tls", f"{place} asks for a client certificate", _SHOW_ONE)
    remedy = "check the address (http or https) and the certificate"
    return Fault("tls", f"{place}: no TLS there, or a handshake that failed", remedy)
