"""The day's routine and the table "which tool for which symptom", as the user's document has them. Pure.

A line whose tool is not registered yet is left out by ``routine()`` and ``symptoms()``, and comes with the tool.
"""

from collections.abc import Container

from msgspec import Struct

from optimus_tui.tools.tool_call import Errand


class Step(Struct, frozen=True):
    """When or for what; what to run; why."""

    when: str
    errand: Errand
    why: str


_ROUTINE = (
    Step("Morning (9 AM)", Errand("diagnose_gateway_health", {"include_cache_metrics": True}), "is everything up"),
    Step("Midday (1 PM)", Errand("analyze_performance_metrics", {"metric_type": "cache_performance"}), "does it hit"),
    Step("Evening (6 PM)", Errand("analyze_cache_coherence", {"time_window_minutes": 60}), "did invalidations arrive"),
)  # fmt: skip

_SYMPTOMS = (
    Step("Slow responses", Errand("analyze_performance_metrics", {"metric_type": "latency"}), "first"),
    Step("Slow responses", Errand("analyze_cache_coherence"), "then"),
    Step("Rate limit errors", Errand("troubleshoot_production_issue", {"issue_type": "rate_limiting"}), "first"),
    Step("Rate limit errors", Errand("diagnose_gateway_health"), "then"),
    Step("New API needed", Errand("generate_enterprise_router"), "first"),
    Step("New API needed", Errand("validate_enterprise_patterns"), "then"),
    Step("Cache misses", Errand("analyze_cache_coherence"), "first"),
    Step("Cache misses", Errand("analyze_performance_metrics", {"metric_type": "cache_performance"}), "then"),
    Step("Service down", Errand("diagnose_gateway_health"), "first"),
    Step("Service down", Errand("test_ai_engine_integration", {"test_type": "connectivity"}), "then"),
)


def routine(known: Container[str]) -> tuple[Step, ...]:
    """The three looks of a day."""
    return tuple(step for step in _ROUTINE if step.errand.tool in known)


def symptoms(known: Container[str]) -> tuple[Step, ...]:
    """Symptom by symptom the first tool and the one to take next."""
    return tuple(step for step in _SYMPTOMS if step.errand.tool in known)
