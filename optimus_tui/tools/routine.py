"""The day's routine and the table "which tool for which symptom", as the user's document has them. Pure.

A line whose tool is not registered yet is left out by ``routine()`` and ``symptoms()``, and comes with the tool.
"""

from collections.abc import Container

from msgspec import Struct

from optimus_tui.tools.tool_call import ToolCall


class RoutineStep(Struct, frozen=True):
    """When to look or for what symptom; what to run; why."""

    when: str
    tool_call: ToolCall
    why: str


_ROUTINE = (
    RoutineStep(
        "Morning (9 AM)", ToolCall("diagnose_gateway_health", {"include_cache_metrics": True}), "is everything up"
    ),
    RoutineStep(
        "Midday (1 PM)",
        ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}),
        "is the hit rate good",
    ),
    RoutineStep("Evening (6 PM)", ToolCall("analyze_cache_coherence", {"time_window_minutes": 60}), "do events arrive"),
)

_SYMPTOMS = (
    RoutineStep("Slow responses", ToolCall("analyze_performance_metrics", {"metric_type": "latency"}), "first"),
    RoutineStep("Slow responses", ToolCall("analyze_cache_coherence"), "then"),
    RoutineStep(
        "Rate limit errors", ToolCall("troubleshoot_production_issue", {"issue_type": "rate_limiting"}), "first"
    ),
    RoutineStep("Rate limit errors", ToolCall("diagnose_gateway_health"), "then"),
    RoutineStep("New API needed", ToolCall("generate_enterprise_router"), "first"),
    RoutineStep("New API needed", ToolCall("validate_enterprise_patterns"), "then"),
    RoutineStep("Cache misses", ToolCall("analyze_cache_coherence"), "first"),
    RoutineStep("Cache misses", ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}), "then"),
    RoutineStep("Service down", ToolCall("diagnose_gateway_health"), "first"),
    RoutineStep("Service down", ToolCall("test_ai_engine_integration", {"test_type": "connectivity"}), "then"),
)


def routine(known: Container[str]) -> tuple[RoutineStep, ...]:
    """Return the three checks of a day."""
    return tuple(step for step in _ROUTINE if step.tool_call.tool in known)


def symptoms(known: Container[str]) -> tuple[RoutineStep, ...]:
    """Return for each symptom the first tool and the next one."""
    return tuple(step for step in _SYMPTOMS if step.tool_call.tool in known)
