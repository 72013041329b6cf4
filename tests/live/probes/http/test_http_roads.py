"""What an address of a service may turn out to be: redirected, the other of http and https, sick, or one of several."""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.services import ServiceState
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.http.fetch import new_http_client
from optimus_tui.probes.http.services import look, read_engine, read_gateway
from optimus_tui.probes.round_trips import CommandLog
from optimus_tui.settings.model import Settings
from optimus_tui.tools.answer import answer as run_tool
from optimus_tui.tools.answer import exit_code
from optimus_tui.tools.figures.metric_windows import Counters
from optimus_tui.verdicts.gateway.services import judge_engine, judge_gateway
from tests.certificates import make_certificate
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, Writer, hostile_server, reply
from tests.live.probes.scripted import blackhole
from tests.realserver import nobody_port
from tests.relay import Parrot, Relay

OBJECT = reply(b'{"status":"ok"}')


@pytest.fixture
async def service() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        one.on("/health", OBJECT)
        yield one


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client() as client:
        yield client


async def engine(http: httpx.AsyncClient, *urls: str) -> ServiceState:
    settings = Settings(engine_url=urls[0], engine_urls=urls if len(urls) > 1 else ())
    state = (await read_engine(http, settings, FixedClock())).value
    assert state is not None
    return state


def redirect(location: str, status: bytes = b"307 Temporary Redirect") -> bytes:
    return reply(b"", status, headers=b"Location: " + location.encode() + b"\r\n")


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
@pytest.mark.parametrize("form", ["/health/", "{url}/health/", "health/"])
async def test_one_redirect_to_the_same_origin_is_followed(
    http: httpx.AsyncClient, service: HostileServer, status: bytes, form: str
) -> None:
    service.on("/health", redirect(form.format(url=service.url), status))
    service.on("/health/", OBJECT)
    assert (await engine(http, service.url)).status == "connected"
    assert [path for path, _ in service.requests] == ["/health", "/health/"]


async def test_a_second_redirect_and_one_to_elsewhere_are_not_followed_row_87(
    http: httpx.AsyncClient, service: HostileServer
) -> None:
    async with hostile_server() as other:
        other.on("/health", OBJECT)
        for location, words in (
            (f"{other.url}/health", f"leads to {other.url}, which is not followed"),
            (service.url.replace("http:", "https:") + "/health", "leads to https://127.0.0.1"),
            ("http://CANARY:CANARY@[::1", "to an address that is not valid"),
            ("//127.0.0.1:1/health", "to http://127.0.0.1:1"),
        ):
            service.on("/health", redirect(location))
            state = await engine(http, service.url)
            assert state.status == "error" and state.fault is not None
            assert words in state.fault.message and "CANARY" not in state.fault.message
        assert other.requests == []
    service.on("/health", redirect("/health/"))
    service.on("/health/", redirect("/healthz"))
    service.requests.clear()
    state = await engine(http, service.url)
    assert state.fault is not None and "leads to the same server again" in state.fault.message
    assert len(service.requests) == 2


async def test_a_post_is_never_redirected(service: HostileServer) -> None:
    service.on("/api/chat", redirect("/api/chat/"))
    context = Context(Settings(gateway_url=service.url, engine_url=service.url))
    report = await run_tool(context, "test_ai_engine_integration", {"test_type": "full_flow"})
    await context.aclose()
    assert exit_code(report) == 1
    assert "/api/chat/" not in [path for path, _ in service.requests]


@pytest.fixture
def secured(service: HostileServer, tmp_path: Path) -> Callable[[], tuple[Path, Relay]]:
    def make() -> tuple[Path, Relay]:
        cert, context = make_certificate(tmp_path, "20200101000000Z", "20900101000000Z")
        return cert, Relay(int(service.url.rpartition(":")[2]), context)

    return make


