"""What the measures of an incident's impact are called, and what its figures count."""

import pytest

from optimus_tui.tools.pages.labels import LABELS
from optimus_tui.workflow.engine import measure_words
from optimus_tui.workflow.outcomes import outline


@pytest.mark.parametrize(
    ("name", "words"), [("tenant clinic_b", "tenant clinic_b"), ("error_rate", "error rate"), ("latency", "latency")]
)
def test_a_tenant_keeps_its_name(name: str, words: str) -> None:
    assert measure_words(name) == words


def test_the_rate_of_client_errors_says_that_refusals_are_not_in_it() -> None:
    results = {"requests": 5_030, "refused": 33, "refused_rate": 0.0066, "client_error_rate": 0.0002}
    outcome = outline({"tool": "analyze_performance_metrics", "analysis_results": results})
    (label,) = (one.label for one in outcome.figures if one.name == "client_error_rate")
    assert label == LABELS["client_error_rate"] == "client error rate without refusals"
