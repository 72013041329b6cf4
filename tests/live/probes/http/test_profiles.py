"""Gateways that are asked as their profile says: other paths, other words of health, a header, names of metrics."""

from collections.abc import AsyncIterator

import httpx
import pytest
from msgspec.structs import replace

from optimus_tui.clock import Clock
from optimus_tui.dialects.load import load_preset, load_table
from optimus_tui.dialects.model import Dialect, value_at
from optimus_tui.probes.http.fetch import new_http_client
from optimus_tui.probes.http.metrics import read_metrics
from optimus_tui.probes.http.profile_health import ProfileHeaders, header_of
from optimus_tui.probes.http.services import read_gateway
from optimus_tui.settings.model import Settings
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, hostile_server, reply


@pytest.fixture
async def gateway() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        yield one


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client() as client:
        yield client


def profile(**gateway: object) -> Dialect:
    return load_table({"gateway": gateway}, "optimus.toml")


def settings_for(server: HostileServer, **gateway: object) -> Settings:
    return replace(Settings(), gateway_url=server.url, dialect=profile(**gateway))


ALIVE = b'"I\'m alive!"'


@pytest.mark.parametrize(
    ("gateway_table", "answer", "status", "fault"),
    [
        ({"health": "/ready", "healthy": {"/status": "healthy"}}, reply(b'{"status":"healthy"}'), "healthy", None),
        (
            {"health": "/ready", "healthy": {"/status": "healthy"}}, reply(b'{"status":"starting"}'),
            "unhealthy", '/ready answered 200, but "/status" is "starting", not "healthy"',
        ),
        (
            {"health": "/ready", "healthy": {"/db/up": True}}, reply(b'{"db":{"up":1}}'),
            "unhealthy", '/ready answered 200, but "/db/up" is 1, not true',
        ),
        (
            {"health": "/ready", "healthy": {"/status": "healthy"}}, reply(b"{}"),
            "unhealthy", '/ready answered 200, but "/status" is missing, not "healthy"',
        ),
        ({"health": "/live", "healthy": {"": "I'm alive!"}}, reply(ALIVE), "healthy", None),
        ({"health": "/live", "healthy": {"": "OK"}}, reply(b"OK\n", kind=b"text/plain"), "healthy", None),
        ({"health": "/up", "statuses": [200, 204]}, b"HTTP/1.1 204 No Content\r\n\r\n", "healthy", None),
        (
            {"health": "/up", "statuses": [204]}, reply(b'{"status":"ok"}'),
            "unhealthy", "/up answered 200, and 204 means healthy there",
        ),
        ({"health": "/actuator/health", "statuses": [200, 207]}, reply(b'{"status":"UP"}'), "healthy", None),
        (
            {"health": "/actuator/health", "statuses": [200, 207]}, reply(b'{"status":"OUT_OF_SERVICE"}'),
            "unhealthy", '/actuator/health answered 200, but says "status": "OUT_OF_SERVICE"',
        ),
        ({"health": ""}, reply(b'{"status":"ok"}'), "not configured", None),
    ],
)  # fmt: skip
async def test_a_health_check_is_judged_as_the_profile_says(
    http: httpx.AsyncClient, gateway: HostileServer, gateway_table: dict[str, object], answer: bytes, status: str,
    fault: str | None,
) -> None:  # fmt: skip
    path = str(gateway_table["health"])
    gateway.on(path or "/health", answer)
    reading = await read_gateway(http, settings_for(gateway, **gateway_table), FixedClock(), with_rules=True)
    assert reading.value is not None
    assert reading.value.service.status == status
    assert (None if reading.fault is None else reading.fault.message) == fault
    assert [one for one, _ in gateway.requests] == [path] * bool(path), (
        "nothing else is asked: the profile names no more"
    )


def test_a_pointer_leads_through_objects_and_lists_and_to_nothing() -> None:
    document = {"a/b": {"~": [1, {"c": None}]}}
    assert value_at(document, "/a~1b/~0/1/c") is None
    assert value_at(document, "") is document
    assert [value_at(document, one) for one in ("/a~1b/~0/2", "/x", "/a~1b/~0/-1")] == [value_at({}, "/x")] * 3


