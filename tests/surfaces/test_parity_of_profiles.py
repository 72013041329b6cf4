"""Under the profile of another system all surfaces tell the same tenants and operations, in documents of the same keys.

Nothing is frozen here: each surface looks for itself, and what is compared does not move meanwhile.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.context import Context
from optimus_tui.contract.tools.traffic import PerformanceQuery
from optimus_tui.dialects.load import load_preset
from optimus_tui.http_api import at_mcp
from optimus_tui.serving.asgi import AccessControlMiddleware
from optimus_tui.serving.dispatcher import ToolDispatcher
from optimus_tui.settings.profiles import without_engine
from optimus_tui.tools.performance.traffic import latency
from optimus_tui.tools.registry import TOOLS
from tests.fixed_clock import FixedClock
from tests.hostile import HostileServer, reply
from tests.realserver import RealServer
from tests.surfaces.parity_driver import Surfaces
from tests.surfaces.world import context, on_the_wire

pytestmark = pytest.mark.live
COUNTERS: dict[str, dict[str, str]] = {
    "limits": {
        "LIMITS:LIMITER/acme//api/chat/10/1/minute": "12",
        "LIMITS:LIMITER/acme/upload/5/1/hour": "1",
        "LIMITS:LIMITER/clinic_b//api/chat/10/1/minute": "3",
    },
    "litellm": {
        "{team:acme}:requests": "12",
        "{team:acme}:tokens": "700",
        "{team:acme}:window": "1795892167",
        "{team:clinic_b}:requests": "3",
    },
}
OPERATIONS = {"limits": {"/api/chat", "upload"}, "litellm": {"requests", "tokens"}}
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("diagnose_gateway_health", {"tenant_id": "acme"}),
    ("analyze_cache_coherence", {}),
    ("generate_enterprise_router", {"router_name": "products"}),
    ("troubleshoot_production_issue", {"issue_type": "rate_limiting", "tenant_id": "acme"}),
    ("test_ai_engine_integration", {"test_type": "full_flow", "tenant_id": "acme"}),
    ("analyze_performance_metrics", {"metric_type": "rate_limiting_efficiency"}),
    ("validate_enterprise_patterns", {"check_all_routers": True}),
]


@pytest.fixture(params=list(COUNTERS))
def profile(request: pytest.FixtureRequest, server: RealServer, gateway: HostileServer) -> str:
    """A system of another product: its counters, and its health where its profile has it."""
    server.command("FLUSHALL")
    for key, value in COUNTERS[request.param].items():
        server.command("SET", key, value, "EX", "100000")
    gateway.on("/health/readiness", reply(b'{"status":"healthy"}'))
    return str(request.param)


@pytest.fixture
async def surfaces(
    profile: str,
    gateway: HostileServer,
    server: RealServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Surfaces]:
    monkeypatch.setenv("OPTIMUS_DIALECT", profile)
    settings = replace(context(gateway, server).settings, dialect=load_preset(profile))
    dispatcher = ToolDispatcher(lambda: Context(settings, FixedClock()))
    async with on_the_wire(AccessControlMiddleware(at_mcp(dispatcher))) as port:
        yield Surfaces(dispatcher, port, capfd)


def _told(name: str, document: Mapping[str, Any]) -> Any:
    """Return the tenants, operations and verdicts of a document."""
    if name == "diagnose_gateway_health":
        limiting = document["rate_limiting"]
        return {one: (row["limit"], row["state"]) for one, row in limiting["rate_limits"].items()}, [
            (one["rule"], one["message"]) for one in document["diagnostics"] if one["rule"].startswith("limits.")
        ]
    if name == "troubleshoot_production_issue":
        return {one: row["current_count"] for one, row in document["rate_limiting_analysis"].items()}
    if name == "test_ai_engine_integration":
        return [(one["test"], one["status"]) for one in document["tests_performed"]]
    if name == "analyze_cache_coherence":
        return document["cache_coherence_analysis"]["total_cache_keys"], document["events"]["status"]
    return sorted(document)


def _shape(value: Any) -> Any:
    """Return the keys of the first levels of a document, which every profile keeps."""
    return sorted(value) if isinstance(value, dict) else type(value).__name__


async def test_seven_tools_tell_the_same_on_every_surface(profile: str, surfaces: Surfaces) -> None:
    assert [name for name, _ in ASKED] == list(TOOLS)
    for name, arguments in ASKED:
        over_http, _ = await surfaces.by_http(name, arguments)
        over_mcp, _ = await surfaces.by_mcp(name, arguments)
        printed, code = await surfaces.by_command(name, arguments)
        documents = [json.loads(one) for one in (over_http, over_mcp, printed)]
        assert "error" not in documents[0] and code in (0, 1), documents[0]
        told = [_told(name, one) for one in documents]
        assert told[0] == told[1] == told[2], name
        assert [_shape(one) for one in documents].count(_shape(documents[0])) == 3
        if name == "troubleshoot_production_issue":
            assert set(told[0]) == OPERATIONS[profile]
        if name == "diagnose_gateway_health":
            assert set(told[0][0]) == OPERATIONS[profile]
            assert "did not answer" not in documents[0]["cache_metrics"]["error"], "no figures is another thing"


async def test_the_message_is_posted_by_nobody_where_the_profile_names_no_such_call(
    surfaces: Surfaces, gateway: HostileServer
) -> None:
    printed, _ = await surfaces.by_command("test_ai_engine_integration", {"test_type": "full_flow"})
    document = json.loads(printed)
    flow = document["tests_performed"][-1]
    assert (flow["test"], flow["status"]) == ("full_integration_flow", "skipped")
    assert flow["reason"].startswith("not configured:") and document["notes"] == []
    assert "/api/chat" not in [path for path, _ in gateway.requests]


async def test_an_engine_that_the_profile_does_not_name_has_failed_no_check(
    gateway: HostileServer, server: RealServer
) -> None:
    dialect = without_engine(load_preset("limits"), given=False)
    settings = replace(context(gateway, server).settings, dialect=dialect)
    async with aclosing(Context(settings, FixedClock())) as ctx:
        told = await latency(ctx, PerformanceQuery(metric_type="latency"))
    engine = told.results["latency_tests"][1]
    assert (engine["service"], engine["failed"], engine["latency_ms"]) == ("ai_engine", 0, None)
    assert engine["error"].startswith("not asked")
    assert told.results["services"]["engine"]["failed"] == 0
    assert "engine" not in [one.subject for one in told.findings]
