"""The probes of HTTP services against a server that misbehaves: RELIABILITY F, rows 83 to 91."""

import asyncio
import socket
import threading
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import GatewayState
from optimus_tui.probes.http.fetch import fetch, new_http_client
from optimus_tui.probes.http.services import look, read_engine, read_gateway
from optimus_tui.settings.model import Settings
from tests import hostile
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, hostile_server, reply
from tests.realserver import nobody_port

OBJECT = reply(b'{"status":"ok"}')


@pytest.fixture
async def gateway() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        one.on("/health", OBJECT)
        one.on("/api/cache/metrics", reply(b'{"hit_rate":0.85,"total_keys":1247}'))
        rules = b'{"window_seconds":60,"limits":{"chat":150},"tenants":{"acme":{"chat":5}}}'
        one.on("/api/rate-limits", reply(rules))
        yield one


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client() as client:
        yield client


async def look_at(http: httpx.AsyncClient, server: HostileServer, **more: bool) -> Reading[GatewayState]:
    settings = replace(Settings(), gateway_url=server.url)
    return await read_gateway(http, settings, FixedClock(), with_rules=more.get("rules", True))


async def test_a_good_gateway_is_read_whole(http: httpx.AsyncClient, gateway: HostileServer) -> None:
    gateway.on("/health", reply(b'{"status":"ok","version":"2.1.0\\u001b[31m"}'))
    state = (await look_at(http, gateway)).value
    assert state is not None
    assert (state.service.status, state.service.status_code) == ("healthy", 200)
    assert state.service.version == "2.1.0\\x1b[31m"
    assert state.service.latency_ms and state.service.latency_ms > 0
    assert state.cache is not None and (state.cache.hit_rate, state.cache.total_keys) == (0.85, 1247)
    assert state.rules is not None and state.rules.limit_for("acme", "chat") == 5
    assert state.rules.limit_for("other", "chat") == 150
    assert (state.service.fault, state.cache_fault, state.rules_fault) == (None, None, None)


