"""How right each rule was on public projects, and that only a rule which was right may be of high priority.

The figures stand in ``tests/patterns_corpus/public/measured*.tsv``, of all labelled projects that can be fetched, and
``first_seen.tsv``, of the last sets as they were before any rule was mended for them; ``python -m
tests.bench.score_rules`` makes them.
Where none of the labelled places had a finding, the routers of our own that were labelled by hand decide.
"""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from optimus_tui.patterns.rules import RULES
from tests.bench.score_rules import LABELS, LEARNED, Count, labels_in, measured
from tests.patterns_tree import LABELLED, expected_of, verdict_of

ENOUGH = 0.9
FIRST_SEEN = LABELS.with_name("first_seen.tsv")
SOME = 10
"""So many findings on projects that no rule had seen say more than those on projects that it was mended for."""


def _pooled() -> dict[str, Count]:
    """Return by rule what became of the labels of all projects."""
    pooled: dict[str, Count] = defaultdict(Count)
    for path in (LABELS, *LEARNED):
        for rule, count in measured(path).items():
            pooled[rule].found += count.found
            pooled[rule].false += count.false
    return pooled


def _first_seen() -> dict[str, Count]:
    """Return by rule what became of the labels of the last sets at first sight."""
    pooled: dict[str, Count] = defaultdict(Count)
    for line in FIRST_SEEN.read_text("utf-8").splitlines()[1:]:
        _, rule, found, missed, false = line.split("\t")
        pooled[rule].found += int(found)
        pooled[rule].missed += int(missed)
        pooled[rule].false += int(false)
    return pooled


def _on_our_own() -> tuple[Counter[str], Counter[str]]:
    """Return by rule in how many of our own labelled files it was right, and in how many it was wrong."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for path in LABELLED:
        told = {issue.rule for issue in verdict_of(path).issues}
        expected = expected_of(path)
        right.update(told & expected)
        wrong.update(told - expected)
    return right, wrong


@pytest.mark.parametrize("path", [LABELS, *LEARNED], ids=lambda path: path.stem)
def test_the_figures_are_those_of_the_labels(path: Path) -> None:
    labels = Counter(label.rule for label in labels_in(path) if label.label != "either")
    counts = {rule: count for rule, count in measured(path).items() if rule in labels}
    assert {rule: count.found + count.missed + count.false + count.quiet for rule, count in counts.items()} == labels
    total = sum(count.found + count.false for count in counts.values())
    assert sum(count.found for count in counts.values()) / total >= 0.95
    assert sum(count.found for count in counts.values()) / sum(c.found + c.missed for c in counts.values()) >= 0.9


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.priority == "high"], ids=lambda rule: rule.id)
def test_a_rule_of_high_priority_was_right_on_the_labels(rule) -> None:  # type: ignore[no-untyped-def]
    first = _first_seen()[rule.id]
    if first.found + first.false >= SOME:
        assert first.precision is not None and first.precision >= ENOUGH, "at first sight"
    count = _pooled()[rule.id]
    if count.precision is not None:
        assert count.precision >= ENOUGH
        return
    right, wrong = _on_our_own()
    assert right[rule.id] > 0, "no labelled place has it: it may not be high"
    assert right[rule.id] / (right[rule.id] + wrong[rule.id]) >= ENOUGH
