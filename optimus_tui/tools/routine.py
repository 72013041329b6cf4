"""The day's routine and the table "which tool for which symptom", as the user's document has them. Pure.

A line whose tool is not registered yet is left out by ``routine()`` and ``symptoms()``, and comes with the tool.
"""

from collections.abc import Container

from msgspec import Struct

from optimus_tui.tools.tool_call import ToolCall


class Step(Struct, frozen=True):
    """When or for what; what to run; why."""

    when: str
    tool_call: ToolCall
    why: str


_ROUTINE = (
    Step("Morning (9 AM)", ToolCall("diagnose_gateway_health", {"include_cache_metrics": True}), "is everything up"),
    Step("Midday (1 PM)", ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}), "does it hit"),
    Step("Evening (6 PM)", ToolCall("analyze_cache_coherence", {"time_window_minutes": 60}), "do events arrive"),
)  # fmt: skip

_SYMPTOMS = (
    Step("Slow responses", ToolCall("analyze_performance_metrics", {"metric_type": "latency"}), "first"),
    Step("Slow responses", ToolCall("analyze_cache_coherence"), "then"),
    Step("Rate limit errors", ToolCall("troubleshoot_production_issue", {"issue_type": "rate_limiting"}), "first"),
    Step("Rate limit errors", ToolCall("diagnose_gateway_health"), "then"),
    Step("New API needed", ToolCall("generate_enterprise_router"), "first"),
    Step("New API needed", ToolCall("validate_enterprise_patterns"), "then"),
    Step("Cache misses", ToolCall("analyze_cache_coherence"), "first"),
    Step("Cache misses", ToolCall("analyze_performance_metrics", {"metric_type": "cache_performance"}), "then"),
    Step("Service down", ToolCall("diagnose_gateway_health"), "first"),
    Step("Service down", ToolCall("test_ai_engine_integration", {"test_type": "connectivity"}), "then"),
)


def routine(known: Container[str]) -> tuple[Step, ...]:
    """The three looks of a day."""
    return tuple(step for step in _ROUTINE if step.tool_call.tool in known)


def symptoms(known: Container[str]) -> tuple[Step, ...]:
    """Symptom by symptom the first tool and the one to take next."""
    return tuple(step for step in _SYMPTOMS if step.tool_call.tool in known)
