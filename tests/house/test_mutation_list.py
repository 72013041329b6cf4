"""The list of guards is true: each text stands exactly once where it is said to, and each named test exists."""

from pathlib import Path

import pytest

from tests.mutation.guards import GUARDS, Guard

ROOT = Path(__file__).parents[2]
FEWEST = 60


def test_there_are_enough_guards_and_none_twice() -> None:
    assert len({(guard.file, guard.text) for guard in GUARDS}) == len(GUARDS) >= FEWEST


@pytest.mark.parametrize("guard", GUARDS, ids=lambda one: f"{Path(one.file).stem}: {one.about}")
def test_a_guard_stands_where_it_is_said_to_and_its_test_exists(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text("utf-8").count(guard.text) == 1
    assert guard.text != guard.instead
    file, _, name = guard.test.partition("::")
    assert (ROOT / file).exists()
    if name:
        assert f"def {name}(" in (ROOT / file).read_text("utf-8")
