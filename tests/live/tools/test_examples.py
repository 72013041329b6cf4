"""Every call of the user's document, through ``run`` on a living system: the keys that it shows are there.

The calls are restated here, example by example. A tool that is not registered yet is skipped by name: its calls and
keys stand here already and are checked from the day it is there.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from optimus_tui.demo.command import DemoHandle
from optimus_tui.tools.registry import TOOLS
from tests.patience import PATIENCE
from tests.standin import point_to

pytestmark = pytest.mark.live

HEALTH = "timestamp backend_orchestrator_health.status cache_metrics.hit_rate cache_metrics.total_keys " \
    "rate_limiting.total_active_limits ai_engine_connectivity.status overall_status diagnostics"  # fmt: skip
ROUTER = "files_generated.router files_generated.test enterprise_features next_steps"
COMPLIANCE = "overall_compliance average_compliance_score files_validated issues_found recommendations"
TROUBLE = "issue_type tenant_id diagnostics recommendations severity_assessment immediate_action_required"
LATENCY = "metric_type analysis_results.latency_tests.0.service analysis_results.latency_tests.0.latency_ms " \
    "analysis_results.latency_tests.0.status_code analysis_results.latency_summary.average_latency_ms " \
    "analysis_results.latency_summary.max_latency_ms analysis_results.latency_summary.min_latency_ms " \
    "analysis_results.latency_summary.assessment"  # fmt: skip
TESTS = "test_type tests_performed.0.test tests_performed.0.status overall_status pass_rate"
COHERENCE = "cache_coherence_analysis.total_cache_keys cache_coherence_analysis.coherence_tracking_keys " \
    "cache_coherence_analysis.cache_to_coherence_ratio sample_cache_analysis.0.key " \
    "sample_cache_analysis.0.ttl_seconds sample_cache_analysis.0.memory_bytes recent_coherence_events.0.type " \
    "recent_coherence_events.0.tenant_id recent_coherence_events.0.timestamp recommendations"  # fmt: skip


class Example(NamedTuple):
    """One call as the document writes it, and the paths of the keys that it shows."""

    number: str
    tool: str
    arguments: dict[str, Any]
    keys: str


def performance(metric: str, **more: Any) -> dict[str, Any]:
    return {"metric_type": metric, **more}


EXAMPLES = (
    Example("1", "diagnose_gateway_health",
            {"include_cache_metrics": True, "include_rate_limiting": True, "tenant_id": "demo_dentist"}, HEALTH),
    Example("2", "generate_enterprise_router",
            {"router_name": "products", "router_type": "proxy",
             "operations": ["list", "create", "get", "update", "delete"],
             "include_rate_limiting": True, "include_caching": True}, ROUTER),
    Example("3", "troubleshoot_production_issue",
            {"issue_type": "rate_limiting", "tenant_id": "demo_dentist", "time_window_minutes": 30},
            f"{TROUBLE} rate_limiting_analysis.chat.current_count rate_limiting_analysis.chat.ttl_seconds"),
    Example("4", "analyze_performance_metrics",
            performance("latency", time_window_minutes=60, tenant_filter="demo_dentist"), LATENCY),
    Example("4 cache", "analyze_performance_metrics", performance("cache_performance", time_window_minutes=60),
            "metric_type analysis_results"),
    Example("5", "test_ai_engine_integration",
            {"test_type": "full_flow", "tenant_id": "demo_dentist", "include_cache_test": True},
            f"{TESTS} tests_performed.0.response_time_ms tests_performed.1.successful_requests "
            "tests_performed.2.data_integrity tests_performed.3.response_contains_reply"),
    Example("5 pipeline", "test_ai_engine_integration", {"test_type": "connectivity"}, TESTS),
    Example("6", "validate_enterprise_patterns",
            {"check_all_routers": True, "validation_level": "production_ready"}, COMPLIANCE),
    Example("6 one", "validate_enterprise_patterns",
            {"router_path": "chat.py", "validation_level": "comprehensive"}, COMPLIANCE),
    Example("7", "analyze_cache_coherence", {"time_window_minutes": 15, "include_event_log": True}, COHERENCE),
    Example("8.1", "diagnose_gateway_health", {"include_cache_metrics": True, "include_rate_limiting": True}, HEALTH),
    Example("8.2", "troubleshoot_production_issue", {"issue_type": "high_latency", "time_window_minutes": 15}, TROUBLE),
    Example("8.3", "analyze_performance_metrics", performance("latency", time_window_minutes=30), LATENCY),
    Example("8.4", "test_ai_engine_integration", {"test_type": "connectivity"}, TESTS),
    Example("9.1", "generate_enterprise_router", {"router_name": "new_feature", "router_type": "proxy"}, ROUTER),
    Example("9.2", "validate_enterprise_patterns",
            {"router_path": "profile.py", "validation_level": "production_ready"}, COMPLIANCE),
    Example("9.3", "test_ai_engine_integration", {"test_type": "full_flow"}, TESTS),
    Example("9.4", "analyze_performance_metrics", performance("latency"), LATENCY),
    Example("9 morning", "diagnose_gateway_health", {"include_cache_metrics": True}, HEALTH),
    Example("9 midday", "analyze_performance_metrics", performance("cache_performance"), "analysis_results"),
    Example("9 evening", "analyze_cache_coherence", {"time_window_minutes": 60}, COHERENCE),
    Example("10", "troubleshoot_production_issue",
            {"issue_type": "rate_limiting", "tenant_id": "high_traffic_tenant", "time_window_minutes": 60},
            f"{TROUBLE} rate_limiting_analysis"),
    Example("10 cache", "analyze_cache_coherence", {"time_window_minutes": 120, "include_event_log": True}, COHERENCE),
    Example("11 hook", "validate_enterprise_patterns", {"check_all_routers": True}, COMPLIANCE),
    Example("11 deploy", "diagnose_gateway_health", {}, HEALTH),
)  # fmt: skip


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHandle]:
    """A living system on which the environment points, with the reference project as the working directory."""
    handle, patch = DemoHandle("quiet").start(), pytest.MonkeyPatch()
    try:
        while not (handle.ready or handle.failed):
            assert handle.changed.wait(60), handle.progress
            handle.changed.clear()
        assert handle.failed is None
        point_to(patch, tmp_path_factory.mktemp("examples"), *handle.urls)
        patch.setenv("BACKEND_ORCHESTRATOR_PATH", str(Path(__file__).parents[3] / "templates" / "orchestrator"))
        yield handle
    finally:
        patch.undo()
        handle.stop()


def held(document: Any, path: str) -> Any:
    """The value at a dotted path; fails with the part that is missing."""
    for part in path.split("."):
        found = document[int(part)] if isinstance(document, list) and len(document) > int(part) else None
        if isinstance(document, dict):
            assert part in document, f"{path}: no {part} among {sorted(document)}"
            found = document[part]
        assert found is not None or isinstance(document, dict), f"{path}: nothing at {part}"
        document = found
    return document


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.number for one in EXAMPLES])
def test_an_example_of_the_document_shows_its_keys(
    example: Example, demo: DemoHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimus_tui.__main__ import run

    if example.tool not in TOOLS:
        pytest.skip(f"{example.tool} is not registered yet")
    code = run(["run", example.tool, json.dumps(example.arguments)])
    shown = capsys.readouterr()
    assert code in (0, 1) and shown.err == ""
    document = json.loads(shown.out)
    assert (document["tool"], document["schema_version"]) == (example.tool, "1.0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["timestamp"])
    values = {path: held(document, path) for path in example.keys.split()}
    assert [path for path, value in values.items() if value is None] == []


def test_the_tests_of_the_full_flow_come_in_the_documents_order(
    demo: DemoHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimus_tui.__main__ import run

    assert run(["run", "test_ai_engine_integration", "--set", "test_type=full_flow"]) == 0
    document = json.loads(capsys.readouterr().out)
    names = ["ai_engine_health", "ai_engine_performance", "cache_integration", "full_integration_flow"]
    assert [one["test"] for one in document["tests_performed"]] == names
    assert (document["overall_status"], document["pass_rate"]) == ("all_pass", "4/4 (100.0%)")


def test_tenants_are_compared_as_the_tenth_example_wants(demo: DemoHandle) -> None:
    words = ["compare", "demo_dentist", "clinic_a", "clinic_b", "--json"]
    done = subprocess.run([sys.executable, "-m", "optimus_tui", *words], capture_output=True, timeout=PATIENCE)
    document = json.loads(done.stdout)
    assert [one["tenant_id"] for one in document["tenants"]] == words[1:4]
    assert all(one["counters"] and one["cache_keys"] and one["requests"] is not None for one in document["tenants"])


def test_the_stand_up_of_a_living_system_has_all_its_lines(
    demo: DemoHandle, capsys: pytest.CaptureFixture[str]
) -> None:
    from optimus_tui.__main__ import run

    assert run(["standup"]) in (0, 1)
    shown = capsys.readouterr().out.splitlines()
    assert 8 <= len(shown) <= 12
    assert not any("?" in line for line in shown[:8])