async def test_http_against_a_tls_port_and_the_reverse_name_the_remedy(
    http: httpx.AsyncClient, service: HostileServer, secured: Callable[[], tuple[Path, Relay]]
) -> None:
    _, relay = secured()
    fault = (await engine(http, f"http://localhost:{relay.port}")).fault
    assert fault is not None
    assert (fault.kind, fault.message, fault.remedy) == (
        "tls",
        f"localhost:{relay.port} speaks TLS",
        "use https:// instead of http://",
    )
    relay.stop()
    plain = Parrot(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    fault = (await engine(http, f"https://127.0.0.1:{plain.port}")).fault
    plain.stop()
    assert fault is not None
    assert (fault.kind, fault.remedy) == ("tls", "use http:// instead of https://")
    fault = (await engine(http, service.url.replace("http:", "https:"))).fault  # it waits for the end of a request
    assert fault is not None
    assert (fault.kind, fault.remedy) == ("timeout", "if that port speaks plain HTTP, use http://")


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"<h1>The plain HTTP request was sent to HTTPS port</h1>", b"400 Bad Request", b"text/html"),
        reply(b"Client sent an HTTP request to an HTTPS server.\n", b"400 Bad Request", b"text/plain"),
        b"\x15\x03\x01\x00\x02\x02\x16",
    ],
)
async def test_what_servers_say_to_http_on_their_tls_port_is_understood(http: httpx.AsyncClient, answer: bytes) -> None:
    parrot = Parrot(answer)
    fault = (await engine(http, f"http://127.0.0.1:{parrot.port}")).fault
    parrot.stop()
    assert fault is not None
    assert (fault.kind, fault.remedy) == ("tls", "use https:// instead of http://")


