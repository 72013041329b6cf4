"""Without a profile it is found out first what answers; a path that costs money is asked of nobody who charges."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.dialects.load import load_preset
from optimus_tui.probes.http.services import read_engine, read_gateway
from optimus_tui.settings.model import Settings
from optimus_tui.tools.dialects.answers import presets_by_answers
from tests.hostile import HostileServer, hostile_server, reply

HEALTH, LIVELINESS = "/health", "/health/liveliness"
ALIVE = b'"I\'m alive!"'
INSTRUMENTED = b'# TYPE http_requests_total counter\nhttp_requests_total{handler="/chat",method="GET",status="2xx"} 3\n'
STARLETTE = b'starlette_requests_total{app_name="x",method="GET",path="/",status_code="200"} 3.0\n'


@pytest.fixture
async def service() -> AsyncIterator[HostileServer]:
    async with hostile_server() as one:
        one.on(HEALTH, reply(b'{"status":"ok"}'))
        yield one


def settings_for(server: HostileServer) -> Settings:
    return replace(Settings(), gateway_url=server.url, engine_url=server.url)


def asked(server: HostileServer, path: str) -> int:
    return sum(one == path for one, _ in server.requests)


async def test_health_is_never_asked_of_a_litellm_that_no_profile_names(service: HostileServer) -> None:
    service.on(LIVELINESS, reply(ALIVE))
    context = Context(settings_for(service))
    try:
        for _ in range(2):
            gateway = await read_gateway(context.http, context.settings, context.clock, with_rules=True)
            engine = await read_engine(context.http, context.settings, context.clock)
        assert gateway.value is not None and gateway.value.service.status == "unknown"
        assert engine.value is not None and engine.value.status == "unknown"
        assert gateway.fault is not None and 'dialect = "litellm"' in gateway.fault.message
    finally:
        await context.aclose()
    assert asked(service, HEALTH) == 0 and 1 <= asked(service, LIVELINESS) <= 2


async def test_any_other_gateway_is_asked_once_what_it_is_and_then_as_before(service: HostileServer) -> None:
    context = Context(settings_for(service))
    try:
        for _ in range(3):
            reading = await read_gateway(context.http, context.settings, context.clock, with_rules=False)
        assert reading.fault is None and reading.value is not None and reading.value.service.status == "healthy"
    finally:
        await context.aclose()
    assert asked(service, HEALTH) == 3 and asked(service, LIVELINESS) == 1


async def test_a_profile_that_is_named_needs_no_look_and_its_own_paths_are_refused(service: HostileServer) -> None:
    service.on("/health/readiness", reply(b'{"status":"healthy"}'))
    settings = replace(settings_for(service), dialect=load_preset("litellm"))
    context = Context(settings)
    try:
        reading = await read_gateway(context.http, settings, context.clock, with_rules=False)
        assert reading.fault is None
        ours = replace(settings, dialect=None)
        refused = await read_gateway(context.http, ours, context.clock, with_rules=False)
        assert refused.fault is not None and "costs money" in refused.fault.message
    finally:
        await context.aclose()
    assert asked(service, HEALTH) == 0 and asked(service, LIVELINESS) == 0


async def test_while_nothing_answers_rightly_the_question_stays_open(service: HostileServer) -> None:
    service.on(LIVELINESS, reply(b"", b"502 Bad Gateway"))
    context = Context(settings_for(service))
    try:
        await read_gateway(context.http, context.settings, context.clock, with_rules=False)
        service.on(LIVELINESS, reply(ALIVE))
        reading = await read_gateway(context.http, context.settings, context.clock, with_rules=False)
        assert reading.value is not None and reading.value.service.status == "unknown"
    finally:
        await context.aclose()


@pytest.mark.parametrize(
    ("page", "presets"),
    [
        (INSTRUMENTED, ["instrumentator"]),
        (STARLETTE, ["starlette-exporter"]),
        (b'http_requests_total{method="GET",route="/handler=",status="200"} 1\n', []),
        (b"# HELP starlette_requests_total x\n", []),
        (b"\xff\x00{" * 50, []),
    ],
)
async def test_the_library_of_the_metrics_is_found_by_their_names_and_labels(
    service: HostileServer, page: bytes, presets: list[str]
) -> None:
    service.on("/metrics", reply(page, kind=b"text/plain"))
    context = Context(settings_for(service))
    try:
        found = await presets_by_answers(context)
    finally:
        await context.aclose()
    assert [one.preset for one in found] == presets


async def test_an_idle_litellm_is_found_by_what_it_answers(service: HostileServer) -> None:
    service.on(LIVELINESS, reply(ALIVE))
    context = Context(settings_for(service))
    try:
        (found,) = await presets_by_answers(context)
    finally:
        await context.aclose()
    assert (found.preset, found.words) == ("litellm", "/health/liveliness answers as no other product does")
    assert asked(service, HEALTH) == 0
