"""Which reports are drawn at once: the keys act on what an alert has just said."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.tui.dashboard.reports import ReportQueue
from tests.tui.pictures import counter, health_report, limits_report, reading

COLD = Finding(rule="latency.cold_start", severity="low", subject="gateway", message="just started")
NEVER = Finding(rule="limits.immortal", severity="critical", subject="a / chat", message="never resets")


@pytest.mark.parametrize(
    ("before", "after", "at_once"),
    [
        ((COLD,), (NEVER, COLD), True),
        ((COLD,), (replace(COLD, severity="high"),), True),
        ((COLD,), (COLD,), False),
        ((NEVER, COLD), (COLD,), False),
    ],
)
def test_a_health_report_with_something_new_is_drawn_at_once(before: Any, after: Any, at_once: bool) -> None:
    first, second = health_report(findings=before), health_report(findings=after)
    pane = SimpleNamespace(reading=first, follow=lambda _health: None, content=SimpleNamespace())
    context = SimpleNamespace(clock=SimpleNamespace(mono=lambda: 7.0), shown=(0.0, ()))
    dashboard: Any = SimpleNamespace(health=first, pane=lambda _name: pane, draw_status=lambda: None, context=context)
    queue = ReportQueue(dashboard, lambda _report: None, lambda _report: None)
    queue.put("health", second)
    assert (dashboard.health is second) == at_once
    queue.draw_waiting()
    assert dashboard.health is second
    assert context.shown == (7.0, second.findings), "tools in this process take what is shown"


@pytest.mark.parametrize("early", [True, False])
def test_the_row_of_a_new_finding_is_drawn_with_it(early: bool) -> None:
    """The counters arrive right after the findings that were judged from them: none waits for the next second."""
    counters = limits_report([counter("a", "chat", 12)])
    panes = {
        "health": SimpleNamespace(reading=health_report(findings=(COLD,))),
        "limits": SimpleNamespace(reading=reading(counters), follow=lambda _health: None),
        "feed": SimpleNamespace(content=SimpleNamespace()),
    }
    context = SimpleNamespace(clock=SimpleNamespace(mono=lambda: 7.0), shown=(0.0, ()))
    dashboard: Any = SimpleNamespace(
        health=panes["health"].reading, pane=panes.__getitem__, draw_status=lambda: None, context=context
    )
    queue = ReportQueue(dashboard, lambda _report: None, lambda _report: None)
    found = reading(replace(counters, findings=(NEVER,)))
    same = reading(replace(counters, total=2))
    if early:
        queue.put("health", health_report(findings=(NEVER, COLD)))
        queue.put("limits", found)
        assert panes["limits"].reading is found
    queue.put("limits", same if not early else replace(found, taken_at=found.taken_at + 1))
    assert (panes["limits"].reading is found) == early, "a report that tells nothing new waits for the second"
