"""Gateway and engine: sick bodies, redirects, slow and hung services, what our own cost is not charged to."""

import itertools

from tests.worlds.catalogue import world
from tests.worlds.judging import Given
from tests.worlds.links import busy_machine
from tests.worlds.services import Service
from tests.worlds.world import World

SICK = (
    {"status": "DOWN"}, {"status": "unhealthy"}, {"ok": False}, {"state": "failed"}, {"healthy": False},
    {"status": "OUT_OF_SERVICE"}, {"status": False}, {"status": "not ready"},
)  # fmt: skip
MILD = ({"status": "degraded"}, {"health": "warn"})
WELL = (
    {"status": "ok"}, {"status": "UP"}, {"status": "healthy", "checks": {"redis": "ok"}}, {"ok": True},
    {"status": "pass", "version": "1"}, {"message": "no failures, nothing is down"}, {"uptime": 12},
    {"status": "ok", "errors": 0, "last_error": None, "failed": False, "maintenance": False},
    {"status": "SERVING"}, {"checks": {"mail": {"status": "disabled"}, "db": [{"status": "pass"}]}},
)  # fmt: skip


@world(fast=True)
async def bodies_that_say_they_are_sick(w: World) -> None:
    """``/health`` answers 200, but its own words are sick: unhealthy, and the word is quoted."""
    for body in SICK:
        w.gateway.on("/health", body)
        answer = await w.diagnose()
        status = answer.doc["backend_orchestrator_health"]["status"]
        bad = answer.doc["overall_status"] == "critical"
        w.expect(f"{body}", "unhealthy, critical", answer.summary, status == "unhealthy" and bad)
        word = str(next(iter(body.values()))).lower()
        w.says(f"{body}: the word is quoted", answer, word)
    for body in MILD:
        w.gateway.on("/health", body)
        answer = await w.diagnose()
        overall = answer.doc["overall_status"]
        w.expect(f"{body}", "needs_attention", answer.summary, overall == "needs_attention")


@world(fast=True, healthy=True)
async def bodies_that_are_well(w: World) -> None:
    """Healthy bodies in other words, on both services."""
    for body in WELL:
        w.gateway.on("/health", body)
        w.engine.on("/health", body)
        w.spared(f"{body}", await w.diagnose())


@world()
async def sick_engine(w: World) -> None:
    """The engine's body says DOWN: the engine does not count as connected."""
    w.engine.on("/health", {"status": "DOWN", "db": "unreachable"})
    answer = await w.diagnose()
    status = answer.doc["ai_engine_connectivity"]["status"]
    w.expect("engine", "error", status, status == "error")
    w.found("stand-up", await w.standup(), rule="services.engine", least="critical")
    panes = await w.panes(1.2, ("server", "gateway", "engine"))
    w.found("health pane", panes.given("health"), rule="services.engine", least="critical")


@world(fast=True, healthy=True)
async def a_slash_more(w: World) -> None:
    """``/health`` redirects to ``/health/`` on the same origin, as FastAPI does: followed once, healthy."""
    for service in (w.gateway, w.engine):
        service.on("/health", b"", 307, headers=[("Location", "/health/")])
        service.on("/health/", {"status": "ok"})
    w.spared("diagnose", await w.diagnose())
    w.spared("stand-up", await w.standup())


@world()
async def redirected_elsewhere(w: World) -> None:
    """``/health`` redirects to a login page of another host: nothing healthy was said."""
    login = Service(w.clock)
    await login.start()
    w.ends.push_async_callback(login.stop)
    login.on("/login", {"status": "ok"})
    w.gateway.on("/health", b"", 302, headers=[("Location", f"{login.url}/login")])
    answer = await w.diagnose()
    status = answer.doc["backend_orchestrator_health"]["status"]
    w.expect("gateway", "unhealthy", status, status in ("unhealthy", "error"))
    w.expect("the other host", "not asked", login.requests, login.requests == 0)


