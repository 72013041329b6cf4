"""The gateway's /metrics over HTTP: what is there, what is not, and what somebody sends instead."""

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import MetricsState
from optimus_tui.probes.http.fetch import fetch_or_fault, new_http_client
from optimus_tui.probes.http.metrics import read_metrics
from optimus_tui.settings.model import Settings
from tests import hostile
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, hostile_server, reply

TEXT = b"text/plain; version=0.0.4; charset=utf-8"
PAGE = b'# TYPE http_requests_total counter\nhttp_requests_total{tenant="acme",status="200"} 5\ncache_hits_total 2\n'


@pytest.fixture
async def gateway() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        one.on("/metrics", reply(PAGE, kind=TEXT))
        yield one


async def look(gateway: HostileServer) -> Reading[MetricsState]:
    async with new_http_client() as http:
        return await read_metrics(http, replace(Settings(), gateway_url=gateway.url), FixedClock())


async def test_a_page_is_read_under_the_contracts_names(gateway: HostileServer) -> None:
    reading = await look(gateway)
    assert reading.fault is None and reading.value is not None and reading.took_ms is not None
    assert reading.value.values == {"http_requests_total|status=200|tenant=acme": 5.0, "cache_hits_total": 2.0}
    assert reading.value.metrics == ("http_requests_total", "cache_hits_total")


async def test_a_gateway_without_the_page_has_no_fault(gateway: HostileServer) -> None:
    gateway.on("/metrics", reply(b'{"detail":"Not Found"}', b"404 Not Found"))
    reading = await look(gateway)
    assert reading.fault is None and reading.value is not None and not reading.value.published


WRONG = {
    "html": reply(b"<html>\n<body>\n</html>", kind=b"text/html"),
    "500": reply(b"oops", b"500 Sorry\x1b[31m"),
    "json": reply(b'{"a": 1}'),
    "a gzip bomb": hostile.gzip_bomb
    if hasattr(hostile, "gzip_bomb")
    else reply(b"x", headers=b"Content-Encoding: gzip\r\n"),
    "50 MB row 91": hostile.fifty_megabytes,
    "a hung up line": hostile.sends(b""),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_what_is_no_such_page_is_a_fault_and_no_value(gateway: HostileServer, wrong: object) -> None:
    gateway.on("/metrics", wrong)  # type: ignore[arg-type]
    reading = await look(gateway)
    assert reading.value is None and reading.fault is not None
    assert reading.fault.message.isprintable()


async def test_a_page_without_our_names_publishes_nothing_of_ours(gateway: HostileServer) -> None:
    gateway.on("/metrics", reply(b"python_info 1\n", kind=TEXT))
    reading = await look(gateway)
    assert reading.fault is None and reading.value is not None
    assert (reading.value.published, reading.value.metrics, reading.value.values) == (True, (), {})


async def test_a_large_page_is_read_beside_the_event_loop(gateway: HostileServer) -> None:
    gateway.on("/metrics", reply(PAGE + b"# filler filler filler\n" * 8_000, kind=TEXT))
    reading = await look(gateway)
    assert reading.value is not None and len(reading.value.values) == 2


async def test_the_bounded_get_gives_status_and_body_or_a_fault(gateway: HostileServer) -> None:
    async with new_http_client() as http:
        assert await fetch_or_fault(http, f"{gateway.url}/metrics") == (200, PAGE)
        cut = await fetch_or_fault(http, f"{gateway.url}/metrics", cap_bytes=10)
        assert not isinstance(cut, tuple) and "larger than 10 bytes" in cut.message
        gone = await fetch_or_fault(http, "http://127.0.0.1:1/")
        assert not isinstance(gone, tuple) and gone.kind == "refused"
    assert isinstance(http, httpx.AsyncClient)
