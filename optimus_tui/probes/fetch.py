"""One bounded request: bounded in time as a whole, in bytes as they come off the wire, and never encoded or redirected.

It refuses to decode, to follow, to keep cookies and to judge: what came back is data for ``services``. An answer that
is too large or compressed is an answer with a ``problem``; no answer is an exception that ``fault_of_http`` words.
"""

import asyncio
import contextlib
import socket
import ssl

import httpx
from msgspec import Struct

from optimus_tui import __version__
from optimus_tui.contract.reading import Fault
from optimus_tui.probes.delay import Span, starved, watching
from optimus_tui.probes.sent import CommandLog
from optimus_tui.probes.transport import LIMITS, LazyTls, Noted, no_cookies, plain_transport
from optimus_tui.wording.safe import safe_text

DEADLINE_S = 2.5
"""For everything together: name, connection, request, headers and body."""
CAP_BYTES = 1_000_000
CHUNKS_AT_ONCE = 50
FETCH_ERRORS = (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError)
"""What ``fetch`` may raise: the network's faults, and what httpx makes of a hostile header."""
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"optimus-tui/{__version__}"}


class Fetched(Struct, frozen=True, kw_only=True):
    """An answer. ``body`` holds at most the cap; ``took_ms`` runs from the request to the body's last byte, without
    ``own_ms``, the time for which our own event loop stood still meanwhile."""

    status: int
    reason: bytes = b""
    content_type: str = ""
    date: str = ""
    body: bytes = b""
    took_ms: float
    own_ms: float = 0.0
    problem: str | None = None


class Posted(Struct, frozen=True):
    """What is posted: a body and its headers, sent as they are."""

    body: bytes
    headers: dict[bytes, bytes]


def new_http_client(log: CommandLog | None = None, *, limits: httpx.Limits = LIMITS) -> httpx.AsyncClient:
    """The client for all services: no redirects, no proxies from the environment, no cookies. Close it with aclose.

    ``log`` hears of every request. With ``limits`` FRESH every request has a connection of its own.
    """
    log = log or CommandLog()
    client = httpx.AsyncClient(
        transport=Noted(LazyTls(limits), log),
        mounts={"http://": Noted(plain_transport(limits), log)},
        cookies=no_cookies(),
        follow_redirects=False,
        trust_env=False,
        timeout=DEADLINE_S,
    )
    client.headers = httpx.Headers(_HEADERS)
    client.event_hooks = {"response": [_forget_location]}
    return client


async def _forget_location(response: httpx.Response) -> None:
    """httpx parses a redirect's target even when it does not follow, and a hostile one makes it raise anything."""
    response.headers.pop("location", None)


async def fetch(
    http: httpx.AsyncClient,
    url: str,
    deadline_s: float = DEADLINE_S,
    cap_bytes: int = CAP_BYTES,
    post: Posted | None = None,
) -> Fetched:
    """The answer to ``GET url`` (or to what is posted), or one of FETCH_ERRORS.

    A GET whose connection died while idle is tried once more; a POST never is.
    """
    with watching() as span:
        async with asyncio.timeout(deadline_s):
            if post is not None:
                sent = http.stream("POST", url, content=post.body, headers=post.headers)
                return await _read(sent, cap_bytes, span)
            try:
                return await _get(http, url, cap_bytes, span)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if isinstance(error, httpx.RemoteProtocolError) and not _hung_up(error):
                    raise
                span.restart()
                return await _get(http, url, cap_bytes, span)


async def _get(http: httpx.AsyncClient, url: str, cap_bytes: int, span: Span) -> Fetched:
    return await _read(http.stream("GET", url), cap_bytes, span)


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
        )


async def fetch_or_fault(
    http: httpx.AsyncClient, url: str, deadline_s: float = DEADLINE_S, cap_bytes: int = CAP_BYTES
) -> tuple[int, bytes] | Fault:
    """Status and whole body of ``GET url``, or why there is none; never raises for an outage or a hostile answer."""
    try:
        answer = await fetch(http, url, deadline_s, cap_bytes)
    except FETCH_ERRORS as error:
        return fault_of_http(error, url)
    if answer.problem:
        place = safe_text(url.partition("://")[2].partition("/")[0], 80)
        return Fault("invalid", f"{place} answered {answer.status}, but {answer.problem}")
    return answer.status, answer.body


def fault_of_http(error: BaseException, url: str) -> Fault:
    """The fault behind one of FETCH_ERRORS, in words; ``url`` is one of ours and holds no secret."""
    place = safe_text(url.partition("://")[2].partition("/")[0], 80)
    causes = _causes(error)
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        if ours := starved(DEADLINE_S):
            return Fault("starved", f"{place} was not heard: {ours}", "relieve this machine and ask again")
        return Fault("timeout", f"{place} gave no complete answer in time")
    if any(isinstance(one, ssl.SSLError) for one in causes):
        return Fault("tls", f"{place}: {_tls_words(causes)}", "check the address (http or https) and the certificate")
    if any(isinstance(one, (socket.gaierror, UnicodeError)) for one in causes):
        return Fault("refused", f"{place}: this host name is not known", "check the address in the settings")
    if isinstance(error, httpx.ProtocolError):
        if _hung_up(error):
            return Fault("refused", f"{place} closed the connection without an answer")
        return Fault("invalid", f"{place} broke HTTP: {safe_text(error, 120)}")
    if isinstance(error, (httpx.NetworkError, OSError)):
        if any(isinstance(one, ConnectionRefusedError) for one in causes) or isinstance(error, httpx.ConnectError):
            return Fault("refused", f"nobody answers at {place}", "is it running, and is the address right?")
        return Fault("refused", f"the connection to {place} broke")
    return Fault("invalid", f"{place}: {safe_text(error, 120)}")


def _hung_up(error: BaseException) -> bool:
    return isinstance(error, httpx.RemoteProtocolError) and "without sending a response" in str(error)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything it was raised from, groups of connection tries included."""
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


def _tls_words(causes: list[BaseException]) -> str:
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"the certificate is not valid: {safe_text(one.verify_message, 100)}"
    return "no TLS there, or a handshake that failed"