@world()
async def redirected_in_a_circle(w: World) -> None:
    """``/health`` redirects to itself for ever: answered in time, not healthy."""
    w.gateway.on("/health", b"", 307, headers=[("Location", "/health")])
    answer = await w.diagnose()
    status = answer.doc["backend_orchestrator_health"]["status"]
    w.expect("gateway", "unhealthy", status, status in ("unhealthy", "error"))
    w.expect("asked few times", "at most 6 requests", w.gateway.requests, w.gateway.requests <= 6)


async def _latency(w: World) -> tuple[Given, Given]:
    return (
        await w.run("analyze_performance_metrics", metric_type="latency", time_window_minutes=1),
        await w.run("troubleshoot_production_issue", issue_type="high_latency", tenant_id="acme"),
    )


@world()
async def engine_of_one_and_a_half_seconds(w: World) -> None:
    """Every look at the engine takes 1.5 s: two looks are evidence, high."""
    w.engine.on("/health", {"status": "ok"}, delay=1.5)
    latency, trouble = await _latency(w)
    w.found("high_latency", trouble, "engine", least="high")
    w.expect("exit code", "1", trouble.code, trouble.code == 1)
    tests = {one["service"]: one.get("latency_ms") for one in latency.results.get("latency_tests", [])}
    w.figure("engine's latency", tests.get("ai_engine"), 1500)
    w.expect("assessment", "poor or acceptable, not better", latency.results.get("latency_summary"),
             latency.results.get("latency_summary", {}).get("assessment") in ("acceptable", "poor"))  # fmt: skip


@world()
async def engine_of_nine_tenths_of_a_second(w: World) -> None:
    """Every look at the engine takes 0.9 s: medium."""
    w.engine.on("/health", {"status": "ok"}, delay=0.9)
    _, trouble = await _latency(w)
    w.found("high_latency", trouble, "engine", least="medium", most="medium")


@world(healthy=True)
async def engine_of_three_tenths_of_a_second(w: World) -> None:
    """Every look at the engine takes 0.3 s: good enough, no finding."""
    w.engine.on("/health", {"status": "ok"}, delay=0.3)
    latency, trouble = await _latency(w)
    w.spared("high_latency", trouble)
    tests = {one["service"]: one.get("latency_ms") for one in latency.results.get("latency_tests", [])}
    w.figure("engine's latency", tests.get("ai_engine"), 300, slack=30)


@world(healthy=True)
async def one_slow_look(w: World) -> None:
    """The engine's first answer after an idle time takes 1.2 s, all others 2 ms: a cold start is no latency."""
    w.engine.on("/health", {"status": "ok"}, delay=lambda t: 1.2 if w.engine.requests <= 1 else 0.002)
    trouble = await w.run("troubleshoot_production_issue", issue_type="high_latency", tenant_id="acme")
    w.not_found("high_latency", trouble, least="high")


@world(healthy=True, night=True)
async def first_look_of_a_fresh_process(w: World) -> None:
    """Gateway and engine answer in 1 ms: a fresh process must not charge its imports to them."""
    answers = [await w.run("diagnose_gateway_health", tenant_id="acme") for _ in range(3)]
    for part in ("backend_orchestrator_health", "ai_engine_connectivity", "redis"):
        shown = [answer.doc.get(part, {}).get("latency_ms") for answer in answers]
        best = min((one for one in shown if one is not None), default=None)
        w.expect(f"{part}.latency_ms, the best of three", "below 40 ms", shown, best is not None and best < 40)
    w.spared("diagnose", answers[0])
    trouble = await w.run("troubleshoot_production_issue", issue_type="high_latency", tenant_id="acme")
    w.spared("high_latency", trouble)