async def test_a_header_goes_to_its_service_alone_and_never_into_the_log(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    async with hostile_server() as engine:
        for server in (gateway, engine):
            server.on("/health", reply(b'{"status":"ok"}'))
        settings = replace(settings_for(gateway, header_env="GATEWAY_KEY"), engine_url=engine.url)
        http.auth = ProfileHeaders(settings, {"GATEWAY_KEY": "Authorization: Bearer CANARY-1"})
        await http.get(gateway.url + "/health")
        await http.get(engine.url + "/health")
    heads = [[head for _, head in server.requests] for server in (gateway, engine)]
    assert [[b"Authorization: Bearer CANARY-1" in head for head in sent] for sent in heads] == [[True], [False]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "GATEWAY_KEY is not set: the service is asked without the header that its profile names"),
        ("secret", "GATEWAY_KEY holds no header: write it as `Authorization: Bearer …`"),
        ("A: b\r\nHost: evil", "GATEWAY_KEY holds no header: write it as `Authorization: Bearer …`"),
        ("A: " + "b" * 9_000, "GATEWAY_KEY holds no header: write it as `Authorization: Bearer …`"),
    ],
)
def test_a_header_that_cannot_be_sent_is_said_without_its_text(text: str, words: str) -> None:
    found = header_of(profile(header_env="GATEWAY_KEY").gateway, {"GATEWAY_KEY": text})
    assert found == (None, words)


async def test_a_refused_check_says_that_the_header_is_not_sent(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    for path in ("/health", "/metrics"):
        gateway.on(path, reply(b"{}", b"401 Unauthorized"))
    settings = settings_for(gateway, header_env="NO_SUCH_VARIABLE_HERE")
    health = await read_gateway(http, settings, FixedClock(), with_rules=False)
    metrics = await read_metrics(http, settings, Clock())
    for fault in (health.fault, metrics.fault):
        assert fault is not None
        assert "answered 401" in fault.message and "; NO_SUCH_VARIABLE_HERE is not set" in fault.message


async def test_metrics_have_our_names_and_labels_from_the_way_in(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    page = (
        b"# TYPE litellm_proxy_total_requests_metric_total counter\n"
        b'litellm_proxy_total_requests_metric_total{status_code="200",team="acme",route="/chat"} 7\n'
        b'litellm_proxy_total_requests_metric_total{status_code="429",team="acme",route="/chat",tenant="x"} 2\n'
    )
    gateway.on("/metrics/", reply(page, kind=b"text/plain"))
    rule = {"name": "litellm_proxy_total_requests_metric_total", "labels": {"tenant": "team", "status": "status_code"}}
    dialect = load_table({"gateway": {"metrics": "/metrics/"}, "metrics": {"http_requests_total": rule}}, "o.toml")
    settings = replace(Settings(), gateway_url=gateway.url, dialect=dialect)
    state = (await read_metrics(http, settings, Clock())).value
    assert state is not None and dict(state.values) == {
        "http_requests_total|route=/chat|status=200|tenant=acme": 7.0,
        "http_requests_total|published_tenant=x|route=/chat|status=429|tenant=acme": 2.0,
    }


async def test_tokens_and_spending_are_read_by_tenant_and_only_where_a_profile_names_them(
    http: httpx.AsyncClient, gateway: HostileServer
) -> None:
    tokens, spend = "litellm_total_tokens_metric_total", "litellm_spend_metric_total"
    lines = [f'{tokens}{{team="acme",end_user="{user}",model="m"}} 10' for user in range(5_000)]
    lines += [f'{tokens}{{team="beta",model="m"}} 7', f'{spend}{{team="acme",model="m"}} 0.25', "tokens_total 3"]
    page = reply("\n".join(lines).encode() + b"\n", kind=b"text/plain; version=0.0.4")
    gateway.on("/metrics/", page)
    gateway.on("/metrics", page)
    settings = replace(Settings(), gateway_url=gateway.url, dialect=load_preset("litellm"))
    state = (await read_metrics(http, settings, Clock())).value
    assert state is not None and (state.left_out, state.malformed, state.summed) == (0, 0, False)
    assert dict(state.values) == {
        "tokens_total|tenant=acme": 50_000.0,
        "tokens_total|tenant=beta": 7.0,
        "spend_total|tenant=acme": 0.25,
    }
    ours = (await read_metrics(http, replace(settings, dialect=None), Clock())).value
    assert ours is not None and dict(ours.values) == {}


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"403 Forbidden"])
async def test_a_refused_check_without_a_header_says_how_one_is_given(
    http: httpx.AsyncClient, gateway: HostileServer, status: bytes
) -> None:
    gateway.on("/health/readiness", reply(b'{"status":"healthy"}'))
    gateway.on("/metrics/", reply(b"{}", status))
    settings = replace(settings_for(gateway), dialect=load_preset("litellm"))
    metrics = await read_metrics(http, settings, Clock())
    state = (await read_gateway(http, settings, FixedClock(), with_rules=True)).value
    for fault in (metrics.fault, state.rules_fault if state is not None else None):
        assert fault is not None and fault.remedy is not None
        assert 'export OPTIMUS_GATEWAY_AUTH="Authorization: Bearer …"' in fault.remedy
        assert 'header_env = "OPTIMUS_GATEWAY_AUTH" under [dialect.gateway]' in fault.remedy
