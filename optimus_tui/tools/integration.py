"""test_ai_engine_integration: real requests, each timed by itself; full_flow posts a message.

Tests of the engine run one after another, so that they do not slow each other down; the cache's test runs in parallel.
Each has a time limit of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from optimus_tui.contract.percentiles import percentile
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.tools.common import if_known, rounded
from optimus_tui.contract.tools.state import IntegrationQuery, IntegrationReport
from optimus_tui.tools.pages.report_sections import sentence
from optimus_tui.tools.parts import part, seconds_left
from optimus_tui.wording.numbers import timestamp

if TYPE_CHECKING:
    from optimus_tui.context import Context

QUERY, REPORT = IntegrationQuery, IntegrationReport
Test = Callable[["Context", str], Awaitable[dict[str, Any]]]
REQUESTS = 5
WHOLE_SECONDS = 7.5
PERFORMANCE_SECONDS, SUMMING_UP_SECONDS = 5.6, 0.2
MESSAGE_WAITS_SECONDS = 2.0
"""The message itself may take five seconds; it is posted beside an engine's test that takes longer than this."""
ERROR_PATH = "/optimus-tui-integration-test/no-such-path"


def found(report: IntegrationReport) -> bool:
    """Return True for a failed test, and if nothing could be tested."""
    return report.overall_status != "all_pass"


async def run(ctx: "Context", query: IntegrationQuery) -> IntegrationReport:
    """Run the tests of the requested type."""
    names = [one for one in _PLAN[query.test_type] if one != "cache_integration" or query.include_cache_test]
    notes: list[str] = []
    done = await _run_all(ctx, query.tenant_id, names)
    if query.test_type == "full_flow" and _posts(ctx):
        from optimus_tui.probes.http.integration import TEST_PHONE

        notes.append(f"one test message was posted to /api/chat for this tenant under the phone number {TEST_PHONE}")
    status, rate = _sum_up(done)
    return IntegrationReport(
        tool="test_ai_engine_integration",
        timestamp=timestamp(ctx.clock.wall()),
        test_type=query.test_type,
        tenant_id=query.tenant_id,
        tests_performed=tuple(done),
        overall_status=status,
        pass_rate=rate,
        notes=tuple(notes),
    )