@world(healthy=True)
async def our_own_cpu_is_starved(w: World) -> None:
    """Our machine is busy (burners on every core, we are nice): the services are not called slow or hung."""
    with busy_machine(3) as prefix:
        trouble = await w.cli(
            "run", "troubleshoot_production_issue", '{"issue_type": "high_latency", "tenant_id": "acme"}', before=prefix
        )
        answer = await w.cli("run", "diagnose_gateway_health", "{}", before=prefix)
    w.not_found("high_latency", trouble, least="high")
    text = str(trouble.doc) + str(answer.doc)
    w.expect("nothing is called hung", "no 'slow or hung'", answer.summary, "slow or hung" not in text)
    error = trouble.doc.get("error")
    w.expect("an answer", "a document, or our own starvation named", error or "a document",
             not error or "machine" in str(error) or "cpu" in str(error).lower())  # fmt: skip


@world()
async def hung_engine_in_the_full_flow(w: World) -> None:
    """The engine hangs: full_flow and performance answer in time with what passed, and the engine marked."""
    w.engine.on("/health", hangs=True)
    answer = await w.ask("test_ai_engine_integration", test_type="full_flow", tenant_id="acme")
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    states = {one["test"]: one["status"] for one in answer.doc.get("tests_performed", [])}
    w.expect("four tests", "cache passes, the engine does not", states or answer.summary,
             states.get("cache_integration") == "pass" and states.get("ai_engine_health") not in ("pass", None)
             and len(states) == 4)  # fmt: skip


@world()
async def hung_engine_in_performance(w: World) -> None:
    """The engine hangs: the performance test answers with failed requests, not with an error."""
    w.engine.on("/health", hangs=True)
    answer = await w.ask("test_ai_engine_integration", test_type="performance", tenant_id="acme")
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    (row,) = answer.doc.get("tests_performed") or [{}]
    w.expect("requests", "failed, none successful", row or answer.summary, row.get("successful_requests") == 0)


@world()
async def engine_that_fails_every_third_time(w: World) -> None:
    """Every third answer of the engine is a 503: the performance test counts one or two of five as failed."""
    w.engine.on("/health", {"status": "ok"}, lambda t: 503 if w.engine.requests % 3 == 0 else 200)
    answer = await w.ask("test_ai_engine_integration", test_type="performance", tenant_id="acme")
    (row,) = answer.doc.get("tests_performed") or [{}]
    given = f"{row.get('successful_requests')} of {row.get('total_requests')}"
    failed = row.get("failed_requests")
    w.expect("failed requests", "1 or 2 of 5", given, failed in (1, 2))
    total = (row.get("successful_requests") or 0) + (failed or 0)
    w.expect("the sum fits", str(row.get("total_requests")), total, total == row.get("total_requests"))


@world(healthy=True, fast=True)
async def duplicated_content_type(w: World) -> None:
    """A proxy sends Content-Type twice: an oddity, no outage."""
    twice = [("Content-Type", "application/json"), ("Content-Type", "application/json")]
    w.gateway.on("/health", {"status": "ok"}, headers=twice)
    w.engine.on("/health", {"status": "ok"}, headers=twice)
    answer = await w.diagnose()
    w.not_found("diagnose", answer, least="critical")
    w.expect("gateway", "healthy", answer.summary, answer.doc["backend_orchestrator_health"]["status"] == "healthy")


@world(fast=True)
async def dead_engine(w: World) -> None:
    """Nobody listens where the engine should be: critical on every surface."""
    w.engine.down = lambda t: True
    w.found("diagnose", await w.diagnose(), rule="services.engine", least="critical")
    w.found("stand-up", await w.standup(), rule="services.engine", least="critical")
    answer = await w.ask("test_ai_engine_integration", test_type="connectivity", tenant_id="acme")
    w.expect("integration", "not all_pass, exit 1", answer.summary, answer.code == 1)


@world()
async def two_instances_one_of_them_sick(w: World) -> None:
    """Two gateways in a comma-separated list, the second answers 503: the worst counts, and each is told."""
    second = Service(w.clock)
    await second.start()
    w.ends.push_async_callback(second.stop)
    second.on("/health", {"status": "down"}, 503)
    w.env["BACKEND_ORCHESTRATOR_URL"] = f"{w.gateway.url},{second.url}"
    answer = await w.diagnose()
    part = answer.doc["backend_orchestrator_health"]
    w.expect("status", "unhealthy", part["status"], part["status"] == "unhealthy")
    w.expect("instances", "two", part.get("instances"), len(part.get("instances") or ()) == 2)


