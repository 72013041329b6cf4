"""Sixty routers labelled by hand: 20 good in styles that are not ours, 20 bad, 20 tricky."""

import re
from functools import cache
from pathlib import Path

import pytest

from optimus_tui.patterns.judge import Verdict, inspect
from optimus_tui.patterns.project import Project
from optimus_tui.patterns.score import score
from tests.patterns_tree import CORPUS, REFERENCE

_LABEL = re.compile(rb"^# expect: (.*)$", re.MULTILINE)
LABELLED = sorted(path for path in CORPUS.rglob("*.py") if _LABEL.search(path.read_bytes()))


def _load(root: Path) -> Project:
    def load(path: str) -> bytes | None:
        place = root / path
        return place.read_bytes() if place.is_file() else None

    return Project(load)


@cache
def _verdict(path: Path) -> Verdict:
    return inspect(path.relative_to(CORPUS).as_posix(), path.read_bytes(), _load(CORPUS))


def _expected(path: Path) -> set[str]:
    label = _LABEL.search(path.read_bytes())
    assert label is not None
    return {one.strip() for one in label[1].decode().split(",")} - {"nothing"}


def test_sixty_labelled_routers_are_judged_with_precision_and_recall_of_95_percent() -> None:
    kinds = [path.relative_to(CORPUS).parts[0] for path in LABELLED]
    assert (kinds.count("good") + kinds.count("gateway"), kinds.count("bad"), kinds.count("tricky")) == (20, 20, 20)
    right = wrong = missed = 0
    told: list[str] = []
    for path in LABELLED:
        found, expected = {issue.rule for issue in _verdict(path).issues}, _expected(path)
        right, wrong, missed = (
            right + len(found & expected),
            wrong + len(found - expected),
            missed + len(expected - found),
        )
        if found != expected:
            told.append(f"{path.name}: too many {sorted(found - expected)}, missing {sorted(expected - found)}")
    assert right / (right + wrong) >= 0.95, told
    assert right / (right + missed) >= 0.95, told


@pytest.mark.parametrize("path", LABELLED, ids=lambda path: path.stem)
def test_a_good_router_of_any_style_scores_high_and_a_bad_one_does_not(path: Path) -> None:
    worth = score(_verdict(path), "production_ready").compliance
    if _expected(path):
        high = any(issue.rule.startswith(("limits", "tenancy", "unsafe", "file")) for issue in _verdict(path).issues)
        assert worth < (0.8 if high else 0.97)
    else:
        assert worth >= 0.95


@pytest.mark.parametrize("name", ["chat", "conversations", "messages", "profile", "system"])
def test_the_reference_routers_score_at_least_080_at_production_level(name: str) -> None:
    path = f"src/backend/routers/{name}.py"
    verdict = inspect(path, (REFERENCE / path).read_bytes(), _load(REFERENCE))
    assert score(verdict, "production_ready").compliance >= 0.8
    assert not [issue for issue in verdict.issues if issue.rule != "models.response"]


def test_the_reference_routers_are_judged_by_what_they_do_and_not_by_their_names() -> None:
    """The same router with all of the house's names changed, alone without its project, is judged alike."""
    path = "src/backend/routers/conversations.py"
    text = (REFERENCE / path).read_text()
    bare = text.replace('dependencies=[Depends(rate_limited("list_conversations"))]', "dependencies=[]")
    assert bare != text
    verdict = inspect(path, bare.encode(), _load(REFERENCE))
    assert [issue.line for issue in verdict.issues if issue.rule == "limits.missing"] == [36 - 1]
