"""The gateway as its callers and operators see it."""

import logging

import httpx
import pytest
from conftest import TENANT, free_port
from prometheus_client.parser import text_string_to_metric_families

from backend.app import app
from backend.clients import open_redis
from backend.config.services_new import services
from backend.config.settings import load_settings
from backend.utils.cache_manager import CacheManager
from backend.utils.logs import JsonFormatter, RepeatFilter
from backend.utils.metrics import TenantLabels

METRICS = {
    "http_requests_total": {"method", "route", "status", "tenant"},
    "http_request_duration_seconds_bucket": {"route", "le"},
    "upstream_request_duration_seconds_bucket": {"service", "le"},
    "circuit_breaker_state": {"service"},
    "rate_limit_refused_total": {"tenant", "operation"},
    "cache_hits_total": set(),
    "cache_misses_total": set(),
    "process_resident_memory_bytes": set(),
}


async def test_health_tells_what_works(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.get("/health")
    health = answer.json()
    assert (answer.status_code, health["status"], health["service"]) == (
        200,
        "healthy",
        "backend_orchestrator",
    )
    assert health["redis"]["status"] == "connected"
    assert {"version", "uptime_seconds"} <= health.keys()


async def test_before_start_up_it_is_unhealthy_and_says_so_in_json() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert (await client.get("/api/cache/metrics")).status_code == 503


async def test_it_starts_and_serves_without_redis(
    monkeypatch: pytest.MonkeyPatch, gateway: httpx.AsyncClient
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:canary-secret@127.0.0.1:{free_port()}/0")
    async with app.router.lifespan_context(app):
        assert services.get_service_url("redis").count("canary-secret") == 1
    async with open_redis(f"redis://127.0.0.1:{free_port()}/0") as nobody:
        app.state.redis, app.state.cache = nobody, CacheManager(nobody)
        app.state.http = gateway_http = httpx.AsyncClient(transport=httpx.MockTransport(_reply))
        health = (await gateway.get("/health")).json()
        assert (health["status"], health["redis"]["status"]) == ("degraded", "disconnected")
        chat = await gateway.post("/api/chat", json={"phone": "+1", "message": "hi"}, headers=TENANT)
        assert (chat.status_code, chat.json()["reply"]) == (200, "hello")
        await gateway_http.aclose()


def _reply(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"reply": "hello", "conversation_id": "1"})


async def test_chat_answers_and_the_conversation_can_be_read(gateway: httpx.AsyncClient) -> None:
    body = {"phone": "+4940123", "message": "Can I book an appointment?"}
    chat = (await gateway.post("/api/chat", json=body, headers=TENANT)).json()
    assert chat["reply"].startswith("I do not know") and chat["sources"] == []
    path = f"/api/conversations/{chat['conversation_id']}"
    assert (await gateway.get(path, headers=TENANT)).json()["message_count"] == 2
    assert (await gateway.get(path, headers={"X-Tenant-ID": "other"})).status_code == 404
    filed = await gateway.post(
        f"{path}/messages", json={"role": "agent", "text": "I call you"}, headers=TENANT
    )
    assert filed.status_code == 201
    messages = (
        await gateway.get(f"{path}/messages", params={"limit": 2, "offset": 1}, headers=TENANT)
    ).json()
    assert [message["role"] for message in messages["items"]] == ["assistant", "agent"]
    export = (await gateway.get(f"{path}/export", headers=TENANT)).json()
    assert (export["conversation"]["id"], len(export["messages"])) == (chat["conversation_id"], 3)


async def test_a_conversation_is_created_renamed_and_deleted(gateway: httpx.AsyncClient) -> None:
    created = await gateway.post("/api/conversations", json={"phone": "+1", "title": "A"}, headers=TENANT)
    assert created.status_code == 201
    assert (await gateway.post("/api/conversations", json={"phone": "+1"}, headers=TENANT)).status_code == 409
    path = f"/api/conversations/{created.json()['id']}"
    assert (await gateway.get(path, headers=TENANT)).json()["title"] == "A"
    assert (await gateway.patch(path, json={"title": "B"}, headers=TENANT)).status_code == 200
    assert (await gateway.get(path, headers=TENANT)).json()["title"] == "B"
    assert (await gateway.delete(path, headers=TENANT)).status_code == 204
    assert (await gateway.get(path, headers=TENANT)).status_code == 404
    assert (await gateway.get("/api/conversations", headers=TENANT)).json()["total"] == 0


async def test_a_profile_is_replaced_and_signs_replies(gateway: httpx.AsyncClient) -> None:
    assert (await gateway.get("/api/profile", headers=TENANT)).json()["display_name"] == "demo_dentist"
    await gateway.put("/api/profile", json={"display_name": "Dr. Demo"}, headers=TENANT)
    assert (await gateway.get("/api/profile", headers=TENANT)).json()["display_name"] == "Dr. Demo"
    chat = await gateway.post("/api/chat", json={"phone": "+1", "message": "x"}, headers=TENANT)
    assert chat.json()["reply"].endswith("(Dr. Demo)")


@pytest.mark.parametrize(
    "tenant", [None, "", "*", "a?b", "[ab]", "a\\b", "a b", "a\tb", "\x7f", "ü", ":a", "a:", "x" * 65]
)
async def test_a_missing_or_hostile_tenant_is_refused(gateway: httpx.AsyncClient, tenant: str | None) -> None:
    headers = {} if tenant is None else {"X-Tenant-ID": tenant.encode()}
    answer = await gateway.get("/api/conversations", headers=headers)
    assert answer.status_code == 400
    assert "X-Tenant-ID" in answer.json()["detail"]


@pytest.mark.parametrize("tenant", ["acme", "acme:eu", "a-b_c.d@e", "x" * 64, "!~"])
async def test_a_printable_tenant_is_served(gateway: httpx.AsyncClient, tenant: str) -> None:
    assert (await gateway.get("/api/conversations", headers={"X-Tenant-ID": tenant})).status_code == 200


async def test_bad_bodies_are_422(gateway: httpx.AsyncClient) -> None:
    for body in (
        {},
        {"phone": "", "message": "x"},
        {"phone": "1", "message": "x", "more": 1},
        {"phone": "1"},
    ):
        assert (await gateway.post("/api/chat", json=body, headers=TENANT)).status_code == 422
    for raw in ('{"phone": "1", "message": NaN}', r'{"phone": "1", "message": "\ud800"}'):
        answer = await gateway.post(
            "/api/chat", content=raw, headers=TENANT | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
    assert (await gateway.get("/api/conversations?limit=0", headers=TENANT)).status_code == 422
    assert (await gateway.get("/api/conversations/a%2F..%2Fb", headers=TENANT)).status_code in (404, 422)


async def test_metrics_have_the_names_that_are_read(gateway: httpx.AsyncClient) -> None:
    await gateway.get("/api/conversations/nothing", headers=TENANT)
    for _ in range(21):
        await gateway.get("/api/conversations/nothing/export", headers=TENANT)
    await gateway.get("/no/such/path")
    await gateway.request("BREW", "/health")
    text = (await gateway.get("/metrics")).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    for name, labels in METRICS.items():
        assert any(sample.name == name and sample.labels.keys() == labels for sample in samples), name
    requests = [sample.labels for sample in samples if sample.name == "http_requests_total"]
    assert {
        "method": "GET",
        "route": "/api/conversations/{conversation_id}",
        "status": "404",
        "tenant": "demo_dentist",
    } in requests
    assert {"method": "GET", "route": "unmatched", "status": "404", "tenant": ""} in requests
    assert any(labels["method"] == "OTHER" for labels in requests)
    assert 'rate_limit_refused_total{operation="export",tenant="demo_dentist"}' in text


def test_tenant_labels_are_bounded() -> None:
    labels = TenantLabels(capacity=2)
    assert [labels.label(tenant) for tenant in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_logs_are_one_safe_json_line_and_repeated_warnings_are_dropped() -> None:
    record = logging.LogRecord("backend.x", logging.WARNING, "", 0, "redis failed", None, None)
    record.fields = {"tenant": "a\n\x1b]52;c;x\u202e"}
    line = JsonFormatter().format(record)
    assert line.isprintable()
    assert line.isascii()
    repeats = RepeatFilter()
    assert [repeats.filter(record) for _ in range(3)] == [True, False, False]


def test_wrong_settings_and_unknown_services_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("soon", "0", "-1", "nan", "inf", "2.5"):
        monkeypatch.setenv("CACHE_TTL_SECONDS", wrong)
        with pytest.raises(ValueError, match="CACHE_TTL_SECONDS"):
            load_settings()
    with pytest.raises(LookupError, match="ai_engine, redis"):
        services.get_service_url("billing")