async def test_an_authority_of_ones_own_is_named_by_ssl_cert_file(
    service: HostileServer, secured: Callable[[], tuple[Path, Relay]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, relay = secured()
    async with new_http_client() as http:
        fault = (await engine(http, f"https://localhost:{relay.port}")).fault
    assert fault is not None
    remedy = "name its authority with SSL_CERT_FILE, or tls_ca of this service in [dialect]"
    assert (fault.kind, fault.remedy) == ("tls", remedy)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    async with new_http_client() as http:
        assert (await engine(http, f"https://localhost:{relay.port}")).status == "connected"
    relay.stop()


@pytest.mark.parametrize("dead", ["refused", "silent"])
async def test_a_dead_first_address_of_a_name_costs_a_moment(
    http: httpx.AsyncClient, service: HostileServer, two_addresses: Callable[[str], None], dead: str
) -> None:
    port = int(service.url.rpartition(":")[2])
    if dead == "refused":
        two_addresses("127.0.0.8")
        state = await engine(http, f"http://two.test:{port}")
    else:
        with blackhole(port) as address:
            two_addresses(address)
            state = await engine(http, f"http://two.test:{port}")
    assert state.status == "connected"
    assert state.latency_ms is not None and state.latency_ms < 1500


HTML, TEXT, JSON = b"text/html", b"text/plain", b"application/json"


@pytest.mark.parametrize(
    ("body", "kind", "words", "severity"),
    [
        (b'{"status":"DOWN"}', JSON, 'says "status": "DOWN"', "critical"),
        (b'{"status":"OUT_OF_SERVICE"}', JSON, 'says "status": "OUT_OF_SERVICE"', "critical"),
        (b'{"status":"degraded","version":"1"}', JSON, 'says "status": "degraded"', "medium"),
        (b'{"ok":false}', JSON, 'says "ok": false', "critical"),
        (b'{"checks":{"redis":{"status":"down"}}}', JSON, 'says "checks.redis.status": "down"', "critical"),
        (b'"DOWN"', JSON, 'says "DOWN"', "critical"),
        (b"unhealthy", TEXT, 'says "unhealthy"', "critical"),
        (b"<html>down</html>", HTML, "answered 200 with text/html instead of JSON", "critical"),
    ],
)
async def test_a_service_that_calls_itself_sick_is_not_healthy(
    http: httpx.AsyncClient, service: HostileServer, body: bytes, kind: bytes, words: str, severity: str
) -> None:
    service.on("/health", reply(body, kind=kind))
    settings = Settings(gateway_url=service.url, engine_url=service.url)
    gateway = await read_gateway(http, settings, FixedClock(), with_rules=False)
    assert gateway.value is not None and gateway.value.service.status == "unhealthy"
    both = [*judge_gateway(gateway), *judge_engine(await read_engine(http, settings, FixedClock()))]
    assert [finding.severity for finding in both] == [severity, severity]
    assert all(words in finding.message for finding in both)


@pytest.mark.parametrize(("body", "kind"), [(b"OK", HTML), (b"OK\n", TEXT), (b'"I\'m alive!"', JSON)])
async def test_a_service_that_answers_with_one_good_word_is_healthy_where_its_profile_takes_texts(
    http: httpx.AsyncClient, service: HostileServer, body: bytes, kind: bytes
) -> None:
    service.on("/health", reply(body, kind=kind))
    ours = Settings(gateway_url=service.url, engine_url=service.url)
    strict = await read_gateway(http, ours, FixedClock(), with_rules=False)
    assert strict.value is not None and strict.value.service.status == "unhealthy", "our gateway answers with an object"
    settings = replace(ours, dialect=load_preset("limits"))
    gateway = await read_gateway(http, settings, FixedClock(), with_rules=False)
    assert gateway.value is not None and (gateway.value.service.status, gateway.fault) == ("healthy", None)
    assert [*judge_gateway(gateway), *judge_engine(await read_engine(http, settings, FixedClock()))] == []


@pytest.mark.parametrize(
    ("body", "words", "severity"),
    [
        (b'{"status":"ok","redis":"disconnected"}', 'but a part of it as "redis": "disconnected"', "low"),
        (b'{"status":"ok","checks":{"mail":{"status":"down","optional":true}}}', '"checks.mail.status"', "low"),
        (b'{"status":"blargh"}', '"status": "blargh": taken as healthy by its status code', "low"),
    ],
)
async def test_what_a_healthy_service_says_of_its_parts_is_told(
    http: httpx.AsyncClient, service: HostileServer, body: bytes, words: str, severity: str
) -> None:
    service.on("/health", reply(body))
    settings = Settings(gateway_url=service.url, engine_url=service.url)
    gateway = await read_gateway(http, settings, FixedClock(), with_rules=False)
    assert gateway.value is not None and (gateway.value.service.status, gateway.fault) == ("healthy", None)
    both = [*judge_gateway(gateway), *judge_engine(await read_engine(http, settings, FixedClock()))]
    assert [(finding.rule, finding.severity) for finding in both] == [
        ("services.gateway_says", severity),
        ("services.engine_says", severity),
    ]
    assert all(words in finding.message for finding in both)


async def test_every_tool_that_asks_a_health_check_follows_a_sick_body(service: HostileServer) -> None:
    service.on("/health", reply(b'{"status":"fail"}', kind=b"application/health+json"))
    context = Context(Settings(gateway_url=service.url, engine_url=service.url))
    tested = [
        await run_tool(context, "test_ai_engine_integration", {"test_type": kind, "include_cache_test": False})
        for kind in ("connectivity", "performance")
    ]
    seen = msgspec.to_builtins(await run_tool(context, "diagnose_gateway_health", {}))
    timed = msgspec.to_builtins(await run_tool(context, "analyze_performance_metrics", {"metric_type": "latency"}))
    await context.aclose()
    assert [exit_code(one) for one in tested] == [1, 1]
    assert seen["backend_orchestrator_health"]["status"] == "unhealthy"
    assert seen["ai_engine_connectivity"]["status"] == "error"
    assert '"status": "fail"' in seen["ai_engine_connectivity"]["error"]
    said = {one["rule"]: one["level"] for one in timed["diagnostics"]}
    assert said["services.gateway"] == said["services.engine"] == "critical"
    assert timed["analysis_results"]["latency_summary"]["assessment"] != "excellent"


async def test_a_degraded_service_is_timed_and_called_degraded(service: HostileServer) -> None:
    service.on("/health", reply(b'{"status":"degraded"}'))
    context = Context(Settings(gateway_url=service.url, engine_url=service.url))
    timed = msgspec.to_builtins(await run_tool(context, "analyze_performance_metrics", {"metric_type": "latency"}))
    await context.aclose()
    said = {one["rule"]: one["level"] for one in timed["diagnostics"]}
    assert said["services.gateway"] == said["services.engine"] == "medium"
    assert all(one["latency_ms"] is not None for one in timed["analysis_results"]["latency_tests"])


async def test_of_several_addresses_the_worst_counts_and_each_is_shown(service: HostileServer) -> None:
    dead = f"http://127.0.0.1:{nobody_port()}"
    urls = (service.url, dead)
    service.on("/api/cache/metrics", reply(b'{"hit_rate":0.9,"total_keys":3}'))
    context = Context(
        Settings(gateway_url=dead, gateway_urls=(dead, service.url), engine_url=urls[0], engine_urls=urls)
    )
    seen = msgspec.to_builtins(await run_tool(context, "diagnose_gateway_health", {}))
    await context.aclose()
    gateway = seen["backend_orchestrator_health"]
    assert gateway["status"] == "error"
    assert gateway["error"].startswith(f"1 of 2 addresses, {dead}: nobody answers")
    assert [(one["address"], one["status"]) for one in gateway["instances"]] == [
        (dead, "error"),
        (service.url, "healthy"),
    ]
    assert seen["cache_metrics"]["hit_rate"] == 0.9, "the figures come from an address that serves"
    assert [one["status"] for one in seen["ai_engine_connectivity"]["instances"]] == ["disconnected", "connected"]
    assert seen["overall_status"] == "critical"


async def test_several_good_addresses_are_one_good_service(http: httpx.AsyncClient, service: HostileServer) -> None:
    async with hostile_server() as other:
        other.on("/health", OBJECT)
        state = await engine(http, service.url, other.url)
    assert (state.status, state.fault, len(state.instances)) == ("connected", None, 2)


async def test_what_a_hostile_header_breaks_is_a_fault_of_that_service(http: httpx.AsyncClient) -> None:
    for answer in (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 \xff\r\n\r\n", b"\x00" * 40):
        parrot = Parrot(answer)
        seen = await look(http, f"http://127.0.0.1:{parrot.port}/health")
        parrot.stop()
        assert seen.fault is not None and seen.fault.kind in ("invalid", "refused")


def test_the_context_of_https_trusts_what_ssl_cert_file_names() -> None:
    assert ssl.get_default_verify_paths().openssl_cafile_env == "SSL_CERT_FILE"


async def test_metrics_are_read_at_every_address_of_the_gateway_as_processes_of_their_own(
    service: HostileServer,
) -> None:
    async with hostile_server() as other:
        for number, one in enumerate((service, other)):
            counted = iter(range(100, 100_000, 100))

            async def page(writer: Writer, number: int = number, counted: Iterator[int] = counted) -> None:
                text = (
                    f"# TYPE http_requests_total counter\nprocess_start_time_seconds {1_700_000_000 + number}\n"
                    f'http_requests_total{{method="GET",route="/a",status="200",tenant="t"}} {next(counted)}\n'
                )
                writer.write(reply(text.encode(), kind=b"text/plain"))

            one.on("/metrics", page)
        urls = (service.url, other.url)
        context = Context(Settings(gateway_url=urls[0], gateway_urls=urls, engine_url=urls[0]))
        found = await Counters(context, 1.0).looks()
        await context.aclose()
    assert {one.value.process for one in found if one.value} == {1_700_000_000.0, 1_700_000_001.0}


async def test_a_gateway_that_was_away_is_asked_for_its_health_before_anything_else(service: HostileServer) -> None:
    log = CommandLog(FixedClock())
    nobody = Settings(gateway_url=f"http://127.0.0.1:{nobody_port()}")
    async with new_http_client(log) as http:
        together = (await read_gateway(http, nobody, FixedClock(), with_rules=True)).value
        before = len(log.since()[0])
        alone = (await read_gateway(http, nobody, FixedClock(), with_rules=True, away=True)).value
        assert (before, len(log.since()[0]) - before) == (3, 1)
        assert alone == together
        service.on("/api/cache/metrics", reply(b'{"hits":9,"misses":1}'))
        back = await read_gateway(http, Settings(gateway_url=service.url), FixedClock(), with_rules=True, away=True)
    assert back.value is not None and back.value.service.status == "healthy"
    assert len(log.since()[0]) == before + 1 + 3