async def test_rules_are_only_asked_for_when_wanted_and_their_absence_is_no_fault(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    await look_at(http, gateway, rules=False)
    assert "/api/rate-limits" not in [path for path, _ in gateway.requests]
    gateway.on("/api/rate-limits", reply(b'{"detail":"Not Found"}', b"404 Not Found"))
    state = (await look_at(http, gateway)).value
    assert state is not None
    assert (state.rules, state.rules_fault) == (None, None)


WRONG = {
    "html": reply(b"<html>ok</html>", kind=b"text/html"),
    "empty": reply(b""),
    "wrong content type": reply(b'{"status":"ok"}', kind=b"text/plain"),
    "a list": reply(b"[1,2]"),
    "a number": reply(b"1"),
    "a byte order mark": reply(b"\xef\xbb\xbf{}"),
    "bad utf-8": reply(b'{"a":"\xff"}'),
    "nan": reply(b'{"a":NaN}'),
    "deep": reply(b"[" * 100_000),
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirect": reply(b"", b"302 Found", headers=b"Location: /health\r\n"),
    "a redirect elsewhere": reply(b"", b"307 X", headers=b"Location: http://127.0.0.1:1/\r\n"),
    "a redirect to nonsense": reply(b"", b"302 Found", headers=b"Location: http://[::\x80:\xff/\r\n"),
    "a redirect to a bad port": reply(b"", b"302 Found", headers=b"Location: http://h:99999999/\r\n"),
    "a redirect to a bad name": reply(b"", b"302 Found", headers=b"Location: http://" + b"x" * 300 + b".\xc3\xa9/\r\n"),
    "too long": reply(b"{}", length=5000),
    "not http": b"-ERR unknown command 'GET'\r\n\r\n",
    "gzip": reply(b"\x1f\x8b", headers=b"Content-Encoding: gzip\r\n"),
    "a server error": reply(b"boom" * 100_000, b"500 Internal Server Error"),
    "too many requests": reply(b'{"status":"ok"}', b"429 Too Many Requests"),
}


@pytest.mark.parametrize("kinds", [b"application/json", b"application/json; charset=utf-8"])
async def test_a_content_type_that_is_said_twice_is_no_fault(
    http: httpx.AsyncClient, gateway: HostileServer, kinds: bytes
) -> None:
    gateway.on("/health", reply(b'{"status":"ok"}', headers=b"Content-Type: " + kinds + b"\r\n"))
    state = (await look_at(http, gateway)).value
    assert state is not None and state.service.status == "healthy", state


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_not_200_with_a_json_object_is_never_green_rows_83_84_87_90(
    http: httpx.AsyncClient, gateway: HostileServer, name: str
) -> None:
    gateway.on("/health", WRONG[name])
    state = (await look_at(http, gateway)).value
    assert state is not None
    assert state.service.status == "unhealthy"
    assert state.service.fault is not None and state.service.fault.kind == "invalid"
    assert len(state.service.fault.message) < 320
    if "redirect" in name:
        assert "answered 30" in state.service.fault.message
    assert state.cache is not None and state.rules is not None, "one bad answer cost another part"
    assert [path for path, _ in gateway.requests].count("/health") == 1


async def test_content_without_a_type_counts_as_json(http: httpx.AsyncClient, gateway: HostileServer) -> None:
    gateway.on("/health", reply(b'{"ok":true}', kind=None))
    state = (await look_at(http, gateway)).value
    assert state is not None and state.service.status == "healthy"


async def test_a_hostile_reason_phrase_and_body_are_escaped_rows_84_88(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    gateway.on("/health", reply(b"\x1b]52;c;aGk=\x07" + b"x" * 5000, b"503 no\x1b[2J\x9b31m", headers=b"X: \x9b\r\n"))
    state = (await look_at(http, gateway)).value
    assert state is not None and state.service.fault is not None
    assert state.service.status_code == 503
    assert state.service.fault.message.isprintable()
    assert "\\x1b]52;c;" in state.service.fault.message


ENDLESS = {
    "/slow-body": hostile.slow_body,
    "/slow-headers": hostile.slow_headers,
    "/endless-headers": hostile.endless_headers,
    "/endless-interim-answers": hostile.endless_interim,
    "/endless-chunks": hostile.endless_chunks,
    "/silence": hostile.silence,
}


async def test_answers_without_an_end_are_left_while_they_go_on_all_at_once_rows_85_90_91(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    for path, act in ENDLESS.items():
        gateway.on(path, act)
    tracemalloc.start()
    async with asyncio.timeout(40):
        seen = await asyncio.gather(*(look(http, gateway.url + path) for path in ENDLESS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 20_000_000 and gateway.ended == []
    assert [one.document for one in seen] == [None] * len(ENDLESS)
    assert {one.fault.kind for one in seen if one.fault} <= {"timeout", "invalid"}
    assert (await look(http, gateway.url + "/health")).document == {"status": "ok"}, "the next probe was affected"


HUGE = {
    "fifty megabytes": hostile.fifty_megabytes,
    "a gzip bomb": hostile.sends(hostile.bomb()),
    "lists in a small answer": hostile.sends(reply(b'{"window_seconds":60,"limits":[' + b"[]," * 130_000 + b"[]]}")),
}


@pytest.mark.parametrize("name", HUGE)
async def test_huge_answers_are_neither_read_whole_nor_kept_rows_84_86_91(
    http: httpx.AsyncClient, gateway: HostileServer, name: str
) -> None:
    for path in ("/health", "/api/cache/metrics", "/api/rate-limits"):
        gateway.on(path, HUGE[name])
    tracemalloc.start()
    state = (await look_at(http, gateway)).value
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert name != "fifty megabytes" or gateway.ended == [], "it was read to its end"
    assert peak <= 20_000_000
    assert state is not None
    assert state.service.status == "unhealthy"
    assert state.cache_fault is not None and state.rules_fault is not None


async def test_a_gateway_that_stalls_ends_as_one_error_while_it_stalls_row_85(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    gateway.on("/health", hostile.slow_body)
    gateway.on("/api/rate-limits", hostile.silence)
    state = (await look_at(http, gateway)).value
    assert not {"/health", "/api/rate-limits"} & set(gateway.ended)
    assert state is not None and state.service.status == "error"
    assert state.service.fault is not None and state.service.fault.kind == "timeout"
    assert state.cache is not None and state.cache.hit_rate == 0.85


async def test_nothing_is_followed_kept_or_decoded_rows_86_87_89(
    http: httpx.AsyncClient, gateway: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    gateway.on("/health", reply(b'{"status":"ok"}', headers=b"Set-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\n"))
    async with new_http_client() as fresh:
        for _ in range(2):
            assert (await look(fresh, gateway.url + "/health")).document
    head = gateway.requests[-1][1].lower()
    assert b"cookie" not in head
    assert b"accept-encoding: identity" in head
    assert b"authorization" not in head


async def test_a_refused_port_and_an_unknown_name_are_one_state_each_row_90(http: httpx.AsyncClient) -> None:
    nobody = await look(http, f"http://127.0.0.1:{nobody_port()}/health")
    assert nobody.fault is not None and nobody.fault.kind == "refused" and "nobody answers" in nobody.fault.message
    unknown = await look(http, "http://no-such-host.invalid/health")
    assert unknown.fault is not None and unknown.fault.kind in ("refused", "timeout")


async def test_a_resolver_that_hangs_does_not_hold_the_probe_row_90(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, go = [], threading.Event()

    def hang(*_: object, **__: object) -> None:
        go.wait(60)
        resolved.append(1)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    hung = await look(http, "http://slow.example/health", deadline_s=0.3)
    assert not resolved, "it did not wait for the resolver"
    go.set()
    assert hung.fault is not None and hung.fault.kind == "timeout"


async def test_https_to_a_plain_port_is_a_tls_fault_row_90(http: httpx.AsyncClient) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply(b"{}", b"400 Bad Request"))

    async with hostile.serving(answer) as port:
        seen = await look(http, f"https://127.0.0.1:{port}/health")
    assert seen.fault is not None and seen.fault.kind == "tls"


async def test_the_engine_speaks_of_connected_error_and_disconnected(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    settings = replace(Settings(), engine_url=gateway.url)
    good = await read_engine(http, settings, FixedClock())
    assert good.value is not None and good.value.status == "connected" and good.fault is None
    gateway.on("/health", reply(b"x", b"500 no"))
    wrong = await read_engine(http, settings, FixedClock())
    assert wrong.value is not None and wrong.value.status == "error" and wrong.fault is not None
    gone = await read_engine(http, replace(settings, engine_url=f"http://127.0.0.1:{nobody_port()}"), FixedClock())
    assert gone.value is not None and gone.value.status == "disconnected" and gone.value.latency_ms is None


async def test_an_idle_connection_that_died_is_tried_once_more(http: httpx.AsyncClient, gateway: HostileServer) -> None:
    answers = iter([b"", OBJECT])

    async def once_nothing(writer: hostile.Writer) -> None:
        writer.write(next(answers))

    gateway.on("/health", once_nothing)
    assert (await fetch(http, gateway.url + "/health")).status == 200
    gateway.on("/health", b"")
    silent = await look(http, gateway.url + "/health")
    assert silent.answer is None and silent.fault is not None and silent.fault.kind == "refused"


async def test_all_idle_connections_that_died_together_are_given_up(http: httpx.AsyncClient) -> None:
    """A gateway that closes its idle connections at once: each of them dies under the next request on it."""
    opened = 0

    async def one_answer_each(reader: asyncio.StreamReader, writer: hostile.Writer) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)  # so that requests that come together need a connection each
        writer.write(OBJECT)
        await reader.readuntil(b"\r\n\r\n")

    async with hostile.serving(one_answer_each) as port:
        url = f"http://127.0.0.1:{port}/health"
        first = await asyncio.gather(*(fetch(http, url) for _ in range(4)))
        assert [one.status for one in first] == [200] * 4 and opened == 4
        assert (await fetch(http, url)).status == 200
        assert opened == 5