async def _run_all(ctx: "Context", tenant: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results in the order of ``names``. The message waits for the engine's tests, but not for ever."""
    tasks: dict[str, asyncio.Task[dict[str, Any]]] = {}
    async with asyncio.TaskGroup() as group:
        engine: asyncio.Task[dict[str, Any]] | None = None
        for name in names:
            before = engine
            if name == "cache_integration":
                before = None
            patience = None
            if name == "full_integration_flow":
                patience = MESSAGE_WAITS_SECONDS
            tasks[name] = group.create_task(_test(ctx, tenant, name, before, patience))
            if name != "cache_integration":
                engine = tasks[name]
    return [tasks[name].result() for name in names]


async def _test(
    ctx: "Context", tenant: str, name: str, before: asyncio.Task[Any] | None, patience: float | None
) -> dict[str, Any]:
    """Run one test, bounded in time, after ``before`` has ended or ``patience`` seconds are over."""
    if before is not None:
        await asyncio.wait([before], timeout=patience)
    found = await part(ctx, _TESTS[name](ctx, tenant), name, WHOLE_SECONDS)
    if isinstance(found, Fault):
        return {"test": name, "status": "unknown", "error": sentence(found)}
    return {"test": name, **found}


def _sum_up(done: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the grade and the share of passed tests. Skipped tests do not count; unfinished ones did not pass."""
    judged = [test for test in done if test["status"] != "skipped"]
    passed = sum(test["status"] == "pass" for test in judged)
    if not judged:
        return "no_tests_performed", "0/0 (unknown)"
    share = passed / len(judged)
    return _grade(share), f"{passed}/{len(judged)} ({share:.1%})"


def _grade(share: float) -> str:
    """Return the words for the share of tests that passed."""
    if share in (0, 1):
        if share:
            return "all_pass"
        return "all_fail"
    if share >= 0.8:
        return "mostly_pass"
    return "partial_pass"


def _status(passed: bool | None) -> str:
    if passed:
        return "pass"
    return "fail"


def _posts(ctx: "Context") -> bool:
    """Return whether the profile names the call that posts the test message."""
    return "chat" in ctx.settings.profile.gateway.checks


def _no_engine(ctx: "Context", *keys: str) -> dict[str, Any] | None:
    """Return the result of a test of an engine that is not configured, with these keys; None where there is one."""
    if ctx.settings.profile.engine.health:
        return None
    reason = f"not configured: the profile {ctx.settings.profile.name} names no health check of an engine"
    return {"status": "skipped", "reason": reason, **dict.fromkeys(keys), "error": None}


async def _health(ctx: "Context", tenant: str) -> dict[str, Any]:
    from optimus_tui.probes.http.services import read_engine

    if (absent := _no_engine(ctx, "response_time_ms", "status_code", "says")) is not None:
        return absent
    reading = await read_engine(ctx.http, ctx.settings, ctx.clock)
    state = reading.value
    if state is None:
        nothing = dict.fromkeys(("response_time_ms", "status_code"))
        return {"status": _status(False), **nothing, "error": sentence(reading.fault), "says": None}
    remark = None
    if state.remark is not None:
        remark = state.remark.words
    return {
        "status": _status(state.status == "connected"),
        "response_time_ms": rounded(state.latency_ms),
        "status_code": state.status_code,
        "error": sentence(state.fault or reading.fault),
        "says": remark,
    }


_TIMED = (
    *("total_requests", "successful_requests", "failed_requests", "average_response_time_ms"),
    *("slowest_response_time_ms", "p95_response_time_ms", "within_target", "target_ms", "requests", "note"),
)


async def _performance(ctx: "Context", tenant: str) -> dict[str, Any]:
    from optimus_tui.probes.http.integration import time_requests
    from optimus_tui.probes.http.services import health_url

    if (absent := _no_engine(ctx, *_TIMED)) is not None:
        return absent
    profile, seconds = ctx.settings.profile.engine, seconds_left(PERFORMANCE_SECONDS) - SUMMING_UP_SECONDS
    looks = await time_requests(ctx.http, health_url(ctx.settings.engine_url, profile), REQUESTS, seconds, profile)
    each: list[dict[str, Any]] = []
    for seen in looks:
        status, took = None, None
        if seen.answer:
            status, took = seen.answer.status, rounded(seen.answer.took_ms)
        each.append({"status_code": status, "response_time_ms": took, "error": sentence(seen.fault)})
    times = sorted(seen.answer.took_ms for seen in looks if seen.answer and seen.failure is None)
    average = None
    if times:
        average = sum(times) / len(times)
    good = len(times) == len(looks)
    missing = f"only {len(looks)} of {REQUESTS} requests were sent: the time was up"
    fast = average is not None and average <= ctx.settings.thresholds.latency_poor_ms
    return {
        "status": _status(good and fast),
        "total_requests": len(looks),
        "successful_requests": len(times),
        "failed_requests": len(looks) - len(times),
        "average_response_time_ms": rounded(average),
        "slowest_response_time_ms": rounded(max(times, default=None)),
        "p95_response_time_ms": rounded(percentile(times, 0.95)),
        "within_target": average is not None and average <= ctx.settings.thresholds.integration_ms,
        "target_ms": ctx.settings.thresholds.integration_ms,
        "requests": each,
        "error": next((one["error"] for one in each if one["error"]), None),
        "note": if_known(len(looks) < REQUESTS, missing),
    }


async def _error_handling(ctx: "Context", tenant: str) -> dict[str, Any]:
    from optimus_tui.probes.http.integration import ask_status

    if (absent := _no_engine(ctx, "expected_status_code", "status_code", "response_time_ms")) is not None:
        return absent
    status, took, fault = await ask_status(ctx.http, ctx.settings.engine_url + ERROR_PATH)
    ok = status == 404
    error = sentence(fault)
    if fault is None and not ok:
        error = f"an unknown path answered {status} instead of 404"
    return {
        "status": _status(ok),
        "expected_status_code": 404,
        "status_code": status,
        "response_time_ms": rounded(took),
        "error": error,
    }


async def _cache(ctx: "Context", tenant: str) -> dict[str, Any]:
    from optimus_tui.probes.http.integration import round_trip

    seen = await round_trip(ctx.redis, tenant)
    if seen.skipped:
        return {"status": "skipped", "reason": seen.skipped, "data_integrity": None, "error": sentence(seen.fault)}
    error = sentence(seen.fault) or (if_known(not seen.intact, "what was read back is not what was written"))
    return {
        "status": _status(seen.intact),
        "data_integrity": seen.intact,
        "cleaned_up": seen.removed,
        "response_time_ms": rounded(seen.took_ms, 2),
        "error": error,
    }


async def _full_flow(ctx: "Context", tenant: str) -> dict[str, Any]:
    from optimus_tui.probes.http.integration import post_message

    if not _posts(ctx):
        reason = f"not configured: the profile {ctx.settings.profile.name} names no such call"
        nothing = dict.fromkeys(("response_contains_reply", "status_code", "response_time_ms"))
        return {"status": "skipped", "reason": reason, **nothing, "error": None}
    posted = await post_message(ctx.http, ctx.settings.gateway_url, tenant)
    error = sentence(posted.fault) or (if_known(not posted.has_reply, "the answer holds neither reply nor message"))
    return {
        "status": _status(posted.has_reply),
        "response_contains_reply": posted.has_reply,
        "status_code": posted.status_code,
        "response_time_ms": rounded(posted.took_ms),
        "error": error,
    }


_TESTS: dict[str, Test] = {
    "ai_engine_health": _health,
    "ai_engine_performance": _performance,
    "ai_engine_error_handling": _error_handling,
    "cache_integration": _cache,
    "full_integration_flow": _full_flow,
}
_PLAN: dict[str, tuple[str, ...]] = {
    "connectivity": ("ai_engine_health", "cache_integration"),
    "performance": ("ai_engine_performance",),
    "error_handling": ("ai_engine_error_handling",),
    "full_flow": ("ai_engine_health", "ai_engine_performance", "cache_integration", "full_integration_flow"),
}
