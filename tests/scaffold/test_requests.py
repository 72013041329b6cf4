"""Any mix of options is planned, or refused in one sentence; ``tests.bench.bench_generator`` runs 200 to the end."""

from pathlib import Path

import pytest

from tests.amounts import amount
from tests.scaffold.layouts import LAYOUTS, make_project
from tests.scaffold.requests import MISTAKES, Request, plan_request, random_requests


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_request_is_planned_or_refused_in_one_sentence(tmp_path: Path, layout: str) -> None:
    project = make_project(tmp_path, LAYOUTS[layout])
    for request in random_requests(amount(6, 60), len(layout), (layout,)):
        outcome = plan_request(project, request)
        assert (outcome.plan is None) == request.mistaken, (request, outcome.sentence)
        if outcome.plan is None:
            assert outcome.sentence and "\n" not in outcome.sentence and len(outcome.sentence) < 600
        else:
            changed = [change.path for change in outcome.plan.changes]
            assert set(outcome.plan.draft.spec.paths) <= set(changed)
            assert not outcome.plan.replaced


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_each_mistake_is_one(tmp_path: Path, mistake: dict[str, object]) -> None:
    given = {"name": "things", "fields": (), "operations": ("list", "create"), **mistake}
    request = Request("flat", given)
    outcome = plan_request(make_project(tmp_path, LAYOUTS["flat"]), request)
    assert outcome.plan is None and request.mistaken
    assert outcome.sentence and "\n" not in outcome.sentence