@world(healthy=True, fast=True)
async def optional_parts_are_absent(w: World) -> None:
    """No published limits, no /metrics, no Postgres, no Prometheus: not configured is no fault."""
    del w.gateway.routes["/api/rate-limits"]
    w.counter("rate_limit:acme:chat", 30)
    answer = await w.diagnose()
    w.spared("diagnose", answer)
    row = answer.doc["rate_limiting"]["rate_limits"].get("chat", {})
    w.expect("chat's limit", "30 of an unknown limit", row, row.get("current_count") == 30 and row.get("limit") is None)
    w.spared("stand-up", await w.standup())
    w.spared("circuit breaker", await w.trouble("circuit_breaker"))


@world(healthy=True)
async def chat_of_four_seconds(w: World) -> None:
    """A language model takes 4 s for a reply: full_flow passes, as slow as that is."""
    w.gateway.on("/api/chat", {"reply": "hello"}, delay=4.0)
    answer = await w.ask("test_ai_engine_integration", test_type="full_flow", tenant_id="acme")
    states = {one["test"]: one["status"] for one in answer.doc.get("tests_performed", [])}
    w.expect("the flow", "pass, four tests", states or answer.summary,
             states.get("full_integration_flow") == "pass" and len(states) == 4)  # fmt: skip


@world()
async def hung_gateway(w: World) -> None:
    """The gateway accepts and never answers: every tool answers in time, and Redis and engine are told."""
    for path in list(w.gateway.routes):
        w.gateway.on(path, hangs=True)
    w.gateway.on("/metrics", hangs=True)
    w.counter("rate_limit:acme:chat", 20)
    answer = await w.diagnose()
    w.expect("in time", "a document at its deadline", answer.summary, "error" not in answer.doc)
    doc = answer.doc
    states = [
        doc.get(part, {}).get("status") for part in ("backend_orchestrator_health", "ai_engine_connectivity", "redis")
    ]
    w.expect("states", "error, connected, connected", states, states == ["error", "connected", "connected"])
    for issue in ("rate_limiting", "high_latency", "circuit_breaker", "cache_miss", "memory_leak", "proxy_timeout"):
        trouble = await w.trouble(issue)
        w.expect(f"{issue}: an answer", "a finding, in time", trouble.summary,
                 "severity_assessment" in trouble.doc and trouble.code == 1)  # fmt: skip
    standup = await w.standup()
    w.found("stand-up", standup, rule="services.gateway", least="critical")


@world()
async def gateway_that_flaps(w: World) -> None:
    """Every second look at the gateway is a 503: the pane does not settle on healthy."""
    turn = itertools.count()
    w.gateway.on("/health", {"status": "ok"}, lambda t: 503 if next(turn) % 2 else 200)
    panes = await w.panes(9, ("server", "gateway", "engine"))
    states = [report.gateway.value.service.status for subject, report in panes.all
              if subject == "health" and report.gateway and report.gateway.value]  # fmt: skip
    w.expect(
        "both states are seen", "healthy and unhealthy", sorted(set(states)), set(states) == {"healthy", "unhealthy"}
    )


@world()
async def maintenance_page(w: World) -> None:
    """A load balancer answers 200 with a maintenance page in HTML: that is not healthy."""
    w.gateway.on("/health", b"<html><h1>Back soon</h1></html>", kind="text/html")
    answer = await w.diagnose()
    status = answer.doc["backend_orchestrator_health"]["status"]
    w.expect("gateway", "unhealthy, critical", answer.summary, status == "unhealthy" and answer.code == 1)


@world(healthy=True, fast=True)
async def nested_words_of_others(w: World) -> None:
    """``/health`` is ok and tells of an optional part that is down: the body's own word counts."""
    w.gateway.on("/health", {"status": "ok", "checks": {"mail": {"status": "down"}}, "last_error": "timeout"})
    w.spared("diagnose", await w.diagnose())
